/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Memory that one may take, once: what is such memory, and that it is what its maker wrote. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/memfd.h"
#include "unit.h"

#define TEXT "what is ordered"
static const struct bytes content = { (const uint8_t *)TEXT, sizeof(TEXT) - 1 };

static void
it_is_taken_once_whole_and_with_its_maker(void **state)
{
	char text[sizeof(TEXT)];
	size_t size = 0;
	uid_t uid = 12345;
	int fd = -1;
	int other;

	(void)state;
	assert_int_equal(memfd_for_taking("t", content, &fd), ERR_OK);
	other = dup(fd);
	assert_int_equal(memfd_take(fd, text, sizeof(text), &size, &uid), ERR_OK);
	assert_int_equal(size, content.size);
	assert_memory_equal(text, TEXT, size);
	assert_int_equal(uid, geteuid());
	size = uid = 7;
	assert_int_equal(memfd_take(fd, text, sizeof(text), &size, &uid), ERR_REFUSED);
	assert_int_equal(memfd_take(other, text, sizeof(text), &size, &uid), ERR_REFUSED);
	assert_true(size == 7 && uid == 7);
	(void)close(fd);
	(void)close(other);
}

/* The owner may be given away by root alone; what counts is what the kernel keeps. */
static void
its_maker_is_who_the_kernel_says(void **state)
{
	char text[sizeof(TEXT)];
	size_t size;
	uid_t uid = 0;
	int fd = -1;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(memfd_for_taking("t", content, &fd), ERR_OK);
	assert_int_equal(fchown(fd, 65534, 65534), 0);
	assert_int_equal(memfd_take(fd, text, sizeof(text), &size, &uid), ERR_OK);
	assert_int_equal(uid, 65534);
	(void)close(fd);
}

static void
nobody_changes_it(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(memfd_for_taking("t", content, &fd), ERR_OK);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	(void)close(fd);
}

static void
what_is_too_large_is_not_taken(void **state)
{
	char text[sizeof(TEXT)];
	size_t size;
	uid_t uid;
	int fd = -1;

	(void)state;
	assert_int_equal(memfd_for_taking("t", content, &fd), ERR_OK);
	assert_int_equal(memfd_take(fd, text, content.size - 1, &size, &uid), ERR_LIMIT);
	assert_int_equal(memfd_take(fd, text, content.size, &size, &uid), ERR_OK);
	(void)close(fd);
}

/* Memory with this content and these seals. */
static int
memory(size_t bytes, int seals)
{
	int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, TEXT, bytes), (ssize_t)bytes);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void
other_things_are_no_such_memory(void **state)
{
	int all = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE;
	char folder[] = "/dev/shm/hark-unit-XXXXXX";
	char text[sizeof(TEXT)];
	size_t size = 7;
	uid_t uid = 7;
	int fds[11];
	int pair[2];
	size_t i;

	(void)state;
	assert_int_equal(pipe(pair), 0);
	fds[0] = memory(4, all & ~F_SEAL_WRITE); /* it can be changed */
	fds[1] = memory(4, all & ~F_SEAL_GROW);
	fds[2] = memory(4, all & ~F_SEAL_SHRINK);
	fds[3] = memory(4, 0);
	fds[4] = memory(4, all | F_SEAL_SEAL);   /* taken */
	fds[5] = memory(0, all);                 /* nothing is in it */
	fds[6] = memfd_create("t", MFD_CLOEXEC); /* not to be sealed */
	fds[7] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[8] = pair[0];
	fds[9] = open(TEST_VECTORS "/notary-input.txt", O_RDONLY | O_CLOEXEC);
	fds[10] = mkstemp(folder); /* a file of the same file system */
	assert_true(fds[10] >= 0 && unlink(folder) == 0);
	assert_int_equal(write(fds[10], TEXT, 4), 4);
	for (i = 0; i < COUNT_OF(fds); i++) {
		assert_true(fds[i] >= 0);
		if (memfd_take(fds[i], text, sizeof(text), &size, &uid) != ERR_REFUSED)
			fail_msg("descriptor %zu is taken", i);
		(void)close(fds[i]);
	}
	(void)close(pair[1]);
	assert_true(size == 7 && uid == 7);
}

static void
who_may_only_read_it_cannot_take_it(void **state)
{
	char text[sizeof(TEXT)];
	size_t size;
	uid_t uid;
	int fd = -1;
	int reader = -1;

	(void)state;
	assert_int_equal(memfd_for_taking("t", content, &fd), ERR_OK);
	assert_int_equal(memfd_reopen_read_only(fd, &reader), ERR_OK);
	assert_int_equal(memfd_take(reader, text, sizeof(text), &size, &uid), ERR_REFUSED);
	assert_int_equal(memfd_take(fd, text, sizeof(text), &size, &uid), ERR_OK);
	(void)close(fd);
	(void)close(reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_taken_once_whole_and_with_its_maker),
		cmocka_unit_test(its_maker_is_who_the_kernel_says),
		cmocka_unit_test(nobody_changes_it),
		cmocka_unit_test(what_is_too_large_is_not_taken),
		cmocka_unit_test(other_things_are_no_such_memory),
		cmocka_unit_test(who_may_only_read_it_cannot_take_it),
	};

	return cmocka_run_group_tests_name("memfd", tests, NULL, NULL);
}
