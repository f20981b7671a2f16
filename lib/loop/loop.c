/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The event loop: one table of descriptors by number, one list of timers, one signalfd. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "loop/loop.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/poll.h"

/* The most descriptors that one turn serves: the others are next in the kernel's queue. */
#define LOOP_READY_MAX 64
/* The first size of the table of descriptors. */
#define LOOP_TABLE_FIRST 16u
/* Linux has the signals 1 to 64. */
#define LOOP_SIGNALS 65

#define NANOSECONDS_PER_MILLISECOND UINT64_C(1000000)

/* A descriptor's entry.  fn is NULL where it is free; generation grows with each removal, so that
 * what the kernel reported of an earlier holder of the number is recognised. */
struct loop_entry {
	loop_fd_fn *fn;
	void *ctx;
	uint32_t generation;
	bool paused; /* held, but not with the kernel */
};

struct loop_signal {
	loop_signal_fn *fn;
	void *ctx;
};

struct loop {
	loop_clock_fn *clock;
	int poll_fd;
	int signal_fd; /* -1 until the first signal is asked for */
	bool stopped;
	uint64_t now_ns;
	uint64_t turn;
	bool is_in_place;           /* its storage is the caller's */
	struct loop_entry *entries; /* by descriptor; `first` while that is enough */
	size_t entry_count;
	struct loop_timer *timers; /* not sorted: they are few */
	sigset_t signal_set;
	sigset_t signal_set_before;
	struct loop_signal signals[LOOP_SIGNALS];
	struct loop_entry first[LOOP_TABLE_FIRST];
};

static_assert(sizeof(struct loop) <= LOOP_PLACE_BYTES, "a loop is in its place");

static void
loop_destroyp(struct loop **loop)
{
	loop_destroy(*loop);
}

/* Takes *loop, which is zeroed. */
static enum err
loop_begin(struct loop **zeroed, loop_clock_fn *clock, struct loop **out)
{
	cleanup(loop_destroyp) struct loop *loop = steal(zeroed);
	enum err e;

	loop->clock = clock != NULL ? clock : clock_monotonic_ns;
	loop->poll_fd = -1;
	loop->signal_fd = -1;
	loop->entries = loop->first;
	loop->entry_count = LOOP_TABLE_FIRST;
	(void)sigemptyset(&loop->signal_set);
	e = poll_open(&loop->poll_fd);
	if (e != ERR_OK)
		return e;
	loop->now_ns = loop->clock();
	*out = steal(&loop);
	return ERR_OK;
}

enum err
loop_create(loop_clock_fn *clock, struct loop **out)
{
	struct loop *loop;

	MUST(out != NULL);

	loop = calloc(1, sizeof(*loop));
	return loop == NULL ? ERR_MEMORY : loop_begin(&loop, clock, out);
}

enum err
loop_create_in(struct loop_place *place, loop_clock_fn *clock, struct loop **out)
{
	struct loop *loop = (struct loop *)(void *)place;

	MUST(place != NULL && out != NULL);

	memset(loop, 0, sizeof(*loop));
	loop->is_in_place = true;
	return loop_begin(&loop, clock, out);
}

void
loop_destroy(struct loop *loop)
{
	int kept = errno;

	if (loop == NULL)
		return;
	while (loop->timers != NULL)
		loop_timer_clear(loop, loop->timers);
	if (loop->signal_fd >= 0) {
		/* A valid set cannot be refused, and there is nothing left that could be done. */
		(void)!poll_signals_restore(&loop->signal_set_before);
		file_close(&loop->signal_fd);
	}
	file_close(&loop->poll_fd);
	if (loop->entries != loop->first)
		free(loop->entries);
	if (!loop->is_in_place)
		free(loop);
	errno = kept;
}

uint64_t
loop_now_ns(const struct loop *loop)
{
	MUST(loop != NULL);
	return loop->now_ns;
}

/* ---- descriptors --------------------------------------------------------------------------- */

