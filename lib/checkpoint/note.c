/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Signed notes by C2SP's signed-note: read and written, never verified here. */
#include <stdbool.h>
#include <string.h>

#include "base/base64.h"
#include "base/must.h"
#include "base/text.h"
#include "checkpoint/note.h"

/* Em dash and blank, which begin every signature line. */
#define LINE_HEAD       "\xe2\x80\x94 "
#define LINE_HEAD_BYTES (sizeof(LINE_HEAD) - 1)
/* The key id before a signature. */
#define KEY_ID_BYTES 4u

/* All that is decoded of one line, and its letters. */
#define SIGNED_BYTES_MAX (KEY_ID_BYTES + NOTE_SIGNATURE_BYTES_MAX)

static bool
is_name(const char *name, size_t size)
{
	return text_is_id(name, size, NOTE_NAME_BYTES_MAX) && memchr(name, '+', size) == NULL;
}

/* What a note may be made of: UTF-8 without control characters but the newline. */
static bool
is_note_text(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if ((uint8_t)text[i] < 0x20 && text[i] != '\n')
			return false;
	return text_is_utf8(text, size);
}

/* Gives where the last empty line begins, which is the second newline in a row; 0 where there is
 * none. */
static size_t
find_empty_line(const char *text, size_t size)
{
	size_t i;

	for (i = size; i > 1; i--)
		if (text[i - 1] == '\n' && text[i - 2] == '\n')
			return i - 1;
	return 0;
}

/* One line without its newline. */
static enum err
read_line(const char *line, size_t size, struct note_signature *out)
{
	uint8_t all[SIGNED_BYTES_MAX];
	const char *blank;
	size_t name_size;
	size_t all_size;
	enum err e;

	if (size < LINE_HEAD_BYTES || memcmp(line, LINE_HEAD, LINE_HEAD_BYTES) != 0)
		return ERR_FORMAT;
	line += LINE_HEAD_BYTES;
	size -= LINE_HEAD_BYTES;
	blank = memchr(line, ' ', size);
	if (blank == NULL)
		return ERR_FORMAT;
	name_size = (size_t)(blank - line);
	if (name_size > NOTE_NAME_BYTES_MAX)
		return ERR_LIMIT;
	if (!is_name(line, name_size))
		return ERR_FORMAT;
	e = base64_read(blank + 1, size - name_size - 1, all, sizeof(all), &all_size);
	if (e != ERR_OK)
		return e;
	if (all_size <= KEY_ID_BYTES)
		return ERR_FORMAT;

	*out = (struct note_signature){
		.name = { .data = (const uint8_t *)line, .size = name_size },
		.key_id = (uint32_t)all[0] << 24 | (uint32_t)all[1] << 16 | (uint32_t)all[2] << 8 |
			  all[3],
		.size = all_size - KEY_ID_BYTES,
	};
	memcpy(out->bytes, all + KEY_ID_BYTES,
	       out->size < sizeof(out->bytes) ? out->size : sizeof(out->bytes));
	return ERR_OK;
}

enum err
note_read(const void *data, size_t size, struct note *out)
{
	const char *text = data;
	struct note note;
	size_t at;

	MUST(data != NULL || size == 0);
	MUST(out != NULL);

	if (size > NOTE_BYTES_MAX)
		return ERR_LIMIT;
	if (size == 0 || text[size - 1] != '\n' || !is_note_text(text, size))
		return ERR_FORMAT;
	at = find_empty_line(text, size);
	/* Without an empty line, or with nothing behind it, nobody has signed. */
	if (at == 0 || at + 1 == size)
		return ERR_FORMAT;
	note.text = (struct bytes){ .data = data, .size = at };
	note.count = 0;
	for (at++; at < size;) {
		const char *newline = memchr(text + at, '\n', size - at);
		enum err e;

		MUST(newline != NULL);
		if (note.count == NOTE_SIGNATURES_MAX)
			return ERR_LIMIT;
		e = read_line(text + at, (size_t)(newline - (text + at)),
			      &note.signatures[note.count]);
		if (e != ERR_OK)
			return e;
		note.count++;
		at = (size_t)(newline - text) + 1;
	}

	out->text = note.text;
	out->count = note.count;
	memcpy(out->signatures, note.signatures, note.count * sizeof(note.signatures[0]));
	return ERR_OK;
}

enum err
note_write_text(const void *text, size_t size, struct buf *out)
{
	const char *bytes = text;
	enum err e;

	MUST(text != NULL || size == 0);
	MUST(out != NULL && out->size == 0);

	if (size == 0 || bytes[size - 1] != '\n' || !is_note_text(bytes, size))
		return ERR_FORMAT;
	e = buf_reserve(out, size + 1, NOTE_BYTES_MAX);
	if (e != ERR_OK)
		return e;
	memcpy(out->data + out->size, text, size);
	out->size += size;
	out->data[out->size++] = '\n';
	return ERR_OK;
}

enum err
note_write_signature(const char *name, uint32_t key_id, const void *signature, size_t size,
		     struct buf *out)
{
	uint8_t all[SIGNED_BYTES_MAX];
	size_t name_size;
	size_t letters;
	enum err e;
	char *line;

	MUST(name != NULL && out != NULL);
	MUST(signature != NULL || size == 0);

	name_size = strlen(name);
	if (!is_name(name, name_size) || size == 0 || size > NOTE_SIGNATURE_BYTES_MAX)
		return ERR_FORMAT;
	letters = BASE64_SIZE(KEY_ID_BYTES + size);
	e = buf_reserve(out, LINE_HEAD_BYTES + name_size + 1 + letters + 1, NOTE_BYTES_MAX);
	if (e != ERR_OK)
		return e;

	all[0] = (uint8_t)(key_id >> 24);
	all[1] = (uint8_t)(key_id >> 16);
	all[2] = (uint8_t)(key_id >> 8);
	all[3] = (uint8_t)key_id;
	memcpy(all + KEY_ID_BYTES, signature, size);
	line = (char *)out->data + out->size;
	memcpy(line, LINE_HEAD, LINE_HEAD_BYTES);
	line += LINE_HEAD_BYTES;
	memcpy(line, name, name_size);
	line += name_size;
	*line++ = ' ';
	base64_write(all, KEY_ID_BYTES + size, line);
	line += letters;
	*line++ = '\n';
	out->size = (size_t)(line - (char *)out->data);
	return ERR_OK;
}
