/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Records, batches and receipts: what is written reads back, and whatever else is refused. */
#include <stdlib.h>
#include <string.h>

#include "proto/record.h"
#include "unit.h"

#define TEXT(literal) ((struct hark_text){ "" literal "", sizeof(literal) - 1 })

static struct record
declared(void)
{
	struct record r;

	memset(&r, 0, sizeof(r));
	r.type = RECORD_DECLARED;
	r.slot = 0x0102;
	r.connection = 7;
	r.session.mode = HARK_WIRE_HARK;
	r.session.stream = UINT64_C(0x1122334455667788);
	r.declaration.content_version = 2;
	r.declaration.has_seq = true;
	r.declaration.seq = 17;
	r.declaration.has_dropped = true;
	r.declaration.dropped = 3;
	r.declaration.guest_pid = 4242;
	r.declaration.guest_monotonic_ns = UINT64_MAX;
	r.declaration.probe_source = TEXT("process.exec");
	r.declaration.guest_comm = TEXT("h\xc3\xa9");
	r.declaration.detail_count = 4;
	r.declaration.detail[0] = (struct hark_detail){ .key = TEXT("a"),
							.type = HARK_DETAIL_TEXT,
							.value.text = TEXT("x\xe2\x82\xac") };
	r.declaration.detail[1] = (struct hark_detail){ .key = TEXT("a.b"),
							.type = HARK_DETAIL_BOOL,
							.value.boolean = true };
	r.declaration.detail[2] =
		(struct hark_detail){ .key = TEXT("b"),
				      .type = HARK_DETAIL_INTEGER,
				      .value.integer = -INT64_C(9007199254740991) };
	r.declaration.detail[3] =
		(struct hark_detail){ .key = TEXT("c_9"), .type = HARK_DETAIL_TEXT };
	return r;
}

static struct record
wire1(void)
{
	struct record r;

	memset(&r, 0, sizeof(r));
	r.type = RECORD_DECLARED;
	r.connection = 1;
	r.session.mode = HARK_WIRE_CELLOS;
	r.declaration.content_version = 1;
	r.declaration.probe_source = TEXT("process.spawned");
	r.declaration.guest_comm = TEXT("sh");
	return r;
}

static struct record
other(enum record_type type)
{
	struct record r;

	memset(&r, 0, sizeof(r));
	r.type = type;
	r.slot = UINT16_MAX;
	r.connection = type == RECORD_LIMITED ? 0 : UINT32_MAX;
	if (type == RECORD_OPENED)
		r.peer = (struct hark_peer){ .pid = 12, .uid = UINT32_MAX, .gid = 5 };
	if (type == RECORD_REJECTED)
		r.rejection = (struct hark_rejection){ HARK_REJECT_WRONG_TYPE, HARK_FIELD_DETAIL };
	if (type == RECORD_REJECTED || type == RECORD_LIMITED)
		r.count = 9;
	if (type == RECORD_CLOSED) {
		r.session.mode = HARK_WIRE_HARK;
		r.session.stream = 5;
		r.end = RECORD_END_UNLISTEN;
		r.frames = UINT64_MAX;
	}
	return r;
}

static const struct record *
sample(size_t i)
{
	static struct record r;

	switch (i) {
	case 0:
		r = declared();
		break;
	case 1:
		r = wire1();
		break;
	default:
		r = other((enum record_type[]){ RECORD_OPENED, RECORD_REJECTED, RECORD_CLOSED,
						RECORD_LIMITED }[i - 2]);
		break;
	}
	return &r;
}
#define SAMPLES 6u

