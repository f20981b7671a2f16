/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads, writes and judges proofs of single leaves. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/must.h"
#include "base/num.h"

#include "verify/leaf.h"
#include "verify/proof.h"
#include "verify/verify_internal.h"

#define FAMILY    "c2sp.org/tlog-proof@"
#define HASH_TEXT BASE64_SIZE(MERKLE_HASH_BYTES)

/* ---- reading -------------------------------------------------------------------------------- */

/* Takes the next line off *rest, without its newline.  False where there is none. */
static bool
take_line(struct bytes *rest, struct bytes *line)
{
	const uint8_t *newline = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;

	if (newline == NULL)
		return false;
	*line = (struct bytes){ rest->data, (size_t)(newline - rest->data) };
	*rest = (struct bytes){ newline + 1, rest->size - line->size - 1 };
	return true;
}

static bool
take_prefix(struct bytes *line, const char *prefix)
{
	size_t size = strlen(prefix);

	if (line->size < size || memcmp(line->data, prefix, size) != 0)
		return false;
	*line = (struct bytes){ line->data + size, line->size - size };
	return true;
}

static enum err
read_extra(struct bytes text, struct proof *out)
{
	size_t size = 0;
	enum err e = buf_reserve(&out->extra, PROOF_LEAF_BYTES_MAX, PROOF_LEAF_BYTES_MAX);

	if (e != ERR_OK)
		return e;
	if (base64_read((const char *)text.data, text.size, out->extra.data, PROOF_LEAF_BYTES_MAX,
			&size) != ERR_OK)
		return ERR_FORMAT;
	out->extra.size = size;
	out->has_extra = true;
	return ERR_OK;
}

static enum err
read_hashes(struct bytes *rest, struct proof *out, const char **why)
{
	struct bytes line;
	size_t size = 0;

	*why = "an empty line and a checkpoint are not there";
	while (take_line(rest, &line)) {
		if (line.size == 0) {
			out->note = *rest;
			return ERR_OK;
		}
		*why = "more hashes than a proof can have";
		if (out->count == MERKLE_PROOF_MAX)
			return ERR_FORMAT;
		*why = "a line that is not the base64 of a hash";
		if (line.size != HASH_TEXT ||
		    base64_read((const char *)line.data, line.size, out->hashes[out->count].bytes,
				MERKLE_HASH_BYTES, &size) != ERR_OK ||
		    size != MERKLE_HASH_BYTES)
			return ERR_FORMAT;
		out->count++;
		*why = "an empty line and a checkpoint are not there";
	}
	return ERR_FORMAT;
}

static enum err
read_body(struct bytes rest, struct proof *out, const char **why)
{
	struct bytes line;
	enum err e;

	*why = "its first line is not \"" PROOF_FIRST_LINE "\"";
	if (!take_line(&rest, &line))
		return ERR_FORMAT;
	if (!leaf_text_is(line, PROOF_FIRST_LINE))
		return take_prefix(&line, FAMILY) ? ERR_UNSUPPORTED : ERR_FORMAT;
	*why = "the line \"index <number>\" is not there";
	if (!take_line(&rest, &line))
		return ERR_FORMAT;
	if (take_prefix(&line, "extra ")) {
		*why = "the extra line is not the base64 of a leaf";
		e = read_extra(line, out);
		if (e != ERR_OK)
			return e;
		*why = "the line \"index <number>\" is not there";
		if (!take_line(&rest, &line))
			return ERR_FORMAT;
	}
	if (!take_prefix(&line, "index ") ||
	    num_read_u64((const char *)line.data, line.size, UINT64_MAX, &out->index) != ERR_OK)
		return ERR_FORMAT;
	return read_hashes(&rest, out, why);
}

enum err
proof_read(struct bytes data, struct proof *out, const char **why)
{
	struct proof p = { .index = 0 };
	enum err e;

	MUST(out != NULL && why != NULL);
	MUST(data.data != NULL || data.size == 0);
	e = read_body(data, &p, why);
	if (e == ERR_OK)
		*out = p;
	else
		proof_finish(&p);
	return e;
}

void
proof_finish(struct proof *p)
{
	if (p == NULL)
		return;
	buf_finish(&p->extra);
	*p = (struct proof){ .index = 0 };
}

/* ---- writing -------------------------------------------------------------------------------- */

static enum err
add(struct buf *out, const void *data, size_t size)
{
	return buf_append(out, data, size, PROOF_BYTES_MAX);
}

static enum err
add_base64(struct buf *out, const void *data, size_t size)
{
	enum err e = buf_reserve(out, BASE64_SIZE(size) + 1, PROOF_BYTES_MAX);

	if (e != ERR_OK)
		return e;
	base64_write(data, size, (char *)out->data + out->size);
	out->size += BASE64_SIZE(size);
	return add(out, "\n", 1);
}

enum err
proof_write(uint64_t index, struct bytes extra, const struct merkle_hash *hashes, size_t count,
	    struct bytes note, struct buf *out)
{
	char digits[NUM_U64_DIGITS_MAX];
	size_t i;
	enum err e;

	MUST(out != NULL && count <= MERKLE_PROOF_MAX);
	e = add(out, PROOF_FIRST_LINE "\nextra ", sizeof(PROOF_FIRST_LINE "\nextra ") - 1);
	if (e == ERR_OK)
		e = add_base64(out, extra.data, extra.size);
	if (e == ERR_OK)
		e = add(out, "index ", 6);
	if (e == ERR_OK)
		e = add(out, digits, num_write_u64(index, digits));
	if (e == ERR_OK)
		e = add(out, "\n", 1);
	for (i = 0; i < count && e == ERR_OK; i++)
		e = add_base64(out, hashes[i].bytes, MERKLE_HASH_BYTES);
	if (e == ERR_OK)
		e = add(out, "\n", 1);
	return e == ERR_OK ? add(out, note.data, note.size) : e;
}

