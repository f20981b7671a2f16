/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An event's record, byte by byte as docs/format/observer-abi.md has it. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <hark/observer.h>

#include "observer/observer_internal.h"
#include "unit.h"

static uint64_t
number(const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	while (size-- > 0)
		value = value << 8 | at[size];
	return value;
}

static void
all_has_its_place(void **state)
{
	static const char json[] = "{}";
	const struct hark_observer_event event = {
		.index = UINT64_C(0x0102030405060708),
		.time_ns = UINT64_C(0x1112131415161718),
		.has_epoch = true,
		.has_seq = true,
		.has_guest = true,
		.epoch = 0x21222324,
		.guest_pid = 0x31323334,
		.guest_monotonic_ns = UINT64_C(0x4142434445464748),
		.seq = UINT64_C(0x5152535455565758),
		.type = hark_text_of("type"),
		.id = hark_text_of("i/d"),
		.cell = hark_text_of("c"),
		.run = hark_text_of("run-1"),
		.probe_source = hark_text_of("p.s"),
		.guest_comm = hark_text_of("sh"),
		.json = { json, 2 },
	};
	static const char *const texts[] = { "type", "i/d", "c", "run-1", "p.s", "sh" };
	uint8_t out[256];
	size_t at = 128;
	size_t i;

	(void)state;
	memset(out, 0xee, sizeof(out));
	assert_int_equal(record_size(&event), 128 + 4 + 3 + 1 + 5 + 3 + 2);
	record_write(&event, 65536, out);
	assert_int_equal(number(out, 4), record_size(&event));
	assert_int_equal(number(out + 4, 2), 1);
	assert_int_equal(number(out + 6, 2), 7);
	assert_int_equal(number(out + 8, 8), event.index);
	assert_int_equal(number(out + 16, 8), event.time_ns);
	assert_int_equal(number(out + 24, 8), event.guest_monotonic_ns);
	assert_int_equal(number(out + 32, 8), event.seq);
	assert_int_equal(number(out + 40, 4), event.epoch);
	assert_int_equal(number(out + 44, 4), event.guest_pid);
	assert_int_equal(number(out + 48, 4), 2);
	assert_int_equal(number(out + 52, 4), 65536);
	for (i = 0; i < COUNT_OF(texts); i++) {
		assert_int_equal(number(out + 56 + 8 * i, 4), at);
		assert_int_equal(number(out + 60 + 8 * i, 4), strlen(texts[i]));
		assert_memory_equal(out + at, texts[i], strlen(texts[i]));
		at += strlen(texts[i]);
	}
	for (i = 104; i < 128; i++)
		assert_int_equal(out[i], 0);
	for (i = record_size(&event); i < sizeof(out); i++)
		assert_int_equal(out[i], 0xee);
}

/* What an event does not have is 0, whatever its member says. */
static void
what_is_not_there_is_zero(void **state)
{
	const struct hark_observer_event event = {
		.index = 9,
		.epoch = 1,
		.seq = 2,
		.guest_pid = 3,
		.guest_monotonic_ns = 4,
		.type = hark_text_of("t"),
	};
	uint8_t out[129];
	size_t i;

	(void)state;
	memset(out, 0xee, sizeof(out));
	assert_int_equal(record_size(&event), sizeof(out));
	record_write(&event, 65536, out);
	assert_int_equal(number(out + 6, 2), 0);
	for (i = 24; i < 48; i++)
		assert_int_equal(out[i], 0);
	for (i = 1; i < 6; i++)
		assert_int_equal(number(out + 60 + 8 * i, 4), 0);
	assert_int_equal(out[128], 't');
}

static void
each_flag_stands_for_its_member(void **state)
{
	static const struct {
		struct hark_observer_event event;
		uint16_t flags;
	} rows[] = {
		{ { .has_epoch = true, .epoch = 5 }, HARK_EVENT_HAS_EPOCH },
		{ { .has_seq = true, .seq = 5 }, HARK_EVENT_HAS_SEQ },
		{ { .has_guest = true, .guest_pid = 5 }, HARK_EVENT_HAS_GUEST },
		{ { .texts_cut = true }, 8 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint8_t out[128];

		record_write(&rows[i].event, 0, out);
		assert_int_equal(number(out + 6, 2), rows[i].flags);
	}
}

static void
texts_have_a_limit_together(void **state)
{
	static char text[HARK_OBSERVER_TEXTS_MAX + 1];
	struct hark_observer_event event = { .type = { text, HARK_OBSERVER_TEXTS_MAX } };
	uint8_t *out = malloc(HARK_EVENT_RECORD_BYTES_MAX);

	(void)state;
	assert_non_null(out);
	memset(text, 'x', sizeof(text));
	assert_int_equal(record_size(&event), HARK_EVENT_RECORD_BYTES_MAX);
	record_write(&event, 65536, out);
	free(out);
	event.guest_comm = hark_text_of("y");
	assert_int_equal(record_size(&event), 0);
	event.type.size--;
	assert_int_equal(record_size(&event), HARK_EVENT_RECORD_BYTES_MAX);
	event.run = (struct hark_text){ text, SIZE_MAX };
	assert_int_equal(record_size(&event), 0);
	event.run = (struct hark_text){ NULL, 0 };
	assert_int_equal(record_size(&event), HARK_EVENT_RECORD_BYTES_MAX);
	event.type.size--;
	event.run = (struct hark_text){ NULL, 1 };
	assert_int_equal(record_size(&event), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_has_its_place),
		cmocka_unit_test(what_is_not_there_is_zero),
		cmocka_unit_test(each_flag_stands_for_its_member),
		cmocka_unit_test(texts_have_a_limit_together),
	};

	return cmocka_run_group_tests_name("observer/record", tests, NULL, NULL);
}
