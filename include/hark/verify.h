/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Judges records of Hark: ledgers, whole data directories, static exports and single proofs, by the
 * verifier keys that the caller brings and by nothing that stands beside what is judged.  All is
 * recomputed: leaf hashes, roots, order, signatures, tree files.  It needs no daemon, reads a
 * ledger beside its writer, and uses memory that does not grow with the ledger.
 *
 * Against who has the signing key only a checkpoint that was seen elsewhere helps
 * (hark_verifier_add_checkpoint).  docs/format/ledger.md, export.md and proof.md have the bytes.
 * A verifier is used by one thread at a time.  Nothing here logs, exits or aborts.
 */
#ifndef HARK_VERIFY_H
#define HARK_VERIFY_H

#include <hark/telemetry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most keys and the most checkpoints from elsewhere that one verifier takes. */
#define HARK_VERIFIER_KEYS_MAX        64u
#define HARK_VERIFIER_CHECKPOINTS_MAX 64u
/* The most ledgers of one judgement, and the most cells (with their runs) that a ledger's report
 * keeps apart: what later cells said is counted in one row whose names are empty. */
#define HARK_REPORT_LEDGERS_MAX 2u
#define HARK_REPORT_CELLS_MAX   65536u
/* The longest name of a ledger (its origin) in bytes, and the bytes of a tree's root. */
#define HARK_ORIGIN_NAME_BYTES_MAX 255u
#define HARK_ROOT_BYTES            32u
/* The longest text of a finding and of its place, with terminator. */
#define HARK_FINDING_TEXT_BYTES  512u
#define HARK_FINDING_PLACE_BYTES 160u
/* Where a finding is about no leaf. */
#define HARK_NO_INDEX UINT64_MAX

enum hark_verifier_error {
	HARK_VERIFIER_OK = 0,
	HARK_VERIFIER_ARGUMENT = 1,
	HARK_VERIFIER_MEMORY = 2,
	HARK_VERIFIER_FORMAT = 3,  /* a key or checkpoint that the caller gave is none; `why` */
	HARK_VERIFIER_LIMIT = 4,   /* more keys or checkpoints than are taken; `why` */
	HARK_VERIFIER_MISSING = 5, /* the path leads to nothing; `why` */
	HARK_VERIFIER_SYSTEM = 6,  /* it cannot be read; `why` and its system_error */
};

/* A static text for people, never NULL. */
HARK_API const char *hark_verifier_error_text(enum hark_verifier_error e);

/* The four answers with their exit codes; tampered goes before unverifiable, that before
 * incomplete, that before intact. */
enum hark_answer {
	HARK_ANSWER_INTACT = 0,
	HARK_ANSWER_TAMPERED = 1,
	HARK_ANSWER_INCOMPLETE = 3,
	HARK_ANSWER_UNVERIFIABLE = 4,
};

/* "intact" and so on; NULL for a value that is not of the enum. */
HARK_API const char *hark_answer_name(enum hark_answer answer);

/*
 * What can be found, and what it does to the answer: NOTE nothing, GAP incomplete where
 * completeness was asked for (hark_verifier_require_complete), the others what they are called.
 */
