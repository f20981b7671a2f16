/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads a segment's header and its frames in turn. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"

#include "base/text.h"
#include "verify/frames.h"

#define READ_STEP 262144u

__attribute__((format(printf, 2, 3))) static enum err
refuse(struct frames *s, const char *format, ...)
{
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(s->why, sizeof(s->why), format, arguments);
	va_end(arguments);
	MUST(size >= 0);
	return ERR_FORMAT;
}

void
frames_init(struct frames *s)
{
	*s = (struct frames){ .serial = 0 };
	window_init(&s->window);
}

void
frames_finish(struct frames *s)
{
	window_finish(&s->window);
}

static enum err
read_header(struct frames *s)
{
	format_complaint why = NULL;
	const uint8_t *data;
	enum err e = window_get(&s->window, 0, FORMAT_SEGMENT_BYTES, &data);

	if (e == ERR_END)
		return refuse(s, "it ends within its header of %u bytes", FORMAT_SEGMENT_BYTES);
	if (e == ERR_OK)
		e = format_segment_read(data, &s->header, &why);
	if (e == ERR_MISSING)
		return ERR_END;
	if (e == ERR_FORMAT)
		return refuse(s, "its header: %s", why);
	s->is_whole = e == ERR_OK;
	if (e == ERR_OK && s->header.serial != s->serial)
		return refuse(s, "its header has serial %016" PRIx64, s->header.serial);
	return e;
}

enum err
frames_open(struct frames *s, struct disk disk, uint64_t serial)
{
	enum err e;

	MUST(s != NULL);
	s->serial = serial;
	s->disk = disk;
	s->offset = FORMAT_SEGMENT_BYTES;
	s->why[0] = '\0';
	s->is_whole = false;
	(void)snprintf(s->name, sizeof(s->name), "segments/%016" PRIx64 ".seg", serial);
	e = window_open(&s->window, disk, s->name, READ_STEP, FORMAT_FRAME_BYTES_MAX);
	if (e == ERR_OK)
		e = disk.ops->size(disk.ctx, s->window.file, &s->bytes);
	return e == ERR_OK ? read_header(s) : e;
}

/* The whole frame at an offset, its checksum checked.  ERR_MISSING: a head of zeroes. */
static enum err
read_frame(struct frames *s, uint64_t offset, struct format_head *head, const uint8_t **out)
{
	format_complaint why = NULL;
	const uint8_t *data;
	enum err e;

	e = window_get(&s->window, offset, FORMAT_HEAD_BYTES, &data);
	if (e == ERR_END)
		return refuse(s, "the file ends within a frame's head");
	if (e == ERR_OK)
		e = format_head_read(data, head, &why);
	if (e == ERR_FORMAT)
		return refuse(s, "a frame's head: %s", why);
	if (e != ERR_OK)
		return e;
	if (head->bytes > s->bytes - offset)
		return refuse(s, "a frame of %u bytes where the file has only %" PRIu64 " more",
			      head->bytes, s->bytes - offset);
	e = window_get(&s->window, offset, head->bytes, &data);
	if (e == ERR_END)
		return refuse(s, "the file ends within a frame");
	if (e == ERR_OK && !format_head_holds(head, s->header.salt, data))
		return refuse(s, "the checksum of a frame's head and state does not hold");
	*out = data;
	return e;
}

/* ERR_END where only zeroes follow. */
static enum err
check_rest(struct frames *s)
{
	uint64_t at = s->offset;

	while (at < s->bytes) {
		size_t size = s->bytes - at < READ_STEP ? (size_t)(s->bytes - at) : READ_STEP;
		const uint8_t *data;
		enum err e = window_get(&s->window, at, size, &data);

		if (e != ERR_OK) /* ERR_END: it became shorter while it was read */
			return e;
		if (!format_is_zero(data, size))
			return refuse(s, "bytes that are no frame, where all should be zero");
		at += size;
	}
	return ERR_END;
}

enum err
frames_next(struct frames *s, struct frames_one *out)
{
	struct frames_one f = { .offset = s->offset };
	const uint8_t *data = NULL;
	format_complaint why = NULL;
	size_t at = 0;
	enum err e;

	s->why[0] = '\0';
	if (s->offset >= s->bytes)
		return ERR_END;
	if (s->bytes - s->offset < FORMAT_HEAD_BYTES)
		return check_rest(s);
	e = read_frame(s, s->offset, &f.head, &data);
	if (e == ERR_MISSING)
		return check_rest(s);
	if (e != ERR_OK)
		return e;
	if (format_frame_check(&f.head, data, &at, &why) != ERR_OK)
		return refuse(s, "%zu %s into a frame: %s", at, text_counted(at, "byte", "bytes"),
			      why);
	f.body = (struct bytes){ .data = data + FORMAT_HEAD_BYTES + f.head.change_bytes,
				 .size = f.head.record_bytes };
	s->offset += f.head.bytes;
	*out = f;
	return ERR_OK;
}

enum err
frames_has_later(struct frames *s, bool *out, uint64_t *offset_out)
{
	uint64_t at = s->offset + FORMAT_ALIGN;
	char why[sizeof(s->why)];
	struct format_head head;
	const uint8_t *data;
	enum err e = ERR_OK;

	memcpy(why, s->why, sizeof(why)); /* the search has failures of its own */
	*out = false;
	for (; at < s->bytes && s->bytes - at >= FORMAT_HEAD_BYTES && !*out; at += FORMAT_ALIGN) {
		e = read_frame(s, at, &head, &data);
		if (e == ERR_OK) {
			*out = true;
			*offset_out = at;
		} else if (e != ERR_FORMAT && e != ERR_MISSING && e != ERR_END) {
			break;
		}
		e = ERR_OK;
	}
	memcpy(s->why, why, sizeof(why));
	return e;
}
