/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Damaged ledgers, one row each: what the writer's opening and a reader say of it.  A torn tail is
 * no damage.  The ledger has 5 segments, one commit of 16 leaves of 900 bytes after the other.
 */
#include <stdlib.h>

#include "base/crc32c.h"
#include "book.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/note.h"
#include "ledger/format.h"

#define LEAF_BYTES  900u
#define A_COMMIT    16u
#define COMMITS     30u
#define LEAVES      (A_COMMIT * COMMITS)
#define FRAME_BYTES (128u + A_COMMIT * (4u + LEAF_BYTES))
/* A segment takes frames as long as the largest would fit behind: 7 of them here. */
#define A_SEGMENT 7u

static struct sim_disk *whole;

static void
seal(struct ledger *l)
{
	static const uint8_t signature[64] = { 1 };
	struct checkpoint c = { .origin = BOOK_ORIGIN };
	char text[CHECKPOINT_TEXT_MAX];
	struct buf note = { 0 };
	size_t size = 0;

	c.size = ledger_committed_size(l);
	ledger_committed_root(l, &c.root);
	checkpoint_write(&c, text, &size);
	assert_int_equal(note_write_text(text, size, &note), ERR_OK);
	assert_int_equal(note_write_signature(BOOK_ORIGIN, 7, signature, 64, &note), ERR_OK);
	assert_int_equal(ledger_checkpoint_write(l, note.data, note.size,
						 (struct hark_time){ 1762348800, 0 }, true),
			 ERR_OK);
	buf_finish(&note);
}

static int
make_whole(void **state)
{
	struct ledger *l;
	unsigned int i;
	unsigned int k;

	(void)state;
	whole = sim_create();
	l = book_open(whole);
	for (i = 0; i < COMMITS; i++) {
		for (k = 0; k < A_COMMIT; k++)
			book_append(l, LEAF_BYTES);
		assert_int_equal(ledger_state_set(l, "commit", 6, &i, sizeof(i)), ERR_OK);
		book_commit(l);
		if (i == COMMITS - 3)
			seal(l);
	}
	ledger_close(l);
	return 0;
}

static int
drop_whole(void **state)
{
	(void)state;
	sim_destroy(whole);
	return 0;
}

static uint8_t *
segment(struct sim_disk *d, unsigned int serial)
{
	char name[64];
	size_t size = 0;
	uint8_t *data;

	(void)snprintf(name, sizeof(name), "segments/%016x.seg", serial);
	data = sim_file(d, name, &size);
	assert_non_null(data);
	return data;
}

/* Frames of this ledger: head, one change of 3 + 6 + 4 bytes, records, padded. */
static size_t
frame_at(unsigned int in_segment)
{
	size_t bytes = format_frame_bytes(13, A_COMMIT * (4u + LEAF_BYTES));

	return FORMAT_SEGMENT_BYTES + in_segment * bytes;
}

static void
cut(struct sim_disk *d, const char *name, size_t size)
{
	size_t now = 0;
	uint8_t *data = sim_file(d, name, &now);

	assert_true(data != NULL && size <= now);
	sim_put(d, name, data, size);
}

static void
swap_frames(uint8_t *data, unsigned int a, unsigned int b)
{
	size_t bytes = frame_at(1) - frame_at(0);
	uint8_t *kept = malloc(bytes);

	assert_non_null(kept);
	memcpy(kept, data + frame_at(a), bytes);
	memcpy(data + frame_at(a), data + frame_at(b), bytes);
	memcpy(data + frame_at(b), kept, bytes);
	free(kept);
}

#define LAST        "segments/0000000000000004.seg"
#define LAST_SERIAL 4u