static bool
same_text(struct hark_text a, struct hark_text b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static void
assert_same_declaration(const struct hark_guest_declaration *a,
			const struct hark_guest_declaration *b)
{
	uint32_t i;

	assert_int_equal(a->content_version, b->content_version);
	assert_int_equal(a->has_seq, b->has_seq);
	assert_int_equal(a->has_dropped, b->has_dropped);
	assert_true(a->seq == b->seq && a->dropped == b->dropped);
	assert_true(a->guest_pid == b->guest_pid && a->guest_monotonic_ns == b->guest_monotonic_ns);
	assert_true(same_text(a->probe_source, b->probe_source));
	assert_true(same_text(a->guest_comm, b->guest_comm));
	assert_int_equal(a->detail_count, b->detail_count);
	for (i = 0; i < a->detail_count; i++) {
		assert_true(same_text(a->detail[i].key, b->detail[i].key));
		assert_int_equal(a->detail[i].type, b->detail[i].type);
		if (a->detail[i].type == HARK_DETAIL_TEXT)
			assert_true(same_text(a->detail[i].value.text, b->detail[i].value.text));
		else if (a->detail[i].type == HARK_DETAIL_BOOL)
			assert_int_equal(a->detail[i].value.boolean, b->detail[i].value.boolean);
		else
			assert_true(a->detail[i].value.integer == b->detail[i].value.integer);
	}
}

static void
reads_back_what_was_written(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < SAMPLES; i++) {
		const struct record *r = sample(i);
		struct record back;
		uint8_t bytes[RECORD_BYTES_MAX];
		size_t size = 0;
		size_t used = 0;

		memset(&back, 0, sizeof(back));
		assert_int_equal(record_write(r, bytes, sizeof(bytes), &size), ERR_OK);
		assert_int_equal(record_read(bytes, size, &back, &used), ERR_OK);
		assert_int_equal(used, size);
		assert_int_equal(back.type, r->type);
		assert_int_equal(back.slot, r->slot);
		assert_true(back.connection == r->connection);
		assert_int_equal(back.session.mode, r->session.mode);
		assert_true(back.session.stream == r->session.stream);
		assert_true(back.count == r->count && back.frames == r->frames);
		assert_int_equal(back.end, r->end);
		assert_memory_equal(&back.peer, &r->peer, sizeof(r->peer));
		assert_memory_equal(&back.rejection, &r->rejection, sizeof(r->rejection));
		if (r->type == RECORD_DECLARED)
			assert_same_declaration(&back.declaration, &r->declaration);
	}
}

/* The table of docs/format/record.md, by hand. */
static void
has_the_bytes_of_the_document(void **state)
{
	static const uint8_t want[] = {
		0x49, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01,
		0x00, 0x00, 0x00, 0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
		0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
		0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
		0x0f, 0x00, 0x02, 0x00, 'p',  'r',  'o',  'c',  'e',  's',  's',  '.',  's',
		'p',  'a',  'w',  'n',  'e',  'd',  's',  'h',
	};
	struct record r = wire1();
	uint8_t bytes[RECORD_BYTES_MAX];
	size_t size = 0;

	(void)state;
	assert_int_equal(record_write(&r, bytes, sizeof(bytes), &size), ERR_OK);
	assert_int_equal(size, sizeof(want));
	assert_memory_equal(bytes, want, sizeof(want));
}

static void
needs_room(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < SAMPLES; i++) {
		uint8_t bytes[RECORD_BYTES_MAX];
		size_t size = 0;
		size_t capacity;
		size_t other_size = 0;

		assert_int_equal(record_write(sample(i), bytes, sizeof(bytes), &size), ERR_OK);
		for (capacity = 0; capacity < size; capacity++)
			assert_int_equal(record_write(sample(i), bytes, capacity, &other_size),
					 ERR_LIMIT);
		assert_int_equal(other_size, 0);
		assert_int_equal(record_write(sample(i), bytes, size, &other_size), ERR_OK);
	}
}

static void
refuses_every_truncation(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < SAMPLES; i++) {
		uint8_t bytes[RECORD_BYTES_MAX];
		size_t size = 0;
		size_t cut;

		assert_int_equal(record_write(sample(i), bytes, sizeof(bytes), &size), ERR_OK);
		for (cut = 0; cut < size; cut++) {
			/* Of exactly its size, so that a byte read past it is seen. */
			uint8_t *copy = malloc(cut + (cut == 0));
			struct record back;
			size_t used = 0;

			assert_non_null(copy);
			memcpy(copy, bytes, cut);
			assert_int_equal(record_read(copy, cut, &back, &used), ERR_FORMAT);
			/* The same where the record itself says that it is so short. */
			if (cut >= 2) {
				copy[0] = (uint8_t)cut;
				copy[1] = (uint8_t)(cut >> 8);
				assert_int_equal(record_read(copy, cut, &back, &used), ERR_FORMAT);
			}
			free(copy);
		}
	}
}

