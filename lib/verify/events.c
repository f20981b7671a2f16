/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads the events of a ledger or an export in turn. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"

#include "json/writer.h"

#include "verify/events.h"
#include "verify/leaf.h"

#define SOURCE_PREFIX "/hark/"
/* Behind what an operation explains that does not count yet. */
#define LATE_WORDS \
	", but one that is not sealed yet or came meanwhile: judge again when it is sealed"

/* True for "<origin>/<index>". */
static bool
is_id_of(const struct events *w, struct bytes id, uint64_t index)
{
	char digits[NUM_U64_DIGITS_MAX];
	size_t count = num_write_u64(index, digits);

	return id.size == w->origin_json_size + 1 + count &&
	       memcmp(id.data, w->origin_json, w->origin_json_size) == 0 &&
	       id.data[w->origin_json_size] == '/' &&
	       memcmp(id.data + id.size - count, digits, count) == 0;
}

static bool
is_source(const struct events *w, struct bytes source)
{
	size_t prefix = sizeof(SOURCE_PREFIX) - 1;

	return source.size == prefix + w->origin_json_size &&
	       memcmp(source.data, SOURCE_PREFIX, prefix) == 0 &&
	       memcmp(source.data + prefix, w->origin_json, w->origin_json_size) == 0;
}

static int
length(struct bytes text)
{
	return text.size < 128 ? (int)text.size : 128;
}

static const char *
text_or(struct bytes text, const char *absent)
{
	return text.data != NULL ? (const char *)text.data : absent;
}

#define SHOWN(event, member) length((event)->members[member]), text_or((event)->members[member], "")

static void
tell_note(struct events *w, enum cell_note note, const struct leaf_event *e, uint64_t index)
{
	switch (note) {
	case CELL_GAP:
		if (e->members[LEAF_FIRST].data == NULL)
			finding(w->j, HARK_FINDING_GAP, "", index,
				"cell %.*s run %.*s: events are missing, nobody knows how many "
				"(%.*s)",
				SHOWN(e, LEAF_CELL), SHOWN(e, LEAF_RUN), SHOWN(e, LEAF_CAUSE));
		else
			finding(w->j, HARK_FINDING_GAP, "", index,
				"cell %.*s run %.*s: events %.*s to %.*s are missing (%.*s)",
				SHOWN(e, LEAF_CELL), SHOWN(e, LEAF_RUN), SHOWN(e, LEAF_FIRST),
				SHOWN(e, LEAF_LAST), SHOWN(e, LEAF_CAUSE));
		break;
	case CELL_DROPPED:
		finding(w->j, HARK_FINDING_DROPPED, "", index,
			"cell %.*s run %.*s: its agent lost at least %.*s events",
			SHOWN(e, LEAF_CELL), SHOWN(e, LEAF_RUN), SHOWN(e, LEAF_AT_LEAST));
		break;
	case CELL_REJECTED:
		finding(w->j, HARK_FINDING_REJECTED, "", index,
			"cell %.*s run %.*s: %.*s refused (%.*s)", SHOWN(e, LEAF_CELL),
			SHOWN(e, LEAF_RUN), SHOWN(e, LEAF_COUNT), SHOWN(e, LEAF_REASON));
		break;
	case CELL_CONFLICT:
		finding(w->j, HARK_FINDING_CONFLICT, "", index,
			"cell %.*s run %.*s: two agents spoke at once", SHOWN(e, LEAF_CELL),
			SHOWN(e, LEAF_RUN));
		break;
	case CELL_OUTAGE:
		finding(w->j, HARK_FINDING_OUTAGE, "", index,
			"the daemon started here, and had ended before without saying so");
		break;
	case CELL_NOTHING:
		break;
	}
}

enum err
events_leaf(struct events *w, struct bytes leaf, uint64_t index)
{
	enum cell_note note = CELL_NOTHING;
	struct leaf_event event;
	const char *why = "";
	enum err e;

	if (leaf_read(leaf, &event, &why) != ERR_OK) {
		finding(w->j, HARK_FINDING_LEAF, "", index,
			"leaf %" PRIu64 " is no event in canonical form: %s", index, why);
		return ERR_OK;
	}
	if (!is_id_of(w, event.id, index))
		finding(w->j, HARK_FINDING_LEAF, "", index,
			"leaf %" PRIu64 " has the id \"%.*s\", expected \"%s/%" PRIu64 "\"", index,
			length(event.id), (const char *)event.id.data, w->j->report->origin, index);
	else if (!is_source(w, event.source))
		finding(w->j, HARK_FINDING_LEAF, "", index,
			"leaf %" PRIu64 " has the source \"%.*s\", expected \"" SOURCE_PREFIX
			"%s\"",
			index, length(event.source), (const char *)event.source.data,
			w->j->report->origin);
	if (w->collects) {
		e = operations_take(&w->j->verifier->operations, index, &event, index < w->sealed);
		if (e != ERR_OK)
			return e;
	}
	e = cells_count(w->j->cells, index, &event, &note);
	if (e == ERR_OK)
		tell_note(w, note, &event, index);
	return e;
}