static void
leaf_bit(struct sim_disk *d)
{
	segment(d, LAST_SERIAL)[frame_at(0) + 500] ^= 1;
}
static void
head_bit(struct sim_disk *d)
{
	segment(d, LAST_SERIAL)[frame_at(0) + 30] ^= 1;
}
static void
root_bit(struct sim_disk *d)
{
	segment(d, LAST_SERIAL)[frame_at(0) + 50] ^= 1;
}
static void
state_bit(struct sim_disk *d)
{
	segment(d, LAST_SERIAL)[frame_at(0) + 140] ^= 1;
}
static void
swapped(struct sim_disk *d)
{
	swap_frames(segment(d, LAST_SERIAL), 0, 1);
}
static void
frame_zeroed(struct sim_disk *d)
{
	memset(segment(d, LAST_SERIAL) + frame_at(0), 0, frame_at(1) - frame_at(0));
}
static void
frame_twice(struct sim_disk *d)
{
	uint8_t *data = segment(d, LAST_SERIAL);

	memcpy(data + frame_at(2), data + frame_at(1), frame_at(1) - frame_at(0));
}
static void
frame_of_another_segment(struct sim_disk *d)
{
	memcpy(segment(d, LAST_SERIAL) + frame_at(1), segment(d, 3) + frame_at(1),
	       frame_at(1) - frame_at(0));
}
static void
signed_frames_gone(struct sim_disk *d)
{
	memset(segment(d, LAST_SERIAL) + frame_at(0), 0, 3 * (frame_at(1) - frame_at(0)));
}
static void
header_bit(struct sim_disk *d)
{
	segment(d, LAST_SERIAL)[20] ^= 1;
}
static void
header_gone(struct sim_disk *d)
{
	memset(segment(d, LAST_SERIAL), 0, 512);
}
static void
segment_gone(struct sim_disk *d)
{
	sim_delete(d, LAST);
}
static void
middle_segment_gone(struct sim_disk *d)
{
	sim_delete(d, "segments/0000000000000002.seg");
}
static void
segment_of_another(struct sim_disk *d)
{
	sim_put(d, LAST, segment(d, 3), BOOK_SEGMENT_BYTES);
}
static void
all_segments_gone(struct sim_disk *d)
{
	char name[64];
	unsigned int i;

	for (i = 0; i <= LAST_SERIAL + 1; i++) {
		(void)snprintf(name, sizeof(name), "segments/%016x.seg", i);
		sim_delete(d, name);
	}
}
static void
ledger_file_gone(struct sim_disk *d)
{
	sim_delete(d, "ledger");
}
static void
ledger_file_newer(struct sim_disk *d)
{
	sim_put(d, "ledger", "hark-ledger 2\nx/y\n", 18);
}
static void
ledger_file_of_another(struct sim_disk *d)
{
	sim_put(d, "ledger", "hark-ledger 1\nhost8/evidence\n", 29);
}
static void
tree_short(struct sim_disk *d)
{
	cut(d, "tree/0", 1000);
}
static void
offsets_short(struct sim_disk *d)
{
	cut(d, "tree/offsets", 0);
}
static void
tree_bit(struct sim_disk *d)
{
	size_t size = 0;

	sim_file(d, "tree/0", &size)[300 * 32] ^= 1;
}
static void
checkpoint_text(struct sim_disk *d)
{
	sim_put(d, "checkpoint", "nothing signed\n", 15);
}
static void
checkpoint_of_another(struct sim_disk *d)
{
	static const char other[] = "host8/evidence\n0\n"
				    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"
				    "\xe2\x80\x94 host8/evidence AAAABwECAw==\n";

	sim_put(d, "checkpoint", other, sizeof(other) - 1);
}
static void
checkpoint_root(struct sim_disk *d)
{
	size_t size = 0;
	uint8_t *text = sim_file(d, "checkpoint", &size);
	uint8_t *root = memchr(text + strlen(BOOK_ORIGIN) + 1, '\n', size);

	root[5] = root[5] == 'A' ? 'B' : 'A';
}
static void
stray_segment(struct sim_disk *d)
{
	sim_put(d, "segments/0000000000000006.seg", segment(d, 3), BOOK_SEGMENT_BYTES);
}
static void
redacting_text(struct sim_disk *d)
{
	sim_put(d, "redacting", "blank leaf 5, please\n", 21);
}

static void
state_of_another_salt(struct sim_disk *d)
{
	size_t size = 0;
	uint8_t *data = sim_file(d, "state/0000000000000004", &size);

	data[32] ^= 1;
	format_put_u32(data + size - 4, crc32c_of(data, size - 4));
}

