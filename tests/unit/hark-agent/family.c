/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The set of processes: collisions, holes, its limit. */
#include <string.h>

#include "hark-agent/family.h"
#include "unit.h"

static struct family f;

static void
clear(void)
{
	memset(&f, 0, sizeof(f));
}

/* 200 different pids with 40 homes between them, on both sides of the table's end. */
static pid_t
crowded(pid_t i)
{
	return (pid_t)FAMILY_PLACES * (i / 40 + 1) - 20 + i % 40;
}

static void
collisions_leave_no_holes(void **state)
{
	struct member *m;
	pid_t pid;

	(void)state;
	clear();
	for (pid = 0; pid < 200; pid++) {
		assert_int_equal(family_add(&f, crowded(pid), &m), ERR_OK);
		assert_int_equal(m->pid, crowded(pid));
	}
	assert_int_equal(f.count, 200);
	assert_true(family_check(&f));
	for (pid = 0; pid < 200; pid += 3) {
		family_remove(&f, crowded(pid));
		assert_true(family_check(&f));
		assert_null(family_find(&f, crowded(pid)));
	}
	family_remove(&f, 7);
	assert_true(family_check(&f));
}

static void
it_is_bounded(void **state)
{
	struct member *m;
	uint32_t i;

	(void)state;
	clear();
	for (i = 0; i < FAMILY_MEMBERS_MAX; i++)
		assert_int_equal(family_add(&f, (pid_t)(1 + i * 3), &m), ERR_OK);
	assert_int_equal(family_add(&f, 1, &m), ERR_EXISTS);
	assert_int_equal(family_add(&f, 2, &m), ERR_LIMIT);
	assert_true(family_check(&f));
	family_remove(&f, 1);
	assert_int_equal(family_add(&f, 2, &m), ERR_OK);
	assert_int_equal(m->pid, 2);
	assert_int_equal(m->comm_size, 0);
	for (i = 0; i < FAMILY_MEMBERS_MAX; i++)
		family_remove(&f, (pid_t)(1 + i * 3));
	assert_int_equal(f.count, 1);
	assert_true(family_check(&f));
}

static void
check_sees_damage(void **state)
{
	struct member *m;

	(void)state;
	clear();
	assert_int_equal(family_add(&f, 5, &m), ERR_OK);
	m->pid = 6;
	assert_false(family_check(&f));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(collisions_leave_no_holes),
		cmocka_unit_test(it_is_bounded),
		cmocka_unit_test(check_sees_damage),
	};

	return cmocka_run_group_tests_name("hark-agent/family", tests, NULL, NULL);
}
