/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads `checkpoints`: "# <time> <bytes>", then a note of so many bytes, again and again. */
#include <string.h>

#include "base/must.h"
#include "base/num.h"

#include "verify/history.h"

#define NAME "checkpoints"
/* "# ", a time and a size with their blanks, and a newline. */
#define LINE_BYTES_MAX 128u
#define STEP           65536u

void
history_init(struct history *h)
{
	*h = (struct history){ .offset = 0 };
	window_init(&h->window);
}

enum err
history_open(struct history *h, struct disk disk)
{
	enum err e =
		window_open(&h->window, disk, NAME, STEP, LINE_BYTES_MAX + VERIFY_NOTE_BYTES_MAX);

	if (e == ERR_MISSING)
		return ERR_OK;
	return e == ERR_OK ? disk.ops->size(disk.ctx, h->window.file, &h->end) : e;
}

void
history_finish(struct history *h)
{
	window_finish(&h->window);
}

/* The line that says how long the note is.  ERR_END where it is not whole. */
static enum err
read_line(const uint8_t *data, size_t size, size_t *line_out, uint64_t *note_out)
{
	const uint8_t *newline = memchr(data, '\n', size);
	const uint8_t *blank;
	const uint8_t *at = data + 2;

	if (newline == NULL)
		return size < LINE_BYTES_MAX ? ERR_END : ERR_FORMAT;
	if (newline - data < 5 || data[0] != '#' || data[1] != ' ')
		return ERR_FORMAT;
	blank = memchr(at, ' ', (size_t)(newline - at));
	if (blank == NULL || blank == at)
		return ERR_FORMAT;
	blank++;
	*line_out = (size_t)(newline - data) + 1;
	return num_read_u64((const char *)blank, (size_t)(newline - blank), VERIFY_NOTE_BYTES_MAX,
			    note_out) == ERR_OK
		       ? ERR_OK
		       : ERR_FORMAT;
}

/* Whether a key of the ledger's name that was not given has signed the note that was opened last:
 * so looks a rotation to who has the old key. */
static bool
has_other_line(const struct hark_verifier *v, const char *origin)
{
	size_t i, k;

	for (i = 0; i < v->note.count; i++) {
		const struct note_signature *line = &v->note.signatures[i];
		bool is_given = false;

		if (line->name.size != strlen(origin) ||
		    memcmp(line->name.data, origin, line->name.size) != 0)
			continue;
		for (k = 0; k < v->key_count; k++)
			is_given |= strcmp(v->keys[k].name, origin) == 0 &&
				    v->keys[k].id == line->key_id;
		if (!is_given)
			return true;
	}
	return false;
}

enum err
history_next(struct history *h, struct hark_verifier *v, struct history_entry *out, bool *torn_out)
{
	uint64_t left = h->end - h->offset;
	size_t size = left < LINE_BYTES_MAX ? (size_t)left : LINE_BYTES_MAX;
	const uint8_t *data;
	size_t line = 0;
	uint64_t note = 0;
	enum err e;

	MUST(h->offset <= h->end);
	*torn_out = false;
	if (left == 0)
		return ERR_END;
	e = window_get(&h->window, h->offset, size, &data);
	if (e == ERR_OK)
		e = read_line(data, size, &line, &note);
	if (e == ERR_OK && note > left - line)
		e = ERR_END;
	if (e == ERR_OK)
		e = window_get(&h->window, h->offset, line + (size_t)note, &data);
	if (e == ERR_END)
		*torn_out = true;
	if (e != ERR_OK)
		return e;
	*out = (struct history_entry){ .offset = h->offset };
	out->answer = signed_open(v, (struct bytes){ data + line, (size_t)note }, &out->head);
	if (out->answer == SIGNED_MALFORMED)
		return ERR_FORMAT;
	out->has_other_line = has_other_line(v, out->head.origin);
	h->offset += line + note;
	return ERR_OK;
}
