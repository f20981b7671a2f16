/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Streams' numbers: each row is a step on one table, and the invariants hold after each. */
#include <string.h>

#include "unit.h"
#include "wire/sequence.h"

enum step { HELLO, EVENT, NEXT };

static enum sequence_verdict
take(struct sequence_table *t, enum step step, uint64_t stream, uint64_t seq,
     struct sequence_gap *gap)
{
	enum sequence_verdict verdict;

	if (step == HELLO)
		verdict = sequence_hello(t, stream, seq, gap);
	else if (step == EVENT)
		verdict = sequence_event(t, stream, seq, gap);
	else
		verdict = sequence_next(t, stream, seq, gap);
	assert_true(sequence_check(t));
	return verdict;
}

static void
follows_the_numbers(void **state)
{
	static const struct {
		const char *rule;
		enum step step;
		uint64_t stream;
		uint64_t seq;
		enum sequence_verdict want;
		uint64_t first, last;
	} rows[] = {
		{ "a stream begins at 0", HELLO, 1, 0, SEQUENCE_NEW, 0, 0 },
		{ "its first event", EVENT, 1, 0, SEQUENCE_NEW, 0, 0 },
		{ "its second", EVENT, 1, 1, SEQUENCE_NEW, 0, 0 },
		{ "again: a duplicate", EVENT, 1, 1, SEQUENCE_DUPLICATE, 0, 0 },
		{ "a jump is a gap", EVENT, 1, 5, SEQUENCE_GAP, 2, 4 },
		{ "and goes on behind it", EVENT, 1, 6, SEQUENCE_NEW, 0, 0 },
		{ "what was missing comes late", EVENT, 1, 3, SEQUENCE_DUPLICATE, 0, 0 },
		{ "a heartbeat in step", NEXT, 1, 7, SEQUENCE_NEW, 0, 0 },
		{ "a heartbeat behind says nothing", NEXT, 1, 4, SEQUENCE_NEW, 0, 0 },
		{ "a heartbeat shows a lost tail", NEXT, 1, 9, SEQUENCE_GAP, 7, 8 },
		{ "but only once", NEXT, 1, 9, SEQUENCE_NEW, 0, 0 },
		{ "a known stream comes back below", HELLO, 1, 6, SEQUENCE_NEW, 0, 0 },
		{ "what it sends again", EVENT, 1, 6, SEQUENCE_DUPLICATE, 0, 0 },
		{ "what it then has to say", EVENT, 1, 9, SEQUENCE_NEW, 0, 0 },
		{ "a known stream comes back above", HELLO, 1, 12, SEQUENCE_GAP, 10, 11 },
		{ "goes on there", EVENT, 1, 12, SEQUENCE_NEW, 0, 0 },
		{ "an unknown stream's past was lost", HELLO, 2, 40, SEQUENCE_GAP, 0, 39 },
		{ "goes on there too", EVENT, 2, 40, SEQUENCE_NEW, 0, 0 },
		{ "a stream is not another", EVENT, 1, 13, SEQUENCE_NEW, 0, 0 },
		{ "an unknown stream without hello", EVENT, 3, 2, SEQUENCE_GAP, 0, 1 },
		{ "a vast jump", EVENT, 3, UINT64_MAX - 1, SEQUENCE_GAP, 3, UINT64_MAX - 2 },
		{ "the last number", EVENT, 3, UINT64_MAX, SEQUENCE_NEW, 0, 0 },
		{ "the last number twice", EVENT, 3, UINT64_MAX, SEQUENCE_DUPLICATE, 0, 0 },
		{ "nothing is missing behind it", NEXT, 3, UINT64_MAX, SEQUENCE_NEW, 0, 0 },
		{ "nor before it", EVENT, 3, 0, SEQUENCE_DUPLICATE, 0, 0 },
	};
	struct sequence_table t = { 0 };
	uint64_t duplicates = 0;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct sequence_gap gap = { 0, 0 };

		if (take(&t, rows[i].step, rows[i].stream, rows[i].seq, &gap) != rows[i].want)
			fail_msg("%s: verdict", rows[i].rule);
		if (gap.first != rows[i].first || gap.last != rows[i].last)
			fail_msg("%s: gap %llu..%llu", rows[i].rule, (unsigned long long)gap.first,
				 (unsigned long long)gap.last);
		duplicates += rows[i].want == SEQUENCE_DUPLICATE;
	}
	assert_true(t.duplicates == duplicates);
}

