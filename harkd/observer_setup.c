/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the two processes of an observer are given: options, a module's file, channels.
 * hark-observer hears nothing of where rows go, and so of no password.
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
#include "os/memfd.h"
#include "os/packet.h"
#include "prog/exit.h"
#include "proto/options.h"
#include "proto/origin.h"

/* As OPTION_CREATE has it. */
#define CREATE_BYTES_MAX 16384u

/* ---- options ------------------------------------------------------------------------------- */

/* Options as they are put together; the first failure stays. */
struct list {
	struct buf *out;
	enum err e;
};

static void
number(struct list *l, enum observer_option option, uint64_t value)
{
	if (l->e == ERR_OK)
		l->e = options_add_number(l->out, option, value);
}

static void
text(struct list *l, enum observer_option option, const char *value)
{
	if (l->e == ERR_OK && value != NULL)
		l->e = options_add_text(l->out, option, value, strlen(value));
}

static void
texts(struct list *l, enum observer_option option, const struct config_texts *values)
{
	size_t i;

	for (i = 0; i < values->count; i++)
		text(l, option, values->texts[i]);
}

static void
limits(struct list *l, const struct config_observer *m)
{
	number(l, OPTION_LIMIT_FUEL, m->limits.fuel);
	number(l, OPTION_LIMIT_WALL_MS, m->limits.wall_ms);
	number(l, OPTION_LIMIT_MEMORY_BYTES, m->limits.memory_bytes);
	number(l, OPTION_LIMIT_TABLE_ELEMENTS, m->limits.table_elements);
	number(l, OPTION_LIMIT_STACK_BYTES, m->limits.stack_bytes);
	number(l, OPTION_LIMIT_PAYLOAD_BYTES, m->limits.payload_bytes);
	number(l, OPTION_LIMIT_EFFECTS, m->limits.effects);
	number(l, OPTION_LIMIT_EFFECT_BYTES, m->limits.effect_bytes);
	number(l, OPTION_LIMIT_MODULE_BYTES, m->limits.module_bytes);
	number(l, OPTION_LIMIT_COMPILE_MS, m->limits.compile_ms);
}

/* What both are told first. */
static void
head(struct list *l, const struct config_observer *m)
{
	text(l, OPTION_DIGEST, m->digest);
	number(l, OPTION_TOKENS, m->tokens);
	number(l, OPTION_NOOP, m->noop);
	number(l, OPTION_FROM, m->from);
	number(l, OPTION_BATCH, m->batch);
	number(l, OPTION_STOP_ON_TRAP, m->stop_on_trap);
}

static enum err
module_options(const struct config_observer *m, struct buf *out)
{
	struct list l = { out, ERR_OK };

	head(&l, m);
	texts(&l, OPTION_FILTER_CELL, &m->cells);
	texts(&l, OPTION_FILTER_TYPE, &m->types);
	texts(&l, OPTION_FILTER_SOURCE, &m->sources);
	limits(&l, m);
	return l.e;
}

static enum err
projector_options(const struct config_observer *m, struct bytes create, struct buf *out)
{
	struct list l = { out, ERR_OK };

	head(&l, m);
	limits(&l, m);
	text(&l, OPTION_PROJECTION, m->projection);
	text(&l, OPTION_TABLE, m->table);
	texts(&l, OPTION_KEY, &m->key);
	if (l.e == ERR_OK && create.size > 0)
		l.e = options_add_text(out, OPTION_CREATE, create.data, create.size);
	text(&l, OPTION_METRIC_FILE, m->metric_file);
	text(&l, OPTION_METRIC_PREFIX, m->metric_prefix);
	if (m->metric_file != NULL)
		number(&l, OPTION_METRIC_SERIES, m->metric_series);
	text(&l, OPTION_RECEIPT_FILE, m->receipt_file);
	if (m->log_lines_per_s > 0)
		number(&l, OPTION_LOG_LINES_PER_S, m->log_lines_per_s);
	return l.e;
}

/* ---- files --------------------------------------------------------------------------------- */

static bool
open_module(const struct config_observer *m, int *out, struct observer_refusal *why)
{
	enum err e = file_open_regular(m->module, out);

	return e == ERR_OK || observer_refuse_path(why, "the module", m->module, e);
}

static bool
read_create(const struct config_observer *m, struct buf *out, struct observer_refusal *why)
{
	cleanup(file_close) int fd = -1;
	enum err e;

	if (m->create == NULL)
		return true;
	e = file_open_regular(m->create, &fd);
	if (e == ERR_OK)
		e = file_read_all(fd, CREATE_BYTES_MAX, out);
	if (e != ERR_OK)
		return observer_refuse_path(why, "the file of SQL", m->create, e);
	if (out->size > 0 && text_is_utf8((const char *)out->data, out->size) &&
	    memchr(out->data, 0, out->size) == NULL)
		return true;
	why->code = EXIT_DATA;
	(void)snprintf(why->text, sizeof(why->text),
		       "the file of SQL of 'create' is empty, or no UTF-8 text");
	return false;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static bool
make_options(const struct config_observer *m, struct observer_gear *gear,
	     struct observer_refusal *why)
{
	cleanup(buf_finish) struct buf create = { 0 };
	enum err e;

	if (!read_create(m, &create, why))
		return false;
	e = module_options(m, &gear->module_options);
	if (e == ERR_OK)
		e = projector_options(m, (struct bytes){ create.data, create.size },
				      &gear->projector_options);
	if (e == ERR_OK)
		return true;
	why->code = e == ERR_MEMORY ? EXIT_TEMPORARY : EXIT_CONFIG;
	(void)snprintf(why->text, sizeof(why->text), "its options: %s", err_text(e));
	return false;
}

/* What harkd has of itself: tried again where it cannot be had now. */
static bool
make_own(struct harkd *h, struct observer_gear *gear, struct observer_refusal *why)
{
	int pair[2];
	enum err e = folder_open(h->place.data_fd, origin_ledger_name(PROTO_EVIDENCE),
				 &gear->module_fds[1]);

	if (e == ERR_OK)
		e = memfd_reopen_read_only(h->ledgers[PROTO_EVIDENCE].page_fd,
					   &gear->module_fds[2]);
	if (e == ERR_OK)
		e = packet_pair(pair);
	if (e != ERR_OK) {
		why->code = EXIT_TEMPORARY;
		(void)snprintf(why->text, sizeof(why->text), "its descriptors cannot be made: %s",
			       strerror(errno));
		return false;
	}
	gear->projector_fds[3] = pair[0];
	gear->link_end = pair[1];
	return true;
}

bool
observer_gear_make(struct harkd *h, const struct config_observer *m, struct observer_gear *gear,
		   struct observer_refusal *why)
{
	*gear = (struct observer_gear){
		.module_fds = { -1, -1, -1 },
		.projector_fds = { -1, -1, -1, -1 },
		.link_end = -1,
	};
	return make_options(m, gear, why) && open_module(m, &gear->module_fds[0], why) &&
	       observer_open_folders(h, m, gear->projector_fds, why) && make_own(h, gear, why);
}

void
observer_gear_finish(struct observer_gear *gear)
{
	size_t i;

	for (i = 0; i < 3; i++)
		file_close(&gear->module_fds[i]);
	for (i = 0; i < 4; i++)
		file_close(&gear->projector_fds[i]);
	file_close(&gear->link_end);
	buf_finish(&gear->module_options);
	buf_finish(&gear->projector_options);
}
