/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Readings as events: the conformance cases, what is refused, and what a sink gets. */
#include <string.h>

#include <hark/probe.h>

#include "probes_rows.h"

static char json[HARK_EVENT_BYTES_MAX];
static struct hark_probe_context context;
static struct hark_event_origin origin;

static int
make_context(void **state)
{
	(void)state;
	origin = (struct hark_event_origin){
		.source = hark_text_of(HARK_HOST_PROBE_EVENT_SOURCE),
		.id_prefix = hark_text_of("urn:cellos:event"),
	};
	if (hark_host_stamp_init(
		    hark_text_of("cell-a"), hark_text_of("run-1"),
		    hark_text_of("sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e88"
				 "6266e7ae"),
		    &context.host) != HARK_TELEMETRY_OK)
		return -1;
	context.host.host_received_at = (struct hark_time){ 1762348800, 123456789 };
	return 0;
}

static struct hark_text
member_text(const struct json_node *row, const char *name)
{
	const struct json_node *node = json_node_member(row, name);

	return node != NULL ? (struct hark_text){ node->text, node->text_size }
			    : (struct hark_text){ NULL, 0 };
}

/* Terminated, because probe_source is. */
static void
copy_text(struct hark_text text, char *out, size_t capacity)
{
	assert_true(text.size < capacity);
	memcpy(out, text.data, text.size);
	out[text.size] = '\0';
}

static void
check_row(const char *name, const struct json_node *row)
{
	const struct json_node *error = json_node_member(row, "hark_error");
	struct hark_probe_reading reading = { .probe_source = NULL };
	struct hark_text want = member_text(row, "hark_json");
	char source[64];
	size_t size = 0;

	if (strncmp(name, "probe-read-", 11) == 0 ||
	    strcmp(name, "probe-tap_link-absolute-name") == 0)
		return; /* of the probes' own tests */
	if (error != NULL) {
		copy_text(member_text(row, "probe_source"), source, sizeof(source));
		reading.inputs = reading.output = hark_text_of("{}");
	} else {
		struct json_tree *tree = NULL;
		struct hark_text read = member_text(row, "reading_json");

		assert_int_equal(json_tree_read(read.data, read.size, 16, &tree, NULL), ERR_OK);
		copy_text(member_text(json_tree_root(tree), "probeSource"), source, sizeof(source));
		json_tree_destroy(tree);
		reading.inputs = member_text(row, "hark_inputs");
		reading.output = member_text(row, "hark_output");
	}
	reading.probe_source = source;
	if (hark_build_host_probe_envelope(&reading, &context, &origin, json, sizeof(json),
					   &size) !=
	    (error != NULL ? HARK_PROBE_PARSE : HARK_PROBE_OK))
		fail_msg("%s", name);
	if (error == NULL && (size != want.size || memcmp(json, want.data, size) != 0))
		fail_msg("%s: %.*s", name, (int)size, json);
}

static void
conformance_cases(void **state)
{
	(void)state;
	assert_int_equal(rows_each("probe-", check_row), 14);
}

static void
envelope_refuses(void **state)
{
	struct hark_probe_reading reading = { .probe_source = "host.cgroup" };
	static const struct {
		const char *rule, *inputs, *output;
		enum hark_probe_error want;
	} rows[] = {
		{ "no object", "[]", "{}", HARK_PROBE_PARSE },
		{ "not whole", "{}", "{\"a\":", HARK_PROBE_PARSE },
		{ "two values", "{}", "{},\"cellId\":\"other\"", HARK_PROBE_PARSE },
		{ "given twice", "{}", "{\"a\":\"1\",\"a\":\"2\"}", HARK_PROBE_PARSE },
		{ "a break-out", "{}},\"id\":\"x\"", "{}", HARK_PROBE_PARSE },
		{ "good", "{}", "{}", HARK_PROBE_OK },
	};
	size_t size = 0;
	size_t i, capacity;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		reading.inputs = hark_text_of(rows[i].inputs);
		reading.output = hark_text_of(rows[i].output);
		if (hark_build_host_probe_envelope(&reading, &context, &origin, json, sizeof(json),
						   &size) != rows[i].want)
			fail_msg("%s", rows[i].rule);
	}
	for (capacity = 0; capacity < size; capacity++)
		assert_int_equal(hark_build_host_probe_envelope(&reading, &context, &origin, json,
								capacity, &i),
				 HARK_PROBE_LIMIT);
	context.host.checked = 0;
	assert_int_equal(hark_build_host_probe_envelope(&reading, &context, &origin, json,
							sizeof(json), &size),
			 HARK_PROBE_ARGUMENT);
	assert_int_equal(make_context(NULL), 0);
}

