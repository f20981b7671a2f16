/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One table of sources and their options, for every program that opens probes. */
#include "telemetry/probe_options.h"

#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "telemetry/probe_internal.h"

#define SOURCE_PREFIX "host."
/* The longest family's name, "bridge" and "netdev", with its terminator. */
#define FAMILY_BYTES 8u

static enum hark_probe_error
open_nft(const char *value, struct hark_host_probe *out, struct hark_failure *why)
{
	const char *slash = strchr(value, '/');
	char family[FAMILY_BYTES] = "";

	if (slash == NULL || slash == value || (size_t)(slash - value) >= sizeof(family))
		return probe_fail(why, HARK_PROBE_ARGUMENT, 0,
				  "--nft wants FAMILY/TABLE, such as inet/filter");
	memcpy(family, value, (size_t)(slash - value));
	return hark_probe_open_nftables(family, slash + 1, out, why);
}

static const struct source_row {
	const char *name;
	const char *option;
	size_t offset; /* of the option's value in struct probe_options */
	enum hark_probe_error (*open)(const char *value, struct hark_host_probe *out,
				      struct hark_failure *why);
} source_rows[] = {
	{ "host.cgroup", "--cgroup PATH", offsetof(struct probe_options, cgroup),
	  hark_probe_open_cgroup },
	{ "host.tap_link", "--tap IF", offsetof(struct probe_options, tap),
	  hark_probe_open_tap_link },
	{ "host.nftables", "--nft FAMILY/TABLE", offsetof(struct probe_options, nft), open_nft },
	{ "host.fc_metrics", "--fc-metrics FILE", offsetof(struct probe_options, fc_metrics),
	  hark_probe_open_fc_metrics },
};

static const struct source_row *
source_find(const char *source)
{
	size_t i;

	for (i = 0; i < sizeof(source_rows) / sizeof(source_rows[0]); i++) {
		const char *name = source_rows[i].name;

		if (strcmp(source, name) == 0 || strcmp(source, name + strlen(SOURCE_PREFIX)) == 0)
			return &source_rows[i];
	}
	return NULL;
}

const char *
probe_source_name(const char *source)
{
	const struct source_row *row = source_find(source);

	return row != NULL ? row->name : NULL;
}

enum hark_probe_error
probe_from_options(const char *source, const struct probe_options *options,
		   struct hark_host_probe *out, struct hark_failure *why)
{
	const struct source_row *row;
	const char *value;
	char shown[64];

	MUST(source != NULL && options != NULL && out != NULL);

	row = source_find(source);
	if (row == NULL) {
		(void)text_escape(source, strlen(source), shown, sizeof(shown));
		return probe_fail(why, HARK_PROBE_ARGUMENT, 0,
				  "%s: no such source; there are host.cgroup, host.tap_link, "
				  "host.nftables and host.fc_metrics",
				  shown);
	}
	memcpy(&value, (const char *)options + row->offset, sizeof(value));
	if (value == NULL)
		return probe_fail(why, HARK_PROBE_ARGUMENT, 0, "%s needs %s", row->name,
				  row->option);
	return row->open(value, out, why);
}

int
probe_exit_code(enum hark_probe_error e)
{
	switch (e) {
	case HARK_PROBE_OK:
		return 0;
	case HARK_PROBE_ARGUMENT:
	case HARK_PROBE_NAME:
		return 2;
	case HARK_PROBE_PARSE:
	case HARK_PROBE_LIMIT:
		return 65; /* EX_DATAERR */
	case HARK_PROBE_MISSING:
		return 66; /* EX_NOINPUT */
	case HARK_PROBE_PLATFORM_UNSUPPORTED:
		return 69; /* EX_UNAVAILABLE */
	case HARK_PROBE_MEMORY:
		return 71; /* EX_OSERR */
	case HARK_PROBE_DENIED:
		return 77; /* EX_NOPERM */
	default:
		return 74; /* EX_IOERR */
	}
}
