/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "project/table.h"

#define COLUMNS_AT_FIRST 16u

/* ---- statements ---------------------------------------------------------------------------- */

void
sql_bytes(struct sql *s, const char *text, size_t size)
{
	MUST(s != NULL && (text != NULL || size == 0));

	if (s->e == ERR_OK)
		s->e = buf_append(&s->text, text, size, SQL_BYTES_MAX);
}

void
sql_add(struct sql *s, const char *text)
{
	MUST(s != NULL && text != NULL);

	sql_bytes(s, text, strlen(text));
}

static void
add_quoted(struct sql *s, const char *text, size_t size, char quote)
{
	sql_bytes(s, &quote, 1);
	while (size > 0) {
		const char *next = memchr(text, quote, size);
		size_t part = next != NULL ? (size_t)(next - text) + 1 : size;

		sql_bytes(s, text, part);
		if (next != NULL)
			sql_bytes(s, &quote, 1);
		text += part;
		size -= part;
	}
	sql_bytes(s, &quote, 1);
}

void
sql_name(struct sql *s, const char *name, size_t size)
{
	MUST(s != NULL && (name != NULL || size == 0));

	add_quoted(s, name, size, '"');
}

void
sql_literal(struct sql *s, struct bytes text)
{
	MUST(s != NULL && (text.data != NULL || text.size == 0));

	add_quoted(s, (const char *)text.data, text.size, '\'');
}

void
sql_format(struct sql *s, const char *format, ...)
{
	char text[512];
	va_list list;
	int n;

	MUST(s != NULL && format != NULL);

	va_start(list, format);
	n = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	/* Our own formats, with numbers and short words. */
	MUST(n >= 0 && (size_t)n < sizeof(text));
	sql_bytes(s, text, (size_t)n);
}

enum err
sql_end(struct sql *s, const char **out)
{
	MUST(s != NULL && out != NULL);

	sql_bytes(s, "", 1);
	if (s->e == ERR_OK)
		*out = (const char *)s->text.data;
	return s->e;
}

void
sql_finish(struct sql *s)
{
	if (s == NULL)
		return;
	buf_finish(&s->text);
	s->e = ERR_OK;
}

/* ---- tables -------------------------------------------------------------------------------- */

static char *
copy(struct bytes text)
{
	char *copied = malloc(text.size + 1);

	if (copied == NULL)
		return NULL;
	if (text.size > 0)
		memcpy(copied, text.data, text.size);
	copied[text.size] = '\0';
	return copied;
}

static bool
is_plain(struct bytes name)
{
	size_t i;

	for (i = 0; i < name.size; i++) {
		if (name.data[i] < 0x20 || name.data[i] == '"' || name.data[i] == '\\')
			return false;
	}
	return true;
}

enum err
table_add(struct table *t, struct bytes name, enum column_form form, bool has_default)
{
	struct table_column column = { .name_size = name.size,
				       .form = form,
				       .has_default = has_default };

	MUST(t != NULL && t->quoted == NULL);

	if (t->count == TABLE_COLUMNS_MAX || name.size > TABLE_NAME_BYTES_MAX)
		return ERR_LIMIT;
	if (t->count == t->capacity) {
		size_t more = t->capacity == 0 ? COLUMNS_AT_FIRST : 2 * t->capacity;
		struct table_column *columns = reallocarray(t->columns, more, sizeof(*columns));

		if (columns == NULL)
			return ERR_MEMORY;
		t->columns = columns;
		t->capacity = more;
	}
	column.is_plain = is_plain(name);
	column.name = copy(name);
	if (column.name == NULL)
		return ERR_MEMORY;
	t->columns[t->count++] = column;
	return ERR_OK;
}

void
table_split(const char *name, struct bytes *schema_out, struct bytes *table_out)
{
	const char *dot;
	size_t size;

	MUST(name != NULL && schema_out != NULL && table_out != NULL);

	dot = strchr(name, '.');
	size = strlen(name);
	*schema_out = (struct bytes){ NULL, 0 };
	*table_out = (struct bytes){ (const uint8_t *)name, size };
	if (dot == NULL)
		return;
	*schema_out = (struct bytes){ (const uint8_t *)name, (size_t)(dot - name) };
	*table_out = (struct bytes){ (const uint8_t *)dot + 1, size - schema_out->size - 1 };
}

void
table_quote(const char *name, struct sql *s)
{
	struct bytes schema, table;

	table_split(name, &schema, &table);
	if (schema.data != NULL) {
		sql_name(s, (const char *)schema.data, schema.size);
		sql_add(s, ".");
	}
	sql_name(s, (const char *)table.data, table.size);
}

static enum err
set_name(struct table *t, const char *name)
{
	struct sql s = { 0 };
	const char *text = NULL;
	enum err e;

	table_quote(name, &s);
	e = sql_end(&s, &text);
	if (e == ERR_OK) {
		t->quoted = strdup(text);
		e = t->quoted != NULL ? ERR_OK : ERR_MEMORY;
	}
	sql_finish(&s);
	return e;
}

enum err
table_end(struct table *t, const struct project_config *config, struct project_failure *why)
{
	char shown[256];
	size_t i;

	MUST(t != NULL && config != NULL && config->table != NULL && why != NULL);

	for (i = 0; i < config->key_count; i++) {
		const char *key = config->keys[i];
		size_t at = table_find(t, key, strlen(key), 0);

		if (at == t->count || t->columns[at].is_key) {
			(void)text_escape(key, strlen(key), shown, sizeof(shown));
			project_say(why, "the key \"%s\" is %s of the table", shown,
				    at == t->count ? "no column that can be written"
						   : "twice a column");
			return ERR_REFUSED;
		}
		t->columns[at].is_key = true;
		t->keys[t->key_count++] = at;
	}
	return set_name(t, config->table);
}

size_t
table_find(const struct table *t, const char *name, size_t size, size_t guess)
{
	size_t i;

	MUST(t != NULL && name != NULL);

	for (i = 0; i < t->count; i++) {
		size_t at = guess + i < t->count ? guess + i : guess + i - t->count;
		const struct table_column *c = &t->columns[at];

		if (c->name_size == size && memcmp(c->name, name, size) == 0)
			return at;
	}
	return t->count;
}

void
table_finish(struct table *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->count; i++) {
		free(t->columns[i].name);
	}
	free(t->columns);
	free(t->quoted);
	*t = (struct table){ 0 };
}
