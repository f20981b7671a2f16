/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The text of a remembered cell, written and read by one table of lines.  It opens no file. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "config/cell_file.h"

#define FIRST_LINE "hark-cell 1\n"
#define LAST_LINE  "end\n"

enum line_kind { LINE_TEXT, LINE_OPTIONAL, LINE_U64, LINE_U32, LINE_BOOL, LINE_SIGNED };

/* The lines in their order.  A text that is not given, and a number of -1, have an empty value. */
static const struct line {
	const char *key;
	enum line_kind kind;
	size_t at;
} lines[] = {
#define AT(member) offsetof(struct cell_file, member)
	{ "name", LINE_TEXT, AT(cell.name) },
	{ "run_id", LINE_TEXT, AT(cell.run_id) },
	{ "uds_base", LINE_TEXT, AT(cell.uds_base) },
	{ "spec_hash", LINE_OPTIONAL, AT(cell.spec_hash) },
	{ "keepalive_ms", LINE_U64, AT(cell.keepalive_ms) },
	{ "rearm", LINE_BOOL, AT(cell.rearm) },
	{ "events_per_s", LINE_U64, AT(cell.events_per_s) },
	{ "ledger_bytes_per_s", LINE_U64, AT(cell.bytes_per_s) },
	{ "connections", LINE_U32, AT(cell.connections) },
	{ "owner_uid", LINE_SIGNED, AT(cell.owner_uid) },
	{ "owner_gid", LINE_SIGNED, AT(cell.owner_gid) },
	{ "mode", LINE_SIGNED, AT(cell.mode) },
	{ "peer_uid", LINE_SIGNED, AT(cell.peer_uid) },
	{ "from_config", LINE_BOOL, AT(from_config) },
	{ "leaving", LINE_BOOL, AT(is_leaving) },
#undef AT
};
#define LINE_COUNT (sizeof(lines) / sizeof(lines[0]))

/* ---- writing ------------------------------------------------------------------------------- */

static enum err
append(struct buf *out, const void *data, size_t size)
{
	return buf_append(out, data, size, CELL_FILE_BYTES_MAX);
}

static enum err
append_number(struct buf *out, int64_t signed_value, uint64_t value, bool is_signed)
{
	char text[NUM_U64_DIGITS_MAX];

	if (is_signed && signed_value < 0)
		return ERR_OK;
	return append(out, text, num_write_u64(is_signed ? (uint64_t)signed_value : value, text));
}

static enum err
append_value(struct buf *out, const struct line *line, const char *member)
{
	const char *text;

	switch (line->kind) {
	case LINE_TEXT:
	case LINE_OPTIONAL:
		memcpy(&text, member, sizeof(text));
		if (text == NULL)
			text = "";
		if (strchr(text, '\n') != NULL || (line->kind == LINE_TEXT && text[0] == '\0'))
			return ERR_FORMAT;
		return append(out, text, strlen(text));
	case LINE_U64: {
		uint64_t value;

		memcpy(&value, member, sizeof(value));
		return append_number(out, 0, value, false);
	}
	case LINE_U32: {
		uint32_t value;

		memcpy(&value, member, sizeof(value));
		return append_number(out, 0, value, false);
	}
	case LINE_BOOL: {
		bool value;

		memcpy(&value, member, sizeof(value));
		return append(out, value ? "1" : "0", 1);
	}
	case LINE_SIGNED: {
		int64_t value;

		memcpy(&value, member, sizeof(value));
		return append_number(out, value, 0, true);
	}
	}
	MUST_NOT_REACH("a line has one of its kinds");
}

