/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One story of three batches, in which each call into the database, each call that writes a file
 * and each allocation fails once: before it did anything, or with all of it done and the word lost.
 * Whatever fails, the story's end is the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

static unsigned int calls;
static unsigned int failing; /* the call that fails; 0: none */
static bool is_done;         /* it fails with all of it done */

static bool
fails(void)
{
	return ++calls == failing;
}

/* ---- the database -------------------------------------------------------------------------- */

static enum err
lost(enum err e, struct project_failure *why)
{
	project_say(why, "the word got lost");
	return e == ERR_OK ? ERR_AGAIN : e;
}

static enum err
faulty_open(const struct database_place *place, void **out, struct project_failure *why)
{
	if (fails())
		return lost(ERR_OK, why);
	return database_sqlite.open(place, out, why);
}

static void
faulty_close(void *state)
{
	database_sqlite.close(state);
}

static enum err
faulty_run(void *state, const char *sql, struct project_failure *why)
{
	bool now = fails();

	if (now && !is_done)
		return lost(ERR_OK, why);
	return now ? lost(database_sqlite.run(state, sql, why), why)
		   : database_sqlite.run(state, sql, why);
}

static enum err
faulty_ask(void *state, const char *sql, const struct database_value *values, size_t count,
	   database_row_fn *fn, void *ctx, uint64_t *changed_out, struct project_failure *why)
{
	bool now = fails();
	enum err e;

	if (now && !is_done)
		return lost(ERR_OK, why);
	e = database_sqlite.ask(state, sql, values, count, fn, ctx, changed_out, why);
	return now ? lost(e, why) : e;
}

static enum err
faulty_describe(void *state, const struct project_config *config, struct table *out,
		struct project_failure *why)
{
	bool now = fails();
	enum err e;

	if (now && !is_done)
		return lost(ERR_OK, why);
	e = database_sqlite.describe(state, config, out, why);
	return now ? lost(e == ERR_MISSING ? ERR_OK : e, why) : e;
}

static enum err
faulty_prepare(void *state, const struct table *table, struct project_failure *why)
{
	if (fails())
		return lost(ERR_OK, why);
	return database_sqlite.prepare_rows(state, table, why);
}

static enum err
faulty_write(void *state, const struct table *table, const struct database_rows *rows,
	     struct project_failure *why)
{
	bool now = fails();
	enum err e;

	if (now && !is_done)
		return lost(ERR_OK, why);
	e = database_sqlite.write_rows(state, table, rows, why);
	return now ? lost(e, why) : e;
}

static struct database_ops faulty;

/* ---- files --------------------------------------------------------------------------------- */

ssize_t __real_pwrite64(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t offset);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

ssize_t
__wrap_pwrite64(int fd, const void *data, size_t size, off_t offset)
{
	if (!fails())
		return __real_pwrite64(fd, data, size, offset);
	/* Half of it, as where a disk is full. */
	if (is_done && __real_pwrite64(fd, data, size / 2, offset) < 0)
		return -1;
	errno = ENOSPC;
	return -1;
}

int
__wrap_fdatasync(int fd)
{
	int result = __real_fdatasync(fd);

	if (!fails())
		return result;
	errno = EIO;
	return -1;
}

/* ---- allocations --------------------------------------------------------------------------- */

static bool memory_fails; /* they count */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);
char *__wrap_strdup(const char *text);

void *
__wrap_malloc(size_t size)
{
	return memory_fails && fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return memory_fails && fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return memory_fails && fails() ? NULL : __real_realloc(p, size);
}

void *
__wrap_reallocarray(void *p, size_t count, size_t size)
{
	return memory_fails && fails() ? NULL : __real_reallocarray(p, count, size);
}

char *
__wrap_strdup(const char *text)
{
	return memory_fails && fails() ? NULL : __real_strdup(text);
}

/* ---- the story ----------------------------------------------------------------------------- */

static struct world w;

static const struct {
	unsigned int token;
	const char *bytes;
} effects[][6] = {
	{ { 0, "{\"n\":1,\"word\":\"a\"}" },
	  { 0, "{\"n\":1}" },
	  { 2, "{\"k\":1}" },
	  { 1, "{\"name\":\"x\",\"type\":\"counter\",\"value\":1,\"cell\":\"c\"}" },
	  { 3, "line" } },
	{ { 2, "{\"k\":2}" }, { 1, "{}" }, { 0, "{\"word\":\"b\",\"n\":2}" }, { 2, "no receipt" } },
	{ { 1, "{\"name\":\"x\",\"type\":\"counter\",\"value\":1,\"cell\":\"c\"}" },
	  { 1, "{\"name\":\"y\",\"type\":\"histogram\",\"value\":1}" },
	  { 0, "{\"n\":3,\"word\":{\"a\":[]}}" } },
};

