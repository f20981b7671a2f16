/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How harkd starts, is ready, and ends: in order receivers, notary, and the rest, so that what was
 * received is recorded and sealed before anything goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "harkd/harkd.h"
#include "os/account.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/memfd.h"
#include "os/spawn.h"
#include "prog/exit.h"
#include "prog/log.h"

/* The group that may read where the configuration names none. */
#define GROUP_DEFAULT "hark"

bool
life_is_ending(const struct harkd *h)
{
	return h->life >= LIFE_ENDING_RECEIVERS;
}

/* ---- the end ------------------------------------------------------------------------------- */

static bool
receivers_exist(const struct harkd *h)
{
	const struct receiver *r;

	for (r = h->receivers; r != NULL; r = r->next) {
		if (child_exists(&r->child))
			return true;
	}
	return false;
}

static void
on_notary_stopped(struct harkd *h, void *ctx, const struct message *done)
{
	uint64_t code = done != NULL ? message_number(done, FIELD_CODE, 1) : EXIT_SOFTWARE;

	(void)ctx;
	h->notary_stopped = code == EXIT_OK;
	/* Another one before it may have begun. */
	h->nothing_begun = code == EXIT_TEMPORARY && h->notary.generation == 1;
}

static void
end_notary(struct harkd *h)
{
	struct message m;

	h->life = LIFE_ENDING_NOTARY;
	if (child_runs(&h->notary)) {
		/* The same as its kind's stop, but with an answer: that host.stopped is durable. */
		message_init(&m, MESSAGE_NOTARY_STOP, 0);
		pending_ask(h, &m, on_notary_stopped, NULL, 0, 0);
		child_expect_end(&h->notary);
	} else {
		child_stop(&h->notary);
	}
}

static void
end_rest(struct harkd *h)
{
	unsigned int i;

	h->life = LIFE_ENDING_REST;
	for (i = 0; i < PROTO_LEDGERS; i++)
		child_stop(&h->ledgers[i].signer);
	child_stop(&h->control);
}

static bool
rest_exists(const struct harkd *h)
{
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		if (child_exists(&h->ledgers[i].signer))
			return true;
	}
	return child_exists(&h->control);
}

void
life_end(struct harkd *h)
{
	struct receiver *r;
	struct receiver *next;

	if (life_is_ending(h))
		return;
	notify_say(&h->notify, "STOPPING=1");
	h->life = LIFE_ENDING_RECEIVERS;
	observer_stop_all(h, "harkd is ending");
	for (r = h->receivers; r != NULL; r = next) {
		next = r->next;
		child_stop(&r->child);
	}
	life_step(h);
}

