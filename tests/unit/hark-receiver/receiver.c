/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The receiver whole, with the time in the test's hand: harkd's words, guests, the notary. */
#include "prog/exit.h"
#include "rig.h"

static int
setup(void **state)
{
	struct rig *rig = rig_open();

	rig_new_notary(rig);
	*state = rig;
	return 0;
}

static int
teardown(void **state)
{
	rig_close(*state);
	return 0;
}

/* ---- harkd ----------------------------------------------------------------------------------- */

/* It must have ended with FAILED. */
static void
assert_failed(struct rig *rig, int exit_code, const char *rule)
{
	uint8_t data[IPC_BYTES_MAX];
	struct message m;

	if (!rig->r->done || rig->r->exit_code != exit_code ||
	    message_receive(rig->supervisor, data, sizeof(data), &m) != ERR_OK ||
	    m.type != MESSAGE_FAILED || message_number(&m, FIELD_CODE, 0) != (uint64_t)exit_code ||
	    message_bytes(&m, FIELD_TEXT).size == 0)
		fail_msg("%s", rule);
}

static void
wrong_words_of_harkd_end_it(void **state)
{
	enum {
		SLOT,
		TAKEN,
		CONNECTIONS,
		NONE,
		NOT_LISTENING,
		BLOCKING,
		PIPE,
		UNLISTEN,
		OTHER,
		JUNK
	};
	static const struct {
		const char *rule;
		int what;
	} rows[] = {
		{ "a slot that cannot be", SLOT },
		{ "a slot that has a cell", TAKEN },
		{ "nine connections", CONNECTIONS },
		{ "no connections", NONE },
		{ "a socket that does not listen", NOT_LISTENING },
		{ "a socket that blocks", BLOCKING },
		{ "no socket at all", PIPE },
		{ "a cell to remove that is not there", UNLISTEN },
		{ "a message for another program", OTHER },
		{ "no message", JUNK },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct rig *rig = rig_open();
		struct message m;
		int fd = rig_socket(rig, 1);
		int pipes[2] = { -1, -1 };

		rig_listen(rig, 2, 0, 0);
		rig_message_listen(&m, 1, 0, 0);
		if (rows[i].what == SLOT)
			message_set_number(&m, FIELD_SLOT, RECEIVER_SLOTS_MAX);
		if (rows[i].what == TAKEN)
			message_set_number(&m, FIELD_SLOT, 2);
		if (rows[i].what == CONNECTIONS)
			message_set_number(&m, FIELD_CONNECTIONS, 9);
		if (rows[i].what == NONE)
			message_set_number(&m, FIELD_CONNECTIONS, 0);
		if (rows[i].what == NOT_LISTENING)
			(void)shutdown(fd, SHUT_RDWR), (void)close(fd),
				fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (rows[i].what == BLOCKING)
			assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
		if (rows[i].what == PIPE) {
			assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
			(void)close(fd);
			fd = pipes[0];
		}
		if (rows[i].what == UNLISTEN || rows[i].what == OTHER) {
			message_init(&m,
				     rows[i].what == UNLISTEN ? MESSAGE_UNLISTEN
							      : MESSAGE_CHANNEL_SLOT,
				     0);
			message_set_number(&m, FIELD_SLOT, 1);
			if (rows[i].what == OTHER) {
				message_set_number(&m, FIELD_CHANNEL, 1);
				message_set_number(&m, FIELD_CELL_NUMBER, 1);
			}
			rig_say(rig, &m, -1);
		} else if (rows[i].what == JUNK) {
			assert_int_equal(send(rig->supervisor, "junk", 4, 0), 4);
			rig_turns(rig);
		} else {
			rig_say(rig, &m, fd);
		}
		assert_failed(rig, EXIT_PROTOCOL, rows[i].rule);
		(void)close(fd);
		(void)close(pipes[1]);
		{
			struct sockaddr_un a = rig_address(rig, 1);
			struct sockaddr_un b = rig_address(rig, 2);

			(void)unlink(a.sun_path);
			(void)unlink(b.sun_path);
		}
		rig_close(rig);
	}
}

static void
without_harkd_it_ends(void **state)
{
	struct rig *rig = rig_open();

	(void)state;
	(void)close(rig->supervisor);
	rig->supervisor = -1;
	rig_turns(rig);
	assert_true(rig->r->done && rig->r->exit_code == EXIT_TEMPORARY);
	rig_close(rig);
}

