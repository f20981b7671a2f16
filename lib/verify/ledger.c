/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Judges one ledger directory: what it is, whose it is, its checkpoint, the walk, what is gone. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "ledger/format.h"

#include "verify/walk.h"
#include "verify/window.h"

/* More than the file `ledger` of any version can have, so that a newer one is still seen. */
#define LEDGER_FILE_MAX 4096u

struct ledger_judgement {
	struct judging j;
	struct disk disk;
	struct checkpoint sealed;
	bool is_sealed;      /* a checkpoint by a given key is there */
	bool no_note;        /* there is no file `checkpoint` */
	bool is_other_key;   /* none of the given keys has signed it */
	bool takes_unsealed; /* operations explain before they are sealed */
	struct walk walk;
};

/* ---- what it is ----------------------------------------------------------------------------- */

/* Ends a disk_ops.list at its first name. */
static enum err
end_at_name(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return ERR_END;
}

static bool
has_names(struct disk disk, const char *folder)
{
	return disk.ops->list(disk.ctx, folder, end_at_name, NULL) == ERR_END;
}

/* The origin in `ledger`; "" where it does not say one.  ERR_REFUSED: it is none to be judged. */
static enum err
read_origin(struct ledger_judgement *l)
{
	struct hark_ledger_report *r = l->j.report;
	struct buf file = { 0 };
	format_complaint why = "it is not there";
	enum err e = window_slurp(l->disk, "ledger", LEDGER_FILE_MAX, &file);

	if (e == ERR_LIMIT)
		why = "it is too large";
	if (e == ERR_OK)
		e = format_ledger_read((const char *)file.data, file.size, r->origin, &why);
	buf_finish(&file);
	if (e == ERR_OK || e == ERR_MEMORY || e == ERR_SYSTEM)
		return e;
	r->origin[0] = '\0';
	if (e == ERR_UNSUPPORTED)
		return finding_end(&l->j, HARK_FINDING_NEWER, "ledger", HARK_NO_INDEX,
				   "it has a format that this version does not know");
	if (!has_names(l->disk, "segments"))
		return has_names(l->disk, "")
			       ? finding_end(&l->j, HARK_FINDING_NOT_A_RECORD, "", HARK_NO_INDEX,
					     "this is no ledger: it has no file \"ledger\" and no "
					     "segments")
			       : finding_end(&l->j, HARK_FINDING_EMPTY, "", HARK_NO_INDEX,
					     "this directory is empty");
	finding(&l->j, HARK_FINDING_LEDGER_FILE, "ledger", HARK_NO_INDEX, "%s; segments are here",
		why);
	return ERR_OK;
}

/* ---- its checkpoint ------------------------------------------------------------------------- */

/*
 * Which ledger this is comes from a name that a given key has: what `ledger` says, or else what the
 * checkpoint says, so that who changes one of them does not take the ledger out of judgement.
 */
static enum err
settle_origin(struct ledger_judgement *l, const struct checkpoint *head, bool has_head)
{
	struct hark_ledger_report *r = l->j.report;
	char by_file[sizeof(r->origin)];

	if (r->origin[0] != '\0' && keys_for(l->j.verifier, r->origin))
		return ERR_OK;
	memcpy(by_file, r->origin, sizeof(by_file));
	if (has_head && keys_for(l->j.verifier, head->origin)) {
		memcpy(r->origin, head->origin, sizeof(r->origin));
		if (by_file[0] != '\0')
			finding(&l->j, HARK_FINDING_LEDGER_FILE, "ledger", HARK_NO_INDEX,
				"it says %s, and the checkpoint is of %s", by_file, r->origin);
		return ERR_OK;
	}
	if (has_head && r->origin[0] == '\0')
		memcpy(r->origin, head->origin, sizeof(r->origin));
	return finding_end(&l->j, HARK_FINDING_NOT_JUDGED, "", HARK_NO_INDEX,
			   "it is not judged, because no key of its name was given");
}

