/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is signed, and what is refused: always with the head as it was, on disk and in memory. */
#include <string.h>

#include "checkpoint/note.h"
#include "hark-signer/start.h"
#include "tree.h"
#include "unit/keys/guarded_faults.h"
#include "unit/os/folder.h"

#define ORIGIN "h.example/evidence"

static void
open_signer(const struct folder *f, struct signer *s)
{
	struct start how = { .dirfd = f->fd, .ledger = PROTO_EVIDENCE, .create = true };
	struct keys_failure why;

	*s = (struct signer){ .origin = ORIGIN };
	if (start_open(&how, s, &why) != ERR_OK)
		fail_msg("%s", why.text);
}

/* The note is of this tree, by this signer's key, and the head is the tree, here and after a start.
 */
static void
expect_signed(const struct folder *f, struct signer *s, const struct signer_request *r)
{
	struct keys_verifier key;
	struct checkpoint c;
	struct signer again;
	static struct note n;

	keys_signer_verifier(s->ring.key, &key);
	assert_int_equal(note_read(s->note.data, s->note.size, &n), ERR_OK);
	assert_int_equal(n.count, 1);
	assert_int_equal(n.signatures[0].key_id, key.id);
	assert_true(keys_verify(&key, n.text.data, n.text.size, n.signatures[0].bytes));
	assert_int_equal(checkpoint_read(n.text, &c), ERR_OK);
	assert_string_equal(c.origin, ORIGIN);
	assert_true(c.size == r->size && merkle_equal(&c.root, &r->root));
	signer_head(s, &c);
	assert_true(c.size == r->size && merkle_equal(&c.root, &r->root));
	open_signer(f, &again);
	signer_head(&again, &c);
	assert_true(c.size == r->size && merkle_equal(&c.root, &r->root));
	signer_finish(&again);
}

/* From every size to every size: growth is signed, its absence is not. */
static void
every_pair_of_sizes(void **state)
{
	struct signer_request r;
	struct signer s;
	uint64_t from;
	uint64_t to;

	(void)state;
	for (from = 0; from <= 9; from++) {
		for (to = 0; to <= 20; to++) {
			struct folder f;

			folder_make(&f);
			open_signer(&f, &s);
			if (from > 0) {
				r = tree_request(0, 0, from);
				assert_int_equal(signer_sign(&s, &r), ERR_OK);
				expect_signed(&f, &s, &r);
			}
			r = tree_request(0, from, to);
			if (to < from) {
				assert_int_equal(signer_sign(&s, &r), ERR_RANGE);
				r = tree_request(0, 0, from);
			} else {
				assert_int_equal(signer_sign(&s, &r), ERR_OK);
			}
			if (from > 0 || to > 0)
				expect_signed(&f, &s, &r);
			signer_finish(&s);
			folder_remove(&f);
		}
	}
}

static void
refuses(void **state)
{
	static const struct {
		const char *rule;
		uint8_t salt;          /* of the tree: 0 is the signed one */
		uint64_t old, size;    /* of the proof, and what is asked for */
		size_t proof_less;     /* hashes taken off the proof */
		bool proof_more, flip; /* a hash more; a flipped bit in the first hash */
		enum err want;
	} rows[] = {
		{ "smaller", 0, 7, 5, 0, false, false, ERR_RANGE },
		{ "none at all", 0, 7, 0, 0, false, false, ERR_RANGE },
		{ "fork of the same size", 1, 7, 7, 0, false, false, ERR_EXISTS },
		{ "fork that has grown", 1, 7, 12, 0, false, false, ERR_REFUSED },
		{ "proof from another size", 0, 6, 12, 0, false, false, ERR_REFUSED },
		{ "proof from nothing", 0, 0, 12, 0, false, false, ERR_REFUSED },
		{ "proof of one hash less", 0, 7, 12, 1, false, false, ERR_REFUSED },
		{ "proof of one hash more", 0, 7, 12, 0, true, false, ERR_REFUSED },
		{ "flipped bit in the proof", 0, 7, 12, 0, false, true, ERR_REFUSED },
		{ "proof where none is due", 0, 7, 7, 0, true, false, ERR_REFUSED },
	};
	struct signer_request first = tree_request(0, 0, 7);
	struct signer_request r;
	struct checkpoint head;
	struct signer s;
	struct folder f;
	size_t i;

	(void)state;
	folder_make(&f);
	open_signer(&f, &s);
	assert_int_equal(signer_sign(&s, &first), ERR_OK);
	for (i = 0; i < COUNT_OF(rows); i++) {
		enum err e;

		r = tree_request(rows[i].salt, rows[i].old, rows[i].size);
		r.proof_count -= rows[i].proof_less;
		r.proof_count += rows[i].proof_more;
		if (rows[i].flip)
			r.proof[0].bytes[3] ^= 1;
		e = signer_sign(&s, &r);
		if (e != rows[i].want)
			fail_msg("%s: %s", rows[i].rule, err_text(e));
		signer_head(&s, &head);
		assert_true(head.size == 7 && merkle_equal(&head.root, &first.root));
		assert_true(strlen(signer_refusal(e)) > 20);
	}
	/* A root that the proof does not lead to. */
	r = tree_request(0, 7, 12);
	r.root.bytes[31] ^= 0x80;
	assert_int_equal(signer_sign(&s, &r), ERR_REFUSED);
	r.root.bytes[31] ^= 0x80;
	assert_int_equal(signer_sign(&s, &r), ERR_OK);
	expect_signed(&f, &s, &r);
	/* The head itself is signed again, and nothing is written for it. */
	fault_start(1000, false);
	r = tree_request(0, 12, 12);
	assert_int_equal(signer_sign(&s, &r), ERR_OK);
	(void)fault_stop();
	assert_null(strstr(fault.trace, "pwrite64"));
	expect_signed(&f, &s, &r);
	signer_finish(&s);
	signer_finish(NULL);
	folder_remove(&f);
}

/* The head is durable before there is a signature: whatever fails, no note of a tree that the head
 * does not hold, and the same request works later. */
static void
every_fault(void **state)
{
	struct signer_request r = tree_request(0, 0, 7);
	struct checkpoint head;
	struct signer s;
	struct folder f;
	unsigned int n;

	(void)state;
	for (n = 1;; n++) {
		enum err e;

		folder_make(&f);
		open_signer(&f, &s);
		fault_start(n, false);
		e = signer_sign(&s, &r);
		if (!fault_stop()) {
			assert_int_equal(e, ERR_OK);
			/* The first memory of the note comes after the head is synced. */
			assert_int_equal(strncmp(fault.trace, "pwrite64 fdatasync realloc ", 27),
					 0);
			break;
		}
		assert_true(e == ERR_SYSTEM || e == ERR_MEMORY);
		assert_int_equal(s.note.size, 0);
		signer_head(&s, &head);
		assert_true(head.size == (e == ERR_MEMORY ? 7 : 0));
		assert_int_equal(signer_sign(&s, &r), ERR_OK);
		expect_signed(&f, &s, &r);
		signer_finish(&s);
		folder_remove(&f);
	}
	assert_true(n == 4);
	signer_finish(&s);
	folder_remove(&f);
	assert_int_equal(fault_guarded, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_of_sizes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(every_fault),
	};

	if (keys_start() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("hark-signer/signer", tests, NULL, NULL);
}
