/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An observer written as the YAML that reads back: every value, in one order and one form. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "config/config.h"
#include "config/observer.h"

static const char *const token_names[] = {
#define NAME(text) text,
	HARK_OBSERVER_TOKEN_NAMES(NAME)
#undef NAME
};

/* What is written; the first failure stays, and nothing is written after it. */
struct writer {
	struct buf *out;
	enum err e;
};

static void
put(struct writer *w, const char *text, size_t size)
{
	if (w->e == ERR_OK)
		w->e = buf_append(w->out, text, size, CONFIG_OBSERVER_TEXT_MAX);
}

__attribute__((format(printf, 2, 3))) static void
putf(struct writer *w, const char *format, ...)
{
	char text[128];
	va_list list;
	int size;

	va_start(list, format);
	size = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	MUST(size >= 0 && (size_t)size < sizeof(text));
	put(w, text, (size_t)size);
}

/* With double quotes, and as ASCII: then no rule of YAML is about its content. */
static void
put_text(struct writer *w, const char *text)
{
	size_t left = strlen(text);

	put(w, "\"", 1);
	while (left > 0) {
		uint32_t c = 0;
		size_t size = text_code_point(text, left, &c);

		MUST(size > 0); /* what was read is UTF-8 */
		if (c == '"' || c == '\\')
			putf(w, "\\%c", (char)c);
		else if (c >= 0x20 && c < 0x7f)
			put(w, text, 1);
		else if (c < 0x10000)
			putf(w, "\\u%04" PRIX32, c);
		else
			putf(w, "\\U%08" PRIX32, c);
		text += size;
		left -= size;
	}
	put(w, "\"", 1);
}

static void
put_pair(struct writer *w, const char *indent, const char *key, const char *text)
{
	putf(w, "%s%s: ", indent, key);
	put_text(w, text);
	put(w, "\n", 1);
}

static void
put_list(struct writer *w, const char *indent, const char *key, const struct config_texts *list)
{
	size_t i;

	if (list->count == 0)
		return;
	putf(w, "%s%s: [", indent, key);
	for (i = 0; i < list->count; i++) {
		if (i > 0)
			put(w, ", ", 2);
		put_text(w, list->texts[i]);
	}
	put(w, "]\n", 2);
}

static void
put_head(struct writer *w, const struct config_observer *o)
{
	bool first = true;
	size_t i;

	put_pair(w, "", "name", o->name);
	put_pair(w, "", "module", o->module);
	put_pair(w, "", "digest", o->digest);
	putf(w, "engine: %s\n", o->noop ? "noop" : "wasmtime");
	if (o->tokens == 0)
		return;
	putf(w, "grants: [");
	for (i = 0; i < sizeof(token_names) / sizeof(token_names[0]); i++) {
		if ((o->tokens & HARK_OBSERVER_TOKEN_BIT(i)) == 0)
			continue;
		putf(w, "%s%s", first ? "" : ", ", token_names[i]);
		first = false;
	}
	putf(w, "]\n");
}

static void
put_limits(struct writer *w, const struct config_observer *o)
{
	if (o->cells.count + o->types.count + o->sources.count > 0) {
		putf(w, "filter:\n");
		put_list(w, "  ", "cells", &o->cells);
		put_list(w, "  ", "types", &o->types);
		put_list(w, "  ", "sources", &o->sources);
	}
	putf(w, "limits:\n");
#define LIMIT(name, words, usual, most) putf(w, "  " #name ": %" PRIu64 "\n", o->limits.name);
	HARK_OBSERVER_LIMITS(LIMIT)
#undef LIMIT
	putf(w, "batch: %" PRIu32 "\nstrikes: %" PRIu32 "\non_trap: %s\nfrom: %" PRIu64 "\n",
	     o->batch, o->strikes, o->stop_on_trap ? "stop" : "skip", o->from);
}

static void
put_sections(struct writer *w, const struct config_observer *o)
{
	if (o->table != NULL) {
		putf(w, "pg:\n");
		put_pair(w, "  ", "table", o->table);
		put_list(w, "  ", "key", &o->key);
		if (o->create != NULL)
			put_pair(w, "  ", "create", o->create);
	}
	if (o->metric_file != NULL) {
		putf(w, "metric:\n");
		put_pair(w, "  ", "file", o->metric_file);
		put_pair(w, "  ", "prefix", o->metric_prefix);
		putf(w, "  series: %" PRIu32 "\n", o->metric_series);
	}
	if (o->receipt_file != NULL) {
		putf(w, "kms:\n");
		put_pair(w, "  ", "file", o->receipt_file);
	}
	if (o->log_lines_per_s > 0)
		putf(w, "log:\n  lines_per_s: %" PRIu32 "\n", o->log_lines_per_s);
}

enum err
config_observer_write(const struct config_observer *o, bool secrets, struct buf *out)
{
	struct writer w = { out, ERR_OK };
	char shown[CONFIG_PATH_BYTES_MAX + 16]; /* and what stands for a secret */

	MUST(o != NULL && o->name != NULL && o->module != NULL && o->digest != NULL);
	MUST(out != NULL);

	put_head(&w, o);
	put_limits(&w, o);
	if (o->projection != NULL && secrets) {
		put_pair(&w, "", "projection", o->projection);
	} else if (o->projection != NULL) {
		config_projection_shown(o->projection, shown, sizeof(shown));
		put_pair(&w, "", "projection", shown);
	}
	put_sections(&w, o);
	return w.e;
}

bool
config_observer_is_same(const struct config_observer *a, const struct config_observer *b)
{
	cleanup(buf_finish) struct buf first = { 0 };
	cleanup(buf_finish) struct buf second = { 0 };

	return config_observer_write(a, true, &first) == ERR_OK &&
	       config_observer_write(b, true, &second) == ERR_OK && first.size == second.size &&
	       memcmp(first.data, second.data, first.size) == 0;
}
