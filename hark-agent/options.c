/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads the command line.  What comes after COMMAND is COMMAND's. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <hark/telemetry.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
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
		o->has_socket = true;
		o->target.path = value;
		return *value != '\0' && strlen(value) < SOCKET_PATH_BYTES;
	}
	if (strcmp(name, "--vsock") == 0) {
		o->has_vsock = true;
		return read_vsock(value, &o->target) == ERR_OK;
	}
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

/* For the person who typed it; cut where it is long. */
static void
say_what_is_wrong(const char *name, const char *value, bool known, char *why, size_t why_capacity)
{
	static const struct {
		const char *name, *wanted;
	} rows[] = {
		{ "--socket", "a path of 1 to 107 bytes" },
		{ "--vsock", "CID:PORT, such as 2:9001" },
		{ "--heartbeat", "seconds from 1 to 3600" },
		{ "--ring-bytes", "bytes from 16384 to 1073741824" },
		{ "--linger", "milliseconds from 0 to 60000" },
	};
	char shown[96];
	size_t i;

	static_assert(SOCKET_PATH_BYTES == 108 && HEARTBEAT_S_MAX == 3600 &&
			      RING_BYTES_MIN == 16384 && RING_BYTES_MAX == 1073741824 &&
			      LINGER_MS_MAX == 60000,
		      "the texts above say these");
	if (!known) {
		(void)text_escape(name, strlen(name), shown, sizeof(shown));
		(void)snprintf(why, why_capacity, "unknown option: %s", shown);
		return;
	}
	for (i = 0; i + 1 < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, name) == 0)
			break;
	}
	if (value == NULL) {
		(void)snprintf(why, why_capacity, "%s wants %s", name, rows[i].wanted);
		return;
	}
	(void)text_escape(value, strlen(value), shown, sizeof(shown));
	(void)snprintf(why, why_capacity, "%s wants %s, not '%s'", name, rows[i].wanted, shown);
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
		say_what_is_wrong(name, i + 1 < argc ? argv[i + 1] : NULL, known, why,
				  why_capacity);
		return ERR_ARGUMENT;
	}
	if (o.has_socket && o.has_vsock) {
		(void)snprintf(why, why_capacity, "--socket or --vsock, not both");
		return ERR_ARGUMENT;
	}
	if (i >= argc) {
		(void)snprintf(why, why_capacity, "COMMAND is missing: what shall run?");
		return ERR_ARGUMENT;
	}
	o.command = argv + i;
	*out = o;
	return ERR_OK;
}
