/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* host.cgroup: names that are refused, made-up and real cgroups, parts that are missing. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hark/probe.h>

#include "telemetry/probes/mountinfo.h"
#include "unit.h"

static char json[HARK_PROBE_READING_BYTES];

/* A directory of its own for each test. */
static int
make_directory(void **state)
{
	char path[PATH_MAX];
	const char *base = getenv("TMPDIR");

	(void)snprintf(path, sizeof(path), "%s/hark-cgroup-XXXXXX", base != NULL ? base : "/tmp");
	if (mkdtemp(path) == NULL)
		return -1;
	*state = strdup(path);
	return *state == NULL ? -1 : 0;
}

static int
remove_directory(void **state)
{
	static const char *const names[] = { "memory.events", "cpu.stat", "pids.events", "link" };
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < COUNT_OF(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", (char *)*state, names[i]);
		(void)unlink(path); /* not every test makes every file */
	}
	(void)rmdir(*state);
	free(*state);
	return 0;
}

static void
put(const char *directory, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static size_t
count_descriptors(void)
{
	size_t count = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void
refuses_names(void **state)
{
	static const struct {
		const char *rule, *path;
		enum hark_probe_error want;
	} rows[] = {
		{ "empty", "", HARK_PROBE_NAME },
		{ "relative", "sys/fs/cgroup", HARK_PROBE_NAME },
		{ "root", "/", HARK_PROBE_NAME },
		{ "dot dot in the middle", "/sys/../etc", HARK_PROBE_NAME },
		{ "dot dot at the end", "/sys/..", HARK_PROBE_NAME },
		{ "dot", "/sys/./fs", HARK_PROBE_NAME },
		{ "empty part", "/sys//fs", HARK_PROBE_NAME },
		{ "two slashes first", "//sys", HARK_PROBE_NAME },
		{ "two slashes last", "/sys//", HARK_PROBE_NAME },
		{ "not UTF-8", "/sys/\xff", HARK_PROBE_NAME },
		{ "not there", "/sys/fs/cgroup/hark-is-not-there", HARK_PROBE_MISSING },
		{ "a file", "/proc/self/status", HARK_PROBE_MISSING },
		{ "NULL", NULL, HARK_PROBE_ARGUMENT },
	};
	size_t before = count_descriptors();
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_host_probe probe = { NULL, NULL };
		struct hark_failure why = { 0 };

		if (hark_probe_open_cgroup(rows[i].path, &probe, &why) != rows[i].want)
			fail_msg("%s: %s", rows[i].rule, why.text);
		if (probe.functions != NULL || why.text[0] == '\0')
			fail_msg("%s: opened, or no reason", rows[i].rule);
	}
	assert_int_equal(count_descriptors(), before);
}

static void
refuses_a_link_in_the_last_place(void **state)
{
	struct hark_host_probe probe = { NULL, NULL };
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/link", (char *)*state);
	assert_int_equal(symlink("/sys/fs/cgroup", path), 0);
	assert_int_equal(hark_probe_open_cgroup(path, &probe, NULL), HARK_PROBE_MISSING);
}

static void
reads_what_is_there(void **state)
{
	struct hark_probe_reading reading = { .json = json, .json_capacity = sizeof(json) };
	struct hark_host_probe probe = { NULL, NULL };
	struct hark_failure why = { 0 };
	size_t before = count_descriptors();
	char want[PATH_MAX + 256];
	char path[PATH_MAX];

	put(*state, "cpu.stat", "usage_usec 123456\nnr_periods 10\n");
	put(*state, "memory.events", "low 0\noom_kill 18446744073709551615\n");
	put(*state, "pids.events", "");
	/* A slash at the end is how shells complete a directory's name. */
	(void)snprintf(path, sizeof(path), "%s/", (char *)*state);
	assert_int_equal(hark_probe_open_cgroup(path, &probe, &why), HARK_PROBE_OK);
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_OK);
	assert_string_equal(reading.probe_source, "host.cgroup");
	assert_int_equal(reading.missing_count, 0);
	(void)snprintf(want, sizeof(want),
		       "{\"cgroupLeaf\":\"%s\",\"files\":[\"memory.events\",\"cpu.stat\","
		       "\"pids.events\"]}"
		       "{\"cpu_stat\":{\"nr_periods\":\"10\",\"usage_usec\":\"123456\"},"
		       "\"memory_events\":{\"low\":\"0\",\"oom_kill\":\"18446744073709551615\"},"
		       "\"pids_events\":{}}",
		       (char *)*state);
	assert_int_equal(reading.inputs.size + reading.output.size, strlen(want));
	assert_memory_equal(reading.inputs.data, want, strlen(want));
	hark_probe_close(&probe);
	hark_probe_close(&probe);
	assert_int_equal(count_descriptors(), before);
}

