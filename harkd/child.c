/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The life of a child.  One function changes its state; who wants it started or stopped is decided
 * elsewhere.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "harkd/child_internal.h"
#include "harkd/harkd.h"
#include "os/file.h"
#include "os/packet.h"
#include "prog/exit.h"
#include "prog/log.h"

/* How often so many are read from one that has ended: more than a socket holds. */
#define LAST_ROUNDS 32u
#define NS_PER_MS   UINT64_C(1000000)

/* Which step is legal. */
static const bool steps[CHILD_STATE_COUNT][CHILD_STATE_COUNT] = {
	[CHILD_STOPPED] = { [CHILD_WAITING] = true, [CHILD_STARTING] = true },
	[CHILD_WAITING] = { [CHILD_STARTING] = true, [CHILD_STOPPED] = true },
	[CHILD_STARTING] = { [CHILD_RUNNING] = true,
			     [CHILD_STOPPING] = true,
			     [CHILD_ENDING] = true,
			     [CHILD_STOPPED] = true },
	[CHILD_RUNNING] = { [CHILD_STOPPING] = true,
			    [CHILD_ENDING] = true,
			    [CHILD_STOPPED] = true },
	[CHILD_STOPPING] = { [CHILD_ENDING] = true, [CHILD_STOPPED] = true },
	[CHILD_ENDING] = { [CHILD_STOPPED] = true },
};

static void start_now(struct child *c);

const char *
child_state_text(enum child_state s)
{
	static const char *const texts[] = {
#define STATE(name, text) [CHILD_##name] = text,
		CHILD_STATES(STATE)
#undef STATE
	};

	MUST((unsigned int)s < CHILD_STATE_COUNT);
	return texts[s];
}

const char *
child_name(const struct child *c, char *text, size_t capacity)
{
	(void)snprintf(text, capacity, "%s%s%s", c->kind->role, c->label != NULL ? " of " : "",
		       c->label != NULL ? c->label : "");
	return text;
}

bool
child_runs(const struct child *c)
{
	return c->state == CHILD_RUNNING;
}

bool
child_exists(const struct child *c)
{
	return c->pidfd >= 0;
}

void
child_enter(struct child *c, enum child_state next, uint64_t limit_ms)
{
	MUST(steps[c->state][next]);

	c->state = next;
	loop_timer_clear(c->h->loop, &c->timer);
	if (limit_ms > 0)
		loop_timer_set(c->h->loop, &c->timer,
			       loop_now_ns(c->h->loop) + limit_ms * NS_PER_MS);
}

/* ---- its end ------------------------------------------------------------------------------- */

void
child_kill(struct child *c, const char *why)
{
	char name[192];

	MUST(why != NULL);

	if (!child_exists(c) || c->state == CHILD_ENDING)
		return;
	log_warning("%s is killed: %s", child_name(c, name, sizeof(name)), why);
	/* What it said of its end itself stays said. */
	if (c->failed_code == 0)
		(void)snprintf(c->last_words, sizeof(c->last_words), "killed: %s", why);
	child_close_channel(c);
	c->was_killed = true;
	/* ERR_MISSING: it has ended already, which is the same. */
	if (spawn_signal(c->pidfd, SIGKILL) == ERR_SYSTEM)
		log_error("%s cannot be killed: %s", name, strerror(errno));
	child_enter(c, CHILD_ENDING, 0);
}

void
child_punish(struct child *c, const char *reason, const char *why)
{
	/* One that is killed already breaks no rule any more. */
	if (child_exists(c) && c->state != CHILD_ENDING && !c->kind->owner_records)
		violation_record(c, reason);
	child_kill(c, why);
}

uint64_t
child_backoff_ms(uint32_t failures)
{
	uint32_t doublings;

	if (failures <= 1)
		return 0;
	doublings = failures - 2 < 16 ? failures - 2 : 16;
	return ((uint64_t)CHILD_BACKOFF_FIRST_MS << doublings) < CHILD_BACKOFF_MAX_MS
		       ? (uint64_t)CHILD_BACKOFF_FIRST_MS << doublings
		       : CHILD_BACKOFF_MAX_MS;
}

bool
child_code_is_final(int code)
{
	switch (code) {
	case EXIT_TAMPERED:
	case EXIT_USAGE:
	case EXIT_UNVERIFIABLE:
	case EXIT_DATA:
	case EXIT_NO_INPUT:
	case EXIT_UNAVAILABLE:
	case EXIT_CANT_CREATE:
	case EXIT_NO_PERMISSION:
	case EXIT_CONFIG:
		return true;
	default:
		return false;
	}
}