/* These are no damage. */
static void
torn_tail(struct sim_disk *d)
{
	memset(segment(d, LAST_SERIAL) + frame_at(1) + 600, 0, 512);
}
static void
torn_head(struct sim_disk *d)
{
	memset(segment(d, LAST_SERIAL) + frame_at(1), 0, 512);
}
static void
file_cut_in_frame(struct sim_disk *d)
{
	cut(d, LAST, frame_at(1) + 200);
}
static void
state_gone(struct sim_disk *d)
{
	sim_delete(d, "state/0000000000000004");
}
static void
state_broken(struct sim_disk *d)
{
	size_t size = 0;

	sim_file(d, "state/0000000000000004", &size)[30] ^= 1;
}
static void
ahead_gone(struct sim_disk *d)
{
	sim_delete(d, "segments/0000000000000005.seg");
}
static void
tree_tail_gone(struct sim_disk *d)
{
	cut(d, "tree/0", (size_t)LAST_SERIAL * A_SEGMENT * A_COMMIT * 32);
}
static void
history_torn(struct sim_disk *d)
{
	size_t size = 0;

	(void)sim_file(d, "checkpoints", &size);
	cut(d, "checkpoints", size - 3);
}
static void
nothing(struct sim_disk *d)
{
	(void)d;
}

static const struct {
	const char *rule;
	void (*damage)(struct sim_disk *d);
	enum err want;
	const char *words; /* of the refusal */
	uint64_t size;     /* or the leaves that are left */
} rows[] = {
	{ "no damage", nothing, ERR_OK, NULL, LEAVES },
	{ "a bit of a leaf", leaf_bit, ERR_FORMAT, "lead to another root", 0 },
	{ "a bit of a head", head_bit, ERR_FORMAT, LAST " at 512:", 0 },
	{ "a bit of a root", root_bit, ERR_FORMAT, "CRC-32C of the frame", 0 },
	{ "a bit of the state's changes", state_bit, ERR_FORMAT, "a frame that holds follows", 0 },
	{ "frames swapped", swapped, ERR_FORMAT, "begins at leaf 464, expected 448", 0 },
	{ "a frame zeroed", frame_zeroed, ERR_FORMAT, "all is zero; and a frame", 0 },
	{ "a frame twice", frame_twice, ERR_FORMAT, "begins at leaf 464, expected 480", 0 },
	{ "a frame of another segment", frame_of_another_segment, ERR_OK, NULL, 464 },
	{ "frames below the checkpoint gone", signed_frames_gone, ERR_OK, NULL, 448 },
	{ "a bit of a segment's header", header_bit, ERR_FORMAT, "CRC-32C of the segment's", 0 },
	{ "a header gone", header_gone, ERR_FORMAT, "header was expected", 0 },
	{ "the last segment gone", segment_gone, ERR_FORMAT, "expected all from", 0 },
	{ "a middle segment gone", middle_segment_gone, ERR_FORMAT, "expected all from", 0 },
	{ "a segment in another's place", segment_of_another, ERR_FORMAT, "of another segment", 0 },
	{ "all segments gone", all_segments_gone, ERR_FORMAT, "shorter than its checkpoint", 0 },
	{ "no ledger file", ledger_file_gone, ERR_FORMAT, "it is not there, but 6 segments", 0 },
	{ "a newer format", ledger_file_newer, ERR_UNSUPPORTED, "hark-ledger 1", 0 },
	{ "another origin", ledger_file_of_another, ERR_FORMAT,
	  "its origin is host8/evidence, expected " BOOK_ORIGIN, 0 },
	{ "hashes missing", tree_short, ERR_FORMAT, "tree/0: it is shorter than the 448", 0 },
	{ "positions missing", offsets_short, ERR_FORMAT, "tree/offsets: it is shorter", 0 },
	{ "a bit of a hash", tree_bit, ERR_FORMAT, "its root of the first 448", 0 },
	{ "no note", checkpoint_text, ERR_FORMAT, "not a signed note", 0 },
	{ "another's note", checkpoint_of_another, ERR_FORMAT, "belongs to another ledger", 0 },
	{ "another root", checkpoint_root, ERR_FORMAT, "another root of the first 448", 0 },
	{ "a segment that nothing leads to", stray_segment, ERR_FORMAT, "no frame leads to it", 0 },
	{ "a redaction that is none", redacting_text, ERR_FORMAT, "redacting: it is not", 0 },
	{ "a state of another salt", state_of_another_salt, ERR_FORMAT, "salt is not the one", 0 },
	{ "a torn tail", torn_tail, ERR_OK, NULL, 464 },
	{ "a torn head", torn_head, ERR_OK, NULL, 464 },
	{ "a segment's file cut", file_cut_in_frame, ERR_OK, NULL, 464 },
	{ "the newest state gone", state_gone, ERR_OK, NULL, LEAVES },
	{ "the newest state broken", state_broken, ERR_OK, NULL, LEAVES },
	{ "no segment ahead", ahead_gone, ERR_OK, NULL, LEAVES },
	{ "the tree behind", tree_tail_gone, ERR_OK, NULL, LEAVES },
	{ "the history torn", history_torn, ERR_OK, NULL, LEAVES },
};

