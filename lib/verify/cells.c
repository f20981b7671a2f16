/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A row for each run of each cell, found by a hash of its names. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "event/types.h"
#include "json/scan.h"

#include "verify/cells.h"

/* Types that the rooms above write. */
#ifndef EVENT_TYPE_CONFLICT
#define EVENT_TYPE_CONFLICT   "dev.hark.events.cell.v1.conflict"
#define EVENT_TYPE_REGISTERED "dev.hark.events.cell.v1.registered"
#define EVENT_TYPE_REMOVED    "dev.hark.events.cell.v1.removed"
#define EVENT_TYPE_STARTED    "dev.hark.events.host.v1.started"
#endif
/* Twice the rows, so that every search ends. */
#define SLOTS (2u * HARK_REPORT_CELLS_MAX)

/* A stream's name: 16 hex digits. */
#define STREAM_BYTES 16u

/*
 * The names as they stand in leaves: cell, then run, in one piece; and which silences have not
 * ended: the cell's own, and those of single streams beside others that speak.
 */
struct names {
	char *raw;
	size_t cell_size;
	size_t run_size;
	bool is_silent;
	char mute[HARK_CONNECTIONS_MAX][STREAM_BYTES];
	size_t mute_count;
};

/*
 * rows[i] and names[i] belong together; slots hold i + 1, or 0.  `last` is the row that was found
 * last: neighbours in a record are often of one cell.
 */
struct cells {
	struct hark_cell_report *rows;
	struct names *names;
	size_t count;
	size_t capacity;
	size_t last;
	size_t others; /* i + 1 of the row for all that is beyond the limit, or 0 */
	uint32_t slots[SLOTS];
};

enum err
cells_create(struct cells **out)
{
	struct cells *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return ERR_MEMORY;
	*out = c;
	return ERR_OK;
}

void
cells_destroy(struct cells *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->count; i++)
		free(c->names[i].raw);
	free(c->names);
	free(c->rows);
	free(c);
}

const struct hark_cell_report *
cells_rows(const struct cells *c, size_t *count_out)
{
	*count_out = c->count;
	return c->rows;
}

static uint64_t
hash_of(struct bytes cell, struct bytes run)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
	size_t i;

	for (i = 0; i < cell.size; i++)
		h = (h ^ cell.data[i]) * UINT64_C(1099511628211);
	h = (h ^ 0xff) * UINT64_C(1099511628211);
	for (i = 0; i < run.size; i++)
		h = (h ^ run.data[i]) * UINT64_C(1099511628211);
	return h;
}

static bool
is_named(const struct names *n, struct bytes cell, struct bytes run)
{
	return n->raw != NULL && n->cell_size == cell.size && n->run_size == run.size &&
	       memcmp(n->raw, cell.data, cell.size) == 0 &&
	       (run.size == 0 || memcmp(n->raw + cell.size, run.data, run.size) == 0);
}

static enum err
reserve_row(struct cells *c)
{
	size_t capacity = c->capacity > 0 ? 2 * c->capacity : 16;
	void *rows;
	void *names;

	if (c->count < c->capacity)
		return ERR_OK;
	rows = realloc(c->rows, capacity * sizeof(*c->rows));
	if (rows == NULL)
		return ERR_MEMORY;
	c->rows = rows;
	names = realloc(c->names, capacity * sizeof(*c->names));
	if (names == NULL)
		return ERR_MEMORY;
	c->names = names;
	c->capacity = capacity;
	return ERR_OK;
}

/* The text of a slice that stands between two quotes of a leaf; left empty where it is none that
 * a name could be. */
static void
unescape(struct bytes raw, char *out)
{
	char text[6 * HARK_ID_BYTES_MAX + 16];
	struct json_scan scan;
	const char *name;
	size_t size;

	out[0] = '\0';
	if (raw.data == NULL || raw.size > 6 * HARK_ID_BYTES_MAX)
		return;
	scan = (struct json_scan){ .at = (const char *)raw.data - 1,
				   .end = (const char *)raw.data + raw.size + 1,
				   .bytes_at = text };
	if (json_scan_string(&scan, &name, &size) != ERR_OK || size > HARK_ID_BYTES_MAX ||
	    memchr(name, '\0', size) != NULL)
		return;
	memcpy(out, name, size);
	out[size] = '\0';
}

static enum err
add_row(struct cells *c, struct bytes cell, struct bytes run, uint64_t index, size_t *row_out)
{
	struct names names = { .cell_size = cell.size, .run_size = run.size };
	enum err e = reserve_row(c);

	if (e != ERR_OK)
		return e;
	if (cell.data != NULL) {
		names.raw = malloc(cell.size + run.size + 1);
		if (names.raw == NULL)
			return ERR_MEMORY;
		memcpy(names.raw, cell.data, cell.size);
		if (run.size > 0)
			memcpy(names.raw + cell.size, run.data, run.size);
	}
	c->names[c->count] = names;
	c->rows[c->count] = (struct hark_cell_report){ .first_index = index };
	unescape(cell, c->rows[c->count].cell);
	unescape(run, c->rows[c->count].run);
	*row_out = c->count++;
	return ERR_OK;
}

