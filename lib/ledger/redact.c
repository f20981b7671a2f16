/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Blanking one leaf.  What is to be done is written down first (`redacting`), so that a crash in
 * the middle of overwriting leaves no frame broken: recovery does it again.
 */
#include <string.h>

#include "base/crc32c.h"
#include "base/must.h"
#include "ledger/failure.h"
#include "ledger/ledger_internal.h"
#include "ledger/reader_internal.h"

#define INTENT_NAME   "redacting"
#define INTENT_MAGIC  "HARKRED1"
#define INTENT_BYTES  64u
#define INTENT_CRC_AT 60u

/* Where a record is, and what takes its place. */
struct intent {
	struct format_position at; /* of the record's size */
	uint32_t leaf_bytes;
	struct merkle_hash hash;
};

static void
intent_write(const struct intent *in, uint8_t out[INTENT_BYTES])
{
	memset(out, 0, INTENT_BYTES);
	memcpy(out, INTENT_MAGIC, 8);
	format_put_u64(out + 8, in->at.serial);
	format_put_u64(out + 16, in->at.offset);
	format_put_u32(out + 24, in->leaf_bytes);
	memcpy(out + 28, in->hash.bytes, MERKLE_HASH_BYTES);
	format_put_u32(out + INTENT_CRC_AT, crc32c_of(out, INTENT_CRC_AT));
}

static enum err
intent_read(const struct buf *file, struct intent *out)
{
	const uint8_t *p = file->data;

	if (file->size != INTENT_BYTES || memcmp(p, INTENT_MAGIC, 8) != 0 ||
	    format_get_u32(p + INTENT_CRC_AT) != crc32c_of(p, INTENT_CRC_AT))
		return ERR_FORMAT;
	out->at.serial = format_get_u64(p + 8);
	out->at.offset = format_get_u64(p + 16);
	out->leaf_bytes = format_get_u32(p + 24);
	memcpy(out->hash.bytes, p + 28, MERKLE_HASH_BYTES);
	if (out->leaf_bytes < MERKLE_HASH_BYTES || out->leaf_bytes > FORMAT_LEAF_BYTES_MAX ||
	    out->at.offset < FORMAT_SEGMENT_BYTES + FORMAT_HEAD_BYTES)
		return ERR_FORMAT;
	return ERR_OK;
}

/* May be done any number of times. */
static enum err
carry_out(struct disk d, const struct intent *in)
{
	uint8_t record[FORMAT_RECORD_BYTES + FORMAT_LEAF_BYTES_MAX] = { 0 };
	char name[SEGMENT_NAME_BYTES];
	enum err e;
	int file;

	format_put_u32(record, in->leaf_bytes | FORMAT_REDACTED);
	memcpy(record + FORMAT_RECORD_BYTES, in->hash.bytes, MERKLE_HASH_BYTES);
	segment_name(in->at.serial, name);
	e = d.ops->open(d.ctx, name, DISK_WRITE, &file);
	if (e == ERR_OK) {
		e = d.ops->write(d.ctx, file, in->at.offset, record,
				 FORMAT_RECORD_BYTES + in->leaf_bytes);
		if (e == ERR_OK)
			e = d.ops->sync(d.ctx, file);
		d.ops->close(d.ctx, file);
	}
	/* A segment that was pruned since holds the leaf no more. */
	if (e == ERR_OK || e == ERR_MISSING)
		e = d.ops->remove(d.ctx, INTENT_NAME);
	if (e == ERR_OK)
		e = d.ops->sync_directory(d.ctx, "");
	return e;
}

enum err
redact_resume(struct disk disk, struct ledger_failure *why)
{
	cleanup(buf_finish) struct buf file = { 0 };
	struct intent in;
	enum err e = commit_read_file(disk, INTENT_NAME, INTENT_BYTES, &file);

	if (e == ERR_MISSING)
		return ERR_OK;
	if (e == ERR_OK)
		e = intent_read(&file, &in);
	if (e == ERR_FORMAT || e == ERR_LIMIT)
		return failure_say(why, ERR_FORMAT,
				   INTENT_NAME ": it is not what a redaction under way leaves");
	/* The attempt that left it may have failed before its name was durable. */
	if (e == ERR_OK)
		e = disk.ops->sync_directory(disk.ctx, "");
	if (e == ERR_OK)
		e = carry_out(disk, &in);
	return e == ERR_OK ? e : failure_say(why, e, INTENT_NAME ": doing it again failed");
}

/* Finds the leaf and what its redacted record is. */
static enum err
find(struct ledger_reader *r, uint64_t index, struct intent *out, struct ledger_failure *why)
{
	struct ledger_leaf leaf;
	enum err e = ledger_reader_seek(r, index, why);

	if (e == ERR_OK)
		e = ledger_reader_next(r, index + 1, &leaf, why);
	if (e != ERR_OK)
		return e == ERR_AGAIN ? ERR_RANGE : e;
	if (leaf.redacted)
		return ERR_EXISTS;
	if (leaf.data.size < MERKLE_HASH_BYTES)
		return ERR_UNSUPPORTED;
	merkle_leaf(leaf.data.data, leaf.data.size, &out->hash);
	out->leaf_bytes = (uint32_t)leaf.data.size;
	out->at = reader_record_position(r);
	return ERR_OK;
}

enum err
ledger_redact(struct ledger *l, uint64_t index)
{
	struct ledger_reader *r = NULL;
	uint8_t data[INTENT_BYTES];
	struct intent in = { 0 };
	enum err e;

	if (index >= l->committed_size)
		return ERR_RANGE;
	/* One that failed half-way is finished first. */
	e = redact_resume(l->disk, NULL);
	if (e != ERR_OK)
		return e;
	e = ledger_reader_open(l->disk, &r, NULL);
	if (e == ERR_OK)
		e = find(r, index, &in, NULL);
	ledger_reader_close(r);
	if (e != ERR_OK)
		return e;
	intent_write(&in, data);
	e = commit_replace(l->disk, "", INTENT_NAME, INTENT_NAME ".new", data, sizeof(data));
	return e == ERR_OK ? carry_out(l->disk, &in) : e;
}
