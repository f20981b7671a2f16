/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whole messages with descriptors, over real socket pairs. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipc/ipc.h"
#include "os/packet.h"

static uint8_t data[IPC_BYTES_MAX + 1];

static int
count_descriptors(void)
{
	int count = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static int
set_up(void **state)
{
	static int pair[2];

	if (packet_pair(pair) != ERR_OK)
		return -1;
	*state = pair;
	return 0;
}

static int
tear_down(void **state)
{
	int *pair = *state;

	if (pair[0] >= 0)
		(void)close(pair[0]);
	if (pair[1] >= 0)
		(void)close(pair[1]);
	return 0;
}

static void
a_message_arrives_whole(void **state)
{
	static const size_t sizes[] = { 1, 2, 4096, IPC_BYTES_MAX };
	int *pair = *state;
	uint8_t back[IPC_BYTES_MAX];
	size_t i;
	size_t size;
	size_t count;

	for (i = 0; i < COUNT_OF(sizes); i++) {
		memset(data, (int)(i + 1), sizes[i]);
		assert_int_equal(ipc_send(pair[0], data, sizes[i], NULL, 0), ERR_OK);
		assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, NULL, 0, &count),
				 ERR_OK);
		assert_int_equal(size, sizes[i]);
		assert_int_equal(count, 0);
		assert_memory_equal(back, data, size);
	}
	assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, NULL, 0, &count),
			 ERR_AGAIN);
}

static void
what_is_too_large_is_gone_and_the_next_is_whole(void **state)
{
	int *pair = *state;
	uint8_t back[8];
	size_t size;
	size_t count;

	assert_int_equal(ipc_send(pair[0], "123456789", 9, NULL, 0), ERR_OK);
	assert_int_equal(ipc_send(pair[0], "next", 4, NULL, 0), ERR_OK);
	assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, NULL, 0, &count),
			 ERR_LIMIT);
	assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, NULL, 0, &count), ERR_OK);
	assert_int_equal(size, 4);
	assert_memory_equal(back, "next", 4);
}

static void
descriptors_come_closed_on_exec_and_are_the_same_files(void **state)
{
	int *pair = *state;
	int sent[IPC_DESCRIPTORS_MAX];
	int got[IPC_DESCRIPTORS_MAX];
	uint8_t back[8];
	struct stat a;
	struct stat b;
	size_t size;
	size_t count;
	size_t i;

	for (i = 0; i < IPC_DESCRIPTORS_MAX; i++) {
		sent[i] = open(i % 2 == 0 ? "/dev/null" : "/dev/zero", O_RDONLY);
		assert_true(sent[i] >= 0);
	}
	assert_int_equal(ipc_send(pair[0], "x", 1, sent, IPC_DESCRIPTORS_MAX), ERR_OK);
	assert_int_equal(
		ipc_receive(pair[1], back, sizeof(back), &size, got, IPC_DESCRIPTORS_MAX, &count),
		ERR_OK);
	assert_int_equal(count, IPC_DESCRIPTORS_MAX);
	for (i = 0; i < count; i++) {
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		assert_int_equal(fstat(sent[i], &a), 0);
		assert_int_equal(fstat(got[i], &b), 0);
		assert_true(a.st_rdev == b.st_rdev);
		(void)close(sent[i]);
		(void)close(got[i]);
	}
}

/* A peer that sends more than is due must not fill our table of descriptors. */
static void
descriptors_that_are_not_due_are_closed(void **state)
{
	int *pair = *state;
	int many[40];
	int got[2];
	uint8_t back[4];
	size_t size;
	size_t count;
	size_t i;
	int before;

	for (i = 0; i < COUNT_OF(many); i++)
		many[i] = STDIN_FILENO;
	before = count_descriptors();
	assert_int_equal(packet_send(pair[0], "x", 1, many, 3), ERR_OK);
	assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, got, 2, &count),
			 ERR_LIMIT);
	assert_int_equal(packet_send(pair[0], "x", 1, many, PACKET_DESCRIPTORS_MAX), ERR_OK);
	assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, got, 2, &count),
			 ERR_LIMIT);
	/* Too large, with descriptors. */
	assert_int_equal(packet_send(pair[0], "12345", 5, many, 2), ERR_OK);
	assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, got, 2, &count),
			 ERR_LIMIT);
	assert_int_equal(count_descriptors(), before);
}

/* More than the room for control data: the kernel cuts, and what was cut in half is refused. */
static void
more_descriptors_than_are_looked_at_are_refused(void **state)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(40 * sizeof(int))];
	} control;
	struct iovec part = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	int *pair = *state;
	int got[IPC_DESCRIPTORS_MAX];
	uint8_t back[4];
	size_t size;
	size_t count;
	int before = count_descriptors();
	int i;

	memset(&control, 0, sizeof(control));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(40 * sizeof(int));
	for (i = 0; i < 40; i++)
		memset(CMSG_DATA(&control.head) + i * (int)sizeof(int), 0, sizeof(int));
	assert_int_equal(sendmsg(pair[0], &m, 0), 1);
	assert_int_equal(
		ipc_receive(pair[1], back, sizeof(back), &size, got, IPC_DESCRIPTORS_MAX, &count),
		ERR_LIMIT);
	assert_int_equal(count_descriptors(), before);
}

