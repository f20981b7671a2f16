/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The keys as tables, and the one walk over them.  What a value must be stands in its row. */
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "config/cells.h"
#include "config/config_internal.h"
#include "config/observers.h"
#include "config/value.h"

/* The most keys of one table. */
#define KEYS_MAX 32u
/* Bytes of " of 'KEY'" for the longest key. */
#define WORD_BYTES 64u

#define IN(member)       offsetof(struct config, member)
#define CELL(member)     offsetof(struct config_cell, member)
#define OBSERVER(member) offsetof(struct config_observer, member)

static const struct config_key receiver_keys[] = {
	{ "isolation", KIND_ISOLATION, IN(receivers_shared) },
	{ "cells_max", KIND_COUNT_32, IN(shared_cells_max), 1, CONFIG_CELLS_MAX },
	{ 0 },
};

static const struct config_key ledger_keys[] = {
	{ "segment_bytes", KIND_BYTES, IN(segment_bytes), CONFIG_SEGMENT_BYTES_MIN,
	  CONFIG_SEGMENT_BYTES_MAX },
	{ "batch_bytes", KIND_BYTES, IN(batch_bytes), CONFIG_BATCH_BYTES_MIN,
	  CONFIG_BATCH_BYTES_MAX },
	{ "commit_ms", KIND_THOUSANDTHS, IN(commit_us), 0, 1000000 },
	{ "checkpoint_s", KIND_THOUSANDTHS, IN(checkpoint_ms), 100, 3600000 },
	{ "tick_s", KIND_THOUSANDTHS, IN(tick_ms), 1000, 3600000 },
	{ 0 },
};

static const struct config_key control_keys[] = {
	{ "group", KIND_WORD, IN(admin_group) },
	{ 0 },
};

static const struct config_key top_keys[] = {
	{ "data", KIND_PATH, IN(data) },
	{ "run", KIND_PATH, IN(run) },
	{ "host", KIND_HOST, IN(host) },
	{ "require_confinement", KIND_SWITCH, IN(require_confinement) },
	{ "receiver", KIND_TABLE, 0, 0, 0, receiver_keys },
	{ "ledger", KIND_TABLE, 0, 0, 0, ledger_keys },
	{ "keepalive_s", KIND_THOUSANDTHS, IN(keepalive_ms), CONFIG_KEEPALIVE_MS_MIN,
	  CONFIG_KEEPALIVE_MS_MAX },
	{ "control", KIND_TABLE, 0, 0, 0, control_keys },
	{ "cells", KIND_CELLS, 0 },
	{ "observers", KIND_OBSERVERS, 0 },
	{ 0 },
};

static const struct config_key limit_keys[] = {
	{ "events_per_s", KIND_COUNT, CELL(events_per_s), 0, CONFIG_EVENTS_PER_S_MAX },
	{ "ledger_bytes_per_s", KIND_BYTES, CELL(bytes_per_s), 0, CONFIG_BYTES_PER_S_MAX },
	{ "connections", KIND_COUNT_32, CELL(connections), 1, CONFIG_CONNECTIONS_MAX },
	{ 0 },
};

static const struct config_key cell_keys[] = {
	{ "name", KIND_CELL, CELL(name), .required = true },
	{ "uds_base", KIND_PATH, CELL(uds_base), .required = true },
	{ "run_id", KIND_ID, CELL(run_id) },
	{ "spec_hash", KIND_SPEC_HASH, CELL(spec_hash) },
	{ "keepalive_s", KIND_THOUSANDTHS, CELL(keepalive_ms), CONFIG_KEEPALIVE_MS_MIN,
	  CONFIG_KEEPALIVE_MS_MAX },
	{ "rearm", KIND_SWITCH, CELL(rearm) },
	{ "limits", KIND_TABLE, 0, 0, 0, limit_keys },
	{ "owner", KIND_OWNER, CELL(owner_uid) },
	{ "mode", KIND_MODE, CELL(mode), 0, 0777 },
	{ "peer_uid", KIND_USER, CELL(peer_uid), 0, UINT32_MAX - 1 },
	{ 0 },
};

static const struct config_key filter_keys[] = {
	{ "cells", KIND_LIST, OBSERVER(cells), 1, CONFIG_FILTER_CELLS_MAX, .item = KIND_CELL },
	{ "types", KIND_LIST, OBSERVER(types), 1, CONFIG_FILTER_TEXTS_MAX, .item = KIND_TYPE },
	{ "sources", KIND_LIST, OBSERVER(sources), 1, CONFIG_FILTER_TEXTS_MAX, .item = KIND_TYPE },
	{ 0 },
};

static const struct config_key observer_limit_keys[] = {
#define LIMIT(name, words, usual, most) { #name, KIND_LIMIT, OBSERVER(limits.name), 1, (most) },
	HARK_OBSERVER_LIMITS(LIMIT)
#undef LIMIT
		{ 0 },
};

