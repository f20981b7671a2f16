/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The notary's descriptors: two ledgers, two pages, harkd; and the loop that moves the core. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "hark-notary/daemon.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/random.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/origin.h"
#include "role/role.h"

/* How well the clock is kept changes slowly, and is asked for so seldom. */
#define QUALITY_NS UINT64_C(1000000000)

struct event_clock
daemon_clock(void)
{
	static struct event_clock now;
	static uint64_t quality_ns;

	clock_realtime(&now.real.seconds, &now.real.nanoseconds);
	now.monotonic_ns = clock_monotonic_ns();
	if (now.monotonic_ns >= quality_ns) {
		quality_ns = now.monotonic_ns + QUALITY_NS;
		clock_quality(&now.is_synchronized, &now.error_us);
	}
	return now;
}

void
daemon_end(struct daemon *d, int code, const char *text)
{
	if (d->has_ended)
		return;
	d->has_ended = true;
	d->exit_code = code;
	(void)snprintf(d->exit_text, sizeof(d->exit_text), "%s", text != NULL ? text : "");
	loop_stop(d->loop);
}

void
daemon_say(struct daemon *d, struct message *m)
{
	enum err e = outbox_send(&d->outbox, ROLE_SUPERVISOR_FD, m);

	if (e != ERR_OK) {
		daemon_end(d, e == ERR_END ? EXIT_OK : EXIT_PROTOCOL,
			   e == ERR_END ? NULL : "harkd does not read");
		return;
	}
	supervisor_watch_outbox(d);
}

/* ---- what the core does to its surroundings ---- */

static void
on_answer(void *ctx, const struct notary_answer *answer)
{
	struct message m;

	message_init(&m, MESSAGE_DONE, answer->id);
	message_set_number(&m, FIELD_CODE, answer->code);
	if (answer->text != NULL)
		message_set_text(&m, FIELD_TEXT, answer->text);
	if (answer->has_index)
		message_set_number(&m, FIELD_INDEX, answer->index);
	if (answer->has_count)
		message_set_number(&m, FIELD_COUNT, answer->count);
	if (answer->has_head) {
		message_set_number(&m, FIELD_SIZE, answer->size);
		message_set_bytes(&m, FIELD_ROOT, answer->root.bytes, sizeof(answer->root.bytes));
	}
	daemon_say(ctx, &m);
}

static bool
on_receipt(void *ctx, uint64_t channel, const struct record_receipt *receipt)
{
	return channels_receipt(ctx, channel, receipt);
}

static void
on_violation(void *ctx, uint64_t channel, const char *reason)
{
	struct daemon *d = ctx;
	struct message m;

	log_error("the receiver of channel %llu breaks the protocol: %s",
		  (unsigned long long)channel, reason);
	channels_stop(d, channel);
	message_init(&m, MESSAGE_VIOLATION, 0);
	message_set_number(&m, FIELD_CHANNEL, channel);
	message_set_text(&m, FIELD_REASON, reason);
	daemon_say(d, &m);
}

static void
on_ledger_state(void *ctx, enum proto_ledger ledger, enum notary_ledger_state state,
		const char *text)
{
	struct message m;

	message_init(&m, MESSAGE_LEDGER_STATE, 0);
	message_set_number(&m, FIELD_LEDGER, (uint64_t)ledger);
	message_set_text(&m, FIELD_STATE, notary_ledger_state_name(state));
	if (text != NULL)
		message_set_text(&m, FIELD_TEXT, text);
	daemon_say(ctx, &m);
}

static void
on_publish(void *ctx, enum proto_ledger ledger, const struct page_state *state)
{
	struct daemon *d = ctx;

	page_publish(d->pages[ledger], state);
}

static bool
on_sign(void *ctx, enum proto_ledger ledger, uint64_t size, const struct merkle_hash *root,
	const struct merkle_hash *proof, size_t count)
{
	return signers_ask(ctx, ledger, size, root, proof, count);
}

static void
on_trapped(void *ctx, const struct notary_trapped *trapped)
{
	struct message m;

	message_init(&m, MESSAGE_OBSERVER_TRAPPED, 0);
	message_set_bytes(&m, FIELD_OBSERVER, trapped->observer.data, trapped->observer.size);
	message_set_number(&m, FIELD_CLASS, trapped->trap_class);
	message_set_number(&m, FIELD_COUNT, trapped->strikes);
	message_set_text(&m, FIELD_STATE, trapped->is_quarantined ? "quarantined" : "struck");
	message_set_number(&m, FIELD_INDEX, trapped->index);
	if (trapped->has_next)
		message_set_number(&m, FIELD_SIZE, trapped->next);
	daemon_say(ctx, &m);
}