/* ---- judging -------------------------------------------------------------------------------- */

/* The checkpoint at its end; false where that ends the judgement. */
static bool
judge_checkpoint(struct judging *j, const struct proof *p, struct checkpoint *head)
{
	struct hark_ledger_report *r = j->report;
	enum signed_answer answer = signed_open(j->verifier, p->note, head);

	if (answer == SIGNED_MALFORMED) {
		finding(j, HARK_FINDING_PROOF, "", HARK_NO_INDEX,
			"what follows its hashes is no signed checkpoint");
		return false;
	}
	memcpy(r->origin, head->origin, sizeof(r->origin));
	if (!keys_for(j->verifier, head->origin)) {
		finding(j, HARK_FINDING_NOT_JUDGED, "", HARK_NO_INDEX,
			"it is not judged, because no key of its name was given");
		return false;
	}
	r->is_judged = true;
	if (answer != SIGNED_GOOD) {
		finding(j, HARK_FINDING_SIGNATURE, "", HARK_NO_INDEX,
			answer == SIGNED_BAD
				? "its checkpoint's signature does not verify by the given key"
				: "the given key has not signed its checkpoint");
		return false;
	}
	r->sealed = r->committed = head->size;
	memcpy(r->sealed_root, head->root.bytes, sizeof(r->sealed_root));
	memcpy(r->root, head->root.bytes, sizeof(r->root));
	return true;
}

/* A proof has no other leaves: of what was seen elsewhere it can be held against its own size. */
static void
judge_since(struct judging *j, const struct checkpoint *head)
{
	struct hark_verifier *v = j->verifier;
	struct checkpoint seen;
	size_t i;

	for (i = 0; i < v->since_count; i++) {
		struct verify_since *s = &v->since[i];

		if (strcmp(s->head.origin, head->origin) != 0)
			continue;
		s->is_used = true;
		if (signed_open(v, (struct bytes){ s->note.data, s->note.size }, &seen) !=
		    SIGNED_GOOD)
			finding(j, HARK_FINDING_OTHER_CHECKPOINT, "", HARK_NO_INDEX,
				"the checkpoint that was seen elsewhere is not signed by the given "
				"key");
		else if (seen.size != head->size)
			finding(j, HARK_FINDING_OTHER_CHECKPOINT, "", HARK_NO_INDEX,
				"a proof at size %" PRIu64
				" cannot be held against a checkpoint of size %" PRIu64
				": judge the ledger or an export instead",
				head->size, seen.size);
		else if (!merkle_equal(&seen.root, &head->root))
			finding(j, HARK_FINDING_FORK, "", HARK_NO_INDEX,
				"the checkpoint that was seen elsewhere has another root at size "
				"%" PRIu64,
				head->size);
		else
			j->report->has_since = true, j->report->since = seen.size;
	}
}

static void
judge_inclusion(struct judging *j, struct proof *p, const struct checkpoint *head)
{
	struct merkle_hash leaf;

	j->report->index = p->index;
	if (!p->has_extra) {
		finding(j, HARK_FINDING_NOT_A_RECORD, "", p->index,
			"it does not hold the leaf itself (the line \"extra\")");
		return;
	}
	merkle_leaf(p->extra.data, p->extra.size, &leaf);
	if (merkle_verify_inclusion(&leaf, p->index, head->size, p->hashes, p->count,
				    &head->root) != ERR_OK) {
		finding(j, HARK_FINDING_PROOF, "", p->index,
			"the leaf is not shown to be leaf %" PRIu64 " of the %" PRIu64
			" that the checkpoint has",
			p->index, head->size);
		return;
	}
	judge_since(j, head);
	if (effects_answer(j->effects, false) == HARK_ANSWER_INTACT) {
		j->verifier->proven = p->extra;
		p->extra = (struct buf){ 0 };
	}
}

enum err
proof_judge(struct hark_verifier *v, struct bytes data)
{
	struct judging j;
	struct proof p = { .index = 0 };
	struct checkpoint head;
	const char *why = "";
	enum err e = judging_begin(v, "proof", &j);

	if (e != ERR_OK)
		return e;
	e = proof_read(data, &p, &why);
	if (e == ERR_UNSUPPORTED)
		finding(&j, HARK_FINDING_NEWER, "", HARK_NO_INDEX,
			"it is a proof of a version that is not known here");
	else if (e == ERR_FORMAT && data.size == 0)
		finding(&j, HARK_FINDING_EMPTY, "", HARK_NO_INDEX, "this file is empty");
	else if (e == ERR_FORMAT && (data.size < sizeof(FAMILY) - 1 ||
				     memcmp(data.data, FAMILY, sizeof(FAMILY) - 1) != 0))
		finding(&j, HARK_FINDING_NOT_A_RECORD, "", HARK_NO_INDEX,
			"this file is no proof: %s", why);
	else if (e == ERR_FORMAT)
		finding(&j, HARK_FINDING_PROOF, "", HARK_NO_INDEX, "%s", why);
	else if (e == ERR_OK && judge_checkpoint(&j, &p, &head))
		judge_inclusion(&j, &p, &head);
	proof_finish(&p);
	judging_end(&j);
	return e == ERR_MEMORY ? e : ERR_OK;
}
