/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of records share: the head that all have, and little-endian numbers. */
#ifndef PROTO_RECORD_INTERNAL_H
#define PROTO_RECORD_INTERNAL_H

#include <endian.h>
#include <string.h>

#include "proto/record.h"

/* The head of every record: what stands where, in bytes. */
enum {
	RECORD_AT_SIZE = 0, /* u16, of the whole record */
	RECORD_AT_TYPE = 2,
	RECORD_AT_FLAGS = 3,
	RECORD_AT_SLOT = 4,  /* u16 */
	RECORD_AT_MODE = 6,  /* of the session */
	RECORD_AT_SMALL = 7, /* DECLARED: entries of detail; CLOSED: the end; REJECTED: the field */
	RECORD_AT_CONNECTION = 8, /* u32 */
	RECORD_AT_WORD = 12,      /* u32.  DECLARED: content_version; REJECTED: the reason */
	RECORD_HEAD_BYTES = 16,
};

static inline void
record_put16(uint8_t *at, uint16_t v)
{
	v = htole16(v);
	memcpy(at, &v, sizeof(v));
}

static inline void
record_put32(uint8_t *at, uint32_t v)
{
	v = htole32(v);
	memcpy(at, &v, sizeof(v));
}

static inline void
record_put64(uint8_t *at, uint64_t v)
{
	v = htole64(v);
	memcpy(at, &v, sizeof(v));
}

static inline uint16_t
record_get16(const uint8_t *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return le16toh(v);
}

static inline uint32_t
record_get32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return le32toh(v);
}

static inline uint64_t
record_get64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return le64toh(v);
}

/* ---- record_declared.c: RECORD_DECLARED ---- */

/* The size of the whole record in bytes. */
size_t record_declared_size(const struct hark_guest_declaration *d);
/* Writes what stands behind connection; there is room. */
void record_declared_write(uint8_t *at, const struct record *r);
/* Reads the whole record, of which out->connection is set.  ERR_FORMAT. */
MUST_USE enum err record_declared_read(struct bytes record, struct record *out);

#endif
