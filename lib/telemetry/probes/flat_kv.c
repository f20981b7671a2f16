/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads the kernel's flat key-value files and writes them as JSON. */
#include "telemetry/probes/flat_kv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

static bool
is_key_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.';
}

/* Reads one line; *used counts its line feed. */
static enum err
read_line(const char *text, size_t size, struct flat_kv_entry *out, size_t *used)
{
	const char *end = memchr(text, '\n', size);
	size_t key_size = 0;
	size_t line_size;

	if (end == NULL)
		return ERR_FORMAT; /* cut in the middle of a line */
	line_size = (size_t)(end - text);
	while (key_size < line_size && is_key_byte(text[key_size]))
		key_size++;
	if (key_size == 0 || key_size == line_size || text[key_size] != ' ')
		return ERR_FORMAT;
	*used = line_size + 1;
	out->key = text;
	out->key_size = key_size;
	return num_read_u64(text + key_size + 1, line_size - key_size - 1, UINT64_MAX, &out->value);
}

static int
compare(const void *a, const void *b)
{
	const struct flat_kv_entry *x = a;
	const struct flat_kv_entry *y = b;
	size_t size = x->key_size < y->key_size ? x->key_size : y->key_size;
	int order = memcmp(x->key, y->key, size);

	if (order != 0)
		return order;
	return (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

enum err
flat_kv_read(const char *text, size_t size, struct flat_kv *out)
{
	struct flat_kv kv = { .count = 0 };
	size_t at = 0;
	size_t i;

	while (at < size) {
		size_t used = 0;
		enum err e;

		if (kv.count == FLAT_KV_COUNT_MAX)
			return ERR_LIMIT;
		e = read_line(text + at, size - at, &kv.entries[kv.count], &used);
		if (e != ERR_OK)
			return e;
		kv.count++;
		at += used;
	}
	qsort(kv.entries, kv.count, sizeof(kv.entries[0]), compare);
	for (i = 1; i < kv.count; i++)
		if (compare(&kv.entries[i - 1], &kv.entries[i]) == 0)
			return ERR_DUPLICATE;
	*out = kv;
	return ERR_OK;
}

void
flat_kv_write(const struct flat_kv *kv, struct json_writer *w)
{
	size_t i;

	json_write_literal(w, "{");
	for (i = 0; i < kv->count; i++) {
		if (i > 0)
			json_write_literal(w, ",");
		json_write_string(w, kv->entries[i].key, kv->entries[i].key_size);
		json_write_literal(w, ":");
		json_write_u64_string(w, kv->entries[i].value);
	}
	json_write_literal(w, "}");
}
