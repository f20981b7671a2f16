/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Samples, what they come to, and the text that says it. */
#include <stdio.h>
#include <string.h>

#include "project/series.h"
#include "unit.h"

static struct sample sample;

static enum err
read_sample(const char *text, char *error)
{
	error[0] = '\0';
	return sample_read((struct bytes){ (const uint8_t *)text, strlen(text) }, "p_", &sample,
			   error);
}

static const struct {
	const char *rule, *text, *why;
} refusals[] = {
	{ "nothing", "", "empty" },
	{ "no JSON", "{", "no JSON at byte 1" },
	{ "an array", "[]", "not a JSON object" },
	{ "no name", "{\"type\":\"gauge\",\"value\":1}", "has no name" },
	{ "a name that is none", "{\"name\":7,\"type\":\"gauge\",\"value\":1}", "has no name" },
	{ "an empty name", "{\"name\":\"\",\"type\":\"gauge\",\"value\":1}",
	  "no name of a metric" },
	{ "a line's end", "{\"name\":\"a\\nb 1\",\"type\":\"gauge\",\"value\":1}",
	  "no name of a metric: \"a\\x0ab 1\"" },
	{ "a brace", "{\"name\":\"a{\",\"type\":\"gauge\",\"value\":1}", "no name of a metric" },
	{ "a name that is taken", "{\"name\":\"a_bucket\",\"type\":\"gauge\",\"value\":1}",
	  "may not end so" },
	{ "no type", "{\"name\":\"a\",\"value\":1}", "the type is not" },
	{ "another type", "{\"name\":\"a\",\"type\":\"summary\",\"value\":1}", "the type is not" },
	{ "no value", "{\"name\":\"a\",\"type\":\"gauge\"}", "the value is no number" },
	{ "a text", "{\"name\":\"a\",\"type\":\"gauge\",\"value\":\"1\"}",
	  "the value is no number" },
	{ "too much", "{\"name\":\"a\",\"type\":\"gauge\",\"value\":1e20}", "too large: \"1e20\"" },
	{ "less", "{\"name\":\"a\",\"type\":\"counter\",\"value\":-1}", "never falls" },
	{ "labels", "{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"labels\":[]}", "no object" },
	{ "a label's name", "{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"b:\":\"\"}",
	  "no name of a label: \"b:\"" },
	{ "a label of the format's", "{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"__b\":\"\"}",
	  "no name of a label" },
	{ "a nested label", "{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"b\":{}}", "no text" },
	{ "a label that is a word", "{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"b\":true}",
	  "no text" },
	{ "a NUL", "{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"b\":\"\\u0000\"}", "NUL" },
	{ "twice",
	  "{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"b\":\"\",\"labels\":{\"b\":\"\"}}",
	  "given twice: \"b\"" },
	{ "le", "{\"name\":\"a\",\"type\":\"histogram\",\"value\":1,\"le\":\"1\"}",
	  "a histogram's own label" },
	{ "buckets of a gauge", "{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"buckets\":[]}",
	  "only a histogram" },
	{ "buckets", "{\"name\":\"a\",\"type\":\"histogram\",\"value\":1,\"buckets\":{}}",
	  "no array" },
	{ "a bound", "{\"name\":\"a\",\"type\":\"histogram\",\"value\":1,\"buckets\":[\"1\"]}",
	  "no number" },
	{ "bounds", "{\"name\":\"a\",\"type\":\"histogram\",\"value\":1,\"buckets\":[1,1.0]}",
	  "do not ascend" },
	{ "a large bound", "{\"name\":\"a\",\"type\":\"histogram\",\"value\":1,\"buckets\":[1e99]}",
	  "no bound" },
};

static void
what_is_no_sample_is_refused(void **state)
{
	char error[SAMPLE_ERROR_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(refusals); i++) {
		enum err e = read_sample(refusals[i].text, error);

		if (e != ERR_FORMAT || strstr(error, refusals[i].why) == NULL)
			fail_msg("%s: %s: %s", refusals[i].rule, err_text(e), error);
	}
}

