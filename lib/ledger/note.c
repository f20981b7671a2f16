/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The ledger's checkpoints: the latest signed note, and the history.  Signatures are the signer's
 * and the verifier's business; the ledger looks at size and root alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/note.h"
#include "ledger/failure.h"
#include "ledger/ledger_internal.h"

/* "# <seconds> <size>\n" */
#define HISTORY_LINE_MAX 48u
/* The last entry of the history lies within so much of its end. */
#define HISTORY_TAIL_BYTES (NOTE_BYTES_MAX + HISTORY_LINE_MAX)

enum err
note_read_latest(struct disk disk, const char *name, struct checkpoint *out,
		 struct ledger_failure *why)
{
	cleanup(buf_finish) struct buf file = { 0 };
	struct note note;
	enum err e;

	e = commit_read_file(disk, name, NOTE_BYTES_MAX, &file);
	if (e == ERR_MISSING)
		return e;
	if (e != ERR_OK)
		return failure_say(why, e == ERR_LIMIT ? ERR_FORMAT : e, "%s: reading it failed",
				   name);
	e = note_read(file.data, file.size, &note);
	if (e == ERR_OK)
		e = checkpoint_read(note.text, out);
	if (e != ERR_OK)
		return failure_say(why, e == ERR_MEMORY ? e : ERR_FORMAT,
				   "%s: it is not a signed note of a tree", name);
	return ERR_OK;
}

enum err
note_compare(struct ledger *l, struct ledger_failure *why)
{
	struct checkpoint c = { 0 };
	struct merkle_hash root;
	enum err e;

	e = note_read_latest(l->disk, "checkpoint", &c, why);
	if (e == ERR_MISSING)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	if (strcmp(c.origin, l->origin) != 0)
		return failure_say(why, ERR_FORMAT,
				   "checkpoint: it belongs to another ledger than %s", l->origin);
	if (c.size > l->committed_size)
		return failure_say(why, ERR_FORMAT,
				   "the ledger is shorter than its checkpoint: %" PRIu64
				   " %s, expected at least %" PRIu64,
				   l->committed_size,
				   text_counted(l->committed_size, "leaf", "leaves"), c.size);
	e = merkle_root_at(ledger_node, l, c.size, &root);
	if (e != ERR_OK)
		return failure_say(why, e == ERR_RANGE ? ERR_FORMAT : e,
				   "tree: its hashes of the first %" PRIu64 " %s are not there",
				   c.size, text_counted(c.size, "leaf", "leaves"));
	if (!merkle_equal(&root, &c.root))
		return failure_say(why, ERR_FORMAT,
				   "the ledger is not the one of its checkpoint: another root of "
				   "the first %" PRIu64 " %s",
				   c.size, text_counted(c.size, "leaf", "leaves"));
	return ERR_OK;
}

enum err
ledger_checkpoint_write(struct ledger *l, const void *note, size_t size, struct hark_time now,
			bool keep)
{
	struct disk d = l->disk;
	char line[HISTORY_LINE_MAX];
	uint64_t end = 0;
	int line_size;
	enum err e;
	int file;

	MUST(note != NULL && size > 0 && size <= NOTE_BYTES_MAX);

	e = commit_replace(d, "", "checkpoint", "checkpoint.new", note, size);
	if (e != ERR_OK || !keep)
		return e;
	line_size = snprintf(line, sizeof(line), "# %" PRId64 " %zu\n", now.seconds, size);
	MUST(line_size > 0 && (size_t)line_size < sizeof(line));
	e = d.ops->open(d.ctx, "checkpoints", DISK_CREATE, &file);
	if (e != ERR_OK)
		return e;
	e = d.ops->size(d.ctx, file, &end);
	if (e == ERR_OK)
		e = d.ops->write(d.ctx, file, end, line, (size_t)line_size);
	if (e == ERR_OK)
		e = d.ops->write(d.ctx, file, end + (size_t)line_size, note, size);
	if (e == ERR_OK)
		e = d.ops->sync(d.ctx, file);
	if (e != ERR_OK)
		(void)d.ops->truncate(d.ctx, file, end); /* or at the next opening */
	d.ops->close(d.ctx, file);
	return e;
}

/* The size of the note that a line announces, with the line; 0 where it is no such line. */
static size_t
entry_bytes(const uint8_t *line, size_t size)
{
	const uint8_t *newline =
		memchr(line, '\n', size < HISTORY_LINE_MAX ? size : HISTORY_LINE_MAX);
	const uint8_t *blank;
	uint64_t note_size = 0;

	if (newline == NULL || newline - line < 5 || line[0] != '#' || line[1] != ' ')
		return 0;
	blank = memchr(line + 2, ' ', (size_t)(newline - line - 2));
	if (blank == NULL || num_read_u64((const char *)blank + 1, (size_t)(newline - blank - 1),
					  NOTE_BYTES_MAX, &note_size) != ERR_OK)
		return 0;
	return (size_t)(newline - line) + 1 + (size_t)note_size;
}

/* Where the last whole entry of the tail ends; the tail begins at an entry or inside of one. */
static size_t
whole_entries(const uint8_t *tail, size_t size, bool is_all)
{
	size_t end = is_all ? 0 : size;
	size_t i;

	/* No line of a note begins so: an origin has no blank. */
	for (i = 0; i < size; i++) {
		bool is_line = tail[i] == '#' && (i == 0 ? is_all : tail[i - 1] == '\n');
		size_t bytes = is_line ? entry_bytes(tail + i, size - i) : 0;

		if (is_line)
			end = bytes != 0 && bytes <= size - i ? i + bytes : i;
	}
	return end;
}

enum err
note_cut_history(struct disk disk)
{
	cleanup(buf_finish) struct buf tail = { 0 };
	uint64_t size = 0;
	uint64_t start;
	size_t got = 0;
	size_t whole;
	enum err e;
	int file;

	e = disk.ops->open(disk.ctx, "checkpoints", DISK_WRITE, &file);
	if (e == ERR_MISSING)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	e = disk.ops->size(disk.ctx, file, &size);
	start = size > HISTORY_TAIL_BYTES ? size - HISTORY_TAIL_BYTES : 0;
	if (e == ERR_OK)
		e = buf_reserve(&tail, HISTORY_TAIL_BYTES, HISTORY_TAIL_BYTES);
	if (e == ERR_OK)
		e = disk.ops->read(disk.ctx, file, start, tail.data, HISTORY_TAIL_BYTES, &got);
	if (e == ERR_OK) {
		whole = whole_entries(tail.data, got, start == 0);
		if (whole != got)
			e = disk.ops->truncate(disk.ctx, file, start + whole);
	}
	disk.ops->close(disk.ctx, file);
	return e;
}
