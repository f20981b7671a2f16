/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One observer: what must agree in it, what is filled in, and an entry that stands alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "config/observers.h"

/* What a grant needs, beside the key of its section. */
enum section { SECTION_PG, SECTION_METRIC, SECTION_KMS, SECTION_LOG, SECTION_COUNT };

static const char *const token_names[] = {
#define NAME(text) text,
	HARK_OBSERVER_TOKEN_NAMES(NAME)
#undef NAME
};
_Static_assert(sizeof(token_names) / sizeof(token_names[0]) == (size_t)SECTION_COUNT,
	       "a section for each token, in the same order");

static void
texts_finish(struct config_texts *t)
{
	while (t->count > 0)
		free(t->texts[--t->count]);
	free(t->texts);
	t->texts = NULL;
}

void
config_observer_finish(struct config_observer *o)
{
	if (o == NULL)
		return;
	texts_finish(&o->cells);
	texts_finish(&o->types);
	texts_finish(&o->sources);
	texts_finish(&o->key);
	free(o->name);
	free(o->module);
	free(o->digest);
	free(o->projection);
	free(o->table);
	free(o->create);
	free(o->metric_file);
	free(o->metric_prefix);
	free(o->receipt_file);
	*o = (struct config_observer){ .name = NULL };
}

bool
config_observer_name_is_good(const char *name)
{
	/* Files beside DATA/observers/<name> end so. */
	static const char *const taken[] = { ".new", ".off", ".cursor" };
	size_t size = strlen(name);
	size_t i;

	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		size_t end = strlen(taken[i]);

		if (size >= end && strcmp(name + size - end, taken[i]) == 0)
			return false;
	}
	return size <= CONFIG_OBSERVER_NAME_BYTES_MAX && config_cell_name_is_good(name);
}

void
config_observer_init(struct config_observer *o)
{
	*o = (struct config_observer){
		.limits = {
#define LIMIT(name, words, usual, most) .name = (usual),
			HARK_OBSERVER_LIMITS(LIMIT)
#undef LIMIT
		},
		.batch = CONFIG_OBSERVER_BATCH_MAX,
		.strikes = CONFIG_OBSERVER_STRIKES,
	};
}

/* ---- what must agree ----------------------------------------------------------------------- */

/* A grant has its section, and a section its grant. */
static enum err
check_grants(struct config_reader *r, struct config_mark mark, const struct config_observer *o)
{
	const struct {
		bool is_there, needed;
		const char *key, *remedy;
	} sections[SECTION_COUNT] = {
		[SECTION_PG] = { o->table != NULL, true, "pg", "say into which 'table' of 'pg'" },
		[SECTION_METRIC] = { o->metric_file != NULL, true, "metric",
				     "give 'metric' its 'file' and 'prefix'" },
		[SECTION_KMS] = { o->receipt_file != NULL, true, "kms", "give 'kms' its 'file'" },
		[SECTION_LOG] = { o->log_lines_per_s != 0, false, "log", "" },
	};
	size_t i;

	for (i = 0; i < SECTION_COUNT; i++) {
		bool granted = (o->tokens & (1u << i)) != 0;

		if (granted && sections[i].needed && !sections[i].is_there)
			return config_refuse(r, ERR_MISSING, mark,
					     "this observer is granted %s without '%s'; %s",
					     token_names[i], sections[i].key, sections[i].remedy);
		if (!granted && sections[i].is_there)
			return config_refuse(r, ERR_MISSING, mark,
					     "'%s' is for %s, which is not in 'grants'; grant it, "
					     "or take '%s' out",
					     sections[i].key, token_names[i], sections[i].key);
	}
	return ERR_OK;
}

