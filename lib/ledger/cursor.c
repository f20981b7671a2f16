/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Frame after frame, with the judgement of what a missing or broken one means. */
#include "ledger/cursor.h"

#include <inttypes.h>
#include <string.h>

#include "base/must.h"
#include "ledger/failure.h"

void
cursor_init(struct cursor *c, struct disk disk, const char *origin)
{
	memset(c, 0, sizeof(*c));
	c->disk = disk;
	c->origin = origin;
	c->segment.file = -1;
	c->at.offset = FORMAT_SEGMENT_BYTES;
}

void
cursor_finish(struct cursor *c)
{
	segment_close(&c->segment);
	buf_finish(&c->frame.data);
}

static void
forget_frame(struct cursor *c)
{
	buf_clear(&c->frame.data);
	c->rest = (struct bytes){ 0 };
}

enum err
cursor_begin(struct cursor *c, uint64_t serial, struct ledger_failure *why)
{
	struct segment s;
	enum err e = segment_open(c->disk, serial, c->origin, &s, why);

	if (e != ERR_OK)
		return e;
	segment_close(&c->segment);
	c->segment = s;
	c->at = (struct format_position){ serial, FORMAT_SEGMENT_BYTES };
	c->size = s.header.first_index;
	c->index = c->size;
	forget_frame(c);
	return ERR_OK;
}

/* Opens the segment of the next frame, where it is another than before. */
static enum err
follow_segment(struct cursor *c, struct ledger_failure *why)
{
	struct segment s;
	enum err e;

	if (c->segment.file >= 0 && c->segment.serial == c->at.serial)
		return ERR_OK;
	e = segment_open(c->disk, c->at.serial, c->origin, &s, why);
	if (e != ERR_OK)
		return e;
	if (s.header.first_index != c->size) {
		e = failure_say(why, ERR_FORMAT,
				"segments/%016" PRIx64 ".seg: it begins at leaf %" PRIu64
				", expected %" PRIu64,
				c->at.serial, s.header.first_index, c->size);
		segment_close(&s);
		return e;
	}
	segment_close(&c->segment);
	c->segment = s;
	return ERR_OK;
}

/*
 * There is no frame that holds where one could be.  Where one must be, that is damage; else it is
 * the end, unless something that holds comes after.
 */
static enum err
judge_end(struct cursor *c, uint64_t limit, enum err found, struct ledger_failure *why)
{
	struct ledger_failure torn = { .text = "" };
	struct segment next = { .file = -1 };
	uint64_t offset = 0;
	enum err e;

	if (found == ERR_SYSTEM || found == ERR_MEMORY || found == ERR_UNSUPPORTED)
		return found;
	if (limit != UINT64_MAX)
		return ERR_FORMAT;
	if (c->segment.file < 0 || c->segment.serial != c->at.serial)
		return found == ERR_MISSING ? ERR_AGAIN : ERR_FORMAT;
	if (why != NULL)
		torn = *why;
	e = segment_find_after(&c->segment, c->at.offset, &c->frame, &offset);
	forget_frame(c);
	if (e == ERR_OK)
		return failure_say(why, ERR_FORMAT,
				   "%.400s; and a frame that holds follows at %" PRIu64, torn.text,
				   offset);
	if (e != ERR_END)
		return failure_say(why, e, "segments/%016" PRIx64 ".seg: reading it failed",
				   c->at.serial);
	e = segment_open(c->disk, c->at.serial + 1, NULL, &next, NULL);
	segment_close(&next);
	if (e == ERR_MISSING)
		return ERR_AGAIN;
	if (e == ERR_SYSTEM)
		return failure_say(why, e, "segments/%016" PRIx64 ".seg: reading it failed",
				   c->at.serial + 1);
	return failure_say(why, ERR_FORMAT, "%.400s; and another segment follows", torn.text);
}

enum err
cursor_frame(struct cursor *c, uint64_t limit, struct ledger_failure *why)
{
	const struct format_head *h = &c->frame.head;
	enum err e;

	if (c->size >= limit)
		return ERR_AGAIN;
	e = follow_segment(c, why);
	if (e == ERR_OK)
		e = segment_load(&c->segment, c->at.offset, &c->frame, why);
	if (e != ERR_OK) {
		forget_frame(c);
		return judge_end(c, limit, e, why);
	}
	if (h->first_index != c->size) {
		forget_frame(c);
		return failure_say(why, ERR_FORMAT,
				   "segments/%016" PRIx64 ".seg at %" PRIu64
				   ": the frame begins at leaf %" PRIu64 ", expected %" PRIu64,
				   c->at.serial, c->at.offset, h->first_index, c->size);
	}
	c->rest = segment_records(&c->frame);
	c->index = c->size;
	c->size = h->size_after;
	c->at = h->is_last ? (struct format_position){ c->at.serial + 1, FORMAT_SEGMENT_BYTES }
			   : (struct format_position){ c->at.serial, c->at.offset + h->bytes };
	return ERR_OK;
}

enum err
cursor_record(struct cursor *c, struct format_record *out, uint64_t *index_out)
{
	format_complaint complaint;
	const uint8_t *before = c->rest.data;
	enum err e = format_record_take(&c->rest, out, &complaint);

	if (e == ERR_END)
		return e;
	MUST(e == ERR_OK); /* the frame was checked when it was loaded */
	c->record_at = (size_t)(before - c->frame.data.data);
	*index_out = c->index++;
	return ERR_OK;
}
