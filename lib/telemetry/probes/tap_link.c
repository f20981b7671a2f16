/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * host.tap_link: state and counters of a network interface, from sysfs.  The interface's directory
 * is opened once for each reading, so that all of it comes from the same interface even where one
 * of that name is replaced.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "os/beneath.h"
#include "telemetry/probe_internal.h"

#define SYSFS_NET "/sys/class/net"
/* IFNAMSIZ without its terminator. */
#define NAME_BYTES_MAX 15u
/* The longest value here is a u64 and a line feed. */
#define VALUE_BYTES_MAX 64u

enum value_kind { VALUE_TEXT, VALUE_COUNTER };

/* In the order of output's members, which is sorted. */
static const struct value_row {
	const char *member;
	const char *file;
	enum value_kind kind;
	bool may_be_invalid; /* the kernel answers EINVAL for the carrier of a link that is down */
} value_rows[] = {
	{ "carrier", "carrier", VALUE_TEXT, true },
	{ "flags", "flags", VALUE_TEXT, false },
	{ "operstate", "operstate", VALUE_TEXT, false },
	{ "rxBytes", "statistics/rx_bytes", VALUE_COUNTER, false },
	{ "rxPackets", "statistics/rx_packets", VALUE_COUNTER, false },
	{ "txBytes", "statistics/tx_bytes", VALUE_COUNTER, false },
	{ "txPackets", "statistics/tx_packets", VALUE_COUNTER, false },
};

struct tap_link {
	int net; /* /sys/class/net */
	char name[NAME_BYTES_MAX + 1];
};

static void
tap_link_destroy(void *state)
{
	struct tap_link *t = state;

	if (t == NULL)
		return;
	beneath_close(&t->net);
	free(t);
}

static void
tap_link_destroyp(struct tap_link **t)
{
	tap_link_destroy(*t);
}

static bool
is_text(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return false;
	return size > 0;
}

static enum hark_probe_error
write_value(const struct value_row *row, int dir, bool first, struct json_writer *w,
	    struct hark_failure *why)
{
	char text[VALUE_BYTES_MAX];
	size_t size = 0;
	uint64_t counter = 0;
	enum err e;

	e = beneath_read(dir, row->file, text, sizeof(text), &size);
	if (e == ERR_SYSTEM && errno == EINVAL && row->may_be_invalid)
		return HARK_PROBE_OK;
	if (e == ERR_SYSTEM && errno == EINVAL)
		return probe_fail(why, HARK_PROBE_MISSING, EINVAL,
				  "%s: the interface went away while it was read", row->file);
	if (e != ERR_OK)
		return probe_fail_on(why, e, row->file);
	if (size < 2 || text[size - 1] != '\n' || !is_text(text, size - 1))
		return probe_fail(why, HARK_PROBE_PARSE, 0, "%s: not one line of text", row->file);
	size--;
	if (row->kind == VALUE_COUNTER && num_read_u64(text, size, UINT64_MAX, &counter) != ERR_OK)
		return probe_fail(why, HARK_PROBE_PARSE, 0, "%s: not a number", row->file);
	if (!first)
		json_write_literal(w, ",");
	json_write_string(w, row->member, strlen(row->member));
	json_write_literal(w, ":");
	json_write_string(w, text, size);
	return HARK_PROBE_OK;
}

static enum hark_probe_error
tap_link_read(void *state, struct hark_probe_reading *out, struct hark_failure *why)
{
	const struct tap_link *t = state;
	cleanup(beneath_close) int dir = -1;
	enum hark_probe_error e;
	struct json_writer w;
	const char *begin;
	enum err oe;
	size_t i;

	probe_write_begin(out, &w);
	json_write_literal(&w, "{\"iface\":");
	json_write_string(&w, t->name, strlen(t->name));
	json_write_literal(&w, ",\"sysfs\":\"" SYSFS_NET "/");
	json_write_string_part(&w, t->name, strlen(t->name));
	json_write_literal(&w, "\"}");
	e = probe_write_inputs(out, &w, why);
	if (e != HARK_PROBE_OK)
		return e;
	/* Every entry there is the kernel's own symlink to the device. */
	oe = beneath_open_dir(t->net, t->name, BENEATH_FOLLOW, &dir);
	if (oe != ERR_OK)
		return probe_fail_on(why, oe, t->name);
	json_write_literal(&w, "{");
	begin = w.at;
	for (i = 0; i < sizeof(value_rows) / sizeof(value_rows[0]); i++) {
		e = write_value(&value_rows[i], dir, w.at == begin, &w, why);
		if (e != HARK_PROBE_OK)
			return e;
	}
	json_write_literal(&w, "}");
	return probe_write_output(out, &w, why);
}

/* What the kernel allows, less what no tool makes: no path, no blank, no control. */
static bool
is_name(const char *name)
{
	size_t size = strlen(name);
	size_t i;

	if (size == 0 || size > NAME_BYTES_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (i = 0; i < size; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr("_.:@-", c) != NULL))
			return false;
	}
	return true;
}

static const struct hark_host_probe_functions tap_link_functions = {
	.name = "host.tap_link",
	.rights = "none: sysfs shows it to everybody in the same network namespace",
	.read = tap_link_read,
	.close = tap_link_destroy,
};

enum hark_probe_error
hark_probe_open_tap_link(const char *interface, struct hark_host_probe *out,
			 struct hark_failure *why)
{
	cleanup(tap_link_destroyp) struct tap_link *t = NULL;
	enum err e;

	if (interface == NULL || out == NULL)
		return probe_fail(why, HARK_PROBE_ARGUMENT, 0,
				  "no interface or no place for the probe");
	if (!is_name(interface))
		return probe_fail(why, HARK_PROBE_NAME, 0,
				  "an interface's name has 1 to %u bytes of [A-Za-z0-9_.:@-] and "
				  "is not \".\" or \"..\"",
				  NAME_BYTES_MAX);
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return probe_fail(why, HARK_PROBE_MEMORY, ENOMEM, "out of memory");
	t->net = -1;
	memcpy(t->name, interface, strlen(interface) + 1);
	e = beneath_open_dir(BENEATH_CWD, SYSFS_NET, BENEATH_NO_LINK, &t->net);
	if (e != ERR_OK)
		return probe_fail_on(why, e, SYSFS_NET);
	*out = (struct hark_host_probe){ &tap_link_functions, steal(&t) };
	return HARK_PROBE_OK;
}