/* Names of 128 bytes with the prefix, sixteen labels, values of 256: and one more of each. */
static void
sizes_have_limits(void **state)
{
	char error[SAMPLE_ERROR_BYTES];
	char name[200], label[300], text[6000];
	int more, labels;

	(void)state;
	for (more = 0; more < 2; more++) {
		memset(name, 'n', sizeof(name));
		name[126 + more] = '\0';
		(void)snprintf(text, sizeof(text),
			       "{\"name\":\"%s\",\"type\":\"gauge\",\"value\":1}", name);
		assert_int_equal(read_sample(text, error), more ? ERR_FORMAT : ERR_OK);
		memset(label, 'v', sizeof(label));
		label[256 + more] = '\0';
		(void)snprintf(text, sizeof(text),
			       "{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"l\":\"%s\"}",
			       label);
		assert_int_equal(read_sample(text, error), more ? ERR_FORMAT : ERR_OK);
		(void)snprintf(text, sizeof(text),
			       "{\"name\":\"a\",\"type\":\"gauge\",\"value\":1");
		for (labels = 0; labels < 16 + more; labels++)
			(void)snprintf(text + strlen(text), 64, ",\"l%d\":\"%d\"", labels, labels);
		(void)snprintf(text + strlen(text), 64, "}");
		assert_int_equal(read_sample(text, error), more ? ERR_FORMAT : ERR_OK);
	}
}

/* All that can be escaped, as often as may be: it fits. */
static void
the_longest_labels_fit(void **state)
{
	static char text[64000];
	char error[SAMPLE_ERROR_BYTES];
	size_t size;
	int label, i;

	(void)state;
	size = (size_t)snprintf(text, sizeof(text),
				"{\"name\":\"a\",\"type\":\"gauge\",\"value\":1");
	for (label = 0; label < 16; label++) {
		size += (size_t)snprintf(text + size, sizeof(text) - size, ",\"l%0126d\":\"",
					 label);
		for (i = 0; i < 256; i++)
			size += (size_t)snprintf(text + size, sizeof(text) - size, "\\u0001");
		size += (size_t)snprintf(text + size, sizeof(text) - size, "\"");
	}
	(void)snprintf(text + size, sizeof(text) - size, "}");
	assert_int_equal(read_sample(text, error), ERR_OK);
	assert_true(strlen(sample.labels) > 16 * (256 * 6 + 127));
}

static void
add(struct series_set *s, const char *text, size_t most, enum err want)
{
	char error[SAMPLE_ERROR_BYTES];
	enum err e;

	assert_int_equal(read_sample(text, error), ERR_OK);
	e = series_apply(s, &sample, most, error);
	if (e != want)
		fail_msg("%s: %s %s", text, err_text(e), error);
}

static void
expect_text(const struct series_set *s, const char *want)
{
	struct buf text = { 0 };

	assert_int_equal(series_write(s, &text), ERR_OK);
	assert_int_equal(buf_append(&text, "", 1, SIZE_MAX), ERR_OK);
	assert_string_equal((const char *)text.data, want);
	buf_finish(&text);
}

