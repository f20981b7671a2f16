/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The life of a child with the time in hand: the process is the test itself, which holds the other
 * end of the channel and says when it has ended and how.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harkd/child_internal.h"
#include "harkd/harkd.h"
#include "os/packet.h"
#include "prog/exit.h"

#define MS UINT64_C(1000000)

static uint64_t now_ns;
static struct harkd h;
static struct child c;
static int their_end = -1; /* of the channel, as the process would have it */
static int end_fd = -1;    /* the pidfd: an eventfd */
static struct spawn_end how;
static bool has_ended;
static bool start_fails;
static unsigned int starts;
static unsigned int kills;
static unsigned int readies, ends, gones, hears;
static bool hear_well;
static int failed_code;
static char failed_text[512];
static uint8_t bytes[IPC_BYTES_MAX];

enum err __wrap_spawn_start(const char *path, char *const argv[], int channel, pid_t *pid_out,
			    int *pidfd_out);
enum err __wrap_spawn_reap(int pidfd, struct spawn_end *out);
enum err __wrap_spawn_signal(int pidfd, int number);
enum err __wrap_spawn_used(pid_t pid, struct spawn_use *out);

enum err
__wrap_spawn_start(const char *path, char *const argv[], int channel, pid_t *pid_out,
		   int *pidfd_out)
{
	assert_string_equal(path, "/programs/hark-test");
	assert_string_equal(argv[0], "hark-test");
	if (start_fails) {
		errno = EAGAIN;
		return ERR_SYSTEM;
	}
	starts++;
	has_ended = false;
	if (their_end >= 0)
		(void)close(their_end);
	their_end = fcntl(channel, F_DUPFD_CLOEXEC, 0);
	end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(their_end >= 0 && end_fd >= 0);
	*pid_out = 1000 + (pid_t)starts;
	*pidfd_out = end_fd;
	return ERR_OK;
}

enum err
__wrap_spawn_reap(int pidfd, struct spawn_end *out)
{
	assert_int_equal(pidfd, end_fd);
	if (!has_ended)
		return ERR_AGAIN;
	*out = how;
	return ERR_OK;
}

static void
end(bool by_signal, int number)
{
	how = (struct spawn_end){ by_signal, number };
	has_ended = true;
	if (their_end >= 0)
		(void)close(their_end);
	their_end = -1;
	assert_int_equal(eventfd_write(end_fd, 1), 0);
}

enum err
__wrap_spawn_signal(int pidfd, int number)
{
	assert_int_equal(pidfd, end_fd);
	assert_int_equal(number, SIGKILL);
	kills++;
	return ERR_OK;
}

/* Only an observer is asked about. */
enum err
__wrap_spawn_used(pid_t pid, struct spawn_use *out)
{
	(void)pid;
	(void)out;
	return ERR_MISSING;
}

void
life_fail(struct harkd *harkd, int code, const char *format, ...)
{
	va_list arguments;

	(void)harkd;
	failed_code = code;
	va_start(arguments, format);
	(void)vsnprintf(failed_text, sizeof(failed_text), format, arguments);
	va_end(arguments);
}

static char broken[64]; /* the words of the rules that were broken */

void
violation_record(struct child *child, const char *reason)
{
	(void)child;
	(void)snprintf(broken + strlen(broken), sizeof(broken) - strlen(broken), "%s ", reason);
}

void
life_step(struct harkd *harkd)
{
	(void)harkd;
}

static bool
set_up_child(struct child *child, struct message *m)
{
	(void)child;
	message_init(m, MESSAGE_RECEIVER_SETUP, 0);
	message_set_number(m, FIELD_INCARNATION, 1);
	message_set_number(m, FIELD_CONFINE, 0);
	return true;
}

static void
on_ready(struct child *child, const struct message *ready)
{
	assert_int_equal(ready->type, MESSAGE_READY);
	assert_true(child_runs(child));
	readies++;
}