void
life_fail(struct harkd *h, int code, const char *format, ...)
{
	char text[LOG_LINE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_error("%s", text);
	if (h->exit_code == EXIT_OK)
		h->exit_code = code;
	life_end(h);
}

void
life_step(struct harkd *h)
{
	notary_tell(h);
	if (h->life == LIFE_STARTING && status_is_whole(h)) {
		h->life = LIFE_RUNNING;
		log_info("ready: %zu %s, ledgers of %s", h->cell_count,
			 text_counted(h->cell_count, "cell", "cells"), h->place.host);
		notify_say(&h->notify, "READY=1");
		observer_start_all(h);
	}
	if (h->life == LIFE_ENDING_RECEIVERS && !receivers_exist(h) && !observer_exist(h))
		end_notary(h);
	if (h->life == LIFE_ENDING_NOTARY && !child_exists(&h->notary))
		end_rest(h);
	if (h->life == LIFE_ENDING_REST && !rest_exists(h)) {
		h->life = LIFE_ENDED;
		loop_stop(h->loop);
	}
}

/* ---- signals ------------------------------------------------------------------------------- */

static void
kill_all(struct harkd *h)
{
	struct receiver *r;
	unsigned int i;

	for (r = h->receivers; r != NULL; r = r->next)
		child_kill(&r->child, "harkd was told twice to end");
	observer_kill_all(h, "harkd was told twice to end");
	child_kill(&h->notary, "harkd was told twice to end");
	for (i = 0; i < PROTO_LEDGERS; i++)
		child_kill(&h->ledgers[i].signer, "harkd was told twice to end");
	child_kill(&h->control, "harkd was told twice to end");
}

static void
on_signal(void *ctx, int number)
{
	struct harkd *h = ctx;

	if (number == SIGHUP) {
		if (!life_is_ending(h))
			reload_config(h);
	} else if (life_is_ending(h)) {
		kill_all(h);
	} else {
		log_info("ending");
		life_end(h);
	}
}

/* ---- the start ----------------------------------------------------------------------------- */

static bool
start_fails(struct harkd *h, int code, const char *text)
{
	log_error("%s", text);
	h->exit_code = code;
	return false;
}

static bool
find_group(struct harkd *h)
{
	const char *name = h->config.admin_group;
	char text[256];
	enum err e = account_group(name != NULL ? name : GROUP_DEFAULT, &h->group);

	h->has_group = e == ERR_OK;
	if (e == ERR_OK || (e == ERR_MISSING && name == NULL))
		return true;
	(void)snprintf(text, sizeof(text), "the group %s of the control socket %s",
		       name != NULL ? name : GROUP_DEFAULT,
		       e == ERR_MISSING ? "does not exist" : "cannot be looked up");
	return start_fails(h, e == ERR_MISSING ? EXIT_CONFIG : EXIT_OS, text);
}

/* Whose projectors are, where harkd is root: a user of their own, where there is one. */
static bool
find_projector_user(struct harkd *h)
{
	enum err e = account_read_owner(OBSERVER_PROJECTOR_USER ":" OBSERVER_PROJECTOR_USER,
					&h->projector_uid, &h->projector_gid);

	h->is_root = account_own_uid() == 0;
	h->has_projector_user = e == ERR_OK;
	if (e == ERR_MISSING)
		h->projector_uid = h->projector_gid = OBSERVER_NOBODY;
	if (e == ERR_SYSTEM)
		return start_fails(h, EXIT_OS,
				   "the user " OBSERVER_PROJECTOR_USER " cannot be looked up");
	if (!h->has_projector_user || h->projector_uid != 0)
		return true;
	return start_fails(h, EXIT_CONFIG, "the user " OBSERVER_PROJECTOR_USER " is root");
}

/* Observers that could only be silent are a refusal of the start. */
static bool
may_observe(struct harkd *h)
{
	char text[CONFIG_PATH_BYTES_MAX + 128];
	size_t i;

	for (i = 0; i < h->config.observer_count; i++) {
		int code = options_may_observe(&h->options, &h->config.observers[i], text,
					       sizeof(text));

		if (code != EXIT_OK)
			return start_fails(h, code, text);
	}
	return true;
}

static bool
open_place(struct harkd *h)
{
	struct place_failure why = { 0 };
	int64_t group = h->has_group ? (int64_t)h->group : -1;
	bool made;

	if (!place_open(&h->place, &h->config, group, &why))
		return start_fails(h, why.code, why.text);
	if (folder_make(AT_FDCWD, h->config.run, 0755, &made) != ERR_OK ||
	    folder_open_path(h->config.run, &h->place.run_fd) != ERR_OK) {
		(void)snprintf(why.text, sizeof(why.text), "the run directory %.500s: %s",
			       h->config.run, strerror(errno));
		return start_fails(h, EXIT_CANT_CREATE, why.text);
	}
	if (!place_bind_control(&h->place, h->config.run, group, &h->control_fd, &why) ||
	    !place_mark_running(&h->place, &why))
		return start_fails(h, why.code, why.text);
	return true;
}

static bool
open_ledgers(struct harkd *h)
{
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		struct ledger_view *l = &h->ledgers[i];

		memcpy(l->origin, h->place.origins[i], sizeof(l->origin));
		l->create = !h->place.has_key[i] && !h->place.has_ledger[i];
		l->is_new = !h->place.has_ledger[i];
		if (memfd_make(origin_ledger_name((enum proto_ledger)i), PAGE_BYTES, &l->page_fd) !=
			    ERR_OK ||
		    page_map_reader(l->page_fd, &l->page) != ERR_OK)
			return start_fails(h, EXIT_OS, strerror(errno));
		child_init(&l->signer, &role_signer, h);
		l->signer.label = origin_ledger_name((enum proto_ledger)i);
	}
	child_init(&h->notary, &role_notary, h);
	child_init(&h->control, &role_control, h);
	return true;
}

