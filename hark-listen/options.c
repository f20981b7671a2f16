/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The command line of hark-listen. */
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/keepalive.h>

#include "base/must.h"
#include "base/num.h"
#include "hark-listen/options.h"
#include "prog/args.h"
#include "prog/exit.h"

#define EXIT_USAGE    2
#define NS_PER_SECOND UINT64_C(1000000000)

/* The longest interval between two readings of a probe: a day. */
#define PROBE_INTERVAL_MAX_NS (UINT64_C(86400) * NS_PER_SECOND)

static const char help[] =
	"usage: hark-listen --uds-base PATH --cell NAME [options]\n"
	"\n"
	"Binds PATH_9001, hears what the guest's agent declares, and writes stamped CloudEvents "
	"to\n"
	"standard output, one canonical JSON object a line.  It acknowledges nothing: nothing is "
	"durable.\n"
	"\n"
	"  --uds-base PATH         the VMM's vsock path; the socket is PATH_9001\n"
	"  --cell NAME             the cell's id, stamped on every event\n"
	"  --run-id ID             this start of the cell ($CELLOS_RUN_ID, else run-local-001)\n"
	"  --spec-hash sha256:HEX  the spec's hash (none)\n"
	"  --keepalive SECONDS     report silence after so long (10)\n"
	"  --no-rearm              report silence once a run, as CellOS does\n"
	"  --host NAME             the host's name in source and id (its own)\n"
	"  --mode OCTAL            permissions of the socket (0600)\n"
	"  --owner USER:GROUP      owner of the socket (unchanged)\n"
	"  --peer-uid UID          refuse connections of any other uid\n"
	"  --connections N         keep at most N connections (8)\n"
	"  --probe SOURCE          read host.cgroup, host.tap_link, host.nftables or "
	"host.fc_metrics;\n"
	"                          repeatable; each needs its own option below\n"
	"  --probe-interval SECONDS  between two readings (10)\n"
	"  --cgroup PATH           host.cgroup: the cell's cgroup\n"
	"  --tap IF                host.tap_link: its network interface\n"
	"  --nft FAMILY/TABLE      host.nftables: its table\n"
	"  --fc-metrics FILE       host.fc_metrics: Firecracker's metrics file or FIFO\n"
	"  --help, --version\n";

enum option_code {
	OPTION_UDS_BASE = 256,
	OPTION_CELL,
	OPTION_RUN_ID,
	OPTION_SPEC_HASH,
	OPTION_KEEPALIVE,
	OPTION_NO_REARM,
	OPTION_HOST,
	OPTION_MODE,
	OPTION_OWNER,
	OPTION_PEER_UID,
	OPTION_CONNECTIONS,
	OPTION_PROBE,
	OPTION_PROBE_INTERVAL,
	OPTION_CGROUP,
	OPTION_TAP,
	OPTION_NFT,
	OPTION_FC_METRICS,
};

static const struct option options[] = {
	{ "uds-base", required_argument, NULL, OPTION_UDS_BASE },
	{ "cell", required_argument, NULL, OPTION_CELL },
	{ "run-id", required_argument, NULL, OPTION_RUN_ID },
	{ "spec-hash", required_argument, NULL, OPTION_SPEC_HASH },
	{ "keepalive", required_argument, NULL, OPTION_KEEPALIVE },
	{ "no-rearm", no_argument, NULL, OPTION_NO_REARM },
	{ "host", required_argument, NULL, OPTION_HOST },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "owner", required_argument, NULL, OPTION_OWNER },
	{ "peer-uid", required_argument, NULL, OPTION_PEER_UID },
	{ "connections", required_argument, NULL, OPTION_CONNECTIONS },
	{ "probe", required_argument, NULL, OPTION_PROBE },
	{ "probe-interval", required_argument, NULL, OPTION_PROBE_INTERVAL },
	{ "cgroup", required_argument, NULL, OPTION_CGROUP },
	{ "tap", required_argument, NULL, OPTION_TAP },
	{ "nft", required_argument, NULL, OPTION_NFT },
	{ "fc-metrics", required_argument, NULL, OPTION_FC_METRICS },
	{ NULL, 0, NULL, 0 },
};

/* The one command line of the process: getopt_long has its state for itself. */
static struct args args;

/* Says what is wrong and ends the program. */
#define usage_error(...) exit(args_mistake(&args, __VA_ARGS__))

