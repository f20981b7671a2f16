/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "given.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hark/observer.h>

#include "crypto/sha256.h"
#include "follow/page.h"
#include "ledger/ledger.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/memfd.h"
#include "proto/options.h"
#include "unit.h"
#include "unit/observer/fake_engine.h"

/* ---- the module ---------------------------------------------------------------------------- */

/* One effect an event: its index.  At one event it traps, where the story has a trap. */
static bool
module_runs(void *ctx, struct engine_caller *caller)
{
	const struct hark_event_record *event = (const void *)fake.memory;
	int32_t size = 0;

	(void)ctx;
	for (;;) {
		if (!fake_call(caller, "event", "next", 0, HARK_EVENT_RECORD_BYTES_MAX, &size))
			return false;
		if (size == 0)
			return true;
		if (given.traps && event->index == GIVEN_TRAP_AT)
			fake.traps_with = HARK_OBSERVER_REASON_UNREACHABLE;
		if (!fake_call(caller, "pg", "write", 8, 8, &size))
			return false;
	}
}

static bool
module_code(void *ctx, struct engine_caller *caller)
{
	fake.traps_with = HARK_OBSERVER_REASON_NONE;
	return module_runs(ctx, caller);
}

static void
module_is_made(void)
{
	static const struct {
		const char *module, *name, *results;
	} imported[] = {
		{ "arkhe:observer/event", "next", "i" },
		{ "arkhe:observer/pg", "write", "" },
	};
	static struct engine_item imports[2];
	static uint8_t memory[8192];
	size_t i;

	for (i = 0; i < COUNT_OF(imports); i++)
		imports[i] = fake_import(imported[i].module, imported[i].name, "ii",
					 imported[i].results);
	fake = (struct fake){ .imports = imports,
			      .import_count = COUNT_OF(imports),
			      .exports_observer = true,
			      .observer_is_function = true,
			      .code = module_code,
			      .memory = memory,
			      .memory_size = sizeof(memory) };
}

/* ---- what it is given ---------------------------------------------------------------------- */

struct given given;
static char path[32];
static struct disk disk;
static struct ledger *ledger;
static struct page *page;

static void
append_leaf(uint64_t index)
{
	char *at = ledger_reserve(ledger);

	assert_non_null(at);
	ledger_append(ledger, (size_t)snprintf(
				      at, 256,
				      "{\"data\":{\"cellId\":\"c\"},\"id\":\"h/evidence/%llu\","
				      "\"time\":\"2026-11-21T13:20:00.123456789Z\",\"type\":\"t\"}",
				      (unsigned long long)index));
}

int
given_set_up(void **state)
{
	static const struct ledger_options options = { .origin = "h/evidence",
						       .segment_bytes = 1 << 22,
						       .batch_bytes = 1 << 20 };
	struct page_state committed = { .committed_size = GIVEN_LEAVES };
	uint8_t digest[SHA256_BYTES];
	struct ledger_failure why;
	char text[72] = "sha256:";
	uint64_t i;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/hark-unit-XXXXXX");
	assert_non_null(mkdtemp(path));
	assert_int_equal(folder_open_path(path, &given.dirfd), ERR_OK);
	assert_int_equal(memfd_make("page", PAGE_BYTES, &given.page_fd), ERR_OK);
	assert_int_equal(disk_open_real(given.dirfd, &disk), ERR_OK);
	assert_int_equal(ledger_open(disk, &options, &ledger, &why), ERR_OK);
	assert_int_equal(page_map_writer(given.page_fd, &page), ERR_OK);
	for (i = 0; i < GIVEN_LEAVES; i++)
		append_leaf(i);
	assert_int_equal(ledger_commit_begin(ledger, (struct hark_time){ .seconds = 1 }, 1),
			 ERR_OK);
	while (ledger_commit_end(ledger) == ERR_AGAIN) {
		struct pollfd item = { .fd = ledger_commit_fd(ledger), .events = POLLIN };

		assert_true(poll(&item, 1, -1) >= 0);
	}
	page_publish(page, &committed);

	module_is_made();
	sha256_of("fake", 4, digest);
	for (i = 0; i < sizeof(digest); i++)
		(void)snprintf(text + 7 + 2 * i, 3, "%02x", digest[i]);
	assert_int_equal(options_add_text(&given.options, OPTION_DIGEST, text, 71), ERR_OK);
	assert_int_equal(options_add_number(&given.options, OPTION_TOKENS, 1), ERR_OK);
	assert_int_equal(options_add_number(&given.options, OPTION_BATCH, 4), ERR_OK);
	given.module_fd = memfd_create("module", MFD_CLOEXEC);
	assert_int_equal(write(given.module_fd, "fake", 4), 4);
	return 0;
}

int
given_tear_down(void **state)
{
	char command[64];

	(void)state;
	ledger_close(ledger);
	page_unmap(page);
	disk_close_real(&disk);
	file_close(&given.dirfd);
	file_close(&given.page_fd);
	file_close(&given.module_fd);
	buf_finish(&given.options);
	(void)snprintf(command, sizeof(command), "rm -r %s", path);
	return system(command);
}
