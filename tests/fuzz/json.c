/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The tree reader: what it takes is written to bytes that read back to the same bytes, in both
 * orders; what it refuses has a reason inside the text.
 */
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "json/tree.h"

/* Room for every safe number to gain quotes. */
static char first[65536], second[65536];

static size_t
rewrite(const char *text, size_t size, enum json_order order, enum json_numbers numbers, char *out)
{
	struct json_tree *tree = NULL;
	struct json_writer w;
	size_t written = 0;

	FUZZ_CLAIM(json_tree_read(text, size, 64, &tree, NULL) == ERR_OK);
	json_writer_init(&w, out, sizeof(first));
	FUZZ_CLAIM(json_node_write(json_tree_root(tree), order, numbers, &w) == ERR_OK);
	FUZZ_CLAIM(json_writer_finish(&w, &written) == ERR_OK);
	json_tree_destroy(tree);
	return written;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct json_failure why = { 0 };
	struct json_tree *tree = NULL;
	size_t round;

	if (size > 8192)
		return 0;
	if (json_tree_read(text, size, 64, &tree, &why) != ERR_OK) {
		FUZZ_CLAIM(tree == NULL && why.text != NULL && why.offset <= size);
		return 0;
	}
	json_tree_destroy(tree);
	for (round = 0; round < 4; round++) {
		enum json_order order = round % 2 == 0 ? JSON_ORDER_UTF8 : JSON_ORDER_UTF16;
		enum json_numbers numbers = round < 2 ? JSON_NUMBERS_AS_WRITTEN : JSON_NUMBERS_SAFE;
		size_t a = rewrite(text, size, order, numbers, first);
		size_t b = rewrite(first, a, order, numbers, second);

		FUZZ_CLAIM(a == b && memcmp(first, second, a) == 0);
		FUZZ_CLAIM(numbers == JSON_NUMBERS_SAFE || a <= size);
#ifdef FUZZ_TWIN
		FUZZ_CLAIM(a == size); /* wrong: blanks go */
#endif
	}
	return 0;
}