static void
on_stopped(void *ctx)
{
	daemon_end(ctx, EXIT_OK, NULL);
}

/* ---- the loop ---- */

/* After every turn in which something came: commits, timers, and whoever waited for room. */
static void
move(struct daemon *d)
{
	const struct event_clock now = daemon_clock();
	uint64_t deadline;

	notary_tick(d->core, &now);
	if (notary_failure(d->core) == ERR_OK) {
		supervisor_resume(d);
		channels_resume(d);
	}
	/* Receivers ended before; what they had sent comes before the end. */
	if (d->wants_stop && !d->is_stopping && !channels_have_rest(d)) {
		d->is_stopping = true;
		if (notary_stop(d->core, d->stop_id, &now) != ERR_OK)
			daemon_end(d, EXIT_SOFTWARE, "the core does not stop");
		loop_timer_set(d->loop, &d->again, loop_now_ns(d->loop));
	}
	if (notary_failure(d->core) != ERR_OK)
		daemon_end(d, EXIT_SOFTWARE, err_text(notary_failure(d->core)));
	if (d->has_ended)
		return;
	deadline = notary_deadline(d->core);
	if (deadline == UINT64_MAX)
		loop_timer_clear(d->loop, &d->timer);
	else
		loop_timer_set(d->loop, &d->timer, deadline);
}

static void
on_timer(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	move(ctx);
}

static void
on_commit(void *ctx, uint32_t ready)
{
	(void)ready;
	move(ctx);
}

/* ---- open and close ---- */

/* As harkd wants it, within what a ledger can and the core needs. */
static size_t
batch_bytes(const struct message *setup)
{
	uint64_t bytes = message_number(setup, FIELD_BATCH_BYTES, LEDGER_BATCH_BYTES_MAX);

	if (bytes < NOTARY_BATCH_BYTES_MIN)
		return NOTARY_BATCH_BYTES_MIN;
	return bytes > LEDGER_BATCH_BYTES_MAX ? LEDGER_BATCH_BYTES_MAX : (size_t)bytes;
}

/* The ledger that is there, if it is of this host; a new one where there is none. */
static enum err
open_own(struct disk disk, const char *host, enum proto_ledger ledger,
	 struct ledger_options *options, struct ledger **out, struct ledger_failure *why)
{
	char origin[ORIGIN_TEXT_BYTES];
	struct ledger *l = NULL;
	uint32_t generation;
	enum err e = ledger_open(disk, options, &l, why);

	if (e == ERR_OK && !origin_is_of(ledger_origin(l), host, ledger, &generation)) {
		(void)snprintf(why->text, sizeof(why->text),
			       "it is a ledger of %s, and not the %s of %s", ledger_origin(l),
			       origin_ledger_name(ledger), host);
		ledger_close(l);
		return ERR_FORMAT;
	}
	if (e == ERR_MISSING) {
		e = origin_write(host, ledger, 1, origin);
		options->origin = origin;
		if (e == ERR_OK)
			e = ledger_open(disk, options, &l, why);
		options->origin = NULL; /* it was borrowed for the call */
	}
	if (e == ERR_OK)
		*out = l;
	return e;
}

static enum err
open_ledger(struct daemon *d, const struct message *setup, enum proto_ledger ledger,
	    struct ledger **out, struct ledger_failure *why)
{
	struct ledger_options options = {
		.segment_bytes = message_number(setup, FIELD_SEGMENT_BYTES, 0),
		.batch_bytes = batch_bytes(setup),
	};
	char host[LEDGER_ORIGIN_BYTES_MAX + 1];
	enum err e;

	e = message_text(setup, FIELD_HOST, host, sizeof(host));
	if (e == ERR_OK)
		e = random_bytes(options.salt, sizeof(options.salt));
	if (e == ERR_OK)
		e = disk_open_real(setup->fds[ledger], &d->disks[ledger]);
	if (e != ERR_OK) {
		why->system_error = errno;
		(void)snprintf(why->text, sizeof(why->text), "its directory cannot be used");
		return e;
	}
	return open_own(d->disks[ledger], host, ledger, &options, out, why);
}

/* How a ledger that cannot be opened ends the program. */
static int
code_of(enum err e, int system_error)
{
	switch (e) {
	case ERR_FORMAT:
		return EXIT_TAMPERED;
	case ERR_UNSUPPORTED:
		return EXIT_UNVERIFIABLE;
	case ERR_MEMORY:
		return EXIT_SOFTWARE;
	case ERR_SYSTEM:
		return system_error == ENOSPC || system_error == EIO || system_error == EROFS
			       ? EXIT_IO
			       : EXIT_OS_FILE;
	default:
		return EXIT_CONFIG;
	}
}

