/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Eight bytes of a string at once: which of them cannot stand in JSON as they are. */
#ifndef JSON_STOPS_H
#define JSON_STOPS_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_ONES UINT64_C(0x0101010101010101)
#define JSON_TOPS UINT64_C(0x8080808080808080)

/*
 * Zero where none of the eight bytes is a control, a quote or a backslash.  Subtracting borrows
 * only out of a byte that is itself below the subtrahend, so zero is exact, and so is the lowest
 * bit that is set: bits above it may be wrong.
 */
static inline uint64_t
json_stops(uint64_t word)
{
	uint64_t quote = word ^ JSON_ONES * '"';
	uint64_t backslash = word ^ JSON_ONES * '\\';

	return (((word - JSON_ONES * 0x20) & ~word) | ((quote - JSON_ONES) & ~quote) |
		((backslash - JSON_ONES) & ~backslash)) &
	       JSON_TOPS;
}

/* How many of the bytes in memory stand before the first that `stops` marks; it is not zero. */
static inline size_t
json_stops_first(uint64_t stops)
{
#if __BYTE_ORDER == __LITTLE_ENDIAN
	return (size_t)__builtin_ctzll(stops) / 8;
#else
	/* The lowest bit is of the last byte here, so nothing is known of the first: go by bytes.
	 */
	(void)stops;
	return 0;
#endif
}

#endif
