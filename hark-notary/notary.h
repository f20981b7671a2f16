/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The notary's core: what it makes of records, of harkd's words and of time.  It owns two open
 * ledgers and no descriptor, and never asks for the time: every call brings it.  The leaves are a
 * function of the calls below and their arguments, and not of when a commit ends; so a recorded
 * sequence of calls gives the same leaves and the same root again.  One exception: what the host
 * finds by itself (silence, ticks) is found later where the batch is full at that moment.
 *
 * A call that would need room in a batch that is full says so (ERR_AGAIN) and has changed nothing;
 * or it goes on by itself when a commit has ended (notary_message, notary_channel_gone).
 */
#ifndef HARK_NOTARY_NOTARY_H
#define HARK_NOTARY_NOTARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "follow/page.h"
#include "ledger/ledger.h"
#include "proto/message.h"
#include "proto/record.h"
#include "telemetry/event_ledger.h"

/* The most cells, dormant ones among them, and the most channels. */
#define NOTARY_CELLS_MAX    20000u
#define NOTARY_CHANNELS_MAX 20000u
/* The smallest batch: two of the largest leaves, and what they change. */
#define NOTARY_BATCH_BYTES_MIN 262144u
/* Names of observers that are remembered; so many may run. */
#define NOTARY_OBSERVERS_MAX 256u
/* A signer that is linked says its head within this time, or the notary begins without: what guests
 * say is worth more in a ledger whose signer is slow than in their rings, where it gets lost. */
#define NOTARY_HEAD_LIMIT_NS UINT64_C(5000000000)
/* Answers that wait for a commit. */
#define NOTARY_ANSWERS_MAX 1024u

struct notary;

/* How a ledger fares, as harkd and `hark status` hear it. */
enum notary_ledger_state {
	NOTARY_LEDGER_OK,
	NOTARY_LEDGER_FAILING, /* it cannot be written just now: nothing is acknowledged */
	NOTARY_LEDGER_FULL,    /* the same for want of space */
	NOTARY_LEDGER_REFUSED, /* its signer refuses: it grows, and is not sealed */
};
const char *notary_ledger_state_name(enum notary_ledger_state state);

/* An answer to harkd.  `text` is for a person, NULL where there is nothing to say. */
struct notary_answer {
	uint64_t id;
	uint64_t code; /* enum exit_code */
	const char *text;
	bool has_index;
	uint64_t index;
	bool has_count; /* strikes of an observer's module */
	uint64_t count;
	bool has_head; /* size and root */
	uint64_t size;
	struct merkle_hash root;
};

/* A receipt of an observer is durable. */
struct notary_trapped {
	struct bytes observer; /* borrowed for the call */
	uint8_t trap_class;
	uint32_t strikes; /* of its module */
	bool is_quarantined;
	uint64_t index; /* of the operations: the receipt, or the quarantine where another led to it
			 */
	bool has_next;  /* it is about a report of its own, which said a place */
	uint64_t next;  /* the leaf after the last of that batch */
};

/* What the core does to its surroundings.  None may call back into the core. */
struct notary_ops {
	void (*answer)(void *ctx, const struct notary_answer *answer);
	/* False: no room now, it comes again later with what is then true. */
	bool (*receipt)(void *ctx, uint64_t channel, const struct record_receipt *receipt);
	/* The receiver must end; nothing more of its channel is taken. */
	void (*violation)(void *ctx, uint64_t channel, const char *reason);
	void (*ledger_state)(void *ctx, enum proto_ledger ledger, enum notary_ledger_state state,
			     const char *text);
	void (*publish)(void *ctx, enum proto_ledger ledger, const struct page_state *state);
	/* Asks the signer.  False: it cannot be asked now. */
	bool (*sign)(void *ctx, enum proto_ledger ledger, uint64_t size,
		     const struct merkle_hash *root, const struct merkle_hash *proof,
		     size_t proof_count);
	void (*trapped)(void *ctx, const struct notary_trapped *trapped);
	/* All that notary_stop asked for is done. */
	void (*stopped)(void *ctx);
};

struct notary_options {
	bool clean;         /* harkd's last end was an orderly one */
	uint64_t restarts;  /* how often this harkd has started a notary before */
	uint64_t commit_us; /* the oldest event of a batch waits so long */
	size_t batch_bytes; /* as the ledgers were opened with; at least NOTARY_BATCH_BYTES_MIN */
	uint64_t tick_ms;
	uint64_t checkpoint_ms;
};

