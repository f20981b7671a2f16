/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An event as a line for a person: what is shown, what is escaped, and that it is one line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hark/event_line.h"
#include "unit.h"

#define CELL_EVENT(type, data)                                                        \
	"{\"data\":" data ",\"id\":\"h/evidence/7\",\"source\":\"/hark/h/evidence\"," \
	"\"specversion\":\"1.0\",\"time\":\"2026-11-21T13:20:00.123456789Z\","        \
	"\"type\":\"" type "\"}"

#define BYTES_31                                                                        \
	"0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28," \
	"29,30"

static const struct {
	const char *rule, *json, *want;
} rows[] = {
	{ "a declaration",
	  CELL_EVENT("dev.hark.events.cell.v1.guest.process_exec",
		     "{\"authority\":{\"rule\":\"R\"},\"cellId\":\"c0\",\"declared\":{\"detail\":{"
		     "\"exe\":\"/bin/ls\",\"root\":true},\"guestComm\":\"ls\","
		     "\"guestMonotonicNs\":\"5\",\"guestPid\":42,\"probeSource\":\"process.exec\","
		     "\"seq\":\"3\"},\"epoch\":1,\"runId\":\"r\"}"),
	  "       7  13:20:00.123  c0            guest.process_exec  ls[42] exe=/bin/ls root=true "
	  "probeSource=process.exec seq=3\n" },
	{ "CellOS's type",
	  CELL_EVENT("dev.cellos.events.cell.observability.guest.process_spawned",
		     "{\"cellId\":\"c0\"}"),
	  "       7  13:20:00.123  c0            guest.process_spawned\n" },
	{ "an event of the host",
	  CELL_EVENT("dev.hark.events.host.v1.started", "{\"clean\":false}"),
	  "       7  13:20:00.123  -             host.v1.started clean=false\n" },
	{ "an unknown type",
	  CELL_EVENT("org.example.x", "{\"a\":[1,null,\"two words\"],\"b\":\"\"}"),
	  "       7  13:20:00.123  -             org.example.x a=1,null,\"two words\" b=\"\"\n" },
	{ "a digest, of numbers",
	  CELL_EVENT("t", "{\"a\":[" BYTES_31 ",255],\"b\":[" BYTES_31 ",256],\"c\":[]}"),
	  "       7  13:20:00.123  -             t "
	  "a=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff "
	  "b=" BYTES_31 ",256\n" },
	{ "arrays of arrays", CELL_EVENT("t", "{\"a\":[[1,2],{\"b\":[3]}]}"),
	  "       7  13:20:00.123  -             t 1,2 b=3\n" },
	{ "an escape sequence in a value",
	  CELL_EVENT("t", "{\"cellId\":\"c0\",\"declared\":{\"guestComm\":\"\\u001b[31m\\n\","
			  "\"guestPid\":1}}"),
	  "       7  13:20:00.123  c0            t  \\x1b[31m\\x0a[1]\n" },
	{ "an escape sequence in a name", CELL_EVENT("t", "{\"\\u001b[2J\":1}"),
	  "       7  13:20:00.123  -             t \\x1b[2J=1\n" },
	{ "no members that we know", "{}", "       7                -             \n" },
	{ "members of other types", "{\"data\":5,\"time\":{},\"type\":[]}",
	  "       7                -             \n" },
};

static size_t
line_of(const char *json, size_t size, bool in_colour, char text[EVENT_LINE_BYTES])
{
	struct json_tree *tree = NULL;
	enum err e = json_tree_read(json, size, 64, &tree, NULL);
	size_t line;

	assert_true(e == ERR_OK || tree == NULL);
	line = event_line_write(7, (struct bytes){ .data = (const uint8_t *)json, .size = size },
				tree != NULL ? json_tree_root(tree) : NULL, in_colour, text);
	json_tree_destroy(tree);
	return line;
}

/* One line of printable ASCII, and of colours where they are wanted. */
static void
check_line(const char *text, size_t size, bool in_colour)
{
	size_t i;

	assert_true(size > 0 && size <= EVENT_LINE_BYTES);
	for (i = 0; i + 1 < size; i++) {
		if (in_colour && text[i] == '\x1b')
			continue;
		assert_true(text[i] >= ' ' && text[i] < 0x7f);
	}
	assert_int_equal(text[size - 1], '\n');
}

static void
lines_are_as_they_are_shown(void **state)
{
	char text[EVENT_LINE_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		size_t size = line_of(rows[i].json, strlen(rows[i].json), false, text);

		if (size != strlen(rows[i].want) || memcmp(text, rows[i].want, size) != 0)
			fail_msg("%s: %.*s", rows[i].rule, (int)size, text);
	}
}

static void
colours_end_with_the_line(void **state)
{
	static const char json[] = CELL_EVENT("dev.hark.events.cell.v1.rejected", "{\"a\":1}");
	static const char want[] = "       7  13:20:00.123  -             \x1b[31mrejected\x1b[0m"
				   "\x1b[2m a=1\x1b[0m\n";
	char text[EVENT_LINE_BYTES];
	size_t size = line_of(json, strlen(json), true, text);

	(void)state;
	assert_int_equal(size, strlen(want));
	assert_memory_equal(text, want, size);
}

static void
what_is_too_long_is_cut(void **state)
{
	static char json[60000];
	char text[EVENT_LINE_BYTES];
	size_t at = 0;
	size_t i;

	(void)state;
	at += (size_t)snprintf(json, sizeof(json), "{\"data\":{");
	for (i = 0; i < 1000; i++)
		at += (size_t)snprintf(json + at, sizeof(json) - at, "%s\"member%04zu\":\"%030zu\"",
				       i > 0 ? "," : "", i, i);
	at += (size_t)snprintf(json + at, sizeof(json) - at, "}}");
	for (i = 0; i < 2; i++) {
		size_t size = line_of(json, at, i == 1, text);

		check_line(text, size, i == 1);
		assert_non_null(memmem(text, size, "...", 3));
	}
	/* What is no event at all may be long too. */
	memset(json, '\x1b', sizeof(json));
	check_line(text, line_of(json, sizeof(json), false, text), false);
	assert_non_null(memmem(text, EVENT_LINE_BYTES, "no event: \\x1b", 14));
}

static void
nothing_cut_or_flipped_makes_two_lines(void **state)
{
	char text[EVENT_LINE_BYTES];
	char changed[1024];
	size_t i, j;
	unsigned int bit;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		size_t size = strlen(rows[i].json);

		for (j = 0; j < size; j++)
			check_line(text, line_of(rows[i].json, j, true, text), true);
		for (j = 0; j < size * 8; j++) {
			bit = (unsigned int)(j % 8);
			memcpy(changed, rows[i].json, size);
			changed[j / 8] = (char)(changed[j / 8] ^ (1 << bit));
			check_line(text, line_of(changed, size, false, text), false);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_as_they_are_shown),
		cmocka_unit_test(colours_end_with_the_line),
		cmocka_unit_test(what_is_too_long_is_cut),
		cmocka_unit_test(nothing_cut_or_flipped_makes_two_lines),
	};

	return cmocka_run_group_tests_name("hark/event_line", tests, NULL, NULL);
}