static enum err
find_row(struct cells *c, struct bytes cell, struct bytes run, uint64_t index, size_t *row_out)
{
	static const struct bytes nothing = { 0 };
	size_t slot = (size_t)(hash_of(cell, run) % SLOTS);
	enum err e = ERR_OK;

	if (c->count > 0 && is_named(&c->names[c->last], cell, run)) {
		*row_out = c->last;
		return ERR_OK;
	}
	while (c->slots[slot] != 0) {
		size_t at = c->slots[slot] - 1;

		if (is_named(&c->names[at], cell, run)) {
			*row_out = at;
			return ERR_OK;
		}
		slot = (slot + 1) % SLOTS;
	}
	if (c->count + 1 >= HARK_REPORT_CELLS_MAX) {
		if (c->others == 0) {
			e = add_row(c, nothing, nothing, index, row_out);
			c->others = c->count;
		}
		*row_out = c->others - 1;
		return e;
	}
	e = add_row(c, cell, run, index, row_out);
	if (e == ERR_OK)
		c->slots[slot] = (uint32_t)*row_out + 1;
	return e;
}

static enum cell_note
count_gap(struct hark_cell_report *row, const struct leaf_event *event)
{
	row->gaps++;
	row->lost = num_add_saturating(row->lost, leaf_number(event, LEAF_COUNT, 0));
	return CELL_GAP;
}

/* A silence began or ended: of the cell, or of the stream that the event names.  A stream's ends
 * with its connection too. */
static void
set_silence(struct hark_cell_report *row, struct names *n, struct bytes stream, bool is_silent)
{
	size_t i;

	if (stream.data == NULL) {
		n->is_silent = is_silent;
	} else if (stream.size == STREAM_BYTES) {
		for (i = 0; i < n->mute_count; i++) {
			if (memcmp(n->mute[i], stream.data, STREAM_BYTES) != 0)
				continue;
			memcpy(n->mute[i], n->mute[n->mute_count - 1], STREAM_BYTES);
			n->mute_count--;
			break;
		}
		if (is_silent && n->mute_count < HARK_CONNECTIONS_MAX)
			memcpy(n->mute[n->mute_count++], stream.data, STREAM_BYTES);
	}
	row->is_silent = n->is_silent || n->mute_count > 0;
}

/* What the host found out about the cell, by its type. */
static enum cell_note
count_finding(struct hark_cell_report *row, struct names *names, const struct leaf_event *event)
{
	if (leaf_text_is(event->type, EVENT_TYPE_GAP))
		return count_gap(row, event);
	if (leaf_text_is(event->type, EVENT_TYPE_DROPPED)) {
		row->dropped =
			num_add_saturating(row->dropped, leaf_number(event, LEAF_AT_LEAST, 1));
		return CELL_DROPPED;
	}
	if (leaf_text_is(event->type, EVENT_TYPE_REJECTED)) {
		row->rejected =
			num_add_saturating(row->rejected, leaf_number(event, LEAF_COUNT, 1));
		return CELL_REJECTED;
	}
	if (leaf_text_is(event->type, EVENT_TYPE_CONFLICT)) {
		row->conflicts++;
		return CELL_CONFLICT;
	}
	if (leaf_text_is(event->type, EVENT_TYPE_AGENT_SILENCED)) {
		row->silences++;
		set_silence(row, names, event->members[LEAF_STREAM], true);
	} else if (leaf_text_is(event->type, EVENT_TYPE_AGENT_RESUMED)) {
		set_silence(row, names, event->members[LEAF_STREAM], false);
	} else if (leaf_text_is(event->type, EVENT_TYPE_CLOSED) &&
		   event->members[LEAF_STREAM].data != NULL) {
		set_silence(row, names, event->members[LEAF_STREAM], false);
	} else if (leaf_text_is(event->type, EVENT_TYPE_REMOVED)) {
		row->is_removed = true;
	} else if (leaf_text_is(event->type, EVENT_TYPE_REGISTERED)) {
		row->is_removed = false;
	}
	return CELL_NOTHING;
}

/* A hello, heartbeat or goodbye is no numbered event: its `seq` is another's. */
static bool
is_about_the_stream(struct bytes probe_source)
{
	return leaf_text_is(probe_source, "agent.hello") ||
	       leaf_text_is(probe_source, "agent.heartbeat") ||
	       leaf_text_is(probe_source, "agent.goodbye");
}

enum err
cells_count(struct cells *c, uint64_t index, const struct leaf_event *event,
	    enum cell_note *note_out)
{
	struct hark_cell_report *row;
	size_t at;
	enum err e;

	MUST(c != NULL && event != NULL && note_out != NULL);

	if (event->members[LEAF_CELL].data == NULL) {
		bool is_outage = leaf_text_is(event->type, EVENT_TYPE_STARTED) &&
				 leaf_text_is(event->members[LEAF_CLEAN], "false");

		*note_out = is_outage ? CELL_OUTAGE : CELL_NOTHING;
		return ERR_OK;
	}
	e = find_row(c, event->members[LEAF_CELL], event->members[LEAF_RUN], index, &at);
	if (e != ERR_OK)
		return e;
	c->last = at;
	row = &c->rows[at];
	row->last_index = index;
	*note_out = CELL_NOTHING;
	if (!event->is_declaration) {
		*note_out = count_finding(row, &c->names[at], event);
	} else if (!is_about_the_stream(event->probe_source)) {
		row->declarations++;
		row->unnumbered += !event->is_numbered;
	}
	return ERR_OK;
}