/*
 * Takes both ledgers and leaves NULL (on failure they stay the caller's) and reads their state.
 * ERR_MEMORY, ERR_FORMAT (state that we did not write).
 */
MUST_USE enum err notary_create(struct ledger *ledgers[PROTO_LEDGERS],
				const struct notary_options *options, const struct notary_ops *ops,
				void *ctx, const struct event_clock *now, struct notary **out);
void notary_destroy(struct notary *n);
/*
 * harkd has given a link to each signer that runs, and says more: host.started (or
 * host.notary_restarted) is written as soon as the heads of these signers are heard, or one of them
 * has let NOTARY_HEAD_LIMIT_NS pass.  Before, every call that would write gives ERR_AGAIN, and no
 * record is taken.  Again: nothing.
 */
void notary_begin(struct notary *n, const struct event_clock *now);
/* True where harkd has just started and a signer's head is not of its ledger: nothing is written,
 * and harkd ends.  Another link to a signer may change that. */
bool notary_is_barred(const struct notary *n);

/* Something that cannot be gone on with: no memory, or a time that no event can have. */
enum err notary_failure(const struct notary *n);

/* ---- harkd's words ---- */

struct notary_cell {
	uint64_t number;
	struct hark_text cell_id, run_id, spec_hash;
	uint64_t keepalive_ms;
	bool rearm;
};
/* `id` (0: none) is answered once it is durable.  ERR_ARGUMENT, ERR_LIMIT, ERR_AGAIN. */
MUST_USE enum err notary_cell_add(struct notary *n, const struct notary_cell *cell, uint64_t id,
				  const struct event_clock *now);
/* Its open connections may still end by themselves for a while; `removed` is its last leaf.
 * ERR_MISSING, ERR_AGAIN. */
MUST_USE enum err notary_cell_remove(struct notary *n, uint64_t number, struct bytes reason_word,
				     uint64_t id, const struct event_clock *now);
/* A receiver's channel; its records go on where the ledger's state has it.  ERR_EXISTS,
 * ERR_LIMIT, ERR_MEMORY. */
MUST_USE enum err notary_channel_add(struct notary *n, uint64_t channel, uint64_t incarnation);
/* ERR_MISSING (channel or cell), ERR_EXISTS, ERR_MEMORY. */
MUST_USE enum err notary_channel_slot(struct notary *n, uint64_t channel, uint16_t slot,
				      uint64_t cell_number);
/* Its receiver has ended, and all that it sent was given to notary_message.  ERR_MISSING. */
MUST_USE enum err notary_channel_gone(struct notary *n, uint64_t channel,
				      const struct event_clock *now);
/* One record of the operations ledger.  ERR_FORMAT, ERR_AGAIN. */
MUST_USE enum err notary_operation(struct notary *n, struct bytes kind, struct bytes members,
				   uint64_t id, const struct event_clock *now);
/* The configuration in force, as proto/texts.h has it, and why it is said.  ERR_FORMAT, ERR_AGAIN.
 */
MUST_USE enum err notary_configured(struct notary *n, struct bytes texts, struct bytes reason,
				    uint64_t id, const struct event_clock *now);
MUST_USE enum err notary_prune(struct notary *n, enum proto_ledger ledger, uint64_t index,
			       uint64_t id, const struct event_clock *now);
MUST_USE enum err notary_redact(struct notary *n, enum proto_ledger ledger, uint64_t index,
				struct bytes reason, uint64_t id, const struct event_clock *now);
/* A checkpoint of what is committed when the next commit has ended.  ERR_AGAIN. */
MUST_USE enum err notary_seal(struct notary *n, enum proto_ledger ledger, uint64_t id,
			      const struct event_clock *now);
/* host.stopped, then a checkpoint of each ledger where it can be had in time.  Where nothing was
 * begun nothing is written, and the answer is EXIT_TEMPORARY.  ERR_EXISTS. */
MUST_USE enum err notary_stop(struct notary *n, uint64_t id, const struct event_clock *now);

/* ---- observers: not a byte of the evidence comes from here, whatever is said ---- */

