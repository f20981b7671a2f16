/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The object itself is read member by member, without a tree: that is half of what a row costs.
 * What is nested in it is judged by the reader of trees.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "project/row.h"
#include "json/scan.h"
#include "json/tree.h"

/* json_scan may write so many bytes behind what it keeps. */
#define SCAN_SLACK 16u

enum err
row_reader_init(struct row_reader *r, const struct table *table)
{
	MUST(r != NULL && table != NULL && table->count > 0);

	*r = (struct row_reader){ .table = table };
	r->guesses = calloc(table->count, sizeof(r->guesses[0]));
	return r->guesses != NULL ? ERR_OK : ERR_MEMORY;
}

enum err
row_reader_begin(struct row_reader *r, size_t payload_bytes)
{
	char *storage;

	MUST(r != NULL && payload_bytes < SIZE_MAX - SCAN_SLACK);

	r->used = 0;
	if (payload_bytes + SCAN_SLACK <= r->capacity)
		return ERR_OK;
	storage = realloc(r->storage, payload_bytes + SCAN_SLACK);
	if (storage == NULL)
		return ERR_MEMORY;
	r->storage = storage;
	r->capacity = payload_bytes + SCAN_SLACK;
	return ERR_OK;
}

void
row_reader_finish(struct row_reader *r)
{
	if (r == NULL)
		return;
	free(r->guesses);
	free(r->storage);
	*r = (struct row_reader){ 0 };
}

/* ---- values -------------------------------------------------------------------------------- */

static bool
takes(struct json_scan *s, const char *word, size_t size)
{
	if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0)
		return false;
	s->at += size;
	return true;
}

/* At an array or object: goes behind it, and has it judged. */
static enum err
skip_nested(struct json_scan *s)
{
	struct json_failure failure = { .text = "malformed" };
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	const char *from = s->at;
	size_t depth = 0;
	bool in_string = false;
	enum err e;

	do {
		char c = *s->at++;

		if (in_string) {
			if (c == '\\' && s->at < s->end)
				s->at++;
			in_string = c != '"';
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			depth--;
		} else {
			in_string = c == '"';
		}
	} while (depth > 0 && s->at < s->end);
	e = json_tree_read(from, (size_t)(s->at - from), ROW_DEPTH_MAX, &tree, &failure);
	if (e == ERR_OK || e == ERR_MEMORY)
		return e;
	return json_scan_refuse(s, failure.text);
}

static enum err
read_value(struct json_scan *s, struct row_value *v)
{
	enum err e = ERR_OK;

	v->raw = s->at;
	if (s->at == s->end)
		return json_scan_refuse(s, "the text ends where a value is due");
	switch (*s->at) {
	case '"':
		v->kind = ROW_STRING;
		e = json_scan_string(s, &v->text, &v->size);
		break;
	case '{':
	case '[':
		v->kind = ROW_NESTED;
		e = skip_nested(s);
		break;
	case 'n':
		v->kind = ROW_NULL;
		e = takes(s, "null", 4) ? ERR_OK : json_scan_refuse(s, "unknown word");
		break;
	case 't':
		v->kind = ROW_TRUE;
		e = takes(s, "true", 4) ? ERR_OK : json_scan_refuse(s, "unknown word");
		break;
	case 'f':
		v->kind = ROW_FALSE;
		e = takes(s, "false", 5) ? ERR_OK : json_scan_refuse(s, "unknown word");
		break;
	default:
		v->kind = ROW_NUMBER;
		e = json_scan_number(s, &v->text, &v->size);
		break;
	}
	v->raw_size = (size_t)(s->at - v->raw);
	return e;
}

struct bytes
row_value_text(const struct row_value *v, enum column_form form)
{
	MUST(v != NULL && v->kind != ROW_ABSENT && v->kind != ROW_NULL);

	if (v->kind == ROW_STRING && form != COLUMN_JSON)
		return (struct bytes){ (const uint8_t *)v->text, v->size };
	return (struct bytes){ (const uint8_t *)v->raw, v->raw_size };
}

/* ---- objects ------------------------------------------------------------------------------- */

static enum err
refuse_name(char *error, const char *words, const char *name, size_t size)
{
	char shown[256];

	(void)text_escape(name, size, shown, sizeof(shown));
	(void)snprintf(error, ROW_ERROR_BYTES, "%s: \"%s\"", words, shown);
	return ERR_FORMAT;
}

