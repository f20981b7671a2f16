/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The buffered reader of files below a ledger's directory. */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/must.h"

#include "verify/window.h"

void
window_init(struct window *w)
{
	MUST(w != NULL);
	*w = (struct window){ .file = -1 };
}

/*
 * A symlink, a FIFO, a socket or a directory in the place of a file is none of a ledger's: it is
 * judged as a file that is not there, and not as a disk that cannot be read.
 */
static enum err
open_regular(struct disk disk, const char *name, int *file_out)
{
	enum err e = disk.ops->open(disk.ctx, name, DISK_READ, file_out);

	if (e == ERR_SYSTEM && (errno == ELOOP || errno == EINVAL || errno == ENXIO ||
				errno == ENOTDIR || errno == EISDIR))
		return ERR_MISSING;
	return e;
}

enum err
window_open(struct window *w, struct disk disk, const char *name, size_t step, size_t most)
{
	MUST(w != NULL && name != NULL);
	MUST(step > 0 && step <= most);

	window_close(w);
	w->disk = disk;
	w->step = step;
	w->most = most;
	return open_regular(disk, name, &w->file);
}

bool
window_is_open(const struct window *w)
{
	return w->file >= 0;
}

/* Room for `size` bytes; nothing of the old content is kept. */
static enum err
window_grow(struct window *w, size_t size)
{
	uint8_t *data;

	if (size <= w->capacity)
		return ERR_OK;
	data = malloc(size);
	if (data == NULL)
		return ERR_MEMORY;
	free(w->data);
	w->data = data;
	w->capacity = size;
	w->size = 0;
	return ERR_OK;
}

enum err
window_get(struct window *w, uint64_t offset, size_t size, const uint8_t **data_out)
{
	size_t wanted = size > w->step ? size : w->step;
	size_t got = 0;
	enum err e;

	MUST(window_is_open(w));
	if (size > w->most)
		return ERR_LIMIT;
	if (offset >= w->offset && offset - w->offset <= w->size &&
	    size <= w->size - (size_t)(offset - w->offset)) {
		*data_out = w->data + (offset - w->offset);
		return ERR_OK;
	}
	e = window_grow(w, wanted);
	if (e != ERR_OK)
		return e;
	w->size = 0;
	e = w->disk.ops->read(w->disk.ctx, w->file, offset, w->data, wanted, &got);
	if (e != ERR_OK)
		return e;
	w->offset = offset;
	w->size = got;
	if (got < size)
		return ERR_END;
	*data_out = w->data;
	return ERR_OK;
}

void
window_forget(struct window *w)
{
	w->size = 0;
}

void
window_close(struct window *w)
{
	if (w->file >= 0)
		w->disk.ops->close(w->disk.ctx, w->file);
	w->file = -1;
	w->size = 0;
}

void
window_finish(struct window *w)
{
	if (w == NULL)
		return;
	window_close(w);
	free(w->data);
	window_init(w);
}

static void
close_file(struct disk disk, int file)
{
	disk.ops->close(disk.ctx, file);
}

enum err
window_slurp(struct disk disk, const char *name, size_t size_max, struct buf *out)
{
	uint64_t size = 0;
	size_t got = 0;
	int file = -1;
	enum err e;

	e = open_regular(disk, name, &file);
	if (e != ERR_OK)
		return e;
	e = disk.ops->size(disk.ctx, file, &size);
	if (e == ERR_OK && size > size_max)
		e = ERR_LIMIT;
	if (e == ERR_OK)
		e = buf_reserve(out, (size_t)size + 1, out->size + size_max + 1);
	if (e == ERR_OK)
		e = disk.ops->read(disk.ctx, file, 0, out->data + out->size, (size_t)size, &got);
	if (e == ERR_OK)
		out->size += got;
	close_file(disk, file);
	return e;
}