static bool
on_hear(struct child *child, struct message *m)
{
	(void)child;
	(void)m;
	hears++;
	return hear_well;
}

static void
on_ended(struct child *child)
{
	assert_false(child_exists(child));
	ends++;
}

static void
on_gone(struct child *child)
{
	(void)child;
	gones++;
}

static struct child_kind kind = {
	.role = "test",
	.program = "hark-test",
	.messages_per_s = 20,
	.start_limit_s = 30,
	.stop_limit_s = 10,
	.stop = MESSAGE_STOP,
	.setup = set_up_child,
	.ready = on_ready,
	.hear = on_hear,
	.ended = on_ended,
	.gone = on_gone,
};

static uint64_t
test_clock(void)
{
	return now_ns;
}

static void
turns(void)
{
	int i;

	for (i = 0; i < 3; i++)
		assert_int_equal(loop_turn(h.loop, false), ERR_OK);
}

static void
pass_ms(uint64_t ms)
{
	now_ns += ms * MS;
	turns();
}

static int
set_up(void **state)
{
	static char libexec[] = "/programs";

	(void)state;
	memset(&h, 0, sizeof(h));
	now_ns = 1000 * MS;
	h.options.libexec = libexec;
	h.life = LIFE_RUNNING;
	starts = kills = readies = ends = gones = hears = 0;
	hear_well = true;
	start_fails = false;
	failed_code = 0;
	kind.drains = kind.asks = kind.once = kind.owner_records = false;
	broken[0] = '\0';
	kind.messages_per_s = 20;
	if (loop_create(test_clock, &h.loop) != ERR_OK)
		return -1;
	child_init(&c, &kind, &h);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (child_exists(&c)) {
		c.wanted = false;
		end(false, 0);
		turns();
	}
	child_finish(&c);
	loop_destroy(h.loop);
	if (their_end >= 0)
		(void)close(their_end);
	their_end = -1;
	return 0;
}

static void
say(enum message_type type)
{
	struct message m;

	message_init(&m, type, 0);
	if (type == MESSAGE_FAILED) {
		message_set_number(&m, FIELD_CODE, EXIT_IO);
		message_set_text(&m, FIELD_TEXT, "no space");
	}
	assert_int_equal(message_send(their_end, &m), ERR_OK);
	turns();
}

static enum message_type
told(void)
{
	struct message m;

	if (their_end < 0 || message_receive(their_end, bytes, sizeof(bytes), &m) != ERR_OK)
		return MESSAGE_NONE;
	message_close(&m);
	return m.type;
}

static void
start(void)
{
	child_start(&c);
	turns();
	assert_int_equal(c.state, CHILD_STARTING);
	assert_int_equal(told(), MESSAGE_RECEIVER_SETUP);
	say(MESSAGE_READY);
	assert_int_equal(c.state, CHILD_RUNNING);
}

static void
it_starts_is_ready_and_ends_as_told(void **state)
{
	(void)state;
	assert_false(child_exists(&c));
	start();
	assert_int_equal(readies, 1);
	assert_int_equal(c.generation, 1);
	child_stop(&c);
	assert_int_equal(c.state, CHILD_STOPPING);
	assert_int_equal(told(), MESSAGE_STOP);
	end(false, 0);
	turns();
	assert_int_equal(c.state, CHILD_STOPPED);
	assert_int_equal(ends, 1);
	assert_int_equal(gones, 1);
	pass_ms(100000);
	assert_int_equal(starts, 1);
	assert_int_equal(kills, 0);
}

static void
one_that_ran_well_is_back_at_once(void **state)
{
	(void)state;
	start();
	pass_ms(CHILD_PROVEN_MS);
	end(true, SIGKILL);
	turns();
	assert_int_equal(starts, 2);
	assert_int_equal(c.state, CHILD_STARTING);
	assert_int_equal(c.restarts, 1);
	assert_int_equal(gones, 0);
}

