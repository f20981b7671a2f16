/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a stamp may hold, and that only a checked one is used.  The clock is a stand-in. */
#include <stdio.h>
#include <string.h>

#include <hark/telemetry.h>

#include "os/clock.h"
#include "unit.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

void __wrap_clock_realtime(int64_t *seconds_out, uint32_t *nanoseconds_out);

void
__wrap_clock_realtime(int64_t *seconds_out, uint32_t *nanoseconds_out)
{
	*seconds_out = 1762348800;
	*nanoseconds_out = 123456789;
}

static void
texts_are_checked(void **state)
{
	static char long_id[HARK_ID_BYTES_MAX + 1];
	const struct {
		const char *rule;
		struct hark_text cell, run, hash;
		enum hark_telemetry_error want;
	} rows[] = {
		{ "empty cell", TEXT(""), TEXT("r"), TEXT(""), HARK_TELEMETRY_ARGUMENT },
		{ "empty run", TEXT("c"), TEXT(""), TEXT(""), HARK_TELEMETRY_ARGUMENT },
		{ "NULL cell", { NULL, 3 }, TEXT("r"), TEXT(""), HARK_TELEMETRY_ARGUMENT },
		{ "NULL hash", TEXT("c"), TEXT("r"), { NULL, 71 }, HARK_TELEMETRY_ARGUMENT },
		{ "blank", TEXT("a b"), TEXT("r"), TEXT(""), HARK_TELEMETRY_ARGUMENT },
		{ "control", TEXT("c"), TEXT("r\n"), TEXT(""), HARK_TELEMETRY_ARGUMENT },
		{ "NUL", TEXT("c\0d"), TEXT("r"), TEXT(""), HARK_TELEMETRY_ARGUMENT },
		{ "not UTF-8", TEXT("\xff"), TEXT("r"), TEXT(""), HARK_TELEMETRY_ARGUMENT },
		{ "too long",
		  { long_id, HARK_ID_BYTES_MAX + 1 },
		  TEXT("r"),
		  TEXT(""),
		  HARK_TELEMETRY_ARGUMENT },
		{ "hash without its name", TEXT("c"), TEXT("r"), TEXT(HEX64),
		  HARK_TELEMETRY_ARGUMENT },
		{ "upper case hash", TEXT("c"), TEXT("r"),
		  TEXT("sha256:A123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
		  HARK_TELEMETRY_ARGUMENT },
		{ "hash and more", TEXT("c"), TEXT("r"), TEXT("sha256:" HEX64 "0"),
		  HARK_TELEMETRY_ARGUMENT },
		{ "only its name", TEXT("c"), TEXT("r"), TEXT("sha256:"), HARK_TELEMETRY_ARGUMENT },
		{ "without a hash", TEXT("c"), TEXT("r"), TEXT(""), HARK_TELEMETRY_OK },
		{ "with a hash", TEXT("c"), TEXT("r"), TEXT("sha256:" HEX64), HARK_TELEMETRY_OK },
		{ "quotes", TEXT("c\""), TEXT("\\"), TEXT(""), HARK_TELEMETRY_OK },
		{ "longest",
		  { long_id, HARK_ID_BYTES_MAX },
		  { long_id, HARK_ID_BYTES_MAX },
		  TEXT(""),
		  HARK_TELEMETRY_OK },
	};
	size_t i;

	(void)state;
	memset(long_id, 'i', sizeof(long_id));
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_host_stamp stamp;
		struct hark_host_stamp before;

		memset(&stamp, 0x55, sizeof(stamp));
		before = stamp;
		if (hark_host_stamp_init(rows[i].cell, rows[i].run, rows[i].hash, &stamp) !=
		    rows[i].want)
			fail_msg("%s", rows[i].rule);
		if (rows[i].want != HARK_TELEMETRY_OK)
			assert_memory_equal(&stamp, &before, sizeof(stamp));
	}
	assert_int_equal(hark_host_stamp_init(hark_text_of("c"), hark_text_of("r"),
					      hark_text_of(NULL), NULL),
			 HARK_TELEMETRY_ARGUMENT);
}

static void
only_a_checked_stamp_is_used(void **state)
{
	struct hark_guest_declaration guest = { 0 };
	struct hark_host_stamp host = { .cell_id = hark_text_of("c"), .run_id = hark_text_of("r") };
	struct hark_stamped_declaration out;

	(void)state;
	assert_int_equal(hark_stamp(&guest, &host, &out), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_stamp_now(&guest, &host, &out), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(host.host_received_at.seconds, 0);
	assert_int_equal(hark_host_stamp_init(hark_text_of("c"), hark_text_of("r"),
					      hark_text_of(NULL), &host),
			 HARK_TELEMETRY_OK);
	assert_int_equal(hark_stamp(NULL, &host, &out), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_stamp(&guest, NULL, &out), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_stamp(&guest, &host, NULL), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_stamp_now(&guest, NULL, &out), HARK_TELEMETRY_ARGUMENT);

	assert_int_equal(hark_stamp(&guest, &host, &out), HARK_TELEMETRY_OK);
	assert_ptr_equal(out.guest, &guest);
	assert_ptr_equal(out.host, &host);
	assert_int_equal(out.authority.tier, 1);
	assert_int_equal(out.authority.confidence, 1);
	assert_string_equal(out.authority.epistemic_status, "DECLARED");
	assert_string_equal(out.authority.binding_status, "NOT_APPLICABLE");
	assert_int_equal(host.host_received_at.seconds, 0);

	assert_int_equal(hark_stamp_now(&guest, &host, &out), HARK_TELEMETRY_OK);
	assert_int_equal(host.host_received_at.seconds, 1762348800);
	assert_int_equal(host.host_received_at.nanoseconds, 123456789);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_checked),
		cmocka_unit_test(only_a_checked_stamp_is_used),
	};

	return cmocka_run_group_tests_name("telemetry/host_stamp", tests, NULL, NULL);
}