static enum err
make_core(struct daemon *d, const struct message *setup, struct ledger *ledgers[PROTO_LEDGERS])
{
	static const struct notary_ops ops = {
		.answer = on_answer,
		.receipt = on_receipt,
		.violation = on_violation,
		.ledger_state = on_ledger_state,
		.publish = on_publish,
		.sign = on_sign,
		.trapped = on_trapped,
		.stopped = on_stopped,
	};
	const struct notary_options options = {
		.clean = message_number(setup, FIELD_CLEAN, 0) != 0,
		.restarts = message_number(setup, FIELD_RESTARTS, 0),
		.commit_us = message_number(setup, FIELD_COMMIT_US, 0),
		.batch_bytes = batch_bytes(setup),
		.tick_ms = message_number(setup, FIELD_TICK_MS, 0),
		.checkpoint_ms = message_number(setup, FIELD_CHECKPOINT_MS, 0),
	};
	const struct event_clock now = daemon_clock();

	return notary_create(ledgers, &options, &ops, d, &now, &d->core);
}

enum err
daemon_open(struct daemon *d, struct message *setup, int *code, char *why, size_t why_size)
{
	struct ledger *ledgers[PROTO_LEDGERS] = { NULL, NULL };
	struct ledger_failure failure = { 0 };
	enum err e = ERR_OK;
	unsigned int i;

	memset(d, 0, sizeof(*d));
	d->channels_fd = -1;
	d->signers[0] = d->signers[1] = -1;
	d->timer = (struct loop_timer){ .fn = on_timer, .ctx = d };
	d->again = (struct loop_timer){ .fn = on_timer, .ctx = d };
	for (i = 0; i < PROTO_LEDGERS && e == ERR_OK; i++)
		e = open_ledger(d, setup, (enum proto_ledger)i, &ledgers[i], &failure);
	if (e != ERR_OK) {
		*code = code_of(e, failure.system_error);
		(void)snprintf(why, why_size, "%s: %s%s%s",
			       origin_ledger_name((enum proto_ledger)(i - 1)),
			       failure.text[0] != '\0' ? failure.text : err_text(e),
			       failure.system_error != 0 ? ": " : "",
			       failure.system_error != 0 ? strerror(failure.system_error) : "");
	}
	for (i = 0; i < PROTO_LEDGERS && e == ERR_OK; i++)
		e = page_map_writer(setup->fds[PROTO_LEDGERS + i], &d->pages[i]);
	if (e == ERR_OK)
		e = make_core(d, setup, ledgers);
	if (e == ERR_OK)
		return ERR_OK;
	if (why[0] == '\0') {
		*code = code_of(e, errno);
		(void)snprintf(why, why_size, "%s",
			       e == ERR_FORMAT ? "the ledger's state is not ours" : err_text(e));
	}
	ledger_close(ledgers[PROTO_EVIDENCE]);
	ledger_close(ledgers[PROTO_OPERATIONS]);
	return e;
}

int
daemon_run(struct daemon *d)
{
	unsigned int i;
	enum err e;

	e = loop_create(NULL, &d->loop);
	if (e == ERR_OK)
		e = channels_open(d);
	if (e == ERR_OK)
		e = supervisor_open(d);
	for (i = 0; i < PROTO_LEDGERS && e == ERR_OK; i++) {
		int fd = notary_commit_fd(d->core, (enum proto_ledger)i);

		if (fd >= 0)
			e = loop_fd_add(d->loop, fd, EPOLLIN, on_commit, d);
	}
	if (e == ERR_OK) {
		move(d);
		e = loop_run(d->loop);
	}
	if (e != ERR_OK) {
		d->exit_code = EXIT_OS;
		(void)snprintf(d->exit_text, sizeof(d->exit_text), "%s", strerror(errno));
	}
	/* The answer to NOTARY_STOP may be the last word. */
	(void)!outbox_flush(&d->outbox, ROLE_SUPERVISOR_FD);
	return d->exit_code;
}

void
daemon_close(struct daemon *d)
{
	unsigned int i;

	if (d->loop != NULL) {
		signers_close(d);
		channels_close(d);
		traps_close(d);
		loop_destroy(d->loop);
	}
	outbox_finish(&d->outbox);
	notary_destroy(d->core);
	for (i = 0; i < PROTO_LEDGERS; i++) {
		page_unmap(d->pages[i]);
		if (d->disks[i].ops != NULL)
			disk_close_real(&d->disks[i]);
	}
}
