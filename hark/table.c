/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tables and JSON members.  Nothing here knows what the values mean. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "hark/table.h"

/* The longest cell that is shown, in bytes. */
#define CELL_BYTES_MAX 512u

enum err
table_init(struct table *t, const char *const *titles, size_t columns)
{
	enum err e = ERR_OK;
	size_t i;

	MUST(t != NULL && columns > 0 && columns <= TABLE_COLUMNS_MAX);

	*t = (struct table){ .columns = columns };
	for (i = 0; i < columns && e == ERR_OK; i++)
		e = table_add(t, titles[i], strlen(titles[i]));
	return e;
}

enum err
table_add(struct table *t, const char *text, size_t size)
{
	char shown[CELL_BYTES_MAX];
	char *copy;

	MUST(t != NULL && t->columns > 0);

	if (t->count == t->capacity) {
		size_t capacity = t->capacity > 0 ? t->capacity * 2 : 64;
		char **cells = realloc(t->cells, capacity * sizeof(*cells));

		if (cells == NULL)
			return ERR_MEMORY;
		t->cells = cells;
		t->capacity = capacity;
	}
	(void)text_escape(size > 0 ? text : "-", size > 0 ? size : 1, shown, sizeof(shown));
	copy = strdup(shown);
	if (copy == NULL)
		return ERR_MEMORY;
	t->cells[t->count++] = copy;
	return ERR_OK;
}

enum err
table_add_number(struct table *t, uint64_t value)
{
	char digits[NUM_U64_DIGITS_MAX];

	return table_add(t, digits, num_write_u64(value, digits));
}

static int
compare_rows(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return strcmp(*x, *y);
}

void
table_sort(struct table *t)
{
	MUST(t != NULL && t->count % t->columns == 0);

	if (t->count > t->columns)
		qsort(t->cells + t->columns, t->count / t->columns - 1,
		      t->columns * sizeof(*t->cells), compare_rows);
}

void
table_print(const struct table *t)
{
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };
	size_t i;

	MUST(t != NULL && t->count % t->columns == 0);

	for (i = 0; i < t->count; i++) {
		size_t size = strlen(t->cells[i]);

		if (size > widths[i % t->columns])
			widths[i % t->columns] = size;
	}
	for (i = 0; i < t->count; i++) {
		if (i % t->columns == t->columns - 1)
			(void)printf("%s\n", t->cells[i]);
		else
			(void)printf("%-*s  ", (int)widths[i % t->columns], t->cells[i]);
	}
}

void
table_finish(struct table *t)
{
	if (t == NULL)
		return;
	while (t->count > 0)
		free(t->cells[--t->count]);
	free(t->cells);
	*t = (struct table){ .columns = 0 };
}

/* ---- JSON ---------------------------------------------------------------------------------- */

void
table_json_name(struct json_writer *w, const char *name)
{
	if (w->at > w->start && w->at[-1] != '{')
		json_write_literal(w, ",");
	json_write_string(w, name, strlen(name));
	json_write_literal(w, ":");
}

void
table_json_text(struct json_writer *w, const char *name, struct bytes text)
{
	const char *from = (const char *)text.data;
	size_t i;

	table_json_name(w, name);
	if (text_is_utf8(from, text.size)) {
		json_write_string(w, from, text.size);
		return;
	}
	json_write_literal(w, "\"");
	for (i = 0; i < text.size; i++) {
		char c = from[i] >= ' ' && from[i] < 0x7f ? from[i] : '?';

		json_write_string_part(w, &c, 1);
	}
	json_write_literal(w, "\"");
}

void
table_json_number(struct json_writer *w, const char *name, uint64_t value)
{
	table_json_name(w, name);
	json_write_u64_string(w, value);
}

void
table_json_small(struct json_writer *w, const char *name, uint32_t value)
{
	table_json_name(w, name);
	json_write_u64_digits(w, value);
}