/* One that is its owner's to start again. */
static void
once_is_not_started_again_and_its_failures_are_its_owners(void **state)
{
	(void)state;
	kind.once = true;
	h.life = LIFE_STARTING;
	start();
	say(MESSAGE_FAILED);
	end(false, EXIT_IO);
	turns();
	assert_int_equal(c.state, CHILD_STOPPED);
	assert_false(c.wanted);
	assert_int_equal(failed_code, 0);
	assert_int_equal(c.failed_code, EXIT_IO);
	assert_false(c.end.by_signal);
	assert_int_equal(c.end.number, EXIT_IO);
	assert_false(c.was_killed);
	assert_true(ends == 1 && gones == 1);
	pass_ms(100000);
	assert_int_equal(starts, 1);
	child_start(&c);
	assert_int_equal(starts, 2);
	assert_int_equal(c.failed_code, 0);
	child_kill(&c, "the test says so");
	assert_true(c.was_killed);
	end(true, SIGKILL);
	turns();
	assert_true(c.end.by_signal && c.end.number == SIGKILL);
	start_fails = true;
	child_start(&c);
	assert_int_equal(c.state, CHILD_STOPPED);
	assert_false(c.wanted);
	pass_ms(100000);
	assert_int_equal(starts, 2);
}

static void
a_start_may_be_given_a_limit_of_its_own(void **state)
{
	(void)state;
	kind.once = true;
	child_start(&c);
	turns();
	pass_ms(29000);
	child_limit_start(&c, 60000);
	pass_ms(59999);
	assert_int_equal(c.state, CHILD_STARTING);
	assert_false(c.was_late);
	pass_ms(1);
	assert_int_equal(c.state, CHILD_ENDING);
	assert_true(c.was_late && c.was_killed && kills == 1);
	end(true, SIGKILL);
	turns();
	child_start(&c);
	assert_false(c.was_late || c.was_killed);
}

static void
one_that_fails_waits_longer_each_time(void **state)
{
	static const uint64_t wait_ms[] = { 0,    50,   100,  200,   400,  800,
					    1600, 3200, 6400, 10000, 10000 };
	size_t i;

	(void)state;
	child_start(&c);
	turns();
	for (i = 0; i < COUNT_OF(wait_ms); i++) {
		end(false, 1);
		turns();
		if (wait_ms[i] > 0) {
			assert_int_equal(c.state, CHILD_WAITING);
			pass_ms(wait_ms[i] - 1);
			assert_int_equal(c.state, CHILD_WAITING);
			pass_ms(1);
		}
		assert_int_equal(c.state, CHILD_STARTING);
		assert_int_equal(starts, i + 2);
	}
	/* One that then holds is trusted again. */
	say(MESSAGE_READY);
	pass_ms(CHILD_PROVEN_MS);
	end(true, SIGSEGV);
	turns();
	assert_int_equal(c.state, CHILD_STARTING);
	assert_string_equal(c.last_words, "ended by signal 11");
}

static void
a_start_that_fails_is_tried_again(void **state)
{
	(void)state;
	start_fails = true;
	child_start(&c);
	turns();
	pass_ms(50);
	assert_int_equal(starts, 0);
	assert_int_equal(c.state, CHILD_WAITING);
	start_fails = false;
	pass_ms(CHILD_BACKOFF_MAX_MS);
	assert_int_equal(starts, 1);
	assert_int_equal(c.state, CHILD_STARTING);
}

static void
each_state_has_its_limit(void **state)
{
	(void)state;
	child_start(&c);
	turns();
	pass_ms(29999);
	assert_int_equal(kills, 0);
	pass_ms(1);
	assert_int_equal(kills, 1);
	assert_int_equal(c.state, CHILD_ENDING);
	end(true, SIGKILL);
	turns();
	assert_string_equal(c.last_words, "killed: it was not ready in time");
	assert_int_equal(c.state, CHILD_STARTING);
	say(MESSAGE_READY);
	pass_ms(1000000);
	assert_int_equal(kills, 1);
	child_stop(&c);
	pass_ms(9999);
	assert_int_equal(kills, 1);
	pass_ms(1);
	assert_int_equal(kills, 2);
	end(true, SIGKILL);
	turns();
	assert_int_equal(c.state, CHILD_STOPPED);
	assert_int_equal(gones, 1);
}

