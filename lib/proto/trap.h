/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The one thing that hark-observer says to the notary: 64 bytes, one message of a channel that it
 * can only write to.  The notary takes the class, and the place as a claim; who it is the channel
 * says, and the rest of a receipt is the notary's own.  docs/format/proto.md has the bytes.
 */
#ifndef PROTO_TRAP_H
#define PROTO_TRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TRAP_REPORT_BYTES 64u
/* The class of what nobody can say more of. */
#define TRAP_CLASS_OTHER 3u

struct trap_report {
	uint8_t trap_class; /* enum hark_observer_trap_class */
	uint64_t first;     /* the batch: leaves first to next - 1 of the evidence; first < next */
	uint64_t next;
	bool has_event; /* the event that trapped by itself */
	uint64_t event; /* first <= event < next */
};

/* What is written reads back; MUST hold what the members say. */
void trap_report_write(const struct trap_report *r, uint8_t out[TRAP_REPORT_BYTES]);
/* ERR_FORMAT: another size, version or class, a place that is none, bytes that should be 0. */
MUST_USE enum err trap_report_read(const void *data, size_t size, struct trap_report *out);

#endif
