/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How long a database may be away, in the test's own time: nobody waits, the clock goes on by what
 * was waited for.  The projection is a stand-in that is reached, or not, as the test says.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hark-projector/serve.h"
#include "proto/message.h"
#include "role/role.h"
#include "unit.h"

#define SECOND UINT64_C(1000000000)

struct project {
	int unused;
};

static struct project project;
static uint64_t now_ns;
static int harkd = -1;       /* its end */
static uint64_t away_from_s; /* the database is away within these seconds */
static uint64_t away_to_s;
static bool connected;
static unsigned int tries;
static uint64_t stop_s; /* when harkd says STOP */

int __real_epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms);

int
__wrap_epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms)
{
	int ready = __real_epoll_wait(fd, events, most, 0);
	struct message m;

	if (ready != 0)
		return ready;
	now_ns += timeout_ms < 0 ? SECOND : (uint64_t)timeout_ms * 1000000;
	if (now_ns >= stop_s * SECOND) {
		message_init(&m, MESSAGE_STOP, 0);
		assert_int_equal(message_send(harkd, &m), ERR_OK);
	}
	return 0;
}

static uint64_t
clock_of_test(void)
{
	return now_ns;
}

/* ---- the projection ------------------------------------------------------------------------ */

static bool
is_away(void)
{
	return now_ns >= away_from_s * SECOND && now_ns < away_to_s * SECOND;
}

void
project_say(struct project_failure *why, const char *format, ...)
{
	(void)format;
	why->text[0] = '\0';
}

enum err
project_connect(struct project *p, uint64_t now, struct project_failure *why)
{
	(void)p;
	(void)now;
	tries++;
	connected = !is_away();
	(void)memcpy(why->text, "it is gone", 11);
	return connected ? ERR_OK : ERR_AGAIN;
}

bool
project_is_connected(const struct project *p)
{
	(void)p;
	return connected;
}

uint64_t
project_cursor(const struct project *p)
{
	(void)p;
	return 0;
}

uint64_t
project_dead_letters(const struct project *p)
{
	(void)p;
	return 0;
}

enum err
project_take_effects(struct project *p, struct bytes data)
{
	(void)p;
	(void)data;
	return ERR_OK;
}

enum err
project_take_batch(struct project *p, uint64_t first, uint64_t next, uint64_t count, uint64_t now)
{
	(void)p;
	(void)first;
	(void)next;
	(void)count;
	(void)now;
	return ERR_OK;
}

bool
project_holds_effects(const struct project *p)
{
	(void)p;
	return true;
}

/* A batch each second. */
uint64_t
project_due_ns(const struct project *p)
{
	(void)p;
	return (now_ns / SECOND + 1) * SECOND - (is_away() ? SECOND : 0);
}

enum err
project_commit(struct project *p, uint64_t now, struct project_failure *why)
{
	(void)p;
	(void)now;
	(void)memcpy(why->text, "it went away", 13);
	connected = !is_away();
	return connected ? ERR_OK : ERR_AGAIN;
}

uint64_t
project_turn(struct project *p, uint64_t now)
{
	(void)p;
	(void)now;
	return UINT64_MAX;
}

void
project_end(struct project *p)
{
	(void)p;
}

/* ---- tests --------------------------------------------------------------------------------- */

/* The last that harkd hears: its kind, and the text. */
static enum message_type
last_word(char *text, size_t capacity)
{
	static uint8_t bytes[IPC_BYTES_MAX];
	enum message_type type = MESSAGE_NONE;
	struct message m;

	while (message_receive(harkd, bytes, sizeof(bytes), &m) == ERR_OK) {
		struct bytes words = message_bytes(&m, FIELD_TEXT);

		type = m.type;
		assert_true(words.size < capacity);
		if (words.size > 0)
			memcpy(text, words.data, words.size);
		text[words.size] = '\0';
		message_close(&m);
	}
	return type;
}

static void
who_was_looked_up_is_looked_up_again(void **state)
{
	static const struct {
		const char *rule;
		uint64_t lookup_s;
		uint64_t away_from_s, away_to_s;
		enum exit_code code;
		uint64_t end_s; /* about */
	} rows[] = {
		{ "away from the start", SERVE_LOOKUP_S, 0, 1000, EXIT_TEMPORARY, 60 },
		{ "not found", SERVE_UNFOUND_S, 0, 1000, EXIT_TEMPORARY, 10 },
		{ "away later", SERVE_LOOKUP_S, 100, 1000, EXIT_TEMPORARY, 160 },
		{ "back before its time", SERVE_LOOKUP_S, 100, 150, EXIT_OK, 600 },
		{ "not by a name", 0, 0, 1000, EXIT_OK, 600 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		static struct serve serve;
		struct loop *loop = NULL;
		char text[2048] = "";
		int ours[2], observer[2];
		enum message_type type;
		enum exit_code code;

		now_ns = 0;
		connected = false;
		tries = 0;
		stop_s = 600;
		away_from_s = rows[i].away_from_s;
		away_to_s = rows[i].away_to_s;
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ours), 0);
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, observer),
				 0);
		harkd = dup(ours[0]);
		assert_true(harkd > ROLE_SUPERVISOR_FD);
		assert_int_equal(dup2(ours[1], ROLE_SUPERVISOR_FD), ROLE_SUPERVISOR_FD);
		assert_int_equal(loop_create(clock_of_test, &loop), ERR_OK);
		serve = (struct serve){ .lookup_s = rows[i].lookup_s };
		assert_int_equal(
			serve_init(&serve, loop, &project, ROLE_SUPERVISOR_FD, observer[0]),
			ERR_OK);
		code = serve_run(&serve);
		type = last_word(text, sizeof(text));
		if (code != rows[i].code || now_ns / SECOND < rows[i].end_s ||
		    now_ns / SECOND > rows[i].end_s + 6)
			fail_msg("%s: %d after %llu s", rows[i].rule, (int)code,
				 (unsigned long long)(now_ns / SECOND));
		if (code == EXIT_TEMPORARY) {
			assert_int_equal(type, MESSAGE_FAILED);
			assert_non_null(strstr(text, "looked up anew: it is gone"));
			assert_true(tries > 7);
		}
		serve_finish(&serve);
		loop_destroy(loop);
		(void)close(observer[0]);
		(void)close(observer[1]);
		(void)close(harkd);
		(void)close(ROLE_SUPERVISOR_FD);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_was_looked_up_is_looked_up_again),
	};

	return cmocka_run_group_tests_name("hark-projector/serve", tests, NULL, NULL);
}