static enum err
table_grow(struct loop *loop, size_t count_min)
{
	struct loop_entry *own = loop->entries == loop->first ? NULL : loop->entries;
	size_t count = loop->entry_count;
	struct loop_entry *entries;

	while (count < count_min)
		count *= 2;
	if (count == loop->entry_count)
		return ERR_OK;
	entries = realloc(own, count * sizeof(*entries));
	if (entries == NULL)
		return ERR_MEMORY;
	if (own == NULL)
		memcpy(entries, loop->first, sizeof(loop->first));
	memset(entries + loop->entry_count, 0, (count - loop->entry_count) * sizeof(*entries));
	loop->entries = entries;
	loop->entry_count = count;
	return ERR_OK;
}

static struct loop_entry *
entry_find(struct loop *loop, int fd)
{
	MUST(loop != NULL);
	if (fd < 0 || (size_t)fd >= loop->entry_count || loop->entries[fd].fn == NULL)
		return NULL;
	return &loop->entries[fd];
}

static uint64_t
key_of(int fd, const struct loop_entry *entry)
{
	return (uint64_t)entry->generation << 32 | (uint32_t)fd;
}

enum err
loop_fd_add(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *ctx)
{
	struct loop_entry *entry;
	enum err e;

	MUST(loop != NULL && fd >= 0 && fn != NULL);

	if (fd > LOOP_FD_MAX)
		return ERR_LIMIT;
	if (entry_find(loop, fd) != NULL)
		return ERR_EXISTS;
	e = table_grow(loop, (size_t)fd + 1);
	if (e != ERR_OK)
		return e;
	entry = &loop->entries[fd];
	if (events != 0)
		e = poll_add(loop->poll_fd, fd, events, key_of(fd, entry));
	if (e != ERR_OK)
		return e;
	entry->fn = fn;
	entry->ctx = ctx;
	entry->paused = events == 0;
	return ERR_OK;
}

enum err
loop_fd_modify(struct loop *loop, int fd, uint32_t events)
{
	struct loop_entry *entry = entry_find(loop, fd);
	enum err e = ERR_OK;

	if (entry == NULL)
		return ERR_MISSING;
	/* epoll tells of a hang-up whatever is asked for, and level-triggered without end: a peer
	 * that has gone would turn the loop of one who does not read it for the moment. */
	if (events != 0)
		e = entry->paused ? poll_add(loop->poll_fd, fd, events, key_of(fd, entry))
				  : poll_modify(loop->poll_fd, fd, events, key_of(fd, entry));
	else if (!entry->paused)
		e = poll_remove(loop->poll_fd, fd);
	if (e == ERR_OK)
		entry->paused = events == 0;
	return e;
}

void
loop_fd_remove(struct loop *loop, int fd)
{
	struct loop_entry *entry = entry_find(loop, fd);

	if (entry == NULL)
		return;
	/* It can fail only where the caller has closed fd already, and then it is removed. */
	if (!entry->paused)
		(void)!poll_remove(loop->poll_fd, fd);
	entry->fn = NULL;
	entry->ctx = NULL;
	entry->generation++;
}

static void
dispatch_fd(struct loop *loop, const struct epoll_event *ready)
{
	int fd = (int)(ready->data.u64 & UINT32_MAX);
	struct loop_entry *entry = entry_find(loop, fd);

	if (entry == NULL || entry->generation != ready->data.u64 >> 32)
		return;
	/* The table may move inside: entry is not used afterwards. */
	entry->fn(entry->ctx, ready->events);
}

/* ---- timers -------------------------------------------------------------------------------- */

void
loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer **at;

	MUST(loop != NULL && timer != NULL);

	if (!timer->armed)
		return;
	for (at = &loop->timers; *at != timer; at = &(*at)->next)
		MUST(*at != NULL);
	*at = timer->next;
	timer->next = NULL;
	timer->armed = false;
}

void
loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at_ns)
{
	MUST(loop != NULL && timer != NULL && timer->fn != NULL);

	timer->at_ns = at_ns;
	if (timer->armed)
		return;
	timer->armed = true;
	timer->next = loop->timers;
	loop->timers = timer;
}