/* A flipped bit is refused, or is another record whose bytes are just those. */
static void
knows_every_flipped_bit(void **state)
{
	size_t refused = 0;
	size_t i;

	(void)state;
	for (i = 0; i < SAMPLES; i++) {
		uint8_t bytes[RECORD_BYTES_MAX];
		uint8_t again[RECORD_BYTES_MAX];
		size_t size = 0;
		size_t bit;

		assert_int_equal(record_write(sample(i), bytes, sizeof(bytes), &size), ERR_OK);
		for (bit = 0; bit < 8 * size; bit++) {
			struct record back;
			size_t used = 0;
			size_t again_size = 0;

			memset(&back, 0, sizeof(back));
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (record_read(bytes, size, &back, &used) != ERR_OK) {
				refused++;
			} else {
				assert_int_equal(
					record_write(&back, again, sizeof(again), &again_size),
					ERR_OK);
				assert_int_equal(again_size, used);
				assert_memory_equal(again, bytes, used);
			}
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	assert_true(refused > 500);
}

static void
refuses_by_rule(void **state)
{
	/* `at` counts from the end where it is negative. */
	static const struct {
		const char *rule;
		size_t sample;
		int at;
		uint8_t value;
	} rows[] = {
		{ "no such type", 0, 2, 0 },
		{ "a type past the last", 0, 2, 6 },
		{ "an unknown flag", 0, 3, 7 },
		{ "a seq that is not there", 0, 3, 2 },
		{ "a dropped that is not there", 0, 3, 1 },
		{ "a declaration before any frame", 0, 6, 0 },
		{ "an unknown mode", 0, 6, 3 },
		{ "wire 2 said of wire 1", 0, 6, 1 },
		{ "wire 1 said of wire 2", 1, 6, 2 },
		{ "fewer entries than there are", 0, 7, 3 },
		{ "more entries than there are", 0, 7, 5 },
		{ "more entries than may be", 0, 7, 33 },
		{ "no connection", 1, 8, 0 },
		{ "another version on wire 2", 0, 12, 3 },
		{ "version zero", 1, 12, 0 },
		{ "a version of another major", 1, 13, 1 },
		{ "a version over 16 bits", 1, 14, 1 },
		{ "a stream on wire 1", 1, 16, 1 },
		{ "a seq without its flag", 1, 32, 1 },
		{ "a source longer than the record", 1, 53, 1 },
		{ "a comm longer than the record", 1, 55, 1 },
		{ "a byte left over", 1, 54, 1 },
		{ "a source that is not UTF-8", 1, 56, 0xff },
		{ "a comm cut inside a character", 0, 54, 2 },
		{ "a key of capitals", 0, 75, 'A' },
		{ "a key that is not after the one before", 0, 84, '.' },
		{ "a type of no value", 0, 72, 3 },
		{ "a text that is not UTF-8", 0, 77, 0xff },
		{ "neither true nor false", 0, 87, 2 },
		{ "an integer below the limit", 0, 93, 0 },
		{ "flags of an opened", 2, 3, 1 },
		{ "a mode of an opened", 2, 6, 1 },
		{ "an end of an opened", 2, 7, 1 },
		{ "a word of an opened", 2, 12, 1 },
		{ "something behind gid", 2, -1, 1 },
		{ "a rejection without reason", 3, 12, 0 },
		{ "a reason that nobody has", 3, 12, HARK_REJECT_COUNT },
		{ "a field that nobody has", 3, 7, HARK_FIELD_COUNT },
		{ "a rejection that never was", 3, 16, 0 },
		{ "a mode of a rejection", 3, 6, 1 },
		{ "an end that nobody has", 4, 7, 4 },
		{ "a closed of no mode", 4, 6, 3 },
		{ "a stream of wire 1", 4, 6, 1 },
		{ "a word of a closed", 4, 15, 1 },
		{ "a limit's connection", 5, 8, 1 },
		{ "a limit's reason", 5, 12, 1 },
		{ "a limit's field", 5, 7, 1 },
		{ "a limit of no time", 5, 16, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint8_t bytes[RECORD_BYTES_MAX];
		struct record back;
		size_t size = 0;
		size_t used = 0;
		size_t at;

		assert_int_equal(record_write(sample(rows[i].sample), bytes, sizeof(bytes), &size),
				 ERR_OK);
		at = rows[i].at >= 0 ? (size_t)rows[i].at : size - (size_t)-rows[i].at;
		if (bytes[at] == rows[i].value)
			fail_msg("%s: it is so already", rows[i].rule);
		bytes[at] = rows[i].value;
		if (record_read(bytes, size, &back, &used) != ERR_FORMAT)
			fail_msg("%s: taken", rows[i].rule);
	}
}

/* A record may be larger than a frame, but no frame has more text than its body. */
static void
refuses_more_text_than_a_frame_has(void **state)
{
	static char text[HARK_MAX_FRAME_BYTES + 1];
	struct record r = wire1();
	struct record back;
	uint8_t bytes[RECORD_BYTES_MAX];
	size_t size = 0;
	size_t used = 0;

	(void)state;
	memset(text, 'x', sizeof(text));
	r.declaration.guest_comm = (struct hark_text){ text, 4096 - 15 };
	assert_int_equal(record_write(&r, bytes, sizeof(bytes), &size), ERR_OK);
	assert_int_equal(record_read(bytes, size, &back, &used), ERR_OK);
	r.declaration.guest_comm.size++;
	assert_int_equal(record_write(&r, bytes, sizeof(bytes), &size), ERR_OK);
	assert_int_equal(record_read(bytes, size, &back, &used), ERR_FORMAT);
}

static void
reads_heads_of_batches(void **state)
{
	struct record_batch b = { .first = UINT64_C(0x0102030405060708), .count = 2 };
	struct record_batch back = { 0 };
	uint8_t bytes[RECORD_BATCH_HEAD_BYTES + 32] = { 0 };
	size_t i;

	(void)state;
	record_batch_write(&b, bytes);
	assert_memory_equal(bytes, "HRB1", 4);
	for (i = 0; i < sizeof(bytes); i++)
		assert_int_equal(record_batch_read(bytes, i, &back), ERR_FORMAT);
	assert_int_equal(record_batch_read(bytes, sizeof(bytes), &back), ERR_OK);
	assert_true(back.first == b.first && back.count == 2);
	for (i = 0; i < 8 * RECORD_BATCH_HEAD_BYTES; i++) {
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		if (record_batch_read(bytes, sizeof(bytes), &back) == ERR_OK)
			assert_true(back.first != b.first || back.count != b.count);
		else
			assert_true(i < 64 || i >= 128);
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	b.first = UINT64_MAX - 2;
	record_batch_write(&b, bytes);
	assert_int_equal(record_batch_read(bytes, sizeof(bytes), &back), ERR_OK);
	bytes[8] = 0xfe;
	assert_int_equal(record_batch_read(bytes, sizeof(bytes), &back), ERR_FORMAT);
}

static void
reads_receipts(void **state)
{
	struct record_receipt r = { .next = 77, .count = 2, .slots = { { 3, 1000 }, { 9, 0 } } };
	struct record_receipt back;
	uint8_t bytes[RECORD_RECEIPT_BYTES_MAX];
	size_t size = 0;
	size_t i;

	(void)state;
	assert_int_equal(record_receipt_write(&r, bytes, 47, &size), ERR_LIMIT);
	assert_int_equal(record_receipt_write(&r, bytes, sizeof(bytes), &size), ERR_OK);
	assert_int_equal(size, 48);
	assert_int_equal(record_receipt_read(bytes, size, &back), ERR_OK);
	assert_true(back.next == 77 && back.count == 2 && back.slots[0].slot == 3 &&
		    back.slots[0].bytes == 1000 && back.slots[1].slot == 9 &&
		    back.slots[1].bytes == 0);
	for (i = 0; i < size; i++)
		assert_int_equal(record_receipt_read(bytes, i, &back), ERR_FORMAT);
	assert_int_equal(record_receipt_read(bytes, size + 16, &back), ERR_FORMAT);
	for (i = 0; i < 64; i++) {
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(record_receipt_read(bytes, size, &back), ERR_FORMAT);
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	bytes[18] = 1; /* a slot over 16 bits */
	assert_int_equal(record_receipt_read(bytes, size, &back), ERR_FORMAT);
	r.count = RECORD_RECEIPT_SLOTS_MAX;
	memset(r.slots, 0, sizeof(r.slots));
	assert_int_equal(record_receipt_write(&r, bytes, sizeof(bytes), &size), ERR_OK);
	assert_int_equal(record_receipt_read(bytes, size, &back), ERR_OK);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back_what_was_written),
		cmocka_unit_test(has_the_bytes_of_the_document),
		cmocka_unit_test(needs_room),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(knows_every_flipped_bit),
		cmocka_unit_test(refuses_by_rule),
		cmocka_unit_test(refuses_more_text_than_a_frame_has),
		cmocka_unit_test(reads_heads_of_batches),
		cmocka_unit_test(reads_receipts),
	};

	return cmocka_run_group_tests_name("proto/record", tests, NULL, NULL);
}
