/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* DATA/cells: a file for each cell, so that cells outlive harkd. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "harkd/harkd.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/store.h"
#include "prog/exit.h"
#include "prog/log.h"

bool
remember_cell(struct harkd *h, const struct cell_file *file, struct cell_refusal *why)
{
	cleanup(buf_finish) struct buf text = { 0 };
	enum err e = cell_file_write(file, &text);

	if (e == ERR_OK)
		e = store_replace(h->place.cells_fd, file->cell.name, 0600, text.data, text.size);
	if (e == ERR_OK)
		return true;
	why->code = e == ERR_SYSTEM ? EXIT_IO : EXIT_USAGE;
	(void)snprintf(why->text, sizeof(why->text), "the cell cannot be remembered: %s",
		       e == ERR_SYSTEM ? strerror(errno) : err_text(e));
	return false;
}

void
forget_cell(struct harkd *h, const char *name)
{
	/* Where it stays it says that the cell leaves, and the next start tries again. */
	if (store_remove(h->place.cells_fd, name) == ERR_SYSTEM)
		log_warning("DATA/cells/%s cannot be removed: %s", name, strerror(errno));
}

static enum err
read_one(struct harkd *h, const char *name, struct cell_file *out)
{
	cleanup(file_close) int fd = -1;
	char text[CELL_FILE_BYTES_MAX + 1];
	size_t size = 0;
	enum err e = store_open(h->place.cells_fd, name, &fd);

	if (e == ERR_OK)
		e = store_read_at(fd, 0, text, sizeof(text), &size);
	if (e == ERR_OK)
		e = cell_file_read(text, size, out);
	if (e == ERR_OK && strcmp(out->cell.name, name) != 0) {
		config_cell_finish(&out->cell);
		e = ERR_FORMAT;
	}
	return e;
}

static enum err
add_one(void *ctx, const char *name)
{
	struct harkd *h = ctx;
	struct cell_file file;
	struct cell_refusal why = { 0 };
	char shown[300];
	size_t size = strlen(name);
	enum err e;

	(void)text_escape(name, size, shown, sizeof(shown));
	/* What a crash left of a file that was being written was never answered. */
	if (size > 4 && strcmp(name + size - 4, ".new") == 0) {
		forget_cell(h, name);
		return ERR_OK;
	}
	e = read_one(h, name, &file);
	if (e != ERR_OK) {
		life_fail(h, e == ERR_FORMAT ? EXIT_DATA : EXIT_IO,
			  "the remembered cell %s/cells/%s %s; mend it or move it away",
			  h->config.data, shown, e == ERR_SYSTEM ? strerror(errno) : "is damaged");
		return e;
	}
	if (cell_add(h, &file, false, false, &why) == NULL) {
		life_fail(h, why.code, "the remembered cell %s: %s", shown, why.text);
		e = ERR_FORMAT;
	}
	config_cell_finish(&file.cell);
	return e;
}

bool
remember_all(struct harkd *h)
{
	enum err e = folder_list(h->place.cells_fd, add_one, h);

	if (e == ERR_SYSTEM && h->exit_code == EXIT_OK)
		life_fail(h, EXIT_IO, "%s/cells cannot be read: %s", h->config.data,
			  strerror(errno));
	return e == ERR_OK;
}
