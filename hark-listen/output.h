/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where events go: a buffer in front of one descriptor, and an event sink on top.  A reader that is
 * slow fills the buffer and nothing else: whoever makes events asks output_has_room first.
 */
#ifndef HARK_LISTEN_OUTPUT_H
#define HARK_LISTEN_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hark/event.h>

#include "base/err.h"

/* Room for a socket buffer full of events, in bytes. */
#define OUTPUT_BYTES (1024u * 1024u)
/*
 * Below this much free room nothing large is made: four of the largest events, as many as there are
 * probes, and a fifth for the small ones that nobody asks before making.
 */
#define OUTPUT_ROOM_BYTES (5u * (HARK_EVENT_BYTES_MAX + 1u))

/* How long a reader may take for what is left at the end. */
#define OUTPUT_DRAIN_NS UINT64_C(5000000000)

/* sent <= size <= OUTPUT_BYTES.  `failed` is an errno, for good. */
struct output {
	int fd;            /* borrowed */
	bool never_blocks; /* a regular file */
	int failed;
	char *data;
	size_t sent;
	size_t size;
};

/* Borrows fd.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err output_init(struct output *o, int fd);
/* The sink that appends one event and a line feed; its emit gives SINK where there is no room. */
struct hark_event_sink output_sink(struct output *o);
bool output_has_room(const struct output *o);
bool output_is_empty(const struct output *o);
/*
 * Writes what can be written without blocking; all of it into a regular file.  ERR_AGAIN: poll the
 * descriptor for writing; ERR_SYSTEM: the descriptor is broken, errno and o->failed say how.
 */
MUST_USE enum err output_flush(struct output *o);
/* Writes all that is left and waits for the reader until the monotonic time deadline_ns, when it
 * gives ERR_SYSTEM with ETIMEDOUT.  ERR_SYSTEM where the descriptor is broken. */
MUST_USE enum err output_drain(struct output *o, uint64_t deadline_ns);
void output_finish(struct output *o);

#endif
