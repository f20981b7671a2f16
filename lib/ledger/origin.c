/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Whose ledger a directory is: `ledger` says it, and is written once, where nothing of a ledger is
 * there yet.
 */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "ledger/failure.h"
#include "ledger/ledger_internal.h"

static enum err
create(struct ledger *l, const char *origin, struct ledger_failure *why)
{
	static const char *const folders[] = { "segments", "state", "tree" };
	char text[FORMAT_LEDGER_FILE_MAX];
	struct disk d = l->disk;
	enum err e = ERR_OK;
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]) && e == ERR_OK; i++) {
		e = d.ops->make_directory(d.ctx, folders[i]);
		if (e == ERR_EXISTS)
			e = ERR_OK;
	}
	/* Where the name is, the folders are. */
	if (e == ERR_OK)
		e = d.ops->sync_directory(d.ctx, "");
	if (e == ERR_OK)
		e = commit_replace(d, "", "ledger", "ledger.new", text,
				   format_ledger_write(origin, text));
	return e == ERR_OK ? e : failure_say(why, e, "ledger: making it failed");
}

static enum err
read_ledger_file(struct ledger *l, struct ledger_failure *why)
{
	cleanup(buf_finish) struct buf file = { 0 };
	format_complaint complaint = "it is too long";
	enum err e = commit_read_file(l->disk, "ledger", FORMAT_LEDGER_FILE_MAX, &file);

	if (e == ERR_MISSING)
		return e;
	if (e == ERR_SYSTEM || e == ERR_MEMORY)
		return failure_say(why, e, "ledger: reading it failed");
	if (e == ERR_OK)
		e = format_ledger_read((const char *)file.data, file.size, l->origin, &complaint);
	else
		e = ERR_FORMAT;
	return e == ERR_OK ? e : failure_say(why, e, "ledger: %s", complaint);
}

/* A directory without `ledger` is only taken for a new one where nothing of a ledger is in it. */
static enum err
check_empty(struct disk d, struct ledger_failure *why)
{
	struct segment_range segments = { 0 };
	enum err e;
	int file;

	e = segment_list(d, "segments", &segments);
	if (e != ERR_OK && e != ERR_MISSING)
		return failure_say(why, e, "segments: listing it failed");
	if (e == ERR_OK && segments.count > 0)
		return failure_say(why, ERR_FORMAT, "ledger: it is not there, but %" PRIu64 " %s",
				   segments.count,
				   text_counted(segments.count, "segment is", "segments are"));
	e = d.ops->open(d.ctx, "checkpoint", DISK_READ, &file);
	if (e == ERR_MISSING)
		return ERR_OK;
	if (e != ERR_OK)
		return failure_say(why, e, "checkpoint: opening it failed");
	d.ops->close(d.ctx, file);
	return failure_say(why, ERR_FORMAT, "ledger: it is not there, but a checkpoint is");
}

enum err
origin_find(struct ledger *l, const char *origin, struct ledger_failure *why)
{
	enum err e = read_ledger_file(l, why);

	if (e != ERR_OK && e != ERR_MISSING)
		return e;
	if (e == ERR_OK && origin != NULL && strcmp(origin, l->origin) != 0)
		return failure_say(why, ERR_FORMAT, "ledger: its origin is %s, expected %s",
				   l->origin, origin);
	if (e == ERR_OK)
		return ERR_OK;
	e = check_empty(l->disk, why);
	if (e != ERR_OK)
		return e;
	if (origin == NULL)
		return failure_say(why, ERR_MISSING, "ledger: there is none here");
	if (!format_origin_is_good(origin, strlen(origin)))
		return failure_say(why, ERR_FORMAT,
				   "the origin is not 1 to 255 bytes without "
				   "white space and +");
	e = create(l, origin, why);
	if (e == ERR_OK)
		memcpy(l->origin, origin, strlen(origin) + 1);
	return e;
}
