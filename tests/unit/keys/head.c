/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The head: what was synced last is what is read, whatever is torn, and nothing else is believed.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/crc32c.h"
#include "keys/head.h"
#include "unit/os/folder.h"

#define ORIGIN "h.example/evidence"

ssize_t __real_pwrite64(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t offset);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

/* What the next write or sync does: -1 is all of it, else so many bytes and then EIO. */
static long write_bytes = -1;
static bool sync_fails;
static unsigned int syncs;
static unsigned int writes_since_sync;

ssize_t
__wrap_pwrite64(int fd, const void *data, size_t size, off_t offset)
{
	writes_since_sync++;
	if (write_bytes < 0)
		return __real_pwrite64(fd, data, size, offset);
	if (write_bytes > 0) {
		size_t part = (size_t)write_bytes;

		write_bytes = 0;
		return __real_pwrite64(fd, data, part, offset);
	}
	errno = EIO;
	return -1;
}

int
__wrap_fdatasync(int fd)
{
	if (sync_fails) {
		errno = EIO;
		return -1;
	}
	syncs++;
	writes_since_sync = 0;
	return __real_fdatasync(fd);
}

static const uint8_t *
root_of(uint64_t size)
{
	static uint8_t root[HEAD_ROOT_BYTES];

	memset(root, (int)(size * 37 + 1), sizeof(root));
	return root;
}

static void
make(const struct folder *f, struct head *h)
{
	assert_int_equal(head_create(f->fd, "head", ORIGIN, root_of(0)), ERR_OK);
	assert_int_equal(head_open(f->fd, "head", ORIGIN, h, NULL), ERR_OK);
}

static void
expect(const struct folder *f, uint64_t size)
{
	struct head h = { .fd = -1 };

	assert_int_equal(head_open(f->fd, "head", ORIGIN, &h, NULL), ERR_OK);
	assert_true(h.size == size);
	assert_memory_equal(h.root, root_of(size), HEAD_ROOT_BYTES);
	head_close(&h);
	head_close(&h);
	assert_int_equal(h.fd, -1);
}

static void
keeps_what_it_was_told(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 2, 100, UINT64_C(1) << 40, UINT64_MAX };
	struct folder f;
	struct head h;
	size_t i;

	(void)state;
	folder_make(&f);
	make(&f, &h);
	assert_int_equal(folder_mode(&f, "head"), 0600);
	expect(&f, 0);
	assert_int_equal(head_create(f.fd, "head", ORIGIN, root_of(0)), ERR_EXISTS);
	for (i = 0; i < COUNT_OF(sizes); i++) {
		syncs = 0;
		assert_int_equal(head_advance(&h, sizes[i], root_of(sizes[i])), ERR_OK);
		/* Durable when it returns. */
		assert_int_equal(syncs, 1);
		assert_int_equal(writes_since_sync, 0);
		expect(&f, sizes[i]);
	}
	head_close(&h);
	folder_remove(&f);
}

/* A write that stops after any of its bytes leaves the head before, and the next one works. */
static void
every_torn_write(void **state)
{
	struct folder f;
	struct head h;
	long cut;

	(void)state;
	folder_make(&f);
	make(&f, &h);
	for (cut = 0; cut < (long)HEAD_SLOT_BYTES; cut++) {
		uint64_t next = h.size + 3;

		write_bytes = cut;
		assert_int_equal(head_advance(&h, next, root_of(next)), ERR_SYSTEM);
		write_bytes = -1;
		assert_true(h.size == next - 3);
		expect(&f, next - 3);
		assert_int_equal(head_advance(&h, next, root_of(next)), ERR_OK);
		expect(&f, next);
	}
	sync_fails = true;
	assert_int_equal(head_advance(&h, UINT64_MAX, root_of(0)), ERR_SYSTEM);
	sync_fails = false;
	assert_true(h.size == 3 * HEAD_SLOT_BYTES);
	assert_int_equal(head_advance(&h, h.size + 1, root_of(h.size + 1)), ERR_OK);
	expect(&f, 3 * HEAD_SLOT_BYTES + 1);
	head_close(&h);
	folder_remove(&f);
}

