/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server's side of a whole session, from its welcome to the COMMIT of a batch, as bytes: as they
 * should be, cut at each place, with each byte changed.  libpq reads them from a real socket, in
 * which each answer waits as soon as its question was sent, so that nobody waits for anything.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/wait.h"
#include "world.h"

/* ---- what a server says -------------------------------------------------------------------- */

static uint8_t said[16384];
static size_t said_size;
/* Where each answer ends. */
static size_t turns[64];
static size_t turn_count;
/* Where each message begins. */
static size_t starts[256];
static size_t start_count;

static void
put(const void *data, size_t size)
{
	assert_true(size <= sizeof(said) - said_size);
	memcpy(said + said_size, data, size);
	said_size += size;
}

static void
put_number(uint64_t v, size_t size)
{
	while (size > 0)
		put(&(uint8_t){ (uint8_t)(v >> 8 * --size) }, 1);
}

/* A message's place, for put_end. */
static size_t
put_begin(char kind)
{
	assert_true(start_count < COUNT_OF(starts));
	starts[start_count++] = said_size;
	put(&kind, 1);
	put_number(0, 4);
	return said_size - 4;
}

static void
put_end(size_t place)
{
	size_t end = said_size;

	said_size = place;
	put_number((uint32_t)(end - place), 4);
	said_size = end;
}

static void
message(char kind, const void *data, size_t size)
{
	size_t place = put_begin(kind);

	put(data, size);
	put_end(place);
}

static void
done(const char *tag)
{
	message('C', tag, strlen(tag) + 1);
}

static void
end_turn(void)
{
	assert_true(turn_count < COUNT_OF(turns));
	turns[turn_count++] = said_size;
}

static void
ready(void)
{
	message('Z', "I", 1);
	end_turn();
}

/* Rows of texts, all in one list; of a statement with values it is behind two words more. */
static void
answer(bool has_values, size_t columns, const char *const *texts, size_t rows)
{
	size_t place;
	size_t i, row;

	if (has_values) {
		message('1', "", 0);
		message('2', "", 0);
	}
	place = put_begin('T');
	put_number((uint32_t)columns, 2);
	for (i = 0; i < columns; i++) {
		put("c", 2);
		put_number(0, 6);
		put_number(25, 4);
		put_number(0xffff, 2);
		put_number(UINT32_MAX, 4);
		put_number(0, 2);
	}
	put_end(place);
	for (row = 0; row < rows; row++) {
		place = put_begin('D');
		put_number((uint32_t)columns, 2);
		for (i = 0; i < columns; i++) {
			const char *text = texts[row * columns + i];

			put_number((uint32_t)strlen(text), 4);
			put(text, strlen(text));
		}
		put_end(place);
	}
	done("SELECT");
}

static void
changes(const char *tag)
{
	message('1', "", 0);
	message('2', "", 0);
	message('n', "", 0);
	done(tag);
	ready();
}

#define ANSWER(columns, rows, ...)                                                 \
	do {                                                                       \
		answer(true, columns, (const char *const[]){ __VA_ARGS__ }, rows); \
		ready();                                                           \
	} while (0)

static void
say_connecting(void)
{
	message('R', "\0\0\0\0", 4);
	message('S', "server_version\00015.0", 20);
	message('K', "\0\0\0\1\0\0\0\2", 8);
	ready();
	done("SET");
	answer(false, 1, NULL, 0);
	ready();
	done("BEGIN");
	ready();
	answer(false, 1, (const char *const[]){ "" }, 1); /* the lock */
	ready();
	ANSWER(3, 1, "x", "0", "0"); /* Hark's tables are there */
	ANSWER(3, 1, "x", "0", "0");
	ANSWER(3, 1, "x", "0", "0");
	ANSWER(3, 1, "h/evidence", "7", "2"); /* the cursor */
	ANSWER(3, 2, "n", "0", "0", "word", "1", "1");
	message('G', "\0\0\0", 3);
	end_turn();
	done("COPY 0");
	ready();
	ANSWER(5, 2, "t_a", "{\"b\":\"c\"}", "counter", "1.5", "", "t_h", "{}", "histogram", "3",
	       "{\"buckets\":[[\"1\",\"2\"]],\"count\":\"2\"}");
	ANSWER(2, 1, "0", "0"); /* receipts */
	done("COMMIT");
	ready();
}

static void
say_committing(void)
{
	done("BEGIN");
	done("UPDATE 1");
	ready();
	done("SAVEPOINT");
	done("INSERT 0 1");
	done("INSERT 0 1");
	ready();
	/* A series waits for the receipts' UPDATE, a dead letter for that of their number. */
	done("INSERT 0 1");
	ready();
	changes("UPDATE 1");
	done("INSERT 0 1");
	ready();
	changes("UPDATE 1");
	done("COMMIT");
	ready();
}