static void
forgets_the_longest_unused(void **state)
{
	struct sequence_table t = { 0 };
	struct sequence_gap gap = { 0, 0 };
	uint64_t stream;

	(void)state;
	for (stream = 0; stream < SEQUENCE_STREAMS_MAX; stream++)
		assert_int_equal(take(&t, EVENT, stream, 0, &gap), SEQUENCE_NEW);
	assert_int_equal(take(&t, NEXT, 0, 1, &gap), SEQUENCE_NEW);
	assert_true(t.replaced == 0);
	assert_int_equal(take(&t, EVENT, 1000, 0, &gap), SEQUENCE_NEW);
	assert_true(t.replaced == 1);
	/* 0 was used since, so 1 had to go: it is a stream not seen before. */
	assert_int_equal(take(&t, EVENT, 0, 0, &gap), SEQUENCE_DUPLICATE);
	assert_int_equal(take(&t, EVENT, 1, 1, &gap), SEQUENCE_GAP);
	assert_true(gap.first == 0 && gap.last == 0);
	assert_true(t.replaced == 2);
}

static void
counts_what_was_dropped_before_numbering(void **state)
{
	struct sequence_table t = { 0 };

	(void)state;
	assert_true(sequence_dropped(&t, 9, 0) == 0);
	assert_true(sequence_dropped(&t, 9, 4) == 4);
	assert_true(sequence_dropped(&t, 9, 4) == 0);
	assert_true(sequence_dropped(&t, 9, 7) == 3);
	assert_true(sequence_dropped(&t, 9, 2) == 0);
	assert_true(sequence_dropped(&t, 9, UINT64_MAX) == UINT64_MAX - 7);
	assert_true(sequence_dropped(&t, 8, 1) == 1);
	assert_true(sequence_check(&t));
}

static struct sequence_finding
declare(struct sequence_table *t, const char *source, bool has_seq, uint64_t seq, uint64_t dropped)
{
	struct hark_guest_declaration d;
	struct sequence_finding finding;

	memset(&d, 0, sizeof(d));
	d.probe_source = (struct hark_text){ source, strlen(source) };
	d.has_seq = has_seq;
	d.seq = seq;
	d.has_dropped = true;
	d.dropped = dropped;
	sequence_take(t, 5, &d, &finding);
	assert_true(sequence_check(t));
	return finding;
}

static void
takes_declarations_by_their_source(void **state)
{
	struct sequence_table t = { 0 };
	struct sequence_finding f;

	(void)state;
	f = declare(&t, "agent.hello", false, 99, 0);
	assert_int_equal(f.verdict, SEQUENCE_NEW);
	f = declare(&t, "process.spawned", true, 0, 2);
	assert_int_equal(f.verdict, SEQUENCE_NEW);
	assert_true(f.newly_dropped == 2);
	f = declare(&t, "process.spawned", true, 0, 3);
	assert_int_equal(f.verdict, SEQUENCE_DUPLICATE);
	assert_true(f.newly_dropped == 0);
	f = declare(&t, "agent.heartbeat", true, 1, 2);
	assert_int_equal(f.verdict, SEQUENCE_NEW);
	f = declare(&t, "process.exited", false, 50, 2);
	assert_int_equal(f.verdict, SEQUENCE_NEW);
	f = declare(&t, "agent.goodbye", true, 3, 6);
	assert_int_equal(f.verdict, SEQUENCE_GAP);
	assert_true(f.gap.first == 1 && f.gap.last == 2 && f.newly_dropped == 4);
	f = declare(&t, "agent.hello", true, 5, 6);
	assert_int_equal(f.verdict, SEQUENCE_GAP);
	assert_true(f.gap.first == 3 && f.gap.last == 4);
	f = declare(&t, "agent.hell", true, 5, 6);
	assert_int_equal(f.verdict, SEQUENCE_NEW);
	f = declare(&t, "agent.hell", true, 5, 6);
	assert_int_equal(f.verdict, SEQUENCE_DUPLICATE);
}

static void
the_check_finds_broken_tables(void **state)
{
	struct sequence_table good = { 0 };
	struct sequence_table bad;

	(void)state;
	(void)sequence_dropped(&good, 1, 0);
	(void)sequence_dropped(&good, 2, 0);
	assert_true(sequence_check(&good));
	bad = good;
	bad.count = SEQUENCE_STREAMS_MAX + 1;
	assert_false(sequence_check(&bad));
	bad = good;
	bad.streams[1].stream = 1;
	assert_false(sequence_check(&bad));
	bad = good;
	bad.streams[1].used = bad.streams[0].used;
	assert_false(sequence_check(&bad));
	bad = good;
	bad.turn = 1;
	assert_false(sequence_check(&bad));
	bad = good;
	bad.streams[0].is_used_up = true;
	assert_false(sequence_check(&bad));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_numbers),
		cmocka_unit_test(forgets_the_longest_unused),
		cmocka_unit_test(counts_what_was_dropped_before_numbering),
		cmocka_unit_test(takes_declarations_by_their_source),
		cmocka_unit_test(the_check_finds_broken_tables),
	};

	return cmocka_run_group_tests_name("wire/sequence", tests, NULL, NULL);
}