struct notary_observer {
	struct bytes name;     /* an id of at most EVENT_OBSERVER_BYTES_MAX bytes */
	const uint8_t *digest; /* BLAKE3 of its module: 32 bytes */
	struct bytes manifest; /* a JSON object */
	uint64_t strikes;      /* so many quarantine its module; 1 to 2^32 - 1 */
};
/*
 * May it run?  Recorded where it is not what was recorded last of this name.  `id` is answered:
 * EXIT_OK once it is durable, with the strikes of its module; EXIT_NO_PERMISSION: its module is
 * quarantined; EXIT_TEMPORARY: the ledger cannot be written now, or its last trap is not durable
 * yet; EXIT_UNAVAILABLE: too many. ERR_EXISTS: it runs already; ERR_ARGUMENT; ERR_FORMAT: no such
 * manifest; ERR_MEMORY.
 */
MUST_USE enum err notary_observer_add(struct notary *n, const struct notary_observer *observer,
				      uint64_t id, const struct event_clock *now);
/* True while it runs and has said nothing: one message of its channel is read, and no more. */
bool notary_observer_is_read(const struct notary *n, struct bytes name);
/* That message.  What is no report is a trap of class Other.  MUST be read. */
void notary_observer_report(struct notary *n, struct bytes name, const void *data, size_t size,
			    const struct event_clock *now);
/* Its process has ended, and what it had sent was given to notary_observer_report.  A reason (died,
 * hung, mute; empty: it was asked to) is a trap of class Other where it had said nothing.
 * ERR_MISSING: it does not run; ERR_ARGUMENT: no such reason. */
MUST_USE enum err notary_observer_gone(struct notary *n, struct bytes name, struct bytes reason,
				       const struct event_clock *now);
/* Forgets strikes and quarantine of a module, by a person's word.  digest NULL: the one that was
 * registered last by that name.  `id` is answered as above.  ERR_MISSING: no such name;
 * ERR_ARGUMENT; ERR_MEMORY. */
MUST_USE enum err notary_observer_release(struct notary *n, struct bytes name,
					  const uint8_t *digest, struct bytes why, uint64_t id,
					  const struct event_clock *now);

/* ---- records ---- */

enum notary_take {
	NOTARY_TAKEN,
	NOTARY_STALLED,       /* the rest waits for room: notary_resume when a commit has ended */
	NOTARY_WANTS_CONTROL, /* read what harkd has said, then notary_resume */
};
/* Where the next message of a channel is to be put: RECORD_BATCH_BYTES_MAX bytes.  NULL while the
 * last one is not wholly taken, or a batch has no room: then nothing is read. */
void *notary_buffer(struct notary *n);
/* Takes `size` bytes that were put there. */
enum notary_take notary_message(struct notary *n, uint64_t channel, size_t size,
				const struct event_clock *now);
enum notary_take notary_resume(struct notary *n);
bool notary_is_stalled(const struct notary *n);
/* False: a violation has ended it, or it is not known. */
bool notary_channel_is_read(const struct notary *n, uint64_t channel);

/* ---- time, commits, signers ---- */

/* When notary_tick must be called at the latest; UINT64_MAX: never. */
uint64_t notary_deadline(const struct notary *n);
/* Does all that is due: silence, ticks, commits, receipts, checkpoints. */
void notary_tick(struct notary *n, const struct event_clock *now);
/* Readable when a commit of that ledger has ended, or -1; call notary_tick then. */
int notary_commit_fd(const struct notary *n, enum proto_ledger ledger);

/* A link to a signer is there, its HEAD has come, it has gone. */
void notary_signer_linked(struct notary *n, enum proto_ledger ledger);
void notary_signer_head(struct notary *n, enum proto_ledger ledger, uint64_t size,
			const struct merkle_hash *root, const struct event_clock *now);
void notary_signer_gone(struct notary *n, enum proto_ledger ledger, const struct event_clock *now);
void notary_signed(struct notary *n, enum proto_ledger ledger, uint64_t size,
		   const struct merkle_hash *root, struct bytes note,
		   const struct event_clock *now);
/* is_final: this tree is refused; else the signer could not just now. */
void notary_refused(struct notary *n, enum proto_ledger ledger, bool is_final, const char *text,
		    const struct event_clock *now);

/* ---- looking ---- */

void notary_counts(const struct notary *n, struct event_counts *out);
/* Every invariant, for tests. */
bool notary_check(const struct notary *n);

#endif