#define HARK_FINDINGS(X)                                                                           \
	X(LEDGER_FILE, "ledger_file", TAMPERED)   /* `ledger` is not as it was written */          \
	X(CHECKPOINT, "checkpoint", TAMPERED)     /* gone, malformed, or older than the history */ \
	X(SIGNATURE, "signature", TAMPERED)       /* not one of the given key */                   \
	X(SHORTER, "shorter", TAMPERED)           /* than what was signed */                       \
	X(FORK, "fork", TAMPERED)                 /* another root than what was signed */          \
	X(SEGMENT, "segment", TAMPERED)           /* header, order, or gone */                     \
	X(FRAME, "frame", TAMPERED)               /* checksum, sizes, order */                     \
	X(ROOT, "root", TAMPERED)                 /* a frame's root is not that of its leaves */   \
	X(LEAF, "leaf", TAMPERED)                 /* not the event of its place */                 \
	X(TREE, "tree", TAMPERED)                 /* a stored hash is not the recomputed one */    \
	X(OFFSETS, "offsets", TAMPERED)           /* a stored position is not the real one */      \
	X(STATE, "state", TAMPERED)               /* a snapshot is not that of its segment */      \
	X(HISTORY, "history", TAMPERED)           /* a past checkpoint does not hold */            \
	X(REMOVED, "removed", TAMPERED)           /* evidence is gone and no operation says so */  \
	X(OPERATION, "operation", TAMPERED)       /* an operation names another evidence */        \
	X(EXPORT, "export", TAMPERED)             /* a tile or bundle does not hold */             \
	X(PROOF, "proof", TAMPERED)               /* a proof that does not prove it */             \
	X(NO_KEY, "no_key", UNVERIFIABLE)         /* no key was given for anything here */         \
	X(KEY_UNUSED, "key_unused", UNVERIFIABLE) /* a key's ledger is not here */                 \
	X(OTHER_CHECKPOINT, "other_checkpoint",                                                    \
	  UNVERIFIABLE) /* one from elsewhere is of no use */                                      \
	X(NEWER, "newer_format", UNVERIFIABLE)                                                     \
	X(EMPTY, "empty", UNVERIFIABLE)                                                            \
	X(NOT_A_RECORD, "not_a_record", UNVERIFIABLE)                                              \
	X(NOT_SEALED, "not_sealed", UNVERIFIABLE) /* nothing was signed yet */                     \
	X(ROTATED, "rotated", UNVERIFIABLE)       /* the key was replaced; give the new one */     \
	X(CHANGING, "changing", UNVERIFIABLE)     /* pruned again and again while it was read */   \
	X(ABSENT, "absent", INCOMPLETE) /* leaves are gone, and no judged operation says why */    \
	X(PRUNED, "pruned", GAP)                                                                   \
	X(REDACTED, "redacted", GAP)                                                               \
	X(GAP, "gap", GAP)                                                                         \
	X(DROPPED, "dropped", GAP)                                                                 \
	X(REJECTED, "rejected", GAP)                                                               \
	X(SILENCE, "silence", GAP)       /* and it has not ended */                                \
	X(UNNUMBERED, "unnumbered", GAP) /* wire 1: what is missing is unknown */                  \
	X(OUTAGE, "outage", GAP)         /* the daemon ended without saying so */                  \
	X(NOT_JUDGED, "not_judged", NOTE)                                                          \
	X(UNSEALED, "unsealed", NOTE)                                                              \
	X(TAIL, "tail", NOTE) /* an unfinished frame after all that was sealed */                  \
	X(CONFLICT, "conflict", NOTE)                                                              \
	X(TRUST, "trust", NOTE) /* what the answer does not cover */

enum hark_finding_kind {
#define HARK_FINDING_ENUM(name, text, effect) HARK_FINDING_##name,
	HARK_FINDINGS(HARK_FINDING_ENUM)
#undef HARK_FINDING_ENUM
		HARK_FINDING_COUNT
};

enum hark_finding_effect {
	HARK_EFFECT_NOTE = 0,
	HARK_EFFECT_GAP = 1,
	HARK_EFFECT_INCOMPLETE = 2,
	HARK_EFFECT_UNVERIFIABLE = 3,
	HARK_EFFECT_TAMPERED = 4,
};

/* The names and effects above; NULL and NOTE for a value that is not of the enum. */
HARK_API const char *hark_finding_name(enum hark_finding_kind kind);
HARK_API enum hark_finding_effect hark_finding_effect_of(enum hark_finding_kind kind);

/* One thing found.  Texts are printable ASCII: what came from outside is escaped. */
struct hark_finding {
	enum hark_finding_kind kind;
	char origin[4 * HARK_ORIGIN_NAME_BYTES_MAX +
		    1];                       /* of its ledger; empty where none is known */
	char place[HARK_FINDING_PLACE_BYTES]; /* file, offset; empty where it is about the whole */
	uint64_t index;                       /* of the leaf, or HARK_NO_INDEX */
	char text[HARK_FINDING_TEXT_BYTES];
};

/* What a record says of one run of one cell.  Names are UTF-8, terminated, and not escaped. */
struct hark_cell_report {
	char cell[HARK_ID_BYTES_MAX + 1];
	char run[HARK_ID_BYTES_MAX + 1];
	uint64_t first_index;
	uint64_t last_index;
	uint64_t declarations;
	uint64_t unnumbered; /* of those: without a number, so that a loss does not show */
	uint64_t gaps;
	uint64_t lost;    /* events that the gaps stand for, as far as it is known */
	uint64_t dropped; /* at least */
	uint64_t rejected;
	uint64_t conflicts;
	uint64_t silences;
	bool is_silent; /* the last silence has not ended */
	bool is_removed;
};

