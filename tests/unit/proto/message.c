/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every type of message round, what is refused and why, every truncation and every flipped bit. */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/ipc.h"
#include "os/packet.h"
#include "proto/message.h"

enum kind { NUMBER, TEXT, BYTES };

/* The lists once more, read by the test. */
#define NONE    UINT64_C(0)
#define F(name) (UINT64_C(1) << FIELD_##name)
static const struct {
	enum kind kind;
	size_t most;
} fields[] = {
#define FIELD(name, kind, most) { kind, most },
#include "proto/message.def"
#undef FIELD
};
static const struct {
	enum message_type type;
	size_t descriptors;
	uint64_t required, allowed;
} types[] = {
#define MESSAGE(name, descriptors, required, other) \
	{ MESSAGE_##name, descriptors, required, (required) | (other) },
#include "proto/message.def"
#undef MESSAGE
};
#undef F
#undef NONE

static char letters[65536];

static void
fill(struct message *m, enum message_type type, uint64_t which, size_t most)
{
	unsigned int i;

	message_init(m, type, UINT64_C(0x0102030405060708));
	for (i = 0; i < MESSAGE_FIELDS; i++) {
		if ((which >> i & 1) == 0)
			continue;
		if (fields[i].kind == NUMBER)
			message_set_number(m, i, UINT64_MAX - i);
		else
			message_set_bytes(m, i, letters,
					  fields[i].most < most ? fields[i].most : most);
	}
}

static void
assert_same(const struct message *a, const struct message *b)
{
	unsigned int i;

	assert_int_equal(a->type, b->type);
	assert_true(a->id == b->id && a->present == b->present);
	for (i = 0; i < MESSAGE_FIELDS; i++) {
		if (!message_has(a, i))
			continue;
		if (fields[i].kind == NUMBER) {
			assert_true(message_number(a, i, 0) == message_number(b, i, 1));
			continue;
		}
		assert_int_equal(message_bytes(a, i).size, message_bytes(b, i).size);
		if (message_bytes(a, i).size > 0)
			assert_memory_equal(message_bytes(a, i).data, message_bytes(b, i).data,
					    message_bytes(a, i).size);
	}
}

static void
every_type_goes_round(void **state)
{
	static const size_t mosts[] = { 0, 1, 60, 65535 };
	static uint8_t data[IPC_BYTES_MAX];
	struct message m;
	struct message back;
	size_t size;
	size_t i;
	size_t k;

	(void)state;
	for (i = 0; i < COUNT_OF(types); i++) {
		for (k = 0; k < COUNT_OF(mosts); k++) {
			fill(&m, types[i].type, types[i].allowed, mosts[k]);
			assert_int_equal(message_write(&m, data, sizeof(data), &size), ERR_OK);
			assert_int_equal(message_read(data, size, &back), ERR_OK);
			assert_same(&m, &back);
			fill(&m, types[i].type, types[i].required, mosts[k]);
			assert_int_equal(message_write(&m, data, sizeof(data), &size), ERR_OK);
			assert_int_equal(message_read(data, size, &back), ERR_OK);
			assert_same(&m, &back);
		}
	}
}

/* What is written into a smaller place is refused and writes nothing past it. */
static void
every_capacity_below_the_size_is_too_small(void **state)
{
	uint8_t data[4096];
	struct message m;
	size_t size;
	size_t capacity;
	size_t got;

	(void)state;
	fill(&m, MESSAGE_ASK_CELL_ADD, types[MESSAGE_ASK_CELL_ADD - 1].allowed, 30);
	assert_int_equal(message_write(&m, data, sizeof(data), &size), ERR_OK);
	for (capacity = 0; capacity < size; capacity++) {
		memset(data, 0xa5, sizeof(data));
		assert_int_equal(message_write(&m, data, capacity, &got), ERR_LIMIT);
		assert_int_equal(data[capacity], 0xa5);
	}
	assert_int_equal(message_write(&m, data, size, &got), ERR_OK);
}

static void
every_truncation_is_refused(void **state)
{
	uint8_t data[4096];
	uint8_t *exact;
	struct message m;
	struct message back;
	size_t size;
	size_t i;
	size_t cut;

	(void)state;
	for (i = 0; i < COUNT_OF(types); i++) {
		fill(&m, types[i].type, types[i].allowed, 20);
		assert_int_equal(message_write(&m, data, sizeof(data), &size), ERR_OK);
		for (cut = 0; cut < size; cut++) {
			/* A block of its own, so that a sanitizer sees one byte too far. */
			exact = malloc(cut + 1);
			assert_non_null(exact);
			memcpy(exact, data, cut);
			assert_int_equal(message_read(exact, cut, &back), ERR_FORMAT);
			free(exact);
		}
		data[size] = 0;
		assert_int_equal(message_read(data, size + 1, &back), ERR_FORMAT);
	}
}

/* Whatever a flipped bit leaves readable is written back as the same bytes: there is one form. */
static void
every_flipped_bit_is_refused_or_another_message(void **state)
{
	uint8_t data[4096];
	uint8_t again[4096];
	struct message m;
	struct message back;
	size_t refused = 0;
	size_t size;
	size_t again_size;
	size_t i;
	size_t bit;

	(void)state;
	for (i = 0; i < COUNT_OF(types); i++) {
		fill(&m, types[i].type, types[i].allowed, 6);
		assert_int_equal(message_write(&m, data, sizeof(data), &size), ERR_OK);
		for (bit = 0; bit < size * 8; bit++) {
			data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (message_read(data, size, &back) == ERR_OK) {
				assert_int_equal(
					message_write(&back, again, sizeof(again), &again_size),
					ERR_OK);
				assert_int_equal(again_size, size);
				assert_memory_equal(again, data, size);
			} else {
				refused++;
			}
			data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	assert_true(refused > 1000);
}

#define HEAD(type, count) type, 0, 1, count, 9, 0, 0, 0, 0, 0, 0, 0
#define NUM(field, n)     field, 0, 8, 0, n, 0, 0, 0, 0, 0, 0, 0

static const struct {
	const char *rule;
	enum err want;
	size_t size;
	uint8_t data[64];
} rows[] = {
	{ "seal", ERR_OK, 24, { HEAD(MESSAGE_ASK_SEAL, 1), NUM(FIELD_LEDGER, 1) } },
	{ "seal with rights",
	  ERR_OK,
	  36,
	  { HEAD(MESSAGE_ASK_SEAL, 2), NUM(FIELD_LEDGER, 1), NUM(FIELD_RIGHTS, 2) } },
	{ "stop with nothing", ERR_OK, 12, { HEAD(MESSAGE_STOP, 0) } },
	{ "stop with an empty text", ERR_OK, 16, { HEAD(MESSAGE_STOP, 1), FIELD_TEXT, 0, 0, 0 } },
	{ "nothing", ERR_FORMAT, 0, { 0 } },
	{ "no type", ERR_FORMAT, 12, { HEAD(0, 0) } },
	{ "unknown type", ERR_FORMAT, 12, { HEAD(MESSAGE_TYPE_COUNT, 0) } },
	{ "type's high byte", ERR_FORMAT, 12, { MESSAGE_STOP, 1, 1, 0, 0 } },
	{ "older format", ERR_FORMAT, 12, { MESSAGE_STOP, 0, 0, 0, 0 } },
	{ "newer format", ERR_FORMAT, 12, { MESSAGE_STOP, 0, 2, 0, 0 } },
	{ "missing field", ERR_FORMAT, 12, { HEAD(MESSAGE_ASK_SEAL, 0) } },
	{ "field that it may not have",
	  ERR_FORMAT,
	  24,
	  { HEAD(MESSAGE_STOP, 1), NUM(FIELD_LEDGER, 1) } },
	{ "unknown field", ERR_FORMAT, 24, { HEAD(MESSAGE_STOP, 1), NUM(MESSAGE_FIELDS, 1) } },
	{ "field 255", ERR_FORMAT, 24, { HEAD(MESSAGE_STOP, 1), NUM(255, 1) } },
	{ "field's high byte",
	  ERR_FORMAT,
	  24,
	  { HEAD(MESSAGE_ASK_SEAL, 1), FIELD_LEDGER, 1, 8, 0, 1 } },
	{ "field twice",
	  ERR_FORMAT,
	  36,
	  { HEAD(MESSAGE_ASK_SEAL, 2), NUM(FIELD_LEDGER, 1), NUM(FIELD_LEDGER, 1) } },
	{ "descending",
	  ERR_FORMAT,
	  36,
	  { HEAD(MESSAGE_ASK_SEAL, 2), NUM(FIELD_RIGHTS, 2), NUM(FIELD_LEDGER, 1) } },
	{ "count too low",
	  ERR_FORMAT,
	  36,
	  { HEAD(MESSAGE_ASK_SEAL, 1), NUM(FIELD_LEDGER, 1), NUM(FIELD_RIGHTS, 2) } },
	{ "count too high", ERR_FORMAT, 24, { HEAD(MESSAGE_ASK_SEAL, 2), NUM(FIELD_LEDGER, 1) } },
	{ "number of 7 bytes",
	  ERR_FORMAT,
	  23,
	  { HEAD(MESSAGE_ASK_SEAL, 1), FIELD_LEDGER, 0, 7, 0, 1 } },
	{ "number of 9 bytes",
	  ERR_FORMAT,
	  25,
	  { HEAD(MESSAGE_ASK_SEAL, 1), FIELD_LEDGER, 0, 9, 0, 1 } },
	{ "length past the end",
	  ERR_FORMAT,
	  17,
	  { HEAD(MESSAGE_STOP, 1), FIELD_TEXT, 0, 2, 0, 'a' } },
	{ "largest length",
	  ERR_FORMAT,
	  17,
	  { HEAD(MESSAGE_STOP, 1), FIELD_TEXT, 0, 255, 255, 'a' } },
	{ "text with NUL", ERR_FORMAT, 18, { HEAD(MESSAGE_STOP, 1), FIELD_TEXT, 0, 2, 0, 'a', 0 } },
	{ "text not UTF-8", ERR_FORMAT, 17, { HEAD(MESSAGE_STOP, 1), FIELD_TEXT, 0, 1, 0, 0xff } },
	{ "text of UTF-8", ERR_OK, 18, { HEAD(MESSAGE_STOP, 1), FIELD_TEXT, 0, 2, 0, 0xc3, 0xa4 } },
	{ "a byte left over", ERR_FORMAT, 13, { HEAD(MESSAGE_STOP, 0), 0 } },
};

static void
rows_are_judged(void **state)
{
	struct message m;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		enum err e = message_read(rows[i].data, rows[i].size, &m);

		if (e != rows[i].want)
			print_error("%s: %s\n", rows[i].rule, err_text(e));
		assert_int_equal(e, rows[i].want);
	}
}

static void
a_text_over_its_bytes_is_refused_both_ways(void **state)
{
	static uint8_t data[IPC_BYTES_MAX];
	struct message m;
	size_t size;

	(void)state;
	message_init(&m, MESSAGE_STOP, 0);
	message_set_bytes(&m, FIELD_TEXT, letters, 1025);
	assert_int_equal(message_write(&m, data, sizeof(data), &size), ERR_LIMIT);
	message_set_bytes(&m, FIELD_TEXT, letters, 1024);
	assert_int_equal(message_write(&m, data, sizeof(data), &size), ERR_OK);
	data[14]++; /* the length says 1,025 */
	data[size] = 'a';
	assert_int_equal(message_read(data, size + 1, &m), ERR_FORMAT);
}

static void
what_cannot_be_read_is_not_written(void **state)
{
	uint8_t data[128];
	struct message m;
	size_t size;

	(void)state;
	message_init(&m, MESSAGE_STOP, 0);
	message_set_text(&m, FIELD_TEXT, "\xff");
	assert_int_equal(message_write(&m, data, sizeof(data), &size), ERR_FORMAT);
	message_set_bytes(&m, FIELD_TEXT, "a\0b", 3);
	assert_int_equal(message_write(&m, data, sizeof(data), &size), ERR_FORMAT);
}

static void
a_text_is_copied_with_its_terminator(void **state)
{
	struct message m;
	char text[6];

	(void)state;
	message_init(&m, MESSAGE_STOP, 0);
	assert_int_equal(message_text(&m, FIELD_TEXT, text, sizeof(text)), ERR_MISSING);
	message_set_text(&m, FIELD_TEXT, "hello");
	assert_int_equal(message_text(&m, FIELD_TEXT, text, sizeof(text)), ERR_OK);
	assert_string_equal(text, "hello");
	assert_int_equal(message_text(&m, FIELD_TEXT, text, 5), ERR_LIMIT);
	message_set_bytes(&m, FIELD_TEXT, "a\0", 2);
	assert_int_equal(message_text(&m, FIELD_TEXT, text, sizeof(text)), ERR_FORMAT);
}

static void
descriptors_are_counted(void **state)
{
	static uint8_t buffer[IPC_BYTES_MAX];
	uint8_t raw[64];
	struct message m;
	struct message back;
	int pair[2];
	int two[2] = { 0, 0 };
	size_t size;
	int next;

	(void)state;
	assert_int_equal(packet_pair(pair), ERR_OK);
	message_init(&m, MESSAGE_RECEIVER_CHANNEL, 7);
	m.fds[0] = STDIN_FILENO;
	m.fd_count = 1;
	assert_int_equal(message_send(pair[0], &m), ERR_OK);
	assert_int_equal(message_receive(pair[1], buffer, sizeof(buffer), &back), ERR_OK);
	assert_int_equal(back.type, MESSAGE_RECEIVER_CHANNEL);
	assert_int_equal(back.fd_count, 1);
	assert_true(back.fds[0] > 2 && back.fds[1] == -1);
	next = back.fds[0];
	message_close(&back);
	assert_int_equal(fcntl(next, F_GETFD), -1);

	/* None and two, where one is due: refused, and nothing stays open. */
	assert_int_equal(message_write(&m, raw, sizeof(raw), &size), ERR_OK);
	assert_int_equal(ipc_send(pair[0], raw, size, NULL, 0), ERR_OK);
	assert_int_equal(message_receive(pair[1], buffer, sizeof(buffer), &back), ERR_FORMAT);
	assert_int_equal(ipc_send(pair[0], raw, size, two, 2), ERR_OK);
	assert_int_equal(message_receive(pair[1], buffer, sizeof(buffer), &back), ERR_FORMAT);
	assert_int_equal(fcntl(next, F_GETFD), -1);
	/* Bytes that are no message, with a descriptor. */
	assert_int_equal(ipc_send(pair[0], "?", 1, two, 1), ERR_OK);
	assert_int_equal(message_receive(pair[1], buffer, sizeof(buffer), &back), ERR_FORMAT);
	assert_int_equal(fcntl(next, F_GETFD), -1);
	assert_int_equal(message_receive(pair[1], buffer, sizeof(buffer), &back), ERR_AGAIN);
	(void)close(pair[0]);
	assert_int_equal(message_receive(pair[1], buffer, sizeof(buffer), &back), ERR_END);
	(void)close(pair[1]);
}

static void
every_type_has_its_name(void **state)
{
	(void)state;
	assert_string_equal(message_name(MESSAGE_READY), "READY");
	assert_string_equal(message_name(MESSAGE_PING), "PING");
	assert_string_equal(message_name((enum message_type)60000), "UNKNOWN");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_goes_round),
		cmocka_unit_test(every_capacity_below_the_size_is_too_small),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_flipped_bit_is_refused_or_another_message),
		cmocka_unit_test(rows_are_judged),
		cmocka_unit_test(a_text_over_its_bytes_is_refused_both_ways),
		cmocka_unit_test(what_cannot_be_read_is_not_written),
		cmocka_unit_test(a_text_is_copied_with_its_terminator),
		cmocka_unit_test(descriptors_are_counted),
		cmocka_unit_test(every_type_has_its_name),
	};

	memset(letters, 'a', sizeof(letters));
	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
