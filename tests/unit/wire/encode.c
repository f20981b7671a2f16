/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the encoder of frames refuses, and that it then has written nothing. */
#include <string.h>

#include "unit.h"

#include <hark/telemetry.h>

enum change {
	NOTHING,
	VERSION_0,
	VERSION_256,
	BAD_SOURCE,
	NULL_COMM,
	SEQ_IN_1,
	DROPPED_IN_1,
	DETAIL_IN_1,
	SEQ_IN_3,
	HELLO_ALONE,
	COUNT_33,
	KEY_EMPTY,
	KEY_BAD,
	KEY_TWICE,
	TYPE_BAD,
	TEXT_BAD,
	INTEGER_LARGE,
	INTEGER_SMALL,
	VAST_TEXT,
	BODY_4097,
	BODY_4096,
};

static void
change(struct hark_guest_declaration *d, enum change what)
{
	static char many[HARK_MAX_FRAME_BYTES + 1];
	static const struct hark_text bad = { "\xff", 1 };
	/* A body of EVENT's keys with a comm whose head has three bytes. */
	const size_t rest = 1 + 16 + 1 + 13 + 2 + 10 + 1 + 11 + 3 + 19 + 1;

	memset(many, 'm', sizeof(many));
	d->content_version = what >= SEQ_IN_1 && what <= DETAIL_IN_1 ? 1 : 2;
	d->has_seq = what == SEQ_IN_1 || what == SEQ_IN_3;
	d->has_dropped = what == DROPPED_IN_1;
	d->detail_count = (what >= KEY_EMPTY && what <= INTEGER_SMALL) || what == DETAIL_IN_1;
	if (what == VERSION_0)
		d->content_version = 0;
	if (what == VERSION_256)
		d->content_version = 256;
	if (what == SEQ_IN_3)
		d->content_version = 3;
	if (what == BAD_SOURCE)
		d->probe_source = bad;
	if (what == NULL_COMM)
		d->guest_comm = (struct hark_text){ NULL, 1 };
	if (what == HELLO_ALONE)
		d->probe_source = (struct hark_text){ "agent.hello", 11 };
	if (what == COUNT_33)
		d->detail_count = HARK_DETAIL_COUNT_MAX + 1;
	if (what == KEY_EMPTY)
		d->detail[0].key.size = 0;
	if (what == KEY_BAD)
		d->detail[0].key = (struct hark_text){ "A", 1 };
	if (what == KEY_TWICE) {
		d->detail[1] = d->detail[0];
		d->detail_count = 2;
	}
	if (what == TYPE_BAD)
		d->detail[0].type = (enum hark_detail_type)9;
	if (what == TEXT_BAD) {
		d->detail[0].type = HARK_DETAIL_TEXT;
		d->detail[0].value.text = bad;
	}
	if (what == INTEGER_LARGE)
		d->detail[0].value.integer = INT64_C(9007199254740992);
	if (what == INTEGER_SMALL)
		d->detail[0].value.integer = INT64_C(-9007199254740992);
	if (what == VAST_TEXT)
		d->guest_comm = (struct hark_text){ many, SIZE_MAX };
	if (what == BODY_4096 || what == BODY_4097)
		d->guest_comm = (struct hark_text){ many, HARK_MAX_FRAME_BYTES - rest +
								  (what == BODY_4097) };
}

static void
the_encoder_refuses(void **state)
{
	static const struct {
		const char *rule;
		enum change change;
		size_t capacity;
		enum hark_telemetry_error want;
	} refusals[] = {
		{ "nothing is wrong", NOTHING, 4100, HARK_TELEMETRY_OK },
		{ "version 0", VERSION_0, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "another major", VERSION_256, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "probe_source not UTF-8", BAD_SOURCE, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "no data", NULL_COMM, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "seq in wire 1", SEQ_IN_1, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "dropped in wire 1", DROPPED_IN_1, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "detail in wire 1", DETAIL_IN_1, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "seq in a later minor", SEQ_IN_3, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "hello without stream", HELLO_ALONE, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "33 entries", COUNT_33, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "empty key", KEY_EMPTY, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "bad key", KEY_BAD, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "key twice", KEY_TWICE, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "no such type", TYPE_BAD, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "value not UTF-8", TEXT_BAD, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "integer too large", INTEGER_LARGE, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "integer too small", INTEGER_SMALL, 4100, HARK_TELEMETRY_ARGUMENT },
		{ "size of the whole memory", VAST_TEXT, 4100, HARK_TELEMETRY_LIMIT },
		{ "body of 4097", BODY_4097, 9000, HARK_TELEMETRY_LIMIT },
		{ "body of 4096", BODY_4096, 4100, HARK_TELEMETRY_OK },
		{ "one byte of room missing", BODY_4096, 4099, HARK_TELEMETRY_LIMIT },
		{ "no room for a prefix", NOTHING, 3, HARK_TELEMETRY_LIMIT },
	};
	static uint8_t frame[9000];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(refusals); i++) {
		struct hark_guest_declaration d = {
			.probe_source = { "x", 1 },
			.guest_comm = { "sh", 2 },
			.detail = { { .key = { "a", 1 }, .type = HARK_DETAIL_INTEGER } },
		};
		size_t size = 77;
		enum hark_telemetry_error e;

		change(&d, refusals[i].change);
		memset(frame, 0xee, sizeof(frame));
		e = hark_encode_frame(&d, frame, refusals[i].capacity, &size);
		if (e != refusals[i].want)
			fail_msg("%s: %d", refusals[i].rule, (int)e);
		if (e == HARK_TELEMETRY_OK)
			assert_true(size <= refusals[i].capacity && frame[size] == 0xee);
		else if (size != 77 || frame[0] != 0xee || frame[4] != 0xee)
			fail_msg("%s: something was written", refusals[i].rule);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_encoder_refuses),
	};

	return cmocka_run_group_tests_name("wire/encode", tests, NULL, NULL);
}
