/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The real disk below a folder of its own: names, sizes, and what it refuses. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/disk.h"
#include "os/file.h"
#include "unit.h"

/* A folder of its own, taken away at the end. */
struct home {
	char path[64];
	int fd;
	struct disk disk;
};

static int
set_up(void **state)
{
	static struct home h;

	(void)snprintf(h.path, sizeof(h.path), "/tmp/hark-unit-XXXXXX");
	assert_non_null(mkdtemp(h.path));
	h.fd = open(h.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(h.fd >= 0);
	assert_int_equal(disk_open_real(h.fd, &h.disk), ERR_OK);
	*state = &h;
	return 0;
}

static int
tear_down(void **state)
{
	struct home *h = *state;
	char line[128];

	disk_close_real(&h->disk);
	assert_null(h->disk.ops);
	disk_close_real(&h->disk); /* again does nothing */
	file_close(&h->fd);
	(void)snprintf(line, sizeof(line), "rm -r %s", h->path);
	assert_int_equal(system(line), 0);
	return 0;
}

static void
writes_and_reads_at_offsets(void **state)
{
	const struct home *h = *state;
	struct disk d = h->disk;
	char data[16] = "";
	struct stat st;
	uint64_t size = 0;
	size_t got = 0;
	int file = -1;

	assert_int_equal(d.ops->open(d.ctx, "a", DISK_READ, &file), ERR_MISSING);
	assert_int_equal(d.ops->open(d.ctx, "a", DISK_WRITE, &file), ERR_MISSING);
	assert_int_equal(file, -1);
	assert_int_equal(d.ops->open(d.ctx, "a", DISK_NEW, &file), ERR_OK);
	assert_int_equal(fstat(file, &st), 0);
	assert_int_equal(st.st_mode & 0137, 0); /* no more than its group reads */
	assert_true((fcntl(file, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(d.ops->write(d.ctx, file, 5, "hello", 5), ERR_OK);
	assert_int_equal(d.ops->size(d.ctx, file, &size), ERR_OK);
	assert_int_equal(size, 10);
	assert_int_equal(d.ops->read(d.ctx, file, 3, data, sizeof(data), &got), ERR_OK);
	assert_int_equal(got, 7);
	assert_memory_equal(data, "\0\0hello", 7);
	assert_int_equal(d.ops->read(d.ctx, file, 10, data, sizeof(data), &got), ERR_OK);
	assert_int_equal(got, 0);
	assert_int_equal(d.ops->allocate(d.ctx, file, 100), ERR_OK);
	assert_int_equal(d.ops->size(d.ctx, file, &size), ERR_OK);
	assert_int_equal(size, 100);
	assert_int_equal(d.ops->allocate(d.ctx, file, 50), ERR_OK); /* never shorter */
	assert_int_equal(d.ops->size(d.ctx, file, &size), ERR_OK);
	assert_int_equal(size, 100);
	assert_int_equal(d.ops->truncate(d.ctx, file, 7), ERR_OK);
	assert_int_equal(d.ops->sync(d.ctx, file), ERR_OK);
	d.ops->close(d.ctx, file);
	assert_int_equal(d.ops->open(d.ctx, "a", DISK_NEW, &file), ERR_EXISTS);
	assert_int_equal(d.ops->open(d.ctx, "a", DISK_READ, &file), ERR_OK);
	assert_int_equal(d.ops->size(d.ctx, file, &size), ERR_OK);
	assert_int_equal(size, 7);
	assert_int_equal(d.ops->write(d.ctx, file, 0, "x", 1), ERR_SYSTEM);
	assert_int_equal(errno, EBADF);
	d.ops->close(d.ctx, file);
}

static enum err
count_name(void *ctx, const char *name)
{
	unsigned int *counts = ctx;

	counts[0]++;
	counts[1] += strcmp(name, "b") == 0;
	return ERR_OK;
}

static enum err
stop_at_once(void *ctx, const char *name)
{
	(void)name;
	++*(unsigned int *)ctx;
	return ERR_LIMIT;
}

static void
folders_are_made_listed_and_synced(void **state)
{
	const struct home *h = *state;
	struct disk d = h->disk;
	unsigned int counts[2] = { 0, 0 };
	int file = -1;

	assert_int_equal(d.ops->open(d.ctx, "f/a", DISK_CREATE, &file), ERR_MISSING);
	assert_int_equal(d.ops->list(d.ctx, "f", count_name, counts), ERR_MISSING);
	assert_int_equal(d.ops->sync_directory(d.ctx, "f"), ERR_MISSING);
	assert_int_equal(d.ops->make_directory(d.ctx, "f"), ERR_OK);
	assert_int_equal(d.ops->make_directory(d.ctx, "f"), ERR_EXISTS);
	assert_int_equal(d.ops->open(d.ctx, "f/a", DISK_CREATE, &file), ERR_OK);
	d.ops->close(d.ctx, file);
	assert_int_equal(d.ops->open(d.ctx, "f/b", DISK_CREATE, &file), ERR_OK);
	d.ops->close(d.ctx, file);
	assert_int_equal(d.ops->list(d.ctx, "f", count_name, counts), ERR_OK);
	assert_int_equal(counts[0], 2);
	assert_int_equal(counts[1], 1);
	counts[0] = 0;
	assert_int_equal(d.ops->list(d.ctx, "f", stop_at_once, counts), ERR_LIMIT);
	assert_int_equal(counts[0], 1);
	assert_int_equal(d.ops->rename(d.ctx, "f/a", "c"), ERR_OK);
	assert_int_equal(d.ops->rename(d.ctx, "f/a", "c"), ERR_MISSING);
	assert_int_equal(d.ops->rename(d.ctx, "c", "g/c"), ERR_MISSING);
	assert_int_equal(d.ops->rename(d.ctx, "c", "f/b"), ERR_OK); /* takes its place */
	assert_int_equal(d.ops->remove(d.ctx, "f/b"), ERR_OK);
	assert_int_equal(d.ops->remove(d.ctx, "f/b"), ERR_MISSING);
	assert_int_equal(d.ops->sync_directory(d.ctx, "f"), ERR_OK);
	assert_int_equal(d.ops->sync_directory(d.ctx, ""), ERR_OK);
	counts[0] = 0;
	assert_int_equal(d.ops->list(d.ctx, "", count_name, counts), ERR_OK);
	assert_true(counts[0] >= 1);
}

static void
links_and_other_kinds_are_refused(void **state)
{
	const struct home *h = *state;
	struct disk d = h->disk;
	int file = -1;

	assert_int_equal(symlinkat("/etc/passwd", h->fd, "link"), 0);
	assert_int_equal(symlinkat("/etc", h->fd, "folder"), 0);
	assert_int_equal(mkfifoat(h->fd, "fifo", 0600), 0);
	assert_int_equal(d.ops->open(d.ctx, "link", DISK_READ, &file), ERR_SYSTEM);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(d.ops->open(d.ctx, "folder/passwd", DISK_READ, &file), ERR_SYSTEM);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(d.ops->list(d.ctx, "folder", stop_at_once, NULL), ERR_SYSTEM);
	assert_int_equal(d.ops->open(d.ctx, "fifo", DISK_READ, &file), ERR_SYSTEM);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(d.ops->make_directory(d.ctx, "d"), ERR_OK);
	assert_int_equal(d.ops->open(d.ctx, "d", DISK_READ, &file), ERR_SYSTEM);
	assert_int_equal(d.ops->remove(d.ctx, "d"), ERR_SYSTEM);
	assert_int_equal(file, -1);
}

static void
a_full_disk_says_so(void **state)
{
	const struct home *h = *state;
	struct disk d = h->disk;
	int file = -1;

	assert_int_equal(d.ops->open(d.ctx, "big", DISK_CREATE, &file), ERR_OK);
	/* More than any file system has. */
	assert_int_equal(d.ops->allocate(d.ctx, file, UINT64_C(1) << 62), ERR_SYSTEM);
	assert_true(errno == ENOSPC || errno == EFBIG);
	d.ops->close(d.ctx, file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_and_reads_at_offsets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(folders_are_made_listed_and_synced, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(links_and_other_kinds_are_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_full_disk_says_so, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