/* Sends batch `at` again from its begin; ERR_MEMORY ends the process. */
static enum err
send_batch(size_t at)
{
	size_t count = 0;
	enum err e = ERR_OK;

	while (e == ERR_OK && count < COUNT_OF(effects[at]) && effects[at][count].bytes != NULL) {
		e = world_effect(&w, effects[at][count].token, effects[at][count].bytes);
		count++;
	}
	return e == ERR_OK ? world_batch(&w, 1, count) : e;
}

/* From the cursor to the story's end, or until the process has no memory. */
static enum err
live(void)
{
	enum err e = ERR_AGAIN;

	if (project_create(&w.config, &w.environment, &w.project) != ERR_OK)
		return ERR_MEMORY;
	while (e == ERR_AGAIN)
		e = project_connect(w.project, w.now_ns, &w.why);
	while (e == ERR_OK && project_cursor(w.project) < COUNT_OF(effects)) {
		e = send_batch((size_t)project_cursor(w.project));
		while (e == ERR_OK && project_holds(w.project)) {
			if (!project_is_connected(w.project))
				e = project_connect(w.project, w.now_ns, &w.why);
			if (e == ERR_OK && project_holds(w.project))
				e = project_commit(w.project, w.now_ns, &w.why);
			if (e == ERR_AGAIN)
				e = ERR_OK;
		}
	}
	if (e == ERR_OK)
		project_end(w.project);
	return e;
}

static void
tell(void)
{
	const char *text;
	unsigned int lives;
	enum err e = ERR_MEMORY;

	calls = 0;
	for (lives = 0; e == ERR_MEMORY; lives++) {
		assert_true(lives < 3);
		e = live();
		world_die(&w);
	}
	assert_int_equal(e, ERR_OK);
	memory_fails = false;
	assert_string_equal(world_ask(&w, "SELECT * FROM kept ORDER BY n"), "1|a;2|b;3|{\"a\":[]}");
	assert_string_equal(world_ask(&w, "SELECT name, value FROM hark_metrics ORDER BY name"),
			    "t_x|2;t_y|1");
	assert_string_equal(world_ask(&w, "SELECT first_index, ordinal FROM hark_dead_letters "
					  "ORDER BY 1, 2"),
			    "0|1;1|1;1|3");
	assert_string_equal(world_ask(&w, "SELECT next_index, dead_letters, receipts, "
					  "receipt_bytes FROM hark_cursors"),
			    "3|3|2|140");
	assert_string_equal(world_read(w.receipts),
			    "{\"number\":\"0\",\"observer\":\"o\",\"origin\":\"h/evidence\","
			    "\"receipt\":{\"k\":1}}\n"
			    "{\"number\":\"1\",\"observer\":\"o\",\"origin\":\"h/evidence\","
			    "\"receipt\":{\"k\":2}}\n");
	/* The file comes after all of that, and where it cannot, that is said. */
	text = world_read(w.metrics);
	assert_true((text != NULL && strstr(text, "t_x_total{cell=\"c\"} 2\n") != NULL) ||
		    strstr(w.said, "metrics cannot be written: ") != NULL);
}

static void
tell_with_faults(bool of_memory, unsigned int least)
{
	unsigned int n;

	for (n = 1;; n++) {
		world_init(&w, WORLD_ALL);
		w.config.database = &faulty;
		failing = n;
		memory_fails = of_memory;
		tell();
		world_finish(&w);
		failing = 0;
		if (calls < n)
			break;
		assert_true(n < 2000);
	}
	assert_true(n > least);
}

static void
each_call_may_fail(void **state)
{
	(void)state;
	is_done = false;
	tell_with_faults(false, 40);
}

static void
each_word_may_get_lost(void **state)
{
	(void)state;
	is_done = true;
	tell_with_faults(false, 40);
}

static void
each_allocation_may_fail(void **state)
{
	(void)state;
	is_done = false;
	tell_with_faults(true, 80);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_may_fail),
		cmocka_unit_test(each_word_may_get_lost),
		cmocka_unit_test(each_allocation_may_fail),
	};

	faulty = database_sqlite;
	faulty.open = faulty_open;
	faulty.close = faulty_close;
	faulty.run = faulty_run;
	faulty.ask = faulty_ask;
	faulty.describe = faulty_describe;
	faulty.prepare_rows = faulty_prepare;
	faulty.write_rows = faulty_write;
	return cmocka_run_group_tests_name("project/faults", tests, NULL, NULL);
}
