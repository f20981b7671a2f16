/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every allocation of a judgement fails once: it is told, and no answer is made up. */
#include "made.h"

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

static void
fails_at_each(void **state)
{
	enum hark_verifier_error e = HARK_VERIFIER_MEMORY;
	struct hark_verifier *v = NULL;
	struct hark_failure why;
	enum hark_answer answer;
	unsigned int failed = 0;
	struct made m;
	unsigned int n;

	(void)state;
	made_ledger(&m, 300);
	assert_int_equal(hark_verifier_create(&v), HARK_VERIFIER_OK);
	assert_int_equal(hark_verifier_add_key(v, hark_text_of(m.verifier), &why),
			 HARK_VERIFIER_OK);
	for (n = 1; e != HARK_VERIFIER_OK; n++) {
		assert_true(n < 1000);
		answer = HARK_ANSWER_INCOMPLETE;
		calls = 0;
		failing = n;
		e = hark_verifier_judge(v, m.path, &answer, &why);
		failing = 0;
		if (e == HARK_VERIFIER_OK)
			break;
		failed++;
		assert_int_equal(e, HARK_VERIFIER_MEMORY);
		assert_int_equal(answer, HARK_ANSWER_INCOMPLETE);
	}
	assert_int_equal(answer, HARK_ANSWER_INTACT);
	assert_true(failed > 5);
	hark_verifier_destroy(v);
	made_remove(&m);
}

static void
fails_at_creation(void **state)
{
	struct hark_verifier *v = NULL;

	(void)state;
	calls = 0;
	failing = 1;
	assert_int_equal(hark_verifier_create(&v), HARK_VERIFIER_MEMORY);
	failing = 0;
	assert_null(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fails_at_each),
		cmocka_unit_test(fails_at_creation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