static void
one_that_closes_its_channel_must_end(void **state)
{
	(void)state;
	start();
	(void)close(their_end);
	their_end = -1;
	turns();
	assert_int_equal(c.state, CHILD_STOPPING);
	pass_ms(CHILD_END_LIMIT_MS);
	assert_int_equal(kills, 1);
}

static void
one_that_breaks_the_protocol_is_killed(void **state)
{
	static const enum message_type wrong[] = { MESSAGE_READY, MESSAGE_STOP };
	size_t i;

	(void)state;
	hear_well = false;
	for (i = 0; i < COUNT_OF(wrong); i++) {
		start();
		say(wrong[i]);
		assert_int_equal(kills, i + 1);
		assert_int_equal(c.state, CHILD_ENDING);
		end(true, SIGKILL);
		child_stop(&c);
		turns();
		assert_int_equal(c.state, CHILD_STOPPED);
	}
	start();
	assert_int_equal(write(their_end, "?", 1), 1);
	turns();
	assert_int_equal(kills, 3);
	/* What was said after it was killed is not heard. */
	assert_int_equal(hears, 1);
}

static void
a_failure_that_cannot_heal_ends_harkd(void **state)
{
	struct message m;

	(void)state;
	start();
	message_init(&m, MESSAGE_FAILED, 0);
	message_set_number(&m, FIELD_CODE, EXIT_TAMPERED);
	message_set_text(&m, FIELD_TEXT, "segments/0 is \x1b[2J damaged");
	assert_int_equal(message_send(their_end, &m), ERR_OK);
	end(false, EXIT_TAMPERED);
	turns();
	assert_int_equal(failed_code, EXIT_TAMPERED);
	assert_string_equal(failed_text, "test: segments/0 is \\x1b[2J damaged");
	assert_int_equal(c.state, CHILD_STOPPED);
	assert_int_equal(starts, 1);
}

static void
one_that_may_heal_is_tried_again_but_not_at_the_first_start(void **state)
{
	(void)state;
	start();
	say(MESSAGE_FAILED);
	end(false, EXIT_IO);
	turns();
	assert_int_equal(failed_code, 0);
	assert_int_equal(c.state, CHILD_STARTING);
	assert_string_equal(c.last_words, "no space");
	h.life = LIFE_STARTING;
	say(MESSAGE_FAILED);
	end(false, EXIT_IO);
	turns();
	assert_int_equal(failed_code, EXIT_IO);
	assert_int_equal(c.state, CHILD_STOPPED);
}

static void
a_code_that_is_none_is_a_mistake_of_ours(void **state)
{
	struct message m;

	(void)state;
	start();
	message_init(&m, MESSAGE_FAILED, 0);
	message_set_number(&m, FIELD_CODE, 0);
	message_set_text(&m, FIELD_TEXT, "");
	assert_int_equal(message_send(their_end, &m), ERR_OK);
	turns();
	assert_int_equal(c.failed_code, EXIT_SOFTWARE);
}

static void
one_that_drains_is_told_to_end_once_it_is_ready(void **state)
{
	(void)state;
	kind.drains = true;
	child_start(&c);
	turns();
	assert_int_equal(told(), MESSAGE_RECEIVER_SETUP);
	child_stop(&c);
	turns();
	assert_int_equal(c.state, CHILD_STARTING);
	assert_int_equal(told(), MESSAGE_NONE);
	say(MESSAGE_READY);
	assert_int_equal(readies, 1);
	assert_int_equal(c.state, CHILD_STOPPING);
	assert_int_equal(told(), MESSAGE_STOP);
	end(false, 0);
	turns();
	assert_int_equal(gones, 1);
}

