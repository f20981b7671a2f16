/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pairs of ends: both ways, and one way alone. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "os/file.h"
#include "os/packet.h"
#include "unit.h"

static enum err
receive(int fd, char *text, size_t capacity, size_t *size)
{
	int fds[1];
	size_t count = 0;

	return packet_receive(fd, text, capacity, size, fds, 1, &count);
}

static void
a_pair_speaks_both_ways(void **state)
{
	char text[8];
	size_t size = 0;
	int pair[2];

	(void)state;
	assert_int_equal(packet_pair(pair), ERR_OK);
	assert_int_equal(packet_send(pair[0], "ab", 2, NULL, 0), ERR_OK);
	assert_int_equal(packet_send(pair[1], "cde", 3, NULL, 0), ERR_OK);
	assert_int_equal(receive(pair[1], text, sizeof(text), &size), ERR_OK);
	assert_true(size == 2 && memcmp(text, "ab", 2) == 0);
	assert_int_equal(receive(pair[0], text, sizeof(text), &size), ERR_OK);
	assert_true(size == 3 && memcmp(text, "cde", 3) == 0);
	file_close(&pair[0]);
	file_close(&pair[1]);
}

static void
one_way_is_one_way(void **state)
{
	char text[8];
	size_t size = 0;
	int pair[2];

	(void)state;
	assert_int_equal(packet_pair_one_way(pair), ERR_OK);
	assert_true((fcntl(pair[0], F_GETFD) & FD_CLOEXEC) != 0 &&
		    (fcntl(pair[1], F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(receive(pair[0], text, sizeof(text), &size), ERR_AGAIN);
	assert_int_equal(packet_send(pair[1], "abc", 3, NULL, 0), ERR_OK);
	assert_int_equal(packet_send(pair[0], "x", 1, NULL, 0), ERR_END);
	assert_int_equal(receive(pair[1], text, sizeof(text), &size), ERR_END);
	assert_int_equal(receive(pair[0], text, sizeof(text), &size), ERR_OK);
	assert_true(size == 3 && memcmp(text, "abc", 3) == 0);
	/* What was sent before the end is read, and then the end. */
	assert_int_equal(packet_send(pair[1], "d", 1, NULL, 0), ERR_OK);
	file_close(&pair[1]);
	assert_int_equal(receive(pair[0], text, sizeof(text), &size), ERR_OK);
	assert_int_equal(receive(pair[0], text, sizeof(text), &size), ERR_END);
	file_close(&pair[0]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_speaks_both_ways),
		cmocka_unit_test(one_way_is_one_way),
	};

	return cmocka_run_group_tests_name("os/packet", tests, NULL, NULL);
}
