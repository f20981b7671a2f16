/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Records as bytes, every writer beside its reader.  A record has one form alone, so what is read
 * and written again is the same bytes.  docs/format/record.md has the table.
 */
#include "base/must.h"
#include "proto/record_internal.h"

/* RECORD_OPENED: pid, uid, gid as u32, and zero. */
#define OPENED_BYTES (RECORD_HEAD_BYTES + 16u)
/* RECORD_CLOSED: u64 stream, u64 frames. */
#define CLOSED_BYTES (RECORD_HEAD_BYTES + 16u)
/* RECORD_REJECTED and RECORD_LIMITED: u64 count. */
#define COUNTED_BYTES (RECORD_HEAD_BYTES + 8u)

static void
put_opened(uint8_t *at, const struct record *r)
{
	record_put32(at + RECORD_HEAD_BYTES, (uint32_t)r->peer.pid);
	record_put32(at + RECORD_HEAD_BYTES + 4, r->peer.uid);
	record_put32(at + RECORD_HEAD_BYTES + 8, r->peer.gid);
	record_put32(at + RECORD_HEAD_BYTES + 12, 0);
}

static enum err
get_opened(struct bytes record, struct record *out)
{
	const uint8_t *at = record.data;

	if (record.size != OPENED_BYTES || out->connection == 0 || at[RECORD_AT_FLAGS] != 0 ||
	    at[RECORD_AT_MODE] != 0 || at[RECORD_AT_SMALL] != 0 ||
	    record_get32(at + RECORD_AT_WORD) != 0 ||
	    record_get32(at + RECORD_HEAD_BYTES + 12) != 0)
		return ERR_FORMAT;
	out->peer.pid = (pid_t)record_get32(at + RECORD_HEAD_BYTES);
	out->peer.uid = record_get32(at + RECORD_HEAD_BYTES + 4);
	out->peer.gid = record_get32(at + RECORD_HEAD_BYTES + 8);
	return ERR_OK;
}

static void
put_closed(uint8_t *at, const struct record *r)
{
	at[RECORD_AT_MODE] = (uint8_t)r->session.mode;
	at[RECORD_AT_SMALL] = (uint8_t)r->end;
	record_put64(at + RECORD_HEAD_BYTES,
		     r->session.mode == HARK_WIRE_HARK ? r->session.stream : 0);
	record_put64(at + RECORD_HEAD_BYTES + 8, r->frames);
}

static enum err
get_closed(struct bytes record, struct record *out)
{
	const uint8_t *at = record.data;

	if (record.size != CLOSED_BYTES || out->connection == 0 || at[RECORD_AT_FLAGS] != 0 ||
	    at[RECORD_AT_MODE] > HARK_WIRE_HARK || at[RECORD_AT_SMALL] > RECORD_END_UNLISTEN ||
	    record_get32(at + RECORD_AT_WORD) != 0)
		return ERR_FORMAT;
	out->session.mode = (enum hark_wire_mode)at[RECORD_AT_MODE];
	out->session.stream = record_get64(at + RECORD_HEAD_BYTES);
	out->end = (enum record_end)at[RECORD_AT_SMALL];
	out->frames = record_get64(at + RECORD_HEAD_BYTES + 8);
	if (out->session.mode != HARK_WIRE_HARK && out->session.stream != 0)
		return ERR_FORMAT;
	return ERR_OK;
}

static void
put_counted(uint8_t *at, const struct record *r)
{
	if (r->type == RECORD_REJECTED) {
		at[RECORD_AT_SMALL] = (uint8_t)r->rejection.field;
		record_put32(at + RECORD_AT_WORD, (uint32_t)r->rejection.reason);
	}
	record_put64(at + RECORD_HEAD_BYTES, r->count);
}

