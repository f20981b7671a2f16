/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every allocation and every system call of a ledger on a real disk fails once at each N: it is
 * said, nothing leaks, no descriptor is left, and what was acknowledged is there.  A writing thread
 * works beside.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "book.h"
#include "os/disk.h"

/* 0: nothing fails.  N: the Nth wrapped call from now on fails, once. */
static unsigned int fail_at;
static unsigned int calls;
static long live; /* allocations */

static bool
must_fail_now(int error)
{
	if (fail_at == 0 || ++calls != fail_at)
		return false;
	errno = error;
	return true;
}

static void *
counted(void *p)
{
	live += p != NULL;
	return p;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *
__wrap_malloc(size_t size)
{
	return must_fail_now(ENOMEM) ? NULL : counted(__real_malloc(size));
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *
__wrap_calloc(size_t count, size_t size)
{
	return must_fail_now(ENOMEM) ? NULL : counted(__real_calloc(count, size));
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *
__wrap_realloc(void *p, size_t size)
{
	if (must_fail_now(ENOMEM))
		return NULL;
	return p == NULL ? counted(__real_realloc(p, size)) : __real_realloc(p, size);
}

void __real_free(void *p);
void __wrap_free(void *p);
void
__wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

#define WRAP(type, name, error, parameters, values)                      \
	type __real_##name parameters;                                   \
	type __wrap_##name parameters;                                   \
	type __wrap_##name parameters                                    \
	{                                                                \
		return must_fail_now(error) ? -1 : __real_##name values; \
	}

#define WRAP_SYNC(name)                                       \
	int __wrap_##name(int fd);                            \
	int __wrap_##name(int fd)                             \
	{                                                     \
		return must_fail_now(EIO) || fd < 0 ? -1 : 0; \
	}

WRAP(int, openat64, EMFILE, (int fd, const char *name, int flags, mode_t mode),
     (fd, name, flags, mode))
WRAP(ssize_t, pread64, EIO, (int fd, void *data, size_t size, off_t at), (fd, data, size, at))
WRAP(ssize_t, pwrite64, ENOSPC, (int fd, const void *data, size_t size, off_t at),
     (fd, data, size, at))
WRAP(int, fallocate64, ENOSPC, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
WRAP(int, ftruncate64, EIO, (int fd, off_t size), (fd, size))
/* The power does not fail here: syncing may do nothing. */
WRAP_SYNC(fdatasync)
WRAP_SYNC(fsync)
WRAP(int, fstat64, EIO, (int fd, struct stat *st), (fd, st))
WRAP(int, renameat, EIO, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, unlinkat, EIO, (int fd, const char *name, int flags), (fd, name, flags))
WRAP(int, mkdirat, ENOSPC, (int fd, const char *name, mode_t mode), (fd, name, mode))

static unsigned int
open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	assert_int_equal(closedir(dir), 0);
	return count;
}

#define HOME_BYTES 32u

/* In memory where there is room for it: nothing here waits for a disk. */
static void
make_home(char home[HOME_BYTES])
{
	(void)strcpy(home, "/dev/shm/hark-unit-XXXXXX");
	if (mkdtemp(home) != NULL)
		return;
	(void)strcpy(home, "/tmp/hark-unit-XXXXXX");
	assert_non_null(mkdtemp(home));
}

static void
remove_home(const char *home)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "rm -r %s", home);
	assert_int_equal(system(line), 0);
}

/* Six commits, of which one begins a new segment; then a checkpoint, a redaction and a pruning. */
static enum err
live_once(struct disk d, uint64_t *acknowledged)
{
	static const struct hark_time now = { 1762348800, 0 };
	struct ledger_failure why = { 0 };
	struct ledger *l = NULL;
	uint64_t first;
	unsigned int i;
	unsigned int k;
	enum err e = ledger_open(d, &book_options, &l, &why);

	if (e != ERR_OK)
		assert_true(why.text[0] != '\0');
	for (i = 0; i < 9 && e == ERR_OK; i++) {
		for (k = 0; k < 15; k++)
			book_append(l, 900);
		e = ledger_state_set(l, &i, sizeof(i), &i, sizeof(i));
		if (e == ERR_OK)
			e = ledger_commit_begin(l, now, UINT64_C(9000000000) * (i + 1));
		if (e == ERR_OK)
			e = ledger_commit_end(l);
		if (e == ERR_OK)
			*acknowledged = ledger_committed_size(l);
	}
	if (e == ERR_OK)
		e = ledger_checkpoint_write(l, "x\n", 2, now, true);
	if (e == ERR_OK)
		e = d.ops->remove(d.ctx, "checkpoint"); /* which is no note */
	if (e == ERR_OK)
		e = ledger_redact(l, 4);
	if (e == ERR_OK)
		e = ledger_prune(l, 135, &first);
	ledger_close(l);
	return e;
}

static enum err
read_all(struct disk d, uint64_t *count_out)
{
	struct ledger_failure why = { 0 };
	struct ledger_reader *r = NULL;
	struct ledger_leaf leaf;
	struct merkle_hash root;
	uint64_t size = 0;
	enum err e = ledger_reader_open(d, &r, &why);

	*count_out = 0;
	while (e == ERR_OK) {
		e = ledger_reader_next(r, UINT64_MAX, &leaf, &why);
		if (e == ERR_OK)
			*count_out = leaf.index + 1;
	}
	if (e == ERR_AGAIN)
		e = ledger_reader_size(r, &size, &why);
	if (e == ERR_OK)
		e = merkle_root_at(ledger_reader_node, r, size, &root);
	if (e == ERR_OK)
		e = ledger_reader_seek(r, 130, &why);
	if (e == ERR_OK)
		assert_int_equal(size, *count_out);
	ledger_reader_close(r);
	return e;
}

static void
each_call_fails_once(void **state)
{
	unsigned int n;
	bool is_whole = false;

	(void)state;
	for (n = 1; !is_whole; n++) {
		char home[HOME_BYTES];
		uint64_t acknowledged = 0;
		uint64_t count = 0;
		unsigned int descriptors;
		struct disk d;
		long before;
		enum err e;
		int fd;

		make_home(home);
		fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(disk_open_real(fd, &d), ERR_OK);
		before = live;
		descriptors = open_descriptors();
		calls = 0;
		fail_at = n;
		e = live_once(d, &acknowledged);
		is_whole = calls < n;
		fail_at = 0;
		/* Where only what is derived or made ahead failed, it went on. */
		assert_true(e == ERR_OK || e == ERR_SYSTEM || e == ERR_MEMORY || e == ERR_MISSING);
		assert_true(!is_whole || e == ERR_OK);
		assert_int_equal(live, before);
		assert_int_equal(open_descriptors(), descriptors);

		(void)d.ops->remove(d.ctx, "checkpoint");
		if (acknowledged > 0) {
			assert_true(read_all(d, &count) == ERR_OK || e != ERR_OK);
			assert_true(count >= acknowledged || e != ERR_OK);
		}
		e = live_once(d, &acknowledged);
		assert_true(e == ERR_OK || e == ERR_EXISTS || e == ERR_MISSING);
		assert_int_equal(read_all(d, &count), ERR_OK);
		assert_int_equal(count, acknowledged);
		disk_close_real(&d);
		assert_int_equal(close(fd), 0);
		remove_home(home);
	}
	assert_true(n > 150);
}

static void
each_call_of_a_reader_fails_once(void **state)
{
	char home[HOME_BYTES];
	uint64_t acknowledged = 0;
	unsigned int descriptors;
	uint64_t count = 0;
	struct disk d;
	unsigned int n;
	long before;
	int fd;

	(void)state;
	make_home(home);
	fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(disk_open_real(fd, &d), ERR_OK);
	assert_int_equal(live_once(d, &acknowledged), ERR_OK);
	before = live;
	descriptors = open_descriptors();
	for (n = 1;; n++) {
		enum err e;

		calls = 0;
		fail_at = n;
		e = read_all(d, &count);
		fail_at = 0;
		assert_int_equal(live, before);
		assert_int_equal(open_descriptors(), descriptors);
		if (calls < n) {
			assert_int_equal(e, ERR_OK);
			break;
		}
		/* A missing position is looked for in another way. */
		if (e != ERR_SYSTEM && e != ERR_MEMORY && e != ERR_OK)
			fail_msg("%u: %d", n, e);
	}
	assert_true(n > 30);
	disk_close_real(&d);
	assert_int_equal(close(fd), 0);
	remove_home(home);
}

static void
wait_for(struct ledger *l)
{
	struct pollfd p = { .fd = ledger_commit_fd(l), .events = POLLIN };

	while (ledger_commit_end(l) == ERR_AGAIN)
		assert_int_equal(poll(&p, 1, -1), 1);
}

/* One batch is written while the next is filled, over several segments. */
static void
a_thread_writes_beside(void **state)
{
	char home[HOME_BYTES];
	struct ledger_options o = book_options;
	struct ledger_failure why = { 0 };
	struct ledger *l = NULL;
	struct merkle_hash root;
	struct merkle_hash own;
	unsigned int again = 0;
	uint64_t count = 0;
	struct disk d;
	unsigned int i;
	int fd;

	(void)state;
	o.is_synchronous = false;
	make_home(home);
	fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(disk_open_real(fd, &d), ERR_OK);
	assert_int_equal(ledger_open(d, &o, &l, &why), ERR_OK);
	assert_true(ledger_commit_fd(l) >= 0);
	for (i = 0; i < 3000; i++) {
		while (ledger_reserve(l) == NULL) {
			enum err e = ledger_commit_begin(l, (struct hark_time){ 1, 0 }, i);

			if (e == ERR_AGAIN) {
				again++;
				wait_for(l);
			}
			/* What is committed can be proven while the next is on its way. */
			assert_int_equal(
				merkle_root_at(ledger_node, l, ledger_committed_size(l), &own),
				ERR_OK);
			ledger_committed_root(l, &root);
			assert_true(ledger_committed_size(l) == 0 || merkle_equal(&own, &root));
		}
		book_append(l, 900);
	}
	wait_for(l);
	assert_int_equal(ledger_commit_begin(l, (struct hark_time){ 1, 0 }, i), ERR_OK);
	wait_for(l);
	assert_int_equal(ledger_committed_size(l), 3000);
	/* Closing waits for what was begun. */
	book_append(l, 900);
	assert_int_equal(ledger_commit_begin(l, (struct hark_time){ 1, 0 }, i), ERR_OK);
	ledger_close(l);
	assert_int_equal(read_all(d, &count), ERR_OK);
	assert_int_equal(count, 3001);
	disk_close_real(&d);
	assert_int_equal(close(fd), 0);
	remove_home(home);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_fails_once),
		cmocka_unit_test(each_call_of_a_reader_fails_once),
		cmocka_unit_test(a_thread_writes_beside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
