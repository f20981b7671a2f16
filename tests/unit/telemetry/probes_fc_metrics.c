/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* host.fc_metrics: sums and states, lines in pieces, bad lines, FIFO, rotation, truncation. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hark/probe.h>

#include "unit.h"

static char json[HARK_PROBE_READING_BYTES];
static char directory[PATH_MAX], path[PATH_MAX + 8], other[PATH_MAX + 8];
static struct hark_probe_reading reading;
static struct hark_failure why;

static int
make_directory(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	(void)snprintf(directory, sizeof(directory), "%s/hark-fc-XXXXXX",
		       base != NULL ? base : "/tmp");
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/m", directory);
	(void)snprintf(other, sizeof(other), "%s/o", directory);
	reading = (struct hark_probe_reading){ .json = json, .json_capacity = sizeof(json) };
	return 0;
}

static int
remove_directory(void **state)
{
	(void)state;
	(void)unlink(path); /* not every test leaves both */
	(void)unlink(other);
	return rmdir(directory);
}

static void
append(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void
assert_metrics(struct hark_host_probe *probe, const char *want, uint32_t missing)
{
	char whole[4096];

	if (hark_probe_read(probe, &reading, &why) != HARK_PROBE_OK)
		fail_msg("%s", why.text);
	(void)snprintf(whole, sizeof(whole), "{\"metrics\":%s}", want);
	if (reading.output.size != strlen(whole) ||
	    memcmp(reading.output.data, whole, strlen(whole)) != 0)
		fail_msg("%.*s instead of %s", (int)reading.output.size, reading.output.data,
			 whole);
	assert_int_equal(reading.missing_count, missing);
}

static struct hark_host_probe
open_probe(void)
{
	struct hark_host_probe probe = { NULL, NULL };

	if (hark_probe_open_fc_metrics(path, &probe, &why) != HARK_PROBE_OK)
		fail_msg("%s", why.text);
	return probe;
}

static void
sums_counters_and_keeps_states(void **state)
{
	struct hark_host_probe probe = open_probe();

	(void)state;
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_MISSING);
	append("");
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_MISSING);
	assert_non_null(strstr(why.text, "nothing was flushed yet"));
	append("{\"utc_timestamp_ms\":5,\"api_server\":{\"process_startup_time_us\":7},"
	       "\"signals\":{\"sighup\":1,\"sigpipe\":2},"
	       "\"vcpu\":{\"a\":3,\"a_agg\":{\"min_us\":4,\"max_us\":9,\"sum_us\":20}},"
	       "\"vhost_user_block_1\":{\"init_time_us\":5,\"cfg_fails\":1}}\n");
	append("{\"utc_timestamp_ms\":6,\"api_server\":{\"process_startup_time_us\":7},"
	       "\"signals\":{\"sighup\":1,\"sigpipe\":2},"
	       "\"vcpu\":{\"a\":3,\"a_agg\":{\"min_us\":2,\"max_us\":9,\"sum_us\":1}},"
	       "\"vhost_user_block_1\":{\"init_time_us\":6,\"cfg_fails\":1},\"new\":true}\n");
	assert_metrics(&probe,
		       "{\"api_server\":{\"process_startup_time_us\":7},\"new\":true,"
		       "\"signals\":{\"sighup\":1,\"sigpipe\":4},\"utc_timestamp_ms\":6,"
		       "\"vcpu\":{\"a\":6,\"a_agg\":{\"max_us\":9,\"min_us\":2,\"sum_us\":21}},"
		       "\"vhost_user_block_1\":{\"cfg_fails\":2,\"init_time_us\":6}}",
		       0);
	/* Nothing new: the same sums, nothing twice. */
	append("{\"vcpu\":{\"a\":1},\"n\"");
	assert_metrics(&probe,
		       "{\"api_server\":{\"process_startup_time_us\":7},\"new\":true,"
		       "\"signals\":{\"sighup\":1,\"sigpipe\":4},\"utc_timestamp_ms\":6,"
		       "\"vcpu\":{\"a\":6,\"a_agg\":{\"max_us\":9,\"min_us\":2,\"sum_us\":21}},"
		       "\"vhost_user_block_1\":{\"cfg_fails\":2,\"init_time_us\":6}}",
		       0);
	hark_probe_close(&probe);
}

static void
takes_lines_in_pieces(void **state)
{
	struct hark_host_probe probe = open_probe();
	static const char line[] = "{\"a\":{\"b\":1}}\n";
	char want[64];
	size_t cut;

	(void)state;
	append(line);
	assert_metrics(&probe, "{\"a\":{\"b\":1}}", 0);
	for (cut = 1; cut < sizeof(line) - 1; cut++) {
		char first[sizeof(line)];

		memcpy(first, line, cut);
		first[cut] = '\0';
		append(first);
		(void)snprintf(want, sizeof(want), "{\"a\":{\"b\":%zu}}", cut);
		assert_metrics(&probe, want, 0);
		append(line + cut);
		(void)snprintf(want, sizeof(want), "{\"a\":{\"b\":%zu}}", cut + 1);
		assert_metrics(&probe, want, 0);
	}
	hark_probe_close(&probe);
}

