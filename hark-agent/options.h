/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The command line. */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "hark-agent/stream.h"

#define HEARTBEAT_S_DEFAULT 1u
#define HEARTBEAT_S_MAX     3600u
#define LINGER_MS_DEFAULT   1000u
#define LINGER_MS_MAX       60000u

struct options {
	struct stream_target target;
	uint32_t heartbeat_s;
	uint32_t linger_ms;
	uint64_t ring_bytes;
	bool has_socket, has_vsock; /* which of the two was given */
	bool version;
	bool help;
	char *const *command;
};

/*
 * Reads the command line; texts are borrowed from it.  ARGUMENT, with a text for a person in
 * `why`.
 */
MUST_USE enum err options_read(int argc, char *const argv[], struct options *out, char *why,
			       size_t why_capacity);

#endif
