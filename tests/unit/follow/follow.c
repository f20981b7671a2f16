/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A follower beside a real writer: what is published it gives, and nothing past it. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "follow/follow.h"
#include "ledger/ledger.h"
#include "unit.h"

/* A ledger in a folder of the test's, with its page. */
struct hot {
	char path[32];
	int dirfd;
	int page_fd;
	struct disk disk;
	struct ledger *ledger;
	struct page *page;
	uint64_t next;
};

static void
hot_open(struct hot *h)
{
	static const struct ledger_options options = { .origin = "host/evidence",
						       .segment_bytes = 1 << 22,
						       .batch_bytes = 1 << 20 };
	struct ledger_failure why;

	*h = (struct hot){ .path = "/tmp/hark-unit-XXXXXX" };
	assert_non_null(mkdtemp(h->path));
	h->dirfd = open(h->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	h->page_fd = memfd_create("page", MFD_CLOEXEC);
	assert_true(h->dirfd >= 0 && h->page_fd >= 0);
	assert_int_equal(ftruncate(h->page_fd, PAGE_BYTES), 0);
	assert_int_equal(disk_open_real(h->dirfd, &h->disk), ERR_OK);
	assert_int_equal(ledger_open(h->disk, &options, &h->ledger, &why), ERR_OK);
	assert_int_equal(page_map_writer(h->page_fd, &h->page), ERR_OK);
}

static void
hot_close(struct hot *h)
{
	char command[64];
	pid_t pid;

	ledger_close(h->ledger);
	page_unmap(h->page);
	disk_close_real(&h->disk);
	(void)close(h->dirfd);
	(void)close(h->page_fd);
	(void)snprintf(command, sizeof(command), "%s", h->path);
	pid = fork();
	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", "--", command, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Appends `count` leaves, "leaf <index>", durable. */
static void
hot_append(struct hot *h, unsigned int count)
{
	enum err e;

	while (count-- > 0) {
		char *at = ledger_reserve(h->ledger);

		assert_non_null(at);
		ledger_append(h->ledger,
			      (size_t)snprintf(at, 64, "leaf %llu", (unsigned long long)h->next++));
	}
	e = ledger_commit_begin(h->ledger, (struct hark_time){ .seconds = 1 }, 1);
	assert_int_equal(e, ERR_OK);
	while ((e = ledger_commit_end(h->ledger)) == ERR_AGAIN) {
		struct pollfd item = { .fd = ledger_commit_fd(h->ledger), .events = POLLIN };

		assert_true(poll(&item, 1, -1) >= 0);
	}
	assert_int_equal(e, ERR_OK);
}

static void
hot_publish(struct hot *h, uint64_t committed)
{
	struct page_state state = { .committed_size = committed };

	page_publish(h->page, &state);
}

static void
expect_leaf(struct follow *f, uint64_t index)
{
	struct ledger_failure why = { 0 };
	struct ledger_leaf leaf;
	char want[32];
	int size = snprintf(want, sizeof(want), "leaf %llu", (unsigned long long)index);

	if (follow_next(f, &leaf, &why) != ERR_OK)
		fail_msg("leaf %llu: %s", (unsigned long long)index, why.text);
	assert_int_equal(leaf.index, index);
	assert_int_equal(leaf.data.size, size);
	assert_memory_equal(leaf.data.data, want, (size_t)size);
}

static void
nothing_past_the_page_is_given(void **state)
{
	struct ledger_failure why;
	struct ledger_leaf leaf;
	struct follow *f = NULL;
	struct hot h;
	uint64_t size = 77;

	(void)state;
	hot_open(&h);
	hot_append(&h, 3);
	hot_append(&h, 4);
	assert_int_equal(follow_open(h.dirfd, h.page_fd, &f, &why), ERR_OK);
	assert_string_equal(follow_origin(f), "host/evidence");
	assert_int_equal(follow_first(f), 0);
	/* Before the writer has published, nothing is there. */
	assert_int_equal(follow_size(f, &size, &why), ERR_OK);
	assert_int_equal(size, 0);
	assert_int_equal(follow_seek(f, 0, &why), ERR_OK);
	assert_int_equal(follow_seek(f, 1, &why), ERR_AGAIN);
	assert_int_equal(follow_next(f, &leaf, &why), ERR_AGAIN);
	hot_publish(&h, 3);
	expect_leaf(f, 0);
	expect_leaf(f, 1);
	expect_leaf(f, 2);
	assert_int_equal(follow_next(f, &leaf, &why), ERR_AGAIN);
	assert_int_equal(follow_seek(f, 3, &why), ERR_OK);
	assert_int_equal(follow_next(f, &leaf, &why), ERR_AGAIN);
	assert_int_equal(follow_seek(f, 4, &why), ERR_AGAIN);
	/* Within a frame too. */
	hot_publish(&h, 5);
	assert_int_equal(follow_seek(f, 4, &why), ERR_OK);
	expect_leaf(f, 4);
	assert_int_equal(follow_next(f, &leaf, &why), ERR_AGAIN);
	hot_publish(&h, 7);
	expect_leaf(f, 5);
	expect_leaf(f, 6);
	assert_int_equal(follow_next(f, &leaf, &why), ERR_AGAIN);
	follow_closep(&f);
	assert_null(f);
	hot_close(&h);
}

static void
a_follower_is_woken_by_the_page(void **state)
{
	struct ledger_failure why;
	struct ledger_leaf leaf;
	struct follow *f = NULL;
	struct hot h;
	pid_t pid;
	int status = 0;

	(void)state;
	hot_open(&h);
	hot_append(&h, 1);
	hot_publish(&h, 1);
	assert_int_equal(follow_open(h.dirfd, h.page_fd, &f, &why), ERR_OK);
	assert_int_equal(follow_seek(f, 1, &why), ERR_OK);
	assert_int_equal(follow_next(f, &leaf, &why), ERR_AGAIN);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Waits for ever where it is not woken: the test's limit ends it. */
		enum err e;

		while ((e = follow_next(f, &leaf, &why)) == ERR_AGAIN)
			follow_wait(f, -1);
		_exit(e == ERR_OK && leaf.index == 1 ? 0 : 1);
	}
	hot_append(&h, 1);
	hot_publish(&h, 2);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	follow_closep(&f);
	hot_close(&h);
}

static void
a_cold_ledger_ends_with_its_frames(void **state)
{
	struct ledger_failure why;
	struct ledger_leaf leaf;
	struct follow *f = NULL;
	struct hot h;
	uint64_t size = 0;

	(void)state;
	hot_open(&h);
	hot_append(&h, 5);
	assert_int_equal(follow_open(h.dirfd, -1, &f, &why), ERR_OK);
	assert_int_equal(follow_size(f, &size, &why), ERR_OK);
	assert_int_equal(size, 5);
	assert_int_equal(follow_seek(f, 3, &why), ERR_OK);
	expect_leaf(f, 3);
	expect_leaf(f, 4);
	assert_int_equal(follow_next(f, &leaf, &why), ERR_AGAIN);
	assert_int_equal(follow_seek(f, 5, &why), ERR_OK);
	assert_int_equal(follow_seek(f, 6, &why), ERR_AGAIN);
	/* It waits for the time alone, and the time is none. */
	follow_wait(f, 0);
	follow_closep(&f);
	hot_close(&h);
}

static void
what_is_no_ledger_is_refused(void **state)
{
	char path[] = "/tmp/hark-unit-XXXXXX";
	struct ledger_failure why;
	struct follow *f = NULL;
	int page_fd = memfd_create("page", MFD_CLOEXEC);
	int dirfd;

	(void)state;
	assert_non_null(mkdtemp(path));
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(follow_open(dirfd, -1, &f, &why), ERR_MISSING);
	assert_true(why.text[0] != '\0');
	/* A page of another size. */
	assert_int_equal(follow_open(dirfd, page_fd, &f, &why), ERR_FORMAT);
	assert_true(why.text[0] != '\0');
	assert_null(f);
	(void)close(dirfd);
	(void)close(page_fd);
	assert_int_equal(rmdir(path), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_past_the_page_is_given),
		cmocka_unit_test(a_follower_is_woken_by_the_page),
		cmocka_unit_test(a_cold_ledger_ends_with_its_frames),
		cmocka_unit_test(what_is_no_ledger_is_refused),
	};

	return cmocka_run_group_tests_name("follow/follow", tests, NULL, NULL);
}
