/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A listener whose socket another process has bound: for who may not bind itself. */
#ifndef TELEMETRY_LISTENER_H
#define TELEMETRY_LISTENER_H

#include <stddef.h>

#include <hark/telemetry.h>

/* Storage for a listener. */
#define LISTENER_PLACE_BYTES 256u
struct listener_place {
	_Alignas(max_align_t) unsigned char bytes[LISTENER_PLACE_BYTES];
};

/*
 * Makes a listener of a socket that listens already, to be used as any other but that closing it
 * removes nothing.  It stands in `place`, which must stay until the listener and all of its streams
 * are closed.  Of the options only connections_max and the peer's uid matter.  Takes *fd (-1
 * afterwards) on success alone.  ARGUMENT: not a Unix stream socket that listens and does not
 * block.
 */
HARK_MUST_USE enum hark_telemetry_error listener_adopt(struct listener_place *place, int *fd,
						       const struct hark_listener_options *options,
						       struct hark_listener **out);

#endif