static void
a_notary_that_talks_nonsense_ends_it(void **state)
{
	static const char *const rows[] = { "", "x", "HRR1", "HRB1xxxxxxxxxxxxxxxxxxxxxxxx" };
	struct rig *rig = *state;
	size_t i;

	rig_receipt(rig, 1, 0, 0); /* of a record that was never sent */
	assert_failed(rig, EXIT_PROTOCOL, "a receipt of the future");
	for (i = 1; i < COUNT_OF(rows); i++) {
		struct rig *other = rig_open();

		rig_new_notary(other);
		assert_true(send(other->notary, rows[i], strlen(rows[i]), 0) > 0);
		rig_turns(other);
		assert_failed(other, EXIT_PROTOCOL, rows[i]);
		rig_close(other);
	}
}

/* ---- guests ---------------------------------------------------------------------------------- */

static void
a_frame_has_ten_seconds(void **state)
{
	struct rig *rig = *state;
	uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	size_t size = rig_frame(frame, "process.spawned", 1, 0, false);
	int guest;
	int other;

	rig_listen(rig, 0, 0, 0);
	guest = rig_connect(rig, 0);
	other = rig_connect(rig, 0);
	rig_pass(rig, 100 * RIG_SECOND); /* nobody looks at them any more */
	rig_write(rig, guest, frame, size - 1);
	rig_write(rig, other, frame, 3);
	rig_pass(rig, HARK_FRAME_TIME_LIMIT_NS - 1);
	assert_int_equal(rig_count(rig, RECORD_REJECTED), 0);
	rig_write(rig, other, frame + 3, size - 3); /* in time */
	rig_pass(rig, 1);
	assert_int_equal(rig_last(rig, RECORD_REJECTED)->reason, HARK_REJECT_FRAME_TIMEOUT);
	assert_int_equal(rig_last(rig, RECORD_CLOSED)->end, RECORD_END_REFUSED);
	assert_int_equal(rig_count(rig, RECORD_CLOSED), 1);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), 1);
	assert_true(rig_has_ended(guest));
	assert_false(rig_has_ended(other));
	(void)close(guest);
	(void)close(other);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
}

/* The first cell stands in the receiver, and so does the next once it has gone. */
static void
cells_come_and_go(void **state)
{
	struct rig *rig = *state;
	int guests[3];
	unsigned int i;

	rig_listen(rig, 0, 0, 0);
	rig_listen(rig, 1, 0, 0);
	assert_ptr_equal(receiver_cell(rig->r, 0), &rig->r->first_cell);
	assert_ptr_not_equal(receiver_cell(rig->r, 1), &rig->r->first_cell);
	guests[0] = rig_connect(rig, 0);
	guests[1] = rig_connect(rig, 1);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
	(void)close(guests[0]);
	rig_take(rig);
	rig_receipt(rig, rig->next, 0, 0);
	assert_null(receiver_cell(rig->r, 0));
	rig_listen(rig, 2, 0, 0);
	assert_ptr_equal(receiver_cell(rig->r, 2), &rig->r->first_cell);
	guests[2] = rig_connect(rig, 2);
	for (i = 1; i < 3; i++)
		rig_declare(rig, guests[i], "process.exec", 1, 0);
	rig_take(rig);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), 2);
	for (i = 1; i < 3; i++)
		(void)close(guests[i]);
}

static void
who_is_not_read_is_not_late(void **state)
{
	struct rig *rig = *state;
	uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	size_t size = rig_frame(frame, "process.spawned", 1, 0, false);
	size_t sent;
	size_t total;
	int guest;
	int slow;

	rig_listen(rig, 0, 0, 0);
	slow = rig_connect(rig, 0);
	guest = rig_connect(rig, 0);
	rig_write(rig, slow, frame, 5);
	/* No receipts: the window fills, and reading stops. */
	for (sent = 0; (total = rig_flood(guest, 4000)) > 0; sent += total)
		rig_turns(rig);
	rig_take(rig);
	assert_false(window_has_room(&rig->r->window));
	/* Its rest comes in time, but is not read. */
	assert_int_equal(send(slow, frame + 5, size - 5, 0), (ssize_t)(size - 5));
	rig_pass(rig, HARK_FRAME_TIME_LIMIT_NS + 5 * RIG_SECOND);
	assert_int_equal(rig_count(rig, RECORD_REJECTED), 0);
	while (rig->next < sent + 1 + 2) {
		rig_receipt(rig, rig->next, 0, 0);
		rig_take(rig);
	}
	rig_receipt(rig, rig->next, 0, 0);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), sent + 1);
	assert_int_equal(rig_count(rig, RECORD_REJECTED), 0);
	(void)close(guest);
	(void)close(slow);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
}

