/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Readings as events, and what could not be read as events of its own. */
#include <string.h>

#include <hark/probe.h>

#include "base/bytes.h"
#include "base/text.h"
#include "event/builder.h"
#include "telemetry/probe_internal.h"
#include "json/tree.h"

#define SOURCE_PREFIX "host."
#define TYPE_ERROR    "dev.hark.events.host.v1.probe_error"
#define TYPE_PUSHED   "cellos.events.host.probe.v1"
/* A foreign value nests at most so deep. */
#define VALUE_DEPTH_MAX 64u

/* CellOS's four: with or without the prefix, and no other text. */
static const struct source_type {
	const char *name;
	const char *type;
} source_types[] = {
	{ "host.cgroup", HARK_HOST_PROBE_EVENT_TYPE_PREFIX ".cgroup" },
	{ "host.fc_metrics", HARK_HOST_PROBE_EVENT_TYPE_PREFIX ".fc_metrics" },
	{ "host.nftables", HARK_HOST_PROBE_EVENT_TYPE_PREFIX ".nftables" },
	{ "host.tap_link", HARK_HOST_PROBE_EVENT_TYPE_PREFIX ".tap_link" },
};

static const struct source_type *
source_type_of(const char *source)
{
	size_t i;

	for (i = 0; source != NULL && i < sizeof(source_types) / sizeof(source_types[0]); i++) {
		const char *name = source_types[i].name;

		if (strcmp(source, name) == 0 || strcmp(source, name + strlen(SOURCE_PREFIX)) == 0)
			return &source_types[i];
	}
	return NULL;
}

static enum hark_probe_error
error_of(enum err e)
{
	switch (e) {
	case ERR_OK:
		return HARK_PROBE_OK;
	case ERR_LIMIT:
		return HARK_PROBE_LIMIT;
	case ERR_MEMORY:
		return HARK_PROBE_MEMORY;
	default:
		return HARK_PROBE_ARGUMENT;
	}
}

/*
 * The reading's texts go into the event as they are, so they must be what the contract says: one
 * canonical JSON object each.  A supervisor's own probe may break it.
 */
static enum hark_probe_error
write_object(struct json_writer *w, struct hark_text text)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	enum err e;

	if (text.data == NULL)
		return HARK_PROBE_PARSE;
	e = json_tree_read(text.data, text.size, VALUE_DEPTH_MAX, &tree, NULL);
	if (e == ERR_MEMORY)
		return HARK_PROBE_MEMORY;
	if (e != ERR_OK || json_tree_root(tree)->type != JSON_OBJECT)
		return HARK_PROBE_PARSE;
	return error_of(
		json_node_write(json_tree_root(tree), JSON_ORDER_UTF16, JSON_NUMBERS_SAFE, w));
}

enum hark_probe_error
hark_build_host_probe_envelope(const struct hark_probe_reading *reading,
			       const struct hark_probe_context *context,
			       const struct hark_event_origin *origin, char *json, size_t capacity,
			       size_t *size_out)
{
	const struct source_type *source;
	enum hark_probe_error e;
	struct event event;
	enum err be;

	if (reading == NULL || context == NULL || json == NULL || size_out == NULL)
		return HARK_PROBE_ARGUMENT;
	source = source_type_of(reading->probe_source);
	if (source == NULL)
		return HARK_PROBE_PARSE;
	be = event_begin(&event, &context->host, origin, json, capacity);
	if (be != ERR_OK)
		return error_of(be);
	event_write_cell(&event);
	json_write_literal(&event.json, ",\"inputs\":");
	e = write_object(&event.json, reading->inputs);
	if (e != HARK_PROBE_OK)
		return e;
	json_write_literal(&event.json, ",\"output\":");
	e = write_object(&event.json, reading->output);
	if (e != HARK_PROBE_OK)
		return e;
	json_write_literal(&event.json, ",\"probeSource\":");
	json_write_string(&event.json, reading->probe_source, strlen(reading->probe_source));
	event_write_run(&event);
	event_write_spec_hash(&event);
	return error_of(event_end(&event, source->type, strlen(source->type), size_out));
}

enum hark_probe_error
hark_event_probe_error(const char *probe_source, enum hark_probe_error error, const char *text,
		       const struct hark_probe_context *context,
		       const struct hark_event_origin *origin, char *json, size_t capacity,
		       size_t *size_out)
{
	const char *name = hark_probe_error_name(error);
	struct event event;
	enum err e;

	if (probe_source == NULL || text == NULL || context == NULL || json == NULL ||
	    size_out == NULL || name == NULL || error == HARK_PROBE_OK ||
	    !text_is_id(probe_source, strlen(probe_source), HARK_ID_BYTES_MAX) ||
	    !text_is_utf8(text, strlen(text)))
		return HARK_PROBE_ARGUMENT;
	e = event_begin(&event, &context->host, origin, json, capacity);
	if (e != ERR_OK)
		return error_of(e);
	event_write_cell(&event);
	json_write_literal(&event.json, ",\"error\":");
	json_write_string(&event.json, name, strlen(name));
	json_write_literal(&event.json, ",\"probeSource\":");
	json_write_string(&event.json, probe_source, strlen(probe_source));
	event_write_run(&event);
	event_write_spec_hash(&event);
	json_write_literal(&event.json, ",\"text\":");
	json_write_string(&event.json, text, strlen(text));
	return error_of(event_end(&event, TYPE_ERROR, sizeof(TYPE_ERROR) - 1, size_out));
}

enum hark_probe_error
hark_event_from_host_probe_reading(const struct hark_host_probe_reading *reading,
				   const struct hark_probe_context *context,
				   const struct hark_event_origin *origin, char *json,
				   size_t capacity, size_t *size_out)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	struct event event;
	enum err e;

	if (reading == NULL || context == NULL || json == NULL || size_out == NULL ||
	    reading->probe.data == NULL ||
	    !text_is_id(reading->probe.data, reading->probe.size, HARK_ID_BYTES_MAX) ||
	    (reading->value_json.data == NULL && reading->value_json.size > 0))
		return HARK_PROBE_ARGUMENT;
	if (reading->value_json.size > HARK_PROBE_READING_BYTES)
		return HARK_PROBE_LIMIT;
	if (reading->value_json.size == 0)
		return HARK_PROBE_PARSE;
	e = json_tree_read(reading->value_json.data, reading->value_json.size, VALUE_DEPTH_MAX,
			   &tree, NULL);
	if (e != ERR_OK)
		return e == ERR_MEMORY ? HARK_PROBE_MEMORY : HARK_PROBE_PARSE;
	e = event_begin(&event, &context->host, origin, json, capacity);
	if (e != ERR_OK)
		return error_of(e);
	event_write_cell(&event);
	json_write_literal(&event.json, ",\"probe\":");
	json_write_string(&event.json, reading->probe.data, reading->probe.size);
	event_write_run(&event);
	event_write_spec_hash(&event);
	json_write_literal(&event.json, ",\"timestampMs\":");
	json_write_u64_string(&event.json, reading->timestamp_ms);
	json_write_literal(&event.json, ",\"value\":");
	e = json_node_write(json_tree_root(tree), JSON_ORDER_UTF16, JSON_NUMBERS_SAFE, &event.json);
	if (e != ERR_OK)
		return error_of(e);
	return error_of(event_end(&event, TYPE_PUSHED, sizeof(TYPE_PUSHED) - 1, size_out));
}
