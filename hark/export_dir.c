/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Keeps the directory of an export. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "checkpoint/note.h"
#include "hark/export_dir.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/store.h"
#include "prog/exit.h"
#include "prog/log.h"

#define MARKER_NAME      ".hark-export"
#define MARKER_BYTES_MAX 512u
#define FOLDER_MODE      0755
#define FILE_MODE        0644

static int
fail(const struct export_dir *d, const char *name, const char *why)
{
	char shown[256];

	(void)text_escape(d->path, strlen(d->path), shown, sizeof(shown));
	log_error("%s%s%s: %s", shown, name[0] != '\0' ? "/" : "", name, why);
	return errno == EACCES || errno == EPERM ? EXIT_NO_PERMISSION : EXIT_CANT_CREATE;
}

static int
refuse(const struct export_dir *d, const char *why)
{
	errno = 0;
	return fail(d, "", why);
}

/* ERR_MISSING, ERR_LIMIT, ERR_MEMORY, ERR_SYSTEM. */
static enum err
slurp(const struct export_dir *d, const char *name, size_t size_max, struct buf *out)
{
	cleanup(file_close) int fd = -1;
	enum err e = file_open_read_at(d->fd, name, &fd);

	return e == ERR_OK ? file_read_all(fd, size_max, out) : e;
}

/* "hark-export 1", the origin, the number of leaves: a line each.  False where it is not that. */
static bool
read_marker(struct export_dir *d, const struct buf *file, const char *origin)
{
	char expected[sizeof(EXPORT_MARKER) + CHECKPOINT_ORIGIN_BYTES_MAX + 4];
	int size = snprintf(expected, sizeof(expected), EXPORT_MARKER "\n%s\n", origin);
	const char *text = (const char *)file->data;

	MUST(size > 0 && (size_t)size < sizeof(expected));
	return file->size > (size_t)size && memcmp(text, expected, (size_t)size) == 0 &&
	       text[file->size - 1] == '\n' &&
	       num_read_u64(text + size, file->size - (size_t)size - 1, UINT64_MAX, &d->done) ==
		       ERR_OK;
}

/* The checkpoint of the last whole export, which is no more than a place to go on from. */
static enum err
read_head(struct export_dir *d, const char *origin)
{
	cleanup(buf_finish) struct buf file = { 0 };
	struct note note;
	enum err e = slurp(d, "checkpoint", NOTE_BYTES_MAX, &file);

	if (e == ERR_MISSING)
		return ERR_OK;
	if (e == ERR_OK)
		e = note_read(file.data, file.size, &note);
	if (e == ERR_OK)
		e = checkpoint_read(note.text, &d->head);
	if (e == ERR_OK && strcmp(d->head.origin, origin) != 0)
		e = ERR_FORMAT;
	d->has_head = e == ERR_OK;
	return e;
}

static int
adopt(struct export_dir *d, const char *origin)
{
	cleanup(buf_finish) struct buf file = { 0 };
	bool is_empty = false;
	enum err e = folder_is_empty(d->fd, &is_empty);

	if (e != ERR_OK)
		return fail(d, "", strerror(errno));
	if (is_empty)
		return export_dir_settle(d, origin, 0);
	e = slurp(d, MARKER_NAME, MARKER_BYTES_MAX, &file);
	if (e == ERR_MISSING)
		return refuse(d, "it is neither empty nor an export: nothing was written");
	if (e == ERR_SYSTEM)
		return fail(d, MARKER_NAME, strerror(errno));
	if (e != ERR_OK || !read_marker(d, &file, origin))
		return refuse(d, "it is no export of this ledger: nothing was written");
	e = read_head(d, origin);
	if (e == ERR_OK)
		return EXIT_OK;
	return e == ERR_SYSTEM ? fail(d, "checkpoint", strerror(errno))
			       : refuse(d, "its checkpoint is none of this ledger: nothing was "
					   "written");
}

int
export_dir_open(struct export_dir *d, const char *path, const char *origin)
{
	bool made;
	enum err e;

	MUST(d != NULL && path != NULL && origin != NULL);
	*d = (struct export_dir){ .path = path, .fd = -1, .folder_fd = -1 };
	e = folder_make(AT_FDCWD, path, FOLDER_MODE, &made);
	if (e == ERR_OK)
		e = folder_open_path(path, &d->fd);
	return e == ERR_OK ? adopt(d, origin) : fail(d, "", strerror(errno));
}

/* Goes to the folder of a name, and makes what of it is not there. */
static enum err
enter(struct export_dir *d, const char *name, size_t size)
{
	int at = -1;
	size_t start = 0;
	enum err e = ERR_OK;

	MUST(size < sizeof(d->folder));
	if (d->folder_fd >= 0 && strlen(d->folder) == size && memcmp(d->folder, name, size) == 0)
		return ERR_OK;
	file_close(&d->folder_fd);
	while (start < size && e == ERR_OK) {
		const char *slash = memchr(name + start, '/', size - start);
		size_t end = slash != NULL ? (size_t)(slash - name) : size;
		char part[sizeof(d->folder)];
		int below = -1;
		bool made;

		memcpy(part, name + start, end - start);
		part[end - start] = '\0';
		e = folder_make(at >= 0 ? at : d->fd, part, FOLDER_MODE, &made);
		if (e == ERR_OK)
			e = folder_open(at >= 0 ? at : d->fd, part, &below);
		file_close(&at);
		at = below;
		start = end + 1;
	}
	if (e != ERR_OK) {
		file_close(&at);
		return e;
	}
	memcpy(d->folder, name, size);
	d->folder[size] = '\0';
	d->folder_fd = at;
	return ERR_OK;
}

int
export_dir_put(struct export_dir *d, const char *name, const void *data, size_t size)
{
	const char *slash = strrchr(name, '/');
	enum err e;

	MUST(slash != NULL); /* what stands at the top is written by other functions */
	e = enter(d, name, (size_t)(slash - name));
	if (e == ERR_OK)
		e = store_put(d->folder_fd, slash + 1, FILE_MODE, data, size);
	return e == ERR_OK ? EXIT_OK : fail(d, name, strerror(errno));
}

int
export_dir_settle(struct export_dir *d, const char *origin, uint64_t done)
{
	char text[MARKER_BYTES_MAX];
	int size = snprintf(text, sizeof(text), EXPORT_MARKER "\n%s\n%" PRIu64 "\n", origin, done);
	enum err e = done > 0 ? folder_sync_all(d->fd) : ERR_OK;

	MUST(size > 0 && (size_t)size < sizeof(text));
	if (e == ERR_OK)
		e = store_replace(d->fd, MARKER_NAME, FILE_MODE, text, (size_t)size);
	d->done = done;
	return e == ERR_OK ? EXIT_OK : fail(d, MARKER_NAME, strerror(errno));
}

int
export_dir_checkpoint(struct export_dir *d, const void *note, size_t size)
{
	enum err e = store_replace(d->fd, "checkpoint", FILE_MODE, note, size);

	return e == ERR_OK ? EXIT_OK : fail(d, "checkpoint", strerror(errno));
}

void
export_dir_close(struct export_dir *d)
{
	file_close(&d->folder_fd);
	file_close(&d->fd);
}