static const struct config_key pg_keys[] = {
	{ "table", KIND_SQL_TABLE, OBSERVER(table), .required = true },
	{ "key", KIND_LIST, OBSERVER(key), 1, CONFIG_KEY_COLUMNS_MAX, .item = KIND_SQL_NAME },
	{ "create", KIND_PATH, OBSERVER(create) },
	{ 0 },
};

static const struct config_key metric_keys[] = {
	{ "file", KIND_PATH, OBSERVER(metric_file), .required = true },
	{ "prefix", KIND_METRIC, OBSERVER(metric_prefix), .required = true },
	{ "series", KIND_COUNT_32, OBSERVER(metric_series), 1, CONFIG_METRIC_SERIES_MAX },
	{ 0 },
};

static const struct config_key kms_keys[] = {
	{ "file", KIND_PATH, OBSERVER(receipt_file), .required = true },
	{ 0 },
};

static const struct config_key log_keys[] = {
	{ "lines_per_s", KIND_COUNT_32, OBSERVER(log_lines_per_s), 1, CONFIG_LOG_LINES_MAX },
	{ 0 },
};

static const struct config_key observer_keys[] = {
	{ "name", KIND_OBSERVER, OBSERVER(name), .required = true },
	{ "module", KIND_PATH, OBSERVER(module), .required = true },
	{ "digest", KIND_DIGEST, OBSERVER(digest), .required = true },
	{ "engine", KIND_ENGINE, OBSERVER(noop) },
	{ "grants", KIND_TOKENS, OBSERVER(tokens) },
	{ "filter", KIND_TABLE, 0, 0, 0, filter_keys },
	{ "limits", KIND_TABLE, 0, 0, 0, observer_limit_keys },
	{ "batch", KIND_COUNT_32, OBSERVER(batch), 1, CONFIG_OBSERVER_BATCH_MAX },
	{ "strikes", KIND_COUNT_32, OBSERVER(strikes), 1, CONFIG_OBSERVER_STRIKE_MAX },
	{ "on_trap", KIND_ON_TRAP, OBSERVER(stop_on_trap) },
	{ "from", KIND_COUNT, OBSERVER(from), 0, UINT64_MAX - 1 },
	{ "projection", KIND_PROJECTION, OBSERVER(projection) },
	{ "pg", KIND_TABLE, 0, 0, 0, pg_keys },
	{ "metric", KIND_TABLE, 0, 0, 0, metric_keys },
	{ "kms", KIND_TABLE, 0, 0, 0, kms_keys },
	{ "log", KIND_TABLE, 0, 0, 0, log_keys },
	{ 0 },
};

/* ---- mappings ------------------------------------------------------------------------------ */

/* The row of the key in the event; refuses an unknown one with the nearest that is known. */
static enum err
find_key(struct config_reader *r, const struct config_key *keys, const char *where,
	 size_t *index_out)
{
	const char *name = (const char *)r->event.data.scalar.value;
	const struct config_key *nearest = NULL;
	size_t nearest_distance = 3; /* more than two letters off is another word */
	size_t i;

	for (i = 0; keys[i].name != NULL; i++) {
		size_t distance = config_value_distance(name, keys[i].name);

		if (distance == 0 && strlen(name) == r->event.data.scalar.length) {
			*index_out = i;
			return ERR_OK;
		}
		if (distance < nearest_distance) {
			nearest = &keys[i];
			nearest_distance = distance;
		}
	}
	if (nearest != NULL)
		return config_refuse(r, ERR_FORMAT, config_event_mark(r),
				     "unknown key '%s'%s; did you mean '%s'?", config_show(r).text,
				     where, nearest->name);
	return config_refuse(r, ERR_FORMAT, config_event_mark(r),
			     "unknown key '%s'%s; hark.yaml(5) has those that there are",
			     config_show(r).text, where);
}

static enum err read_cells(struct config_reader *r);
static enum err read_observers(struct config_reader *r);
static enum err read_mapping(struct config_reader *r, const struct config_key *keys,
			     const char *where, void *into);

/* The value of a key, which is the next event. */
static enum err
read_value(struct config_reader *r, const struct config_key *key, void *into)
{
	char below[WORD_BYTES];

	(void)snprintf(below, sizeof(below), " of '%s'", key->name);
	switch (key->kind) {
	case KIND_TABLE:
		return read_mapping(r, key->below, below, into);
	case KIND_CELLS:
		return read_cells(r);
	case KIND_OBSERVERS:
		return read_observers(r);
	case KIND_LIST:
	case KIND_TOKENS:
		return config_list_read(r, key, into);
	default:
		return config_scalar_read(r, key, into);
	}
}

