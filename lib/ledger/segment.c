/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reading segments, in constant memory.  The writer's side is commit.c. */
#include "ledger/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "ledger/failure.h"

/* How much is looked through at once; a multiple of the alignment of frames. */
#define SEARCH_STEP_BYTES 65536u
#define SERIAL_DIGITS     16u

void
segment_name(uint64_t serial, char out[SEGMENT_NAME_BYTES])
{
	(void)snprintf(out, SEGMENT_NAME_BYTES, "segments/%016" PRIx64 ".seg", serial);
}

void
segment_state_name(uint64_t serial, char out[SEGMENT_NAME_BYTES])
{
	(void)snprintf(out, SEGMENT_NAME_BYTES, "state/%016" PRIx64, serial);
}

struct list {
	const char *ending;
	struct segment_range range;
};

static bool
read_serial(const char *name, const char *ending, uint64_t *out)
{
	uint64_t serial = 0;
	size_t i;

	for (i = 0; i < SERIAL_DIGITS; i++) {
		uint64_t digit;

		if (name[i] >= '0' && name[i] <= '9')
			digit = (uint64_t)(name[i] - '0');
		else if (name[i] >= 'a' && name[i] <= 'f')
			digit = (uint64_t)(name[i] - 'a') + 10;
		else
			return false;
		serial = serial << 4 | digit;
	}
	*out = serial;
	return strcmp(name + SERIAL_DIGITS, ending) == 0;
}

static enum err
list_name(void *ctx, const char *name)
{
	struct list *l = ctx;
	uint64_t serial;

	if (!read_serial(name, l->ending, &serial))
		return ERR_OK;
	if (l->range.count == 0 || serial < l->range.lowest)
		l->range.lowest = serial;
	if (l->range.count == 0 || serial > l->range.highest)
		l->range.highest = serial;
	l->range.count++;
	return ERR_OK;
}

enum err
segment_list(struct disk disk, const char *folder, struct segment_range *out)
{
	struct list l = { .ending = strcmp(folder, "segments") == 0 ? ".seg" : "" };
	enum err e = disk.ops->list(disk.ctx, folder, list_name, &l);

	if (e == ERR_OK)
		*out = l.range;
	return e;
}

/* What a header says against what its place says. */
static enum err
check_header(const struct segment *s, const char *origin, struct ledger_failure *why)
{
	char name[SEGMENT_NAME_BYTES];

	segment_name(s->serial, name);
	if (s->header.serial != s->serial)
		return failure_say(why, ERR_FORMAT,
				   "%s: its header has the serial of another segment, %016" PRIx64,
				   name, s->header.serial);
	if (origin != NULL && strcmp(origin, s->header.origin) != 0)
		return failure_say(why, ERR_FORMAT,
				   "%s: it belongs to another ledger, %s, and not to %s", name,
				   s->header.origin, origin);
	return ERR_OK;
}

static enum err
read_header(struct segment *s, const char *origin, struct ledger_failure *why)
{
	uint8_t data[FORMAT_SEGMENT_BYTES] = { 0 };
	char name[SEGMENT_NAME_BYTES];
	format_complaint complaint = NULL;
	size_t size = 0;
	enum err e;

	segment_name(s->serial, name);
	e = s->disk.ops->size(s->disk.ctx, s->file, &s->bytes);
	if (e == ERR_OK)
		e = s->disk.ops->read(s->disk.ctx, s->file, 0, data, sizeof(data), &size);
	if (e != ERR_OK)
		return failure_say(why, e, "%s: reading its header failed", name);
	e = format_segment_read(data, &s->header, &complaint);
	if (e != ERR_OK)
		return failure_say(why, e, "%s: %s", name, complaint);
	return check_header(s, origin, why);
}

enum err
segment_open(struct disk disk, uint64_t serial, const char *origin, struct segment *out,
	     struct ledger_failure *why)
{
	cleanup(segment_close) struct segment s = { .disk = disk, .file = -1, .serial = serial };
	char name[SEGMENT_NAME_BYTES];
	enum err e;

	segment_name(serial, name);
	e = disk.ops->open(disk.ctx, name, DISK_READ, &s.file);
	if (e != ERR_OK)
		return failure_say(why, e, "%s: %s", name,
				   e == ERR_MISSING ? "the segment is not there"
						    : "opening it failed");
	e = read_header(&s, origin, why);
	if (e != ERR_OK)
		return e;
	*out = s;
	s.file = -1;
	return ERR_OK;
}

void
segment_close(struct segment *s)
{
	if (s->disk.ops != NULL && s->file >= 0)
		s->disk.ops->close(s->disk.ctx, s->file);
	s->file = -1;
}

