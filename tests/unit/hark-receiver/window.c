/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The window: order and numbers, room, what is sent again, receipts and marks; no byte is lost. */
#include <stdbool.h>
#include <string.h>

#include "hark-receiver/window.h"
#include "unit.h"

static size_t map_fails_at = SIZE_MAX;
static size_t map_calls;

enum err __real_memory_map(size_t size, void **out);
enum err __wrap_memory_map(size_t size, void **out);

enum err
__wrap_memory_map(size_t size, void **out)
{
	return map_calls++ == map_fails_at ? ERR_MEMORY : __real_memory_map(size, out);
}

/* A declaration whose source has `size` bytes and whose seq is its number. */
static struct record *
declared(size_t size, uint64_t seq)
{
	static struct record r;
	static char text[HARK_MAX_FRAME_BYTES];

	memset(text, 'a', sizeof(text));
	r = (struct record){ .type = RECORD_DECLARED,
			     .slot = 3,
			     .connection = 1,
			     .session = { .mode = HARK_WIRE_HARK, .stream = 9 } };
	r.declaration.content_version = 2;
	r.declaration.probe_source = (struct hark_text){ text, size };
	r.declaration.guest_comm = (struct hark_text){ text, 0 };
	r.declaration.has_seq = true;
	r.declaration.seq = seq;
	return &r;
}

static void
add(struct window *w, size_t size)
{
	size_t bytes = 0;

	assert_true(window_has_room(w));
	assert_int_equal(window_add(w, declared(size, w->next), &bytes), ERR_OK);
	assert_true(bytes > size);
	assert_true(window_check(w));
}

/* Reads a batch as the notary does: its numbers are its records' seq. */
static uint64_t
read_batch(const void *data, size_t size, uint64_t *first_out)
{
	static struct record r;
	struct record_batch head;
	const uint8_t *at = data;
	uint32_t i;

	assert_int_equal(record_batch_read(data, size, &head), ERR_OK);
	at += RECORD_BATCH_HEAD_BYTES;
	size -= RECORD_BATCH_HEAD_BYTES;
	for (i = 0; i < head.count; i++) {
		size_t used = 0;

		assert_int_equal(record_read(at, size, &r, &used), ERR_OK);
		assert_true(r.declaration.seq == head.first + i);
		at += used;
		size -= used;
	}
	assert_int_equal(size, 0);
	*first_out = head.first;
	return head.first + head.count;
}

static uint64_t marks_seen;
static uint64_t marks_last;

static void
on_mark(void *ctx, const struct window_mark *mark)
{
	(void)ctx;
	assert_int_equal(mark->slot, 3);
	assert_true(mark->confirm > marks_last || marks_seen == 0);
	marks_last = mark->confirm;
	marks_seen++;
}

static uint64_t
send_all(struct window *w, uint64_t expected)
{
	const void *data;
	size_t size;

	while (window_unsent(w, false, &data, &size)) {
		uint64_t first;
		uint64_t next = read_batch(data, size, &first);

		assert_true(first == expected);
		expected = next;
		window_sent(w);
		assert_true(window_check(w));
	}
	return expected;
}

static void
a_batch_is_as_it_is_sent(void **state)
{
	struct window w;
	const void *data;
	const void *again;
	size_t size;
	size_t size_again;
	uint64_t first;
	size_t i;

	(void)state;
	assert_int_equal(window_init(&w), ERR_OK);
	assert_true(window_is_empty(&w));
	assert_false(window_unsent(&w, false, &data, &size));
	for (i = 0; i < 10; i++)
		add(&w, 20);
	assert_false(window_unsent(&w, true, &data, &size)); /* not full */
	assert_true(window_unsent(&w, false, &data, &size));
	assert_true(read_batch(data, size, &first) == 10 && first == 0);
	/* Until it is said to be sent it is the same one. */
	assert_true(window_unsent(&w, false, &again, &size_again));
	assert_true(again == data && size_again == size);
	window_sent(&w);
	/* What comes now is another batch: the one that was sent does not change. */
	add(&w, 20);
	assert_true(window_unsent(&w, false, &again, &size_again));
	assert_true(read_batch(again, size_again, &first) == 11 && first == 10);
	assert_true(read_batch(data, size, &first) == 10 && first == 0);
	window_sent(&w);
	assert_false(window_unsent(&w, false, &again, &size_again));
	window_rewind(&w);
	assert_true(window_unsent(&w, false, &again, &size_again));
	assert_true(again == data && size_again == size);
	window_finish(&w);
}

