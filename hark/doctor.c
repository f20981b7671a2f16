/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark doctor: what this machine can do for Hark, a line each, with a remedy where it cannot. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "hark/commands.h"
#include "hark/doctor.h"
#include "hark/table.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/machine.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

#define DATA_DEFAULT   "/var/lib/hark"
#define CONFIG_DEFAULT "/etc/hark/hark.yaml"
/* Below this a ledger has no room for the next segments. */
#define FREE_BYTES_LOW (UINT64_C(512) << 20)
/* A commit that takes longer holds back acknowledgements so that a person notices. */
#define SYNC_NS_SLOW UINT64_C(20000000)
/* No disk is as fast: what says so does not sync. */
#define SYNC_NS_UNLIKELY UINT64_C(2000)
/* Nine descriptors for each of a thousand cells. */
#define DESCRIPTORS_LOW 16384u

typedef void check_fn(const char *data, struct doctor_finding *f);

void
doctor_find(struct doctor_finding *f, enum doctor_state state, const char *remedy,
	    const char *format, ...)
{
	va_list list;

	f->state = state;
	f->remedy = remedy;
	va_start(list, format);
	(void)vsnprintf(f->text, sizeof(f->text), format, list);
	va_end(list);
}

/* ---- the kernel ---------------------------------------------------------------------------- */

static void
check_landlock(const char *data, struct doctor_finding *f)
{
	static const char remedy[] = "boot with lsm=landlock,... on Linux 5.13 or later";
	unsigned int version = 0;

	(void)data;
	if (confine_landlock_version(&version) != ERR_OK)
		doctor_find(f, DOCTOR_WARN, remedy,
			    "this kernel has or runs none: programs could open "
			    "files");
	else if (version < CONFINE_LANDLOCK_WHOLE)
		doctor_find(f, DOCTOR_OK, "",
			    "version %u: files; the filter of system calls covers the "
			    "rest",
			    version);
	else
		doctor_find(f, DOCTOR_OK, "", "version %u: files, TCP, signals", version);
}

static void
check_seccomp(const char *data, struct doctor_finding *f)
{
	(void)data;
	if (machine_has_seccomp() == ERR_OK)
		doctor_find(f, DOCTOR_OK, "", "filters may end a process");
	else
		doctor_find(f, DOCTOR_WARN, "use a kernel with CONFIG_SECCOMP_FILTER",
			    "no filters: programs could make any system call");
}

static void
check_root(const char *data, struct doctor_finding *f)
{
	(void)data;
	if (confine_is_root())
		doctor_find(f, DOCTOR_OK, "", "root: programs get users of their own");
	else
		doctor_find(f, DOCTOR_WARN, "run harkd as root, or by its systemd unit",
			    "not root: all programs have your user");
}

static void
check_namespaces(const char *data, struct doctor_finding *f)
{
	(void)data;
	if (machine_has_user_namespaces() == ERR_OK)
		doctor_find(f, DOCTOR_OK, "", "can be made");
	else
		doctor_find(f, DOCTOR_WARN, "set user.max_user_namespaces, or run the demo as root",
			    "refused here: the demo cannot make cells without a VM");
}

static void
check_vsock(const char *data, struct doctor_finding *f)
{
	(void)data;
	if (machine_has_path("/dev/vhost-vsock"))
		doctor_find(f, DOCTOR_OK, "", "/dev/vhost-vsock is there");
	else if (machine_has_vsock() == ERR_OK)
		doctor_find(f, DOCTOR_OK, "",
			    "AF_VSOCK, as in a guest; VMMs with Unix sockets need none");
	else
		doctor_find(f, DOCTOR_WARN, "load vhost_vsock, where QEMU's own vsock is wanted",
			    "none; Firecracker and Cloud Hypervisor need none");
}

static void
check_cgroup(const char *data, struct doctor_finding *f)
{
	unsigned int version = 0;

	(void)data;
	if (machine_cgroup_version(&version) != ERR_OK)
		doctor_find(f, DOCTOR_WARN, "mount /sys/fs/cgroup",
			    "no control groups: no cgroup probe");
	else
		doctor_find(f, DOCTOR_OK, "", "version %u", version);
}

static void
check_proc(const char *data, struct doctor_finding *f)
{
	(void)data;
	if (machine_has_path("/proc/self/fd"))
		doctor_find(f, DOCTOR_OK, "", "is mounted");
	else
		doctor_find(f, DOCTOR_FAIL, "mount /proc: sockets are bound through it",
			    "is not mounted");
}

