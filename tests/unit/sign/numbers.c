/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which numbers can be signed for a verifier that prints them anew. */
#include <stdio.h>
#include <string.h>

#include "sign/sign_internal.h"
#include "unit.h"

static void
tells_what_would_change(void **state)
{
	static const struct {
		const char *text;
		bool is_kept;
	} rows[] = {
		{ "0", true },
		{ "-1", true },
		{ "18446744073709551615", true },
		{ "-9223372036854775808", true },
		{ "18446744073709551616", false },
		{ "-9223372036854775809", false },
		{ "-0", false },
		{ "123456789012345678901234567890", false },
		{ "0.5", true },
		{ "-0.5", true },
		{ "1.0", true },
		{ "0.0", true },
		{ "1e+21", true },
		{ "1e-7", true },
		{ "1.5e-7", true },
		{ "4242.0", true },
		{ "0.1234567890123456", true },
		{ "1.50", false },
		{ "1.00", false },
		{ "1.0e5", false },
		{ "1E5", false },
		{ "1e05", false },
		{ "1e0", false },
		{ "1e+0", false },
		{ "1e999", false },
		{ "1e291", false },
		{ "1e99999999999999999999999", false },
		{ "0.123456789012345678", false },
		{ "0.1000000000000000055511151231257827", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct json_tree *tree = NULL;
		const struct json_node *found;
		char text[128];

		(void)snprintf(text, sizeof(text), "{\"a\":[true,{\"b\":%s}]}", rows[i].text);
		assert_int_equal(json_tree_read(text, strlen(text), 8, &tree, NULL), ERR_OK);
		found = sign_number_changed(json_tree_root(tree));
		if ((found == NULL) != rows[i].is_kept)
			fail_msg("%s", rows[i].text);
		if (found != NULL)
			assert_true(json_node_text_is(found, rows[i].text));
		json_tree_destroy(tree);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(tells_what_would_change) };

	return cmocka_run_group_tests_name("sign/numbers", tests, NULL, NULL);
}
