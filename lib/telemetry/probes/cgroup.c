/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * host.cgroup: what the kernel counts for a cell's cgroup.  Under the second version all three
 * files are in the cgroup's directory; under the first each is below its own controller.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "os/beneath.h"
#include "telemetry/probe_internal.h"
#include "telemetry/probes/flat_kv.h"
#include "telemetry/probes/mountinfo.h"

/* A hundred mounts have about 16 KiB; a host with thousands of containers has far more. */
#define MOUNTINFO_BYTES_MAX (4u << 20)

/* In the order of output's members, which is sorted; inputs.files has CellOS's order. */
enum part { PART_CPU, PART_MEMORY, PART_PIDS, PART_COUNT };

static const struct part_row {
	const char *controller; /* of the first version */
	const char *file;       /* of the second version */
	const char *file1;      /* of the first */
	const char *member, *member1;
} part_rows[PART_COUNT] = {
	[PART_CPU] = { "cpu", "cpu.stat", "cpu.stat", "cpu_stat", "cpu_stat" },
	[PART_MEMORY] = { "memory", "memory.events", "memory.oom_control", "memory_events",
			  "memory_oom_control" },
	[PART_PIDS] = { "pids", "pids.events", "pids.events", "pids_events", "pids_events" },
};
static const enum part file_order[PART_COUNT] = { PART_MEMORY, PART_CPU, PART_PIDS };

struct cgroup {
	bool is_first_version;
	char leaf[PATH_MAX];
	/* One for each part; -1 where that controller's directory could not be opened, and then
	   absent[] says why. */
	int dirs[PART_COUNT];
	struct {
		enum hark_probe_error error;
		struct hark_failure why;
	} absent[PART_COUNT];
};

/* What one part gave. */
struct part_reading {
	enum hark_probe_error error;
	struct hark_failure why;
	char text[FLAT_KV_BYTES_MAX];
	struct flat_kv kv;
};

static void
cgroup_destroy(void *state)
{
	struct cgroup *c = state;
	int i;

	if (c == NULL)
		return;
	for (i = 0; i < PART_COUNT; i++)
		beneath_close(&c->dirs[i]);
	free(c);
}

static void
cgroup_destroyp(struct cgroup **c)
{
	cgroup_destroy(*c);
}

static void
free_text(char **text)
{
	free(*text);
}

static enum hark_probe_error
read_part(const struct cgroup *c, enum part part, struct part_reading *out)
{
	const struct part_row *row = &part_rows[part];
	const char *file = c->is_first_version ? row->file1 : row->file;
	size_t size = 0;
	enum err e;

	if (c->dirs[part] < 0) {
		out->why = c->absent[part].why;
		return c->absent[part].error;
	}
	e = beneath_read(c->dirs[part], file, out->text, sizeof(out->text), &size);
	if (e != ERR_OK)
		return probe_fail_on(&out->why, e, file);
	e = flat_kv_read(out->text, size, &out->kv);
	if (e != ERR_OK)
		return probe_fail(&out->why, HARK_PROBE_PARSE, 0,
				  "%s: not the kernel's lines of a key and a number (%s)", file,
				  err_text(e));
	return HARK_PROBE_OK;
}

static void
write_inputs(const struct cgroup *c, const struct part_reading *parts, struct json_writer *w)
{
	bool first = true;
	int i;

	json_write_literal(w, "{\"cgroupLeaf\":");
	json_write_string(w, c->leaf, strlen(c->leaf));
	json_write_literal(w, ",\"files\":[");
	for (i = 0; i < PART_COUNT; i++) {
		const struct part_row *row = &part_rows[file_order[i]];
		const char *file = c->is_first_version ? row->file1 : row->file;

		if (parts[file_order[i]].error != HARK_PROBE_OK)
			continue;
		if (!first)
			json_write_literal(w, ",");
		json_write_string(w, file, strlen(file));
		first = false;
	}
	json_write_literal(w, "]}");
}

