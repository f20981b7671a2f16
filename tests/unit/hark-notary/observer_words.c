/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Durable, then said, where a batch is written by a thread while the next one is filled: what is in
 * the next one is not told with the end of the first. */
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/disk.h"

#include "observer_world.h"

struct told {
	struct page_state pages[PROTO_LEDGERS];
	unsigned int count;
	char last[8];
};

static void
on_answer(void *ctx, const struct notary_answer *answer)
{
	(void)ctx;
	(void)answer;
}

static void
on_publish(void *ctx, enum proto_ledger ledger, const struct page_state *state)
{
	struct told *t = ctx;

	t->pages[ledger] = *state;
}

static void
on_trapped(void *ctx, const struct notary_trapped *trapped)
{
	struct told *t = ctx;

	assert_true(trapped->index < t->pages[PROTO_OPERATIONS].committed_size);
	(void)snprintf(t->last, sizeof(t->last), "%.*s", (int)trapped->observer.size,
		       (const char *)trapped->observer.data);
	t->count++;
}

static int
remove_one(const char *path, const struct stat *info, int flag, struct FTW *where)
{
	(void)info;
	(void)flag;
	(void)where;
	return remove(path);
}

static struct ledger *
open_ledger(const char *top, const char *name, struct disk *disk)
{
	char path[256];
	const struct ledger_options options = { .origin = name, .salt = { 1, 2 } };
	struct ledger_failure why = { 0 };
	struct ledger *l = NULL;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	assert_int_equal(mkdir(path, 0700), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(disk_open_real(fd, disk), ERR_OK);
	assert_int_equal(close(fd), 0);
	if (ledger_open(*disk, &options, &l, &why) != ERR_OK)
		fail_msg("%s", why.text);
	return l;
}

/* Waits for the end of the commit that is under way. */
static void
wait_for_commit(const struct notary *n)
{
	struct pollfd p = { .fd = notary_commit_fd(n, PROTO_OPERATIONS), .events = POLLIN };

	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 30000), 1);
}

static void
what_is_in_the_next_batch_is_not_told_with_the_first(void **state)
{
	static const struct notary_ops ops = { .answer = on_answer,
					       .publish = on_publish,
					       .trapped = on_trapped };
	static const struct notary_options options = { .clean = true,
						       .batch_bytes = LEDGER_BATCH_BYTES_MAX,
						       .tick_ms = 60000,
						       .checkpoint_ms = 1000 };
	char top[] = "/tmp/words.XXXXXX";
	struct disk disks[PROTO_LEDGERS];
	struct ledger *ledgers[PROTO_LEDGERS];
	struct world w = { .now = { .real = { 1762348800, 0 }, .monotonic_ns = SECOND_NS } };
	struct told told = { .count = 0 };

	(void)state;
	assert_non_null(mkdtemp(top));
	ledgers[PROTO_EVIDENCE] = open_ledger(top, "evidence", &disks[PROTO_EVIDENCE]);
	ledgers[PROTO_OPERATIONS] = open_ledger(top, "operations", &disks[PROTO_OPERATIONS]);
	assert_int_equal(notary_create(ledgers, &options, &ops, &told, &w.now, &w.core), ERR_OK);
	notary_begin(w.core, &w.now);
	assert_int_equal(world_observer(&w, "a", 1, 3, 0), ERR_OK);
	assert_int_equal(world_observer(&w, "b", 2, 3, 0), ERR_OK);
	world_report(&w, "a", NO_EVENT);
	notary_tick(w.core, &w.now); /* the first batch goes */
	world_report(&w, "b", NO_EVENT);
	/* on_trapped looks whether it is durable. */
	while (told.count < 2) {
		notary_tick(w.core, &w.now);
		if (told.count < 2)
			wait_for_commit(w.core);
	}
	assert_string_equal(told.last, "b");
	notary_destroy(w.core);
	disk_close_real(&disks[0]);
	disk_close_real(&disks[1]);
	assert_int_equal(nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_the_next_batch_is_not_told_with_the_first),
	};

	return cmocka_run_group_tests_name("hark-notary/observer_words", tests, NULL, NULL);
}
