/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A listener whose socket another process has bound: for who may not bind itself. */
#ifndef TELEMETRY_LISTENER_H
#define TELEMETRY_LISTENER_H

#include <hark/telemetry.h>

/*
 * Makes a listener of a socket that listens already, to be used as any other but that closing it
 * removes nothing.  Of the options only connections_max and the peer's uid matter.  Takes *fd (-1
 * afterwards) on success alone.  Errors: ARGUMENT (not a Unix stream socket that listens and does
 * not block), MEMORY.
 */
HARK_MUST_USE enum hark_telemetry_error listener_adopt(int *fd,
						       const struct hark_listener_options *options,
						       struct hark_listener **out);

#endif