/* Seconds with at most nine digits of fraction, such as "10" or "0.2", in nanoseconds. */
static uint64_t
read_seconds(const char *name, const char *text, uint64_t max_ns)
{
	const char *dot = strchr(text, '.');
	size_t whole = dot != NULL ? (size_t)(dot - text) : strlen(text);
	size_t digits = dot != NULL ? strlen(dot + 1) : 0;
	uint64_t seconds;
	uint64_t fraction = 0;
	uint64_t unit = NS_PER_SECOND;
	size_t i;

	if (num_read_u64(text, whole, max_ns / NS_PER_SECOND, &seconds) != ERR_OK || digits > 9 ||
	    (dot != NULL && digits == 0))
		usage_error("--%s wants seconds from 0.000000001 to %llu, not '%s'", name,
			    (unsigned long long)(max_ns / NS_PER_SECOND), text);
	for (i = 0; i < digits; i++) {
		if (dot[1 + i] < '0' || dot[1 + i] > '9')
			usage_error("--%s wants seconds such as 0.5, not '%s'", name, text);
		unit /= 10;
		fraction += (uint64_t)(dot[1 + i] - '0') * unit;
	}
	seconds = seconds * NS_PER_SECOND + fraction;
	if (seconds == 0 || seconds > max_ns)
		usage_error("--%s wants more than 0 and at most %llu seconds, not '%s'", name,
			    (unsigned long long)(max_ns / NS_PER_SECOND), text);
	return seconds;
}

static uint64_t
read_number(const char *name, const char *text, uint64_t min, uint64_t max)
{
	uint64_t v;

	if (num_read_u64(text, strlen(text), max, &v) != ERR_OK || v < min)
		usage_error("--%s wants a number from %llu to %llu, not '%s'", name,
			    (unsigned long long)min, (unsigned long long)max, text);
	return v;
}

static mode_t
read_mode(const char *text)
{
	unsigned int v = 0;
	size_t i;

	for (i = 0; text[i] >= '0' && text[i] <= '7' && v <= 0777; i++)
		v = v * 8 + (unsigned int)(text[i] - '0');
	if (i == 0 || text[i] != '\0' || v > 0777)
		usage_error("--mode wants permissions in octal from 0 to 0777, not '%s'", text);
	return (mode_t)v;
}

/* USER:GROUP, each a name or a number. */
static void
read_owner(char *text, struct hark_listener_options *out)
{
	char *colon = strchr(text, ':');
	const struct passwd *user;
	const struct group *group;
	uint64_t v;

	if (colon == NULL || colon == text || colon[1] == '\0')
		usage_error("--owner wants USER:GROUP, not '%s'", text);
	*colon = '\0';
	user = getpwnam(text);
	if (user != NULL)
		out->owner = user->pw_uid;
	else if (num_read_u64(text, strlen(text), UINT32_MAX - 1, &v) == ERR_OK)
		out->owner = (uid_t)v;
	else
		usage_error("--owner: there is no user '%s' here", text);
	group = getgrnam(colon + 1);
	if (group != NULL)
		out->group = group->gr_gid;
	else if (num_read_u64(colon + 1, strlen(colon + 1), UINT32_MAX - 1, &v) == ERR_OK)
		out->group = (gid_t)v;
	else
		usage_error("--owner: there is no group '%s' here", colon + 1);
	out->set_owner = true;
}

static void
add_probe(const char *value, struct options *out)
{
	const char *source = probe_source_name(value);
	uint32_t i;

	if (source == NULL)
		usage_error("--probe wants host.cgroup, host.tap_link, host.nftables or "
			    "host.fc_metrics, not '%s'",
			    value);

	for (i = 0; i < out->probe_count; i++) {
		if (strcmp(out->probes[i], source) == 0)
			usage_error("--probe %s is given twice", source);
	}
	if (out->probe_count == OPTIONS_PROBES_MAX)
		usage_error("--probe: there are only %u sources", OPTIONS_PROBES_MAX);
	out->probes[out->probe_count++] = source;
}

static void
take_listener(int option, char *value, struct options *out)
{
	switch (option) {
	case OPTION_MODE:
		out->listener.mode = read_mode(value);
		break;
	case OPTION_OWNER:
		read_owner(value, &out->listener);
		break;
	case OPTION_PEER_UID:
		out->listener.peer_uid = (uid_t)read_number("peer-uid", value, 0, UINT32_MAX - 1);
		out->listener.require_peer_uid = true;
		break;
	case OPTION_CONNECTIONS:
		out->listener.connections_max =
			(uint32_t)read_number("connections", value, 1, HARK_CONNECTIONS_MAX);
		break;
	default:
		MUST(option == OPTION_CONNECTIONS); /* every option of the table is taken */
	}
}

static void
take_probe(int option, char *value, struct options *out)
{
	switch (option) {
	case OPTION_PROBE:
		add_probe(value, out);
		break;
	case OPTION_PROBE_INTERVAL:
		out->probe_interval_ns =
			read_seconds("probe-interval", value, PROBE_INTERVAL_MAX_NS);
		break;
	case OPTION_CGROUP:
		out->sources.cgroup = value;
		break;
	case OPTION_TAP:
		out->sources.tap = value;
		break;
	case OPTION_NFT:
		out->sources.nft = value;
		break;
	case OPTION_FC_METRICS:
		out->sources.fc_metrics = value;
		break;
	default:
		take_listener(option, value, out);
	}
}

