/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public door: keys and checkpoints in, and what a path leads to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "os/file.h"

#include "verify/proof.h"
#include "verify/verify_internal.h"

enum hark_verifier_error
hark_verifier_create(struct hark_verifier **out)
{
	struct hark_verifier *v;

	if (out == NULL)
		return HARK_VERIFIER_ARGUMENT;
	if (keys_start() != ERR_OK)
		return HARK_VERIFIER_SYSTEM;
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return HARK_VERIFIER_MEMORY;
	v->operations_fd = -1;
	*out = v;
	return HARK_VERIFIER_OK;
}

/* Forgets the last judgement. */
static void
forget(struct hark_verifier *v)
{
	size_t i;

	for (i = 0; i < HARK_REPORT_LEDGERS_MAX; i++) {
		cells_destroy(v->cells[i]);
		v->cells[i] = NULL;
		v->reports[i] = (struct hark_ledger_report){ .is_judged = false };
	}
	v->report_count = 0;
	v->effects = 0;
	operations_finish(&v->operations);
	operations_finish(&v->late);
	buf_finish(&v->proven);
	v->why = (struct hark_failure){ .system_error = 0 };
	memset(v->key_used, 0, sizeof(v->key_used));
	for (i = 0; i < v->since_count; i++)
		v->since[i].is_used = false;
}

void
hark_verifier_destroy(struct hark_verifier *verifier)
{
	size_t i;

	if (verifier == NULL)
		return;
	forget(verifier);
	for (i = 0; i < verifier->since_count; i++)
		buf_finish(&verifier->since[i].note);
	free(verifier);
}

static enum hark_verifier_error
tell(struct hark_verifier *v, enum hark_verifier_error e, struct hark_failure *why)
{
	if (why != NULL)
		*why = v->why;
	return e;
}

enum hark_verifier_error
hark_verifier_add_key(struct hark_verifier *verifier, struct hark_text key,
		      struct hark_failure *why)
{
	struct keys_verifier read;
	size_t i;

	if (verifier == NULL || (key.data == NULL && key.size > 0))
		return HARK_VERIFIER_ARGUMENT;
	while (key.size > 0 && (key.data[key.size - 1] == '\n' || key.data[key.size - 1] == '\r'))
		key.size--;
	if (key.size == 0 || keys_verifier_read(key.data, key.size, &read) != ERR_OK) {
		(void)verify_fail(verifier, ERR_FORMAT,
				  "not a verifier key: expected <name>+<8 hex digits>+<base64>, "
				  "the digits being those of the name and the bytes");
		return tell(verifier, HARK_VERIFIER_FORMAT, why);
	}
	for (i = 0; i < verifier->key_count; i++) {
		const struct keys_verifier *k = &verifier->keys[i];

		if (strcmp(k->name, read.name) == 0 &&
		    memcmp(k->public_key, read.public_key, sizeof(read.public_key)) == 0)
			return HARK_VERIFIER_OK;
	}
	if (verifier->key_count == HARK_VERIFIER_KEYS_MAX) {
		(void)verify_fail(verifier, ERR_LIMIT, "more than %u keys", HARK_VERIFIER_KEYS_MAX);
		return tell(verifier, HARK_VERIFIER_LIMIT, why);
	}
	verifier->keys[verifier->key_count++] = read;
	return HARK_VERIFIER_OK;
}

enum hark_verifier_error
hark_verifier_add_checkpoint(struct hark_verifier *verifier, struct hark_text note,
			     struct hark_failure *why)
{
	struct verify_since *s;

	if (verifier == NULL || (note.data == NULL && note.size > 0))
		return HARK_VERIFIER_ARGUMENT;
	if (verifier->since_count == HARK_VERIFIER_CHECKPOINTS_MAX) {
		(void)verify_fail(verifier, ERR_LIMIT, "more than %u checkpoints",
				  HARK_VERIFIER_CHECKPOINTS_MAX);
		return tell(verifier, HARK_VERIFIER_LIMIT, why);
	}
	s = &verifier->since[verifier->since_count];
	if (note.size == 0 || note_read(note.data, note.size, &verifier->note) != ERR_OK ||
	    checkpoint_read(verifier->note.text, &s->head) != ERR_OK) {
		(void)verify_fail(verifier, ERR_FORMAT,
				  "not a signed checkpoint: expected an origin, a size and a root, "
				  "a line each, an empty line and signatures");
		return tell(verifier, HARK_VERIFIER_FORMAT, why);
	}
	if (buf_append(&s->note, note.data, note.size, NOTE_BYTES_MAX) != ERR_OK)
		return HARK_VERIFIER_MEMORY;
	verifier->since_count++;
	return HARK_VERIFIER_OK;
}

