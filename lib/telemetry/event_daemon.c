/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the host says of itself: starts and ends, ticks, its clock, its ledgers, its own programs;
 * and the records of the operations ledger.  None has a subject: it is no cell that they are of. */
#include "base/base64.h"
#include "base/must.h"
#include "base/text.h"
#include "telemetry/event_internal.h"
#include "telemetry/event_ledger.h"
#include "telemetry/event_word.h"
#include "json/tree.h"

/* Objects and arrays inside one another, in the members of an operation. */
#define OPERATION_DEPTH_MAX 8u
#define ROOT_BYTES          32u

#define END(event, type, size_out) event_end((event), type, sizeof(type) - 1, (size_out))

static enum err
begin(struct event *event, const struct event_clock *clock, const struct event_place *to)
{
	MUST(clock != NULL && to != NULL);
	return event_begin_of_host(event, clock->real, to->origin, to->json, to->capacity);
}

#define WRITE_STRING(event, literal, value)                   \
	do {                                                  \
		json_write_literal(&(event)->json, literal);  \
		json_write_u64_string(&(event)->json, value); \
	} while (0)

enum err
event_started(const struct event_clock *clock, bool clean, const struct event_place *to,
	      size_t *size_out)
{
	struct event event;
	enum err e = begin(&event, clock, to);

	if (e != ERR_OK)
		return e;
	json_write_literal(&event.json, "\"clean\":");
	json_write_bool(&event.json, clean);
	WRITE_STRING(&event, ",\"monotonicNs\":", clock->monotonic_ns);
	return END(&event, EVENT_TYPE_STARTED, size_out);
}

enum err
event_notary_restarted(const struct event_clock *clock, uint64_t restarts,
		       const struct event_place *to, size_t *size_out)
{
	struct event event;
	enum err e = begin(&event, clock, to);

	if (e != ERR_OK)
		return e;
	WRITE_STRING(&event, "\"monotonicNs\":", clock->monotonic_ns);
	WRITE_STRING(&event, ",\"restarts\":", restarts);
	return END(&event, EVENT_TYPE_NOTARY_RESTARTED, size_out);
}

/* `"cells":"...",...,"rejected":"..."`: with what the clock says between them, by name. */
static void
write_counts(struct event *event, const struct event_clock *clock,
	     const struct event_counts *counts)
{
	WRITE_STRING(event, "\"cells\":", counts->cells);
	WRITE_STRING(event, ",\"clockErrorUs\":", clock->error_us);
	json_write_literal(&event->json, ",\"clockSynchronized\":");
	json_write_bool(&event->json, clock->is_synchronized);
	WRITE_STRING(event, ",\"connections\":", counts->connections);
	WRITE_STRING(event, ",\"declarations\":", counts->declarations);
	WRITE_STRING(event, ",\"duplicates\":", counts->duplicates);
	WRITE_STRING(event, ",\"monotonicNs\":", clock->monotonic_ns);
	WRITE_STRING(event, ",\"rejected\":", counts->rejected);
}

enum err
event_stopped(const struct event_clock *clock, const struct event_counts *counts,
	      const struct event_place *to, size_t *size_out)
{
	struct event event;
	enum err e = begin(&event, clock, to);

	if (e != ERR_OK)
		return e;
	write_counts(&event, clock, counts);
	return END(&event, EVENT_TYPE_STOPPED, size_out);
}

enum err
event_tick(const struct event_clock *clock, const struct event_counts *counts,
	   const struct event_place *to, size_t *size_out)
{
	struct event event;
	enum err e = begin(&event, clock, to);

	if (e != ERR_OK)
		return e;
	write_counts(&event, clock, counts);
	return END(&event, EVENT_TYPE_TICK, size_out);
}

enum err
event_clock_stepped(const struct event_clock *clock, int64_t step_ns, const struct event_place *to,
		    size_t *size_out)
{
	uint64_t size = step_ns < 0 ? ~(uint64_t)step_ns + 1 : (uint64_t)step_ns;
	struct event event;
	enum err e;

	if (step_ns == 0)
		return ERR_ARGUMENT;
	e = begin(&event, clock, to);
	if (e != ERR_OK)
		return e;
	json_write_literal(&event.json, "\"direction\":");
	event_write_name(&event.json, step_ns < 0 ? "backward" : "forward");
	WRITE_STRING(&event, ",\"monotonicNs\":", clock->monotonic_ns);
	WRITE_STRING(&event, ",\"stepNs\":", size);
	return END(&event, EVENT_TYPE_CLOCK_STEPPED, size_out);
}

enum err
event_ledger_full(const struct event_clock *clock, const char *ledger_word,
		  const struct event_place *to, size_t *size_out)
{
	struct event event;
	enum err e;

	if (!event_word_is_good(ledger_word, strlen(ledger_word)))
		return ERR_ARGUMENT;
	e = begin(&event, clock, to);
	if (e != ERR_OK)
		return e;
	json_write_literal(&event.json, "\"ledger\":");
	event_write_name(&event.json, ledger_word);
	WRITE_STRING(&event, ",\"monotonicNs\":", clock->monotonic_ns);
	return END(&event, EVENT_TYPE_LEDGER_FULL, size_out);
}

