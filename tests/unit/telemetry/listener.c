/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The listener: what may stand in its place, whose the socket is, who may connect. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "cell.h"
#include "telemetry/listener.h"

#define NOBODY     65534u
#define NAME_LIMIT 82u /* of the file's name, with _9001 */

CELL_STAND_IN_DECODER

static void
wrong_arguments_are_refused(void **state)
{
	static const struct {
		const char *rule, *base;
		struct hark_listener_options options;
	} rows[] = {
		{ "no base", NULL, { .mode = 0600 } },
		{ "empty base", "", { .mode = 0600 } },
		{ "a directory's name", "/tmp/", { .mode = 0600 } },
		{ "the root", "/", { .mode = 0600 } },
		{ "set-uid bit", "/tmp/x", { .mode = 04600 } },
		{ "no mode at all", "/tmp/x", { .mode = 0100600 } },
		{ "nine connections", "/tmp/x", { .mode = 0600, .connections_max = 9 } },
	};
	struct hark_listener *l = NULL;
	struct hark_stream *s = NULL;
	struct hark_rejection why;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		if (hark_listener_bind_for_cell(rows[i].base, &rows[i].options, &l, NULL) !=
			    HARK_TELEMETRY_ARGUMENT ||
		    l != NULL)
			fail_msg("%s", rows[i].rule);
	}
	assert_int_equal(hark_listener_bind_for_cell("/tmp/x", NULL, NULL, NULL),
			 HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_listener_accept(NULL, &s, &why), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_listener_fd(NULL), -1);
	hark_listener_close(NULL);
}

