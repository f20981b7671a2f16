/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Options of an observer and its projector as the bytes of FIELD_OPTIONS: of each, in ascending
 * order of their numbers, a u16 number, a u16 size and the value; numbers are u64.  An option that
 * may be given more than once stands side by side.  Writer and reader are one file; the reader
 * refuses what the writer would not write.
 */
#ifndef PROTO_OPTIONS_H
#define PROTO_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* All options together, in bytes: they fit into one message beside its other fields. */
#define OPTIONS_BYTES_MAX 61440u

enum observer_option {
#define OPTION(name, kind, size_max, times) OPTION_##name,
#include "proto/options.def"
#undef OPTION
	OPTION_COUNT
};

struct option_entry {
	enum observer_option option;
	uint64_t number;   /* of a NUMBER */
	struct bytes text; /* of a TEXT: UTF-8 without NUL, not terminated; borrowed */
};

/* Both append to `out`, whose options so far are all of this number or below (MUST).  ERR_LIMIT,
 * ERR_MEMORY; ERR_FORMAT: no UTF-8, or a NUL in it. */
MUST_USE enum err options_add_number(struct buf *out, enum observer_option option, uint64_t value);
MUST_USE enum err options_add_text(struct buf *out, enum observer_option option, const void *text,
				   size_t size);

/* Looks at all of it: afterwards the functions below find nothing amiss.  ERR_FORMAT. */
MUST_USE enum err options_check(const void *data, size_t size);
/* The next one of checked options, from *at on, which begins at 0; false at the end. */
bool options_next(struct bytes options, size_t *at, struct option_entry *out);
/* The number, or `absent`; of checked options. */
uint64_t options_number(struct bytes options, enum observer_option option, uint64_t absent);
/* The first text of that option; data is NULL where there is none. */
struct bytes options_text(struct bytes options, enum observer_option option);
bool options_is_number(enum observer_option option);
/* Whether `text` is what a filter's option asks for.  A '*' at the end of a type, and of nothing
 * else, stands for whatever follows. */
bool options_matches(enum observer_option option, struct bytes wanted, const void *text,
		     size_t size);

#endif