static void
receipts_free_whole_batches(void **state)
{
	static const struct {
		const char *rule;
		uint64_t next;
		enum err want;
		uint32_t left;
	} rows[] = {
		{ "none", 0, ERR_OK, 3 },
		{ "half a batch", 4, ERR_OK, 3 },
		{ "the first", 5, ERR_OK, 2 },
		{ "an older one says nothing", 2, ERR_OK, 2 },
		{ "the second and half of the third", 13, ERR_OK, 1 },
		{ "more than there is", 16, ERR_RANGE, 1 },
		{ "all", 15, ERR_OK, 0 },
		{ "all again", 15, ERR_OK, 0 },
		{ "what was never made", 16, ERR_RANGE, 0 },
		{ "the largest number", UINT64_MAX, ERR_RANGE, 0 },
	};
	struct window w;
	size_t i;

	(void)state;
	assert_int_equal(window_init(&w), ERR_OK);
	for (i = 0; i < 15; i++) {
		struct window_place place = { 0 };

		add(&w, 20);
		if (i % 5 == 4) {
			struct window_mark *m = window_mark(&w, &place, 3, 1, 1);

			m->confirm = i;
			assert_ptr_equal(window_mark(&w, &place, 3, 1, 1), m);
			assert_true(send_all(&w, i - 4) == i + 1);
		}
	}
	marks_seen = 0;
	for (i = 0; i < COUNT_OF(rows); i++) {
		if (window_receipt(&w, rows[i].next, on_mark, NULL) != rows[i].want ||
		    w.count != rows[i].left || !window_check(&w))
			fail_msg("%s", rows[i].rule);
		assert_int_equal(marks_seen, 3 - rows[i].left);
	}
	assert_true(window_is_empty(&w));
	window_finish(&w);
}

static void
a_receipt_of_what_was_not_sent_is_refused(void **state)
{
	struct window w;
	const void *data;
	size_t size;

	(void)state;
	assert_int_equal(window_init(&w), ERR_OK);
	add(&w, 1);
	assert_int_equal(window_receipt(&w, 1, on_mark, NULL), ERR_RANGE);
	assert_true(window_unsent(&w, false, &data, &size));
	assert_int_equal(window_receipt(&w, 1, on_mark, NULL), ERR_RANGE);
	window_sent(&w);
	add(&w, 1);
	window_rewind(&w);
	/* A new notary knows from the ledger what an earlier one took, before it gets it again. */
	assert_int_equal(window_receipt(&w, 2, on_mark, NULL), ERR_RANGE);
	assert_int_equal(window_receipt(&w, 1, on_mark, NULL), ERR_OK);
	assert_true(window_check(&w));
	assert_true(send_all(&w, 1) == 2);
	window_finish(&w);
}

static void
it_is_full_by_bytes(void **state)
{
	struct window w;
	uint64_t filled;
	size_t bytes = 0;

	(void)state;
	assert_int_equal(window_init(&w), ERR_OK);
	while (window_has_room(&w))
		add(&w, 4000);
	filled = w.next;
	/* At most the room of one frame is left unused at the end, and what no batch can begin in.
	 */
	assert_true(filled * 4000 > WINDOW_BYTES - 5 * WINDOW_ROOM_BYTES);
	assert_true(send_all(&w, 0) == filled);
	assert_false(window_has_room(&w));
	while (window_add(&w, declared(4000, w.next), &bytes) == ERR_OK)
		assert_true(window_check(&w)); /* small ones still fit behind */
	assert_true(window_check(&w));
	window_finish(&w);
}

static void
a_batch_at_the_front_ends_before_the_oldest(void **state)
{
	struct window w;
	size_t bytes = 0;
	size_t i;

	(void)state;
	assert_int_equal(window_init(&w), ERR_OK);
	for (i = 0; i < 5; i++)
		add(&w, 4000);
	assert_true(send_all(&w, 0) == 5);
	while (window_has_room(&w))
		add(&w, 4000);
	assert_true(send_all(&w, 5) == w.next);
	assert_int_equal(window_receipt(&w, 5, on_mark, NULL), ERR_OK);
	assert_true(window_has_room(&w));
	for (i = 0; window_add(&w, declared(4000, w.next), &bytes) == ERR_OK; i++)
		assert_true(window_check(&w));
	assert_int_equal(i, 5); /* as many as were there before */
	window_finish(&w);
}

static void
several_cells_have_a_wider_one(void **state)
{
	struct window w;
	uint64_t narrow;

	(void)state;
	assert_int_equal(window_init(&w), ERR_OK);
	while (window_has_room(&w))
		add(&w, 4000);
	narrow = w.next;
	assert_false(window_widen(&w)); /* not under the records that it holds */
	assert_false(window_has_room(&w));
	assert_true(send_all(&w, 0) == narrow);
	assert_int_equal(window_receipt(&w, narrow, on_mark, NULL), ERR_OK);
	assert_true(window_widen(&w));
	while (window_has_room(&w))
		add(&w, 4000);
	assert_in_range((w.next - narrow) * 100 / narrow, 390, 440);
	assert_true(window_widen(&w)); /* it is */
	assert_true(send_all(&w, narrow) == w.next);
	window_finish(&w);
}

