/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Commit frames: the first byte says what is made good before reading, the rest is what stands in a
 * segment behind its header.  Bit 0: the CRC of the first frame is mended; bit 1: the whole is
 * opened as a ledger too, and read.  What is accepted is written again as the same bytes.
 */
#include <string.h>

#include "fuzz.h"

#include "base/crc32c.h"
#include "ledger/format.h"
#include "ledger/ledger.h"
#include "ledger/reader.h"
#include "sim/disk.h"

static const uint8_t salt[FORMAT_SALT_BYTES] = "salt of segments";

static void
mend(uint8_t *data, size_t size)
{
	uint32_t crc = crc32c_of(salt, sizeof(salt));
	size_t changes;

	if (size < FORMAT_HEAD_BYTES)
		return;
	changes = format_get_u32(data + 12);
	if (changes > size - FORMAT_HEAD_BYTES)
		return;
	crc = crc32c_update(crc, data, 124);
	format_put_u32(data + 124, crc32c_update(crc, data + FORMAT_HEAD_BYTES, changes));
}

static size_t
write_changes(struct bytes rest, uint8_t *out)
{
	struct format_change c;
	format_complaint why;
	size_t size = 0;

	while (format_change_take(&rest, &c, &why) == ERR_OK)
		size += format_change_write(c.key.data, c.key.size,
					    c.is_removal ? NULL : c.value.data, c.value.size,
					    out + size);
	return size;
}

static size_t
write_records(struct bytes rest, uint8_t *out)
{
	struct format_record r;
	format_complaint why;
	size_t size = 0;

	while (format_record_take(&rest, &r, &why) == ERR_OK) {
		uint8_t *body = out + size + FORMAT_RECORD_BYTES;

		format_put_u32(out + size, r.bytes | (r.is_redacted ? FORMAT_REDACTED : 0));
		memset(body, 0, r.bytes);
		if (r.is_redacted)
			memcpy(body, r.hash.bytes, MERKLE_HASH_BYTES);
		else if (r.bytes > 0)
			memcpy(body, r.data.data, r.bytes);
#ifdef FUZZ_TWIN
		FUZZ_CLAIM(!r.is_redacted); /* wrong: a seed has one */
#endif
		size += FORMAT_RECORD_BYTES + r.bytes;
	}
	return size;
}

static void
check_frame(const uint8_t *data, size_t size)
{
	struct format_head h;
	format_complaint why = NULL;
	uint8_t *again;
	size_t at = 0;
	enum err e;

	if (size < FORMAT_HEAD_BYTES)
		return;
	e = format_head_read(data, &h, &why);
	FUZZ_CLAIM(e == ERR_OK || (why != NULL && why[0] != '\0'));
	if (e != ERR_OK || h.bytes > size || !format_head_holds(&h, salt, data))
		return;
	e = format_frame_check(&h, data, &at, &why);
	FUZZ_CLAIM(at <= h.bytes);
	FUZZ_CLAIM((e == ERR_OK) == (why == NULL));
	if (e != ERR_OK)
		return;
	again = calloc(1, h.bytes);
	FUZZ_CLAIM(again != NULL);
	at = FORMAT_HEAD_BYTES;
	at += write_changes((struct bytes){ data + at, h.change_bytes }, again + at);
	at += write_records((struct bytes){ data + at, h.record_bytes }, again + at);
	FUZZ_CLAIM(at == FORMAT_HEAD_BYTES + h.change_bytes + h.record_bytes);
	format_head_write(&h, salt, again + FORMAT_HEAD_BYTES, again);
	FUZZ_CLAIM(memcmp(again, data, h.bytes) == 0);
	free(again);
}

static void
put_ledger(struct sim_disk *d, const uint8_t *data, size_t size)
{
	static uint8_t file[FORMAT_SEGMENT_BYTES + 8192];
	struct format_segment s = { .serial = 0, .origin = "fuzz/evidence" };
	struct disk disk = sim_as_disk(d);
	int made = 0;

	made += disk.ops->make_directory(disk.ctx, "segments") == ERR_OK;
	made += disk.ops->make_directory(disk.ctx, "state") == ERR_OK;
	made += disk.ops->make_directory(disk.ctx, "tree") == ERR_OK;
	FUZZ_CLAIM(made == 3);
	memcpy(s.salt, salt, sizeof(salt));
	memset(file, 0, sizeof(file));
	format_segment_write(&s, file);
	if (size > sizeof(file) - FORMAT_SEGMENT_BYTES)
		size = sizeof(file) - FORMAT_SEGMENT_BYTES;
	memcpy(file + FORMAT_SEGMENT_BYTES, data, size);
	sim_put(d, "segments/0000000000000000.seg", file, FORMAT_SEGMENT_BYTES + size);
	sim_put(d, "ledger", "hark-ledger 1\nfuzz/evidence\n", 28);
}

/* Whatever opens can be read, to the same size and root, and opens again. */
static void
check_ledger(const uint8_t *data, size_t size)
{
	const struct ledger_options options = {
		.segment_bytes = 512 + UINT64_C(2) * LEDGER_BATCH_BYTES_MIN,
		.batch_bytes = LEDGER_BATCH_BYTES_MIN,
		.is_synchronous = true,
	};
	struct sim_disk *d = sim_create();
	struct ledger_failure why = { 0 };
	struct ledger_reader *r = NULL;
	struct ledger *l = NULL;
	uint64_t leaves = 0;
	enum err e;

	put_ledger(d, data, size);
	e = ledger_open(sim_as_disk(d), &options, &l, &why);
	FUZZ_CLAIM(e == ERR_OK || (e == ERR_FORMAT && why.text[0] != '\0'));
	FUZZ_CLAIM(ledger_reader_open(sim_as_disk(d), &r, &why) == ERR_OK);
	if (e == ERR_OK) {
		struct merkle_hash own;
		struct merkle_hash read;

		FUZZ_CLAIM(ledger_reader_size(r, &leaves, &why) == ERR_OK);
		FUZZ_CLAIM(leaves == ledger_committed_size(l));
		ledger_committed_root(l, &own);
		FUZZ_CLAIM(merkle_root_at(ledger_reader_node, r, leaves, &read) == ERR_OK);
		FUZZ_CLAIM(merkle_equal(&own, &read));
		ledger_close(l);
		FUZZ_CLAIM(ledger_open(sim_as_disk(d), &options, &l, &why) == ERR_OK);
		FUZZ_CLAIM(ledger_committed_size(l) == leaves);
		ledger_close(l);
	} else {
		struct ledger_leaf leaf;

		while (ledger_reader_next(r, UINT64_MAX, &leaf, &why) == ERR_OK)
			leaves++;
	}
	ledger_reader_close(r);
	FUZZ_CLAIM(sim_open_files(d) == 0);
	sim_destroy(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size == 0)
		return 0;
	/* A copy of exactly its size, so that one byte read past it is seen. */
	copy = malloc(size);
	FUZZ_CLAIM(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	if ((data[0] & 1) != 0)
		mend(copy, size - 1);
	check_frame(copy, size - 1);
	/* A whole ledger costs much: one input of four. */
	if ((data[0] & 2) != 0 && crc32c_of(data, size) % 4 == 0)
		check_ledger(copy, size - 1);
	free(copy);
	return 0;
}
