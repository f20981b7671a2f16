/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Observers one after the other, and that no two are in each other's way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "config/observers.h"

/* Places grow by doubling from here. */
#define OBSERVERS_AT_FIRST 8u

static enum err
grow(struct config_reader *r)
{
	size_t capacity = r->observer_capacity > 0 ? r->observer_capacity * 2 : OBSERVERS_AT_FIRST;
	struct config_observer *observers;
	struct observer_place *places;

	if (r->config->observer_count < r->observer_capacity)
		return ERR_OK;
	observers = realloc(r->config->observers, capacity * sizeof(*observers));
	if (observers == NULL)
		return ERR_MEMORY;
	r->config->observers = observers;
	places = realloc(r->observer_places, capacity * sizeof(*places));
	if (places == NULL)
		return ERR_MEMORY;
	r->observer_places = places;
	r->observer_capacity = capacity;
	return ERR_OK;
}

enum err
config_observers_add(struct config_reader *r, struct config_mark mark, struct config_observer **out)
{
	struct observer_place *place;
	enum err e;

	if (r->config->observer_count == CONFIG_OBSERVERS_MAX)
		return config_refuse(r, ERR_LIMIT, mark, "more than %u observers; take some out",
				     CONFIG_OBSERVERS_MAX);
	e = grow(r);
	if (e != ERR_OK)
		return e;
	*out = &r->config->observers[r->config->observer_count];
	config_observer_init(*out);
	place = &r->observer_places[r->config->observer_count];
	*place = (struct observer_place){ .mark = mark, .file_number = r->file_number };
	memcpy(place->file, r->file, sizeof(place->file));
	r->config->observer_count++;
	return ERR_OK;
}

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

enum err
config_observers_check_last(struct config_reader *r, struct config_mark mark)
{
	struct config_observer *observers = r->config->observers;
	size_t last = r->config->observer_count - 1;
	struct config_observer *o = &observers[last];
	char shown[CONFIG_SHOWN_BYTES];
	size_t i;

	MUST(r->config->observer_count > 0 && last < r->observer_capacity);

	for (i = 0; i < last; i++) {
		const char *what = same(observers[i].name, o->name) ? "name"
				   : same(observers[i].metric_file, o->metric_file)
					   ? "metric's file"
				   : same(observers[i].receipt_file, o->receipt_file) ? "kms's file"
										      : NULL;

		if (what == NULL)
			continue;
		(void)text_escape(observers[i].name, strlen(observers[i].name), shown,
				  sizeof(shown));
		return config_refuse(
			r, ERR_DUPLICATE, mark,
			"the %s of this observer is that of observer '%s', line %zu of %s; change "
			"one",
			what, shown, r->observer_places[i].mark.line,
			r->observer_places[i].file_number == r->file_number ? "this file"
									    : "an earlier file");
	}
	return config_observer_check(r, mark, o);
}

enum err
config_observers_settle(struct config_reader *r)
{
	size_t i;

	for (i = 0; i < r->config->observer_count; i++) {
		const struct observer_place *place = &r->observer_places[i];
		const char *what = NULL;
		enum err e =
			config_observer_settle(&r->config->observers[i], r->config->data, &what);

		if (e == ERR_OK)
			continue;
		if (e == ERR_MEMORY)
			return e;
		memcpy(r->file, place->file, sizeof(r->file));
		return config_refuse(r, e, place->mark, CONFIG_BELOW_DATA, what);
	}
	return ERR_OK;
}

bool
config_observers_find_secret(const struct config_reader *r, struct config_mark *out)
{
	size_t i;

	for (i = 0; i < r->config->observer_count; i++) {
		const struct config_observer *o = &r->config->observers[i];

		if (r->observer_places[i].file_number != r->file_number || o->projection == NULL ||
		    !config_projection_has_secret(o->projection))
			continue;
		*out = r->observer_places[i].mark;
		return true;
	}
	return false;
}
