/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The stream: frames out of bytes that come in any pieces, at any time, and from bad guests. */
#include <errno.h>

#include "cell.h"

#define LIMIT HARK_FRAME_TIME_LIMIT_NS

CELL_STAND_IN_DECODER

/* How often the host has read from a socket. */
static unsigned int reads;

ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);

ssize_t
__wrap_read(int fd, void *data, size_t size)
{
	reads++;
	return __real_read(fd, data, size);
}

/* One guest on a real listener. */
struct talk {
	struct cell cell;
	struct hark_listener *listener;
	struct hark_stream *stream;
	int guest;
	struct hark_guest_declaration said;
	struct hark_rejection why;
};

static void
talk_open(struct talk *t)
{
	memset(t, 0, sizeof(*t));
	cell_open(&t->cell);
	t->listener = cell_listen(&t->cell);
	t->guest = cell_pair(t->listener, t->cell.socket, &t->stream);
}

static void
talk_close(struct talk *t)
{
	hark_stream_close(t->stream);
	if (t->guest >= 0)
		(void)close(t->guest);
	hark_listener_close(t->listener);
	cell_close(&t->cell);
}

static void
say(struct talk *t, const void *data, size_t size)
{
	assert_int_equal(write(t->guest, data, size), size);
}

static enum hark_telemetry_error
next(struct talk *t, uint64_t now_ns)
{
	return hark_stream_next(t->stream, now_ns, &t->said, &t->why);
}

/* A frame whose body is `size` times `letter`; gives the size with the prefix. */
static size_t
frame(uint8_t *at, char letter, size_t size)
{
	at[0] = (uint8_t)size;
	at[1] = (uint8_t)(size >> 8);
	at[2] = 0;
	at[3] = 0;
	memset(at + 4, letter, size);
	return size + 4;
}

static void
wrong_arguments_are_refused(void **state)
{
	struct talk t;

	(void)state;
	talk_open(&t);
	assert_int_equal(hark_stream_next(NULL, 0, &t.said, &t.why), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_stream_next(t.stream, 0, NULL, &t.why), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_stream_next(t.stream, 0, &t.said, NULL), HARK_TELEMETRY_ARGUMENT);
	assert_false(hark_stream_is_stalled(NULL, 0, &t.why));
	assert_int_equal(hark_stream_fd(NULL), -1);
	hark_stream_close(NULL);
	talk_close(&t);
}

/* Bytes, then the end of the stream; what must come of it after the good frames. */
static void
ends_and_refusals(void **state)
{
	static const struct {
		const char *rule, *bytes;
		size_t size;
		unsigned int good;
		enum hark_telemetry_error want;
		enum hark_reject_reason why;
	} rows[] = {
		{ "nothing", "", 0, 0, HARK_TELEMETRY_END, 0 },
		{ "one byte of a prefix", "\1", 1, 0, HARK_TELEMETRY_WIRE,
		  HARK_REJECT_SHORT_LENGTH_PREFIX },
		{ "three bytes of a prefix", "\1\0\0", 3, 0, HARK_TELEMETRY_WIRE,
		  HARK_REJECT_SHORT_LENGTH_PREFIX },
		{ "a prefix alone", "\1\0\0\0", 4, 0, HARK_TELEMETRY_WIRE, HARK_REJECT_SHORT_BODY },
		{ "half a body", "\2\0\0\0A", 5, 0, HARK_TELEMETRY_WIRE, HARK_REJECT_SHORT_BODY },
		{ "a frame", "\1\0\0\0A", 5, 1, HARK_TELEMETRY_END, 0 },
		{ "a frame and a byte", "\1\0\0\0A\1", 6, 1, HARK_TELEMETRY_WIRE,
		  HARK_REJECT_SHORT_LENGTH_PREFIX },
		{ "no body", "\0\0\0\0", 4, 0, HARK_TELEMETRY_WIRE, HARK_REJECT_LENGTH_ZERO },
		{ "4097", "\1\x10\0\0", 4, 0, HARK_TELEMETRY_WIRE, HARK_REJECT_LENGTH_OVER_4096 },
		{ "4096 begun", "\0\x10\0\0", 4, 0, HARK_TELEMETRY_WIRE, HARK_REJECT_SHORT_BODY },
		{ "2^32 - 1", "\377\377\377\377", 4, 0, HARK_TELEMETRY_WIRE,
		  HARK_REJECT_LENGTH_OVER_4096 },
		{ "2^31", "\0\0\0\200", 4, 0, HARK_TELEMETRY_WIRE, HARK_REJECT_LENGTH_OVER_4096 },
		{ "a refused frame, then a good one", "\1\0\0\0\377\1\0\0\0A", 10, 0,
		  HARK_TELEMETRY_WIRE, HARK_REJECT_WRONG_TYPE },
		{ "another version, then a good one", "\1\0\0\0\376\1\0\0\0A", 10, 0,
		  HARK_TELEMETRY_UNSUPPORTED_VERSION, HARK_REJECT_VERSION_MAJOR },
		{ "no body, then a good one", "\1\0\0\0A\0\0\0\0\1\0\0\0A", 14, 1,
		  HARK_TELEMETRY_WIRE, HARK_REJECT_LENGTH_ZERO },
	};
	size_t i;
	int again;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct talk t;
		unsigned int good = 0;
		enum hark_telemetry_error e;

		talk_open(&t);
		say(&t, rows[i].bytes, rows[i].size);
		(void)close(t.guest);
		t.guest = -1;
		/* A call may find bytes and no frame; the end is then for the next one. */
		while ((e = next(&t, 0)) == HARK_TELEMETRY_OK || e == HARK_TELEMETRY_AGAIN)
			good += e == HARK_TELEMETRY_OK;
		for (again = 0; again < 3; again++, e = next(&t, 3 * LIMIT)) {
			if (e != rows[i].want || good != rows[i].good ||
			    (e != HARK_TELEMETRY_END && t.why.reason != rows[i].why))
				fail_msg("%s: %d, %u good, reason %d", rows[i].rule, (int)e, good,
					 (int)t.why.reason);
			t.why.reason = HARK_REJECT_NONE;
			assert_false(hark_stream_is_stalled(t.stream, 3 * LIMIT, &t.why));
		}
		talk_close(&t);
	}
}

