/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A ledger that cannot go on is moved aside whole and kept.  What it was is read before, from the
 * two files that say it; neither has to be whole.
 */
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "ledger/failure.h"
#include "ledger/ledger_internal.h"

#define RETIRED_MAX 9999u
#define NAME_MAX    32u /* of a ledger directory */

static void
read_old(struct disk data, const char *name, struct ledger_retired *out)
{
	cleanup(buf_finish) struct buf file = { 0 };
	char path[NAME_MAX + 16];
	struct checkpoint c;
	format_complaint complaint;

	(void)snprintf(path, sizeof(path), "%s/ledger", name);
	if (commit_read_file(data, path, FORMAT_LEDGER_FILE_MAX, &file) != ERR_OK ||
	    format_ledger_read((const char *)file.data, file.size, out->origin, &complaint) !=
		    ERR_OK)
		out->origin[0] = '\0';
	(void)snprintf(path, sizeof(path), "%s/checkpoint", name);
	if (note_read_latest(data, path, &c, NULL) != ERR_OK)
		return;
	if (out->origin[0] == '\0')
		memcpy(out->origin, c.origin, strlen(c.origin) + 1);
	if (strcmp(out->origin, c.origin) != 0)
		return;
	out->has_head = true;
	out->size = c.size;
	out->root = c.root;
}

struct search {
	const char *wanted;
	bool is_there;
};

static enum err
compare(void *ctx, const char *name)
{
	struct search *s = ctx;

	s->is_there = s->is_there || strcmp(name, s->wanted) == 0;
	return ERR_OK;
}

static enum err
is_there(struct disk data, const char *folder, const char *name, bool *out)
{
	struct search s = { name, false };
	enum err e = data.ops->list(data.ctx, folder, compare, &s);

	if (e == ERR_OK)
		*out = s.is_there;
	return e;
}

static enum err
find_free(struct disk data, const char *name, char moved_to[64])
{
	static const char folder[] = "retired/";
	unsigned int number;

	for (number = 1; number <= RETIRED_MAX; number++) {
		bool taken = false;
		enum err e;

		(void)snprintf(moved_to, 64, "%s%s-%04u", folder, name, number);
		e = is_there(data, "retired", moved_to + sizeof(folder) - 1, &taken);
		if (e != ERR_OK || !taken)
			return e;
	}
	return ERR_EXISTS;
}

static enum err
make_directory(struct disk data, const char *name)
{
	enum err e = data.ops->make_directory(data.ctx, name);

	if (e == ERR_OK || e == ERR_EXISTS)
		e = data.ops->sync_directory(data.ctx, "");
	return e;
}

enum err
ledger_retire(struct disk data, const char *name, struct ledger_retired *out,
	      struct ledger_failure *why)
{
	struct ledger_retired old = { .moved_to = "" };
	bool there = false;
	enum err e;

	MUST(strlen(name) >= 1 && strlen(name) <= NAME_MAX && strchr(name, '/') == NULL);

	e = is_there(data, "", name, &there);
	if (e == ERR_OK && !there)
		return failure_say(why, ERR_MISSING, "%s: there is no such ledger", name);
	if (e == ERR_OK)
		e = make_directory(data, "retired");
	if (e == ERR_OK)
		e = find_free(data, name, old.moved_to);
	if (e != ERR_OK)
		return failure_say(why, e, "retired: finding a place in it failed");
	read_old(data, name, &old);
	e = data.ops->rename(data.ctx, name, old.moved_to);
	/* First that it is there, then that it is gone from here: it is never nowhere. */
	if (e == ERR_OK)
		e = data.ops->sync_directory(data.ctx, "retired");
	if (e == ERR_OK)
		e = make_directory(data, name);
	if (e != ERR_OK)
		return failure_say(why, e, "%s: moving it to %s failed", name, old.moved_to);
	*out = old;
	return ERR_OK;
}