/* One flipped bit of the newest slot: the one before counts.  Of both: nothing is believed. */
static void
every_flipped_bit(void **state)
{
	uint8_t bytes[HEAD_SLOT_STEP + HEAD_SLOT_BYTES + 1];
	struct head h = { .fd = -1 };
	struct keys_failure why;
	struct folder f;
	size_t size;
	size_t bit;

	(void)state;
	folder_make(&f);
	make(&f, &h);
	assert_int_equal(head_advance(&h, 8, root_of(8)), ERR_OK);
	assert_int_equal(head_advance(&h, 9, root_of(9)), ERR_OK);
	head_close(&h);
	size = folder_read(&f, "head", bytes, sizeof(bytes));
	assert_int_equal(size, HEAD_SLOT_STEP + HEAD_SLOT_BYTES);
	for (bit = 0; bit < HEAD_SLOT_BYTES * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		folder_write(&f, "head", bytes, size, 0600);
		expect(&f, 8);
		bytes[HEAD_SLOT_STEP + bit / 8] ^= (uint8_t)(1 << bit % 8);
		folder_write(&f, "head", bytes, size, 0600);
		assert_int_equal(head_open(f.fd, "head", ORIGIN, &h, &why), ERR_FORMAT);
		assert_non_null(strstr(why.text, "head: damaged: neither slot holds"));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		folder_write(&f, "head", bytes, size, 0600);
		expect(&f, 9);
		bytes[HEAD_SLOT_STEP + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	folder_remove(&f);
}

static void
every_truncation(void **state)
{
	uint8_t bytes[HEAD_SLOT_STEP + HEAD_SLOT_BYTES + 1];
	struct head h = { .fd = -1 };
	struct folder f;
	size_t size;
	size_t cut;

	(void)state;
	folder_make(&f);
	make(&f, &h);
	assert_int_equal(head_advance(&h, 8, root_of(8)), ERR_OK);
	assert_int_equal(head_advance(&h, 9, root_of(9)), ERR_OK);
	head_close(&h);
	size = folder_read(&f, "head", bytes, sizeof(bytes));
	for (cut = 0; cut <= size; cut++) {
		folder_write(&f, "head", bytes, cut, 0600);
		if (cut >= HEAD_SLOT_BYTES)
			expect(&f, 9);
		else
			assert_int_equal(head_open(f.fd, "head", ORIGIN, &h, NULL), ERR_FORMAT);
	}
	/* The slots in each other's places are no heads. */
	memset(bytes + HEAD_SLOT_BYTES, 0, HEAD_SLOT_STEP - HEAD_SLOT_BYTES);
	memmove(bytes + HEAD_SLOT_STEP, bytes, HEAD_SLOT_BYTES);
	memset(bytes, 0, HEAD_SLOT_BYTES);
	folder_write(&f, "head", bytes, size, 0600);
	assert_int_equal(head_open(f.fd, "head", ORIGIN, &h, NULL), ERR_FORMAT);
	folder_remove(&f);
}

/* A CRC that is right does not make another version or another origin ours. */
static void
others(void **state)
{
	uint8_t bytes[HEAD_SLOT_STEP + HEAD_SLOT_BYTES + 1];
	struct head h = { .fd = -1 };
	struct keys_failure why;
	struct folder f;
	uint32_t crc;
	size_t size;

	(void)state;
	folder_make(&f);
	make(&f, &h);
	head_close(&h);
	assert_int_equal(head_open(f.fd, "none", ORIGIN, &h, &why), ERR_MISSING);
	assert_string_equal(why.text, "none: No such file or directory");
	assert_int_equal(head_open(f.fd, "head", "h.example/operations", &h, &why), ERR_REFUSED);
	assert_string_equal(why.text, "head: it is of another origin than h.example/operations");
	size = folder_read(&f, "head", bytes, sizeof(bytes));
	folder_write(&f, "head", bytes, size, 0640);
	expect(&f, 0);
	folder_write(&f, "head", bytes, size, 0660);
	assert_int_equal(head_open(f.fd, "head", ORIGIN, &h, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "head: it has mode 0660"));
	bytes[8] = 2;
	crc = crc32c_of(bytes, 124);
	memcpy(bytes + 124, &crc, 4);
	folder_write(&f, "head", bytes, size, 0600);
	assert_int_equal(head_open(f.fd, "head", ORIGIN, &h, &why), ERR_FORMAT);
	assert_int_equal(symlinkat("head", f.fd, "link"), 0);
	assert_int_equal(head_open(f.fd, "link", ORIGIN, &h, &why), ERR_REFUSED);
	assert_int_equal(mkfifoat(f.fd, "fifo", 0600), 0);
	assert_int_equal(head_open(f.fd, "fifo", ORIGIN, &h, &why), ERR_REFUSED);
	assert_int_equal(head_open(f.fd, ".", ORIGIN, &h, &why), ERR_REFUSED);
	assert_int_equal(h.fd, -1);
	folder_remove(&f);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_it_was_told),
		cmocka_unit_test(every_torn_write),
		cmocka_unit_test(every_flipped_bit),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(others),
	};

	if (keys_start() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("keys/head", tests, NULL, NULL);
}
