/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ledgers on a simulated disk, and leaves that are known by their index. */
#ifndef TESTS_UNIT_LEDGER_BOOK_H
#define TESTS_UNIT_LEDGER_BOOK_H

#include <stdio.h>
#include <string.h>

#include "ledger/ledger.h"
#include "ledger/reader.h"
#include "sim/disk.h"
#include "unit.h"

#define BOOK_ORIGIN        "host7.example/evidence"
#define BOOK_SEGMENT_BYTES (UINT64_C(512) + 2 * LEDGER_BATCH_BYTES_MIN)

static const struct ledger_options book_options = {
	.origin = BOOK_ORIGIN,
	.segment_bytes = BOOK_SEGMENT_BYTES,
	.batch_bytes = LEDGER_BATCH_BYTES_MIN,
	.salt = { 11, 22 },
	.is_synchronous = true,
};

/* A leaf of `size` bytes (at least 40) that names its index. */
static inline void
book_leaf(uint64_t index, size_t size, char *out)
{
	int n = snprintf(out, 40, "{\"leaf\":%llu}", (unsigned long long)index);

	memset(out + n, 'a' + (int)(index % 26), size - (size_t)n);
}

static inline void
book_append(struct ledger *l, size_t size)
{
	char *at = ledger_reserve(l);

	assert_non_null(at);
	book_leaf(ledger_next_index(l), size, at);
	ledger_append(l, size);
}

static inline void
book_commit(struct ledger *l)
{
	static uint64_t now_ns = 1000000000;

	now_ns += 1000000;
	assert_int_equal(ledger_commit_begin(l, (struct hark_time){ 1762348800, 5 }, now_ns),
			 ERR_OK);
	assert_int_equal(ledger_commit_end(l), ERR_OK);
}

static inline struct ledger *
book_open(struct sim_disk *d)
{
	struct ledger_failure why = { 0 };
	struct ledger *l = NULL;
	enum err e = ledger_open(sim_as_disk(d), &book_options, &l, &why);

	if (e != ERR_OK)
		fail_msg("%d: %s (%d)", e, why.text, why.system_error);
	return l;
}

/* Opens a damaged one: the refusal must hold these words. */
static inline void
book_refused(struct sim_disk *d, enum err want, const char *words)
{
	struct ledger_failure why = { 0 };
	struct ledger *l = NULL;
	enum err e = ledger_open(sim_as_disk(d), &book_options, &l, &why);

	if (e != want || strstr(why.text, words) == NULL)
		fail_msg("%d, wanted %d with \"%s\": \"%s\"", e, want, words, why.text);
	assert_null(l);
	assert_int_equal(sim_open_files(d), 0);
}

/* Reads leaves `first` to `end - 1`, each of `size` bytes. */
static inline void
book_read(struct sim_disk *d, uint64_t first, uint64_t end, size_t size)
{
	static char want[LEDGER_LEAF_BYTES_MAX];
	struct ledger_failure why = { 0 };
	struct ledger_reader *r = NULL;
	struct ledger_leaf leaf;
	uint64_t count = 0;
	uint64_t i;

	assert_int_equal(ledger_reader_open(sim_as_disk(d), &r, &why), ERR_OK);
	assert_int_equal(ledger_reader_seek(r, first, &why), ERR_OK);
	for (i = first; i < end; i++) {
		enum err e = ledger_reader_next(r, end, &leaf, &why);

		if (e != ERR_OK)
			fail_msg("leaf %llu: %d %s", (unsigned long long)i, e, why.text);
		assert_int_equal(leaf.index, i);
		book_leaf(i, size, want);
		assert_int_equal(leaf.data.size, size);
		assert_memory_equal(leaf.data.data, want, size);
	}
	assert_int_equal(ledger_reader_next(r, end, &leaf, &why), ERR_AGAIN);
	assert_int_equal(ledger_reader_size(r, &count, &why), ERR_OK);
	assert_int_equal(count, end);
	ledger_reader_close(r);
}

#endif