static enum err
complain(const struct segment *s, uint64_t offset, enum err e, const char *what,
	 struct ledger_failure *why)
{
	char name[SEGMENT_NAME_BYTES];

	segment_name(s->serial, name);
	return failure_say(why, e, "%s at %" PRIu64 ": %s", name, offset, what);
}

/* `size` bytes at `offset` of the file, or ERR_END. */
static enum err
read_all(const struct segment *s, uint64_t offset, uint8_t *data, size_t size)
{
	size_t got = 0;
	enum err e = s->disk.ops->read(s->disk.ctx, s->file, offset, data, size, &got);

	if (e != ERR_OK)
		return e;
	return got == size ? ERR_OK : ERR_END;
}

/* The head, then all that the head asks for. */
static enum err
load(const struct segment *s, uint64_t offset, struct segment_frame *f, uint64_t *at_out,
     format_complaint *complaint)
{
	size_t bad_at = 0;
	enum err e;

	*at_out = offset;
	*complaint = "memory for a frame";
	buf_clear(&f->data);
	e = buf_reserve(&f->data, FORMAT_HEAD_BYTES, FORMAT_FRAME_BYTES_MAX);
	if (e != ERR_OK)
		return e;
	*complaint = "the file ends where a frame was expected";
	e = read_all(s, offset, f->data.data, FORMAT_HEAD_BYTES);
	if (e != ERR_OK)
		return e;
	e = format_head_read(f->data.data, &f->head, complaint);
	if (e != ERR_OK)
		return e;
	*complaint = "memory for a frame";
	f->data.size = FORMAT_HEAD_BYTES; /* kept where the buffer moves */
	e = buf_reserve(&f->data, f->head.bytes - FORMAT_HEAD_BYTES, FORMAT_FRAME_BYTES_MAX);
	if (e != ERR_OK)
		return e;
	*complaint = "the file ends inside a frame";
	e = read_all(s, offset + FORMAT_HEAD_BYTES, f->data.data + FORMAT_HEAD_BYTES,
		     f->head.bytes - FORMAT_HEAD_BYTES);
	if (e != ERR_OK)
		return e == ERR_END ? ERR_FORMAT : e;
	*complaint = "the CRC-32C of the frame's head and changes of state does not match";
	if (!format_head_holds(&f->head, s->header.salt, f->data.data))
		return ERR_FORMAT;
	e = format_frame_check(&f->head, f->data.data, &bad_at, complaint);
	*at_out = offset + bad_at;
	return e;
}

enum err
segment_load(const struct segment *s, uint64_t offset, struct segment_frame *f,
	     struct ledger_failure *why)
{
	format_complaint complaint = NULL;
	uint64_t at = offset;
	enum err e = load(s, offset, f, &at, &complaint);

	if (e == ERR_OK) {
		f->offset = offset;
		f->data.size = f->head.bytes;
		return ERR_OK;
	}
	return complain(s, at, e, e == ERR_SYSTEM ? "reading a frame failed" : complaint, why);
}

struct bytes
segment_changes(const struct segment_frame *f)
{
	MUST(f->data.size == f->head.bytes);
	return (struct bytes){ f->data.data + FORMAT_HEAD_BYTES, f->head.change_bytes };
}

struct bytes
segment_records(const struct segment_frame *f)
{
	MUST(f->data.size == f->head.bytes);
	return (struct bytes){ f->data.data + FORMAT_HEAD_BYTES + f->head.change_bytes,
			       f->head.record_bytes };
}

/* A frame's first bytes, which cost least to look for. */
static bool
looks_like_frame(const uint8_t *data)
{
	return memcmp(data, "HKCF", 4) == 0;
}

enum err
segment_find_after(const struct segment *s, uint64_t offset, struct segment_frame *scratch,
		   uint64_t *offset_out)
{
	uint8_t step[SEARCH_STEP_BYTES];
	uint64_t at = (offset / FORMAT_ALIGN + 1) * FORMAT_ALIGN;
	size_t size = 0;
	size_t i;

	for (;; at += size) {
		enum err e = s->disk.ops->read(s->disk.ctx, s->file, at, step, sizeof(step), &size);

		if (e != ERR_OK)
			return e;
		size = size / FORMAT_ALIGN * FORMAT_ALIGN;
		if (size == 0)
			return ERR_END;
		if (format_is_zero(step, size))
			continue;
		for (i = 0; i < size; i += FORMAT_ALIGN) {
			if (!looks_like_frame(step + i))
				continue;
			e = segment_load(s, at + i, scratch, NULL);
			if (e == ERR_OK)
				*offset_out = at + i;
			if (e == ERR_OK || e == ERR_SYSTEM || e == ERR_MEMORY)
				return e;
		}
	}
}