static void
others_are_told_at_once_and_may_still_say_ready(void **state)
{
	(void)state;
	child_start(&c);
	child_stop(&c);
	assert_int_equal(c.state, CHILD_STOPPING);
	say(MESSAGE_READY);
	assert_int_equal(readies, 0);
	assert_int_equal(kills, 0);
	assert_int_equal(c.state, CHILD_STOPPING);
}

static void
one_that_waits_for_its_start_is_stopped_without_one(void **state)
{
	(void)state;
	child_start(&c);
	turns();
	end(false, 1);
	turns();
	end(false, 1);
	turns();
	assert_int_equal(c.state, CHILD_WAITING);
	child_stop(&c);
	assert_int_equal(c.state, CHILD_STOPPED);
	pass_ms(100000);
	assert_int_equal(starts, 2);
}

static void
one_that_does_not_read_is_killed(void **state)
{
	static char json[60000];
	struct message m;
	unsigned int sent = 0;

	(void)state;
	memset(json, 'a', sizeof(json));
	start();
	while (kills == 0) {
		message_init(&m, MESSAGE_OPERATION, 0);
		message_set_text(&m, FIELD_KIND, "x");
		message_set_bytes(&m, FIELD_JSON, json, sizeof(json));
		child_send(&c, &m);
		assert_true(++sent < 10000);
	}
	assert_string_equal(c.last_words, "killed: it does not read what it is sent");
	child_send(&c, &m); /* nothing happens any more */
	assert_int_equal(kills, 1);
}

/* hark-control asks; what it has not taken stops its next question. */
static void
one_that_asks_is_not_heard_while_answers_wait(void **state)
{
	static char json[60000];
	struct message m;

	(void)state;
	memset(json, 'a', sizeof(json));
	kind.asks = true;
	start();
	while (!outbox_is_waiting(&c.outbox)) {
		message_init(&m, MESSAGE_OPERATION, 0);
		message_set_text(&m, FIELD_KIND, "x");
		message_set_bytes(&m, FIELD_JSON, json, sizeof(json));
		child_send(&c, &m);
	}
	say(MESSAGE_STOP);
	assert_int_equal(hears, 0);
	while (told() != MESSAGE_NONE)
		turns();
	turns();
	assert_int_equal(hears, 1);
}

static void
last_words_are_heard_before_the_end(void **state)
{
	struct message m;
	unsigned int i;

	(void)state;
	kind.messages_per_s = 1000;
	start();
	for (i = 0; i < 200; i++) {
		message_init(&m, MESSAGE_STOP, 0);
		assert_int_equal(message_send(their_end, &m), ERR_OK);
	}
	end(true, SIGKILL);
	turns();
	assert_int_equal(hears, 200);
	assert_int_equal(ends, 1);
}

/* An answer of that id. */
static void
done(uint64_t id)
{
	struct message m;

	message_init(&m, MESSAGE_DONE, id);
	message_set_number(&m, FIELD_CODE, EXIT_OK);
	assert_int_equal(message_send(their_end, &m), ERR_OK);
	turns();
}

static void
so_much_may_be_said_in_a_second(void **state)
{
	unsigned int second;
	unsigned int i;

	(void)state;
	start(); /* READY is one of them */
	for (second = 0; second < 3; second++) {
		for (i = second == 0; i < kind.messages_per_s; i++)
			say(MESSAGE_PING);
		assert_int_equal(kills, 0);
		pass_ms(1000);
	}
	for (i = 0; i < kind.messages_per_s; i++)
		say(MESSAGE_FAILED);
	assert_int_equal(kills, 0);
	pass_ms(999);
	say(MESSAGE_FAILED);
	assert_int_equal(kills, 1);
	assert_string_equal(broken, "too_many_messages ");
	/* Where its owner records it, it is killed alone. */
	end(true, SIGKILL);
	turns();
	pass_ms(CHILD_BACKOFF_MAX_MS);
	kind.owner_records = true;
	for (i = 0; i < kind.messages_per_s + 1; i++)
		say(MESSAGE_PING);
	assert_int_equal(kills, 2);
	assert_string_equal(broken, "too_many_messages ");
}

