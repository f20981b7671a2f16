/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * host.fc_metrics: follows the file or FIFO that Firecracker flushes its metrics to, a line of JSON
 * each.  The VMM may write to that directory, so no link in it is followed and no line is believed
 * to be sane.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "os/beneath.h"
#include "telemetry/probe_internal.h"
#include "telemetry/probes/fc_totals.h"
#include "json/tree.h"

/* A flush is about 12 KiB, and 1 KiB more for each device. */
#define LINE_BYTES_MAX (1u << 20)
/* What one reading takes at most, so that a flood cannot hold it; the rest waits for the next. */
#define READ_BYTES_MAX (8u << 20)
#define CHUNK_BYTES    65536u

struct fc_metrics {
	char path[PATH_MAX];
	const char *name; /* the last part of path */
	int dir;
	int fd; /* -1 where nothing is open */
	struct beneath_identity identity;
	uint64_t offset;  /* in a file: what was read so far */
	uint64_t lines;   /* how many lines were read since the probe was opened */
	bool is_skipping; /* the line that is coming is too long, and was said to be */
	struct buf line;  /* its begin, as far as it is there */
	struct fc_totals totals;
	char chunk[CHUNK_BYTES];
};

static void
fc_metrics_destroy(void *state)
{
	struct fc_metrics *f = state;

	if (f == NULL)
		return;
	beneath_close(&f->fd);
	beneath_close(&f->dir);
	buf_finish(&f->line);
	fc_totals_finish(&f->totals);
	free(f);
}

static void
fc_metrics_destroyp(struct fc_metrics **f)
{
	fc_metrics_destroy(*f);
}

static void
note_line(const struct fc_metrics *f, struct hark_probe_reading *out, enum err e)
{
	struct hark_failure why = { 0 };
	enum hark_probe_error pe = e == ERR_MEMORY ? HARK_PROBE_MEMORY : HARK_PROBE_PARSE;

	(void)probe_fail(&why, pe, 0, "line %llu: %s", (unsigned long long)f->lines,
			 e == ERR_FORMAT ? "not one JSON object with each name once" : err_text(e));
	probe_missing_add(out, pe, &why);
}

/* Takes the line that `rest` completes. */
static void
end_line(struct fc_metrics *f, const char *rest, size_t size, struct hark_probe_reading *out)
{
	enum err e = ERR_OK;

	f->lines++;
	if (f->is_skipping) {
		f->is_skipping = false;
		e = ERR_LIMIT;
	} else if (f->line.size == 0) {
		e = fc_totals_add(&f->totals, rest, size);
	} else {
		e = buf_append(&f->line, rest, size, LINE_BYTES_MAX);
		if (e == ERR_OK)
			e = fc_totals_add(&f->totals, (const char *)f->line.data, f->line.size);
	}
	buf_clear(&f->line);
	if (e != ERR_OK)
		note_line(f, out, e);
}

static void
take_chunk(struct fc_metrics *f, size_t size, struct hark_probe_reading *out)
{
	const char *at = f->chunk;
	const char *end = f->chunk + size;
	const char *feed;

	while (at < end && (feed = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		end_line(f, at, (size_t)(feed - at), out);
		at = feed + 1;
	}
	if (f->is_skipping || at == end)
		return;
	/* Too long, or no memory for it: either way this line is lost, and is said to be at its
	 * end. */
	if (buf_append(&f->line, at, (size_t)(end - at), LINE_BYTES_MAX) != ERR_OK) {
		buf_clear(&f->line);
		f->is_skipping = true;
	}
}

/* Reads what is there now of the open file. */
static enum err
take_all(struct fc_metrics *f, struct hark_probe_reading *out, size_t *budget)
{
	while (*budget > 0) {
		size_t size = 0;
		enum err e;

		e = beneath_read_some(f->fd, f->identity.is_fifo, f->offset, f->chunk,
				      *budget < CHUNK_BYTES ? *budget : CHUNK_BYTES, &size);
		if (e != ERR_OK)
			return e;
		if (size == 0)
			break;
		f->offset += size;
		*budget -= size;
		take_chunk(f, size, out);
	}
	return ERR_OK;
}

static void
forget_line(struct fc_metrics *f)
{
	f->offset = 0;
	f->is_skipping = false;
	buf_clear(&f->line);
}

/*
 * Sees to it that what is open is what the name leads to: after a rotation the old file is read to
 * its end first; after a truncation the file is read from its begin.
 */
static enum err
follow(struct fc_metrics *f, struct hark_probe_reading *out, size_t *budget)
{
	struct beneath_identity now;
	enum err e;

	e = beneath_identity_at(f->dir, f->name, &now);
	if (f->fd >= 0 &&
	    (e != ERR_OK || now.device != f->identity.device || now.inode != f->identity.inode)) {
		int keep = errno;
		enum err last = take_all(f, out, budget);

		if (last != ERR_OK || *budget == 0)
			return last; /* the rest of the old one next time */
		beneath_close(&f->fd);
		forget_line(f);
		errno = keep;
	}
	if (e != ERR_OK)
		return e;
	if (f->fd < 0) {
		e = beneath_open_input(f->dir, f->name, &f->fd);
		if (e == ERR_OK)
			e = beneath_identity_of(f->fd, &f->identity);
		return e;
	}
	if (!now.is_fifo && now.size < f->offset)
		forget_line(f);
	return ERR_OK;
}

static void
free_text(char **text)
{
	free(*text);
}

/* Canonical, with integers beyond +-(2^53 - 1) as strings. */
static enum err
write_totals(const struct fc_metrics *f, struct json_writer *w)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	cleanup(free_text) char *text = NULL;
	enum err e;

	e = fc_totals_text(&f->totals, &text);
	if (e == ERR_OK)
		e = json_tree_read(text, strlen(text), FC_TOTALS_DEPTH_MAX + 1, &tree, NULL);
	if (e != ERR_OK)
		return e;
	return json_node_write(json_tree_root(tree), JSON_ORDER_UTF16, JSON_NUMBERS_SAFE, w);
}

