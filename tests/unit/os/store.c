/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files that change whole: after a fault at any call, and a crash before it, old bytes or new. */
#include <string.h>

#include "os/store.h"
#include "unit/os/folder.h"
#include "unit/os/store_faults.h"

static void
expect(const struct folder *f, const char *name, const char *text)
{
	char found[64];

	assert_int_equal(folder_read(f, name, found, sizeof(found)), strlen(text));
	assert_string_equal(found, text);
}

static void
makes_replaces_renames_removes(void **state)
{
	struct folder f;

	(void)state;
	folder_make(&f);
	assert_int_equal(store_replace(f.fd, "a", 0644, "one", 3), ERR_OK);
	assert_int_equal(folder_mode(&f, "a"), 0644);
	expect(&f, "a", "one");
	assert_int_equal(store_create(f.fd, "a", 0600, "two", 3), ERR_EXISTS);
	expect(&f, "a", "one");
	assert_int_equal(store_replace(f.fd, "a", 0600, "two", 3), ERR_OK);
	assert_int_equal(folder_mode(&f, "a"), 0600);
	expect(&f, "a", "two");
	assert_int_equal(store_create(f.fd, "b", 0640, "", 0), ERR_OK);
	assert_int_equal(folder_mode(&f, "b"), 0640);
	expect(&f, "b", "");
	assert_int_equal(store_rename(f.fd, "a", "b"), ERR_OK);
	expect(&f, "b", "two");
	assert_int_equal(store_rename(f.fd, "a", "b"), ERR_MISSING);
	assert_int_equal(store_remove(f.fd, "b"), ERR_OK);
	assert_int_equal(store_remove(f.fd, "b"), ERR_MISSING);
	assert_int_equal(folder_count(&f), 0);
	/* What a crash has left beside is replaced, also a symlink, which is not followed. */
	assert_int_equal(symlinkat("elsewhere", f.fd, "a.new"), 0);
	assert_int_equal(store_create(f.fd, "a", 0600, "one", 3), ERR_OK);
	assert_false(folder_has(&f, "elsewhere"));
	assert_int_equal(folder_count(&f), 1);
	folder_remove(&f);
}

/* Whole as the others are, but durable only by who syncs afterwards. */
static void
puts_many(void **state)
{
	struct folder f;

	(void)state;
	folder_make(&f);
	assert_int_equal(store_put(f.fd, "a", 0644, "one", 3), ERR_OK);
	assert_int_equal(store_put(f.fd, "a", 0640, "two", 3), ERR_OK);
	assert_int_equal(folder_mode(&f, "a"), 0640);
	expect(&f, "a", "two");
	assert_int_equal(symlinkat("elsewhere", f.fd, "b"), 0);
	assert_int_equal(store_put(f.fd, "b", 0644, "b", 1), ERR_OK);
	assert_false(folder_has(&f, "elsewhere"));
	expect(&f, "b", "b");
	assert_int_equal(folder_count(&f), 2);
	folder_remove(&f);
}

static void
reads_and_writes_in_place(void **state)
{
	char text[16] = { 0 };
	struct folder f;
	size_t size = 77;
	int fd = -1;

	(void)state;
	folder_make(&f);
	assert_int_equal(store_open(f.fd, "a", &fd), ERR_MISSING);
	folder_write(&f, "a", "0123456789", 10, 0600);
	assert_int_equal(symlinkat("a", f.fd, "link"), 0);
	assert_int_equal(store_open(f.fd, "link", &fd), ERR_SYSTEM);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(fd, -1);
	assert_int_equal(store_open(f.fd, "a", &fd), ERR_OK);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(store_write_at(fd, 3, "abc", 3), ERR_OK);
	assert_int_equal(store_sync(fd), ERR_OK);
	assert_int_equal(store_read_at(fd, 2, text, 5, &size), ERR_OK);
	assert_int_equal(size, 5);
	assert_string_equal(text, "2abc6");
	assert_int_equal(store_read_at(fd, 8, text, 5, &size), ERR_OK);
	assert_int_equal(size, 2);
	assert_int_equal(store_read_at(fd, 80, text, 5, &size), ERR_OK);
	assert_int_equal(size, 0);
	file_close(&fd);
	folder_remove(&f);
}

/* A crash of the machine keeps what was synced, in the order in which it was: a test sees only the
 * order. */
static void
synced_before_renamed(void **state)
{
	static const char order[] = "unlinkat openat64 fchmod write fsync syscall openat64 fsync ";
	struct folder f;

	(void)state;
	folder_make(&f);
	fault_start(1000, false);
	assert_int_equal(store_create(f.fd, "a", 0600, "one", 3), ERR_OK);
	assert_string_equal(fault.trace, order);
	fault_start(1000, false);
	assert_int_equal(store_replace(f.fd, "a", 0600, "two", 3), ERR_OK);
	assert_string_equal(fault.trace, order);
	fault_start(1000, false);
	assert_int_equal(store_rename(f.fd, "a", "b"), ERR_OK);
	assert_string_equal(fault.trace, "renameat openat64 fsync ");
	fault_start(1000, false);
	assert_int_equal(store_remove(f.fd, "b"), ERR_OK);
	assert_string_equal(fault.trace, "unlinkat openat64 fsync ");
	(void)fault_stop();
	folder_remove(&f);
}

static void
every_fault_and_crash(void **state)
{
	unsigned int how;
	unsigned int n;

	(void)state;
	for (how = 0; how < 4; how++) {
		bool replace = (how & 1) != 0;

		for (n = 1;; n++) {
			struct folder f;
			char text[16];
			int before;
			enum err e;

			folder_make(&f);
			if (replace)
				folder_write(&f, "a", "old", 3, 0600);
			before = fault_next_descriptor();
			fault_start(n, (how & 2) != 0);
			e = replace ? store_replace(f.fd, "a", 0600, "new", 3)
				    : store_create(f.fd, "a", 0600, "new", 3);
			if (!fault_stop()) {
				assert_int_equal(e, ERR_OK);
				folder_remove(&f);
				break;
			}
			assert_int_equal(fault_next_descriptor(), before);
			assert_int_equal(e, ERR_SYSTEM);
			if (folder_has(&f, "a")) {
				(void)folder_read(&f, "a", text, sizeof(text));
				assert_true(strcmp(text, "new") == 0 ||
					    (replace && strcmp(text, "old") == 0));
			} else {
				assert_false(replace);
			}
			/* And the next time it works, whatever was left. */
			assert_int_equal(store_replace(f.fd, "a", 0600, "new", 3), ERR_OK);
			assert_int_equal(folder_count(&f), 1);
			folder_remove(&f);
		}
		assert_true(n > 6);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_replaces_renames_removes),
		cmocka_unit_test(puts_many),
		cmocka_unit_test(reads_and_writes_in_place),
		cmocka_unit_test(synced_before_renamed),
		cmocka_unit_test(every_fault_and_crash),
	};

	return cmocka_run_group_tests_name("os/store", tests, NULL, NULL);
}