static void
write_output(const struct cgroup *c, const struct part_reading *parts, struct json_writer *w)
{
	bool first = true;
	int i;

	json_write_literal(w, "{");
	for (i = 0; i < PART_COUNT; i++) {
		const struct part_row *row = &part_rows[i];
		const char *member = c->is_first_version ? row->member1 : row->member;

		if (parts[i].error != HARK_PROBE_OK)
			continue;
		if (!first)
			json_write_literal(w, ",");
		json_write_string(w, member, strlen(member));
		json_write_literal(w, ":");
		flat_kv_write(&parts[i].kv, w);
		first = false;
	}
	json_write_literal(w, "}");
}

/* A directory in which none of the files is there is most often none of cgroups. */
static enum hark_probe_error
fail_on_no_cgroup(const struct cgroup *c, struct hark_failure *why)
{
	char shown[160];

	(void)text_escape(c->leaf, strlen(c->leaf), shown, sizeof(shown));
	return probe_fail(why, HARK_PROBE_MISSING, ENOENT,
			  "%s: no memory.events, cpu.stat or pids.events: is this a cgroup?",
			  shown);
}

static enum hark_probe_error
cgroup_read(void *state, struct hark_probe_reading *out, struct hark_failure *why)
{
	const struct cgroup *c = state;
	struct part_reading parts[PART_COUNT];
	enum hark_probe_error worst = HARK_PROBE_OK;
	struct json_writer w;
	int failed = 0;
	int i;

	for (i = 0; i < PART_COUNT; i++) {
		enum part part = file_order[i];

		parts[part].error = read_part(c, part, &parts[part]);
		if (parts[part].error == HARK_PROBE_OK)
			continue;
		failed++;
		probe_missing_add(out, parts[part].error, &parts[part].why);
		/* A reason that is no mere absence says more about why all are missing. */
		if (worst == HARK_PROBE_OK || worst == HARK_PROBE_MISSING) {
			worst = parts[part].error;
			*why = parts[part].why;
		}
	}
	probe_write_begin(out, &w);
	write_inputs(c, parts, &w);
	if (probe_write_inputs(out, &w, why) != HARK_PROBE_OK)
		return HARK_PROBE_LIMIT;
	if (failed == PART_COUNT && worst == HARK_PROBE_MISSING && !c->is_first_version)
		return fail_on_no_cgroup(c, why);
	if (failed == PART_COUNT)
		return worst;
	write_output(c, parts, &w);
	return probe_write_output(out, &w, why);
}

/* Absolute, UTF-8, without ".", ".." or empty components; a slash at the end is dropped. */
static bool
copy_leaf(const char *path, char *leaf)
{
	size_t size = strlen(path);
	const char *at;

	if (size > 1 && path[size - 1] == '/')
		size--;
	if (size < 2 || size >= PATH_MAX || path[0] != '/' || !text_is_utf8(path, size))
		return false;
	memcpy(leaf, path, size);
	leaf[size] = '\0';
	for (at = leaf; at != NULL; at = strchr(at + 1, '/')) {
		size_t part = strcspn(at + 1, "/");

		if (part == 0 || (part == 1 && at[1] == '.') ||
		    (part == 2 && at[1] == '.' && at[2] == '.'))
			return false;
	}
	return true;
}

static enum hark_probe_error
open_sibling(struct cgroup *c, enum part part, const char *mounts, size_t mounts_size,
	     const char *real_path, struct hark_failure *why)
{
	const char *controller = part_rows[part].controller;
	char path[MOUNTINFO_PATH_BYTES];
	bool is_first_version = false;
	enum err e;

	e = mountinfo_cgroup1_path(mounts, mounts_size, real_path, controller, path);
	if (e != ERR_OK)
		return probe_fail(why, HARK_PROBE_MISSING, 0,
				  "%s: the controller %s is not mounted for this cgroup",
				  part_rows[part].file1, controller);
	e = beneath_open_dir(BENEATH_CWD, path, BENEATH_NO_LINK, &c->dirs[part]);
	if (e == ERR_OK)
		e = beneath_is_cgroup1(c->dirs[part], &is_first_version);
	if (e == ERR_OK && !is_first_version)
		e = ERR_REFUSED;
	if (e == ERR_OK)
		return HARK_PROBE_OK;
	(void)probe_fail_on(why, e, path);
	beneath_close(&c->dirs[part]);
	return probe_fail_on(why, e, path);
}

