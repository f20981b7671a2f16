/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rows of the conformance cases for the tests of probes: one call for each line of the file. */
#ifndef TESTS_TELEMETRY_PROBES_ROWS_H
#define TESTS_TELEMETRY_PROBES_ROWS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "json/tree.h"

typedef void row_fn(const char *name, const struct json_node *row);

/* Calls `fn` for each row whose name begins with `prefix`; gives how many there were. */
static inline size_t
rows_each(const char *prefix, row_fn *fn)
{
	FILE *f = fopen(TEST_VECTORS "/cellos-stamped.jsonl", "r");
	char *line = NULL;
	size_t capacity = 0;
	size_t count = 0;
	ssize_t size;

	assert_non_null(f);
	while ((size = getline(&line, &capacity, f)) > 0) {
		struct json_tree *tree = NULL;
		const struct json_node *name;
		char text[128];

		size -= line[size - 1] == '\n';
		assert_int_equal(json_tree_read(line, (size_t)size, 32, &tree, NULL), ERR_OK);
		name = json_node_member(json_tree_root(tree), "name");
		assert_non_null(name);
		assert_true(name->text_size < sizeof(text));
		memcpy(text, name->text, name->text_size);
		text[name->text_size] = '\0';
		if (strncmp(text, prefix, strlen(prefix)) == 0) {
			fn(text, json_tree_root(tree));
			count++;
		}
		json_tree_destroy(tree);
	}
	free(line);
	(void)fclose(f);
	return count;
}

#endif
