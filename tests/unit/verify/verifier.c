/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public door: what is taken, what is refused, and the answers in their precedence. */
#include "made.h"

#include "merkle/merkle.h"
#include "verify/proof.h"
#include "verify/verify_internal.h"

struct seen {
	unsigned int counts[HARK_FINDING_COUNT];
	uint64_t progress;
};

static void
count_finding(void *context, const struct hark_finding *f)
{
	struct seen *s = context;
	const char *at;

	assert_true(f->kind < HARK_FINDING_COUNT);
	assert_true(f->text[0] != '\0');
	for (at = f->text; *at != '\0'; at++)
		assert_true(*at >= ' ' && *at < 0x7f);
	s->counts[f->kind]++;
}

static struct hark_verifier *
make(const char *key)
{
	struct hark_verifier *v = NULL;

	assert_int_equal(hark_verifier_create(&v), HARK_VERIFIER_OK);
	if (key != NULL)
		assert_int_equal(hark_verifier_add_key(v, hark_text_of(key), NULL),
				 HARK_VERIFIER_OK);
	return v;
}

static void
has_names(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < HARK_FINDING_COUNT; i++)
		assert_non_null(hark_finding_name((enum hark_finding_kind)i));
	assert_null(hark_finding_name(HARK_FINDING_COUNT));
	assert_int_equal(hark_finding_effect_of(HARK_FINDING_FORK), HARK_EFFECT_TAMPERED);
	assert_int_equal(hark_finding_effect_of(HARK_FINDING_COUNT), HARK_EFFECT_NOTE);
	assert_string_equal(hark_answer_name(HARK_ANSWER_INCOMPLETE), "incomplete");
	assert_null(hark_answer_name((enum hark_answer)2));
	for (i = 0; i <= HARK_VERIFIER_SYSTEM + 1; i++)
		assert_non_null(hark_verifier_error_text((enum hark_verifier_error)i));
}

static void
has_precedence(void **state)
{
	static const struct {
		unsigned int effects;
		bool complete;
		enum hark_answer want;
	} rows[] = {
		{ 0, true, HARK_ANSWER_INTACT },
		{ 1u << HARK_EFFECT_NOTE, true, HARK_ANSWER_INTACT },
		{ 1u << HARK_EFFECT_GAP, false, HARK_ANSWER_INTACT },
		{ 1u << HARK_EFFECT_GAP, true, HARK_ANSWER_INCOMPLETE },
		{ 1u << HARK_EFFECT_INCOMPLETE, false, HARK_ANSWER_INCOMPLETE },
		{ 1u << HARK_EFFECT_INCOMPLETE | 1u << HARK_EFFECT_UNVERIFIABLE, false,
		  HARK_ANSWER_UNVERIFIABLE },
		{ 1u << HARK_EFFECT_TAMPERED | 1u << HARK_EFFECT_UNVERIFIABLE, true,
		  HARK_ANSWER_TAMPERED },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(effects_answer(rows[i].effects, rows[i].complete), rows[i].want);
}

static void
refuses_what_is_no_key(void **state)
{
	static const char *const rows[] = {
		"",
		"x",
		"h.example/evidence",
		"h.example/evidence+00000000+AQ==",
		/* the id of another name */
		"h.example/other+049b3a7e+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
	};
	static const char good[] =
		"h.example/evidence+049b3a7e+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4\n";
	struct hark_verifier *v = make(NULL);
	struct hark_failure why;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		why.text[0] = '\0';
		assert_int_equal(hark_verifier_add_key(v, hark_text_of(rows[i]), &why),
				 HARK_VERIFIER_FORMAT);
		assert_true(why.text[0] != '\0');
	}
	assert_int_equal(hark_verifier_add_key(v, hark_text_of(good), &why), HARK_VERIFIER_OK);
	assert_int_equal(hark_verifier_add_key(v, hark_text_of(good), &why), HARK_VERIFIER_OK);
	assert_int_equal(v->key_count, 1);
	assert_int_equal(hark_verifier_add_checkpoint(v, hark_text_of("x\n"), &why),
			 HARK_VERIFIER_FORMAT);
	assert_int_equal(v->since_count, 0);
	hark_verifier_destroy(v);
}

static void
takes_so_many_and_no_more(void **state)
{
	struct hark_verifier *v = make(NULL);
	struct hark_failure why;
	struct made m;
	unsigned int i;

	(void)state;
	made_ledger(&m, 3);
	for (i = 0; i <= HARK_VERIFIER_CHECKPOINTS_MAX; i++)
		assert_int_equal(
			hark_verifier_add_checkpoint(
				v, (struct hark_text){ (const char *)m.note.data, m.note.size },
				&why),
			i < HARK_VERIFIER_CHECKPOINTS_MAX ? HARK_VERIFIER_OK : HARK_VERIFIER_LIMIT);
	for (i = 0; i <= HARK_VERIFIER_KEYS_MAX; i++) {
		struct keys_verifier verifier;
		char text[KEYS_VERIFIER_TEXT_MAX + 1];

		keys_signer_destroy(m.key);
		assert_int_equal(keys_signer_create(MADE_ORIGIN, &m.key), ERR_OK);
		keys_signer_verifier(m.key, &verifier);
		keys_verifier_write(&verifier, text);
		assert_int_equal(hark_verifier_add_key(v, hark_text_of(text), &why),
				 i < HARK_VERIFIER_KEYS_MAX ? HARK_VERIFIER_OK
							    : HARK_VERIFIER_LIMIT);
	}
	hark_verifier_destroy(v);
	made_remove(&m);
}