/* Bytes with descriptors beside them end a read early: the rest is there without another edge. */
static void
a_read_that_ends_early_is_not_the_last(void **state)
{
	struct rig *rig = *state;
	uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	size_t size = rig_frame(frame, "process.spawned", 1, 0, false);
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	int guest;
	size_t i;

	rig_listen(rig, 0, 0, 0);
	guest = rig_connect(rig, 0);
	for (i = 0; i < 3; i++) {
		struct iovec part = { frame + i * size / 3, (i + 1) * size / 3 - i * size / 3 };
		struct msghdr m = { .msg_iov = &part,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof(control) };

		memset(&control, 0, sizeof(control));
		control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
						 .cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.head), &guest, sizeof(int));
		assert_int_equal(sendmsg(guest, &m, MSG_NOSIGNAL), (ssize_t)part.iov_len);
	}
	rig_turns(rig);
	rig_take(rig);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), 1);
	(void)close(guest);
	rig_turns(rig);
	rig_take(rig);
	assert_int_equal(rig_last(rig, RECORD_CLOSED)->end, RECORD_END_CLEAN);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
}

static void
what_comes_is_sent_at_once_and_then_it_rests(void **state)
{
	struct rig *rig = *state;
	uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	size_t size = rig_frame(frame, "process.spawned", 1, 0, false);
	int guest;

	rig_listen(rig, 0, 0, 0);
	guest = rig_connect(rig, 0);
	rig_take(rig);
	assert_int_equal(send(guest, frame, size, MSG_NOSIGNAL), (ssize_t)size);
	assert_int_equal(receiver_turn(rig->r, false), ERR_OK);
	assert_true(recv(rig->notary, frame, sizeof(frame), MSG_PEEK) > 0);
	rig_take(rig);
	rig_receipt(rig, rig->next, 0, 0);
	/* Nothing is left to do, now or at any time. */
	assert_false(link_is_linked(&rig->r->ready));
	rig_pass(rig, 5 * RIG_SECOND);
	assert_false(rig->r->tick.armed || rig->r->limit.armed);
	(void)close(guest);
	rig_turns(rig);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
}

static void
who_connects_as_a_cell_goes_is_heard(void **state)
{
	struct rig *rig = *state;
	struct message m;
	struct sockaddr_un a;
	uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	size_t size = rig_frame(frame, "process.spawned", 1, 0, false);
	int guest = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	rig_listen(rig, 0, 0, 0);
	a = rig_address(rig, 0);
	message_init(&m, MESSAGE_UNLISTEN, 0);
	message_set_number(&m, FIELD_SLOT, 0);
	assert_int_equal(message_send(rig->supervisor, &m), ERR_OK);
	assert_int_equal(connect(guest, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(send(guest, frame, size, MSG_NOSIGNAL), (ssize_t)size);
	rig_turns(rig);
	rig_take(rig);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), 1);
	assert_int_equal(rig_last(rig, RECORD_CLOSED)->end, RECORD_END_UNLISTEN);
	(void)close(guest);
	(void)unlink(a.sun_path);
}

static void
accepting_never_stops(void **state)
{
	struct rig *rig = *state;
	int guests[8];
	size_t sent;
	size_t i;

	rig_listen(rig, 0, 0, 0);
	guests[0] = rig_connect(rig, 0);
	do {
		sent = rig_flood(guests[0], 4000);
		rig_turns(rig);
	} while (sent > 0);
	assert_false(window_has_room(&rig->r->window));
	for (i = 1; i < 8; i++)
		guests[i] = rig_connect(rig, 0);
	/* The ninth is closed at once, although nothing can be said of it yet. */
	for (i = 0; i < 20; i++) {
		int ninth = rig_connect(rig, 0);

		assert_true(rig_has_ended(ninth));
		(void)close(ninth);
	}
	rig_take(rig);
	assert_int_equal(rig_count(rig, RECORD_REJECTED), 0);
	assert_int_equal(rig_count(rig, RECORD_OPENED), 1);
	rig_receipt(rig, rig->next, 0, 0);
	rig_take(rig);
	rig_receipt(rig, rig->next, 0, 0);
	rig_pass(rig, RIG_SECOND);
	assert_int_equal(rig_count(rig, RECORD_OPENED), 8);
	assert_int_equal(rig_last(rig, RECORD_REJECTED)->reason, HARK_REJECT_TOO_MANY_CONNECTIONS);
	assert_int_equal(rig_last(rig, RECORD_REJECTED)->count, 20);
	for (i = 0; i < 8; i++)
		(void)close(guests[i]);
	rig_turns(rig);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
}

