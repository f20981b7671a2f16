/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Addresses of host names, as the system looks them up: in files, and by servers of the network. */
#ifndef OS_RESOLVE_H
#define OS_RESOLVE_H

#include <stddef.h>

#include "base/err.h"

/* An address as text, with its scope and a terminator. */
#define RESOLVE_TEXT_BYTES 64u

struct resolve_address {
	char text[RESOLVE_TEXT_BYTES];
};

/*
 * The addresses of a host for a stream of bytes, the best first, at most `most` of them.  It may
 * wait some tens of seconds for servers.  ERR_MISSING: there are none, or nobody answers; *why_out
 * is then a static text.
 */
MUST_USE enum err resolve_host(const char *host, struct resolve_address *out, size_t most,
			       size_t *count_out, const char **why_out);

#endif