static void
names_each_missing_part(void **state)
{
	static const char output[] = "{\"cpu_stat\":{\"a\":\"1\"}}";
	struct hark_probe_reading reading = { .json = json, .json_capacity = sizeof(json) };
	struct hark_host_probe probe = { NULL, NULL };
	struct hark_failure why = { 0 };
	char path[PATH_MAX];

	put(*state, "cpu.stat", "a 1\n");
	put(*state, "pids.events", "a 1");
	assert_int_equal(hark_probe_open_cgroup(*state, &probe, &why), HARK_PROBE_OK);
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_OK);
	assert_int_equal(reading.output.size, sizeof(output) - 1);
	assert_memory_equal(reading.output.data, output, sizeof(output) - 1);
	assert_non_null(
		memmem(reading.inputs.data, reading.inputs.size, "\"files\":[\"cpu.stat\"]", 20));
	assert_int_equal(reading.missing_count, 2);
	assert_int_equal(reading.missing[0].error, HARK_PROBE_MISSING);
	assert_non_null(strstr(reading.missing[0].text, "memory.events"));
	assert_int_equal(reading.missing[1].error, HARK_PROBE_PARSE);
	assert_non_null(strstr(reading.missing[1].text, "pids.events"));

	/* The directory's descriptor, not its path, is what is read; a FIFO is no kernel file. */
	(void)snprintf(path, sizeof(path), "%s/cpu.stat", (char *)*state);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_PARSE);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/pids.events", (char *)*state);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_MISSING);
	assert_int_equal(reading.missing_count, 3);
	hark_probe_close(&probe);
}

static void
refuses_too_small_a_buffer(void **state)
{
	struct hark_probe_reading reading = { .json = json, .json_capacity = 100 };
	struct hark_host_probe probe = { NULL, NULL };

	put(*state, "cpu.stat", "a 1\n");
	assert_int_equal(hark_probe_open_cgroup(*state, &probe, NULL), HARK_PROBE_OK);
	assert_int_equal(hark_probe_read(&probe, &reading, NULL), HARK_PROBE_ARGUMENT);
	hark_probe_close(&probe);
	reading.json_capacity = sizeof(json);
	assert_int_equal(hark_probe_read(&probe, &reading, NULL), HARK_PROBE_ARGUMENT);
}

static void
finds_siblings(void **state)
{
	static const char usual[] =
		"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup "
		"rw,cpu,cpuacct\n"
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
	static const char inner[] =
		"1 0 0:1 /docker/a /mnt/my\\040memory rw - cgroup cgroup rw,memory\n"
		"2 0 0:2 /docker/a /mnt/cpu rw - cgroup cgroup rw,cpu\n"
		"3 0 0:3 /other /mnt/pids rw - cgroup cgroup rw,pids\n"
		"broken\n\n4 0 0:4 / - cgroup\n";
	static const struct {
		const char *rule, *text, *leaf, *controller, *want;
	} rows[] = {
		{ "same leaf", usual, "/sys/fs/cgroup/memory/a/b", "cpu",
		  "/sys/fs/cgroup/cpu,cpuacct/a/b" },
		{ "from cpu to memory", usual, "/sys/fs/cgroup/cpu,cpuacct/a", "memory",
		  "/sys/fs/cgroup/memory/a" },
		{ "the mount itself", usual, "/sys/fs/cgroup/memory", "cpu",
		  "/sys/fs/cgroup/cpu,cpuacct" },
		{ "a name that begins alike", usual, "/sys/fs/cgroup/memoryx/a", "cpu", NULL },
		{ "not mounted", usual, "/sys/fs/cgroup/memory/a", "pids", NULL },
		{ "an option that begins alike", usual, "/sys/fs/cgroup/memory/a", "cpua", NULL },
		{ "cgroup2 is none", usual, "/sys/fs/cgroup/unified/a", "cpu", NULL },
		{ "escaped blank, mount of a part", inner, "/mnt/my memory/x", "cpu",
		  "/mnt/cpu/x" },
		{ "a mount that does not show it", inner, "/mnt/my memory/x", "pids", NULL },
		{ "nothing", "", "/a", "cpu", NULL },
	};
	char path[MOUNTINFO_PATH_BYTES];
	size_t i, size;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		enum err e = mountinfo_cgroup1_path(rows[i].text, strlen(rows[i].text),
						    rows[i].leaf, rows[i].controller, path);

		if (e != (rows[i].want != NULL ? ERR_OK : ERR_MISSING))
			fail_msg("%s: %s", rows[i].rule, err_text(e));
		if (e == ERR_OK && strcmp(path, rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].rule, path);
	}
	/* Cut anywhere it finds the sibling or says that it is missing, and reads nothing beyond.
	 */
	for (size = 0; size < sizeof(usual) - 1; size++) {
		char *cut = malloc(size > 0 ? size : 1);

		assert_non_null(cut);
		memcpy(cut, usual, size);
		if (mountinfo_cgroup1_path(cut, size, "/sys/fs/cgroup/memory/a", "cpu", path) ==
		    ERR_OK)
			assert_string_equal(path, "/sys/fs/cgroup/cpu,cpuacct/a");
		free(cut);
	}
}

