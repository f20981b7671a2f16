/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rows: what a strict reader of trees takes as a flat object of known columns, and nothing else, is
 * a row; and each value is the member's.
 */
#include <string.h>

#include "fuzz.h"
#include "project/row.h"
#include "json/tree.h"

#define COLUMNS 5u
#define DEPTH   (ROW_DEPTH_MAX + 1)

static const char *const names[COLUMNS] = { "a", "b", "c", "j", "a\"b" };

static struct table table;
static struct row_reader reader;

static void
prepare(void)
{
	struct project_config config = { .table = strdup("t") };
	struct project_failure why;
	size_t i;

	for (i = 0; i < COLUMNS; i++) {
		struct bytes name = { (const uint8_t *)names[i], strlen(names[i]) };

		FUZZ_CLAIM(table_add(&table, name, i == 3 ? COLUMN_JSON : COLUMN_PLAIN, false) ==
			   ERR_OK);
	}
	FUZZ_CLAIM(table_end(&table, &config, &why) == ERR_OK);
	FUZZ_CLAIM(row_reader_init(&reader, &table) == ERR_OK);
	free(config.table);
}

/* What the tree has of a column. */
static const struct json_node *
member(const struct json_node *root, size_t column)
{
	const struct json_node *node;

	for (node = root->child; node != NULL; node = node->next) {
		if (node->name_size == strlen(names[column]) &&
		    memcmp(node->name, names[column], node->name_size) == 0)
			return node;
	}
	return NULL;
}

static bool
is_row(const struct json_node *root)
{
	const struct json_node *node;
	size_t i;

	if (root->type != JSON_OBJECT || root->child == NULL)
		return false;
	for (node = root->child; node != NULL; node = node->next) {
		bool known = false;

		for (i = 0; i < COLUMNS; i++)
			known = known || member(root, i) == node;
		if (!known)
			return false;
		if (node->type == JSON_STRING && node->text_size > 0 &&
		    memchr(node->text, 0, node->text_size) != NULL)
			return false;
	}
	return true;
}

static void
check_values(const struct json_node *root, const struct row_value *values)
{
	static const enum row_kind kinds[] = {
		[JSON_NULL] = ROW_NULL,     [JSON_FALSE] = ROW_FALSE,   [JSON_TRUE] = ROW_TRUE,
		[JSON_NUMBER] = ROW_NUMBER, [JSON_STRING] = ROW_STRING, [JSON_ARRAY] = ROW_NESTED,
		[JSON_OBJECT] = ROW_NESTED,
	};
	size_t i;

	for (i = 0; i < COLUMNS; i++) {
		const struct json_node *node = member(root, i);

		FUZZ_CLAIM(values[i].kind == (node != NULL ? kinds[node->type] : ROW_ABSENT));
		if (node == NULL || (node->type != JSON_NUMBER && node->type != JSON_STRING))
			continue;
#ifdef FUZZ_TWIN
		FUZZ_CLAIM(node->type != JSON_STRING || values[i].size == values[i].raw_size);
#endif
		FUZZ_CLAIM(values[i].size == node->text_size);
		FUZZ_CLAIM(node->text_size == 0 ||
			   memcmp(values[i].text, node->text, node->text_size) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct row_value values[COLUMNS];
	char error[ROW_ERROR_BYTES];
	struct json_tree *tree = NULL;
	uint8_t *copy = malloc(size + 1);
	enum err e, tree_e;

	if (copy == NULL)
		abort();
	if (table.count == 0)
		prepare();
	/* To the end of its storage, so that one byte read past it is seen. */
	if (size > 0)
		memcpy(copy + 1, data, size);
	FUZZ_CLAIM(row_reader_begin(&reader, size) == ERR_OK);
	e = row_read(&reader, (struct bytes){ copy + 1, size }, values, error);
	tree_e = json_tree_read((const char *)copy + 1, size, DEPTH, &tree, NULL);
	FUZZ_CLAIM(e == ERR_OK || (e == ERR_FORMAT && error[0] != '\0'));
	FUZZ_CLAIM((e == ERR_OK) == (tree_e == ERR_OK && is_row(json_tree_root(tree))));
	if (e == ERR_OK)
		check_values(json_tree_root(tree), values);
	json_tree_destroy(tree);
	free(copy);
	return 0;
}