static void
tell_end(struct child *c, const struct spawn_end *end)
{
	char name[192];

	if (c->failed_code != 0) {
		/* last_words has what it said itself */
	} else if (c->state == CHILD_ENDING) {
		/* last_words has why we killed it */
	} else if (end->by_signal) {
		(void)snprintf(c->last_words, sizeof(c->last_words), "ended by signal %d",
			       end->number);
	} else if (end->number == SPAWN_NOT_FOUND || end->number == SPAWN_NOT_RUN) {
		(void)snprintf(c->last_words, sizeof(c->last_words), "%s cannot be run",
			       c->kind->program);
	} else {
		(void)snprintf(c->last_words, sizeof(c->last_words), "ended with %d", end->number);
	}
	if (c->wanted && c->failed_code == 0)
		log_warning("%s (pid %ld) %s", child_name(c, name, sizeof(name)), (long)c->pid,
			    c->last_words);
}

/* A child that was not told to end has ended: again, but not too often. */
static void
plan_restart(struct child *c)
{
	char name[192];
	uint64_t now = loop_now_ns(c->h->loop);
	bool proven = c->ready_ns != 0 && now - c->ready_ns >= CHILD_PROVEN_MS * NS_PER_MS;
	uint64_t wait_ms;

	c->failures = proven ? 1 : c->failures + 1;
	c->restarts++;
	wait_ms = child_backoff_ms(c->failures);
	if (wait_ms >= 1000)
		log_warning("%s fails again and again; next start in %llu ms",
			    child_name(c, name, sizeof(name)), (unsigned long long)wait_ms);
	child_enter(c, CHILD_WAITING, 0);
	loop_timer_set(c->h->loop, &c->timer, now + wait_ms * NS_PER_MS);
}

static void
on_end(void *ctx, uint32_t ready)
{
	struct child *c = ctx;
	struct harkd *h = c->h;
	char name[192];
	unsigned int rounds;
	enum err e = spawn_reap(c->pidfd, &c->end);

	(void)ready;
	if (e == ERR_AGAIN)
		return;
	MUST(e == ERR_OK); /* it is our child and nobody else reaps it */
	/* Its last words first; nobody writes more. */
	for (rounds = LAST_ROUNDS; rounds > 0 && c->channel >= 0; rounds--)
		child_on_channel(c, EPOLLIN);
	loop_fd_remove(c->h->loop, c->pidfd);
	file_close(&c->pidfd);
	child_close_channel(c);
	tell_end(c, &c->end);
	if (c->kind->once)
		c->wanted = false;
	child_enter(c, CHILD_STOPPED, 0);
	c->pid = 0;
	c->kind->ended(c);
	if (c->wanted && c->failed_code != 0 &&
	    (child_code_is_final(c->failed_code) || h->life == LIFE_STARTING)) {
		c->wanted = false;
		life_fail(h, c->failed_code, "%s: %s", child_name(c, name, sizeof(name)),
			  c->last_words);
	} else if (c->wanted && c->state == CHILD_STOPPED) {
		plan_restart(c);
	} else if (!c->wanted && c->kind->gone != NULL) {
		c->kind->gone(c); /* it may be freed by that */
	}
	life_step(h);
}

/* ---- its start ----------------------------------------------------------------------------- */

/* Forks and sends the setup.  False: said why. */
static bool
spawn(struct child *c)
{
	cleanup(file_close) int theirs = -1;
	char path[CONFIG_PATH_BYTES_MAX + 64];
	char name[192];
	char program[64];
	char *argv[] = { program, NULL };
	struct message m;
	int pair[2];

	if (packet_pair(pair) != ERR_OK) {
		log_error("%s: no channel can be made: %s", child_name(c, name, sizeof(name)),
			  strerror(errno));
		return false;
	}
	c->channel = pair[0];
	theirs = pair[1];
	if (!c->kind->setup(c, &m)) {
		file_close(&c->channel);
		return false;
	}
	(void)snprintf(program, sizeof(program), "%s", c->kind->program);
	(void)snprintf(path, sizeof(path), "%s/%s", c->h->options.libexec, c->kind->program);
	if (spawn_start(path, argv, theirs, &c->pid, &c->pidfd) != ERR_OK) {
		log_error("%s cannot be started: %s", child_name(c, name, sizeof(name)),
			  strerror(errno));
		message_close(&m);
		file_close(&c->channel);
		return false;
	}
	if (loop_fd_add(c->h->loop, c->pidfd, EPOLLIN, on_end, c) != ERR_OK ||
	    loop_fd_add(c->h->loop, c->channel, EPOLLIN, child_on_channel, c) != ERR_OK) {
		/* Without its channel the child ends by itself; without a watch we would not know
		 * of it. */
		life_fail(c->h, EXIT_OS, "%s cannot be watched: %s", name, strerror(errno));
		message_close(&m);
		return true;
	}
	child_enter(c, CHILD_STARTING, (uint64_t)c->kind->start_limit_s * 1000);
	child_send(c, &m);
	return true;
}