static void
errors_are_events(void **state)
{
	static const char want[] =
		"{\"data\":{\"cellId\":\"cell-a\",\"error\":\"missing\",\"probeSource\":\"host."
		"cgroup\","
		"\"runId\":\"run-1\",\"specSignatureHash\":\"sha256:"
		"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\","
		"\"text\":\"a \\\"b\\\"\"},\"id\":\"urn:cellos:event/0\",\"source\":\""
		"cellos-host-telemetry/"
		"probes\",\"specversion\":\"1.0\",\"subject\":\"urn:cellos:cell:"
		"cell-a\",\"time\":\"2025-11-05T13:20:00.123456789Z\",\"type\":\"dev.hark.events."
		"host."
		"v1.probe_error\"}";
	size_t size = 0;

	(void)state;
	assert_int_equal(hark_event_probe_error("host.cgroup", HARK_PROBE_MISSING, "a \"b\"",
						&context, &origin, json, sizeof(json), &size),
			 HARK_PROBE_OK);
	assert_int_equal(size, sizeof(want) - 1);
	assert_memory_equal(json, want, size);
	assert_int_equal(hark_event_probe_error("host.cgroup", HARK_PROBE_OK, "", &context, &origin,
						json, sizeof(json), &size),
			 HARK_PROBE_ARGUMENT);
	assert_int_equal(hark_event_probe_error("a b", HARK_PROBE_IO, "", &context, &origin, json,
						sizeof(json), &size),
			 HARK_PROBE_ARGUMENT);
	assert_int_equal(hark_event_probe_error("a", HARK_PROBE_IO, "\xff", &context, &origin, json,
						sizeof(json), &size),
			 HARK_PROBE_ARGUMENT);
}