/* The event is the mapping's first.  `where` is for messages, such as " of a cell". */
static enum err
read_mapping(struct config_reader *r, const struct config_key *keys, const char *where, void *into)
{
	struct config_mark begin = config_event_mark(r);
	size_t lines[KEYS_MAX] = { 0 }; /* where each was given: 0 is nowhere */
	enum err e;
	size_t i = 0;

	if (r->event.type != YAML_MAPPING_START_EVENT)
		return config_refuse(r, ERR_FORMAT, begin,
				     "%s instead of keys%s; write 'key: value'",
				     config_event_text(r), where);
	for (;;) {
		e = config_source_next(r);
		if (e != ERR_OK)
			return e;
		if (r->event.type == YAML_MAPPING_END_EVENT)
			break;
		if (r->event.type != YAML_SCALAR_EVENT)
			return config_refuse(r, ERR_FORMAT, config_event_mark(r),
					     "%s is no key; write 'key: value'",
					     config_event_text(r));
		e = find_key(r, keys, where, &i);
		if (e != ERR_OK)
			return e;
		MUST(i < KEYS_MAX);
		if (lines[i] != 0)
			return config_refuse(r, ERR_DUPLICATE, config_event_mark(r),
					     "'%s' is given twice, first in line %zu; take one out",
					     keys[i].name, lines[i]);
		lines[i] = config_event_mark(r).line;
		e = config_source_next(r);
		if (e == ERR_OK)
			e = read_value(r, &keys[i], into);
		if (e != ERR_OK)
			return e;
	}
	for (i = 0; keys[i].name != NULL; i++) {
		if (keys[i].required && lines[i] == 0)
			return config_refuse(r, ERR_MISSING, begin, "no '%s'%s; give one",
					     keys[i].name, where);
	}
	return ERR_OK;
}

/* A list of mappings: how one is begun, and what is looked at when it is whole. */
struct config_list {
	const char *name;
	const char *where;
	const struct config_key *keys;
	enum err (*add)(struct config_reader *r, struct config_mark mark, void **out);
	enum err (*check_last)(struct config_reader *r, struct config_mark mark);
};

static enum err
add_cell(struct config_reader *r, struct config_mark mark, void **out)
{
	struct config_cell *cell = NULL;
	enum err e = config_cells_add(r, mark, &cell);

	*out = cell;
	return e;
}

static enum err
add_observer(struct config_reader *r, struct config_mark mark, void **out)
{
	struct config_observer *observer = NULL;
	enum err e = config_observers_add(r, mark, &observer);

	*out = observer;
	return e;
}

static const struct config_list cells = { "cells", " of a cell", cell_keys, add_cell,
					  config_cells_check_last };
static const struct config_list observers = { "observers", " of an observer", observer_keys,
					      add_observer, config_observers_check_last };

static enum err
read_list(struct config_reader *r, const struct config_list *list)
{
	enum err e;

	if (r->event.type != YAML_SEQUENCE_START_EVENT)
		return config_refuse(r, ERR_FORMAT, config_event_mark(r),
				     "'%s' has %s; give it a list: '- name: ...'", list->name,
				     config_event_text(r));
	for (;;) {
		struct config_mark mark;
		void *item = NULL;

		e = config_source_next(r);
		if (e != ERR_OK)
			return e;
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			return ERR_OK;
		mark = config_event_mark(r);
		e = list->add(r, mark, &item);
		if (e == ERR_OK)
			e = read_mapping(r, list->keys, list->where, item);
		if (e == ERR_OK)
			e = list->check_last(r, mark);
		if (e != ERR_OK)
			return e;
	}
}

static enum err
read_cells(struct config_reader *r)
{
	return read_list(r, &cells);
}

static enum err
read_observers(struct config_reader *r)
{
	return read_list(r, &observers);
}

/* ---- documents ----------------------------------------------------------------------------- */

/* The first event of the document's content is in r->event; false in *is_there_out: there is none.
 */
static enum err
begin_document(struct config_reader *r, bool *is_there_out)
{
	enum err e = config_source_next(r);

	MUST(e != ERR_OK || r->event.type == YAML_STREAM_START_EVENT);
	if (e == ERR_OK)
		e = config_source_next(r);
	*is_there_out = e == ERR_OK && r->event.type != YAML_STREAM_END_EVENT;
	return *is_there_out ? config_source_next(r) : e;
}

static enum err
end_document(struct config_reader *r)
{
	enum err e = config_source_next(r); /* the document's end */

	if (e == ERR_OK)
		e = config_source_next(r);
	if (e == ERR_OK && r->event.type != YAML_STREAM_END_EVENT)
		return config_refuse(r, ERR_FORMAT, config_event_mark(r),
				     "a second document; a file has one, so take out '---'");
	return e;
}

enum err
config_keys_read(struct config_reader *r)
{
	bool is_there = false;
	enum err e = begin_document(r, &is_there);

	/* A file of nothing but comments says that all defaults are right. */
	if (e == ERR_OK && is_there)
		e = read_mapping(r, top_keys, "", r->config);
	return e == ERR_OK && is_there ? end_document(r) : e;
}

enum err
config_keys_read_observer(struct config_reader *r, struct config_observer *into,
			  struct config_mark *mark_out)
{
	bool is_there = false;
	enum err e = begin_document(r, &is_there);

	if (e != ERR_OK)
		return e;
	*mark_out = config_event_mark(r);
	if (!is_there)
		return config_refuse(r, ERR_MISSING, *mark_out,
				     "there is no observer; write 'name: ...'");
	e = read_mapping(r, observer_keys, " of an observer", into);
	return e == ERR_OK ? end_document(r) : e;
}