static void
start_now(struct child *c)
{
	c->failed_code = 0;
	c->said_ready = c->was_late = c->was_killed = false;
	c->start_cpu_ms = 0;
	c->ready_ns = 0;
	c->stop_due = false;
	c->said = 0;
	c->owed = 0;
	c->generation++;
	if (spawn(c))
		return;
	(void)snprintf(c->last_words, sizeof(c->last_words), "it cannot be started");
	if (c->kind->once)
		c->wanted = false;
	else
		plan_restart(c);
}

static void
on_timer(void *ctx, uint64_t now_ns)
{
	struct child *c = ctx;

	switch (c->state) {
	case CHILD_WAITING:
		child_enter(c, CHILD_STOPPED, 0);
		start_now(c);
		break;
	case CHILD_STARTING:
		if (child_is_starved(c, c->start_cpu_ms)) {
			loop_timer_set(c->h->loop, &c->timer,
				       now_ns + CHILD_STARVED_MS * NS_PER_MS);
			break;
		}
		c->was_late = true;
		child_kill(c, "it was not ready in time");
		break;
	case CHILD_STOPPING:
		child_kill(c, "it did not end in time");
		break;
	default:
		MUST_NOT_REACH("a timer of a state without one");
	}
}

void
child_init(struct child *c, const struct child_kind *kind, struct harkd *h)
{
	MUST(c != NULL && kind != NULL && h != NULL);
	MUST(kind->messages_per_s > 0);

	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->h = h;
	c->pidfd = -1;
	c->channel = -1;
	c->timer.fn = on_timer;
	c->timer.ctx = c;
}

void
child_start(struct child *c)
{
	c->wanted = true;
	if (c->state == CHILD_STOPPED)
		start_now(c);
}

void
child_limit_start(struct child *c, uint64_t ms)
{
	MUST(c->state == CHILD_STARTING && ms > 0);

	c->start_cpu_ms = child_cpu_ms(c) + ms;
	loop_timer_set(c->h->loop, &c->timer, loop_now_ns(c->h->loop) + ms * NS_PER_MS);
}

uint64_t
child_cpu_ms(const struct child *c)
{
	struct spawn_use use;

	return child_exists(c) && spawn_used(c->pid, &use) == ERR_OK ? use.cpu_ms : 0;
}

bool
child_is_starved(const struct child *c, uint64_t cpu_ms)
{
	struct spawn_use use;

	return cpu_ms > 0 && child_exists(c) && spawn_used(c->pid, &use) == ERR_OK &&
	       use.is_ready && use.cpu_ms < cpu_ms;
}

void
child_expect_end(struct child *c)
{
	c->wanted = false;
	if (c->state == CHILD_RUNNING)
		child_enter(c, CHILD_STOPPING, (uint64_t)c->kind->stop_limit_s * 1000);
}

void
child_stop(struct child *c)
{
	struct message m;

	c->wanted = false;
	switch (c->state) {
	case CHILD_WAITING:
		child_enter(c, CHILD_STOPPED, 0);
		break;
	case CHILD_STARTING:
		if (c->kind->drains) {
			c->stop_due = true;
			break;
		}
		__attribute__((fallthrough));
	case CHILD_RUNNING:
		message_init(&m, c->kind->stop, 0);
		child_send(c, &m);
		if (c->state != CHILD_ENDING)
			child_enter(c, CHILD_STOPPING, (uint64_t)c->kind->stop_limit_s * 1000);
		break;
	default:
		break;
	}
}

void
child_finish(struct child *c)
{
	MUST(c->pidfd < 0);

	if (c->h == NULL)
		return;
	loop_timer_clear(c->h->loop, &c->timer);
	child_close_channel(c);
}
