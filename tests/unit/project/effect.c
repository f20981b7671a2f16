/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Effects put together within the manifest's bounds, from an observer that may say anything. */
#include <string.h>

#include "project/effect.h"
#include "proto/staged.h"
#include "unit.h"

/* Tokens 0 and 2 are granted; 3 effects of 10 bytes, 20 in all. */
static const struct project_config config = {
	.tokens = 5, .payload_bytes = 10, .effects = 3, .effect_bytes = 20
};

static const struct {
	const char *rule;
	/* Pieces of a message: a token, a dash where it goes on, bytes; a slash begins another. */
	const char *messages[3];
	uint64_t count;
	enum err want; /* of the last message, or of the end */
	const char *effects;
} rows[] = {
	{ "none", { "" }, 0, ERR_OK, "" },
	{ "one", { "0abc" }, 1, ERR_OK, "0abc" },
	{ "an empty one", { "0" }, 1, ERR_OK, "0" },
	{ "two of two tokens", { "0abc/2de" }, 2, ERR_OK, "0abc/2de" },
	{ "one in two messages", { "0-ab", "0cd/2" }, 2, ERR_OK, "0abcd/2" },
	{ "one in three", { "2-ab", "2-cd", "2e" }, 1, ERR_OK, "2abcde" },
	{ "as large as may be", { "00123456789" }, 1, ERR_OK, "00123456789" },
	{ "as many as may be", { "0/0/2" }, 3, ERR_OK, "0/0/2" },
	{ "as much as may be",
	  { "00123456789/00123456789" },
	  2,
	  ERR_OK,
	  "00123456789/00123456789" },
	{ "one too large", { "00123456789x" }, 1, ERR_LIMIT, NULL },
	{ "one too large in two", { "0-0123456789", "0x" }, 1, ERR_LIMIT, NULL },
	{ "one too many", { "0/0/0/0" }, 4, ERR_LIMIT, NULL },
	{ "too much", { "00123456789/00123456789/0x" }, 3, ERR_LIMIT, NULL },
	{ "a token that is not granted", { "0a/1b" }, 2, ERR_FORMAT, NULL },
	{ "one that goes on as another", { "0-a", "2b" }, 1, ERR_FORMAT, NULL },
	{ "fewer than were counted", { "0a" }, 2, ERR_FORMAT, NULL },
	{ "more than were counted", { "0a/0b" }, 1, ERR_FORMAT, NULL },
	{ "one that never ends", { "0-a" }, 1, ERR_FORMAT, NULL },
};

static size_t
write_message(const char *from, uint8_t *out)
{
	size_t used = 0;

	while (*from != '\0') {
		size_t size = strcspn(from, "/");
		bool goes_on = size > 1 && from[1] == '-';
		uint8_t bytes[64] = { 0 };
		struct bytes rest = { bytes, size - 1 - goes_on + goes_on };

		memcpy(bytes, from + 1 + goes_on, size - 1 - goes_on);
		/* One byte more than fits makes it go on. */
		assert_int_equal(staged_write((uint8_t)(from[0] - '0'), &rest, out,
					      goes_on ? used + STAGED_HEAD_BYTES + size - 2 : 1024,
					      &used),
				 !goes_on);
		from += size + (from[size] == '/');
	}
	return used;
}

static void
effects_stay_within_bounds(void **state)
{
	struct effects s = { 0 };
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		char got[256] = "";
		enum err e = ERR_OK;

		for (j = 0; e == ERR_OK && j < 3 && rows[i].messages[j] != NULL; j++) {
			uint8_t message[1024];
			size_t size = write_message(rows[i].messages[j], message);

			e = effects_take(&s, (struct bytes){ message, size }, &config);
		}
		if (e == ERR_OK)
			e = effects_end(&s, rows[i].count);
		if (e != rows[i].want)
			fail_msg("%s: %s", rows[i].rule, err_text(e));
		for (j = 0; e == ERR_OK && j < s.count; j++) {
			const struct effect *effect = &s.items[j];
			size_t size = strlen(got);

			assert_int_equal(effect->ordinal, j);
			got[size++] = '/';
			got[size++] = (char)('0' + effect->token);
			if (effect->payload.size > 0)
				memcpy(got + size, effect->payload.data, effect->payload.size);
		}
		if (e == ERR_OK && strcmp(got + (got[0] != '\0'), rows[i].effects) != 0)
			fail_msg("%s: %s", rows[i].rule, got);
		effects_clear(&s);
	}
	effects_finish(&s);
}

static void
what_is_malformed_is_refused(void **state)
{
	static const uint8_t cut[] = { 0, 0, 0, 0, 2, 0, 0, 0, 'a' };
	struct effects s = { 0 };

	(void)state;
	assert_int_equal(effects_take(&s, (struct bytes){ cut, sizeof(cut) }, &config), ERR_FORMAT);
	effects_finish(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(effects_stay_within_bounds),
		cmocka_unit_test(what_is_malformed_is_refused),
	};

	return cmocka_run_group_tests_name("project/effect", tests, NULL, NULL);
}