/* What is known of one ledger, export or proof. */
struct hark_ledger_report {
	char name[16]; /* "evidence", "operations", "ledger", "export", "proof" */
	char origin[HARK_ORIGIN_NAME_BYTES_MAX + 1]; /* not escaped */
	bool is_judged;
	enum hark_answer answer;       /* of this one; UNVERIFIABLE where it is not judged */
	uint64_t first;                /* the first leaf that is there */
	uint64_t committed;            /* leaves, the ones that were removed too */
	uint64_t sealed;               /* by the checkpoint */
	uint64_t index;                /* of a proof */
	uint8_t root[HARK_ROOT_BYTES]; /* of the committed leaves */
	uint8_t sealed_root[HARK_ROOT_BYTES];
	uint64_t redacted;
	uint64_t history; /* past checkpoints that were verified */
	uint64_t since; /* the largest size of a checkpoint from elsewhere that it was held against
			 */
	bool has_since;
	uint64_t cell_count;
	const struct hark_cell_report *cells; /* in the order in which they appeared */
};

struct hark_verifier;

/* Errors: ARGUMENT, MEMORY. */
HARK_API HARK_MUST_USE enum hark_verifier_error hark_verifier_create(struct hark_verifier **out);
/* NULL is fine. */
HARK_API void hark_verifier_destroy(struct hark_verifier *verifier);

/* A C2SP verifier key, "<name>+<id>+<base64>".  Twice the same is once.  Errors: ARGUMENT, FORMAT,
 * LIMIT. */
HARK_API HARK_MUST_USE enum hark_verifier_error hark_verifier_add_key(
	struct hark_verifier *verifier, struct hark_text key, struct hark_failure *why);
/*
 * A signed checkpoint that was seen elsewhere: what is judged must have grown from it.  It counts
 * only where one of the keys signed it.  Errors: ARGUMENT, FORMAT, LIMIT.
 */
HARK_API HARK_MUST_USE enum hark_verifier_error hark_verifier_add_checkpoint(
	struct hark_verifier *verifier, struct hark_text note, struct hark_failure *why);
/* Whatever is missing, or may be, is then INCOMPLETE. */
HARK_API void hark_verifier_require_complete(struct hark_verifier *verifier, bool complete);

/* Called for each finding as it is made; NULL for none.  The finding is borrowed. */
typedef void hark_finding_fn(void *context, const struct hark_finding *finding);
HARK_API void hark_verifier_on_finding(struct hark_verifier *verifier, hark_finding_fn *fn,
				       void *context);
/* Called from time to time with the leaves that were read and those that there are, as far as it is
 * known before the end. */
typedef void hark_progress_fn(void *context, const char *name, uint64_t done, uint64_t all);
HARK_API void hark_verifier_on_progress(struct hark_verifier *verifier, hark_progress_fn *fn,
					void *context);

/*
 * Judges what a path leads to: a data directory, a ledger, an export or a proof file.  OK whatever
 * the answer is; the reports then are of this path.  Errors: ARGUMENT, MEMORY, MISSING, SYSTEM.
 */
HARK_API HARK_MUST_USE enum hark_verifier_error hark_verifier_judge(struct hark_verifier *verifier,
								    const char *path,
								    enum hark_answer *out,
								    struct hark_failure *why);
/* The same of a proof's bytes. */
HARK_API HARK_MUST_USE enum hark_verifier_error hark_verifier_judge_proof(
	struct hark_verifier *verifier, struct hark_text proof, enum hark_answer *out,
	struct hark_failure *why);

/* What the last judgement found of each ledger; NULL past the end.  Good until the next one. */
HARK_API const struct hark_ledger_report *hark_verifier_report(const struct hark_verifier *verifier,
							       size_t at);
/* The leaf's bytes that the last judged proof holds, if it is intact; else empty. */
HARK_API struct hark_text hark_verifier_proven(const struct hark_verifier *verifier);

#ifdef __cplusplus
}
#endif

#endif
