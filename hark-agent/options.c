/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads the command line.  What comes after COMMAND is COMMAND's. */
#include <stdio.h>
#include <string.h>

#include <hark/telemetry.h>

#include "base/must.h"
#include "base/num.h"
#include "hark-agent/options.h"

#define VSOCK_CID_HOST 2u
/* sun_path with its terminator. */
#define SOCKET_PATH_BYTES 108u

static enum err
read_vsock(const char *text, struct stream_target *out)
{
	const char *colon = strchr(text, ':');
	uint64_t cid;
	uint64_t port;

	if (colon == NULL)
		return ERR_FORMAT;
	if (num_read_u64(text, (size_t)(colon - text), UINT32_MAX, &cid) != ERR_OK ||
	    num_read_u64(colon + 1, strlen(colon + 1), UINT32_MAX, &port) != ERR_OK)
		return ERR_FORMAT;
	out->path = NULL;
	out->cid = (uint32_t)cid;
	out->port = (uint32_t)port;
	return ERR_OK;
}

static bool
read_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;

	if (num_read_u64(text, strlen(text), max, &v) != ERR_OK || v < min)
		return false;
	*out = v;
	return true;
}

/* One option with its value; false where the value is not one. */
static bool
take_value(struct options *o, const char *name, const char *value, bool *known)
{
	uint64_t v;

	*known = true;
	if (strcmp(name, "--socket") == 0) {
		o->target.path = value;
		return *value != '\0' && strlen(value) < SOCKET_PATH_BYTES;
	}
	if (strcmp(name, "--vsock") == 0)
		return read_vsock(value, &o->target) == ERR_OK;
	if (strcmp(name, "--ring-bytes") == 0)
		return read_number(value, RING_BYTES_MIN, RING_BYTES_MAX, &o->ring_bytes);
	if (strcmp(name, "--heartbeat") == 0) {
		if (!read_number(value, 1, HEARTBEAT_S_MAX, &v))
			return false;
		o->heartbeat_s = (uint32_t)v;
		return true;
	}
	if (strcmp(name, "--linger") == 0) {
		if (!read_number(value, 0, LINGER_MS_MAX, &v))
			return false;
		o->linger_ms = (uint32_t)v;
		return true;
	}
	*known = false;
	return false;
}

enum err
options_read(int argc, char *const argv[], struct options *out, char *why, size_t why_capacity)
{
	struct options o = {
		.target = { .path = NULL,
			    .cid = VSOCK_CID_HOST,
			    .port = HARK_VSOCK_TELEMETRY_PORT },
		.heartbeat_s = HEARTBEAT_S_DEFAULT,
		.linger_ms = LINGER_MS_DEFAULT,
		.ring_bytes = RING_BYTES_DEFAULT,
	};
	int i;

	MUST(argv != NULL && out != NULL && why != NULL);

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *name = argv[i];
		bool known;

		if (strcmp(name, "--") == 0) {
			i++;
			break;
		}
		o.version |= strcmp(name, "--version") == 0;
		o.help |= strcmp(name, "--help") == 0;
		if (o.version || o.help) {
			*out = o;
			return ERR_OK;
		}
		if (take_value(&o, name, i + 1 < argc ? argv[i + 1] : "", &known)) {
			i++;
			continue;
		}
		/* The text is for the person who typed it; it is cut where it is long. */
		(void)snprintf(why, why_capacity,
			       known ? "%s: the value is missing or wrong" : "%s: no such option",
			       name);
		return ERR_ARGUMENT;
	}
	if (i >= argc) {
		(void)snprintf(why, why_capacity, "no COMMAND is given"); /* always fits */
		return ERR_ARGUMENT;
	}
	o.command = argv + i;
	*out = o;
	return ERR_OK;
}