/* What the checkpoint's signature is worth.  ERR_REFUSED: the walk has nothing to hold it to. */
static void
judge_note(struct ledger_judgement *l, enum signed_answer answer)
{
	struct hark_ledger_report *r = l->j.report;

	if (answer == SIGNED_MALFORMED) {
		finding(&l->j, HARK_FINDING_CHECKPOINT, "checkpoint", HARK_NO_INDEX,
			"it is no signed checkpoint");
		return;
	}
	if (strcmp(l->sealed.origin, r->origin) != 0) {
		finding(&l->j, HARK_FINDING_CHECKPOINT, "checkpoint", HARK_NO_INDEX,
			"it is a checkpoint of %s", l->sealed.origin);
		return;
	}
	if (answer == SIGNED_BAD) {
		finding(&l->j, HARK_FINDING_SIGNATURE, "checkpoint", HARK_NO_INDEX,
			"its signature does not verify by the given key");
		return;
	}
	if (answer == SIGNED_OTHER_KEY) {
		l->is_other_key = true; /* a rotation may be the reason: the history knows */
		return;
	}
	l->is_sealed = true;
	r->sealed = l->sealed.size;
	memcpy(r->sealed_root, l->sealed.root.bytes, sizeof(r->sealed_root));
}

static enum err
read_checkpoint(struct ledger_judgement *l)
{
	struct buf note = { 0 };
	enum signed_answer answer = SIGNED_MALFORMED;
	enum err e = window_slurp(l->disk, "checkpoint", VERIFY_NOTE_BYTES_MAX, &note);

	l->no_note = e == ERR_MISSING;
	if (e == ERR_OK)
		answer = signed_open(l->j.verifier, (struct bytes){ note.data, note.size },
				     &l->sealed);
	buf_finish(&note);
	if (e == ERR_MEMORY || e == ERR_SYSTEM)
		return e;
	e = settle_origin(l, &l->sealed, answer != SIGNED_MALFORMED);
	if (e == ERR_OK && !l->no_note)
		judge_note(l, answer);
	return e;
}

/* ---- what the walk leaves to be judged ------------------------------------------------------ */

/* The checkpoint against the history, and what is to be said of the whole. */
static void
judge_seal(struct ledger_judgement *l)
{
	const struct hark_ledger_report *r = l->j.report;
	const struct heads *h = &l->walk.heads;

	if (l->is_other_key && h->rotated_at != HARK_NO_INDEX)
		finding(&l->j, HARK_FINDING_ROTATED, "checkpoint", HARK_NO_INDEX,
			"the key was replaced when there %s %" PRIu64 " %s: give the new key too",
			text_counted(h->rotated_at, "was", "were"), h->rotated_at,
			text_counted(h->rotated_at, "leaf", "leaves"));
	else if (l->is_other_key)
		finding(&l->j, HARK_FINDING_SIGNATURE, "checkpoint", HARK_NO_INDEX,
			"the given key has not signed it");
	if (l->no_note && (h->history_last > 0 || r->has_since))
		finding(&l->j, HARK_FINDING_CHECKPOINT, "checkpoint", HARK_NO_INDEX,
			"it is not there, and others were signed before");
	else if (l->no_note)
		finding(&l->j, HARK_FINDING_NOT_SEALED, "", HARK_NO_INDEX,
			"%" PRIu64 " %s here and no checkpoint was signed yet", r->committed,
			text_counted(r->committed, "leaf is", "leaves are"));
	if (!l->is_sealed)
		return;
	if (h->history_last > r->sealed)
		finding(&l->j, HARK_FINDING_CHECKPOINT, "checkpoint", HARK_NO_INDEX,
			"it was rolled back: it has %" PRIu64
			" %s, and a past checkpoint has %" PRIu64,
			r->sealed, text_counted(r->sealed, "leaf", "leaves"), h->history_last);
	if (r->committed > r->sealed)
		finding(&l->j, HARK_FINDING_UNSEALED, "", r->sealed,
			"%" PRIu64 " %s committed and not sealed yet", r->committed - r->sealed,
			text_counted(r->committed - r->sealed, "leaf is", "leaves are"));
	if (!r->has_since && !(l->j.effects & 1u << HARK_EFFECT_TAMPERED))
		finding(&l->j, HARK_FINDING_TRUST, "", HARK_NO_INDEX,
			"who has the signing key could have rewritten all of it: only a checkpoint "
			"that was seen elsewhere (--since) can show that");
}

/* ---- the whole ------------------------------------------------------------------------------ */

static enum err judge_opened(struct ledger_judgement *l);