static bool
make_cgroup1(const char *controller, const char *name, char *path, size_t capacity)
{
	(void)snprintf(path, capacity, "/sys/fs/cgroup/%s/%s", controller, name);
	return mkdir(path, 0700) == 0;
}

static void
reads_a_real_cgroup_of_the_first_version(void **state)
{
	static const char *const controllers[] = { "memory", "cpu", "pids" };
	static const char files[] = "\"files\":[\"memory.oom_control\",\"cpu.stat\","
				    "\"pids.events\"]";
	struct hark_probe_reading reading = { .json = json, .json_capacity = sizeof(json) };
	struct hark_host_probe probe = { NULL, NULL };
	struct hark_failure why = { 0 };
	char paths[COUNT_OF(controllers)][PATH_MAX];
	enum hark_probe_error opened, read, gone;
	char name[64];
	size_t made = 0;

	(void)state;
	(void)snprintf(name, sizeof(name), "hark-test-%ld", (long)getpid());
	while (made < COUNT_OF(controllers) &&
	       make_cgroup1(controllers[made], name, paths[made], sizeof(paths[made])))
		made++;
	if (made < COUNT_OF(controllers)) {
		print_message("no cgroup of the first version can be made here: %s\n",
			      strerror(errno));
		while (made > 0)
			(void)rmdir(paths[--made]);
		skip();
	}
	opened = hark_probe_open_cgroup(paths[0], &probe, &why);
	read = opened == HARK_PROBE_OK ? hark_probe_read(&probe, &reading, &why) : opened;
	while (made > 0)
		(void)rmdir(paths[--made]);
	if (read != HARK_PROBE_OK)
		fail_msg("%s", why.text);
	assert_int_equal(reading.missing_count, 0);
	assert_non_null(memmem(reading.inputs.data, reading.inputs.size, files, strlen(files)));
	assert_non_null(memmem(reading.output.data, reading.output.size,
			       "\"memory_oom_control\":{\"oom_kill\":\"0\"", 36));
	assert_non_null(
		memmem(reading.output.data, reading.output.size, "\"nr_throttled\":\"0\"", 18));
	assert_non_null(memmem(reading.output.data, reading.output.size,
			       "\"pids_events\":{\"max\":\"0\"}", 25));
	gone = hark_probe_read(&probe, &reading, &why);
	hark_probe_close(&probe);
	assert_int_equal(gone, HARK_PROBE_MISSING);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_names),
		cmocka_unit_test_setup_teardown(refuses_a_link_in_the_last_place, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(reads_what_is_there, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(names_each_missing_part, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(refuses_too_small_a_buffer, make_directory,
						remove_directory),
		cmocka_unit_test(finds_siblings),
		cmocka_unit_test(reads_a_real_cgroup_of_the_first_version),
	};

	return cmocka_run_group_tests_name("telemetry/probes_cgroup", tests, NULL, NULL);
}
