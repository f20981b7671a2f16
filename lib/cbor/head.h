/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The small part of CBOR (RFC 8949) that Hark takes from strangers, and its writer: definite
 * lengths, no tags, no floats.  Heads longer than needed are read, and never written.  Reader and
 * writer borrow their bytes and allocate nothing.  What a value means is the caller's business.
 */
#ifndef CBOR_HEAD_H
#define CBOR_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum cbor_major {
	CBOR_UNSIGNED = 0, /* argument: the value */
	CBOR_NEGATIVE = 1, /* the value is -1 - argument */
	CBOR_BYTES = 2,    /* argument: the size that follows */
	CBOR_TEXT = 3,     /* the same */
	CBOR_ARRAY = 4,    /* argument: the items that follow */
	CBOR_MAP = 5,      /* argument: the pairs that follow */
	CBOR_TAG = 6,      /* never given by the reader */
	CBOR_SIMPLE = 7, /* argument: CBOR_FALSE, CBOR_TRUE, CBOR_NULL or any other simple value */
};

#define CBOR_FALSE 20u
#define CBOR_TRUE  21u
#define CBOR_NULL  22u

/* The longest head in bytes. */
#define CBOR_HEAD_BYTES_MAX 9u

/* Why a head is refused.  The first byte is judged alone, before the bytes that it calls for. */
enum cbor_fault {
	CBOR_FINE = 0,
	CBOR_SHORT,    /* the bytes end first */
	CBOR_RESERVED, /* additional information 28, 29 or 30; a simple value below 32 in two bytes
			*/
	CBOR_INDEFINITE, /* additional information 31 of any major, the break among them */
	CBOR_TAGGED,     /* major 6 */
	CBOR_FLOATING,   /* major 7 with 25, 26 or 27 */
};

struct cbor_head {
	enum cbor_major major;
	uint64_t argument;
};

/* at <= end. */
struct cbor_reader {
	const uint8_t *at;
	const uint8_t *end;
};

/* Reads any head; the way for the heads that cbor_read_head does not settle by itself. */
MUST_USE enum cbor_fault cbor_read_long_head(struct cbor_reader *r, struct cbor_head *out);

/* Reads one head.  After a fault the reader stands where it stood, and *out is untouched. */
MUST_USE static inline enum cbor_fault
cbor_read_head(struct cbor_reader *r, struct cbor_head *out)
{
	struct cbor_reader slow;
	struct cbor_head head;
	enum cbor_fault fault;

	/* Nearly every head of a frame is one byte of major 0 to 5. */
	if (r->at < r->end && (*r->at & 0x1fu) < 24 && *r->at < 0xc0) {
		out->major = (enum cbor_major)(*r->at >> 5);
		out->argument = *r->at & 0x1fu;
		r->at++;
		return CBOR_FINE;
	}
	/* By copies: only their addresses leave, so a caller's reader may stay in registers. */
	slow = *r;
	fault = cbor_read_long_head(&slow, &head);
	if (fault != CBOR_FINE)
		return fault;
	*r = slow;
	*out = head;
	return CBOR_FINE;
}

/* The bytes that are left. */
static inline size_t
cbor_left(const struct cbor_reader *r)
{
	return (size_t)(r->end - r->at);
}

/* Takes the content of a text or of bytes: gives where it begins, or NULL where fewer are left. */
MUST_USE static inline const uint8_t *
cbor_take(struct cbor_reader *r, uint64_t size)
{
	const uint8_t *data = r->at;

	if (size > cbor_left(r))
		return NULL;
	r->at += size;
	return data;
}

/*
 * Writes into the caller's storage.  What does not fit sets `full`, and nothing is written from
 * then on: it is enough to look once, at the end.
 */
struct cbor_writer {
	uint8_t *at;
	uint8_t *end;
	bool full;
};

/* The size of the shortest head for this argument. */
size_t cbor_head_size(uint64_t argument);
/* Writes a head in its shortest form. */
void cbor_write_head(struct cbor_writer *w, enum cbor_major major, uint64_t argument);
/* A text with its head.  The caller has seen that it is UTF-8. */
void cbor_write_text(struct cbor_writer *w, const char *data, size_t size);
void cbor_write_bool(struct cbor_writer *w, bool value);
void cbor_write_integer(struct cbor_writer *w, int64_t value);

#endif