/* Opens the same cgroup below each controller; MISSING where none of the three has it. */
static enum hark_probe_error
open_siblings(struct cgroup *c, int fd, struct hark_failure *why)
{
	cleanup(free_text) char *mounts = malloc(MOUNTINFO_BYTES_MAX);
	char real_path[MOUNTINFO_PATH_BYTES];
	size_t size = 0;
	int opened = 0;
	enum err e;
	int i;

	if (mounts == NULL)
		return probe_fail(why, HARK_PROBE_MEMORY, ENOMEM, "out of memory");
	e = beneath_path(fd, real_path, sizeof(real_path));
	if (e == ERR_OK)
		e = beneath_read(BENEATH_CWD, "/proc/self/mountinfo", mounts, MOUNTINFO_BYTES_MAX,
				 &size);
	if (e != ERR_OK)
		return probe_fail_on(why, e, "/proc/self/mountinfo");
	for (i = 0; i < PART_COUNT; i++) {
		c->absent[i].error = open_sibling(c, i, mounts, size, real_path, &c->absent[i].why);
		opened += c->absent[i].error == HARK_PROBE_OK;
	}
	if (opened == 0) {
		*why = c->absent[PART_MEMORY].why;
		return c->absent[PART_MEMORY].error;
	}
	return HARK_PROBE_OK;
}

/* The second version: all three parts are in the directory `fd`, which this takes. */
static enum hark_probe_error
keep_directory(struct cgroup *c, int *fd, struct hark_failure *why)
{
	enum err e = ERR_OK;
	int i;

	for (i = 1; i < PART_COUNT && e == ERR_OK; i++)
		e = beneath_open_dir(*fd, ".", BENEATH_NO_LINK, &c->dirs[i]);
	if (e != ERR_OK)
		return probe_fail_on(why, e, c->leaf);
	c->dirs[0] = *fd;
	*fd = -1;
	return HARK_PROBE_OK;
}

static const struct hark_host_probe_functions cgroup_functions = {
	.name = "host.cgroup",
	.rights = "search of the cgroup's directory, and reading of its files",
	.read = cgroup_read,
	.close = cgroup_destroy,
};

enum hark_probe_error
hark_probe_open_cgroup(const char *path, struct hark_host_probe *out, struct hark_failure *why)
{
	cleanup(cgroup_destroyp) struct cgroup *c = NULL;
	cleanup(beneath_close) int fd = -1;
	enum hark_probe_error e;
	struct hark_failure unused;
	enum err oe;
	int i;

	if (why == NULL)
		why = &unused;
	if (path == NULL || out == NULL)
		return probe_fail(why, HARK_PROBE_ARGUMENT, 0, "no path or no place for the probe");
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return probe_fail(why, HARK_PROBE_MEMORY, ENOMEM, "out of memory");
	for (i = 0; i < PART_COUNT; i++)
		c->dirs[i] = -1;
	if (!copy_leaf(path, c->leaf))
		return probe_fail(why, HARK_PROBE_NAME, 0,
				  "a cgroup's path is absolute UTF-8 without \".\", \"..\" and "
				  "empty parts");
	oe = beneath_open_dir(BENEATH_CWD, c->leaf, BENEATH_NO_LINK, &fd);
	if (oe == ERR_OK)
		oe = beneath_is_cgroup1(fd, &c->is_first_version);
	if (oe != ERR_OK)
		return probe_fail_on(why, oe, c->leaf);
	e = c->is_first_version ? open_siblings(c, fd, why) : keep_directory(c, &fd, why);
	if (e != HARK_PROBE_OK)
		return e;
	*out = (struct hark_host_probe){ &cgroup_functions, steal(&c) };
	return HARK_PROBE_OK;
}
