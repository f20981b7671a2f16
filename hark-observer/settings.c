/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Options are harkd's words; what they must not be is refused here all the same, because what
 * follows runs a stranger's code by them. */
#include "hark-observer/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "proto/options.h"

static const struct {
	enum observer_option option;
	size_t offset;
} limit_options[] = {
#define LIMIT(option, member) \
	{ OPTION_LIMIT_##option, offsetof(struct hark_observer_limits, member) },
	LIMIT(FUEL, fuel) LIMIT(WALL_MS, wall_ms) LIMIT(MEMORY_BYTES, memory_bytes)
		LIMIT(TABLE_ELEMENTS, table_elements) LIMIT(STACK_BYTES, stack_bytes)
			LIMIT(PAYLOAD_BYTES, payload_bytes) LIMIT(EFFECTS, effects)
				LIMIT(EFFECT_BYTES, effect_bytes) LIMIT(MODULE_BYTES, module_bytes)
					LIMIT(COMPILE_MS, compile_ms)
#undef LIMIT
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void
read_limits(struct bytes options, struct hark_observer_limits *out)
{
	size_t i;

	hark_observer_limits_default(out);
	for (i = 0; i < COUNT_OF(limit_options); i++) {
		uint64_t *limit = (uint64_t *)(void *)((char *)out + limit_options[i].offset);

		*limit = options_number(options, limit_options[i].option, *limit);
	}
}

static enum err
read_filter(struct bytes options, enum observer_option option, struct settings_filter *out)
{
	struct option_entry entry;
	size_t count = 0;
	size_t at = 0;

	while (options_next(options, &at, &entry))
		count += entry.option == option;
	if (count == 0)
		return ERR_OK;
	out->texts = calloc(count, sizeof(*out->texts));
	if (out->texts == NULL)
		return ERR_MEMORY;
	for (at = 0; options_next(options, &at, &entry);) {
		if (entry.option == option)
			out->texts[out->count++] = entry.text;
	}
	return ERR_OK;
}

static enum err
read_numbers(struct bytes options, struct settings *s)
{
	uint64_t tokens = options_number(options, OPTION_TOKENS, 0);
	uint64_t batch = options_number(options, OPTION_BATCH, SETTINGS_BATCH_DEFAULT);
	struct bytes digest = options_text(options, OPTION_DIGEST);

	if ((tokens & ~(uint64_t)HARK_OBSERVER_TOKENS_ALL) != 0 || batch == 0 ||
	    batch > SETTINGS_BATCH_MAX || digest.data == NULL)
		return ERR_FORMAT;
	s->tokens = (uint32_t)tokens;
	s->batch = (uint32_t)batch;
	s->digest = (struct hark_text){ (const char *)digest.data, digest.size };
	s->noop = options_number(options, OPTION_NOOP, 0) != 0;
	s->stop_on_trap = options_number(options, OPTION_STOP_ON_TRAP, 0) != 0;
	s->from = options_number(options, OPTION_FROM, 0);
	read_limits(options, &s->limits);
	/* Without a clock a module might hold its call for as long as its fuel lasts. */
	return s->limits.wall_ms > 0 ? ERR_OK : ERR_FORMAT;
}

static enum err
read_all(struct settings *s)
{
	struct bytes options = { s->options.data, s->options.size };
	enum err e = read_numbers(options, s);

	if (e == ERR_OK)
		e = read_filter(options, OPTION_FILTER_CELL, &s->cells);
	if (e == ERR_OK)
		e = read_filter(options, OPTION_FILTER_TYPE, &s->types);
	if (e == ERR_OK)
		e = read_filter(options, OPTION_FILTER_SOURCE, &s->sources);
	return e;
}

enum err
settings_read(struct bytes options, struct settings *out)
{
	struct settings s = { .batch = 0 };
	enum err e;

	MUST(out != NULL);

	if (options_check(options.data, options.size) != ERR_OK)
		return ERR_FORMAT;
	e = buf_append(&s.options, options.data, options.size, OPTIONS_BYTES_MAX);
	if (e == ERR_OK)
		e = read_all(&s);
	if (e != ERR_OK) {
		settings_finish(&s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void
settings_finish(struct settings *s)
{
	if (s == NULL)
		return;
	free(s->cells.texts);
	free(s->types.texts);
	free(s->sources.texts);
	buf_finish(&s->options);
	*s = (struct settings){ .batch = 0 };
}

static bool
passes(const struct settings_filter *filter, enum observer_option option, struct hark_text text)
{
	size_t i;

	for (i = 0; i < filter->count; i++) {
		if (options_matches(option, filter->texts[i], text.data, text.size))
			return true;
	}
	return filter->count == 0;
}

bool
settings_pass(const struct settings *s, const struct hark_observer_event *event)
{
	MUST(s != NULL && event != NULL);

	return passes(&s->cells, OPTION_FILTER_CELL, event->cell) &&
	       passes(&s->types, OPTION_FILTER_TYPE, event->type) &&
	       passes(&s->sources, OPTION_FILTER_SOURCE, event->probe_source);
}
