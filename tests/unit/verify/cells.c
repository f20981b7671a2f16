/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is counted of a cell, and that many cells are kept apart up to the limit. */
#include <stdio.h>
#include <string.h>

#include "unit.h"

#include "event/types.h"
#include "verify/cells.h"

static enum cell_note
count(struct cells *c, const char *cell, const char *type, const char *members)
{
	char text[512];
	struct leaf_event e;
	enum cell_note note = CELL_NOTHING;
	const char *why = "";
	int size = snprintf(text, sizeof(text),
			    "{\"data\":{%s%s\"%s,\"runId\":\"r\"},\"id\":\"i\","
			    "\"source\":\"s\",\"type\":\"%s\"}",
			    cell[0] == '"' ? "" : "\"cellId\":\"", cell, members, type);

	if (leaf_read((struct bytes){ (const uint8_t *)text, (size_t)size }, &e, &why) != ERR_OK)
		fail_msg("%s: %s", text, why);
	assert_int_equal(cells_count(c, 5, &e, &note), ERR_OK);
	return note;
}

static void
counts(void **state)
{
	const struct hark_cell_report *rows;
	struct cells *c = NULL;
	size_t size = 0;

	(void)state;
	assert_int_equal(cells_create(&c), ERR_OK);
	assert_int_equal(count(c, "a", EVENT_TYPE_GAP, ",\"count\":\"7\""), CELL_GAP);
	assert_int_equal(count(c, "a", EVENT_TYPE_GAP, ""), CELL_GAP);
	assert_int_equal(count(c, "\"atLeast\":\"2\",\"cellId\":\"a", EVENT_TYPE_DROPPED, ""),
			 CELL_DROPPED);
	assert_int_equal(count(c, "a", EVENT_TYPE_REJECTED, ",\"count\":\"4\""), CELL_REJECTED);
	(void)count(c, "a", "x", ",\"declared\":{\"probeSource\":\"agent.hello\"}");
	(void)count(c, "a", "x", ",\"declared\":{\"probeSource\":\"p\"}");
	(void)count(c, "a", "x", ",\"declared\":{\"probeSource\":\"p\",\"seq\":\"1\"}");
	rows = cells_rows(c, &size);
	assert_int_equal(size, 1);
	assert_string_equal(rows[0].cell, "a");
	assert_string_equal(rows[0].run, "r");
	assert_int_equal(rows[0].gaps, 2);
	assert_int_equal(rows[0].lost, 7);
	assert_int_equal(rows[0].dropped, 2);
	assert_int_equal(rows[0].rejected, 4);
	assert_int_equal(rows[0].declarations, 2);
	assert_int_equal(rows[0].unnumbered, 1);
	cells_destroy(c);
	cells_destroy(NULL);
}

static void
knows_silence(void **state)
{
	struct cells *c = NULL;
	size_t size = 0;

	(void)state;
	assert_int_equal(cells_create(&c), ERR_OK);
	(void)count(c, "a", EVENT_TYPE_AGENT_SILENCED, "");
	assert_true(cells_rows(c, &size)[0].is_silent);
	(void)count(c, "a", EVENT_TYPE_AGENT_RESUMED, "");
	assert_false(cells_rows(c, &size)[0].is_silent);
	assert_int_equal(cells_rows(c, &size)[0].silences, 1);
	cells_destroy(c);
}

static void
unescapes_names(void **state)
{
	struct cells *c = NULL;
	size_t size = 0;

	(void)state;
	assert_int_equal(cells_create(&c), ERR_OK);
	(void)count(c, "q\\\"\\u001bq", "x", "");
	assert_string_equal(cells_rows(c, &size)[0].cell, "q\"\033q");
	cells_destroy(c);
}

static void
has_a_limit(void **state)
{
	const struct hark_cell_report *rows;
	struct cells *c = NULL;
	char name[32];
	unsigned int i;
	size_t size = 0;

	(void)state;
	assert_int_equal(cells_create(&c), ERR_OK);
	for (i = 0; i < HARK_REPORT_CELLS_MAX + 10; i++) {
		(void)snprintf(name, sizeof(name), "c%u", i);
		(void)count(c, name, EVENT_TYPE_GAP, "");
	}
	rows = cells_rows(c, &size);
	assert_int_equal(size, HARK_REPORT_CELLS_MAX);
	assert_string_equal(rows[size - 1].cell, "");
	assert_int_equal(rows[size - 1].gaps, 11);
	assert_string_equal(rows[1].cell, "c1");
	(void)count(c, "c1", EVENT_TYPE_GAP, "");
	assert_int_equal(cells_rows(c, &size)[1].gaps, 2);
	cells_destroy(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(knows_silence),
		cmocka_unit_test(unescapes_names),
		cmocka_unit_test(has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