static void
pushed_readings(void **state)
{
	static const struct {
		const char *rule, *probe, *value;
		enum hark_probe_error want;
		const char *part;
	} rows[] = {
		{ "empty name", "", "1", HARK_PROBE_ARGUMENT, NULL },
		{ "blank in the name", "a b", "1", HARK_PROBE_ARGUMENT, NULL },
		{ "no value", "p", "", HARK_PROBE_PARSE, NULL },
		{ "two values", "p", "1 2", HARK_PROBE_PARSE, NULL },
		{ "a name twice", "p", "{\"a\":1,\"a\":2}", HARK_PROBE_PARSE, NULL },
		{ "a break-out", "p", "1,\"cellId\":\"b\"", HARK_PROBE_PARSE, NULL },
		{ "number", "p", "1", HARK_PROBE_OK, "\"value\":1}" },
		{ "float", "p", "1.50", HARK_PROBE_OK, "\"value\":\"1.50\"}" },
		{ "beyond 2^53", "p", "9007199254740993", HARK_PROBE_OK,
		  "\"value\":\"9007199254740993\"}" },
		{ "sorted", "p", " {\"b\": null, \"a\": [true]} ", HARK_PROBE_OK,
		  "\"value\":{\"a\":[true],\"b\":null}}" },
		{ "time", "p", "1", HARK_PROBE_OK, "\"timestampMs\":\"18446744073709551615\"" },
		{ "type", "p", "1", HARK_PROBE_OK, "\"type\":\"cellos.events.host.probe.v1\"}" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_host_probe_reading reading = { hark_text_of(rows[i].probe),
							   hark_text_of(rows[i].value),
							   UINT64_MAX };
		size_t size = 0;

		if (hark_event_from_host_probe_reading(&reading, &context, &origin, json,
						       sizeof(json), &size) != rows[i].want)
			fail_msg("%s", rows[i].rule);
		if (rows[i].part != NULL &&
		    memmem(json, size, rows[i].part, strlen(rows[i].part)) == NULL)
			fail_msg("%s: %.*s", rows[i].rule, (int)size, json);
	}
}

/* A probe of the test's own, with a part missing. */
static enum hark_probe_error answer;

static enum hark_probe_error
own_read(void *state, struct hark_probe_reading *out, struct hark_failure *why)
{
	(void)state;
	(void)snprintf(why->text, sizeof(why->text), "why \xff");
	out->inputs = hark_text_of("{}");
	out->output = hark_text_of("{\"a\":\"1\"}");
	out->missing_count = 1;
	out->missing[0].error = HARK_PROBE_DENIED;
	(void)snprintf(out->missing[0].text, sizeof(out->missing[0].text), "part");
	return answer;
}

static const struct hark_host_probe_functions own_functions = { .name = "host.cgroup",
								.read = own_read };
static size_t given;
static size_t given_until;

static enum hark_telemetry_error
count_event(void *sink, const char *event, size_t size)
{
	const char *want = sink;

	if (given == given_until)
		return HARK_TELEMETRY_SINK;
	given++;
	assert_int_equal(event[size - 1], '}');
	return want == NULL || memmem(event, size, want, strlen(want)) != NULL || given < 2
		       ? HARK_TELEMETRY_OK
		       : HARK_TELEMETRY_SINK;
}

static void
a_sink_gets_all_parts(void **state)
{
	static char part[] = "\"error\":\"denied\"";
	struct hark_host_probe probe = { &own_functions, NULL };
	struct hark_event_sink sink = { count_event, part };

	(void)state;
	given = 0;
	given_until = 9;
	answer = HARK_PROBE_OK;
	assert_int_equal(hark_emit_reading(&probe, &context, &origin, &sink), HARK_PROBE_OK);
	assert_int_equal(given, 2);
	assert_true(origin.number == 2);
	/* Where nothing could be read: one event, and the probe's own error. */
	answer = HARK_PROBE_MISSING;
	given = 0;
	assert_int_equal(hark_emit_reading(&probe, &context, &origin, &sink), HARK_PROBE_MISSING);
	assert_int_equal(given, 1);
	assert_true(origin.number == 3);
	/* A number is used up only by an event that was taken. */
	answer = HARK_PROBE_OK;
	given = 0;
	given_until = 1;
	assert_int_equal(hark_emit_reading(&probe, &context, &origin, &sink), HARK_PROBE_SINK);
	assert_true(origin.number == 4);
	assert_int_equal(hark_emit_reading(NULL, &context, &origin, &sink), HARK_PROBE_ARGUMENT);
}

/* Fills a reading as no probe may. */
static enum hark_probe_error
read_wrongly(void *state, struct hark_probe_reading *out, struct hark_failure *why)
{
	const uint32_t *count = state;

	out->inputs = hark_text_of("{}");
	out->output = hark_text_of("{}");
	out->missing_count = *count;
	memset(out->missing, 'x', sizeof(out->missing));
	memset(why->text, 'x', sizeof(why->text));
	return *count == 0 ? HARK_PROBE_IO : HARK_PROBE_OK;
}

static enum hark_telemetry_error
take_nothing(void *ctx, const char *text, size_t size)
{
	(void)ctx;
	(void)text;
	(void)size;
	return HARK_TELEMETRY_OK;
}

/* What a supervisor's own probe gives is looked at before it is used. */
static void
foreign_probes_are_judged(void **state)
{
	static const struct hark_host_probe_functions functions = { .name = "host.cgroup",
								    .read = read_wrongly };
	static char buffer[HARK_PROBE_READING_BYTES];
	struct hark_event_sink sink = { take_nothing, NULL };
	struct hark_probe_reading reading = { .json = buffer, .json_capacity = sizeof(buffer) };
	uint32_t count = HARK_PROBE_MISSING_MAX + 1;
	struct hark_host_probe probe = { &functions, &count };
	struct hark_host_probe_reading pushed = { { NULL, 3 }, { "1", 1 }, 0 };
	struct hark_failure why;
	size_t size = 0;

	(void)state;
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_PARSE);
	assert_int_equal(reading.missing_count, 0);
	assert_int_equal(hark_emit_reading(&probe, &context, &origin, &sink), HARK_PROBE_PARSE);
	count = 1;
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_OK);
	assert_int_equal(strlen(reading.missing[0].text), HARK_PROBE_TEXT_BYTES - 1);
	count = 0;
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_IO);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	assert_int_equal(hark_event_from_host_probe_reading(&pushed, &context, &origin, json,
							    sizeof(json), &size),
			 HARK_PROBE_ARGUMENT);
}

static void
names_of_errors(void **state)
{
	int e;

	(void)state;
	for (e = HARK_PROBE_OK; e <= HARK_PROBE_MEMORY; e++)
		assert_non_null(hark_probe_error_name((enum hark_probe_error)e));
	assert_null(hark_probe_error_name((enum hark_probe_error)e));
	assert_string_equal(hark_probe_error_name(HARK_PROBE_MISSING), "missing");
	assert_string_equal(hark_probe_error_name(HARK_PROBE_MEMORY), "memory");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(conformance_cases, make_context),
		cmocka_unit_test_setup(envelope_refuses, make_context),
		cmocka_unit_test_setup(errors_are_events, make_context),
		cmocka_unit_test_setup(pushed_readings, make_context),
		cmocka_unit_test_setup(a_sink_gets_all_parts, make_context),
		cmocka_unit_test_setup(foreign_probes_are_judged, make_context),
		cmocka_unit_test(names_of_errors),
	};

	return cmocka_run_group_tests_name("telemetry/probes_event", tests, NULL, NULL);
}