static void
check_recovered(struct sim_disk *d, uint64_t size, const char *rule)
{
	struct ledger *l = book_open(d);
	struct bytes value;
	unsigned int commit = 0;

	if (ledger_committed_size(l) != size)
		fail_msg("%s: %llu leaves", rule, (unsigned long long)ledger_committed_size(l));
	assert_true(ledger_state_get(l, "commit", 6, &value));
	memcpy(&commit, value.data, sizeof(commit));
	assert_int_equal(commit, size / A_COMMIT - 1);
	assert_false(ledger_space_is_low(l));
	/* It goes on as if nothing had been. */
	while (ledger_next_index(l) < size + 3 * A_COMMIT) {
		book_append(l, LEAF_BYTES);
		if (ledger_next_index(l) % A_COMMIT == 0)
			book_commit(l);
	}
	ledger_close(l);
	book_read(d, 0, size + 3 * A_COMMIT, LEAF_BYTES);
}

static void
each_damage_gets_its_answer(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(frame_at(1) - frame_at(0), FRAME_BYTES + 16); /* a change, padded */
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct sim_disk *d = sim_copy(whole);

		rows[i].damage(d);
		if (rows[i].want == ERR_OK)
			check_recovered(d, rows[i].size, rows[i].rule);
		else
			book_refused(d, rows[i].want, rows[i].words);
		sim_destroy(d);
	}
}

/* Structure alone: a leaf's bytes are for who hashes them. */
static void
a_reader_says_what_it_meets(void **state)
{
	static const struct {
		void (*damage)(struct sim_disk *d);
		enum err want;
		const char *words;
		uint64_t leaves; /* that are read before */
	} reads[] = {
		{ nothing, ERR_AGAIN, "", LEAVES },
		{ leaf_bit, ERR_AGAIN, "", LEAVES },
		{ torn_head, ERR_AGAIN, "", 464 },
		{ file_cut_in_frame, ERR_AGAIN, "", 464 },
		{ head_bit, ERR_FORMAT, LAST " at 512:", 448 },
		{ state_bit, ERR_FORMAT, "CRC-32C of the frame", 448 },
		{ frame_zeroed, ERR_FORMAT, "a frame that holds follows", 448 },
		{ swapped, ERR_FORMAT, "begins at leaf 464, expected 448", 448 },
		{ frame_twice, ERR_FORMAT, "begins at leaf 464, expected 480", LEAVES },
		{ header_bit, ERR_FORMAT, "CRC-32C of the segment's", 448 },
		{ segment_of_another, ERR_FORMAT, "of another segment", 448 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(reads); i++) {
		struct sim_disk *d = sim_copy(whole);
		struct ledger_failure why = { 0 };
		struct ledger_reader *r = NULL;
		struct ledger_leaf leaf;
		uint64_t leaves = 0;
		enum err e;

		reads[i].damage(d);
		assert_int_equal(ledger_reader_open(sim_as_disk(d), &r, &why), ERR_OK);
		while ((e = ledger_reader_next(r, UINT64_MAX, &leaf, &why)) == ERR_OK)
			leaves++;
		if (e != reads[i].want || leaves != reads[i].leaves ||
		    strstr(why.text, reads[i].words) == NULL)
			fail_msg("%zu: %d after %llu: %s", i, e, (unsigned long long)leaves,
				 why.text);
		ledger_reader_close(r);
		sim_destroy(d);
	}
}

/* Of the history only whole entries stay. */
static void
half_an_entry_goes(void **state)
{
	static const char two[] = "# 1 5\nnote\n# 61 7\nlonger\n";
	size_t size;

	(void)state;
	for (size = 0; size < sizeof(two); size++) {
		struct sim_disk *d = sim_copy(whole);
		size_t left = 0;

		sim_put(d, "checkpoints", two, size);
		ledger_close(book_open(d));
		assert_non_null(sim_file(d, "checkpoints", &left));
		assert_int_equal(left, size < 11 ? 0 : size < 25 ? 11 : 25);
		sim_destroy(d);
	}
}

/* A refusal changes nothing of what was refused. */
static void
a_refusal_leaves_the_segments_alone(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct sim_disk *d = sim_copy(whole);
		struct sim_disk *before;
		unsigned int serial;

		rows[i].damage(d);
		before = sim_copy(d);
		if (rows[i].want != ERR_OK)
			book_refused(d, rows[i].want, rows[i].words);
		for (serial = 0; serial <= LAST_SERIAL + 1 && rows[i].want != ERR_OK; serial++) {
			char name[64];
			size_t size_a = 0;
			size_t size_b = 0;
			const uint8_t *a;
			const uint8_t *b;

			(void)snprintf(name, sizeof(name), "segments/%016x.seg", serial);
			a = sim_file(before, name, &size_a);
			b = sim_file(d, name, &size_b);
			assert_int_equal(size_a, size_b);
			if (a != NULL && b != NULL)
				assert_memory_equal(a, b, size_a);
		}
		sim_destroy(before);
		sim_destroy(d);
	}
}