static bool
open_loop(struct harkd *h)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	size_t i;

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || loop_create(NULL, &h->loop) != ERR_OK)
		return start_fails(h, EXIT_OS, strerror(errno));
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (loop_signal_set(h->loop, signals[i], on_signal, h) != ERR_OK)
			return start_fails(h, EXIT_OS, strerror(errno));
	}
	h->ping.fn = notary_ping;
	h->ping.ctx = h;
	if (notify_open(&h->notify) != ERR_OK)
		return start_fails(
			h, EXIT_USAGE,
			"NOTIFY_SOCKET or WATCHDOG_USEC is not what a service manager sets");
	return true;
}

static bool
load_config(struct harkd *h)
{
	cleanup(buf_finish) struct buf texts = { 0 };

	if (!options_load(&h->options, &h->config, &texts, &h->exit_code))
		return false;
	if (configured_keep(h, &texts, false) == ERR_OK)
		return true;
	h->exit_code = EXIT_OS;
	return false;
}

int
life_open(struct harkd *h, int argc, char **argv, bool *run_out)
{
	unsigned int i;

	*run_out = false;
	memset(h, 0, sizeof(*h));
	place_init(&h->place);
	h->notify.fd = -1;
	h->control_fd = -1;
	h->configured.fd = -1;
	for (i = 0; i < PROTO_LEDGERS; i++)
		h->ledgers[i].page_fd = -1;
	if (!options_read(argc, argv, &h->options, &h->exit_code) || !load_config(h))
		return h->exit_code;
	if (!may_observe(h))
		return h->exit_code;
	spawn_raise_descriptors();
	if (!open_loop(h) || !find_group(h) || !find_projector_user(h) || !open_place(h) ||
	    !open_ledgers(h))
		return h->exit_code;
	*run_out = true;
	child_start(&h->notary);
	for (i = 0; i < PROTO_LEDGERS; i++)
		child_start(&h->ledgers[i].signer);
	child_start(&h->control);
	if (remember_all(h))
		reload_cells(h);
	if (h->exit_code == EXIT_OK && observer_keep_all(h))
		observer_reload(h);
	if (h->exit_code == EXIT_OK)
		observer_sweep(h);
	return h->exit_code;
}

void
life_close(struct harkd *h)
{
	unsigned int i;

	/* A start that failed before the notary wrote anything leaves the mark as it found it. */
	if (h->notary_stopped || (h->place.was_clean && (!h->notary_was_ready || h->nothing_begun)))
		place_mark_clean(&h->place);
	if (h->loop != NULL)
		pending_fail_all(h);
	cell_forget_all(h);
	observer_forget_all(h);
	violation_forget_all(h);
	while (h->receivers != NULL) {
		struct receiver *r = h->receivers;

		h->receivers = r->next;
		child_finish(&r->child);
		free(r);
	}
	if (h->control_fd >= 0)
		place_remove_control(&h->place);
	file_close(&h->control_fd);
	file_close(&h->configured.fd);
	if (h->loop != NULL) {
		loop_timer_clear(h->loop, &h->ping);
		for (i = 0; i < PROTO_LEDGERS; i++) {
			if (h->ledgers[i].signer.kind != NULL)
				child_finish(&h->ledgers[i].signer);
		}
	}
	for (i = 0; i < PROTO_LEDGERS; i++) {
		page_unmap(h->ledgers[i].page);
		file_close(&h->ledgers[i].page_fd);
	}
	loop_destroy(h->loop);
	notify_close(&h->notify);
	place_close(&h->place);
	config_finish(&h->config);
	options_finish(&h->options);
}