static void
prefix_is_judged_without_its_body(void **state)
{
	struct talk t;

	(void)state;
	talk_open(&t);
	say(&t, "\1\x10\0", 3);
	assert_int_equal(next(&t, 0), HARK_TELEMETRY_AGAIN);
	say(&t, "\0", 1);
	assert_int_equal(next(&t, 0), HARK_TELEMETRY_WIRE);
	assert_int_equal(t.why.reason, HARK_REJECT_LENGTH_OVER_4096);
	talk_close(&t);
}

static void
pieces_make_no_difference(void **state)
{
	static uint8_t bytes[40 * 4100];
	size_t total = 0;
	size_t piece;
	int i;

	(void)state;
	for (i = 0; i < 40; i++)
		total += frame(bytes + total, (char)('a' + i % 26),
			       i % 3 == 0 ? HARK_MAX_FRAME_BYTES : (size_t)i + 1);
	for (piece = 1; piece <= 65536; piece = piece < 9 ? piece + 1 : piece * 3 - 1) {
		struct talk t;
		size_t sent = 0;
		int got = 0;

		talk_open(&t);
		while (got < 40) {
			size_t size = total - sent < piece ? total - sent : piece;
			enum hark_telemetry_error e;

			if (size > 0)
				say(&t, bytes + sent, size);
			sent += size;
			while ((e = next(&t, 0)) == HARK_TELEMETRY_OK) {
				size_t want = got % 3 == 0 ? HARK_MAX_FRAME_BYTES : (size_t)got + 1;

				assert_int_equal(t.said.probe_source.size, want);
				assert_int_equal(t.said.probe_source.data[0], 'a' + got % 26);
				assert_int_equal(t.said.probe_source.data[want - 1],
						 'a' + got % 26);
				got++;
			}
			assert_int_equal(e, HARK_TELEMETRY_AGAIN);
		}
		assert_int_equal(sent, total);
		talk_close(&t);
	}
}

static void
one_call_reads_once(void **state)
{
	static uint8_t bytes[3 * 65536];
	struct talk flood;
	struct talk quiet;
	size_t total = 0;
	unsigned int calls = 0;
	enum hark_telemetry_error e;

	(void)state;
	talk_open(&flood);
	talk_open(&quiet);
	while (total + 104 <= sizeof(bytes))
		total += frame(bytes + total, 'f', 100);
	say(&flood, bytes, total);
	say(&quiet, "\1\0\0\0A", 5);
	reads = 0;
	do {
		unsigned int before = reads;

		e = next(&flood, 0);
		calls++;
		assert_true(reads <= before + 1);
		if (calls == 1)
			assert_int_equal(next(&quiet, 0), HARK_TELEMETRY_OK);
	} while (e == HARK_TELEMETRY_OK);
	assert_int_equal(e, HARK_TELEMETRY_AGAIN);
	assert_int_equal(calls, total / 104 + 1);
	/* A read for each 64 KiB and the one that finds nothing; one for the quiet guest. */
	assert_true(reads <= total / 60000 + 3);
	talk_close(&quiet);
	talk_close(&flood);
}