/* Whether the next name is that column's, written as it is: then goes behind it. */
static bool
takes_name(struct json_scan *s, const struct table_column *c)
{
	if ((size_t)(s->end - s->at) < c->name_size + 2 || !c->is_plain || s->at[0] != '"' ||
	    s->at[1 + c->name_size] != '"' || memcmp(s->at + 1, c->name, c->name_size) != 0)
		return false;
	s->at += c->name_size + 2;
	return true;
}

/* The column that the next name is of. */
static enum err
read_name(struct row_reader *r, struct json_scan *s, size_t place, size_t *at_out, char *error)
{
	const struct table *t = r->table;
	size_t guess = place < t->count ? r->guesses[place] : 0;
	const char *name;
	size_t size;
	enum err e;

	/* A module writes its members in the same order each time. */
	if (takes_name(s, &t->columns[guess])) {
		*at_out = guess;
		return ERR_OK;
	}
	if (s->at == s->end || *s->at != '"')
		return json_scan_refuse(s, "a name in quotes is due");
	e = json_scan_string(s, &name, &size);
	if (e != ERR_OK)
		return e;
	*at_out = table_find(t, name, size, guess);
	if (*at_out == t->count)
		return refuse_name(error, "the table has no such column to be written", name, size);
	if (place < t->count)
		r->guesses[place] = *at_out;
	return ERR_OK;
}

static enum err
read_member(struct row_reader *r, struct json_scan *s, size_t place, struct row_value *values,
	    char *error)
{
	const struct table_column *c;
	size_t at = 0;
	enum err e;

	e = read_name(r, s, place, &at, error);
	if (e != ERR_OK)
		return e;
	c = &r->table->columns[at];
	if (values[at].kind != ROW_ABSENT)
		return refuse_name(error, "a member is given twice", c->name, c->name_size);
	json_scan_blanks(s);
	if (!takes(s, ":", 1))
		return json_scan_refuse(s, "a colon is due");
	json_scan_blanks(s);
	e = read_value(s, &values[at]);
	if (e != ERR_OK)
		return e;
	if (values[at].kind == ROW_STRING && values[at].size > 0 &&
	    memchr(values[at].text, '\0', values[at].size) != NULL)
		return refuse_name(error, "a text with a NUL in it", c->name, c->name_size);
	json_scan_blanks(s);
	return ERR_OK;
}

static enum err
read_object(struct row_reader *r, struct json_scan *s, struct row_value *values, char *error)
{
	size_t place = 0;
	enum err e;

	json_scan_blanks(s);
	if (!takes(s, "{", 1))
		return json_scan_refuse(s, "not a JSON object");
	json_scan_blanks(s);
	if (takes(s, "}", 1))
		return json_scan_refuse(s, "an object without members");
	do {
		json_scan_blanks(s);
		e = read_member(r, s, place++, values, error);
		if (e != ERR_OK)
			return e;
	} while (takes(s, ",", 1));
	if (!takes(s, "}", 1))
		return json_scan_refuse(s, "a comma or the object's end is due");
	json_scan_blanks(s);
	return s->at == s->end ? ERR_OK : json_scan_refuse(s, "text behind the object");
}

static enum err
check_key(const struct table *t, const struct row_value *values, char *error)
{
	size_t i;

	for (i = 0; i < t->key_count; i++) {
		const struct table_column *c = &t->columns[t->keys[i]];
		enum row_kind kind = values[t->keys[i]].kind;

		if (kind == ROW_ABSENT || kind == ROW_NULL)
			return refuse_name(error, "a column of the key has no value", c->name,
					   c->name_size);
	}
	return ERR_OK;
}

enum err
row_read(struct row_reader *r, struct bytes payload, struct row_value *values,
	 char error[ROW_ERROR_BYTES])
{
	struct json_scan s = { .at = (const char *)payload.data };
	enum err e;

	MUST(r != NULL && r->table != NULL && values != NULL && error != NULL);

	if (payload.size == 0) {
		(void)snprintf(error, ROW_ERROR_BYTES, "empty");
		return ERR_FORMAT;
	}
	MUST(payload.size <= r->capacity && r->used <= r->capacity - payload.size);
	s.end = s.at + payload.size;
	s.bytes_at = r->storage + r->used;
	memset(values, 0, r->table->count * sizeof(values[0]));
	error[0] = '\0';
	e = read_object(r, &s, values, error);
	r->used = (size_t)(s.bytes_at - r->storage);
	if (e == ERR_FORMAT && error[0] == '\0')
		(void)snprintf(error, ROW_ERROR_BYTES, "no JSON at byte %zu: %s",
			       (size_t)(s.at - (const char *)payload.data), s.why);
	return e == ERR_OK ? check_key(r->table, values, error) : e;
}
