/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a verifier wants of a leaf: the event's id, type, and the few members of its data that tell
 * what is missing.  It walks canonical JSON in place and allocates nothing.  It is no validator:
 * that the bytes are the ones that were sealed is the hash's to say.
 */
#ifndef VERIFY_LEAF_H
#define VERIFY_LEAF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* Deeper arrays and objects are refused; an event of ours has four levels. */
#define LEAF_DEPTH_MAX 64u

/* Members of `data`, and of the objects `evidence` and `operation` in it, that are kept: name in C,
 * name in JSON. */
#define LEAF_MEMBERS(X)        \
	X(AT_LEAST, "atLeast") \
	X(CAUSE, "cause")      \
	X(CELL, "cellId")      \
	X(CLEAN, "clean")      \
	X(COUNT, "count")      \
	X(FIRST, "first")      \
	X(INDEX, "index")      \
	X(LAST, "last")        \
	X(LEDGER, "ledger")    \
	X(REASON, "reason")    \
	X(ROOT, "root")        \
	X(RUN, "runId")        \
	X(SIZE, "size")        \
	X(STREAM, "stream")

enum leaf_member {
#define LEAF_ENUM(name, text) LEAF_##name,
	LEAF_MEMBERS(LEAF_ENUM)
#undef LEAF_ENUM
		LEAF_MEMBER_COUNT
};

/* Slices of the leaf.  A string is what stands between its quotes, in JSON's escapes; any other
 * value is as it was written; data is NULL where a member is not there. */
struct leaf_event {
	struct bytes id;
	struct bytes source;
	struct bytes subject;
	struct bytes type;
	struct bytes members[LEAF_MEMBER_COUNT];
	struct bytes probe_source; /* of data.declared */
	bool is_declaration;       /* data.declared is there */
	bool is_numbered;          /* and has a seq */
};

/* ERR_FORMAT where it is no object in canonical form with an id, a source and a type; *why is then
 * static and says what is wrong. */
MUST_USE enum err leaf_read(struct bytes leaf, struct leaf_event *out, const char **why);
/* The decimal number in a member; `absent` where it is not there or none. */
uint64_t leaf_number(const struct leaf_event *e, enum leaf_member member, uint64_t absent);
bool leaf_text_is(struct bytes text, const char *literal);

#endif