static void
slow_guest_runs_out_of_time(void **state)
{
	struct talk t;
	uint64_t second;

	(void)state;
	/* A byte a second: each makes the descriptor readable, and none buys time. */
	talk_open(&t);
	say(&t, "\x40", 1);
	assert_int_equal(next(&t, 7), HARK_TELEMETRY_AGAIN);
	for (second = 1; second < 10; second++) {
		say(&t, "\0", 1);
		assert_int_equal(next(&t, 7 + second * (LIMIT / 10)), HARK_TELEMETRY_AGAIN);
	}
	assert_false(hark_stream_is_stalled(t.stream, 6 + LIMIT, &t.why));
	say(&t, "B", 1);
	assert_int_equal(next(&t, 7 + LIMIT), HARK_TELEMETRY_WIRE);
	assert_int_equal(t.why.reason, HARK_REJECT_FRAME_TIMEOUT);
	assert_int_equal(next(&t, 0), HARK_TELEMETRY_WIRE);
	talk_close(&t);

	/* Nothing at all any more: the caller's timer finds it. */
	talk_open(&t);
	say(&t, "\x40", 1);
	assert_int_equal(next(&t, 7), HARK_TELEMETRY_AGAIN);
	assert_false(hark_stream_is_stalled(t.stream, 6 + LIMIT, &t.why));
	assert_false(hark_stream_is_stalled(t.stream, 3, &t.why)); /* a clock that is behind */
	assert_true(hark_stream_is_stalled(t.stream, 7 + LIMIT, &t.why));
	assert_int_equal(t.why.reason, HARK_REJECT_FRAME_TIMEOUT);
	t.why.reason = HARK_REJECT_NONE;
	assert_int_equal(next(&t, 0), HARK_TELEMETRY_WIRE);
	assert_int_equal(t.why.reason, HARK_REJECT_FRAME_TIMEOUT);
	talk_close(&t);
}

static void
time_counts_from_a_frames_own_first_byte(void **state)
{
	struct talk t;

	(void)state;
	talk_open(&t);
	/* Half-open: a guest that says nothing has begun nothing. */
	assert_int_equal(next(&t, 9 * LIMIT), HARK_TELEMETRY_AGAIN);
	assert_false(hark_stream_is_stalled(t.stream, 90 * LIMIT, &t.why));
	say(&t, "\2\0\0\0A", 5);
	assert_int_equal(next(&t, 100 * LIMIT), HARK_TELEMETRY_AGAIN);
	/* The rest, and the first byte of the next: its time starts now. */
	say(&t, "B\1", 2);
	assert_int_equal(next(&t, 101 * LIMIT - 1), HARK_TELEMETRY_OK);
	assert_false(hark_stream_is_stalled(t.stream, 102 * LIMIT - 2, &t.why));
	assert_int_equal(next(&t, 102 * LIMIT - 2), HARK_TELEMETRY_AGAIN);
	/* What comes before the time is looked at counts, even late. */
	say(&t, "\0\0\0C\1\0\0\0D", 9);
	assert_int_equal(next(&t, 103 * LIMIT), HARK_TELEMETRY_OK);
	/* A whole frame waits for its reader as long as it likes. */
	assert_false(hark_stream_is_stalled(t.stream, 900 * LIMIT, &t.why));
	assert_int_equal(next(&t, 900 * LIMIT), HARK_TELEMETRY_OK);
	assert_int_equal(next(&t, 900 * LIMIT), HARK_TELEMETRY_AGAIN);
	talk_close(&t);
}

static void
broken_connection_says_so_each_time(void **state)
{
	struct talk t;
	int i;

	(void)state;
	talk_open(&t);
	/* A peer that closes with bytes unread resets the connection. */
	assert_int_equal(write(hark_stream_fd(t.stream), "x", 1), 1);
	(void)close(t.guest);
	t.guest = -1;
	for (i = 0; i < 3; i++) {
		errno = 0;
		assert_int_equal(next(&t, 0), HARK_TELEMETRY_SYSTEM);
		assert_int_equal(errno, ECONNRESET);
	}
	talk_close(&t);
}

static void
session_is_the_streams_own(void **state)
{
	struct hark_wire_session session;
	struct talk t;

	(void)state;
	talk_open(&t);
	hark_stream_session(t.stream, &session);
	assert_int_equal(session.mode, HARK_WIRE_FIRST);
	say(&t, "\1\0\0\0A", 5);
	assert_int_equal(next(&t, 0), HARK_TELEMETRY_OK);
	hark_stream_session(t.stream, &session);
	assert_int_equal(session.mode, HARK_WIRE_CELLOS);
	talk_close(&t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_arguments_are_refused),
		cmocka_unit_test(ends_and_refusals),
		cmocka_unit_test(prefix_is_judged_without_its_body),
		cmocka_unit_test(pieces_make_no_difference),
		cmocka_unit_test(one_call_reads_once),
		cmocka_unit_test(slow_guest_runs_out_of_time),
		cmocka_unit_test(time_counts_from_a_frames_own_first_byte),
		cmocka_unit_test(broken_connection_says_so_each_time),
		cmocka_unit_test(session_is_the_streams_own),
	};

	return cmocka_run_group_tests_name("telemetry/stream", tests, NULL, NULL);
}