static void
samples_add_up(void **state)
{
	static const char want[] = "# TYPE p_c counter\n"
				   "p_c_total{a=\"x\\\\y\\\"\\n\",b=\"7\"} 4\n"
				   "p_c_total 3.5\n"
				   "# TYPE p_g gauge\n"
				   "p_g -2\n"
				   "# TYPE p_h histogram\n"
				   "p_h_bucket{le=\"-1\"} 1\n"
				   "p_h_bucket{le=\"0.5\"} 3\n"
				   "p_h_bucket{le=\"+Inf\"} 4\n"
				   "p_h_sum 6.5\n"
				   "p_h_count 4\n"
				   "# EOF\n";
	struct series_set s = { 0 };
	struct series_set again = { 0 };
	size_t i;

	(void)state;
	add(&s, "{\"name\":\"h\",\"type\":\"histogram\",\"value\":-1,\"buckets\":[-1,0.5]}", 4,
	    ERR_OK);
	add(&s, "{\"name\":\"c\",\"type\":\"counter\",\"value\":1}", 4, ERR_OK);
	add(&s, "{\"name\":\"g\",\"type\":\"gauge\",\"value\":5}", 4, ERR_OK);
	add(&s, "{\"name\":\"c\",\"type\":\"counter\",\"value\":4,\"b\":7,\"a\":\"x\\\\y\\\"\\n\"}",
	    4, ERR_OK);
	add(&s, "{\"name\":\"g\",\"type\":\"gauge\",\"value\":1,\"a\":\"new\"}", 4, ERR_LIMIT);
	add(&s, "{\"name\":\"n\",\"type\":\"gauge\",\"value\":1}", 4, ERR_LIMIT);
	add(&s, "{\"name\":\"c\",\"type\":\"counter\",\"value\":2.5,\"a\":null}", 4, ERR_OK);
	add(&s, "{\"name\":\"g\",\"type\":\"gauge\",\"value\":-2}", 4, ERR_OK);
	add(&s, "{\"name\":\"h\",\"type\":\"histogram\",\"value\":0.5,\"buckets\":[-1,0.5]}", 4,
	    ERR_OK);
	add(&s, "{\"name\":\"h\",\"type\":\"histogram\",\"value\":0,\"buckets\":[-1.0,5e-1]}", 4,
	    ERR_OK);
	add(&s, "{\"name\":\"h\",\"type\":\"histogram\",\"value\":7,\"buckets\":[-1,0.5]}", 4,
	    ERR_OK);
	add(&s, "{\"name\":\"h\",\"type\":\"histogram\",\"value\":7}", 4, ERR_FORMAT);
	add(&s, "{\"name\":\"h\",\"type\":\"gauge\",\"value\":7}", 4, ERR_FORMAT);
	add(&s, "{\"name\":\"c\",\"type\":\"gauge\",\"value\":7,\"a\":\"z\"}", 5, ERR_FORMAT);
	assert_int_equal(s.count, 4);
	expect_text(&s, want);
	/* As it is kept, last first. */
	for (i = s.count; i > 0; i--) {
		const struct series *one = s.items[i - 1];
		char value[DECIMAL_TEXT_BYTES];
		char buckets[SERIES_BUCKETS_BYTES];
		struct bytes texts[5];
		const char *columns[5];
		size_t j;

		(void)decimal_write(one->value, value);
		series_write_buckets(one, buckets);
		columns[0] = one->name;
		columns[1] = one->labels;
		columns[2] = sample_type_name(one->type);
		columns[3] = value;
		columns[4] = buckets;
		for (j = 0; j < 5; j++)
			texts[j] =
				(struct bytes){ (const uint8_t *)columns[j], strlen(columns[j]) };
		assert_int_equal(
			series_load(&again, texts[0], texts[1], texts[2], texts[3], texts[4]),
			ERR_OK);
		/* A second of the same is none that a primary key lets in. */
		assert_int_equal(
			series_load(&again, texts[0], texts[1], texts[2], texts[3], texts[4]),
			ERR_FORMAT);
	}
	expect_text(&again, want);
	series_finish(&s);
	series_finish(&again);
	expect_text(&s, "# EOF\n");
}

static void
what_others_wrote_is_refused(void **state)
{
	static const struct {
		const char *rule, *name, *labels, *type, *value, *buckets;
	} rows[] = {
		{ "labels", "a", "[]", "gauge", "1", "" },
		{ "no labels", "a", "", "gauge", "1", "" },
		{ "type", "a", "{}", "Gauge", "1", "" },
		{ "value", "a", "{}", "gauge", "one", "" },
		{ "no buckets", "a", "{}", "histogram", "1", "" },
		{ "no count", "a", "{}", "histogram", "1", "{\"buckets\":[]}" },
		{ "a count", "a", "{}", "histogram", "1", "{\"buckets\":[],\"count\":1}" },
		{ "a pair", "a", "{}", "histogram", "1",
		  "{\"buckets\":[[\"1\"]],\"count\":\"1\"}" },
		{ "a bound", "a", "{}", "histogram", "1",
		  "{\"buckets\":[[1,\"1\"]],\"count\":\"1\"}" },
	};
	struct series_set s = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		const char *const columns[] = { rows[i].name, rows[i].labels, rows[i].type,
						rows[i].value, rows[i].buckets };
		struct bytes texts[5];
		size_t j;

		for (j = 0; j < 5; j++)
			texts[j] =
				(struct bytes){ (const uint8_t *)columns[j], strlen(columns[j]) };
		if (series_load(&s, texts[0], texts[1], texts[2], texts[3], texts[4]) != ERR_FORMAT)
			fail_msg("%s", rows[i].rule);
	}
	series_finish(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_sample_is_refused), cmocka_unit_test(sizes_have_limits),
		cmocka_unit_test(the_longest_labels_fit),       cmocka_unit_test(samples_add_up),
		cmocka_unit_test(what_others_wrote_is_refused),
	};

	return cmocka_run_group_tests_name("project/series", tests, NULL, NULL);
}