/* ---- a session ----------------------------------------------------------------------------- */

static int listening = -1;
static int server = -1;
static const uint8_t *stream;
static size_t stream_size;
static size_t stream_at;
static size_t next_turn;
static unsigned int connections;

PGconn *__real_PQconnectStartParams(const char *const *names, const char *const *values,
				    int expand);
PGconn *__wrap_PQconnectStartParams(const char *const *names, const char *const *values,
				    int expand);

int __real_PQsendQuery(PGconn *connection, const char *text);
int __wrap_PQsendQuery(PGconn *connection, const char *text);
int __real_PQsendQueryParams(PGconn *connection, const char *text, int count, const Oid *types,
			     const char *const *values, const int *sizes, const int *formats,
			     int format);
int __wrap_PQsendQueryParams(PGconn *connection, const char *text, int count, const Oid *types,
			     const char *const *values, const int *sizes, const int *formats,
			     int format);
enum err __real_wait_ready(struct wait_item *items, size_t count, uint64_t deadline_ns);
enum err __wrap_wait_ready(struct wait_item *items, size_t count, uint64_t deadline_ns);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __real_PQputCopyEnd(PGconn *connection, const char *error);
int __wrap_PQputCopyEnd(PGconn *connection, const char *error);

/* The next answer, as far as there is one: behind the last one there is nobody. */
static void
say_turn(void)
{
	size_t end = next_turn < turn_count ? turns[next_turn++] : stream_size;

	if (end > stream_size)
		end = stream_size;
	if (end > stream_at)
		(void)!send(server, stream + stream_at, end - stream_at, MSG_NOSIGNAL);
	stream_at = end;
	if (end == stream_size)
		(void)shutdown(server, SHUT_WR);
}

/* Nothing here is about disks, and thousands of lives would wait for one. */
int
__wrap_fdatasync(int fd)
{
	(void)fd;
	return 0;
}

int
__wrap_fsync(int fd)
{
	(void)fd;
	return 0;
}

/* Whoever waits for more than was said waits for nothing: the server hangs up. */
enum err
__wrap_wait_ready(struct wait_item *items, size_t count, uint64_t deadline_ns)
{
	enum err e = __real_wait_ready(items, count, 0);

	(void)deadline_ns;
	if (e == ERR_OK && !items[0].ready_read && !items[0].ready_write)
		(void)shutdown(server, SHUT_WR);
	return e;
}

int
__wrap_PQsendQuery(PGconn *connection, const char *text)
{
	say_turn();
	return __real_PQsendQuery(connection, text);
}

int
__wrap_PQsendQueryParams(PGconn *connection, const char *text, int count, const Oid *types,
			 const char *const *values, const int *sizes, const int *formats,
			 int format)
{
	say_turn();
	return __real_PQsendQueryParams(connection, text, count, types, values, sizes, formats,
					format);
}

int
__wrap_PQputCopyEnd(PGconn *connection, const char *error)
{
	say_turn();
	return __real_PQputCopyEnd(connection, error);
}

/* A second connection finds a server that hangs up. */
PGconn *
__wrap_PQconnectStartParams(const char *const *names, const char *const *values, int expand)
{
	PGconn *made = __real_PQconnectStartParams(names, values, expand);

	if (server >= 0)
		(void)close(server);
	server = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	if (connections++ > 0)
		stream_at = stream_size;
	say_turn();
	return made;
}

static struct world w;

static void
begin_world(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char projection[256];

	world_init(&w, WORLD_ALL);
	(void)snprintf(projection, sizeof(projection), "postgresql://u@/d?host=%s", w.folder);
	free(w.config.projection);
	w.config.projection = strdup(projection);
	w.config.database = &database_postgresql;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", w.folder);
	listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listening >= 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listening, 4), 0);
}

static void
end_world(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/.s.PGSQL.5432", w.folder);
	assert_int_equal(unlink(path), 0);
	(void)close(listening);
	(void)close(server);
	server = -1;
	world_finish(&w);
}

/* What becomes of a batch: the first failure. */
static enum err
live(const uint8_t *bytes, size_t size)
{
	static const struct {
		unsigned int token;
		const char *bytes;
	} effects[] = { { 0, "{\"n\":1}" },
			{ 0, "{\"n\":2,\"word\":\"x\"}" },
			{ 0, "no row" },
			{ 1, "{\"name\":\"a\",\"type\":\"counter\",\"value\":1,\"b\":\"c\"}" },
			{ 2, "{}" },
			{ 3, "line" } };
	enum err e;
	size_t i;

	stream = bytes;
	stream_size = size;
	stream_at = 0;
	next_turn = 0;
	connections = 0;
	w.why.text[0] = '\0';
	world_begin(&w);
	e = project_connect(w.project, 0, &w.why);
	for (i = 0; e == ERR_OK && i < COUNT_OF(effects); i++)
		assert_int_equal(world_effect(&w, effects[i].token, effects[i].bytes), ERR_OK);
	/* A changed byte may have made it the last leaf that there can be. */
	if (e == ERR_OK && project_cursor(w.project) < INT64_MAX) {
		assert_int_equal(world_batch(&w, 1, COUNT_OF(effects)), ERR_OK);
		e = project_commit(w.project, 0, &w.why);
	}
	world_die(&w);
	(void)unlink(w.receipts);
	(void)unlink(w.metrics);
	return e;
}