static enum err
get_counted(struct bytes record, struct record *out)
{
	const uint8_t *at = record.data;
	uint32_t reason = record_get32(at + RECORD_AT_WORD);

	if (record.size != COUNTED_BYTES || at[RECORD_AT_FLAGS] != 0 || at[RECORD_AT_MODE] != 0)
		return ERR_FORMAT;
	out->count = record_get64(at + RECORD_HEAD_BYTES);
	if (out->count == 0)
		return ERR_FORMAT;
	if (out->type == RECORD_LIMITED)
		return out->connection == 0 && at[RECORD_AT_SMALL] == 0 && reason == 0 ? ERR_OK
										       : ERR_FORMAT;
	if (reason == HARK_REJECT_NONE || reason >= HARK_REJECT_COUNT ||
	    at[RECORD_AT_SMALL] >= HARK_FIELD_COUNT)
		return ERR_FORMAT;
	out->rejection.reason = (enum hark_reject_reason)reason;
	out->rejection.field = (enum hark_frame_field)at[RECORD_AT_SMALL];
	return ERR_OK;
}

static size_t
record_size(const struct record *r)
{
	switch (r->type) {
	case RECORD_OPENED:
		return OPENED_BYTES;
	case RECORD_DECLARED:
		return record_declared_size(&r->declaration);
	case RECORD_CLOSED:
		return CLOSED_BYTES;
	case RECORD_REJECTED:
	case RECORD_LIMITED:
		return COUNTED_BYTES;
	default:
		MUST_NOT_REACH("a record of no type");
	}
}

enum err
record_write(const struct record *r, void *data, size_t capacity, size_t *size_out)
{
	uint8_t *at = data;
	size_t size;

	MUST(r != NULL && size_out != NULL);
	MUST(data != NULL || capacity == 0);

	size = record_size(r);
	MUST(size <= RECORD_BYTES_MAX);
	if (size > capacity)
		return ERR_LIMIT;
	record_put16(at + RECORD_AT_SIZE, (uint16_t)size);
	at[RECORD_AT_TYPE] = (uint8_t)r->type;
	at[RECORD_AT_FLAGS] = 0;
	record_put16(at + RECORD_AT_SLOT, r->slot);
	at[RECORD_AT_MODE] = 0;
	at[RECORD_AT_SMALL] = 0;
	record_put32(at + RECORD_AT_CONNECTION, r->connection);
	record_put32(at + RECORD_AT_WORD, 0);
	if (r->type == RECORD_DECLARED)
		record_declared_write(at, r);
	else if (r->type == RECORD_OPENED)
		put_opened(at, r);
	else if (r->type == RECORD_CLOSED)
		put_closed(at, r);
	else
		put_counted(at, r);
	*size_out = size;
	return ERR_OK;
}

enum err
record_read(const void *data, size_t size, struct record *out, size_t *used_out)
{
	struct bytes record = { .data = data };
	enum err e;

	MUST(data != NULL || size == 0);
	MUST(out != NULL && used_out != NULL);

	if (size < RECORD_HEAD_BYTES)
		return ERR_FORMAT;
	record.size = record_get16(record.data + RECORD_AT_SIZE);
	if (record.size < RECORD_HEAD_BYTES || record.size > size || record.size > RECORD_BYTES_MAX)
		return ERR_FORMAT;
	out->type = (enum record_type)record.data[RECORD_AT_TYPE];
	out->slot = record_get16(record.data + RECORD_AT_SLOT);
	out->connection = record_get32(record.data + RECORD_AT_CONNECTION);
	switch (out->type) {
	case RECORD_OPENED:
		e = get_opened(record, out);
		break;
	case RECORD_DECLARED:
		e = record_declared_read(record, out);
		break;
	case RECORD_CLOSED:
		e = get_closed(record, out);
		break;
	case RECORD_REJECTED:
	case RECORD_LIMITED:
		e = get_counted(record, out);
		break;
	default:
		e = ERR_FORMAT;
		break;
	}
	if (e != ERR_OK)
		return e;
	*used_out = record.size;
	return ERR_OK;
}