static void
it_is_full_by_batches_and_by_marks(void **state)
{
	struct window w;
	const void *data;
	size_t size;
	size_t i;

	(void)state;
	assert_int_equal(window_init(&w), ERR_OK);
	/* One record a batch: the last entry of the table grows on instead. */
	for (i = 0; i < WINDOW_BATCHES_MAX - 1; i++) {
		add(&w, 1);
		assert_true(send_all(&w, i) == i + 1);
	}
	add(&w, 1);
	add(&w, 1);
	assert_false(window_unsent(&w, false, &data, &size));
	while (window_has_room(&w))
		add(&w, 3000);
	assert_true(window_unsent(&w, false, &data, &size));
	assert_true(send_all(&w, WINDOW_BATCHES_MAX - 1) == w.next);
	assert_false(window_has_room(&w));
	assert_int_equal(window_receipt(&w, 1, on_mark, NULL), ERR_OK);
	assert_true(window_has_room(&w));
	window_finish(&w);

	assert_int_equal(window_init(&w), ERR_OK);
	for (i = 0; window_has_room(&w); i++) {
		struct window_place place = { 0 };

		add(&w, 1);
		window_mark(&w, &place, 3, 0, 1)->confirm = i + 1;
		if (i > WINDOW_MARKS_MAX)
			break;
		if (i % 64 == 0)
			(void)send_all(&w, w.next > 64 ? w.next - 64 : 0);
	}
	/* 58 bytes a record: bytes are the first limit for real ones; marks are never over theirs.
	 */
	assert_true(w.mark_count <= WINDOW_MARKS_MAX);
	window_finish(&w);
}

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* A notary that takes, confirms late and in part, and is replaced: against a model of numbers. */
static void
whatever_happens_nothing_is_lost(void **state)
{
	struct window w;
	uint32_t random = 20261121;
	uint64_t sent = 0;
	uint64_t durable = 0;
	uint64_t notaries = 0;
	size_t step;

	(void)state;
	assert_int_equal(window_init(&w), ERR_OK);
	marks_seen = 0;
	for (step = 0; step < 60000; step++) {
		uint32_t what = next_random(&random) % 100;
		bool slow = step / 2000 % 2 == 1; /* a notary that confirms little: it fills */
		const void *data;
		size_t size;

		if (slow && what >= 80 && what < 98)
			what = 0;
		if (what < 60 && window_has_room(&w)) {
			struct window_place place = { 0 };
			size_t bytes = 0;

			assert_int_equal(
				window_add(&w,
					   declared(next_random(&random) % (what < 5 ? 4000 : 200),
						    w.next),
					   &bytes),
				ERR_OK);
			if (what < 30)
				window_mark(&w, &place, 3, 0, 1)->confirm = w.next;
		} else if (what < 80 &&
			   window_unsent(&w, what < (slow ? 79u : 70u), &data, &size)) {
			uint64_t first;
			uint64_t next = read_batch(data, size, &first);

			assert_true(first <= sent);
			assert_true(next > sent || notaries > 0);
			if (next > sent)
				sent = next;
			window_sent(&w);
		} else if (what < 99) {
			durable += next_random(&random) % (sent - durable + 1);
			assert_int_equal(window_receipt(&w, durable, on_mark, NULL), ERR_OK);
		} else {
			window_rewind(&w);
			notaries++;
		}
		assert_true(window_check(&w));
		if (window_is_empty(&w) && what % 2 == 0)
			window_give_back(&w);
		/* What has no receipt is there. */
		assert_true(w.count == 0 || w.batches[w.head].first <= durable || durable == 0);
	}
	assert_true(sent > 10000 && durable > 10000 && notaries > 100 && marks_seen > 1000);
	window_finish(&w);
}

static void
without_memory_nothing_is_left(void **state)
{
	struct window w;
	size_t n;

	(void)state;
	for (n = 0; n < 3; n++) {
		map_calls = 0;
		map_fails_at = n;
		assert_int_equal(window_init(&w), ERR_MEMORY);
		window_finish(&w);
	}
	map_calls = 0;
	map_fails_at = SIZE_MAX;
	assert_int_equal(window_init(&w), ERR_OK);
	assert_int_equal(map_calls, 3);
	window_finish(&w);
	window_finish(&w);
	window_finish(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_as_it_is_sent),
		cmocka_unit_test(receipts_free_whole_batches),
		cmocka_unit_test(a_receipt_of_what_was_not_sent_is_refused),
		cmocka_unit_test(it_is_full_by_bytes),
		cmocka_unit_test(a_batch_at_the_front_ends_before_the_oldest),
		cmocka_unit_test(several_cells_have_a_wider_one),
		cmocka_unit_test(it_is_full_by_batches_and_by_marks),
		cmocka_unit_test(whatever_happens_nothing_is_lost),
		cmocka_unit_test(without_memory_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
