/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where a projector writes: folders that people name, and one of its own.  Where harkd is root, a
 * projector is the owner of its database's folder, and never root: who takes one over would own
 * what root owns there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "harkd/harkd.h"
#include "os/file.h"
#include "os/folder.h"
#include "prog/exit.h"

#define FOLDERS 3u

bool
observer_refuse_path(struct observer_refusal *why, const char *what, const char *path, enum err e)
{
	bool is_short = e == ERR_SYSTEM && (errno == EMFILE || errno == ENFILE || errno == ENOMEM);
	char shown[512];

	(void)text_escape(path, strlen(path), shown, sizeof(shown));
	why->code = is_short           ? EXIT_TEMPORARY
		    : e == ERR_MISSING ? EXIT_NO_INPUT
		    : e == ERR_REFUSED ? EXIT_DATA
				       : EXIT_NO_PERMISSION;
	(void)snprintf(why->text, sizeof(why->text), "%s %s: %s", what, shown,
		       e == ERR_REFUSED  ? "it is no regular file"
		       : e == ERR_SYSTEM ? strerror(errno)
					 : err_text(e));
	return false;
}

/* ---- folders that people name -------------------------------------------------------------- */

/* The folder that a path of a file names.  It is nowhere below the data directory, whatever links
 * lead there. */
static bool
open_folder_of(struct harkd *h, const char *what, const char *path, int *out,
	       struct observer_refusal *why)
{
	char folder[CONFIG_PATH_BYTES_MAX];
	const char *slash = strrchr(path, '/');
	cleanup(file_close) int fd = -1;
	bool below = false;
	enum err e;

	MUST(slash != NULL && strlen(path) < sizeof(folder));
	(void)snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path),
		       path);
	e = folder_open_path(folder, &fd);
	if (e == ERR_OK)
		e = folder_is_below(fd, h->place.data_fd, &below);
	if (e != ERR_OK)
		return observer_refuse_path(why, what, folder, e);
	if (below) {
		why->code = EXIT_CONFIG;
		(void)snprintf(why->text, sizeof(why->text),
			       "%s leads below the data directory, where observers write nothing",
			       what);
		return false;
	}
	*out = file_steal(&fd);
	return true;
}

/*
 * A projector is who owns its database's folder: that is not root.  In the others it must only be
 * able to write, which in a folder of root's that is open to nobody else it is not.
 */
static bool
is_for_projector(const struct harkd *h, const char *what, int fd, bool decides,
		 struct observer_refusal *why)
{
	struct file_info info;

	if (!h->is_root)
		return true;
	if (file_stat(fd, &info) != ERR_OK)
		return observer_refuse_path(why, what, "", ERR_SYSTEM);
	if (info.uid != 0 || (!decides && (info.mode & 0022) != 0))
		return true;
	why->code = EXIT_NO_PERMISSION;
	(void)snprintf(why->text, sizeof(why->text),
		       "%s belongs to root, and a projector is never root: chown it to %s, or give "
		       "another",
		       what,
		       h->has_projector_user ? OBSERVER_PROJECTOR_USER : "a user such as nobody");
	return false;
}

/* ---- its own ------------------------------------------------------------------------------- */

struct gift {
	const struct harkd *h;
	int fd;
};

static enum err
give_file(void *ctx, const char *name)
{
	const struct gift *g = ctx;
	struct file_info info;
	enum err e = file_stat_at(g->fd, name, &info);

	if (e != ERR_OK || info.kind != FILE_REGULAR || info.uid != 0)
		return e == ERR_MISSING ? ERR_OK : e;
	return folder_set_owner_of(g->fd, name, g->h->projector_uid, g->h->projector_gid);
}

/*
 * What root made becomes the projectors' user's: the folder last, because from then on others than
 * root have changed what is in it.
 */
static enum err
give(const struct harkd *h, int fd)
{
	struct gift g = { h, fd };
	struct file_info info;
	enum err e = file_stat(fd, &info);

	if (e != ERR_OK || info.uid != 0)
		return e;
	e = folder_list(fd, give_file, &g);
	return e == ERR_OK ? folder_set_owner(fd, h->projector_uid, h->projector_gid) : e;
}

/* <data>-projections/<name>, its observer's alone.  A link in its place is a person's, who names
 * another folder by it. */
static bool
open_own(struct harkd *h, const struct config_observer *m, int *out, struct observer_refusal *why)
{
	char path[CONFIG_PATH_BYTES_MAX + 128];
	cleanup(file_close) int fd = -1;
	size_t size = strlen(h->config.data);
	bool made;
	enum err e;

	while (size > 1 && h->config.data[size - 1] == '/')
		size--;
	(void)snprintf(path, sizeof(path), "%.*s-projections", (int)size, h->config.data);
	e = folder_make(AT_FDCWD, path, 0711, &made);
	if (e == ERR_OK) {
		(void)snprintf(path, sizeof(path), "%.*s-projections/%s", (int)size, h->config.data,
			       m->name);
		e = folder_make(AT_FDCWD, path, 0700, &made);
	}
	if (e != ERR_OK)
		return observer_refuse_path(why, "its folder", path, e);
	if (h->is_root && folder_open(AT_FDCWD, path, &fd) == ERR_OK) {
		e = give(h, fd);
		if (e != ERR_OK)
			return observer_refuse_path(
				why, "the projectors' user cannot be given its folder", path, e);
	}
	e = folder_open_path(path, out);
	return e == ERR_OK || observer_refuse_path(why, "its folder", path, e);
}

/* ---- all of them --------------------------------------------------------------------------- */

bool
observer_open_folders(struct harkd *h, const struct config_observer *m, int out[3],
		      struct observer_refusal *why)
{
	static const char *const what[FOLDERS] = { "the projection's folder", "the metrics' folder",
						   "the receipts' folder" };
	const char *const paths[FOLDERS] = { config_projection_path(m->projection), m->metric_file,
					     m->receipt_file };
	cleanup(file_close) int own = -1;
	size_t i;

	if (!open_own(h, m, &own, why))
		return false;
	for (i = 0; i < FOLDERS; i++) {
		bool good = paths[i] != NULL ? open_folder_of(h, what[i], paths[i], &out[i], why)
					     : file_duplicate(own, &out[i]) == ERR_OK ||
						       observer_refuse_path(why, "its folder",
									    m->name, ERR_SYSTEM);

		if (!good || !is_for_projector(h, what[i], out[i], i == 0, why))
			return false;
	}
	return true;
}