enum err
config_observer_check(struct config_reader *r, struct config_mark mark, struct config_observer *o)
{
	cleanup(buf_finish) struct buf text = { 0 };
	enum err e = check_grants(r, mark, o);

	if (e != ERR_OK)
		return e;
	if ((o->tokens & HARK_OBSERVER_TOKEN_BIT(HARK_OBSERVER_TOKEN_LOG)) != 0 &&
	    o->log_lines_per_s == 0)
		o->log_lines_per_s = CONFIG_LOG_LINES_PER_S;
	if (o->metric_file != NULL && o->metric_series == 0)
		o->metric_series = CONFIG_METRIC_SERIES;
	if (o->limits.payload_bytes > o->limits.effect_bytes)
		return config_refuse(r, ERR_RANGE, mark,
				     "'payload_bytes' is more than 'effect_bytes'; lower the one "
				     "or raise the other");
	e = config_observer_write(o, true, &text);
	/* The projection may still be filled in. */
	if (e == ERR_LIMIT || text.size > CONFIG_OBSERVER_TEXT_MAX - CONFIG_PATH_BYTES_MAX)
		return config_refuse(r, ERR_LIMIT, mark,
				     "this observer says more than %u bytes; filter by fewer",
				     CONFIG_OBSERVER_TEXT_MAX - CONFIG_PATH_BYTES_MAX);
	return e;
}

/* Where its rows go: beside the data directory, never below it. */
static enum err
fill_projection(struct config_observer *o, const char *data)
{
	size_t size = strlen(data);
	int length;

	if (o->projection != NULL)
		return ERR_OK;
	while (size > 1 && data[size - 1] == '/')
		size--;
	length = snprintf(NULL, 0, "sqlite:%.*s-projections/%s/projection.sqlite", (int)size, data,
			  o->name);
	o->projection = malloc((size_t)length + 1);
	if (o->projection == NULL)
		return ERR_MEMORY;
	(void)snprintf(o->projection, (size_t)length + 1,
		       "sqlite:%.*s-projections/%s/projection.sqlite", (int)size, data, o->name);
	return ERR_OK;
}

enum err
config_observer_settle(struct config_observer *o, const char *data, const char **what_out)
{
	enum err e = fill_projection(o, data);
	const char *path;
	size_t i;

	if (e != ERR_OK)
		return e;
	path = config_projection_path(o->projection);
	{
		const char *const paths[] = { path, o->metric_file, o->receipt_file };
		static const char *const keys[] = { "projection", "file' of 'metric",
						    "file' of 'kms" };

		for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
			if (paths[i] != NULL && (strlen(paths[i]) >= CONFIG_PATH_BYTES_MAX ||
						 config_path_is_below(paths[i], data))) {
				*what_out = keys[i];
				return ERR_RANGE;
			}
		}
	}
	return ERR_OK;
}

/* ---- one that stands alone ----------------------------------------------------------------- */

enum err
config_observer_read(const char *name, const void *text, size_t size, const char *data,
		     struct config_observer *out, struct config_failure *why)
{
	struct config_reader r = { .why = why };
	struct config_observer o;
	struct config_mark mark = { 1, 1 };
	const char *what = NULL;
	enum err e;

	MUST(name != NULL && (text != NULL || size == 0) && data != NULL && out != NULL);

	*why = (struct config_failure){ .is_file = false };
	config_observer_init(&o);
	e = config_source_open(&r, name, text, size);
	if (e == ERR_OK) {
		e = config_keys_read_observer(&r, &o, &mark);
		if (e == ERR_OK)
			e = config_observer_check(&r, mark, &o);
		if (e == ERR_OK)
			e = config_observer_settle(&o, data, &what);
		if (e == ERR_RANGE && what != NULL)
			e = config_refuse(&r, e, mark, CONFIG_BELOW_DATA, what);
		config_source_close(&r);
	}
	if (e != ERR_OK) {
		config_observer_finish(&o);
		if (e == ERR_MEMORY)
			(void)snprintf(why->text, sizeof(why->text), "%s", err_text(e));
		return e;
	}
	*out = o;
	return ERR_OK;
}
