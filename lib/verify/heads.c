/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Compares a growing tree with what was signed of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"

#include "base/text.h"
#include "verify/heads.h"

void
heads_init(struct heads *h, struct judging *j)
{
	h->j = j;
	h->fixed_count = 0;
	h->fixed_at = 0;
	h->has_entry = false;
	h->history_last = 0;
	h->rotated_at = HARK_NO_INDEX;
	h->operations = NULL;
	h->operation_at = 0;
	history_init(&h->history);
}

void
heads_finish(struct heads *h)
{
	history_finish(&h->history);
}

static void
add(struct heads *h, const struct checkpoint *head, bool is_since)
{
	size_t at = h->fixed_count;

	MUST(at < HARK_VERIFIER_CHECKPOINTS_MAX + 1);
	for (; at > 0 && h->fixed[at - 1].head.size > head->size; at--)
		h->fixed[at] = h->fixed[at - 1];
	h->fixed[at] = (struct heads_fixed){ .head = *head, .is_since = is_since };
	h->fixed_count++;
}

void
heads_add_own(struct heads *h, const struct checkpoint *head)
{
	add(h, head, false);
}

void
heads_add_since(struct heads *h)
{
	struct hark_verifier *v = h->j->verifier;
	struct checkpoint head;
	size_t i;

	for (i = 0; i < v->since_count; i++) {
		struct verify_since *s = &v->since[i];

		if (strcmp(s->head.origin, h->j->report->origin) != 0)
			continue;
		s->is_used = true;
		if (signed_open(v, (struct bytes){ s->note.data, s->note.size }, &head) ==
		    SIGNED_GOOD)
			add(h, &head, true);
		else
			finding(h->j, HARK_FINDING_OTHER_CHECKPOINT, "", HARK_NO_INDEX,
				"the checkpoint that was seen elsewhere, of size %" PRIu64
				", is not signed by the given key",
				s->head.size);
	}
}

/* The place of an entry of the history, for a person. */
static void
history_place(uint64_t offset, char *place, size_t capacity)
{
	(void)snprintf(place, capacity, "checkpoints offset %" PRIu64, offset);
}

/* An entry was read: is it of this ledger, signed, in order?  ERR_FORMAT ends the history. */
static enum err
accept_entry(struct heads *h)
{
	const struct history_entry *entry = &h->entry;
	char place[64];

	history_place(entry->offset, place, sizeof(place));
	if (entry->answer == SIGNED_BAD) {
		finding(h->j, HARK_FINDING_HISTORY, place, HARK_NO_INDEX,
			"a past checkpoint's signature does not verify by the given key");
		return ERR_FORMAT;
	}
	if (entry->answer != SIGNED_GOOD)
		return ERR_OK;
	if (entry->head.size < h->history_last) {
		finding(h->j, HARK_FINDING_HISTORY, place, HARK_NO_INDEX,
			"a past checkpoint of size %" PRIu64 " follows one of size %" PRIu64,
			entry->head.size, h->history_last);
		return ERR_FORMAT;
	}
	h->history_last = entry->head.size;
	if (entry->has_other_line && h->rotated_at == HARK_NO_INDEX)
		h->rotated_at = entry->head.size;
	h->j->report->history++;
	return ERR_OK;
}

/* Reads on to the next entry that a given key has signed. */
static enum err
read_ahead(struct heads *h)
{
	char place[64];
	bool torn;
	enum err e;

	h->has_entry = false;
	while ((e = history_next(&h->history, h->j->verifier, &h->entry, &torn)) == ERR_OK) {
		if (accept_entry(h) != ERR_OK)
			break;
		if (h->entry.answer == SIGNED_GOOD) {
			h->has_entry = true;
			return ERR_OK;
		}
	}
	history_place(h->history.offset, place, sizeof(place));
	if (e == ERR_FORMAT)
		finding(h->j, HARK_FINDING_HISTORY, place, HARK_NO_INDEX,
			"expected \"# <time> <bytes>\" and a signed checkpoint of so many bytes");
	if (e == ERR_END && torn)
		finding(h->j, HARK_FINDING_TAIL, place, HARK_NO_INDEX,
			"the last past checkpoint was not written to its end");
	h->history.offset = h->history.end;
	return e == ERR_MEMORY || e == ERR_SYSTEM ? e : ERR_OK;
}

enum err
heads_begin(struct heads *h)
{
	return read_ahead(h);
}

