/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* host.tap_link: names that are refused, and the loopback interface that every machine has. */
#include <string.h>

#include <hark/probe.h>

#include "unit.h"
#include "json/tree.h"

static char json[HARK_PROBE_READING_BYTES];

static void
refuses_names(void **state)
{
	static const struct {
		const char *rule, *name;
		enum hark_probe_error want;
	} rows[] = {
		{ "empty", "", HARK_PROBE_NAME },
		{ "dot", ".", HARK_PROBE_NAME },
		{ "dot dot", "..", HARK_PROBE_NAME },
		{ "a path", "../net", HARK_PROBE_NAME },
		{ "an absolute path", "/proc/self", HARK_PROBE_NAME },
		{ "blank", "tap 0", HARK_PROBE_NAME },
		{ "line feed", "tap0\n", HARK_PROBE_NAME },
		{ "16 bytes", "abcdefghijklmnop", HARK_PROBE_NAME },
		{ "beyond ASCII", "t\xc3\xa4p", HARK_PROBE_NAME },
		{ "NULL", NULL, HARK_PROBE_ARGUMENT },
		{ "15 bytes", "abcdefghijklmno", HARK_PROBE_OK },
		{ "every kind of byte", "aZ0_.:@-", HARK_PROBE_OK },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_host_probe probe = { NULL, NULL };
		struct hark_failure why = { 0 };

		if (hark_probe_open_tap_link(rows[i].name, &probe, &why) != rows[i].want)
			fail_msg("%s: %s", rows[i].rule, why.text);
		hark_probe_close(&probe);
	}
}

static void
reads_loopback(void **state)
{
	static const char inputs[] = "{\"iface\":\"lo\",\"sysfs\":\"/sys/class/net/lo\"}";
	static const char *const members[] = { "flags",     "operstate", "rxBytes",
					       "rxPackets", "txBytes",   "txPackets" };
	struct hark_probe_reading reading = { .json = json, .json_capacity = sizeof(json) };
	struct hark_host_probe probe = { NULL, NULL };
	struct hark_failure why = { 0 };
	struct json_tree *tree = NULL;
	size_t i;

	(void)state;
	assert_int_equal(hark_probe_open_tap_link("lo", &probe, &why), HARK_PROBE_OK);
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_OK);
	assert_string_equal(reading.probe_source, "host.tap_link");
	assert_int_equal(reading.inputs.size, sizeof(inputs) - 1);
	assert_memory_equal(reading.inputs.data, inputs, sizeof(inputs) - 1);
	assert_int_equal(json_tree_read(reading.output.data, reading.output.size, 4, &tree, NULL),
			 ERR_OK);
	for (i = 0; i < COUNT_OF(members); i++) {
		const struct json_node *node = json_node_member(json_tree_root(tree), members[i]);

		if (node == NULL || node->type != JSON_STRING || node->text_size == 0)
			fail_msg("%s", members[i]);
	}
	json_tree_destroy(tree);
	hark_probe_close(&probe);
}

static void
says_what_is_not_there(void **state)
{
	struct hark_probe_reading reading = { .json = json, .json_capacity = sizeof(json) };
	struct hark_host_probe probe = { NULL, NULL };
	struct hark_failure why = { 0 };

	(void)state;
	assert_int_equal(hark_probe_open_tap_link("hark-not-there", &probe, &why), HARK_PROBE_OK);
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_MISSING);
	assert_non_null(strstr(why.text, "hark-not-there"));
	assert_true(reading.inputs.size > 0);
	assert_int_equal(reading.output.size, 0);
	hark_probe_close(&probe);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_names),
		cmocka_unit_test(reads_loopback),
		cmocka_unit_test(says_what_is_not_there),
	};

	return cmocka_run_group_tests_name("telemetry/probes_tap_link", tests, NULL, NULL);
}
