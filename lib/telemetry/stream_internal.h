/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the listener and its streams share. */
#ifndef TELEMETRY_STREAM_INTERNAL_H
#define TELEMETRY_STREAM_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include <hark/telemetry.h>

#include "base/err.h"

/*
 * How many streams of a listener are open.  It outlives the listener as long as a stream does, and
 * is atomic, because an embedder may keep listener and streams in different threads.
 */
struct connections {
	atomic_uint references; /* the listener, while it is there, and each stream */
	atomic_uint open;       /* streams alone */
	bool is_in_place;       /* its storage is the listener's caller's */
};

/* Starts with one reference, the listener's; in `place`, where it is not NULL.  NULL where there is
 * no memory. */
struct connections *connections_create(struct connections *place);
/* Gives a reference up.  NULL is fine. */
void connections_release(struct connections *c);

/* Takes *fd (-1 afterwards) on success alone, and a reference of `connections`.  ERR_MEMORY. */
MUST_USE enum err stream_create(int *fd, const struct hark_peer *peer,
				struct connections *connections, struct hark_stream **out);

#endif
