/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Silence with a time of our own. */
#include <string.h>

#include <hark/keepalive.h>

#include "unit.h"

#define MS     UINT64_C(1000000)
#define WINDOW (UINT64_C(100) * MS)

static struct hark_host_stamp host;
static struct hark_agent_silenced_signal last;

static enum hark_silence_change
watch(const struct hark_keepalive *k, struct hark_agent_silenced_trigger *t, uint64_t now_ns)
{
	return hark_watch_for_silence(k, t, &host, HARK_SILENCE_MUTE, now_ns, &last);
}

/* What holds after every call. */
static void
check(const struct hark_keepalive *k, const struct hark_agent_silenced_trigger *t)
{
	assert_true(k->window_ns >= 1 && k->window_ns <= HARK_KEEPALIVE_WINDOW_MAX);
	if (t->fired)
		assert_true(t->silent_since_ns <= k->last_seen_ns);
	else
		assert_int_equal(t->silent_since_ns, 0);
}

static void
arguments(void **state)
{
	struct hark_keepalive k = { 1, 2 };
	struct hark_agent_silenced_trigger t = { 0 };
	struct hark_agent_silenced_signal s;

	(void)state;
	assert_int_equal(hark_keepalive_init(NULL, 1, 0), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_keepalive_init(&k, 0, 0), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_keepalive_init(&k, HARK_KEEPALIVE_WINDOW_MAX + 1, 0),
			 HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(k.window_ns, 1);
	assert_int_equal(hark_keepalive_init(&k, HARK_KEEPALIVE_WINDOW_MAX, 0), HARK_TELEMETRY_OK);
	assert_int_equal(hark_notify_frame(NULL, &t, 0, NULL), HARK_SILENCE_NONE);
	assert_false(hark_is_silenced(NULL, UINT64_MAX));
	assert_true(hark_keepalive_deadline(NULL) == UINT64_MAX);
	assert_int_equal(hark_watch_for_silence(NULL, &t, &host, 0, UINT64_MAX, &s),
			 HARK_SILENCE_NONE);
	assert_int_equal(hark_watch_for_silence(&k, NULL, &host, 0, UINT64_MAX, &s),
			 HARK_SILENCE_NONE);
	assert_int_equal(hark_watch_for_silence(&k, &t, NULL, 0, UINT64_MAX, &s),
			 HARK_SILENCE_NONE);
	assert_int_equal(hark_watch_for_silence(&k, &t, &host, 0, UINT64_MAX, NULL),
			 HARK_SILENCE_NONE);
	assert_false(t.fired);
	assert_null(hark_silence_cause_name(HARK_SILENCE_CAUSE_COUNT));
	assert_null(hark_silence_cause_name((enum hark_silence_cause) - 1));
	assert_string_equal(hark_silence_cause_name(HARK_SILENCE_MUTE), "connected_but_mute");
}

static void
boundary(void **state)
{
	struct hark_keepalive k;

	(void)state;
	assert_int_equal(hark_keepalive_init(&k, WINDOW, 1000), HARK_TELEMETRY_OK);
	assert_false(hark_is_silenced(&k, 0));
	assert_false(hark_is_silenced(&k, 1000));
	assert_false(hark_is_silenced(&k, 1000 + WINDOW - 1));
	assert_true(hark_is_silenced(&k, 1000 + WINDOW));
	assert_true(hark_keepalive_deadline(&k) == 1000 + WINDOW);
	assert_int_equal(hark_keepalive_init(&k, WINDOW, UINT64_MAX - 1), HARK_TELEMETRY_OK);
	assert_true(hark_keepalive_deadline(&k) == UINT64_MAX);
	assert_false(hark_is_silenced(&k, UINT64_MAX));
	/* A time that ran backwards is the last one. */
	assert_int_equal(hark_keepalive_init(&k, WINDOW, 5 * WINDOW), HARK_TELEMETRY_OK);
	assert_int_equal(hark_notify_frame(&k, NULL, WINDOW, NULL), HARK_SILENCE_NONE);
	assert_true(k.last_seen_ns == 5 * WINDOW);
	assert_false(hark_is_silenced(&k, 5 * WINDOW + WINDOW - 1));
}

static void
once_per_silence(void **state)
{
	struct hark_keepalive k;
	struct hark_agent_silenced_trigger t = { .rearm = true };
	uint64_t silence_ns = 77;

	(void)state;
	assert_int_equal(hark_keepalive_init(&k, WINDOW, 0), HARK_TELEMETRY_OK);
	assert_int_equal(watch(&k, &t, WINDOW - 1), HARK_SILENCE_NONE);
	assert_int_equal(hark_notify_frame(&k, &t, WINDOW - 1, &silence_ns), HARK_SILENCE_NONE);
	assert_true(silence_ns == 77);
	assert_int_equal(watch(&k, &t, WINDOW), HARK_SILENCE_NONE);
	assert_int_equal(watch(&k, &t, WINDOW - 1 + WINDOW), HARK_SILENCE_BEGAN);
	check(&k, &t);
	assert_int_equal(last.keepalive_window_ms, 100);
	assert_int_equal(last.elapsed_ms, 100);
	assert_int_equal(last.cause, HARK_SILENCE_MUTE);
	assert_ptr_equal(last.cell_id.data, host.cell_id.data);
	assert_ptr_equal(last.run_id.data, host.run_id.data);
	assert_int_equal(watch(&k, &t, 9 * WINDOW), HARK_SILENCE_NONE);
	assert_int_equal(hark_notify_frame(&k, &t, 9 * WINDOW - 1, &silence_ns),
			 HARK_SILENCE_ENDED);
	assert_true(silence_ns == 8 * WINDOW);
	check(&k, &t);
	assert_int_equal(hark_notify_frame(&k, &t, 9 * WINDOW, &silence_ns), HARK_SILENCE_NONE);
	assert_int_equal(watch(&k, &t, 10 * WINDOW), HARK_SILENCE_BEGAN);
	assert_int_equal(hark_notify_frame(&k, &t, 10 * WINDOW, NULL), HARK_SILENCE_ENDED);
}

static void
once_per_run(void **state)
{
	struct hark_keepalive k;
	struct hark_agent_silenced_trigger t = { 0 };
	uint64_t silence_ns = 77;

	(void)state;
	assert_int_equal(hark_keepalive_init(&k, WINDOW, 0), HARK_TELEMETRY_OK);
	assert_int_equal(watch(&k, &t, WINDOW), HARK_SILENCE_BEGAN);
	assert_int_equal(hark_notify_frame(&k, &t, 2 * WINDOW, &silence_ns), HARK_SILENCE_NONE);
	assert_true(silence_ns == 77);
	assert_int_equal(watch(&k, &t, 9 * WINDOW), HARK_SILENCE_NONE);
	assert_true(t.fired);
}

/* A frame noted without the trigger ends a silence all the same: the next one is another. */
static void
a_frame_that_went_by(void **state)
{
	struct hark_keepalive k;
	struct hark_agent_silenced_trigger t = { .rearm = true };

	(void)state;
	assert_int_equal(hark_keepalive_init(&k, WINDOW, 0), HARK_TELEMETRY_OK);
	assert_int_equal(watch(&k, &t, WINDOW), HARK_SILENCE_BEGAN);
	assert_int_equal(hark_notify_frame(&k, NULL, 2 * WINDOW, NULL), HARK_SILENCE_NONE);
	assert_int_equal(watch(&k, &t, 2 * WINDOW), HARK_SILENCE_NONE);
	assert_int_equal(watch(&k, &t, 3 * WINDOW), HARK_SILENCE_BEGAN);
	assert_int_equal(watch(&k, &t, 4 * WINDOW), HARK_SILENCE_NONE);
}

static void
milliseconds_saturate(void **state)
{
	struct hark_keepalive k;
	struct hark_agent_silenced_trigger t = { 0 };

	(void)state;
	assert_int_equal(hark_keepalive_init(&k, HARK_KEEPALIVE_WINDOW_MAX, 0), HARK_TELEMETRY_OK);
	assert_int_equal(watch(&k, &t, UINT64_MAX), HARK_SILENCE_BEGAN);
	assert_true(last.elapsed_ms == UINT32_MAX);
	assert_true(last.keepalive_window_ms == UINT32_MAX);
}

/* Random walks: began and ended alternate, and each began has its window behind it. */
static void
began_and_ended_alternate(void **state)
{
	uint64_t seed = 7;
	uint64_t now = 0;
	uint64_t heard = 0;
	bool silent = false;
	struct hark_keepalive k;
	struct hark_agent_silenced_trigger t = { .rearm = true };
	unsigned int began = 0;
	unsigned int i;

	(void)state;
	assert_int_equal(hark_keepalive_init(&k, WINDOW, 0), HARK_TELEMETRY_OK);
	for (i = 0; i < 20000; i++) {
		enum hark_silence_change change;
		uint64_t silence_ns = 0;

		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		now += (seed >> 33) % (WINDOW / 2);
		if (seed >> 62 == 0) {
			change = hark_notify_frame(&k, &t, now, &silence_ns);
			assert_int_equal(change, silent ? HARK_SILENCE_ENDED : HARK_SILENCE_NONE);
			if (silent)
				assert_true(silence_ns == now - heard);
			heard = now;
			silent = false;
		} else {
			bool due = !silent && now - heard >= WINDOW;

			change = watch(&k, &t, now);
			assert_int_equal(change, due ? HARK_SILENCE_BEGAN : HARK_SILENCE_NONE);
			silent = silent || due;
			began += due ? 1 : 0;
		}
		check(&k, &t);
	}
	assert_true(began > 100);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments),
		cmocka_unit_test(boundary),
		cmocka_unit_test(once_per_silence),
		cmocka_unit_test(once_per_run),
		cmocka_unit_test(a_frame_that_went_by),
		cmocka_unit_test(milliseconds_saturate),
		cmocka_unit_test(began_and_ended_alternate),
	};

	if (hark_host_stamp_init(hark_text_of("c0"), hark_text_of("run-1"), hark_text_of(NULL),
				 &host) != HARK_TELEMETRY_OK)
		return 1;
	return cmocka_run_group_tests_name("telemetry/keepalive", tests, NULL, NULL);
}
