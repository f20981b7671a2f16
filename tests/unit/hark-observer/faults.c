/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every allocation fails once at each N, while one story is told: a manifest with filters, a batch
 * with large effects.  It is told, nothing leaks, and nothing is sent of a call that failed.
 */
#include <string.h>

#include "proto/options.h"
#include "proto/staged.h"
#include "unit.h"
#include "world.h"

static unsigned int calls;
static unsigned int failing; /* the call that fails; 0: none */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *
__wrap_malloc(size_t size)
{
	return ++calls == failing ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return ++calls == failing ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return ++calls == failing ? NULL : __real_realloc(p, size);
}

static struct world w;

/* Its effects fill many messages. */
static enum hark_observer_error
invoke_much(void *ctx, const struct hark_observer_event *events, size_t count,
	    struct hark_observer_outcome *out)
{
	static const uint8_t large[STAGED_BYTES_MAX];
	size_t i;

	(void)ctx;
	(void)events;
	(void)count;
	memset(out, 0, sizeof(*out));
	for (i = 0; i < 20; i++) {
		if (stage_take(&w.deliver.stage, 0, large, sizeof(large)) != ERR_OK)
			return HARK_OBSERVER_CAPABILITY;
	}
	return HARK_OBSERVER_OK;
}

/* True where the story was told to its end. */
static bool
tell(struct bytes options)
{
	struct settings s;
	bool whole = false;
	enum err e;

	world_init(&w, 4, 0);
	w.ports.invoke = invoke_much;
	e = settings_read(options, &s);
	if (e == ERR_OK) {
		e = deliver_init(&w.deliver, &s, &w.ports);
		if (e == ERR_OK) {
			deliver_begin(&w.deliver, 0, 0);
			whole = world_run(&w) == DELIVER_LEAF;
			if (!whole)
				assert_int_equal(w.deliver.failure, HARK_OBSERVER_CAPABILITY);
			assert_string_equal(world_said(&w), whole ? "batch 0 4 +20" : "");
		}
		deliver_finish(&w.deliver);
		settings_finish(&s);
	}
	assert_true(whole || e == ERR_OK || e == ERR_MEMORY);
	return whole;
}

static void
each_allocation_may_fail(void **state)
{
	static const char digest[] =
		"sha256:0000000000000000000000000000000000000000000000000000000000000000";
	struct buf options = { 0 };
	unsigned int n;
	unsigned int told = 0;

	(void)state;
	assert_int_equal(options_add_text(&options, OPTION_DIGEST, digest, 71), ERR_OK);
	assert_int_equal(options_add_text(&options, OPTION_FILTER_CELL, "c0", 2), ERR_OK);
	assert_int_equal(options_add_text(&options, OPTION_FILTER_CELL, "c1", 2), ERR_OK);
	assert_int_equal(options_add_text(&options, OPTION_FILTER_TYPE, "t*", 2), ERR_OK);
	for (n = 1; told == 0; n++) {
		calls = 0;
		failing = n;
		told += tell((struct bytes){ options.data, options.size });
		failing = 0;
		assert_true(n < 200);
	}
	assert_true(n > 10);
	buf_finish(&options);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(each_allocation_may_fail) };

	return cmocka_run_group_tests_name("hark-observer/faults", tests, NULL, NULL);
}
