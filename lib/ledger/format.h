/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The bytes of a ledger's structures, as docs/format/ledger.md has them: each writer beside its
 * reader.  Pure.  Readers take what comes from a disk that may be damaged: they check everything
 * that one structure shows by itself, and say in words what was expected.
 */
#ifndef LEDGER_FORMAT_H
#define LEDGER_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hark/telemetry.h>

#include "base/bytes.h"
#include "base/err.h"
#include "merkle/merkle.h"

#define FORMAT_SALT_BYTES        16u
#define FORMAT_SEGMENT_BYTES     512u /* the header of a segment; the first frame begins here */
#define FORMAT_HEAD_BYTES        128u /* the head of a frame */
#define FORMAT_ALIGN             8u
#define FORMAT_RECORD_BYTES      4u /* the size before each record */
#define FORMAT_CHANGE_BYTES      3u /* the sizes before each change of state */
#define FORMAT_POSITION_BYTES    16u
#define FORMAT_ORIGIN_MAX        255u
#define FORMAT_FRAME_BYTES_MAX   2097152u
#define FORMAT_FRAME_RECORDS_MAX 16384u
#define FORMAT_LEAF_BYTES_MAX    65535u
#define FORMAT_STATE_KEY_MAX     255u
#define FORMAT_STATE_VALUE_MAX   1024u
#define FORMAT_REDACTED          UINT32_C(0x80000000) /* in a record's size */
/* Leaves between two entries of tree/offsets, and children of a node of tree/<level>. */
#define FORMAT_TILE_LEAVES 256u
#define FORMAT_TREE_LEVELS 8u

/* "ledger": what the directory is. */
#define FORMAT_LEDGER_TEXT     "hark-ledger 1"
#define FORMAT_LEDGER_FILE_MAX (sizeof(FORMAT_LEDGER_TEXT) + FORMAT_ORIGIN_MAX + 1u)

struct format_segment {
	uint64_t serial;
	uint64_t first_index;
	uint8_t salt[FORMAT_SALT_BYTES];
	int64_t seconds;
	char origin[FORMAT_ORIGIN_MAX + 1u]; /* terminated */
};

struct format_head {
	uint32_t bytes; /* of the whole frame */
	uint32_t records;
	uint32_t change_bytes;
	uint32_t record_bytes;
	bool is_last;
	uint64_t first_index;
	uint64_t size_after;
	struct merkle_hash root_after;
	struct hark_time time;
	uint64_t monotonic_ns;
	uint32_t crc; /* set by readers; writers make it */
};

/* What a structure lacks, in words for a person; a literal.  NULL: nothing. */
typedef const char *format_complaint;

/* True for what an origin may be: 1 to 255 bytes of a C2SP key name. */
bool format_origin_is_good(const char *origin, size_t size);

/* The salt of segment `serial`, from random bytes that are chosen once for many. */
void format_salt(const uint64_t random[2], uint64_t serial, uint8_t out[FORMAT_SALT_BYTES]);

void format_segment_write(const struct format_segment *s, uint8_t out[FORMAT_SEGMENT_BYTES]);
/* ERR_MISSING: all zeroes, no header was written; ERR_UNSUPPORTED: a newer format; ERR_FORMAT. */
MUST_USE enum err format_segment_read(const uint8_t data[FORMAT_SEGMENT_BYTES],
				      struct format_segment *out, format_complaint *why);

/* The size of a frame of these parts, with head and padding. */
size_t format_frame_bytes(size_t change_bytes, size_t record_bytes);
/* Writes the head; the changes are already there, and the CRC covers them. */
void format_head_write(const struct format_head *h, const uint8_t salt[FORMAT_SALT_BYTES],
		       const uint8_t *changes, uint8_t out[FORMAT_HEAD_BYTES]);
/*
 * Reads a head and checks all of it but the CRC.  ERR_MISSING: all zeroes, no frame was written
 * here; ERR_FORMAT.
 */
MUST_USE enum err format_head_read(const uint8_t data[FORMAT_HEAD_BYTES], struct format_head *out,
				   format_complaint *why);
/* True where the CRC of the head at `frame` covers these bytes; the changes follow the head. */
bool format_head_holds(const struct format_head *h, const uint8_t salt[FORMAT_SALT_BYTES],
		       const uint8_t *frame);
/*
 * Checks what lies behind a head: changes and records fill their places exactly, the padding is
 * zero.  `frame` has h->bytes.  *offset_out, where it is bad: where in the frame.  ERR_FORMAT.
 */
MUST_USE enum err format_frame_check(const struct format_head *h, const uint8_t *frame,
				     size_t *offset_out, format_complaint *why);

/* One record: its bytes, or for a redacted one its hash. */
struct format_record {
	struct bytes data; /* empty where redacted */
	uint32_t bytes;    /* of the leaf, also of a redacted one */
	bool is_redacted;
	struct merkle_hash hash; /* of a redacted one alone */
};

/*
 * Takes one record from the front of *rest.  ERR_END: there is none; ERR_FORMAT, with *rest where
 * it was.
 */
MUST_USE enum err format_record_take(struct bytes *rest, struct format_record *out,
				     format_complaint *why);
void format_record_hash(const struct format_record *r, struct merkle_hash *out);

struct format_change {
	struct bytes key;
	struct bytes value;
	bool is_removal;
};

size_t format_change_bytes(size_t key_size, size_t value_size);
/* value NULL removes.  Gives the bytes written. */
size_t format_change_write(const void *key, size_t key_size, const void *value, size_t value_size,
			   uint8_t *out);
/* As format_record_take. */
MUST_USE enum err format_change_take(struct bytes *rest, struct format_change *out,
				     format_complaint *why);

struct format_position {
	uint64_t serial;
	uint64_t offset;
};

void format_position_write(const struct format_position *p, uint8_t out[FORMAT_POSITION_BYTES]);
void format_position_read(const uint8_t data[FORMAT_POSITION_BYTES], struct format_position *out);

/* Writes FORMAT_LEDGER_FILE_MAX bytes at most. */
size_t format_ledger_write(const char *origin, char *out);
/* ERR_UNSUPPORTED: a newer format; ERR_FORMAT. */
MUST_USE enum err format_ledger_read(const char *text, size_t size,
				     char origin_out[FORMAT_ORIGIN_MAX + 1u],
				     format_complaint *why);

/* Numbers, little-endian. */
static inline uint32_t
format_get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t
format_get_u64(const uint8_t *p)
{
	return (uint64_t)format_get_u32(p) | (uint64_t)format_get_u32(p + 4) << 32;
}

static inline void
format_put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static inline void
format_put_u64(uint8_t *p, uint64_t v)
{
	format_put_u32(p, (uint32_t)v);
	format_put_u32(p + 4, (uint32_t)(v >> 32));
}

bool format_is_zero(const uint8_t *data, size_t size);

#endif
