/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the room's files share: the verifier, a judgement under way, and how findings are made.
 * Inside, ERR_REFUSED means that a finding was made which ends this ledger's judgement.
 */
#ifndef VERIFY_INTERNAL_H
#define VERIFY_INTERNAL_H

#include <hark/verify.h>

#include "base/bytes.h"
#include "base/err.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/note.h"
#include "keys/keys.h"
#include "os/disk.h"
#include "verify/cells.h"
#include "verify/operations.h"

/* The largest note that is read from a record: what a note may have at all. */
#define VERIFY_NOTE_BYTES_MAX NOTE_BYTES_MAX

/* A checkpoint from elsewhere. */
struct verify_since {
	struct buf note;
	struct checkpoint head; /* as it says; believed after signed_open alone */
	bool is_used;           /* some ledger was held against it */
};

struct hark_verifier {
	struct keys_verifier keys[HARK_VERIFIER_KEYS_MAX];
	bool key_used[HARK_VERIFIER_KEYS_MAX];
	size_t key_count;
	struct verify_since since[HARK_VERIFIER_CHECKPOINTS_MAX];
	size_t since_count;
	bool complete;
	hark_finding_fn *on_finding;
	void *finding_context;
	hark_progress_fn *on_progress;
	void *progress_context;

	/* of the judgement under way or done */
	unsigned int effects; /* bits 1 << enum hark_finding_effect, of all ledgers and of none */
	struct hark_ledger_report reports[HARK_REPORT_LEDGERS_MAX];
	struct cells *cells[HARK_REPORT_LEDGERS_MAX];
	size_t report_count;
	struct operations operations;
	struct operations late; /* the same, read again after the evidence, unsealed ones too */
	int operations_fd;      /* while a data directory is judged: its operations; else -1 */
	struct buf proven;
	struct note note; /* scratch: too large for a stack */
	struct hark_failure why;
};

/* One ledger, export or proof that is being judged; report is NULL for what is none. */
struct judging {
	struct hark_verifier *verifier;
	struct hark_ledger_report *report;
	struct cells *cells;
	unsigned int effects;
	/* A finding that is the same for thousands of leaves is told so often and then counted. */
	uint32_t told[HARK_FINDING_COUNT];
};

/* findings.c */
/* Makes a finding: tells it, and counts its effect.  place may be "". */
__attribute__((format(printf, 5, 6))) void finding(struct judging *j, enum hark_finding_kind kind,
						   const char *place, uint64_t index,
						   const char *format, ...);
/* The same, and ERR_REFUSED. */
#define finding_end(...) (finding(__VA_ARGS__), ERR_REFUSED)
/* The answer of effects. */
enum hark_answer effects_answer(unsigned int effects, bool complete);
/* Remembers why the caller's call fails; gives e. */
__attribute__((format(printf, 3, 4))) enum err verify_fail(struct hark_verifier *v, enum err e,
							   const char *format, ...);

/* signed.c */
enum signed_answer {
	SIGNED_GOOD,      /* by a given key that has the origin's name */
	SIGNED_OTHER_KEY, /* no given key has signed it */
	SIGNED_BAD,       /* a line of a given key does not verify */
	SIGNED_MALFORMED, /* not a checkpoint; *out is untouched */
};
enum signed_answer signed_open(struct hark_verifier *v, struct bytes note, struct checkpoint *out);
/* True where a key for that origin was given; marks it as used. */
bool keys_for(struct hark_verifier *v, const char *origin);

/* verifier.c */
/* A new report and its judging.  ERR_MEMORY. */
MUST_USE enum err judging_begin(struct hark_verifier *v, const char *name, struct judging *j);
/* Fixes the report's answer and adds the effects to the whole. */
void judging_end(struct judging *j);

/* ledger.c, export.c, proof.c: judge one thing each.  ERR_OK whatever was found; ERR_MEMORY,
 * ERR_SYSTEM with verify_fail. */
MUST_USE enum err ledger_judge(struct hark_verifier *v, int dirfd, const char *name);
MUST_USE enum err export_judge(struct hark_verifier *v, int dirfd);
MUST_USE enum err proof_judge(struct hark_verifier *v, struct bytes data);

#endif
