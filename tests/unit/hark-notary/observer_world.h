/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A world in which observers run: what harkd and they say, in short. */
#ifndef TESTS_UNIT_HARK_NOTARY_OBSERVER_WORLD_H
#define TESTS_UNIT_HARK_NOTARY_OBSERVER_WORLD_H

#include "prog/exit.h"
#include "proto/trap.h"

#include "world.h"

#define SECOND_NS UINT64_C(1000000000)
#define NO_EVENT  UINT64_MAX

static inline struct bytes
bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* harkd asks whether it may run; the module's digest is `module` and zeroes. */
static inline enum err
world_observer(struct world *w, const char *name, uint32_t module, uint64_t strikes, uint64_t id)
{
	uint8_t digest[32] = { 0 };
	const struct notary_observer words = { bytes_of(name), digest, bytes_of("{\"a\":1}"),
					       strikes };
	enum err e;

	memcpy(digest, &module, sizeof(module));
	e = notary_observer_add(w->core, &words, id, &w->now);
	assert_true(notary_check(w->core));
	return e;
}

/* It reports a trap of class 0 in leaves 0 to 1, of that event. */
static inline void
world_report(struct world *w, const char *name, uint64_t event)
{
	struct trap_report r = { .trap_class = 0, .first = 0, .next = 2 };
	uint8_t bytes[TRAP_REPORT_BYTES];

	r.has_event = event != NO_EVENT;
	if (r.has_event) {
		r.event = event;
		r.next = event >= 1 ? event + 1 : 2;
	}
	trap_report_write(&r, bytes);
	assert_true(notary_observer_is_read(w->core, bytes_of(name)));
	notary_observer_report(w->core, bytes_of(name), bytes, sizeof(bytes), &w->now);
	assert_false(notary_observer_is_read(w->core, bytes_of(name)));
	assert_true(notary_check(w->core));
}

static inline enum err
world_observer_gone(struct world *w, const char *name, const char *reason)
{
	enum err e = notary_observer_gone(w->core, bytes_of(name), bytes_of(reason), &w->now);

	assert_true(notary_check(w->core));
	return e;
}

/* One life of an observer: it runs, reports (NO_EVENT: dies without a word), and is gone. */
static inline void
world_trap(struct world *w, const char *name, uint32_t module, uint64_t strikes, uint64_t event)
{
	assert_int_equal(world_observer(w, name, module, strikes, 0), ERR_OK);
	if (event != NO_EVENT)
		world_report(w, name, event);
	assert_int_equal(world_observer_gone(w, name, "died"), ERR_OK);
	world_commit(w);
}

static inline uint64_t
world_last_code(const struct world *w)
{
	assert_true(w->answer_count > 0);
	return w->codes[w->answer_count - 1];
}

#endif
