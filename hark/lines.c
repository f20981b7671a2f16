/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The line reader of the filters. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "hark/lines.h"
#include "os/file.h"

enum err
lines_init(struct lines *l, int fd, const char *name, size_t line_bytes_max)
{
	MUST(l != NULL && fd >= 0 && name != NULL);

	*l = (struct lines){ .fd = fd, .name = name, .capacity = line_bytes_max + 1 };
	l->data = malloc(l->capacity);
	return l->data != NULL ? ERR_OK : ERR_MEMORY;
}

/* Reads what is there behind [at, filled), which moves to the front. */
static enum err
read_more(struct lines *l)
{
	size_t size;
	enum err e;

	if (l->at > 0) {
		memmove(l->data, l->data + l->at, l->filled - l->at);
		l->filled -= l->at;
		l->scanned -= l->at;
		l->at = 0;
	}
	MUST(l->filled < l->capacity);
	e = file_read_wait(l->fd, l->data + l->filled, l->capacity - l->filled, &size);
	if (e == ERR_END) {
		l->ended = true;
		return ERR_OK;
	}
	if (e == ERR_OK)
		l->filled += size;
	return e;
}

/* Gives [at, end) and goes on behind `next`. */
static void
give(struct lines *l, size_t end, size_t next, const char **text_out, size_t *size_out)
{
	*text_out = l->data + l->at;
	*size_out = end - l->at;
	l->at = next;
	l->scanned = next;
}

enum err
lines_next(struct lines *l, const char **text_out, size_t *size_out)
{
	MUST(l != NULL && l->data != NULL && text_out != NULL && size_out != NULL);

	for (;;) {
		const char *newline = memchr(l->data + l->scanned, '\n', l->filled - l->scanned);
		enum err e;

		if (newline != NULL) {
			size_t end = (size_t)(newline - l->data);
			bool was_long = l->skipping;

			give(l, end, end + 1, text_out, size_out);
			l->skipping = false;
			l->number++;
			return was_long ? ERR_LIMIT : ERR_OK;
		}
		l->scanned = l->filled;
		if (l->filled - l->at == l->capacity) {
			l->skipping = true;
			l->at = l->scanned = l->filled = 0;
		}
		if (l->ended && l->at == l->filled && !l->skipping)
			return ERR_END;
		if (l->ended) {
			bool was_long = l->skipping;

			give(l, l->filled, l->filled, text_out, size_out);
			l->skipping = false;
			l->number++;
			return was_long ? ERR_LIMIT : ERR_OK;
		}
		e = read_more(l);
		if (e != ERR_OK)
			return e;
	}
}

void
lines_finish(struct lines *l)
{
	if (l == NULL)
		return;
	free(l->data);
	*l = (struct lines){ .fd = -1 };
}