static void
refusals_are_told_at_a_rate_and_none_is_lost(void **state)
{
	struct rig *rig = *state;
	size_t i;
	size_t total = 0;

	rig_listen(rig, 0, 0, 0);
	for (i = 0; i < 500; i++) {
		int guest = rig_connect(rig, 0);

		rig_write(rig, guest, "\0\0\0\0", 4);
		assert_true(rig_has_ended(guest));
		(void)close(guest);
		rig_take(rig);
		rig_receipt(rig, rig->next, 0, 0);
	}
	assert_int_equal(rig_count(rig, RECORD_REJECTED), 1);
	rig_pass(rig, RIG_SECOND);
	assert_int_equal(rig_count(rig, RECORD_REJECTED), 2);
	for (i = 0; i < rig->count; i++)
		total += rig->records[i].type == RECORD_REJECTED ? rig->records[i].count : 0;
	assert_int_equal(total, 500);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
}

static void
the_last_refusals_come_with_the_end(void **state)
{
	struct rig *rig = *state;
	size_t i;

	rig_listen(rig, 0, 0, 0);
	for (i = 0; i < 3; i++) {
		int guest = rig_connect(rig, 0);

		rig_write(rig, guest, "\0\0\0\0", 4);
		(void)close(guest);
	}
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
	rig_take(rig);
	assert_int_equal(rig_count(rig, RECORD_REJECTED), 2);
	assert_int_equal(rig_last(rig, RECORD_REJECTED)->count, 2);
	/* It is gone for harkd when all of that is durable. */
	assert_int_equal(rig_done(rig), 0);
	rig_receipt(rig, rig->next - 1, 0, 0);
	assert_int_equal(rig_done(rig), 0);
	rig_receipt(rig, rig->next, 0, 0);
	assert_int_equal(rig_done(rig), 1000);
	assert_null(receiver_cell(rig->r, 0));
}

/* ---- limits ---------------------------------------------------------------------------------- */

static uint64_t
limited_ms(const struct rig *rig)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < rig->count; i++)
		sum += rig->records[i].type == RECORD_LIMITED ? rig->records[i].count : 0;
	return sum;
}

static void
events_a_second_are_kept_by_not_reading(void **state)
{
	struct rig *rig = *state;
	uint64_t begin;
	int guest;
	int other;

	rig_listen(rig, 0, 100, 0);
	rig_listen(rig, 1, 0, 0);
	guest = rig_connect(rig, 0);
	other = rig_connect(rig, 1);
	assert_int_equal(rig_flood(guest, 600), 600);
	begin = rig_now;
	rig_turns(rig);
	rig_take(rig);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), 101); /* a second's worth at once */
	while (rig_now < begin + 3 * RIG_SECOND) {
		rig_pass(rig, RIG_SECOND / 100);
		rig_receipt(rig, rig->next, 0, 0);
	}
	assert_in_range(rig_count(rig, RECORD_DECLARED), 390, 401);
	/* Nobody else is held up. */
	assert_int_equal(rig_flood(other, 500), 500);
	rig_turns(rig);
	rig_take(rig);
	rig_receipt(rig, rig->next, 0, 0);
	assert_in_range(rig_count(rig, RECORD_DECLARED), 890, 901);
	while (rig_count(rig, RECORD_DECLARED) < 1100) {
		rig_pass(rig, RIG_SECOND / 100);
		rig_receipt(rig, rig->next, 0, 0);
		assert_true(rig_now < begin + 60 * RIG_SECOND);
	}
	/* 600 events at 100 a second, of which 100 at once. */
	assert_in_range((rig_now - begin) / 1000000, 4900, 5100);
	(void)close(guest);
	(void)close(other);
	rig_pass(rig, 2 * RIG_SECOND);
	assert_in_range(limited_ms(rig), 4900, 5100);
	assert_true(rig_count(rig, RECORD_LIMITED) <= 7);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
	rig_simple(rig, MESSAGE_UNLISTEN, 1);
}