static enum hark_probe_error
fc_metrics_read(void *state, struct hark_probe_reading *out, struct hark_failure *why)
{
	struct fc_metrics *f = state;
	size_t budget = READ_BYTES_MAX;
	enum hark_probe_error e;
	struct json_writer w;
	enum err fe;

	probe_write_begin(out, &w);
	json_write_literal(&w, "{\"endpoint\":");
	json_write_string(&w, f->path, strlen(f->path));
	json_write_literal(&w, ",\"kind\":\"firecracker.metrics\"}");
	e = probe_write_inputs(out, &w, why);
	if (e != HARK_PROBE_OK)
		return e;
	fe = follow(f, out, &budget);
	if (fe == ERR_OK && f->fd >= 0)
		fe = take_all(f, out, &budget);
	if (fe != ERR_OK) {
		e = probe_fail_on(why, fe, f->path);
		if (fc_totals_is_empty(&f->totals))
			return e;
		/* What was counted until now still holds. */
		probe_missing_add(out, e, why);
	}
	if (fc_totals_is_empty(&f->totals) && out->missing_count > 0)
		return probe_fail(why, out->missing[0].error, 0, "%s", out->missing[0].text);
	if (fc_totals_is_empty(&f->totals))
		return probe_fail(why, HARK_PROBE_MISSING, 0,
				  "nothing was flushed yet; Firecracker flushes once a minute");
	json_write_literal(&w, "{\"metrics\":");
	if (write_totals(f, &w) != ERR_OK)
		return probe_fail(why, HARK_PROBE_MEMORY, ENOMEM, "out of memory");
	json_write_literal(&w, "}");
	return probe_write_output(out, &w, why);
}

static const struct hark_host_probe_functions fc_metrics_functions = {
	.name = "host.fc_metrics",
	.rights = "reading of the file or FIFO that Firecracker's metrics_path names",
	.read = fc_metrics_read,
	.close = fc_metrics_destroy,
};

/* Keeps the directory, so that a later change of the path cannot lead elsewhere. */
static enum hark_probe_error
open_directory(struct fc_metrics *f, struct hark_failure *why)
{
	char directory[PATH_MAX];
	size_t size = (size_t)(f->name - f->path);
	enum err e;

	memcpy(directory, size > 0 ? f->path : "./", size > 0 ? size : 2);
	directory[size > 0 ? size : 2] = '\0';
	e = beneath_open_dir(BENEATH_CWD, directory, BENEATH_FOLLOW, &f->dir);
	return e == ERR_OK ? HARK_PROBE_OK : probe_fail_on(why, e, directory);
}

enum hark_probe_error
hark_probe_open_fc_metrics(const char *path, struct hark_host_probe *out, struct hark_failure *why)
{
	cleanup(fc_metrics_destroyp) struct fc_metrics *f = NULL;
	struct beneath_identity identity;
	enum hark_probe_error e;
	const char *slash;
	enum err fe;

	if (path == NULL || out == NULL)
		return probe_fail(why, HARK_PROBE_ARGUMENT, 0, "no path or no place for the probe");
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return probe_fail(why, HARK_PROBE_MEMORY, ENOMEM, "out of memory");
	f->dir = -1;
	f->fd = -1;
	if (path[0] == '\0' || strlen(path) >= sizeof(f->path) ||
	    !text_is_utf8(path, strlen(path)) || path[strlen(path) - 1] == '/')
		return probe_fail(why, HARK_PROBE_NAME, 0, "not the path of a file in UTF-8");
	memcpy(f->path, path, strlen(path) + 1);
	slash = strrchr(f->path, '/');
	f->name = slash != NULL ? slash + 1 : f->path;
	e = open_directory(f, why);
	if (e != HARK_PROBE_OK)
		return e;
	/* It may come later; what stands there now must be of the right kind. */
	fe = beneath_identity_at(f->dir, f->name, &identity);
	if (fe == ERR_REFUSED)
		return probe_fail(why, HARK_PROBE_NAME, 0, "neither a file nor a FIFO");
	if (fe == ERR_OK && identity.is_fifo) {
		/* A FIFO has no memory: what is written before we read would be lost. */
		fe = beneath_open_input(f->dir, f->name, &f->fd);
		if (fe == ERR_OK)
			fe = beneath_identity_of(f->fd, &f->identity);
		if (fe != ERR_OK)
			return probe_fail_on(why, fe, f->path);
	}
	*out = (struct hark_host_probe){ &fc_metrics_functions, steal(&f) };
	return HARK_PROBE_OK;
}