static void
a_full_queue_says_so_and_an_end_too(void **state)
{
	int *pair = *state;
	uint8_t back[IPC_BYTES_MAX];
	size_t size;
	size_t count;
	unsigned int sent = 0;
	enum err e;

	while ((e = ipc_send(pair[0], data, IPC_BYTES_MAX, NULL, 0)) == ERR_OK)
		assert_true(++sent < 10000);
	assert_int_equal(e, ERR_AGAIN);
	(void)close(pair[0]);
	pair[0] = -1;
	/* What was sent before the end is still there. */
	for (; sent > 0; sent--)
		assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, NULL, 0, &count),
				 ERR_OK);
	assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, NULL, 0, &count), ERR_END);
	assert_int_equal(ipc_send(pair[1], "x", 1, NULL, 0), ERR_END);
}

/* Who was killed with messages unread: its own last words are heard all the same. */
static void
what_an_ended_peer_had_sent_is_read_first(void **state)
{
	int *pair = *state;
	uint8_t back[16];
	size_t size = 0;
	size_t count = 0;

	assert_int_equal(ipc_send(pair[1], "unread", 6, NULL, 0), ERR_OK);
	assert_int_equal(ipc_send(pair[0], "one", 3, NULL, 0), ERR_OK);
	assert_int_equal(ipc_send(pair[0], "two", 3, NULL, 0), ERR_OK);
	(void)close(pair[0]);
	pair[0] = -1;
	assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, NULL, 0, &count), ERR_OK);
	assert_memory_equal(back, "one", 3);
	assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, NULL, 0, &count), ERR_OK);
	assert_memory_equal(back, "two", 3);
	assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, NULL, 0, &count), ERR_END);
}

static void
a_message_of_nothing_is_an_end(void **state)
{
	int *pair = *state;
	uint8_t back[8];
	size_t size;
	size_t count;

	assert_int_equal(send(pair[0], "", 0, 0), 0);
	assert_int_equal(ipc_receive(pair[1], back, sizeof(back), &size, NULL, 0, &count), ERR_END);
}

static void
only_such_sockets_are_taken_for_one(void **state)
{
	int *pair = *state;
	int stream[2];
	int fd = open("/dev/null", O_RDONLY);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	assert_true(packet_is_one(pair[0]));
	assert_false(packet_is_one(stream[0]));
	assert_false(packet_is_one(fd));
	assert_false(packet_is_one(-1));
	(void)close(stream[0]);
	(void)close(stream[1]);
	(void)close(fd);
}

static void
one_connects_by_a_short_path_and_by_a_long_one(void **state)
{
	char dir[128] = "/tmp/hark-ipc.XXXXXX";
	char path[512];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t i;
	int listening;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	listening = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "s");
	assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(packet_connect(path, &fd), ERR_REFUSED);
	assert_int_equal(listen(listening, 4), 0);
	assert_int_equal(packet_connect(path, &fd), ERR_OK);
	(void)close(fd);
	/* "/./././..." makes it longer than any address. */
	(void)snprintf(path, sizeof(path), "%s", dir);
	for (i = 0; i < 100; i++)
		(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/.");
	(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/s");
	assert_int_equal(packet_connect(path, &fd), ERR_OK);
	(void)close(fd);
	assert_int_equal(unlink("s"), 0);
	assert_int_equal(packet_connect(path, &fd), ERR_MISSING);
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(packet_connect(path, &fd), ERR_MISSING);
	(void)close(listening);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
the_peers_groups_are_known(void **state)
{
	int *pair = *state;
	gid_t groups[64];
	int n = getgroups(64, groups);
	bool in = false;

	assert_int_equal(packet_peer_in_group(pair[0], getegid(), &in), ERR_OK);
	assert_true(in);
	while (n > 0) {
		in = false;
		assert_int_equal(packet_peer_in_group(pair[0], groups[--n], &in), ERR_OK);
		assert_true(in);
	}
	assert_int_equal(packet_peer_in_group(pair[0], 3999999999u, &in), ERR_OK);
	assert_false(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_message_arrives_whole),
		T(what_is_too_large_is_gone_and_the_next_is_whole),
		T(descriptors_come_closed_on_exec_and_are_the_same_files),
		T(descriptors_that_are_not_due_are_closed),
		T(more_descriptors_than_are_looked_at_are_refused),
		T(a_full_queue_says_so_and_an_end_too),
		T(what_an_ended_peer_had_sent_is_read_first),
		T(a_message_of_nothing_is_an_end),
		T(only_such_sockets_are_taken_for_one),
		T(one_connects_by_a_short_path_and_by_a_long_one),
		T(the_peers_groups_are_known),
#undef T
	};

	return cmocka_run_group_tests_name("ipc", tests, NULL, NULL);
}
