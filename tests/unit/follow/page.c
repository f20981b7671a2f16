/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The page: what is published is read whole, from this process and from another. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "follow/page.h"
#include "unit.h"

/* Publications of the race, each with all its members made of one number. */
#define RACE_ROUNDS 200000u

static int
memory_file(off_t size)
{
	int fd = memfd_create("page", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

static struct page_state
state_of(uint64_t n)
{
	struct page_state s = {
		.committed_size = n,
		.serial = n,
		.offset = n,
		.sealed_size = n,
		.is_failing = n % 2 == 1,
	};
	size_t i;

	for (i = 0; i < MERKLE_HASH_BYTES; i += sizeof(n)) {
		memcpy(s.committed_root.bytes + i, &n, sizeof(n));
		memcpy(s.sealed_root.bytes + i, &n, sizeof(n));
	}
	return s;
}

static bool
is_whole(const struct page_state *s)
{
	struct page_state want = state_of(s->committed_size);

	return s->serial == want.serial && s->offset == want.offset &&
	       s->sealed_size == want.sealed_size && s->is_failing == want.is_failing &&
	       memcmp(&s->committed_root, &want.committed_root, sizeof(want.committed_root)) == 0 &&
	       memcmp(&s->sealed_root, &want.sealed_root, sizeof(want.sealed_root)) == 0;
}

static void
maps_nothing_of_another_size(void **state)
{
	struct page *p = NULL;
	int fd = memory_file(PAGE_BYTES - 1);

	(void)state;
	assert_int_equal(page_map_writer(fd, &p), ERR_FORMAT);
	assert_int_equal(page_map_reader(fd, &p), ERR_FORMAT);
	assert_null(p);
	(void)close(fd);
	fd = dup(STDIN_FILENO);
	if (fd >= 0)
		(void)close(fd);
	assert_int_equal(page_map_reader(fd, &p), ERR_SYSTEM);
	page_unmap(NULL);
}

static void
reads_what_was_published(void **state)
{
	struct page *writer = NULL;
	struct page *reader = NULL;
	struct page_state got;
	uint32_t counter = 7;
	uint64_t n;
	int fd = memory_file(PAGE_BYTES);

	(void)state;
	assert_int_equal(page_map_writer(fd, &writer), ERR_OK);
	assert_int_equal(page_map_reader(fd, &reader), ERR_OK);
	assert_false(page_read(reader, &got, &counter));
	assert_int_equal(counter, 0);
	for (n = 1; n < 6; n++) {
		struct page_state s = state_of(n);

		page_publish(writer, &s);
		assert_true(page_read(reader, &got, &counter));
		assert_true(got.committed_size == n && is_whole(&got));
		assert_int_equal(counter, n);
	}
	/* A new writer goes on with the counter of the one before. */
	page_unmap(writer);
	assert_int_equal(page_map_writer(fd, &writer), ERR_OK);
	assert_true(page_read(reader, &got, &counter));
	assert_true(got.committed_size == 5);
	page_publish(writer, &(struct page_state){ .committed_size = 9 });
	assert_true(page_read(reader, &got, &counter));
	assert_true(got.committed_size == 9 && counter == 6);
	page_unmap(writer);
	page_unmap(reader);
	(void)close(fd);
}

/* The counter as it stands in the page: behind the mark. */
static uint32_t *
raw_counter(void *memory)
{
	return (uint32_t *)((char *)memory + 8);
}

static void
the_counter_comes_round_without_zero(void **state)
{
	struct page *writer = NULL;
	struct page_state s = state_of(1);
	struct page_state got;
	uint32_t counter = 0;
	int fd = memory_file(PAGE_BYTES);

	(void)state;
	assert_int_equal(page_map_writer(fd, &writer), ERR_OK);
	page_publish(writer, &s);
	*raw_counter(writer) = UINT32_MAX;
	s = state_of(2);
	page_publish(writer, &s);
	assert_true(page_read(writer, &got, &counter));
	assert_int_equal(counter, 2);
	assert_true(got.committed_size == 2);
	page_unmap(writer);
	(void)close(fd);
}

static void
believes_no_page_that_contradicts_itself(void **state)
{
	struct page *writer = NULL;
	struct page_state s = state_of(3);
	struct page_state got;
	uint32_t counter = 0;
	int fd = memory_file(PAGE_BYTES);
	uint64_t zero = 0;

	(void)state;
	assert_int_equal(page_map_writer(fd, &writer), ERR_OK);
	page_publish(writer, &s);
	assert_true(page_read(writer, &got, &counter));
	assert_int_equal(pwrite(fd, &zero, 8, 2048), 8); /* committed_size of slot 1 */
	assert_false(page_read(writer, &got, &counter));
	page_publish(writer, &s);
	assert_true(page_read(writer, &got, &counter));
	assert_int_equal(pwrite(fd, &zero, 8, 0), 8); /* the mark */
	assert_false(page_read(writer, &got, &counter));
	page_unmap(writer);
	(void)close(fd);
}

/* Another process publishes as fast as it can: nothing that is read is torn, nothing goes back. */
static void
a_reader_beside_a_writer_sees_whole_states(void **state)
{
	struct page *page = NULL;
	struct page_state got;
	uint32_t counter = 0;
	uint64_t last = 0;
	uint64_t seen = 0;
	int fd = memory_file(PAGE_BYTES);
	int status = 0;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		uint64_t n;

		if (page_map_writer(fd, &page) != ERR_OK)
			_exit(1);
		for (n = 1; n <= RACE_ROUNDS; n++) {
			struct page_state s = state_of(n);

			page_publish(page, &s);
		}
		_exit(0);
	}
	assert_int_equal(page_map_reader(fd, &page), ERR_OK);
	while (last < RACE_ROUNDS) {
		if (!page_read(page, &got, &counter)) {
			page_wait(page, counter, -1);
			continue;
		}
		assert_true(is_whole(&got));
		assert_true(got.committed_size >= last);
		seen += got.committed_size > last;
		last = got.committed_size;
		if (seen % 64 == 0 && last < RACE_ROUNDS)
			page_wait(page, counter, -1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(seen > 1);
	page_unmap(page);
	(void)close(fd);
}

static void
waits_no_longer_than_told(void **state)
{
	struct page *page = NULL;
	int fd = memory_file(PAGE_BYTES);

	(void)state;
	assert_int_equal(page_map_reader(fd, &page), ERR_OK);
	page_wait(page, 1, -1); /* it is another one already */
	page_wait(page, 0, 1);
	page_unmap(page);
	(void)close(fd);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_nothing_of_another_size),
		cmocka_unit_test(reads_what_was_published),
		cmocka_unit_test(the_counter_comes_round_without_zero),
		cmocka_unit_test(believes_no_page_that_contradicts_itself),
		cmocka_unit_test(a_reader_beside_a_writer_sees_whole_states),
		cmocka_unit_test(waits_no_longer_than_told),
	};

	return cmocka_run_group_tests_name("follow/page", tests, NULL, NULL);
}
