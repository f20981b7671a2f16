/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A small event loop for one thread: descriptors (epoll), a few timers, signals.  Anything may be
 * added, changed and removed inside any callback: what is removed is not called any more, even
 * where it was ready in the same turn.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"

struct loop;

/* The largest descriptor that a loop takes. */
#define LOOP_FD_MAX 1048575

/* `ready` is EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, ... as of epoll(7). */
typedef void loop_fd_fn(void *ctx, uint32_t ready);
typedef void loop_timer_fn(void *ctx, uint64_t now_ns);
typedef void loop_signal_fn(void *ctx, int signal_number);
/* Where the time comes from: tests bring their own. */
typedef uint64_t loop_clock_fn(void);

/*
 * A timer, owned by its user, who sets fn and ctx and zeroes the rest.  Armed means linked into a
 * loop: it must be cleared before its storage goes.
 */
struct loop_timer {
	loop_timer_fn *fn;
	void *ctx;
	uint64_t at_ns;
	uint64_t turn; /* the loop's: the turn in which it was called last */
	bool armed;
	struct loop_timer *next;
};

/* Storage for a loop and its table of descriptors while their numbers are small. */
#define LOOP_PLACE_BYTES 2048u
struct loop_place {
	_Alignas(max_align_t) unsigned char bytes[LOOP_PLACE_BYTES];
};

/* `clock` NULL is the monotonic clock.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err loop_create(loop_clock_fn *clock, struct loop **out);
/* As loop_create, in the caller's storage, which must stay until loop_destroy: where each page
 * counts.  ERR_SYSTEM. */
MUST_USE enum err loop_create_in(struct loop_place *place, loop_clock_fn *clock, struct loop **out);
/* Disarms the timers, unblocks the signals that it had blocked, closes none of the descriptors. */
void loop_destroy(struct loop *loop);

/* The time of this turn: read once after waiting. */
uint64_t loop_now_ns(const struct loop *loop);

/* Borrows fd, which must stay open until it is removed.  Level-triggered.  ERR_EXISTS, ERR_LIMIT,
 * ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err loop_fd_add(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn,
			      void *ctx);
/* Other events of the same descriptor; 0 pauses it wholly, EPOLLHUP and EPOLLERR too.  ERR_MISSING,
 * ERR_SYSTEM. */
MUST_USE enum err loop_fd_modify(struct loop *loop, int fd, uint32_t events);
/* To be called before fd is closed.  Nothing happens where it is not there. */
void loop_fd_remove(struct loop *loop, int fd);

/* Calls once at at_ns or soon after; an armed timer is moved.  Called again in this turn it is
 * never, so a timer that is set for now from its own callback cannot starve the others. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at_ns);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);

/* Blocks the signal for the process and calls for each that comes.  Set again, it is replaced. */
MUST_USE enum err loop_signal_set(struct loop *loop, int signal_number, loop_signal_fn *fn,
				  void *ctx);

/* One turn: waits (not at all where `wait` is false), then calls what is due. */
MUST_USE enum err loop_turn(struct loop *loop, bool wait);
/* Turns until loop_stop. */
MUST_USE enum err loop_run(struct loop *loop);
/* Makes loop_run return after the callback that is running. */
void loop_stop(struct loop *loop);

#endif