static void
judges_a_ledger(void **state)
{
	struct seen seen = { .progress = 0 };
	const struct hark_ledger_report *r;
	struct hark_failure why;
	enum hark_answer answer;
	struct hark_verifier *v;
	struct made m;

	(void)state;
	made_ledger(&m, 25);
	v = make(m.verifier);
	hark_verifier_on_finding(v, count_finding, &seen);
	hark_verifier_require_complete(v, true);
	assert_int_equal(hark_verifier_judge(v, m.path, &answer, &why), HARK_VERIFIER_OK);
	assert_int_equal(answer, HARK_ANSWER_INTACT);
	assert_int_equal(seen.counts[HARK_FINDING_TRUST], 1);
	r = hark_verifier_report(v, 0);
	assert_non_null(r);
	assert_null(hark_verifier_report(v, 1));
	assert_string_equal(r->origin, MADE_ORIGIN);
	assert_int_equal(r->committed, 25);
	assert_int_equal(r->sealed, 25);
	assert_int_equal(r->history, 1);
	assert_int_equal(r->cell_count, 1);
	assert_string_equal(r->cells[0].cell, "c0");
	assert_int_equal(r->cells[0].declarations, 25);
	assert_int_equal(
		hark_verifier_add_checkpoint(
			v, (struct hark_text){ (const char *)m.note.data, m.note.size }, &why),
		HARK_VERIFIER_OK);
	assert_int_equal(hark_verifier_judge(v, m.path, &answer, &why), HARK_VERIFIER_OK);
	assert_int_equal(answer, HARK_ANSWER_INTACT);
	assert_true(hark_verifier_report(v, 0)->has_since);
	assert_int_equal(seen.counts[HARK_FINDING_TRUST], 1); /* not said again */
	hark_verifier_destroy(v);
	made_remove(&m);
}

static void
tells_what_is_not_there(void **state)
{
	struct hark_verifier *v = make(NULL);
	struct hark_failure why = { 0 };
	enum hark_answer answer = HARK_ANSWER_INCOMPLETE;

	(void)state;
	assert_int_equal(hark_verifier_judge(v, "/nowhere/at/all", &answer, &why),
			 HARK_VERIFIER_MISSING);
	assert_int_equal(answer, HARK_ANSWER_INCOMPLETE); /* untouched */
	assert_non_null(strstr(why.text, "/nowhere"));
	hark_verifier_destroy(v);
}

/* A tree of one leaf: the leaf's hash is the root. */
static void
judges_a_proof(void **state)
{
	static const char leaf[] = "the leaf";
	struct merkle_hash root;
	struct buf text = { 0 };
	struct hark_verifier *v;
	struct hark_failure why;
	enum hark_answer answer;
	struct hark_text proven;
	struct made m;

	(void)state;
	made_ledger(&m, 1);
	merkle_leaf(leaf, sizeof(leaf) - 1, &root);
	made_sign(&m, MADE_ORIGIN, 1, &root);
	assert_int_equal(proof_write(0, (struct bytes){ (const uint8_t *)leaf, sizeof(leaf) - 1 },
				     NULL, 0, (struct bytes){ m.note.data, m.note.size }, &text),
			 ERR_OK);
	v = make(m.verifier);
	assert_int_equal(
		hark_verifier_judge_proof(
			v, (struct hark_text){ (const char *)text.data, text.size }, &answer, &why),
		HARK_VERIFIER_OK);
	assert_int_equal(answer, HARK_ANSWER_INTACT);
	proven = hark_verifier_proven(v);
	assert_int_equal(proven.size, sizeof(leaf) - 1);
	assert_memory_equal(proven.data, leaf, proven.size);
	text.data[30]++; /* a letter of the leaf */
	assert_int_equal(
		hark_verifier_judge_proof(
			v, (struct hark_text){ (const char *)text.data, text.size }, &answer, &why),
		HARK_VERIFIER_OK);
	assert_int_equal(answer, HARK_ANSWER_TAMPERED);
	assert_int_equal(hark_verifier_proven(v).size, 0);
	hark_verifier_destroy(v);
	buf_finish(&text);
	made_remove(&m);
}

/* A key speaks for the ledger of its own name alone. */
static void
takes_no_other_name_for_a_key(void **state)
{
	struct merkle_hash root;
	struct checkpoint head;
	struct hark_verifier *v;
	struct made m;

	(void)state;
	made_ledger(&m, 1);
	merkle_empty(&root);
	v = make(m.verifier);
	made_sign(&m, "h.example/operations", 0, &root);
	assert_int_equal(signed_open(v, (struct bytes){ m.note.data, m.note.size }, &head),
			 SIGNED_OTHER_KEY);
	made_sign(&m, MADE_ORIGIN, 0, &root);
	assert_int_equal(signed_open(v, (struct bytes){ m.note.data, m.note.size }, &head),
			 SIGNED_GOOD);
	m.note.data[m.note.size - 12] ^= 1;
	assert_int_not_equal(signed_open(v, (struct bytes){ m.note.data, m.note.size }, &head),
			     SIGNED_GOOD);
	hark_verifier_destroy(v);
	made_remove(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_names),
		cmocka_unit_test(has_precedence),
		cmocka_unit_test(refuses_what_is_no_key),
		cmocka_unit_test(takes_so_many_and_no_more),
		cmocka_unit_test(judges_a_ledger),
		cmocka_unit_test(tells_what_is_not_there),
		cmocka_unit_test(judges_a_proof),
		cmocka_unit_test(takes_no_other_name_for_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