void
hark_verifier_require_complete(struct hark_verifier *verifier, bool complete)
{
	if (verifier != NULL)
		verifier->complete = complete;
}

void
hark_verifier_on_finding(struct hark_verifier *verifier, hark_finding_fn *fn, void *context)
{
	if (verifier == NULL)
		return;
	verifier->on_finding = fn;
	verifier->finding_context = context;
}

void
hark_verifier_on_progress(struct hark_verifier *verifier, hark_progress_fn *fn, void *context)
{
	if (verifier == NULL)
		return;
	verifier->on_progress = fn;
	verifier->progress_context = context;
}

const struct hark_ledger_report *
hark_verifier_report(const struct hark_verifier *verifier, size_t at)
{
	return verifier != NULL && at < verifier->report_count ? &verifier->reports[at] : NULL;
}

struct hark_text
hark_verifier_proven(const struct hark_verifier *verifier)
{
	struct hark_text nothing = { .data = NULL, .size = 0 };

	if (verifier == NULL || verifier->proven.size == 0)
		return nothing;
	return (struct hark_text){ .data = (const char *)verifier->proven.data,
				   .size = verifier->proven.size };
}

enum err
judging_begin(struct hark_verifier *v, const char *name, struct judging *j)
{
	struct hark_ledger_report *r = &v->reports[v->report_count];
	enum err e;

	MUST(v->report_count < HARK_REPORT_LEDGERS_MAX);
	e = cells_create(&v->cells[v->report_count]);
	if (e != ERR_OK)
		return e;
	*r = (struct hark_ledger_report){ .is_judged = false };
	MUST(strlen(name) < sizeof(r->name));
	memcpy(r->name, name, strlen(name));
	*j = (struct judging){ .verifier = v, .report = r, .cells = v->cells[v->report_count] };
	v->report_count++;
	return ERR_OK;
}

void
judging_end(struct judging *j)
{
	struct hark_ledger_report *r = j->report;
	size_t count = 0;

	r->cells = cells_rows(j->cells, &count);
	r->cell_count = count;
	r->answer = effects_answer(j->effects, j->verifier->complete);
	if (!r->is_judged && r->answer == HARK_ANSWER_INTACT)
		r->answer = HARK_ANSWER_UNVERIFIABLE;
	j->verifier->effects |= j->effects;
}

/* ---- what a path leads to ------------------------------------------------------------------- */

static bool
is_there(int dirfd, const char *name)
{
	struct file_info info;

	return file_stat_at(dirfd, name, &info) == ERR_OK;
}

/* One ledger of a data directory; a folder that is not there is told by the key that needs it. */
static enum err
judge_below(struct hark_verifier *v, int dirfd, const char *name)
{
	cleanup(file_close) int fd = -1;
	enum err e;

	if (!is_there(dirfd, name))
		return ERR_OK;
	e = file_open_read_at(dirfd, name, &fd);
	if (e == ERR_OK)
		e = ledger_judge(v, fd, name);
	if (e == ERR_SYSTEM && v->why.text[0] == '\0')
		(void)verify_fail(v, e, "%s: %s", name, strerror(errno));
	return e;
}

static void
tell_unused_keys(struct judging *j)
{
	const struct hark_verifier *v = j->verifier;
	size_t i;

	for (i = 0; i < v->key_count; i++) {
		if (!v->key_used[i])
			finding(j, HARK_FINDING_KEY_UNUSED, "", HARK_NO_INDEX,
				"a key of %s was given, and no ledger of that name is here",
				v->keys[i].name);
	}
}

/* Operations first: they say what of the evidence may be gone.  Told in the other order. */
static enum err
judge_data(struct hark_verifier *v, int dirfd)
{
	struct judging j = { .verifier = v };
	struct hark_ledger_report report;
	struct cells *cells;
	enum err e = judge_below(v, dirfd, "operations");

	if (e == ERR_OK && v->operations.is_judged)
		e = file_open_read_at(dirfd, "operations", &v->operations_fd);
	if (e == ERR_OK)
		e = judge_below(v, dirfd, "evidence");
	file_close(&v->operations_fd);
	if (e == ERR_OK && v->report_count == 2) {
		report = v->reports[0];
		cells = v->cells[0];
		v->reports[0] = v->reports[1];
		v->cells[0] = v->cells[1];
		v->reports[1] = report;
		v->cells[1] = cells;
	}
	if (e == ERR_OK)
		tell_unused_keys(&j);
	v->effects |= j.effects;
	return e;
}