uint64_t
heads_next(const struct heads *h)
{
	uint64_t next = HARK_NO_INDEX;

	if (h->fixed_at < h->fixed_count)
		next = h->fixed[h->fixed_at].head.size;
	if (h->has_entry && h->entry.head.size < next)
		next = h->entry.head.size;
	if (h->operations != NULL && h->operation_at < h->operations->witness_count &&
	    h->operations->witnesses[h->operation_at].size < next)
		next = h->operations->witnesses[h->operation_at].size;
	return next;
}

static void
compare_fixed(struct heads *h, const struct heads_fixed *f, const struct merkle_hash *root)
{
	struct hark_ledger_report *report = h->j->report;

	if (f->is_since && (!report->has_since || f->head.size > report->since)) {
		report->has_since = true;
		report->since = f->head.size;
	}
	if (merkle_equal(&f->head.root, root))
		return;
	if (f->is_since)
		finding(h->j, HARK_FINDING_FORK, "", HARK_NO_INDEX,
			"the first %" PRIu64 " %s another root than the checkpoint that was seen "
			"elsewhere: what was signed then was changed since",
			f->head.size, text_counted(f->head.size, "leaf has", "leaves have"));
	else
		finding(h->j, HARK_FINDING_FORK, "checkpoint", HARK_NO_INDEX,
			"the first %" PRIu64 " %s another root than the one that was "
			"signed",
			f->head.size, text_counted(f->head.size, "leaf has", "leaves have"));
}

enum err
heads_compare(struct heads *h, uint64_t size, const struct merkle_hash *root)
{
	char place[64];
	enum err e = ERR_OK;

	while (h->fixed_at < h->fixed_count && h->fixed[h->fixed_at].head.size == size)
		compare_fixed(h, &h->fixed[h->fixed_at++], root);
	while (e == ERR_OK && h->has_entry && h->entry.head.size == size) {
		history_place(h->entry.offset, place, sizeof(place));
		if (!merkle_equal(&h->entry.head.root, root))
			finding(h->j, HARK_FINDING_FORK, place, HARK_NO_INDEX,
				"the first %" PRIu64
				" leaves have another root than a past checkpoint",
				size);
		e = read_ahead(h);
	}
	while (h->operations != NULL && h->operation_at < h->operations->witness_count &&
	       h->operations->witnesses[h->operation_at].size == size) {
		const struct operation_witness *w = &h->operations->witnesses[h->operation_at++];

		if (!merkle_equal(&w->root, root))
			finding(h->j, HARK_FINDING_OPERATION, "", HARK_NO_INDEX,
				"operation %" PRIu64 " saw another root of the first %" PRIu64
				" %s",
				w->index, size, text_counted(size, "leaf", "leaves"));
	}
	return e;
}

enum err
heads_end(struct heads *h, uint64_t size)
{
	const char *are = text_counted(size, "leaf is", "leaves are");
	enum err e = ERR_OK;

	for (; h->fixed_at < h->fixed_count; h->fixed_at++) {
		const struct heads_fixed *f = &h->fixed[h->fixed_at];

		if (f->is_since) {
			h->j->report->has_since = true;
			h->j->report->since = f->head.size;
		}
		finding(h->j, HARK_FINDING_SHORTER, f->is_since ? "" : "checkpoint", HARK_NO_INDEX,
			"%" PRIu64 " %s here; %s has %" PRIu64, size, are,
			f->is_since ? "the checkpoint that was seen elsewhere"
				    : "the signed checkpoint",
			f->head.size);
	}
	while (e == ERR_OK && h->has_entry) {
		char place[64];

		history_place(h->entry.offset, place, sizeof(place));
		finding(h->j, HARK_FINDING_SHORTER, place, HARK_NO_INDEX,
			"%" PRIu64 " %s here; a past checkpoint has %" PRIu64, size, are,
			h->entry.head.size);
		e = read_ahead(h);
	}
	for (; h->operations != NULL && h->operation_at < h->operations->witness_count;
	     h->operation_at++)
		finding(h->j, HARK_FINDING_SHORTER, "", HARK_NO_INDEX,
			"%" PRIu64 " %s here; operation %" PRIu64 " saw %" PRIu64, size, are,
			h->operations->witnesses[h->operation_at].index,
			h->operations->witnesses[h->operation_at].size);
	return e;
}