enum err
event_ledger_begun(const struct event_clock *clock, const char *origin, const uint8_t *root,
		   uint64_t size, const struct event_place *to, size_t *size_out)
{
	char text[BASE64_SIZE(ROOT_BYTES)];
	struct event event;
	enum err e;

	if (!text_is_utf8(origin, strlen(origin)))
		return ERR_ARGUMENT;
	e = begin(&event, clock, to);
	if (e != ERR_OK)
		return e;
	WRITE_STRING(&event, "\"monotonicNs\":", clock->monotonic_ns);
	json_write_literal(&event.json, ",\"previous\":{");
	if (origin[0] != '\0') {
		json_write_literal(&event.json, "\"origin\":");
		json_write_string(&event.json, origin, strlen(origin));
	}
	if (root != NULL) {
		base64_write(root, ROOT_BYTES, text);
		if (origin[0] != '\0')
			json_write_literal(&event.json, ",");
		json_write_literal(&event.json, "\"root\":\"");
		json_write_raw(&event.json, text, sizeof(text));
		WRITE_STRING(&event, "\",\"size\":", size);
	}
	json_write_literal(&event.json, "}");
	return END(&event, EVENT_TYPE_LEDGER_BEGUN, size_out);
}

enum err
event_protocol_violation(const struct event_clock *clock, const char *reason_word,
			 const struct hark_host_stamp *cell, const struct event_place *to,
			 size_t *size_out)
{
	struct event event;
	enum err e;

	if (!event_word_is_good(reason_word, strlen(reason_word)))
		return ERR_ARGUMENT;
	e = begin(&event, clock, to);
	if (e != ERR_OK)
		return e;
	if (cell != NULL) {
		json_write_literal(&event.json, "\"cellId\":");
		json_write_string(&event.json, cell->cell_id.data, cell->cell_id.size);
		json_write_literal(&event.json, ",");
	}
	WRITE_STRING(&event, "\"monotonicNs\":", clock->monotonic_ns);
	json_write_literal(&event.json, ",\"reason\":");
	event_write_name(&event.json, reason_word);
	if (cell != NULL) {
		json_write_literal(&event.json, ",\"runId\":");
		json_write_string(&event.json, cell->run_id.data, cell->run_id.size);
	}
	return END(&event, EVENT_TYPE_PROTOCOL_VIOLATION, size_out);
}

/* `"operation":{...}` of what was read. */
static enum err
write_members(struct event *event, struct bytes members)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	enum err e;

	e = json_tree_read((const char *)members.data, members.size, OPERATION_DEPTH_MAX, &tree,
			   NULL);
	if (e == ERR_MEMORY)
		return e;
	if (e != ERR_OK || json_tree_root(tree)->type != JSON_OBJECT)
		return ERR_FORMAT;
	json_write_literal(&event->json, ",\"operation\":");
	return json_node_write(json_tree_root(tree), JSON_ORDER_UTF16, JSON_NUMBERS_SAFE,
			       &event->json);
}

enum err
event_act_members(const char *ledger, uint64_t index, struct bytes reason, const char *error,
		  char members[EVENT_ACT_BYTES_MAX], size_t *size_out)
{
	struct json_writer w;

	MUST(ledger != NULL && members != NULL);

	json_writer_init(&w, members, EVENT_ACT_BYTES_MAX);
	json_write_literal(&w, "{");
	if (error != NULL) {
		json_write_literal(&w, "\"error\":");
		json_write_string(&w, error, strlen(error));
		json_write_literal(&w, ",");
	}
	json_write_literal(&w, "\"index\":");
	json_write_u64_string(&w, index);
	json_write_literal(&w, ",\"ledger\":");
	json_write_string(&w, ledger, strlen(ledger));
	if (reason.size > 0) {
		json_write_literal(&w, ",\"reason\":");
		json_write_string(&w, (const char *)reason.data, reason.size);
	}
	json_write_literal(&w, "}");
	return json_writer_finish(&w, size_out);
}

enum err
event_operation(const struct event_clock *clock, struct bytes kind_word, uint64_t evidence_size,
		const uint8_t *evidence_root, struct bytes members, const struct event_place *to,
		size_t *size_out)
{
	char type[sizeof(EVENT_TYPE_OPERATION_PREFIX) - 1 + EVENT_WORD_BYTES_MAX];
	const size_t prefix = sizeof(EVENT_TYPE_OPERATION_PREFIX) - 1;
	char root[BASE64_SIZE(ROOT_BYTES)];
	struct event event;
	enum err e;

	MUST(evidence_root != NULL);

	if (!event_word_is_good((const char *)kind_word.data, kind_word.size))
		return ERR_ARGUMENT;
	e = begin(&event, clock, to);
	if (e != ERR_OK)
		return e;
	memcpy(type, EVENT_TYPE_OPERATION_PREFIX, prefix);
	memcpy(type + prefix, kind_word.data, kind_word.size);
	base64_write(evidence_root, ROOT_BYTES, root);
	json_write_literal(&event.json, "\"evidence\":{\"root\":\"");
	json_write_raw(&event.json, root, sizeof(root));
	WRITE_STRING(&event, "\",\"size\":", evidence_size);
	json_write_literal(&event.json, "}");
	e = write_members(&event, members);
	if (e != ERR_OK)
		return e;
	return event_end(&event, type, prefix + kind_word.size, size_out);
}