static enum err
judge_directory(struct hark_verifier *v, int dirfd)
{
	if (is_there(dirfd, "evidence") || is_there(dirfd, "operations"))
		return judge_data(v, dirfd);
	if (!is_there(dirfd, "ledger") && !is_there(dirfd, "segments") && is_there(dirfd, "tile"))
		return export_judge(v, dirfd);
	return ledger_judge(v, dirfd, "ledger");
}

static enum err
judge_file(struct hark_verifier *v, int fd)
{
	struct judging j = { .verifier = v };
	struct buf data = { 0 };
	enum err e = file_read_all(fd, PROOF_BYTES_MAX, &data);

	if (e == ERR_LIMIT) {
		finding(&j, HARK_FINDING_NOT_A_RECORD, "", HARK_NO_INDEX,
			"this file is larger than a proof may be");
		v->effects |= j.effects;
		e = ERR_OK;
	} else if (e == ERR_OK) {
		e = proof_judge(v, (struct bytes){ data.data, data.size });
	}
	buf_finish(&data);
	return e;
}

/* What is to be said when everything was looked at; gives the answer. */
static enum hark_answer
conclude(struct hark_verifier *v)
{
	struct judging j = { .verifier = v };
	bool judged = false;
	size_t i;

	for (i = 0; i < v->report_count; i++)
		judged |= v->reports[i].is_judged;
	if (!judged && effects_answer(v->effects, false) == HARK_ANSWER_INTACT)
		finding(&j, HARK_FINDING_NO_KEY, "", HARK_NO_INDEX,
			v->key_count == 0 ? "no key was given: without one nothing can be judged"
					  : "no key was given that has the name of what is here");
	for (i = 0; i < v->since_count; i++) {
		if (!v->since[i].is_used)
			finding(&j, HARK_FINDING_OTHER_CHECKPOINT, "", HARK_NO_INDEX,
				"the checkpoint that was seen elsewhere is of %s, which was not "
				"judged",
				v->since[i].head.origin);
	}
	v->effects |= j.effects;
	return effects_answer(v->effects, v->complete);
}

static enum hark_verifier_error
answer(struct hark_verifier *v, enum err e, enum hark_answer *out, struct hark_failure *why)
{
	if (e == ERR_OK) {
		*out = conclude(v);
		return HARK_VERIFIER_OK;
	}
	if (e == ERR_MEMORY)
		(void)verify_fail(v, e, "out of memory");
	return tell(v,
		    e == ERR_MEMORY    ? HARK_VERIFIER_MEMORY
		    : e == ERR_MISSING ? HARK_VERIFIER_MISSING
				       : HARK_VERIFIER_SYSTEM,
		    why);
}

enum hark_verifier_error
hark_verifier_judge(struct hark_verifier *verifier, const char *path, enum hark_answer *out,
		    struct hark_failure *why)
{
	cleanup(file_close) int fd = -1;
	struct file_info info;
	enum err e;

	if (verifier == NULL || path == NULL || out == NULL)
		return HARK_VERIFIER_ARGUMENT;
	forget(verifier);
	e = file_open_read(path, &fd);
	if (e == ERR_OK)
		e = file_stat(fd, &info);
	if (e != ERR_OK)
		(void)verify_fail(verifier, e, "%.100s: %s", path, strerror(errno));
	else if (info.kind == FILE_DIRECTORY)
		e = judge_directory(verifier, fd);
	else if (info.kind == FILE_REGULAR || info.kind == FILE_FIFO)
		e = judge_file(verifier, fd);
	else
		e = verify_fail(verifier, ERR_MISSING, "%.100s is %s", path,
				file_kind_text(info.kind));
	return answer(verifier, e, out, why);
}

enum hark_verifier_error
hark_verifier_judge_proof(struct hark_verifier *verifier, struct hark_text proof,
			  enum hark_answer *out, struct hark_failure *why)
{
	if (verifier == NULL || out == NULL || (proof.data == NULL && proof.size > 0))
		return HARK_VERIFIER_ARGUMENT;
	forget(verifier);
	return answer(
		verifier,
		proof_judge(verifier, (struct bytes){ (const uint8_t *)proof.data, proof.size }),
		out, why);
}
