/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The bytes of segments, frames, records, changes of state and positions.  The snapshot of all
 * state is in snapshot.c. */
#include "ledger/format.h"

#include <assert.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/must.h"
#include "base/text.h"
#include "crypto/sha256.h"

#define SEGMENT_MAGIC   "HARKSEG"
#define SEGMENT_VERSION '1'
#define SEGMENT_CRC_AT  508u
#define HEAD_MAGIC      "HKCF"
#define HEAD_CRC_AT     124u
#define HEAD_FLAG_LAST  1u
#define HEAD_ZEROES_AT  96u
#define VALUE_REMOVED   65535u
#define NANOSECONDS_MAX 999999999u
#define MAGIC_BYTES     7u

static_assert(FORMAT_SEGMENT_BYTES % FORMAT_ALIGN == 0, "the first frame is aligned");
static_assert(FORMAT_HEAD_BYTES % FORMAT_ALIGN == 0, "and what follows its head");

static uint16_t
get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static void
put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

bool
format_is_zero(const uint8_t *data, size_t size)
{
	return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

bool
format_origin_is_good(const char *origin, size_t size)
{
	return text_is_id(origin, size, FORMAT_ORIGIN_MAX) && memchr(origin, '+', size) == NULL;
}

void
format_salt(const uint64_t random[2], uint64_t serial, uint8_t out[FORMAT_SALT_BYTES])
{
	uint8_t mix[24];
	uint8_t hash[SHA256_BYTES];

	format_put_u64(mix, random[0]);
	format_put_u64(mix + 8, random[1]);
	format_put_u64(mix + 16, serial);
	sha256_of(mix, sizeof(mix), hash);
	memcpy(out, hash, FORMAT_SALT_BYTES);
}

void
format_segment_write(const struct format_segment *s, uint8_t out[FORMAT_SEGMENT_BYTES])
{
	size_t origin_size = strlen(s->origin);

	MUST(format_origin_is_good(s->origin, origin_size));

	memset(out, 0, FORMAT_SEGMENT_BYTES);
	memcpy(out, SEGMENT_MAGIC, MAGIC_BYTES);
	out[MAGIC_BYTES] = SEGMENT_VERSION;
	format_put_u32(out + 8, FORMAT_SEGMENT_BYTES);
	format_put_u64(out + 16, s->serial);
	format_put_u64(out + 24, s->first_index);
	memcpy(out + 32, s->salt, FORMAT_SALT_BYTES);
	format_put_u64(out + 48, (uint64_t)s->seconds);
	put_u16(out + 56, (uint16_t)origin_size);
	memcpy(out + 58, s->origin, origin_size);
	format_put_u32(out + SEGMENT_CRC_AT, crc32c_of(out, SEGMENT_CRC_AT));
}

enum err
format_segment_read(const uint8_t data[FORMAT_SEGMENT_BYTES], struct format_segment *out,
		    format_complaint *why)
{
	const char *origin = (const char *)data + 58;
	size_t origin_size = get_u16(data + 56);

	*why = "a segment's header was expected, and all is zero";
	if (format_is_zero(data, FORMAT_SEGMENT_BYTES))
		return ERR_MISSING;
	*why = "the segment's first bytes are not HARKSEG1";
	if (memcmp(data, SEGMENT_MAGIC, MAGIC_BYTES) != 0)
		return ERR_FORMAT;
	if (data[MAGIC_BYTES] > SEGMENT_VERSION && data[MAGIC_BYTES] <= '9')
		return ERR_UNSUPPORTED;
	if (data[MAGIC_BYTES] != SEGMENT_VERSION)
		return ERR_FORMAT;
	*why = "the CRC-32C of the segment's header does not match";
	if (format_get_u32(data + SEGMENT_CRC_AT) != crc32c_of(data, SEGMENT_CRC_AT))
		return ERR_FORMAT;
	*why = "the segment's header has a size or flag that format 1 does not have";
	if (format_get_u32(data + 8) != FORMAT_SEGMENT_BYTES || format_get_u32(data + 12) != 0)
		return ERR_FORMAT;
	*why = "the origin in the segment's header is none";
	if (origin_size > FORMAT_ORIGIN_MAX || !format_origin_is_good(origin, origin_size))
		return ERR_FORMAT;
	*why = "the segment's header has bytes that must be zero";
	if (!format_is_zero(data + 58 + origin_size, SEGMENT_CRC_AT - 58 - origin_size))
		return ERR_FORMAT;
	*why = NULL;
	memset(out, 0, sizeof(*out));
	out->serial = format_get_u64(data + 16);
	out->first_index = format_get_u64(data + 24);
	memcpy(out->salt, data + 32, FORMAT_SALT_BYTES);
	out->seconds = (int64_t)format_get_u64(data + 48);
	memcpy(out->origin, origin, origin_size);
	return ERR_OK;
}

size_t
format_frame_bytes(size_t change_bytes, size_t record_bytes)
{
	size_t bytes = FORMAT_HEAD_BYTES + change_bytes + record_bytes;

	return (bytes + FORMAT_ALIGN - 1) / FORMAT_ALIGN * FORMAT_ALIGN;
}

static uint32_t
crc_of(const uint8_t salt[FORMAT_SALT_BYTES], const uint8_t *head, const uint8_t *changes,
       size_t change_bytes)
{
	uint32_t crc = crc32c_of(salt, FORMAT_SALT_BYTES);

	crc = crc32c_update(crc, head, HEAD_CRC_AT);
	return crc32c_update(crc, changes, change_bytes);
}

void
format_head_write(const struct format_head *h, const uint8_t salt[FORMAT_SALT_BYTES],
		  const uint8_t *changes, uint8_t out[FORMAT_HEAD_BYTES])
{
	MUST(h->bytes == format_frame_bytes(h->change_bytes, h->record_bytes));
	MUST(h->size_after == h->first_index + h->records);

	memset(out, 0, FORMAT_HEAD_BYTES);
	memcpy(out, HEAD_MAGIC, 4);
	format_put_u32(out + 4, h->bytes);
	format_put_u32(out + 8, h->records);
	format_put_u32(out + 12, h->change_bytes);
	format_put_u32(out + 16, h->is_last ? HEAD_FLAG_LAST : 0);
	format_put_u32(out + 20, h->record_bytes);
	format_put_u64(out + 24, h->first_index);
	format_put_u64(out + 32, h->size_after);
	memcpy(out + 40, h->root_after.bytes, MERKLE_HASH_BYTES);
	format_put_u64(out + 72, (uint64_t)h->time.seconds);
	format_put_u32(out + 80, h->time.nanoseconds);
	format_put_u64(out + 88, h->monotonic_ns);
	format_put_u32(out + HEAD_CRC_AT, crc_of(salt, out, changes, h->change_bytes));
}

/* Sizes and counts of a head against each other and their limits. */
static format_complaint
head_complaint(const struct format_head *h)
{
	uint64_t size;

	if (h->bytes > FORMAT_FRAME_BYTES_MAX)
		return "the frame's size is over the limit";
	if (h->change_bytes > FORMAT_FRAME_BYTES_MAX || h->record_bytes > FORMAT_FRAME_BYTES_MAX ||
	    h->bytes != format_frame_bytes(h->change_bytes, h->record_bytes))
		return "the frame's size is not the one of its parts";
	if (h->records > FORMAT_FRAME_RECORDS_MAX)
		return "the frame's number of records is over the limit";
	if (__builtin_add_overflow(h->first_index, h->records, &size) || h->size_after != size)
		return "the tree's size after the frame is not that before it and its records";
	if (h->time.nanoseconds > NANOSECONDS_MAX)
		return "the frame's time has too many nanoseconds";
	return NULL;
}

enum err
format_head_read(const uint8_t data[FORMAT_HEAD_BYTES], struct format_head *out,
		 format_complaint *why)
{
	uint32_t flags = format_get_u32(data + 16);
	struct format_head h;

	*why = "a frame was expected, and all is zero";
	if (format_is_zero(data, FORMAT_HEAD_BYTES))
		return ERR_MISSING;
	*why = "a frame was expected, and its first bytes are not HKCF";
	if (memcmp(data, HEAD_MAGIC, 4) != 0)
		return ERR_FORMAT;
	*why = "the frame's head has a flag or bytes that must be zero";
	if ((flags & ~HEAD_FLAG_LAST) != 0 || format_get_u32(data + 84) != 0 ||
	    !format_is_zero(data + HEAD_ZEROES_AT, HEAD_CRC_AT - HEAD_ZEROES_AT))
		return ERR_FORMAT;
	h = (struct format_head){
		.bytes = format_get_u32(data + 4),
		.records = format_get_u32(data + 8),
		.change_bytes = format_get_u32(data + 12),
		.record_bytes = format_get_u32(data + 20),
		.is_last = (flags & HEAD_FLAG_LAST) != 0,
		.first_index = format_get_u64(data + 24),
		.size_after = format_get_u64(data + 32),
		.time = { .seconds = (int64_t)format_get_u64(data + 72),
			  .nanoseconds = format_get_u32(data + 80) },
		.monotonic_ns = format_get_u64(data + 88),
		.crc = format_get_u32(data + HEAD_CRC_AT),
	};
	memcpy(h.root_after.bytes, data + 40, MERKLE_HASH_BYTES);
	*why = head_complaint(&h);
	if (*why != NULL)
		return ERR_FORMAT;
	*out = h;
	return ERR_OK;
}

bool
format_head_holds(const struct format_head *h, const uint8_t salt[FORMAT_SALT_BYTES],
		  const uint8_t *frame)
{
	return h->crc == crc_of(salt, frame, frame + FORMAT_HEAD_BYTES, h->change_bytes);
}

enum err
format_frame_check(const struct format_head *h, const uint8_t *frame, size_t *offset_out,
		   format_complaint *why)
{
	size_t records_at = FORMAT_HEAD_BYTES + h->change_bytes;
	size_t end = records_at + h->record_bytes;
	struct bytes rest = { frame + FORMAT_HEAD_BYTES, h->change_bytes };
	struct format_change change;
	struct format_record record;
	uint32_t records = 0;
	enum err e;

	while ((e = format_change_take(&rest, &change, why)) == ERR_OK)
		;
	*offset_out = records_at - rest.size;
	if (e != ERR_END)
		return e;
	rest = (struct bytes){ frame + records_at, h->record_bytes };
	while ((e = format_record_take(&rest, &record, why)) == ERR_OK)
		records++;
	*offset_out = end - rest.size;
	if (e != ERR_END)
		return e;
	*why = "the frame has another number of records than its head says";
	if (records != h->records)
		return ERR_FORMAT;
	*why = "the frame's padding is not zero";
	if (!format_is_zero(frame + end, h->bytes - end))
		return ERR_FORMAT;
	*why = NULL;
	return ERR_OK;
}

enum err
format_record_take(struct bytes *rest, struct format_record *out, format_complaint *why)
{
	struct format_record r = { 0 };
	const uint8_t *body;
	uint32_t size;

	if (rest->size == 0)
		return ERR_END;
	*why = "a record's size goes beyond the records of its frame";
	if (rest->size < FORMAT_RECORD_BYTES)
		return ERR_FORMAT;
	size = format_get_u32(rest->data);
	r.is_redacted = (size & FORMAT_REDACTED) != 0;
	r.bytes = size & ~FORMAT_REDACTED;
	if (r.bytes > rest->size - FORMAT_RECORD_BYTES)
		return ERR_FORMAT;
	*why = "a record is over the largest size of a leaf";
	if (r.bytes > FORMAT_LEAF_BYTES_MAX)
		return ERR_FORMAT;
	body = rest->data + FORMAT_RECORD_BYTES;
	if (r.is_redacted) {
		*why = "a redacted record is not a hash and zeroes";
		if (r.bytes < MERKLE_HASH_BYTES ||
		    !format_is_zero(body + MERKLE_HASH_BYTES, r.bytes - MERKLE_HASH_BYTES))
			return ERR_FORMAT;
		memcpy(r.hash.bytes, body, MERKLE_HASH_BYTES);
	} else {
		r.data = (struct bytes){ body, r.bytes };
	}
	*why = NULL;
	rest->data = body + r.bytes;
	rest->size -= FORMAT_RECORD_BYTES + r.bytes;
	*out = r;
	return ERR_OK;
}

void
format_record_hash(const struct format_record *r, struct merkle_hash *out)
{
	if (r->is_redacted)
		*out = r->hash;
	else
		merkle_leaf(r->data.data, r->data.size, out);
}

size_t
format_change_bytes(size_t key_size, size_t value_size)
{
	return FORMAT_CHANGE_BYTES + key_size + value_size;
}

size_t
format_change_write(const void *key, size_t key_size, const void *value, size_t value_size,
		    uint8_t *out)
{
	MUST(key_size >= 1 && key_size <= UINT8_MAX);
	MUST(value_size < VALUE_REMOVED && (value != NULL || value_size == 0));

	out[0] = (uint8_t)key_size;
	put_u16(out + 1, value == NULL ? (uint16_t)VALUE_REMOVED : (uint16_t)value_size);
	memcpy(out + FORMAT_CHANGE_BYTES, key, key_size);
	if (value_size > 0)
		memcpy(out + FORMAT_CHANGE_BYTES + key_size, value, value_size);
	return format_change_bytes(key_size, value_size);
}

enum err
format_change_take(struct bytes *rest, struct format_change *out, format_complaint *why)
{
	struct format_change c;
	size_t key_size;
	size_t value_size;

	if (rest->size == 0)
		return ERR_END;
	*why = "a change of state goes beyond its place";
	if (rest->size < FORMAT_CHANGE_BYTES)
		return ERR_FORMAT;
	key_size = rest->data[0];
	value_size = get_u16(rest->data + 1);
	c.is_removal = value_size == VALUE_REMOVED;
	if (c.is_removal)
		value_size = 0;
	if (format_change_bytes(key_size, value_size) > rest->size)
		return ERR_FORMAT;
	*why = "a change of state has a key or a value of a size that is not allowed";
	if (key_size == 0 || value_size > FORMAT_STATE_VALUE_MAX)
		return ERR_FORMAT;
	*why = NULL;
	c.key = (struct bytes){ rest->data + FORMAT_CHANGE_BYTES, key_size };
	c.value = (struct bytes){ rest->data + FORMAT_CHANGE_BYTES + key_size, value_size };
	rest->data += format_change_bytes(key_size, value_size);
	rest->size -= format_change_bytes(key_size, value_size);
	*out = c;
	return ERR_OK;
}

void
format_position_write(const struct format_position *p, uint8_t out[FORMAT_POSITION_BYTES])
{
	format_put_u64(out, p->serial);
	format_put_u64(out + 8, p->offset);
}

void
format_position_read(const uint8_t data[FORMAT_POSITION_BYTES], struct format_position *out)
{
	out->serial = format_get_u64(data);
	out->offset = format_get_u64(data + 8);
}

size_t
format_ledger_write(const char *origin, char *out)
{
	size_t text_size = sizeof(FORMAT_LEDGER_TEXT) - 1;
	size_t origin_size = strlen(origin);

	MUST(format_origin_is_good(origin, origin_size));

	memcpy(out, FORMAT_LEDGER_TEXT "\n", text_size + 1);
	memcpy(out + text_size + 1, origin, origin_size);
	out[text_size + 1 + origin_size] = '\n';
	return text_size + origin_size + 2;
}

enum err
format_ledger_read(const char *text, size_t size, char origin_out[FORMAT_ORIGIN_MAX + 1u],
		   format_complaint *why)
{
	static const char name[] = "hark-ledger ";
	size_t name_size = sizeof(name) - 1;
	const char *newline = memchr(text, '\n', size);
	size_t line_size = newline == NULL ? size : (size_t)(newline - text);
	const char *origin;
	size_t origin_size;

	*why = "the first line is not \"" FORMAT_LEDGER_TEXT "\"";
	if (line_size < name_size || memcmp(text, name, name_size) != 0)
		return ERR_FORMAT;
	if (line_size != name_size + 1 || text[name_size] != '1') {
		/* Some later number is a newer format; anything else is none. */
		return line_size > name_size && line_size <= name_size + 4 &&
				       text[name_size] >= '1' && text[name_size] <= '9'
			       ? ERR_UNSUPPORTED
			       : ERR_FORMAT;
	}
	*why = "the second line is not an origin";
	if (newline == NULL || line_size + 2 >= size || text[size - 1] != '\n')
		return ERR_FORMAT;
	origin = newline + 1;
	origin_size = size - line_size - 2;
	if (!format_origin_is_good(origin, origin_size))
		return ERR_FORMAT;
	*why = NULL;
	memcpy(origin_out, origin, origin_size);
	origin_out[origin_size] = '\0';
	return ERR_OK;
}