static void
take(int option, char *value, struct options *out)
{
	switch (option) {
	case OPTION_UDS_BASE:
		out->uds_base = value;
		break;
	case OPTION_CELL:
		out->cell = value;
		break;
	case OPTION_RUN_ID:
		out->run_id = value;
		break;
	case OPTION_SPEC_HASH:
		out->spec_hash = value;
		break;
	case OPTION_KEEPALIVE:
		out->keepalive_ns = read_seconds("keepalive", value, HARK_KEEPALIVE_WINDOW_MAX);
		break;
	case OPTION_NO_REARM:
		out->rearm = false;
		break;
	case OPTION_HOST:
		out->host = value;
		break;
	default:
		take_probe(option, value, out);
	}
}

/* Each probe's own option. */
static const struct source {
	const char *probe;
	const char *option;
	const char *what;
	size_t offset; /* of its value in struct probe_options */
} sources[] = {
	{ "host.cgroup", "--cgroup", "PATH", offsetof(struct probe_options, cgroup) },
	{ "host.tap_link", "--tap", "IF", offsetof(struct probe_options, tap) },
	{ "host.nftables", "--nft", "FAMILY/TABLE", offsetof(struct probe_options, nft) },
	{ "host.fc_metrics", "--fc-metrics", "FILE", offsetof(struct probe_options, fc_metrics) },
};

const char *
options_source_of(const char *probe)
{
	size_t i;

	for (i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (strcmp(sources[i].probe, probe) == 0)
			return sources[i].option;
	}
	MUST_NOT_REACH("a probe that no option describes");
	return NULL;
}

static bool
has_probe(const struct options *o, const char *probe)
{
	uint32_t i;

	for (i = 0; i < o->probe_count; i++) {
		if (strcmp(o->probes[i], probe) == 0)
			return true;
	}
	return false;
}

/* Who names a source wants it read; who asks for a reading must say of what. */
static void
check_probes(const struct options *o)
{
	size_t i;

	for (i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		const struct source *s = &sources[i];
		const char *value;

		memcpy(&value, (const char *)&o->sources + s->offset, sizeof(value));
		if (value == NULL && has_probe(o, s->probe))
			usage_error("--probe %s needs %s %s", s->probe, s->option, s->what);
		if (value != NULL && !has_probe(o, s->probe))
			usage_error("%s %s is not read without --probe %s", s->option, s->what,
				    s->probe);
	}
}

/* What a single option cannot know: that the whole makes sense. */
static void
check(const struct options *o)
{
	struct hark_host_stamp stamp;

	if (o->uds_base == NULL)
		usage_error("--uds-base PATH is missing: where does the VMM connect to?");
	if (o->uds_base[0] == '\0' || o->uds_base[strlen(o->uds_base) - 1] == '/')
		usage_error("--uds-base wants the path of a file, not '%s'", o->uds_base);
	if (o->cell == NULL)
		usage_error("--cell NAME is missing: whose events are these?");
	if (hark_host_stamp_init(hark_text_of(o->cell), hark_text_of("run"), hark_text_of(NULL),
				 &stamp) != HARK_TELEMETRY_OK)
		usage_error("--cell wants 1 to %u bytes of UTF-8 without blanks and controls",
			    HARK_ID_BYTES_MAX);
	if (hark_host_stamp_init(hark_text_of(o->cell), hark_text_of(o->run_id), hark_text_of(NULL),
				 &stamp) != HARK_TELEMETRY_OK)
		usage_error("--run-id wants 1 to %u bytes of UTF-8 without blanks and controls",
			    HARK_ID_BYTES_MAX);
	if (hark_host_stamp_init(hark_text_of(o->cell), hark_text_of(o->run_id),
				 hark_text_of(o->spec_hash), &stamp) != HARK_TELEMETRY_OK)
		usage_error("--spec-hash wants sha256: and 64 lower-case hex digits");
	check_probes(o);
}

void
options_read(int argc, char **argv, struct options *out)
{
	static const struct args_command command = { .name = "hark-listen",
						     .usage = help,
						     .options = options };
	const char *run_id = getenv("CELLOS_RUN_ID");
	int status = EXIT_OK;
	int option;

	*out = (struct options){
		.run_id = run_id != NULL && *run_id != '\0' ? run_id : "run-local-001",
		.keepalive_ns = HARK_DEFAULT_KEEPALIVE_WINDOW,
		.rearm = true,
		.listener = { .mode = 0600 },
		.probe_interval_ns = UINT64_C(10) * NS_PER_SECOND,
	};
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, &status)) != ARGS_END) {
		if (option == ARGS_STOP)
			exit(status);
		take(option, optarg, out);
	}
	if (args_rest(&args) < argc)
		usage_error("'%s' is not an option", argv[args_rest(&args)]);
	check(out);
}