/* Every bit of the last segment's used part, in steps: refused, or a tail that is cut. */
static void
flips_in_the_last_segment(void **state)
{
	size_t end = frame_at(2);
	size_t bit;

	(void)state;
	for (bit = 0; bit < end * 8; bit += 499) {
		struct sim_disk *d = sim_copy(whole);
		struct ledger_failure why = { 0 };
		struct ledger *l = NULL;
		enum err e;

		segment(d, LAST_SERIAL)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		e = ledger_open(sim_as_disk(d), &book_options, &l, &why);
		if (bit / 8 < frame_at(1))
			assert_true((e == ERR_FORMAT || e == ERR_UNSUPPORTED) &&
				    why.text[0] != '\0');
		else if (e == ERR_OK) /* the last frame: torn, for all that one can know */
			assert_int_equal(ledger_committed_size(l), LEAVES - A_COMMIT);
		else
			assert_int_equal(e, ERR_FORMAT);
		ledger_close(l);
		sim_destroy(d);
	}
}

/* The last segment's file ends at every 97th byte. */
static void
truncations_of_the_last_segment(void **state)
{
	size_t size;

	(void)state;
	for (size = 0; size < frame_at(2) + 100; size += 97) {
		struct sim_disk *d = sim_copy(whole);
		struct ledger_failure why = { 0 };
		struct ledger *l = NULL;
		enum err e;

		cut(d, LAST, size);
		e = ledger_open(sim_as_disk(d), &book_options, &l, &why);
		if (size < FORMAT_SEGMENT_BYTES) {
			assert_int_equal(e, ERR_FORMAT);
		} else {
			uint64_t frames = (size - FORMAT_SEGMENT_BYTES) / (FRAME_BYTES + 16);

			assert_int_equal(e, ERR_OK);
			assert_int_equal(ledger_committed_size(l), 448 + frames * A_COMMIT);
		}
		ledger_close(l);
		sim_destroy(d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_damage_gets_its_answer),
		cmocka_unit_test(a_reader_says_what_it_meets),
		cmocka_unit_test(half_an_entry_goes),
		cmocka_unit_test(a_refusal_leaves_the_segments_alone),
		cmocka_unit_test(flips_in_the_last_segment),
		cmocka_unit_test(truncations_of_the_last_segment),
	};

	return cmocka_run_group_tests(tests, make_whole, drop_whole);
}
