/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Proofs: whatever the input is, an intact one proves a leaf that was sealed, in its place, and one
 * that is read is written again as it was.  The log of the seeds has seven leaves, and its key is
 * gone.  The input is also read as a leaf.
 */
#include <string.h>

#include "fuzz.h"

#include <hark/verify.h>

#include "verify/leaf.h"
#include "verify/proof.h"

#define ORIGIN "f.example/evidence"
#define LEAVES 7u

static struct hark_verifier *verifier;

static void
check_finding(void *context, const struct hark_finding *f)
{
	size_t i;

	(void)context;
	FUZZ_CLAIM(strnlen(f->text, sizeof(f->text)) < sizeof(f->text));
	for (i = 0; f->text[i] != '\0'; i++)
		FUZZ_CLAIM(f->text[i] >= 0x20 && f->text[i] < 0x7f);
	FUZZ_CLAIM(strnlen(f->origin, sizeof(f->origin)) < sizeof(f->origin));
}

static void
set_up(void)
{
	static const char key[] =
		"f.example/evidence+dc4cce6f+AYqHX/8es4RRV3rNWv7kBUVlaN18ieCQhjoFV7x69J8X";

	FUZZ_CLAIM(hark_verifier_create(&verifier) == HARK_VERIFIER_OK);
	FUZZ_CLAIM(hark_verifier_add_key(verifier, hark_text_of(key), NULL) == HARK_VERIFIER_OK);
	hark_verifier_on_finding(verifier, check_finding, NULL);
}

/* The leaf that make-proof-corpus sealed at that index. */
static void
check_proven(struct hark_text proven, uint64_t index)
{
	char leaf[512];
	int size =
		snprintf(leaf, sizeof(leaf),
			 "{\"data\":{},\"id\":\"" ORIGIN "/%u\",\"source\":\"/hark/" ORIGIN
			 "\",\"specversion\":\"1.0\",\"time\":\"2026-11-21T13:20:%02u.000000000Z\","
			 "\"type\":\"dev.hark.events.host.v1.tick\"}",
			 (unsigned int)index, (unsigned int)index);

	FUZZ_CLAIM(index < LEAVES);
	FUZZ_CLAIM(proven.size == (size_t)size && memcmp(proven.data, leaf, proven.size) == 0);
}

static void
check_text(struct bytes input)
{
	struct proof p = { .index = 0 };
	struct buf again = { 0 };
	const char *why = NULL;

	if (proof_read(input, &p, &why) != ERR_OK) {
		FUZZ_CLAIM(why != NULL);
		return;
	}
	if (p.has_extra) {
		FUZZ_CLAIM(proof_write(p.index, (struct bytes){ p.extra.data, p.extra.size },
				       p.hashes, p.count, p.note, &again) == ERR_OK);
		FUZZ_CLAIM(again.size == input.size &&
			   memcmp(again.data, input.data, again.size) == 0);
	}
	buf_finish(&again);
	proof_finish(&p);
}

static void
check_leaf(struct bytes input)
{
	struct leaf_event e;
	const char *why = NULL;
	unsigned int i;

	if (leaf_read(input, &e, &why) != ERR_OK) {
		FUZZ_CLAIM(why != NULL);
		return;
	}
	FUZZ_CLAIM(e.id.size > 0 && e.source.size > 0 && e.type.size > 0);
	for (i = 0; i < LEAF_MEMBER_COUNT; i++) {
		struct bytes m = e.members[i];

		FUZZ_CLAIM(m.data == NULL ||
			   (m.data > input.data && m.data + m.size < input.data + input.size));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hark_text input = { .data = (const char *)data, .size = size };
	enum hark_answer answer = HARK_ANSWER_INTACT;
	const struct hark_ledger_report *r;

	if (verifier == NULL)
		set_up();
	check_text((struct bytes){ data, size });
	check_leaf((struct bytes){ data, size });
	FUZZ_CLAIM(hark_verifier_judge_proof(verifier, input, &answer, NULL) == HARK_VERIFIER_OK);
	FUZZ_CLAIM(hark_answer_name(answer) != NULL);
	r = hark_verifier_report(verifier, 0);
	FUZZ_CLAIM(r != NULL);
#ifdef FUZZ_TWIN
	FUZZ_CLAIM(answer != HARK_ANSWER_INTACT); /* wrong: a seed is good */
#endif
	FUZZ_CLAIM((answer == HARK_ANSWER_INTACT) == (hark_verifier_proven(verifier).size > 0));
	if (answer == HARK_ANSWER_INTACT)
		check_proven(hark_verifier_proven(verifier), r->index);
	return 0;
}
