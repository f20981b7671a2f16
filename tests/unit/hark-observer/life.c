/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The whole process, from harkd's setup to its end, while every allocation and system call of it
 * fails once at each N.  It is a child; the test is its harkd, projector and notary.  Whatever
 * fails: it ends by itself with a code, harkd hears why, no batch is cut or told twice, and what
 * given.traps is passed over only when that is on record.  The engine is the fake one.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "given.h"
#include "hark-observer/daemon.h"
#include "os/file.h"
#include "os/packet.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/staged.h"
#include "unit.h"

/* Nothing here takes so long, but for what hangs. */
#define LIMIT_MS 60000

static bool *has_failed; /* shared with the child */

static int
set_up(void **state)
{
	has_failed = mmap(NULL, sizeof(*has_failed), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return has_failed != MAP_FAILED ? given_set_up(state) : -1;
}

static int
tear_down(void **state)
{
	(void)munmap(has_failed, sizeof(*has_failed));
	return given_tear_down(state);
}

/* ---- the child ----------------------------------------------------------------------------- */

/* As main() has it, behind role_begin and role_setup. */
static int
child_lives(int channel)
{
	static struct daemon d;
	struct pollfd item = { .fd = ROLE_SUPERVISOR_FD, .events = POLLIN };
	struct message setup;
	int code;

	(void)!freopen("/dev/null", "w", stderr);
	if (dup2(channel, ROLE_SUPERVISOR_FD) < 0 || poll(&item, 1, LIMIT_MS) != 1 ||
	    message_receive(ROLE_SUPERVISOR_FD, d.bytes, sizeof(d.bytes), &setup) != ERR_OK)
		return 99;
	calls.has_failed_out = has_failed;
	calls.armed = true;
	code = daemon_live(&d, &setup);
	calls.armed = false;
	return code;
}

/* ---- its harkd, projector and notary ------------------------------------------------------- */

static struct {
	int harkd, projector, trap; /* our ends; -1: not there */
	pid_t pid;
	bool had_digest, was_ready, had_pong, is_told_to_stop;
	int said_code; /* of FAILED; 0: nothing */
	uint64_t cursor;
	uint64_t effects; /* of the batch under way */
	uint64_t next_effect;
	bool is_reported;
} w;

static void
say(int fd, struct message *m)
{
	/* It may have ended meanwhile. */
	(void)!message_send(fd, m);
}

static void
start_child(void)
{
	struct message m;
	int pair[2];

	memset(&w, 0, sizeof(w));
	w.projector = w.trap = -1;
	*has_failed = false;
	assert_int_equal(packet_pair(pair), ERR_OK);
	w.harkd = pair[0];
	w.pid = fork();
	assert_true(w.pid >= 0);
	if (w.pid == 0)
		_exit(child_lives(pair[1]));
	(void)close(pair[1]);
	assert_int_equal(lseek(given.module_fd, 0, SEEK_SET), 0);
	message_init(&m, MESSAGE_OBSERVER_SETUP, 0);
	message_set_text(&m, FIELD_OBSERVER, "o");
	message_set_text(&m, FIELD_ORIGIN, "h/evidence");
	message_set_bytes(&m, FIELD_OPTIONS, given.options.data, given.options.size);
	message_set_number(&m, FIELD_CONFINE, 0);
	m.fds[0] = given.module_fd;
	m.fds[1] = given.dirfd;
	m.fds[2] = given.page_fd;
	m.fd_count = 3;
	say(w.harkd, &m);
}

static void
say_go(void)
{
	struct message m;
	int projector[2], trap[2];

	assert_int_equal(packet_pair(projector), ERR_OK);
	assert_int_equal(packet_pair_one_way(trap), ERR_OK);
	w.projector = projector[0];
	w.trap = trap[0];
	message_init(&m, MESSAGE_OBSERVER_GO, 0);
	m.fds[0] = projector[1];
	m.fds[1] = trap[1];
	m.fd_count = 2;
	say(w.harkd, &m);
	(void)close(projector[1]);
	(void)close(trap[1]);
}

/* False: it has ended. */
static bool
harkd_hears(void)
{
	static uint8_t bytes[IPC_BYTES_MAX];
	struct message m, answer;
	enum err e = message_receive(w.harkd, bytes, sizeof(bytes), &m);

	if (e == ERR_AGAIN)
		return true;
	if (e != ERR_OK)
		return false;
	if (m.type == MESSAGE_OBSERVER_DIGEST) {
		w.had_digest = true;
		say_go();
	} else if (m.type == MESSAGE_READY) {
		w.was_ready = true;
		message_init(&answer, MESSAGE_PING, 77);
		say(w.harkd, &answer);
		message_init(&answer, MESSAGE_CURSOR, 0);
		message_set_number(&answer, FIELD_INDEX, 0);
		say(w.projector, &answer);
	} else if (m.type == MESSAGE_DONE) {
		w.had_pong = m.id == 77;
	} else if (m.type == MESSAGE_FAILED) {
		w.said_code = (int)message_number(&m, FIELD_CODE, 0);
		assert_true(message_bytes(&m, FIELD_TEXT).size > 10);
	} else if (m.type != MESSAGE_OBSERVER_STATE) {
		fail_msg("%s: it says %s", call_names[calls.failing], message_name(m.type));
	}
	return true;
}

static void
take_effects(struct bytes data)
{
	struct staged_piece piece;
	size_t at = 0;

	while (at < data.size) {
		uint64_t index;

		assert_int_equal(staged_read(data, &at, &piece), ERR_OK);
		assert_true(piece.bytes.size == sizeof(index) && !piece.goes_on);
		memcpy(&index, piece.bytes.data, sizeof(index));
		assert_int_equal(index, w.next_effect);
		w.next_effect++;
		w.effects++;
	}
}

static void
stop_at_the_end(void)
{
	struct message m;

	if (given.traps || w.cursor < GIVEN_LEAVES || !w.had_pong || w.is_told_to_stop)
		return;
	w.is_told_to_stop = true;
	message_init(&m, MESSAGE_STOP, 0);
	say(w.harkd, &m);
}

static void
projector_hears(void)
{
	static uint8_t bytes[IPC_BYTES_MAX];
	struct message m;
	enum err e = message_receive(w.projector, bytes, sizeof(bytes), &m);

	if (e == ERR_AGAIN)
		return;
	if (e != ERR_OK) {
		file_close(&w.projector);
		return;
	}
	if (m.type == MESSAGE_EFFECTS) {
		take_effects(message_bytes(&m, FIELD_EFFECTS));
		return;
	}
	assert_int_equal(m.type, MESSAGE_BATCH);
	assert_true(message_number(&m, FIELD_INDEX, 99) == w.cursor);
	assert_true(message_number(&m, FIELD_COUNT, 99) == w.effects);
	w.cursor = message_number(&m, FIELD_SIZE, 0);
	/* The one that given.traps is passed over when it is on record, not before. */
	assert_true(!given.traps || w.cursor <= GIVEN_TRAP_AT || w.is_reported);
	if (given.traps && w.cursor > GIVEN_TRAP_AT && w.next_effect == GIVEN_TRAP_AT)
		w.next_effect++;
	assert_true(w.next_effect == w.cursor);
	w.effects = 0;
	message_init(&m, MESSAGE_COMMITTED, 0);
	message_set_number(&m, FIELD_INDEX, w.cursor);
	say(w.projector, &m);
}

static void
notary_hears(void)
{
	struct trap_report report;
	struct message m;
	uint8_t data[128];
	ssize_t size = recv(w.trap, data, sizeof(data), 0);

	if (size <= 0) {
		file_close(&w.trap);
		return;
	}
	assert_int_equal(trap_report_read(data, (size_t)size, &report), ERR_OK);
	assert_true(given.traps && !w.is_reported && report.has_event &&
		    report.event == GIVEN_TRAP_AT && report.trap_class == HARK_OBSERVER_TRAP_PANIC);
	w.is_reported = true;
	message_init(&m, MESSAGE_OBSERVER_RECORDED, 0);
	message_set_number(&m, FIELD_SIZE, report.next);
	say(w.harkd, &m);
}

/* Until it has ended: gives its code. */
static int
live(void)
{
	bool is_there = true;
	int status = 0;

	start_child();
	while (is_there) {
		struct pollfd items[] = { { .fd = w.harkd, .events = POLLIN },
					  { .fd = w.projector, .events = POLLIN },
					  { .fd = w.trap, .events = POLLIN } };

		if (poll(items, COUNT_OF(items), LIMIT_MS) <= 0) {
			(void)kill(w.pid, SIGKILL);
			fail_msg("%s at %zu: it neither goes on nor ends",
				 call_names[calls.failing], calls.fails_at);
		}
		/* What it said before its end comes first. */
		if ((items[1].revents & (POLLIN | POLLHUP)) != 0)
			projector_hears();
		else if ((items[2].revents & (POLLIN | POLLHUP)) != 0)
			notary_hears();
		else if (items[0].revents != 0)
			is_there = harkd_hears();
		stop_at_the_end();
	}
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	file_close(&w.harkd);
	file_close(&w.projector);
	file_close(&w.trap);
	if (!WIFEXITED(status))
		fail_msg("%s at %zu: it ended by signal %d", call_names[calls.failing],
			 calls.fails_at, WTERMSIG(status));
	return WEXITSTATUS(status);
}

static bool
is_whole(void)
{
	return w.had_digest && w.was_ready && w.had_pong && w.effects == 0 &&
	       w.is_reported == given.traps &&
	       w.cursor == (given.traps ? GIVEN_TRAP_AT + 1 : GIVEN_LEAVES);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void
fail_each(void)
{
	size_t n;

	for (calls.failing = 0; calls.failing < CALL_COUNT; calls.failing++) {
		for (n = 0; n < 1000; n++) {
			int code;

			calls.fails_at = n;
			code = live();
			if (!*has_failed)
				break;
			if (code == EXIT_OK ? !is_whole()
					    : code != w.said_code && calls.failing != CALL_sendmsg)
				fail_msg("%s at %zu: ended with %d, said %d, at leaf %llu",
					 call_names[calls.failing], n, code, w.said_code,
					 (unsigned long long)w.cursor);
		}
		/* The story has each of them, and comes to its end. */
		if (n == 0 || n == 1000 || !is_whole())
			fail_msg("%s was called %zu times, at leaf %llu", call_names[calls.failing],
				 n, (unsigned long long)w.cursor);
	}
}

static void
each_call_fails_once_before_a_stop(void **state)
{
	(void)state;
	given.traps = false;
	fail_each();
}

static void
each_call_fails_once_around_a_trap(void **state)
{
	(void)state;
	given.traps = true;
	fail_each();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_fails_once_before_a_stop),
		cmocka_unit_test(each_call_fails_once_around_a_trap),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("hark-observer/life", tests, set_up, tear_down);
}