/*
 * The evidence may have been pruned after the operations were read, by an operation that was
 * recorded before it was done: so what is not explained is looked for once more, among those that
 * are not sealed too.  Nothing is told; they are judged already.
 */
static enum err
read_operations_again(struct hark_verifier *v)
{
	struct ledger_judgement *l = calloc(1, sizeof(*l));
	struct hark_ledger_report report = { .name = "operations" };
	struct operations first = v->operations;
	hark_finding_fn *told = v->on_finding;
	enum err e = ERR_MEMORY;

	if (l == NULL)
		return e;
	v->operations = (struct operations){ .is_judged = false };
	v->on_finding = NULL;
	l->j = (struct judging){ .verifier = v, .report = &report };
	l->takes_unsealed = true;
	e = cells_create(&l->j.cells);
	if (e == ERR_OK)
		e = disk_open_real(v->operations_fd, &l->disk);
	if (e == ERR_OK) {
		walk_init(&l->walk, &l->j, l->disk);
		e = judge_opened(l);
		walk_finish(&l->walk);
		disk_close_real(&l->disk);
	}
	v->late = v->operations;
	v->operations = first;
	v->on_finding = told;
	cells_destroy(l->j.cells);
	free(l);
	return e;
}

static enum err
judge_walk(struct ledger_judgement *l)
{
	struct hark_verifier *v = l->j.verifier;
	bool is_operations = strcmp(l->j.report->name, "operations") == 0;
	enum err e;

	l->walk.sealed = l->is_sealed ? l->sealed.size : 0;
	l->walk.events.collects = is_operations;
	l->walk.events.sealed = l->takes_unsealed ? UINT64_MAX : l->walk.sealed;
	if (l->is_sealed)
		heads_add_own(&l->walk.heads, &l->sealed);
	if (!is_operations && v->operations.is_judged)
		l->walk.heads.operations = &v->operations;
	heads_add_since(&l->walk.heads);
	e = walk_run(&l->walk);
	if (is_operations) {
		operations_close(&v->operations);
		v->operations.is_judged =
			e == ERR_OK && !(l->j.effects & 1u << HARK_EFFECT_TAMPERED) && l->is_sealed;
		v->operations.is_whole = v->operations.is_judged && l->j.report->first == 0 &&
					 l->j.report->redacted == 0 && !v->operations.is_overfull;
	}
	if (e == ERR_OK || e == ERR_REFUSED) {
		judge_seal(l);
		events_cells(&l->walk.events);
	}
	if (e == ERR_OK && !is_operations && v->operations_fd >= 0 &&
	    events_are_unexplained(&l->walk.events, is_operations))
		e = read_operations_again(v);
	if (e == ERR_OK)
		events_absence(&l->walk.events, is_operations);
	return e;
}

static enum err
judge_opened(struct ledger_judgement *l)
{
	enum err e = read_origin(l);

	if (e == ERR_OK)
		e = history_open(&l->walk.heads.history, l->disk);
	if (e == ERR_OK)
		e = read_checkpoint(l);
	if (e == ERR_REFUSED) /* not a ledger, or not one to be judged */
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	l->j.report->is_judged = true;
	e = judge_walk(l);
	return e == ERR_REFUSED ? ERR_OK : e;
}

enum err
ledger_judge(struct hark_verifier *v, int dirfd, const char *name)
{
	struct ledger_judgement *l = calloc(1, sizeof(*l)); /* a tree and a hundred heads */
	int problem;
	enum err e;

	MUST(v != NULL && name != NULL);
	if (l == NULL)
		return ERR_MEMORY;
	e = disk_open_real(dirfd, &l->disk);
	if (e != ERR_OK) {
		free(l);
		return e;
	}
	e = judging_begin(v, name, &l->j);
	if (e == ERR_OK) {
		walk_init(&l->walk, &l->j, l->disk);
		e = judge_opened(l);
		problem = errno;
		walk_finish(&l->walk);
		judging_end(&l->j);
		errno = problem;
	}
	if (e == ERR_SYSTEM && v->why.text[0] == '\0')
		(void)verify_fail(v, e, "the %s cannot be read: %s", name, strerror(errno));
	disk_close_real(&l->disk);
	free(l);
	return e;
}