static void
check_clock(const char *data, struct doctor_finding *f)
{
	(void)data;
	if (machine_clock_is_synchronised())
		doctor_find(f, DOCTOR_OK, "", "something keeps it right");
	else
		doctor_find(f, DOCTOR_WARN, "run chrony or systemd-timesyncd",
			    "nothing keeps it right: times of events may be wrong");
}

static void
check_descriptors(const char *data, struct doctor_finding *f)
{
	uint64_t limit = machine_descriptor_limit();

	(void)data;
	if (limit < DESCRIPTORS_LOW)
		doctor_find(f, DOCTOR_WARN, "raise LimitNOFILE of the unit, or ulimit -Hn",
			    "at most %" PRIu64 ": few cells", limit);
	else
		doctor_find(f, DOCTOR_OK, "", "at most %" PRIu64, limit);
}

/* ---- the data directory -------------------------------------------------------------------- */

/* Where the data is, or will be. */
static const char *
existing(const char *data, bool *is_there)
{
	*is_there = machine_has_path(data);
	return *is_there ? data : "/var/tmp";
}

static void
check_space(const char *data, struct doctor_finding *f)
{
	bool is_there;
	uint64_t bytes = 0;

	if (machine_free_bytes(existing(data, &is_there), &bytes) != ERR_OK)
		doctor_find(f, DOCTOR_FAIL, "give --dir DATA", "cannot be told: %s",
			    strerror(errno));
	else if (bytes < FREE_BYTES_LOW)
		doctor_find(f, DOCTOR_FAIL, "make room: a segment has 64 MiB",
			    "%" PRIu64 " MiB are free%s", bytes >> 20,
			    is_there ? "" : " in /var/tmp");
	else
		doctor_find(f, DOCTOR_OK, "", "%" PRIu64 " MiB are free%s", bytes >> 20,
			    is_there ? "" : " in /var/tmp");
}

static void
check_sync(const char *data, struct doctor_finding *f)
{
	bool is_there;
	uint64_t ns = 0;
	enum err e = machine_sync_ns(existing(data, &is_there), &ns);

	if (e == ERR_UNSUPPORTED)
		doctor_find(f, DOCTOR_WARN, "look at it on the file system of the ledgers",
			    "cannot be tried on this file system");
	else if (e != ERR_OK)
		doctor_find(f, DOCTOR_FAIL, "let the data directory be written", "%s",
			    strerror(errno));
	else if (ns > SYNC_NS_SLOW)
		doctor_find(f, DOCTOR_WARN, "use a disk with power-loss protection",
			    "%" PRIu64 " us for 4 KiB: acknowledgements wait as long", ns / 1000);
	else if (ns < SYNC_NS_UNLIKELY)
		doctor_find(f, DOCTOR_WARN, "use a file system that syncs; tmpfs does not",
			    "%" PRIu64 " ns for 4 KiB: nothing is as fast", ns);
	else
		doctor_find(f, DOCTOR_OK, "", "%" PRIu64 " us for 4 KiB", ns / 1000);
}

/* What is wrong with the keys of a directory. */
struct key_modes {
	int dirfd;
	uint64_t count;
	char bad[64]; /* the name of one that others may read */
};

static enum err
judge_key(void *ctx, const char *name)
{
	struct key_modes *modes = ctx;
	struct file_info info;
	size_t size = strlen(name);

	if (size < 5 || strcmp(name + size - 4, ".key") != 0)
		return ERR_OK;
	if (file_stat_at(modes->dirfd, name, &info) != ERR_OK)
		return ERR_SYSTEM;
	modes->count++;
	if (info.kind != FILE_REGULAR || (info.mode & 077) != 0)
		(void)text_escape(name, size, modes->bad, sizeof(modes->bad));
	return ERR_OK;
}

