/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CBOR heads, read strictly and written in their shortest form. */
#include <endian.h>
#include <string.h>

#include "base/must.h"
#include "cbor/head.h"

#define ADDITIONAL_ONE_BYTE   24u
#define ADDITIONAL_EIGHT      27u
#define ADDITIONAL_INDEFINITE 31u

/* What the first byte alone forbids. */
static enum cbor_fault
judge_first_byte(enum cbor_major major, uint8_t additional)
{
	if (additional == ADDITIONAL_INDEFINITE)
		return CBOR_INDEFINITE;
	if (additional > ADDITIONAL_EIGHT)
		return CBOR_RESERVED;
	if (major == CBOR_TAG)
		return CBOR_TAGGED;
	if (major == CBOR_SIMPLE && additional > ADDITIONAL_ONE_BYTE)
		return CBOR_FLOATING;
	return CBOR_FINE;
}

/* One load each: a guest's clock and pid are in nearly every frame. */
static uint64_t
load_big_endian(const uint8_t *data, size_t size)
{
	uint64_t eight;
	uint32_t four;
	uint16_t two;

	switch (size) {
	case 8:
		memcpy(&eight, data, sizeof(eight));
		return be64toh(eight);
	case 4:
		memcpy(&four, data, sizeof(four));
		return be32toh(four);
	case 2:
		memcpy(&two, data, sizeof(two));
		return be16toh(two);
	default:
		return data[0];
	}
}

enum cbor_fault
cbor_read_long_head(struct cbor_reader *r, struct cbor_head *out)
{
	enum cbor_major major;
	enum cbor_fault fault;
	uint8_t additional;
	uint64_t argument;
	size_t size;

	MUST(r->at <= r->end);

	if (r->at == r->end)
		return CBOR_SHORT;
	major = (enum cbor_major)(*r->at >> 5);
	additional = *r->at & 0x1fu;
	fault = judge_first_byte(major, additional);
	if (fault != CBOR_FINE)
		return fault;
	if (additional < ADDITIONAL_ONE_BYTE) {
		out->major = major;
		out->argument = additional;
		r->at++;
		return CBOR_FINE;
	}
	size = (size_t)1 << (additional - ADDITIONAL_ONE_BYTE);
	if (cbor_left(r) < 1 + size)
		return CBOR_SHORT;
	argument = load_big_endian(r->at + 1, size);
	/* RFC 8949, 3.3: the simple values below 32 have no form of two bytes. */
	if (major == CBOR_SIMPLE && argument < 32)
		return CBOR_RESERVED;
	out->major = major;
	out->argument = argument;
	r->at += 1 + size;
	return CBOR_FINE;
}

size_t
cbor_head_size(uint64_t argument)
{
	if (argument < ADDITIONAL_ONE_BYTE)
		return 1;
	if (argument <= UINT8_MAX)
		return 2;
	if (argument <= UINT16_MAX)
		return 3;
	if (argument <= UINT32_MAX)
		return 5;
	return CBOR_HEAD_BYTES_MAX;
}

/* Room for `size` bytes, or the mark that there is none. */
static bool
has_room(struct cbor_writer *w, size_t size)
{
	MUST(w->at <= w->end);

	if (w->full || (size_t)(w->end - w->at) < size) {
		w->full = true;
		return false;
	}
	return true;
}

static void
store_big_endian(uint8_t *data, size_t size, uint64_t argument)
{
	uint64_t eight = htobe64(argument);
	uint32_t four = htobe32((uint32_t)argument);
	uint16_t two = htobe16((uint16_t)argument);

	switch (size) {
	case 8:
		memcpy(data, &eight, sizeof(eight));
		return;
	case 4:
		memcpy(data, &four, sizeof(four));
		return;
	case 2:
		memcpy(data, &two, sizeof(two));
		return;
	default:
		data[0] = (uint8_t)argument;
		return;
	}
}

void
cbor_write_head(struct cbor_writer *w, enum cbor_major major, uint64_t argument)
{
	/* The additional information that announces 1, 2, 4 or 8 bytes, by the head's size. */
	static const uint8_t additional[] = { [2] = 24, [3] = 25, [5] = 26, [9] = 27 };
	size_t size = cbor_head_size(argument);

	MUST(major < CBOR_TAG || (major == CBOR_SIMPLE && argument < ADDITIONAL_ONE_BYTE));

	if (!has_room(w, size))
		return;
	if (size == 1) {
		*w->at++ = (uint8_t)((unsigned int)major << 5 | argument);
		return;
	}
	w->at[0] = (uint8_t)((unsigned int)major << 5 | additional[size]);
	store_big_endian(w->at + 1, size - 1, argument);
	w->at += size;
}

void
cbor_write_text(struct cbor_writer *w, const char *data, size_t size)
{
	MUST(data != NULL || size == 0);

	cbor_write_head(w, CBOR_TEXT, size);
	if (size == 0 || !has_room(w, size))
		return;
	memcpy(w->at, data, size);
	w->at += size;
}

void
cbor_write_bool(struct cbor_writer *w, bool value)
{
	cbor_write_head(w, CBOR_SIMPLE, value ? CBOR_TRUE : CBOR_FALSE);
}

void
cbor_write_integer(struct cbor_writer *w, int64_t value)
{
	/* -1 - value is the complement, which cannot overflow. */
	if (value < 0)
		cbor_write_head(w, CBOR_NEGATIVE, ~(uint64_t)value);
	else
		cbor_write_head(w, CBOR_UNSIGNED, (uint64_t)value);
}
