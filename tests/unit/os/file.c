/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files: what is followed and what is not, limits, and names of hosts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/file.h"
#include "os/host.h"
#include "os/random.h"
#include "os/sock.h"
#include "unit.h"

static void
symlinks_are_not_followed(void **state)
{
	char directory[] = "/tmp/hark-unit-XXXXXX";
	struct file_info info;
	int dir_fd = -1;
	int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(file_open_dir("/nowhere/at/all", &dir_fd), ERR_MISSING);
	assert_int_equal(file_open_dir(directory, &dir_fd), ERR_OK);
	assert_int_equal(symlinkat("/etc/passwd", dir_fd, "link"), 0);
	assert_int_equal(file_open_read_at(dir_fd, "link", &fd), ERR_SYSTEM);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(fd, -1);
	assert_int_equal(file_stat_at(dir_fd, "link", &info), ERR_OK);
	assert_int_equal(info.kind, FILE_SYMLINK);
	assert_int_equal(file_open_path_at(dir_fd, "link", &fd), ERR_OK);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(file_stat(fd, &info), ERR_OK);
	assert_int_equal(info.kind, FILE_SYMLINK);
	file_close(&fd);
	assert_int_equal(fd, -1);
	file_close(&fd);
	assert_int_equal(file_unlink_at(dir_fd, "link"), ERR_OK);
	assert_int_equal(file_unlink_at(dir_fd, "link"), ERR_MISSING);
	assert_int_equal(file_stat_at(dir_fd, "link", &info), ERR_MISSING);
	file_close(&dir_fd);
	assert_int_equal(rmdir(directory), 0);
}

static void
reading_all_keeps_its_limit(void **state)
{
	char directory[] = "/tmp/hark-unit-XXXXXX";
	static uint8_t content[40000];
	struct buf b = { 0 };
	int dir_fd = -1;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(file_open_dir(directory, &dir_fd), ERR_OK);
	memset(content, 'c', sizeof(content));
	fd = openat(dir_fd, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_true(file_is_regular(fd));
	assert_false(file_is_regular(dir_fd));
	assert_int_equal(file_write_all(fd, content, sizeof(content)), ERR_OK);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_all(fd, sizeof(content) - 1, &b), ERR_LIMIT);
	buf_clear(&b);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_all(fd, sizeof(content), &b), ERR_OK);
	assert_int_equal(b.size, sizeof(content));
	assert_memory_equal(b.data, content, sizeof(content));
	buf_finish(&b);
	file_close(&fd);
	assert_int_equal(file_unlink_at(dir_fd, "file"), ERR_OK);
	file_close(&dir_fd);
	assert_int_equal(rmdir(directory), 0);
}

static void
full_and_empty_pipes_say_so(void **state)
{
	static uint8_t content[1 << 20];
	uint8_t byte;
	size_t size = 0;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(file_read(ends[0], &byte, 1, &size), ERR_AGAIN);
	assert_true(file_is_writable_now(ends[1]));
	assert_int_equal(file_write_some(ends[1], content, sizeof(content), &size), ERR_OK);
	assert_true(size > 0 && size < sizeof(content));
	assert_int_equal(file_write_some(ends[1], content, sizeof(content), &size), ERR_AGAIN);
	assert_false(file_is_writable_now(ends[1]));
	file_close(&ends[1]);
	while (file_read(ends[0], content, sizeof(content), &size) == ERR_OK)
		continue;
	assert_int_equal(file_read(ends[0], &byte, 1, &size), ERR_END);
	file_close(&ends[0]);
}

static void
host_names_are_plain(void **state)
{
	static const struct {
		const char *rule, *text;
		enum err want;
	} rows[] = {
		{ "empty", "", ERR_FORMAT },
		{ "slash", "a/b", ERR_FORMAT },
		{ "blank", "a b", ERR_FORMAT },
		{ "newline", "a\n", ERR_FORMAT },
		{ "UTF-8", "h\xc3\xb6st", ERR_FORMAT },
		{ "65 bytes", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  ERR_FORMAT },
		{ "64 bytes", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  ERR_OK },
		{ "usual", "node-1.example_x", ERR_OK },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		if (host_name_check(rows[i].text) != rows[i].want)
			fail_msg("%s", rows[i].rule);
	}
}

static void
addresses_have_limits(void **state)
{
	char path[200];
	int fd = -1;

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	path[SOCK_PATH_BYTES_MAX + 1] = '\0';
	assert_int_equal(sock_open(&fd), ERR_OK);
	assert_int_equal(sock_connect(fd, path), ERR_LIMIT);
	path[SOCK_PATH_BYTES_MAX] = '\0';
	assert_int_equal(sock_connect(fd, path), ERR_MISSING);
	path[SOCK_NAME_BYTES_MAX + 1] = '\0';
	assert_int_equal(sock_bind_at(fd, 0, path), ERR_LIMIT);
	file_close(&fd);
}

static void
clocks_and_randomness_answer(void **state)
{
	uint8_t a[32] = { 0 };
	uint8_t b[32] = { 0 };
	uint64_t before = clock_monotonic_ns();
	int64_t seconds = 0;
	uint32_t nanoseconds = UINT32_MAX;

	(void)state;
	assert_true(clock_monotonic_ns() >= before);
	clock_realtime(&seconds, &nanoseconds);
	assert_true(seconds > 0 && nanoseconds < 1000000000);
	assert_int_equal(random_bytes(a, sizeof(a)), ERR_OK);
	assert_int_equal(random_bytes(b, sizeof(b)), ERR_OK);
	assert_true(memcmp(a, b, sizeof(a)) != 0);
}

/* By a link a regular file is; anything else is refused, and a FIFO without a writer holds nobody
 * up. */
static void
only_regular_files_are_opened(void **state)
{
	char directory[] = "/tmp/hark-unit-XXXXXX";
	char path[64], other[64];
	int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/file", directory);
	(void)snprintf(other, sizeof(other), "%s/other", directory);
	assert_int_equal(file_open_regular(path, &fd), ERR_MISSING);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_open_regular(path, &fd), ERR_REFUSED);
	assert_int_equal(file_open_regular(directory, &fd), ERR_REFUSED);
	assert_int_equal(file_open_regular("/dev/null", &fd), ERR_REFUSED);
	assert_int_equal(fd, -1);
	assert_int_equal(unlink(path), 0);
	fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	file_close(&fd);
	assert_int_equal(symlink("other", path), 0);
	assert_int_equal(file_open_regular(path, &fd), ERR_OK);
	assert_true(file_is_regular(fd) && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	file_close(&fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(rmdir(directory), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(symlinks_are_not_followed),
		cmocka_unit_test(reading_all_keeps_its_limit),
		cmocka_unit_test(full_and_empty_pipes_say_so),
		cmocka_unit_test(host_names_are_plain),
		cmocka_unit_test(addresses_have_limits),
		cmocka_unit_test(clocks_and_randomness_answer),
		cmocka_unit_test(only_regular_files_are_opened),
	};

	return cmocka_run_group_tests_name("os/file", tests, NULL, NULL);
}