enum err
events_redacted(struct events *w, uint64_t index)
{
	size_t more = w->redacted_capacity > 0 ? 2 * w->redacted_capacity : 64;
	uint64_t *longer;

	w->j->report->redacted++;
	if (w->redacted_count == EVENTS_REDACTED_MAX)
		return ERR_OK;
	if (w->redacted_count == w->redacted_capacity) {
		longer = realloc(w->redacted, more * sizeof(*longer));
		if (longer == NULL)
			return ERR_MEMORY;
		w->redacted = longer;
		w->redacted_capacity = more;
	}
	w->redacted[w->redacted_count++] = index;
	return ERR_OK;
}

/* Why payloads are gone: nobody says it, and somebody would have; or who would is not judged, or
 * says it in an operation that came meanwhile or is not sealed. */
static enum hark_finding_kind
unexplained(const struct operations *o, bool late)
{
	return o->is_judged && o->is_whole && !late ? HARK_FINDING_REMOVED : HARK_FINDING_ABSENT;
}

bool
events_are_unexplained(const struct events *w, unsigned int ledger)
{
	const struct operations *o = &w->j->verifier->operations;
	const struct hark_ledger_report *r = w->j->report;
	uint64_t hidden = r->redacted;
	size_t i;

	for (i = 0; i < w->redacted_count; i++)
		hidden -= operations_redacted(o, ledger, w->redacted[i]);
	return hidden > 0 || (r->first > 0 && o->pruned[ledger] < r->first);
}

void
events_absence(struct events *w, unsigned int ledger)
{
	const struct operations *o = &w->j->verifier->operations;
	const struct operations *late = &w->j->verifier->late;
	const char *asks = o->is_judged ? "" : "; the operations ledger, with its key, would";
	const struct hark_ledger_report *r = w->j->report;
	const char *to = text_counted(r->first, "leaf ", "leaves 0 to ");
	uint64_t hidden = r->redacted;
	bool all_late = true;
	size_t i;

	if (r->first > 0 && o->pruned[ledger] >= r->first)
		finding(w->j, HARK_FINDING_PRUNED, "", HARK_NO_INDEX,
			"%s%" PRIu64 " %s pruned, as an operation says", to, r->first - 1,
			text_counted(r->first, "was", "were"));
	else if (r->first > 0)
		finding(w->j, unexplained(o, late->pruned[ledger] >= r->first), "", HARK_NO_INDEX,
			"%s%" PRIu64 " %s pruned%s", to, r->first - 1,
			text_counted(r->first, "is not here, and nothing judged says that it was",
				     "are not here, and nothing judged says that they were"),
			late->pruned[ledger] >= r->first ? LATE_WORDS : asks);
	for (i = 0; i < w->redacted_count; i++) {
		uint64_t index = w->redacted[i];

		if (!operations_redacted(o, ledger, index)) {
			all_late &= operations_redacted(late, ledger, index);
			continue;
		}
		hidden--;
		finding(w->j, HARK_FINDING_REDACTED, "", index,
			"leaf %" PRIu64 " was redacted, as an operation says", index);
	}
	if (hidden > 0)
		finding(w->j, unexplained(o, all_late), "", HARK_NO_INDEX,
			"%" PRIu64 " %s redacted, and nothing judged says so%s", hidden,
			text_counted(hidden, "leaf was", "leaves were"),
			all_late && o->is_judged ? LATE_WORDS : asks);
}

void
events_cells(struct events *w)
{
	size_t count = 0;
	const struct hark_cell_report *rows = cells_rows(w->j->cells, &count);
	size_t i;

	for (i = 0; i < count; i++) {
		const struct hark_cell_report *row = &rows[i];

		if (row->is_silent && !row->is_removed)
			finding(w->j, HARK_FINDING_SILENCE, "", HARK_NO_INDEX,
				"cell %s run %s: it fell silent and was not heard again", row->cell,
				row->run);
		if (row->unnumbered > 0)
			finding(w->j, HARK_FINDING_UNNUMBERED, "", HARK_NO_INDEX,
				"cell %s run %s: %" PRIu64 " of %" PRIu64
				" declarations have no number, so what is missing between them is "
				"unknown",
				row->cell, row->run, row->unnumbered, row->declarations);
	}
}

void
events_begin(struct events *w)
{
	const char *origin = w->j->report->origin;
	struct json_writer writer;
	size_t size = 0;

	json_writer_init(&writer, w->origin_json, sizeof(w->origin_json));
	json_write_string_part(&writer, origin, strlen(origin));
	if (json_writer_finish(&writer, &size) != ERR_OK)
		MUST_NOT_REACH("an escaped origin has at most six bytes for each");
	w->origin_json_size = size;
}

void
events_finish(struct events *w)
{
	free(w->redacted);
	*w = (struct events){ .j = NULL };
}