static bool
is_shown(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

static int
begin_all(void **state)
{
	(void)state;
	begin_world();
	said_size = 0;
	turn_count = 0;
	start_count = 0;
	say_connecting();
	say_committing();
	return 0;
}

static int
end_all(void **state)
{
	(void)state;
	end_world();
	return 0;
}

static void
as_it_should_be_it_is_committed(void **state)
{
	enum err e = live(said, said_size);

	(void)state;
	if (e != ERR_OK)
		fail_msg("%d: %s", (int)e, w.why.text);
	assert_string_equal(w.said, "observer o says: line\n");
}

/* All but the very last: the word that it was committed is lost with anything before. */
static void
cut_anywhere_it_is_away(void **state)
{
	size_t size;

	(void)state;
	for (size = 0; size < said_size; size++) {
		enum err e = live(said, size);

		if (e != ERR_AGAIN || w.why.text[0] == '\0' || !is_shown(w.why.text))
			fail_msg("%zu: %d %s", size, (int)e, w.why.text);
	}
}

/* It may say anything, also what is to be believed; it is never the end of the process. */
static void
expect_words(const char *what, size_t at, const uint8_t *bytes, size_t size)
{
	enum err e = live(bytes, size);

	if ((e != ERR_OK && e != ERR_AGAIN && e != ERR_REFUSED && e != ERR_EXISTS) ||
	    (e != ERR_OK && w.why.text[0] == '\0') || !is_shown(w.why.text))
		fail_msg("%s, byte %zu: %d %s", what, at, (int)e, w.why.text);
}

/* Answers end so many bytes later, from that place on. */
static void
move_turns(size_t from, size_t bytes)
{
	size_t i;

	for (i = 0; i < turn_count; i++)
		turns[i] += turns[i] > from ? bytes : 0;
}

static void
with_any_message_of_another_kind_it_ends_in_words(void **state)
{
	/* Not "t", of which libpq keeps a few bytes for ever. */
	static const char kinds[] = "12ACDEGHIKNRSTWZcdnsv";
	const char *kind;
	size_t i;

	(void)state;
	for (i = 0; i < start_count; i++) {
		uint8_t *place = said + starts[i];
		uint8_t was = *place;

		for (kind = kinds; *kind != '\0'; kind++) {
			*place = (uint8_t)*kind;
			expect_words("another kind", starts[i], said, said_size);
		}
		*place = was;
	}
}

static void
without_any_message_or_with_two_it_ends_in_words(void **state)
{
	static uint8_t changed[2 * sizeof(said)];
	size_t i;

	(void)state;
	for (i = 0; i < start_count; i++) {
		size_t from = starts[i];
		size_t to = i + 1 < start_count ? starts[i + 1] : said_size;
		size_t size = to - from;

		memcpy(changed, said, from);
		memcpy(changed + from, said + to, said_size - to);
		move_turns(from, 0 - size);
		expect_words("left out", from, changed, said_size - size);
		move_turns(from, size);
		memcpy(changed, said, to);
		memcpy(changed + to, said + from, said_size - from);
		move_turns(from, size);
		expect_words("twice", from, changed, said_size + size);
		move_turns(from, 0 - size);
	}
}

static void
with_any_byte_changed_it_ends_in_words(void **state)
{
	static const uint8_t changes_to[] = { 0x01, 0x20, 0x80, 0xff };
	size_t at, i;

	(void)state;
	for (at = 0; at < said_size; at++) {
		for (i = 0; i < COUNT_OF(changes_to); i++) {
			said[at] ^= changes_to[i];
			expect_words("changed", at, said, said_size);
			said[at] ^= changes_to[i];
		}
	}
}

int
main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin_all, end_all)
	static const struct CMUnitTest tests[] = {
		ROW(as_it_should_be_it_is_committed),
		ROW(cut_anywhere_it_is_away),
		ROW(with_any_byte_changed_it_ends_in_words),
		ROW(with_any_message_of_another_kind_it_ends_in_words),
		ROW(without_any_message_or_with_two_it_ends_in_words),
	};

	return cmocka_run_group_tests_name("project/postgresql_answer", tests, NULL, NULL);
}