enum err
cell_file_write(const struct cell_file *file, struct buf *out)
{
	enum err e;
	size_t i;

	MUST(file != NULL && out != NULL);

	e = append(out, FIRST_LINE, strlen(FIRST_LINE));
	for (i = 0; i < LINE_COUNT && e == ERR_OK; i++) {
		e = append(out, lines[i].key, strlen(lines[i].key));
		if (e == ERR_OK)
			e = append(out, " ", 1);
		if (e == ERR_OK)
			e = append_value(out, &lines[i], (const char *)file + lines[i].at);
		if (e == ERR_OK)
			e = append(out, "\n", 1);
	}
	return e == ERR_OK ? append(out, LAST_LINE, strlen(LAST_LINE)) : e;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct rest {
	const char *data;
	size_t size;
};

/* Takes exactly this text from the front. */
static bool
take(struct rest *r, const char *text)
{
	size_t size = strlen(text);

	if (r->size < size || memcmp(r->data, text, size) != 0)
		return false;
	r->data += size;
	r->size -= size;
	return true;
}

static enum err
read_text(const char *text, size_t size, bool optional, char *member)
{
	char *copy = NULL;

	if (!text_is_utf8(text, size) || (size > 0 && memchr(text, 0, size) != NULL))
		return ERR_FORMAT;
	if (size == 0 && !optional)
		return ERR_FORMAT;
	if (size > 0) {
		copy = strndup(text, size);
		if (copy == NULL)
			return ERR_MEMORY;
	}
	memcpy(member, &copy, sizeof(copy));
	return ERR_OK;
}

static enum err
read_value(const struct line *line, const char *text, size_t size, char *member)
{
	uint64_t most = UINT64_MAX;
	uint64_t value = 0;
	int64_t signed_value = -1;
	uint32_t small;
	bool flag;

	if (line->kind == LINE_TEXT || line->kind == LINE_OPTIONAL)
		return read_text(text, size, line->kind == LINE_OPTIONAL, member);
	if (line->kind == LINE_U32 || line->kind == LINE_SIGNED)
		most = UINT32_MAX;
	else if (line->kind == LINE_BOOL)
		most = 1;
	if (line->kind == LINE_SIGNED && size == 0) {
		memcpy(member, &signed_value, sizeof(signed_value));
		return ERR_OK;
	}
	if (num_read_u64(text, size, most, &value) != ERR_OK)
		return ERR_FORMAT;
	signed_value = (int64_t)value;
	small = (uint32_t)value;
	flag = value != 0;
	if (line->kind == LINE_SIGNED)
		memcpy(member, &signed_value, sizeof(signed_value));
	else if (line->kind == LINE_U32)
		memcpy(member, &small, sizeof(small));
	else if (line->kind == LINE_BOOL)
		memcpy(member, &flag, sizeof(flag));
	else
		memcpy(member, &value, sizeof(value));
	return ERR_OK;
}

static enum err
read_line(struct rest *r, const struct line *line, struct cell_file *file)
{
	const char *end;
	size_t size;
	enum err e;

	if (!take(r, line->key) || !take(r, " "))
		return ERR_FORMAT;
	end = r->size > 0 ? memchr(r->data, '\n', r->size) : NULL;
	if (end == NULL)
		return ERR_FORMAT;
	size = (size_t)(end - r->data);
	e = read_value(line, r->data, size, (char *)file + line->at);
	if (e != ERR_OK)
		return e;
	r->data += size + 1;
	r->size -= size + 1;
	return ERR_OK;
}

enum err
cell_file_read(const void *data, size_t size, struct cell_file *out)
{
	struct rest r = { data, size };
	struct cell_file file = { 0 };
	enum err e = ERR_OK;
	size_t i;

	MUST(data != NULL || size == 0);
	MUST(out != NULL);

	if (size > CELL_FILE_BYTES_MAX || !take(&r, FIRST_LINE))
		return ERR_FORMAT;
	for (i = 0; i < LINE_COUNT && e == ERR_OK; i++)
		e = read_line(&r, &lines[i], &file);
	if (e == ERR_OK && (!take(&r, LAST_LINE) || r.size != 0))
		e = ERR_FORMAT;
	if (e == ERR_OK && !config_cell_name_is_good(file.cell.name))
		e = ERR_FORMAT;
	if (e != ERR_OK) {
		config_cell_finish(&file.cell);
		return e;
	}
	*out = file;
	return ERR_OK;
}

/* ---- cells --------------------------------------------------------------------------------- */

/* False where there is no memory. */
static bool
copy_text(const char *from, char **out)
{
	*out = NULL;
	if (from == NULL || from[0] == '\0')
		return true;
	*out = strdup(from);
	return *out != NULL;
}

enum err
config_cell_copy(const struct config_cell *from, struct config_cell *out)
{
	struct config_cell copy = *from;
	bool good;

	MUST(out != NULL);

	good = copy_text(from->name, &copy.name);
	good = copy_text(from->run_id, &copy.run_id) && good;
	good = copy_text(from->uds_base, &copy.uds_base) && good;
	good = copy_text(from->spec_hash, &copy.spec_hash) && good;
	if (!good) {
		config_cell_finish(&copy);
		return ERR_MEMORY;
	}
	*out = copy;
	return ERR_OK;
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

bool
config_cell_is_same(const struct config_cell *a, const struct config_cell *b)
{
	return same_text(a->name, b->name) && same_text(a->run_id, b->run_id) &&
	       same_text(a->uds_base, b->uds_base) && same_text(a->spec_hash, b->spec_hash) &&
	       a->keepalive_ms == b->keepalive_ms && a->rearm == b->rearm &&
	       a->events_per_s == b->events_per_s && a->bytes_per_s == b->bytes_per_s &&
	       a->connections == b->connections && a->owner_uid == b->owner_uid &&
	       a->owner_gid == b->owner_gid && a->mode == b->mode && a->peer_uid == b->peer_uid;
}
