/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rules that were broken: each is told until it is recorded, and there are not too many. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "harkd/harkd.h"
#include "prog/exit.h"

static struct harkd h;
static struct child c;
static bool hears;
static unsigned int told;
static char json[512];
static uint64_t last_id;
static struct child_kind kind = { .role = "receiver", .program = "hark-receiver" };

bool
child_runs(const struct child *child)
{
	(void)child;
	return hears;
}

bool
notary_hears(const struct harkd *harkd)
{
	(void)harkd;
	return hears;
}

void
child_send(struct child *child, struct message *m)
{
	struct bytes text = message_bytes(m, FIELD_JSON);
	struct bytes what = message_bytes(m, FIELD_KIND);

	assert_ptr_equal(child, &h.notary);
	assert_int_equal(m->type, MESSAGE_OPERATION);
	assert_memory_equal(what.data, "program_violation", what.size);
	(void)snprintf(json, sizeof(json), "%.*s", (int)text.size, (const char *)text.data);
	last_id = m->id;
	told++;
}

void
answer_done(struct harkd *harkd, uint64_t id, uint64_t generation, int code, const char *text)
{
	(void)harkd;
	(void)id;
	(void)generation;
	(void)code;
	(void)text;
	fail();
}

void
answer_message(struct harkd *harkd, uint64_t generation, struct message *m)
{
	(void)harkd;
	(void)generation;
	(void)m;
	fail();
}

static void
done(uint64_t id, int code)
{
	struct message m;

	message_init(&m, MESSAGE_DONE, id);
	message_set_number(&m, FIELD_CODE, (uint64_t)code);
	pending_done(&h, &m);
}

static int
set_up(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	memset(&c, 0, sizeof(c));
	c.kind = &kind;
	c.h = &h;
	hears = true;
	told = 0;
	return loop_create(NULL, &h.loop) == ERR_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	pending_fail_all(&h);
	violation_forget_all(&h);
	assert_int_equal(h.violation_count, 0);
	loop_destroy(h.loop);
	return 0;
}

static void
it_says_who_and_which_rule(void **state)
{
	(void)state;
	violation_record(&c, "not_due");
	assert_string_equal(json, "{\"program\":\"hark-receiver\",\"reason\":\"not_due\"}");
	c.label = "c0";
	violation_record(&c, "asks");
	assert_string_equal(json,
			    "{\"of\":\"c0\",\"program\":\"hark-receiver\",\"reason\":\"asks\"}");
	assert_int_equal(told, 2);
	done(last_id, EXIT_OK);
	done(last_id - 1, EXIT_OK);
	violation_tell(&h);
	assert_int_equal(told, 2);
	assert_int_equal(h.violation_count, 0);
}

static void
it_is_told_until_it_is_recorded(void **state)
{
	(void)state;
	hears = false;
	violation_record(&c, "not_due");
	assert_int_equal(told, 0);
	hears = true;
	violation_tell(&h);
	violation_tell(&h);
	assert_int_equal(told, 1);
	pending_fail_all(&h); /* that notary has ended */
	violation_tell(&h);
	assert_int_equal(told, 2);
	/* One that is refused for ever is not told for ever. */
	done(last_id, EXIT_SOFTWARE);
	violation_tell(&h);
	assert_int_equal(told, 2);
	assert_int_equal(h.violation_count, 0);
}

static void
there_are_not_too_many(void **state)
{
	unsigned int i;

	(void)state;
	hears = false;
	for (i = 0; i < VIOLATIONS_MAX + 10; i++)
		violation_record(&c, "not_due");
	assert_int_equal(h.violation_count, VIOLATIONS_MAX);
	hears = true;
	violation_tell(&h);
	assert_int_equal(told, VIOLATIONS_MAX);
}

/* The longest name of a cell. */
static void
the_longest_name_fits(void **state)
{
	char label[129];

	(void)state;
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	c.label = label;
	violation_record(&c, "too_many_messages");
	assert_true(json[strlen(json) - 1] == '}');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(it_says_who_and_which_rule),
		T(it_is_told_until_it_is_recorded),
		T(there_are_not_too_many),
		T(the_longest_name_fits),
#undef T
	};

	return cmocka_run_group_tests_name("violation", tests, NULL, NULL);
}