static void
names_bad_lines_and_goes_on(void **state)
{
	static const char *const bad[] = { "",
					   "1",
					   "[]",
					   "{\"a\":1",
					   "{\"a\":1,\"a\":2}",
					   "{\"a\":[1]}",
					   "{\"a\":1} {\"a\":1}",
					   "{\"a\":\"\xff\"}" };
	struct hark_host_probe probe = open_probe();
	size_t i;

	(void)state;
	append("bad\n");
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_PARSE);
	assert_non_null(strstr(why.text, "line 1"));
	for (i = 0; i < COUNT_OF(bad); i++) {
		char want[32];
		char line[32];

		append(bad[i]);
		append("\n{\"a\":1}\n");
		(void)snprintf(want, sizeof(want), "{\"a\":%zu}", i + 1);
		assert_metrics(&probe, want, 1);
		assert_int_equal(reading.missing[0].error, HARK_PROBE_PARSE);
		(void)snprintf(line, sizeof(line), "line %zu:", 2 * i + 2);
		if (strstr(reading.missing[0].text, line) == NULL)
			fail_msg("%s: %s", bad[i], reading.missing[0].text);
	}
	hark_probe_close(&probe);
}

static void
bounds_a_line(void **state)
{
	struct hark_host_probe probe = open_probe();
	char *line = malloc((1u << 20) + 16);

	(void)state;
	assert_non_null(line);
	memset(line, ' ', (1u << 20) + 2);
	strcpy(line + (1u << 20) + 2, "{}");
	append(line);
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_MISSING);
	append("\n{\"a\":1}\n");
	assert_metrics(&probe, "{\"a\":1}", 1);
	assert_non_null(strstr(reading.missing[0].text, "line 1"));
	free(line);
	hark_probe_close(&probe);
}

static void
large_sums(void **state)
{
	struct hark_host_probe probe = open_probe();

	(void)state;
	append("{\"a\":9007199254740991,\"b\":9223372036854775807}\n");
	assert_metrics(&probe, "{\"a\":9007199254740991,\"b\":\"9223372036854775807\"}", 0);
	append("{\"a\":1,\"b\":1}\n");
	assert_metrics(&probe, "{\"a\":\"9007199254740992\",\"b\":\"9223372036854775807\"}", 0);
	hark_probe_close(&probe);
}

static void
follows_rotation_and_truncation(void **state)
{
	struct hark_host_probe probe = open_probe();

	(void)state;
	append("{\"a\":1}\n{\"a\":");
	assert_metrics(&probe, "{\"a\":1}", 0);
	/* Truncated: the half line is gone with the rest. */
	assert_int_equal(truncate(path, 0), 0);
	append("{\"a\":2}\n");
	assert_metrics(&probe, "{\"a\":3}", 0);
	/* Rotated: what came before it is read to its end first. */
	append("{\"a\":4}\n{\"a\"");
	assert_int_equal(rename(path, other), 0);
	append("{\"a\":8}\n");
	assert_metrics(&probe, "{\"a\":15}", 0);
	/* Gone: the sums hold, and that it is gone is said. */
	assert_int_equal(unlink(path), 0);
	assert_metrics(&probe, "{\"a\":15}", 1);
	assert_int_equal(reading.missing[0].error, HARK_PROBE_MISSING);
	hark_probe_close(&probe);
}

static void
never_waits_for_a_fifo(void **state)
{
	struct hark_host_probe probe;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	probe = open_probe();
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_MISSING);
	/* The end of one writer is not the end: the next one is heard too. */
	append("{\"a\":1}\n{\"a\":1}\n");
	assert_metrics(&probe, "{\"a\":2}", 0);
	assert_metrics(&probe, "{\"a\":2}", 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_metrics(&probe, "{\"a\":2}", 0);
	assert_int_equal(write(fd, "{\"a\":5}\n", 8), 8);
	assert_metrics(&probe, "{\"a\":7}", 0);
	(void)close(fd);
	hark_probe_close(&probe);
}

static void
refuses_what_is_no_file(void **state)
{
	struct hark_host_probe probe = { NULL, NULL };

	(void)state;
	assert_int_equal(hark_probe_open_fc_metrics("", &probe, NULL), HARK_PROBE_NAME);
	assert_int_equal(hark_probe_open_fc_metrics("/tmp/", &probe, NULL), HARK_PROBE_NAME);
	assert_int_equal(hark_probe_open_fc_metrics(directory, &probe, NULL), HARK_PROBE_NAME);
	assert_int_equal(hark_probe_open_fc_metrics("/dev/zero", &probe, NULL), HARK_PROBE_NAME);
	assert_int_equal(hark_probe_open_fc_metrics("/no/such/m", &probe, NULL),
			 HARK_PROBE_MISSING);
	assert_int_equal(hark_probe_open_fc_metrics(NULL, &probe, NULL), HARK_PROBE_ARGUMENT);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(hark_probe_open_fc_metrics(path, &probe, NULL), HARK_PROBE_NAME);
	/* A link that takes the file's place later is not followed either. */
	assert_int_equal(unlink(path), 0);
	probe = open_probe();
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_PARSE);
	hark_probe_close(&probe);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_directory, remove_directory)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(sums_counters_and_keeps_states),
		TEST(takes_lines_in_pieces),
		TEST(names_bad_lines_and_goes_on),
		TEST(bounds_a_line),
		TEST(large_sums),
		TEST(follows_rotation_and_truncation),
		TEST(never_waits_for_a_fifo),
		TEST(refuses_what_is_no_file),
	};

	return cmocka_run_group_tests_name("telemetry/probes_fc_metrics", tests, NULL, NULL);
}
