/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lists of scalars: texts of one kind, each once, and tokens that become a mask. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "config/config_internal.h"

static const char *const token_names[] = {
#define NAME(text) text,
	HARK_OBSERVER_TOKEN_NAMES(NAME)
#undef NAME
};

#define TOKENS_REMEDY "PgWrite, MetricEmit, KmsReceipt or Log"

static enum err
refuse_twice(struct config_reader *r, const struct config_key *key)
{
	return config_refuse(r, ERR_DUPLICATE, config_event_mark(r),
			     "'%s' stands in '%s' twice; take one out", config_show(r).text,
			     key->name);
}

/* One element of the list, which is in the event. */
static enum err
read_token(struct config_reader *r, const struct config_key *key, uint32_t *mask)
{
	const char *text = (const char *)r->event.data.scalar.value;
	size_t i;

	for (i = 0; i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		if (r->event.data.scalar.length != strlen(token_names[i]) ||
		    memcmp(text, token_names[i], strlen(token_names[i])) != 0)
			continue;
		if ((*mask & HARK_OBSERVER_TOKEN_BIT(i)) != 0)
			return refuse_twice(r, key);
		*mask |= HARK_OBSERVER_TOKEN_BIT(i);
		return ERR_OK;
	}
	return config_refuse(r, ERR_RANGE, config_event_mark(r),
			     "'%s' is no value of '%s'; give " TOKENS_REMEDY, config_show(r).text,
			     key->name);
}

static enum err
read_text(struct config_reader *r, const struct config_key *key, struct config_texts *into)
{
	struct config_key item = { key->name, key->item, 0 };
	char *text = NULL;
	char **texts;
	enum err e;
	size_t i;

	if (into->count == key->max)
		return config_refuse(r, ERR_LIMIT, config_event_mark(r),
				     "more than %llu in '%s'; take some out",
				     (unsigned long long)key->max, key->name);
	e = config_scalar_read(r, &item, &text);
	if (e != ERR_OK)
		return e;
	for (i = 0; i < into->count; i++) {
		if (strcmp(into->texts[i], text) == 0) {
			free(text);
			return refuse_twice(r, key);
		}
	}
	/* By doubling: whenever the count is a power of two. */
	if ((into->count & (into->count - 1)) == 0) {
		texts = realloc(into->texts,
				(into->count > 0 ? into->count * 2 : 1) * sizeof(*texts));
		if (texts == NULL) {
			free(text);
			return ERR_MEMORY;
		}
		into->texts = texts;
	}
	into->texts[into->count++] = text;
	return ERR_OK;
}

enum err
config_list_read(struct config_reader *r, const struct config_key *key, void *into)
{
	struct config_mark begin = config_event_mark(r);
	char *at = (char *)into + key->offset;
	size_t count = 0;
	enum err e;

	MUST(key->kind == KIND_LIST || key->kind == KIND_TOKENS);

	if (r->event.type != YAML_SEQUENCE_START_EVENT)
		return config_refuse(r, ERR_FORMAT, begin,
				     "'%s' has %s; give it a list: [ONE, ANOTHER]", key->name,
				     config_event_text(r));
	for (;; count++) {
		e = config_source_next(r);
		if (e != ERR_OK)
			return e;
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (r->event.type != YAML_SCALAR_EVENT)
			return config_refuse(r, ERR_FORMAT, config_event_mark(r),
					     "%s in '%s'; give it single values",
					     config_event_text(r), key->name);
		e = key->kind == KIND_TOKENS ? read_token(r, key, (uint32_t *)(void *)at)
					     : read_text(r, key, (struct config_texts *)(void *)at);
		if (e != ERR_OK)
			return e;
	}
	if (count < key->min)
		return config_refuse(r, ERR_RANGE, begin, "'%s' is empty; fill it or take it out",
				     key->name);
	return ERR_OK;
}
