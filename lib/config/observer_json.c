/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An observer as a JSON object, for records and for programs: the keys of the configuration. */
#include "base/must.h"
#include "base/num.h"
#include "config/config.h"
#include "config/observer.h"

static const char *const token_names[] = {
#define NAME(text) text,
	HARK_OBSERVER_TOKEN_NAMES(NAME)
#undef NAME
};

/* A member's name; a comma before it where one is before it. */
static void
name(struct json_writer *w, const char *text)
{
	if (w->at > w->start && w->at[-1] != '{')
		json_write_literal(w, ",");
	json_write_string(w, text, strlen(text));
	json_write_literal(w, ":");
}

static void
text(struct json_writer *w, const char *key, const char *value)
{
	name(w, key);
	json_write_string(w, value, strlen(value));
}

static void
number(struct json_writer *w, const char *key, uint64_t value)
{
	name(w, key);
	json_write_u64_string(w, value);
}

static void
small(struct json_writer *w, const char *key, uint32_t value)
{
	name(w, key);
	json_write_integer(w, value);
}

static void
texts(struct json_writer *w, const char *key, const struct config_texts *list)
{
	size_t i;

	if (list->count == 0)
		return;
	name(w, key);
	json_write_literal(w, "[");
	for (i = 0; i < list->count; i++) {
		if (i > 0)
			json_write_literal(w, ",");
		json_write_string(w, list->texts[i], strlen(list->texts[i]));
	}
	json_write_literal(w, "]");
}

static void
begin(struct json_writer *w, const char *key)
{
	name(w, key);
	json_write_literal(w, "{");
}

static void
write_filter(struct json_writer *w, const struct config_observer *o)
{
	if (o->cells.count + o->types.count + o->sources.count == 0)
		return;
	begin(w, "filter");
	texts(w, "cells", &o->cells);
	texts(w, "sources", &o->sources);
	texts(w, "types", &o->types);
	json_write_literal(w, "}");
}

static void
write_grants(struct json_writer *w, const struct config_observer *o)
{
	bool first = true;
	size_t i;

	name(w, "grants");
	json_write_literal(w, "[");
	for (i = 0; i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		if ((o->tokens & HARK_OBSERVER_TOKEN_BIT(i)) == 0)
			continue;
		if (!first)
			json_write_literal(w, ",");
		json_write_string(w, token_names[i], strlen(token_names[i]));
		first = false;
	}
	json_write_literal(w, "]");
}

/* By their names, as all members. */
static void
write_limits(struct json_writer *w, const struct hark_observer_limits *l)
{
	begin(w, "limits");
	number(w, "compile_ms", l->compile_ms);
	number(w, "effect_bytes", l->effect_bytes);
	number(w, "effects", l->effects);
	number(w, "fuel", l->fuel);
	number(w, "memory_bytes", l->memory_bytes);
	number(w, "module_bytes", l->module_bytes);
	number(w, "payload_bytes", l->payload_bytes);
	number(w, "stack_bytes", l->stack_bytes);
	number(w, "table_elements", l->table_elements);
	number(w, "wall_ms", l->wall_ms);
	json_write_literal(w, "}");
}

static void
write_pg(struct json_writer *w, const struct config_observer *o)
{
	if (o->table == NULL)
		return;
	begin(w, "pg");
	if (o->create != NULL)
		text(w, "create", o->create);
	texts(w, "key", &o->key);
	text(w, "table", o->table);
	json_write_literal(w, "}");
}

static void
write_metric(struct json_writer *w, const struct config_observer *o)
{
	if (o->metric_file == NULL)
		return;
	begin(w, "metric");
	text(w, "file", o->metric_file);
	text(w, "prefix", o->metric_prefix);
	small(w, "series", o->metric_series);
	json_write_literal(w, "}");
}

void
config_observer_json(const struct config_observer *o, struct json_writer *w)
{
	char shown[CONFIG_PATH_BYTES_MAX + 16];

	MUST(o != NULL && w != NULL);
	MUST(o->name != NULL && o->module != NULL && o->digest != NULL && o->projection != NULL);

	json_write_literal(w, "{");
	small(w, "batch", o->batch);
	text(w, "digest", o->digest);
	text(w, "engine", o->noop ? "noop" : "wasmtime");
	write_filter(w, o);
	number(w, "from", o->from);
	write_grants(w, o);
	if (o->receipt_file != NULL) {
		begin(w, "kms");
		text(w, "file", o->receipt_file);
		json_write_literal(w, "}");
	}
	write_limits(w, &o->limits);
	if (o->log_lines_per_s > 0) {
		begin(w, "log");
		small(w, "lines_per_s", o->log_lines_per_s);
		json_write_literal(w, "}");
	}
	write_metric(w, o);
	text(w, "module", o->module);
	text(w, "name", o->name);
	text(w, "on_trap", o->stop_on_trap ? "stop" : "skip");
	write_pg(w, o);
	config_projection_shown(o->projection, shown, sizeof(shown));
	text(w, "projection", shown);
	small(w, "strikes", o->strikes);
	json_write_literal(w, "}");
}