/* The earliest that is due and was not called in this turn, or NULL. */
static struct loop_timer *
timer_due(const struct loop *loop)
{
	struct loop_timer *first = NULL;
	struct loop_timer *t;

	for (t = loop->timers; t != NULL; t = t->next) {
		if (t->at_ns > loop->now_ns || t->turn == loop->turn)
			continue;
		if (first == NULL || t->at_ns < first->at_ns)
			first = t;
	}
	return first;
}

static int
timeout_until_first(const struct loop *loop)
{
	const struct loop_timer *t;
	uint64_t first = UINT64_MAX;
	uint64_t now;
	uint64_t ms;

	if (loop->timers == NULL)
		return -1;
	for (t = loop->timers; t != NULL; t = t->next) {
		if (t->at_ns < first)
			first = t->at_ns;
	}
	now = loop->clock();
	if (first <= now)
		return 0;
	/* Rounded up: a wait that ends before its time would turn for nothing. */
	ms = (first - now) / NANOSECONDS_PER_MILLISECOND;
	return ms >= INT_MAX ? INT_MAX : (int)ms + 1;
}

/* ---- signals ------------------------------------------------------------------------------- */

static void
on_signal_fd(void *ctx, uint32_t ready)
{
	struct loop *loop = ctx;
	int number = 0;

	(void)ready;
	/* Level-triggered: what one read leaves makes the next turn. */
	if (poll_signals_read(loop->signal_fd, &number) != ERR_OK)
		return;
	MUST(number > 0 && number < LOOP_SIGNALS && loop->signals[number].fn != NULL);
	loop->signals[number].fn(loop->signals[number].ctx, number);
}

enum err
loop_signal_set(struct loop *loop, int signal_number, loop_signal_fn *fn, void *ctx)
{
	sigset_t set;
	sigset_t before;
	int fd;
	enum err e;

	MUST(loop != NULL && fn != NULL);

	if (signal_number < 1 || signal_number >= LOOP_SIGNALS)
		return ERR_ARGUMENT;
	set = loop->signal_set;
	if (sigaddset(&set, signal_number) != 0)
		return ERR_ARGUMENT;
	fd = loop->signal_fd;
	e = poll_signals_block(&set, &before);
	if (e != ERR_OK)
		return e;
	e = poll_signals_open(&fd, &set);
	if (e == ERR_OK && loop->signal_fd < 0) {
		e = loop_fd_add(loop, fd, EPOLLIN, on_signal_fd, loop);
		if (e != ERR_OK)
			file_close(&fd);
	}
	if (e != ERR_OK) {
		/* The set was valid a moment ago. */
		(void)!poll_signals_restore(&before);
		return e;
	}
	if (loop->signal_fd < 0)
		loop->signal_set_before = before;
	loop->signal_fd = fd;
	loop->signal_set = set;
	loop->signals[signal_number] = (struct loop_signal){ .fn = fn, .ctx = ctx };
	return ERR_OK;
}

/* ---- turning ------------------------------------------------------------------------------- */

enum err
loop_turn(struct loop *loop, bool wait)
{
	struct epoll_event ready[LOOP_READY_MAX];
	struct loop_timer *timer;
	size_t count = 0;
	size_t i;
	enum err e;

	MUST(loop != NULL);

	e = poll_wait(loop->poll_fd, ready, LOOP_READY_MAX, wait ? timeout_until_first(loop) : 0,
		      &count);
	if (e != ERR_OK)
		return e;
	loop->turn++;
	loop->now_ns = loop->clock();
	for (i = 0; i < count && !loop->stopped; i++)
		dispatch_fd(loop, &ready[i]);
	while (!loop->stopped && (timer = timer_due(loop)) != NULL) {
		timer->turn = loop->turn;
		loop_timer_clear(loop, timer);
		/* It may be freed inside: timer is not used afterwards. */
		timer->fn(timer->ctx, loop->now_ns);
	}
	return ERR_OK;
}

enum err
loop_run(struct loop *loop)
{
	MUST(loop != NULL);

	loop->stopped = false;
	while (!loop->stopped) {
		enum err e = loop_turn(loop, true);

		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

void
loop_stop(struct loop *loop)
{
	MUST(loop != NULL);
	loop->stopped = true;
}