static void
socket_is_there_and_goes(void **state)
{
	struct cell c;
	struct hark_listener *l;
	struct hark_stream *s = NULL;
	struct hark_rejection why;
	int guest;

	(void)state;
	cell_open(&c);
	l = cell_listen(&c);
	assert_true((fcntl(hark_listener_fd(l), F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(hark_listener_fd(l), F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(hark_listener_accept(l, &s, &why), HARK_TELEMETRY_AGAIN);
	guest = cell_pair(l, c.socket, &s);
	assert_true((fcntl(hark_stream_fd(s), F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(hark_stream_fd(s), F_GETFD) & FD_CLOEXEC) != 0);
	hark_stream_close(s);
	(void)close(guest);
	hark_listener_close(l);
	assert_int_equal(cell_inode(c.socket), 0);
	cell_close(&c);
}

/* A socket that another has bound: used as any other, and left where it is at the end. */
static void
a_bound_socket_is_adopted(void **state)
{
	static const struct hark_listener_options options = { .connections_max = 2 };
	struct hark_listener *l = NULL;
	struct listener_place place;
	struct hark_stream *streams[2] = { NULL, NULL };
	struct hark_stream *third = NULL;
	struct hark_rejection why;
	struct cell c;
	int guests[3];
	int kept;
	int fd;
	size_t i;

	(void)state;
	cell_open(&c);
	kept = cell_bind_other(c.socket, SOCK_STREAM, 16);
	fd = dup(kept);
	/* It must not hold up who accepts. */
	assert_int_equal(listener_adopt(&place, &fd, &options, &l), HARK_TELEMETRY_ARGUMENT);
	assert_true(fd >= 0 && l == NULL);
	assert_int_equal(fcntl(kept, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(listener_adopt(&place, &fd, &options, &l), HARK_TELEMETRY_OK);
	assert_int_equal(fd, -1);
	assert_int_equal(hark_listener_accept(l, &third, &why), HARK_TELEMETRY_AGAIN);
	for (i = 0; i < 2; i++)
		guests[i] = cell_pair(l, c.socket, &streams[i]);
	guests[2] = cell_connect(c.socket);
	assert_int_equal(hark_listener_accept(l, &third, &why), HARK_TELEMETRY_REFUSED);
	assert_int_equal(why.reason, HARK_REJECT_TOO_MANY_CONNECTIONS);
	for (i = 0; i < 2; i++)
		hark_stream_close(streams[i]);
	for (i = 0; i < 3; i++)
		(void)close(guests[i]);
	hark_listener_close(l);
	assert_true(cell_inode(c.socket) != 0);
	assert_true(close(cell_connect(c.socket)) == 0); /* who has bound it listens still */
	(void)close(kept);
	(void)unlink(c.socket);
	cell_close(&c);
}

static void
what_does_not_listen_is_not_adopted(void **state)
{
	static const struct hark_listener_options options = { .connections_max = 0 };
	struct hark_listener *l = NULL;
	struct listener_place place;
	struct cell c;
	int fds[5];
	int pair[2];
	size_t i;

	(void)state;
	cell_open(&c);
	assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
	fds[0] = pair[0];
	fds[1] = pair[1];
	fds[2] = cell_socket(SOCK_STREAM | SOCK_NONBLOCK);
	fds[3] = cell_bind_other(c.socket, SOCK_SEQPACKET | SOCK_NONBLOCK, 4);
	fds[4] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	for (i = 0; i < 5; i++) {
		int fd = fds[i];

		assert_int_equal(listener_adopt(&place, &fd, &options, &l),
				 HARK_TELEMETRY_ARGUMENT);
		assert_true(fd == fds[i] && l == NULL);
		(void)close(fd);
	}
	(void)unlink(c.socket);
	cell_close(&c);
}

static void
mode_and_owner_are_as_asked(void **state)
{
	static const mode_t masks[] = { 000, 022, 077, 0777 };
	static const mode_t modes[] = { 0600, 0660, 0666, 0777, 0000 };
	struct cell c;
	size_t i;

	(void)state;
	cell_open(&c);
	for (i = 0; i < COUNT_OF(masks) * COUNT_OF(modes); i++) {
		struct hark_listener_options o = { .mode = modes[i % COUNT_OF(modes)],
						   .set_owner = true,
						   .owner = geteuid() == 0 ? 1234 : geteuid(),
						   .group = geteuid() == 0 ? 4321 : getegid() };
		struct hark_listener *l = NULL;
		mode_t before = umask(masks[i / COUNT_OF(modes)]);
		struct stat st;

		assert_int_equal(hark_listener_bind_for_cell(c.base, &o, &l, NULL),
				 HARK_TELEMETRY_OK);
		assert_int_equal(umask(before), masks[i / COUNT_OF(modes)]);
		assert_int_equal(lstat(c.socket, &st), 0);
		assert_int_equal(st.st_mode, S_IFSOCK | o.mode);
		assert_int_equal(st.st_uid, o.owner);
		assert_int_equal(st.st_gid, o.group);
		hark_listener_close(l);
	}
	cell_close(&c);
}

/* Binding must fail with these words, leave *out and the place alone, and lose no descriptor. */
static void
expect_refusal(const char *base, const char *socket_path, const char *words)
{
	size_t descriptors = cell_count_descriptors();
	ino_t before = cell_inode(socket_path);
	struct hark_listener *l = NULL;
	struct hark_failure why = { 0 };

	assert_int_equal(hark_listener_bind_for_cell(base, NULL, &l, &why), HARK_TELEMETRY_BIND);
	if (strstr(why.text, words) == NULL)
		fail_msg("\"%s\" says nothing of \"%s\"", why.text, words);
	assert_null(l);
	assert_true(cell_inode(socket_path) == before);
	assert_int_equal(cell_count_descriptors(), descriptors);
	assert_int_equal(hark_listener_bind_for_cell(base, NULL, &l, NULL), HARK_TELEMETRY_BIND);
}

static void
what_is_not_stale_is_left_alone(void **state)
{
	struct cell c;
	char other[256];
	int fd;

	(void)state;
	cell_open(&c);
	(void)snprintf(other, sizeof(other), "%s/other", c.directory);

	/* Two attempts fill this backlog, and the next ones find it full. */
	fd = cell_bind_other(c.socket, SOCK_STREAM, 1);
	expect_refusal(c.base, c.socket, "a live socket is there");
	expect_refusal(c.base, c.socket, "a live socket is there");
	(void)close(fd);
	assert_int_equal(unlink(c.socket), 0);

	fd = cell_bind_other(c.socket, SOCK_DGRAM, 0);
	expect_refusal(c.base, c.socket, "cannot be tried");
	(void)close(fd);
	assert_int_equal(unlink(c.socket), 0);

	(void)close(cell_bind_other(other, SOCK_STREAM, 0));
	assert_int_equal(symlink("other", c.socket), 0);
	expect_refusal(c.base, c.socket, "a symlink is there");
	assert_true(cell_inode(other) != 0);
	assert_int_equal(unlink(other), 0);
	expect_refusal(c.base, c.socket, "a symlink is there"); /* dangling */
	assert_int_equal(cell_inode(other), 0);
	assert_int_equal(unlink(c.socket), 0);

	assert_int_equal(mkdir(c.socket, 0700), 0);
	expect_refusal(c.base, c.socket, "a directory is there");
	assert_int_equal(rmdir(c.socket), 0);

	assert_int_equal(mkfifo(c.socket, 0600), 0);
	expect_refusal(c.base, c.socket, "a FIFO is there");
	assert_int_equal(unlink(c.socket), 0);

	(void)close(creat(c.socket, 0600));
	expect_refusal(c.base, c.socket, "a file is there");
	assert_int_equal(unlink(c.socket), 0);
	cell_close(&c);
}

static void
stale_socket_is_replaced(void **state)
{
	struct cell c;
	struct hark_listener *l;
	struct hark_stream *s = NULL;

	(void)state;
	cell_open(&c);
	(void)close(cell_bind_other(c.socket, SOCK_STREAM, 1));
	assert_true(cell_inode(c.socket) != 0);
	l = cell_listen(&c);
	(void)close(cell_pair(l, c.socket, &s));
	hark_stream_close(s);
	/* A second one does not take it from the first. */
	expect_refusal(c.base, c.socket, "a live socket is there");
	hark_listener_close(l);
	hark_listener_close(cell_listen(&c));
	cell_close(&c);
}

static void
only_own_socket_is_removed(void **state)
{
	struct cell c;
	struct hark_listener *l;
	int fd;

	(void)state;
	cell_open(&c);
	l = cell_listen(&c);
	assert_int_equal(unlink(c.socket), 0);
	fd = cell_bind_other(c.socket, SOCK_STREAM, 1);
	hark_listener_close(l);
	(void)close(cell_connect(c.socket));
	(void)close(fd);
	assert_int_equal(unlink(c.socket), 0);

	l = cell_listen(&c);
	assert_int_equal(unlink(c.socket), 0);
	hark_listener_close(l);
	cell_close(&c);
}

static void
names_have_one_limit(void **state)
{
	struct cell c;
	char name[256];
	char base[512];
	char socket_path[600];
	size_t size;

	(void)state;
	cell_open(&c);
	memset(name, 'n', sizeof(name));
	for (size = NAME_LIMIT - 1; size <= NAME_LIMIT + 20; size++) {
		struct hark_listener *l = NULL;
		char words[64];

		(void)snprintf(base, sizeof(base), "%s/%.*s", c.directory, (int)size - 5, name);
		(void)snprintf(socket_path, sizeof(socket_path), "%s_9001", base);
		if (size > NAME_LIMIT) {
			(void)snprintf(words, sizeof(words), "is %zu %s over", size - NAME_LIMIT,
				       size - NAME_LIMIT == 1 ? "byte" : "bytes");
			expect_refusal(base, socket_path, words);
			continue;
		}
		assert_int_equal(hark_listener_bind_for_cell(base, NULL, &l, NULL),
				 HARK_TELEMETRY_OK);
		assert_true(cell_inode(socket_path) != 0);
		hark_listener_close(l);
		assert_int_equal(cell_inode(socket_path), 0);
	}
	cell_close(&c);
}

static void
path_may_be_long_or_relative(void **state)
{
	struct cell c;
	char deep[2048];
	char base[2100];
	char before[1024];
	struct hark_listener *l = NULL;
	struct hark_failure why;
	size_t i;

	(void)state;
	cell_open(&c);
	strcpy(deep, c.directory);
	for (i = 0; i < 12; i++) {
		strcat(deep, "/a-directory-of-the-tests-with-a-rather-long-name");
		assert_int_equal(mkdir(deep, 0700), 0);
	}
	(void)snprintf(base, sizeof(base), "%s/cell", deep);
	assert_true(strlen(base) > 108);
	assert_int_equal(hark_listener_bind_for_cell(base, NULL, &l, NULL), HARK_TELEMETRY_OK);
	hark_listener_close(l);
	while (strcmp(deep, c.directory) != 0) {
		assert_int_equal(rmdir(deep), 0);
		*strrchr(deep, '/') = '\0';
	}
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(c.directory), 0);
	l = NULL;
	assert_int_equal(hark_listener_bind_for_cell("cell", NULL, &l, NULL), HARK_TELEMETRY_OK);
	assert_true(cell_inode(c.socket) != 0);
	assert_int_equal(chdir(before), 0);
	hark_listener_close(l); /* the directory is held, not found again */
	assert_int_equal(cell_inode(c.socket), 0);

	(void)snprintf(base, sizeof(base), "%s/\n/cell", c.directory);
	l = NULL;
	assert_int_equal(hark_listener_bind_for_cell(base, NULL, &l, &why), HARK_TELEMETRY_BIND);
	assert_int_equal(why.system_error, ENOENT);
	assert_non_null(strstr(why.text, "\\x0a/cell_9001: its directory cannot be opened"));
	cell_close(&c);
}

static void
without_right_it_says_so(void **state)
{
	struct cell c;
	pid_t child;
	int status = 0;

	(void)state;
	cell_open(&c);
	assert_int_equal(chmod(c.directory, 0555), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct hark_listener *l = NULL;
		struct hark_failure why = { 0 };

		if (geteuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
				       setresuid(NOBODY, NOBODY, NOBODY) != 0))
			_exit(2);
		if (hark_listener_bind_for_cell(c.base, NULL, &l, &why) != HARK_TELEMETRY_BIND)
			_exit(3);
		_exit(why.system_error == EACCES ? 0 : 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	cell_close(&c);
}

static void
ninth_connection_is_refused(void **state)
{
	struct cell c;
	struct hark_listener *l;
	struct hark_stream *s[HARK_CONNECTIONS_MAX] = { NULL };
	struct hark_stream *more = NULL;
	struct hark_rejection why = { HARK_REJECT_NONE, HARK_FIELD_NONE };
	int guest[HARK_CONNECTIONS_MAX];
	int ninth;
	char byte;
	size_t i;

	(void)state;
	cell_open(&c);
	l = cell_listen(&c);
	for (i = 0; i < HARK_CONNECTIONS_MAX; i++)
		guest[i] = cell_pair(l, c.socket, &s[i]);
	ninth = cell_connect(c.socket);
	assert_int_equal(hark_listener_accept(l, &more, &why), HARK_TELEMETRY_REFUSED);
	assert_int_equal(why.reason, HARK_REJECT_TOO_MANY_CONNECTIONS);
	assert_null(more);
	assert_int_equal(read(ninth, &byte, 1), 0);
	(void)close(ninth);
	hark_stream_close(s[3]);
	(void)close(guest[3]);
	guest[3] = cell_pair(l, c.socket, &s[3]);
	hark_listener_close(l);
	/* Streams live on. */
	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		struct hark_guest_declaration said;

		assert_int_equal(write(guest[i], "\x01\0\0\0A", 5), 5);
		assert_int_equal(hark_stream_next(s[i], 0, &said, &why), HARK_TELEMETRY_OK);
		hark_stream_close(s[i]);
		(void)close(guest[i]);
	}
	cell_close(&c);
}

static void
peer_is_known_and_can_be_required(void **state)
{
	struct hark_listener_options o = { .mode = 0600,
					   .connections_max = 1,
					   .require_peer_uid = true };
	struct cell c;
	struct hark_listener *l = NULL;
	struct hark_stream *s = NULL;
	struct hark_rejection why = { HARK_REJECT_NONE, HARK_FIELD_NONE };
	struct hark_peer peer;
	int guest;

	(void)state;
	cell_open(&c);
	o.peer_uid = geteuid() + 1;
	assert_int_equal(hark_listener_bind_for_cell(c.base, &o, &l, NULL), HARK_TELEMETRY_OK);
	guest = cell_connect(c.socket);
	assert_int_equal(hark_listener_accept(l, &s, &why), HARK_TELEMETRY_REFUSED);
	assert_int_equal(why.reason, HARK_REJECT_PEER_REFUSED);
	(void)close(guest);
	hark_listener_close(l);

	o.peer_uid = geteuid();
	l = NULL;
	assert_int_equal(hark_listener_bind_for_cell(c.base, &o, &l, NULL), HARK_TELEMETRY_OK);
	guest = cell_pair(l, c.socket, &s);
	hark_stream_peer(s, &peer);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.gid, getegid());
	hark_stream_close(s);
	(void)close(guest);
	hark_listener_close(l);
	cell_close(&c);
}

static void
ten_thousand_connections_pass_a_blocked_one(void **state)
{
	struct cell c;
	struct hark_listener *l;
	struct hark_stream *blocked = NULL;
	struct hark_guest_declaration said;
	struct hark_rejection why;
	size_t descriptors = cell_count_descriptors();
	int slow;
	int i;

	(void)state;
	cell_open(&c);
	l = cell_listen(&c);
	slow = cell_pair(l, c.socket, &blocked);
	assert_int_equal(write(slow, "\x05\0\0\0AB", 6), 6);
	assert_int_equal(hark_stream_next(blocked, 0, &said, &why), HARK_TELEMETRY_AGAIN);
	for (i = 0; i < 10000; i++) {
		struct hark_stream *s = NULL;
		int guest = cell_pair(l, c.socket, &s);

		assert_int_equal(write(guest, "\x01\0\0\0A", 5), 5);
		(void)close(guest);
		assert_int_equal(hark_stream_next(s, 0, &said, &why), HARK_TELEMETRY_OK);
		assert_int_equal(hark_stream_next(s, 0, &said, &why), HARK_TELEMETRY_END);
		hark_stream_close(s);
	}
	assert_int_equal(write(slow, "CDE", 3), 3);
	assert_int_equal(hark_stream_next(blocked, 0, &said, &why), HARK_TELEMETRY_OK);
	assert_int_equal(said.probe_source.size, 5);
	hark_stream_close(blocked);
	(void)close(slow);
	hark_listener_close(l);
	assert_int_equal(cell_count_descriptors(), descriptors);
	cell_close(&c);
}

static void
without_descriptors_the_connection_waits(void **state)
{
	struct cell c;
	struct hark_listener *l;
	struct hark_stream *s = NULL;
	struct hark_rejection why;
	struct rlimit limit;
	rlim_t before;
	int guest;

	(void)state;
	cell_open(&c);
	l = cell_listen(&c);
	guest = cell_connect(c.socket);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(hark_listener_accept(l, &s, &why), HARK_TELEMETRY_SYSTEM);
	assert_int_equal(errno, EMFILE);
	limit.rlim_cur = before;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(hark_listener_accept(l, &s, &why), HARK_TELEMETRY_OK);
	hark_stream_close(s);
	(void)close(guest);
	hark_listener_close(l);
	cell_close(&c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_arguments_are_refused),
		cmocka_unit_test(socket_is_there_and_goes),
		cmocka_unit_test(a_bound_socket_is_adopted),
		cmocka_unit_test(what_does_not_listen_is_not_adopted),
		cmocka_unit_test(mode_and_owner_are_as_asked),
		cmocka_unit_test(what_is_not_stale_is_left_alone),
		cmocka_unit_test(stale_socket_is_replaced),
		cmocka_unit_test(only_own_socket_is_removed),
		cmocka_unit_test(names_have_one_limit),
		cmocka_unit_test(path_may_be_long_or_relative),
		cmocka_unit_test(without_right_it_says_so),
		cmocka_unit_test(ninth_connection_is_refused),
		cmocka_unit_test(peer_is_known_and_can_be_required),
		cmocka_unit_test(ten_thousand_connections_pass_a_blocked_one),
		cmocka_unit_test(without_descriptors_the_connection_waits),
	};

	return cmocka_run_group_tests_name("telemetry/listener", tests, NULL, NULL);
}