static void
answers_that_are_owed_are_none_of_it(void **state)
{
	struct message m;
	uint64_t id;

	(void)state;
	start();
	for (id = 1; id <= 100; id++) {
		message_init(&m, MESSAGE_UNLISTEN, id);
		message_set_number(&m, FIELD_SLOT, 0);
		child_send(&c, &m);
		assert_int_equal(told(), MESSAGE_UNLISTEN);
	}
	for (id = 1; id <= 100; id++)
		done(id);
	assert_int_equal(kills, 0);
	assert_int_equal(hears, 100);
	/* What nobody asked for counts, and so does what is an answer to nothing. */
	for (id = 2; id < kind.messages_per_s; id++)
		done(id);
	done(0);
	assert_int_equal(kills, 0);
	done(1);
	assert_int_equal(kills, 1);
	/* The next process owes nothing. */
	end(true, SIGKILL);
	turns();
	pass_ms(CHILD_BACKOFF_MAX_MS);
	assert_true(c.owed == 0 && c.state == CHILD_STARTING);
}

/* What is sent to who asks is an answer: nothing is owed for it. */
static void
who_asks_owes_nothing(void **state)
{
	struct message m;

	(void)state;
	kind.asks = true;
	start();
	message_init(&m, MESSAGE_DONE, 7);
	message_set_number(&m, FIELD_CODE, EXIT_OK);
	child_send(&c, &m);
	assert_true(c.owed == 0);
}

static void
each_broken_rule_has_its_word(void **state)
{
	(void)state;
	start();
	say(MESSAGE_READY);
	assert_string_equal(broken, "ready_twice ");
	end(true, SIGKILL);
	turns();
	pass_ms(CHILD_BACKOFF_MAX_MS);
	hear_well = false;
	broken[0] = '\0';
	say(MESSAGE_PING);
	assert_string_equal(broken, "not_due ");
	/* One that is killed already breaks no more. */
	child_punish(&c, "asks", "the test says so");
	assert_string_equal(broken, "not_due ");
	end(true, SIGKILL);
	turns();
	pass_ms(CHILD_BACKOFF_MAX_MS);
	broken[0] = '\0';
	assert_int_equal(send(their_end, "?", 1, 0), 1);
	turns();
	assert_string_equal(broken, "unreadable ");
	assert_int_equal(kills, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(it_starts_is_ready_and_ends_as_told),
		T(one_that_ran_well_is_back_at_once),
		T(once_is_not_started_again_and_its_failures_are_its_owners),
		T(a_start_may_be_given_a_limit_of_its_own),
		T(one_that_fails_waits_longer_each_time),
		T(a_start_that_fails_is_tried_again),
		T(each_state_has_its_limit),
		T(one_that_closes_its_channel_must_end),
		T(one_that_breaks_the_protocol_is_killed),
		T(a_failure_that_cannot_heal_ends_harkd),
		T(one_that_may_heal_is_tried_again_but_not_at_the_first_start),
		T(a_code_that_is_none_is_a_mistake_of_ours),
		T(one_that_drains_is_told_to_end_once_it_is_ready),
		T(others_are_told_at_once_and_may_still_say_ready),
		T(one_that_waits_for_its_start_is_stopped_without_one),
		T(one_that_does_not_read_is_killed),
		T(one_that_asks_is_not_heard_while_answers_wait),
		T(last_words_are_heard_before_the_end),
		T(so_much_may_be_said_in_a_second),
		T(answers_that_are_owed_are_none_of_it),
		T(who_asks_owes_nothing),
		T(each_broken_rule_has_its_word),
#undef T
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