static void
check_keys(const char *data, struct doctor_finding *f)
{
	struct key_modes modes = { .count = 0 };
	cleanup(file_close) int fd = -1;
	char path[4200];
	enum err e;

	(void)snprintf(path, sizeof(path), "%.4095s/keys", data);
	e = folder_open_path(path, &fd);
	if (e == ERR_OK) {
		modes.dirfd = fd;
		e = folder_list(fd, judge_key, &modes);
	}
	if (e == ERR_MISSING)
		doctor_find(f, DOCTOR_OK, "", "none yet: the first start makes them");
	else if (e != ERR_OK)
		doctor_find(f, DOCTOR_WARN, "ask as root", "cannot be seen: %s", strerror(errno));
	else if (modes.bad[0] != '\0')
		doctor_find(f, DOCTOR_FAIL, "chmod 0600, and rotate: it may have been read",
			    "others may read %s", modes.bad);
	else
		doctor_find(f, DOCTOR_OK, "", "%" PRIu64 ", their owner's alone", modes.count);
}

/* The configuration that a person named, or the usual one where it is there; NULL. */
static const char *config_path;

static void
check_observers(const char *data, struct doctor_finding *f)
{
	doctor_observers(data, config_path, f);
}

static const struct {
	const char *name;
	check_fn *fn;
} checks[] = {
	{ "landlock", check_landlock },
	{ "seccomp", check_seccomp },
	{ "user", check_root },
	{ "user namespaces", check_namespaces },
	{ "vsock", check_vsock },
	{ "cgroup", check_cgroup },
	{ "/proc", check_proc },
	{ "clock", check_clock },
	{ "descriptors", check_descriptors },
	{ "space", check_space },
	{ "sync", check_sync },
	{ "keys", check_keys },
	{ "observers", check_observers },
};

/* ---- the command --------------------------------------------------------------------------- */

enum { OPTION_JSON = 256, OPTION_DIR, OPTION_CONFIG };

static const struct option options[] = {
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "dir", required_argument, NULL, OPTION_DIR },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark doctor",
	.usage = "usage: hark doctor [--dir DATA] [--config FILE] [--json]\n"
		 "\n"
		 "Says what this machine can do for Hark: ok, warn or fail, and what to do.\n"
		 "\n"
		 "      --dir DATA     the data directory (/var/lib/hark)\n"
		 "      --config FILE  the configuration whose observers are looked at\n"
		 "                     (/etc/hark/hark.yaml, where it is there)\n"
		 "      --json         a line of JSON each\n"
		 "      --help         print this\n"
		 "      --version      print the version\n"
		 "\n"
		 "exit: 0 nothing fails, 2 usage, 69 something fails\n",
	.options = options,
};

static void
print(const char *name, const struct doctor_finding *f, bool as_json)
{
	static const char *const states[] = { "ok", "warn", "fail" };
	char json[2048]; /* two texts of ours, each byte at most six */
	struct json_writer w;
	size_t size = 0;

	if (!as_json) {
		(void)printf("%-5s %-16s %s%s%s\n", states[f->state], name, f->text,
			     f->remedy[0] != '\0' ? "; " : "", f->remedy);
		return;
	}
	json_writer_init(&w, json, sizeof(json));
	json_write_literal(&w, "{");
	table_json_text(&w, "check", (struct bytes){ (const uint8_t *)name, strlen(name) });
	table_json_text(&w, "remedy",
			(struct bytes){ (const uint8_t *)f->remedy, strlen(f->remedy) });
	table_json_text(
		&w, "state",
		(struct bytes){ (const uint8_t *)states[f->state], strlen(states[f->state]) });
	table_json_text(&w, "text", (struct bytes){ (const uint8_t *)f->text, strlen(f->text) });
	json_write_literal(&w, "}\n");
	MUST(json_writer_finish(&w, &size) == ERR_OK);
	(void)fwrite(json, 1, size, stdout);
}

int
command_doctor(int argc, char **argv)
{
	const char *data = DATA_DEFAULT;
	bool as_json = false;
	bool fails = false;
	struct args args;
	int code = EXIT_OK;
	int option;
	size_t i;

	log_init(command.name);
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, &code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return code;
		if (option == OPTION_JSON)
			as_json = true;
		else if (option == OPTION_CONFIG)
			config_path = optarg;
		else
			data = optarg;
	}
	if (args_rest(&args) < argc)
		return args_mistake(&args, "there is one word too many");
	if (config_path == NULL && machine_has_path(CONFIG_DEFAULT))
		config_path = CONFIG_DEFAULT;
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct doctor_finding f = { .remedy = "" };

		checks[i].fn(data, &f);
		print(checks[i].name, &f, as_json);
		fails = fails || f.state == DOCTOR_FAIL;
	}
	return fails ? EXIT_UNAVAILABLE : EXIT_OK;
}
