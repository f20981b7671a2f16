/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* docs/format/wire.md: its examples get the answers that stand there, and it has every reason. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "wire/prefix.h"

#include <hark/telemetry.h>

#define DOCUMENT TEST_VECTORS "/../../docs/format/wire.md"

static enum hark_wire_mode
mode_of(const char *name)
{
	if (strcmp(name, "wire1") == 0)
		return HARK_WIRE_CELLOS;
	if (strcmp(name, "wire2") == 0)
		return HARK_WIRE_HARK;
	assert_string_equal(name, "first");
	return HARK_WIRE_FIRST;
}

static void
check_example(const char *before, const char *want, const char *hex)
{
	struct hark_wire_session session = { .mode = mode_of(before) };
	struct hark_rejection rejection = { 0 };
	struct hark_guest_declaration d;
	char answer[HARK_REJECTION_TEXT_BYTES];
	uint8_t frame[1024];
	uint32_t body_size = 0;
	size_t size = strlen(hex) / 2;
	size_t i;

	assert_true(size > 4 && size <= sizeof(frame));
	for (i = 0; i < size; i++) {
		unsigned int byte = 0;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		frame[i] = (uint8_t)byte;
	}
	assert_int_equal(frame_prefix_read(frame, &body_size, &rejection), ERR_OK);
	assert_int_equal(body_size, size - 4);
	if (hark_decode_frame(&session, frame + 4, body_size, &d, &rejection) == HARK_TELEMETRY_OK)
		(void)strcpy(answer, session.mode == HARK_WIRE_HARK ? "wire2" : "wire1");
	else
		hark_rejection_text(&rejection, answer);
	if (strcmp(answer, want) != 0)
		fail_msg("the document says %s, the reader %s: %s", want, answer, hex);
}

static void
says_what_the_reader_does(void **state)
{
	FILE *file = fopen(DOCUMENT, "r");
	bool has_reason[HARK_REJECT_COUNT] = { [HARK_REJECT_NONE] = true };
	bool in_examples = false;
	size_t examples = 0;
	char *line = NULL;
	size_t capacity = 0;
	int reason;

	(void)state;
	assert_non_null(file);
	while (getline(&line, &capacity, file) > 0) {
		char before[16];
		char want[HARK_REJECTION_TEXT_BYTES];
		char hex[2048];

		if (strncmp(line, "```", 3) == 0) {
			in_examples = strcmp(line, "```frames\n") == 0;
		} else if (in_examples) {
			assert_int_equal(sscanf(line, "%15s %63s %2047s", before, want, hex), 3);
			check_example(before, want, hex);
			examples++;
		} else if (sscanf(line, "| `%63[a-z0-9_]` |", want) == 1) {
			for (reason = 0; reason < HARK_REJECT_COUNT; reason++) {
				if (strcmp(want, hark_reject_reason_name(
							 (enum hark_reject_reason)reason)) == 0)
					has_reason[reason] = true;
			}
		}
	}
	free(line);
	assert_int_equal(fclose(file), 0);
	assert_true(examples >= 10);
	for (reason = 0; reason < HARK_REJECT_COUNT; reason++) {
		if (!has_reason[reason])
			fail_msg("the document has no %s",
				 hark_reject_reason_name((enum hark_reject_reason)reason));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_the_reader_does),
	};

	return cmocka_run_group_tests_name("wire/document", tests, NULL, NULL);
}