static void
bytes_a_second_are_what_the_ledger_says(void **state)
{
	const uint64_t leaf = 700;
	struct rig *rig = *state;
	uint64_t begin = rig_now;
	uint64_t seen;
	int guest;

	rig_listen(rig, 0, 0, 70000);
	guest = rig_connect(rig, 0);
	rig_declare(rig, guest, "process.spawned", 1, 0);
	rig_take(rig);
	/* Whatever was counted before this channel is no debt of it. */
	rig_receipt(rig, rig->next, 0, UINT64_C(1) << 60);
	seen = rig_count(rig, RECORD_DECLARED);
	assert_int_equal(rig_flood(guest, 1000), 1000);
	while (rig_count(rig, RECORD_DECLARED) < seen + 1000) {
		rig_turns(rig);
		rig_take(rig);
		rig_receipt(rig, rig->next, 0,
			    (UINT64_C(1) << 60) + (rig_count(rig, RECORD_DECLARED) - seen) * leaf);
		rig_pass(rig, RIG_SECOND / 100);
		assert_true(rig_now < begin + 60 * RIG_SECOND);
	}
	/* 700,000 bytes at 70,000 a second, of which a second's worth at once. */
	assert_in_range((rig_now - begin) / 1000000, 8500, 9500);
	/* What is on its way counts: without receipts no more than a second's worth is read. */
	rig_pass(rig, 100 * RIG_SECOND);
	rig_take(rig);
	rig_receipt(rig, rig->next, 0, (UINT64_C(1) << 60) + 1000 * leaf);
	seen = rig_count(rig, RECORD_DECLARED);
	assert_int_equal(rig_flood(guest, 1000), 1000);
	rig_pass(rig, 100 * RIG_SECOND);
	assert_in_range(rig_count(rig, RECORD_DECLARED) - seen, 100, 130);
	/* What costs nothing, such as events that the ledger has already, owes nothing. */
	rig_receipt(rig, rig->next, 0, (UINT64_C(1) << 60) + 1000 * leaf);
	rig_take(rig);
	assert_in_range(rig_count(rig, RECORD_DECLARED) - seen, 200, 260);
	(void)close(guest);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
}

static void
a_debt_is_paid_by_time_alone(void **state)
{
	struct rig *rig = *state;
	size_t seen;
	int guest;

	rig_listen(rig, 0, 0, 70000);
	guest = rig_connect(rig, 0);
	rig_declare(rig, guest, "process.spawned", 1, 0);
	rig_take(rig);
	rig_receipt(rig, rig->next, 0, 1);
	assert_int_equal(rig_flood(guest, 1000), 1000);
	rig_turns(rig);
	rig_take(rig);
	/* Five seconds' worth more than was guessed; and then no word from anybody. */
	rig_receipt(rig, rig->next, 0, 1 + 6 * 70000);
	seen = rig_count(rig, RECORD_DECLARED);
	rig_pass(rig, RIG_SECOND / 50);
	rig_pass(rig, 4 * RIG_SECOND);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), seen);
	rig_pass(rig, 2 * RIG_SECOND);
	assert_true(rig_count(rig, RECORD_DECLARED) > seen);
	/* A new notary has counted what it has counted: that is no debt. */
	rig_new_notary(rig);
	rig_take(rig);
	rig_receipt(rig, rig->next, 0, UINT64_C(1) << 50);
	rig_pass(rig, RIG_SECOND);
	rig_take(rig);
	seen = rig_count(rig, RECORD_DECLARED);
	rig_receipt(rig, rig->next, 0, UINT64_C(1) << 50);
	rig_pass(rig, RIG_SECOND);
	assert_true(rig_count(rig, RECORD_DECLARED) > seen);
	(void)close(guest);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
}

static void
a_removed_cell_is_not_limited(void **state)
{
	struct rig *rig = *state;
	int guest;

	rig_listen(rig, 0, 10, 0);
	guest = rig_connect(rig, 0);
	assert_int_equal(rig_flood(guest, 300), 300);
	rig_turns(rig);
	rig_pass(rig, RIG_SECOND); /* told for the first time */
	rig_pass(rig, RIG_SECOND / 2);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
	rig_take(rig);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), 300);
	assert_int_equal(rig_last(rig, RECORD_CLOSED)->end, RECORD_END_UNLISTEN);
	assert_in_range(limited_ms(rig), 1460, 1500);
	(void)close(guest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_words_of_harkd_end_it),
		cmocka_unit_test(without_harkd_it_ends),
		cmocka_unit_test_setup_teardown(a_notary_that_talks_nonsense_ends_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_frame_has_ten_seconds, setup, teardown),
		cmocka_unit_test_setup_teardown(cells_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_not_read_is_not_late, setup, teardown),
		cmocka_unit_test_setup_teardown(a_read_that_ends_early_is_not_the_last, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_comes_is_sent_at_once_and_then_it_rests, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_connects_as_a_cell_goes_is_heard, setup,
						teardown),
		cmocka_unit_test_setup_teardown(accepting_never_stops, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_are_told_at_a_rate_and_none_is_lost, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_last_refusals_come_with_the_end, setup,
						teardown),
		cmocka_unit_test_setup_teardown(events_a_second_are_kept_by_not_reading, setup,
						teardown),
		cmocka_unit_test_setup_teardown(bytes_a_second_are_what_the_ledger_says, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_debt_is_paid_by_time_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_removed_cell_is_not_limited, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
