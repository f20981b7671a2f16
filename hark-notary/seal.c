/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Checkpoints: the signer is asked for one of what is committed, with the proof that it grew from
 * what was signed last.  The notary cannot check a signature; it checks that the note speaks of
 * this ledger, and keeps what it was given.
 */
#include <string.h>

#include "base/must.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/note.h"
#include "hark-notary/notary_internal.h"
#include "prog/exit.h"

static void
serve_seal_waiters(struct notary *n, enum proto_ledger ledger, uint64_t code, const char *text)
{
	const struct book *b = &n->books[ledger];
	size_t kept = 0;
	size_t i;

	for (i = 0; i < n->waiter_count; i++) {
		struct waiter w = n->waiters[i];
		const struct notary_answer answer = {
			.id = w.id,
			.code = code,
			.text = text,
			.has_head = code == EXIT_OK,
			.size = b->sealed_size,
			.root = b->sealed_root,
		};
		bool is_due = w.kind == WAIT_SEAL && w.ledger == ledger && w.is_durable &&
			      (code != EXIT_OK || b->sealed_size >= w.size);

		if (!is_due)
			n->waiters[kept++] = w;
		else if (w.id != 0)
			n->ops.answer(n->ctx, &answer);
	}
	n->waiter_count = kept;
}

/* No more checkpoints, until another signer says otherwise. */
static void
refuse(struct notary *n, enum proto_ledger ledger, const char *text)
{
	struct book *b = &n->books[ledger];

	b->is_refused = true;
	b->is_asked = false;
	if (b->state == NOTARY_LEDGER_OK)
		book_enter(n, ledger, NOTARY_LEDGER_REFUSED, text);
	serve_seal_waiters(n, ledger, EXIT_TAMPERED, text);
}

/* True where this ledger had this root when it had this size. */
static bool
had_root(const struct book *b, uint64_t size, const struct merkle_hash *root)
{
	struct merkle_hash own;

	if (size > ledger_committed_size(b->ledger))
		return false;
	if (size == 0)
		merkle_empty(&own);
	else if (merkle_root_at(ledger_node, b->ledger, size, &own) != ERR_OK)
		return false;
	return merkle_equal(&own, root);
}

void
notary_signer_linked(struct notary *n, enum proto_ledger ledger)
{
	n->books[ledger].awaits_head = true;
}

void
notary_signer_head(struct notary *n, enum proto_ledger ledger, uint64_t size,
		   const struct merkle_hash *root, const struct event_clock *now)
{
	struct book *b = &n->books[ledger];

	host_time(n, now);
	b->awaits_head = false;
	b->has_signer = true;
	b->is_asked = false;
	b->head_size = size;
	b->head_root = *root;
	if (!had_root(b, size, root)) {
		refuse(n, ledger,
		       size > ledger_committed_size(b->ledger)
			       ? "the ledger is shorter than what was signed"
			       : "the ledger is another than what was signed");
		return;
	}
	b->is_refused = false;
	if (b->state == NOTARY_LEDGER_REFUSED)
		book_enter(n, ledger, NOTARY_LEDGER_OK, NULL);
	host_begin(n);
}

void
notary_signer_gone(struct notary *n, enum proto_ledger ledger, const struct event_clock *now)
{
	struct book *b = &n->books[ledger];

	host_time(n, now);
	b->awaits_head = false;
	b->has_signer = false;
	b->is_asked = false;
	host_begin(n);
}

/* True where the note's text is of this ledger, this size and this root. */
static bool
note_is_of(const struct book *b, struct bytes text, uint64_t size, const struct merkle_hash *root)
{
	static struct note note;
	struct checkpoint c;

	return note_read(text.data, text.size, &note) == ERR_OK &&
	       checkpoint_read(note.text, &c) == ERR_OK &&
	       strcmp(c.origin, ledger_origin(b->ledger)) == 0 && c.size == size &&
	       merkle_equal(&c.root, root);
}

void
notary_signed(struct notary *n, enum proto_ledger ledger, uint64_t size,
	      const struct merkle_hash *root, struct bytes note, const struct event_clock *now)
{
	struct book *b = &n->books[ledger];
	bool was_asked = b->is_asked && size == b->asked_size;
	bool keep;

	host_time(n, now);
	/* A rotation's note is said again on each link: there are later ones. */
	if (!b->has_signer || (!was_asked && size < b->head_size))
		return;
	if (was_asked)
		b->is_asked = false;
	if (!had_root(b, size, root) || !note_is_of(b, note, size, root)) {
		refuse(n, ledger, "the signer's note is not of this ledger");
		return;
	}
	/* One that nobody asked for is a rotation's, signed by both keys: the history keeps it. */
	keep = !was_asked || now->real.seconds >= b->kept_s + HISTORY_S ||
	       now->real.seconds < b->kept_s;
	if (ledger_checkpoint_write(b->ledger, note.data, note.size, now->real, keep) != ERR_OK) {
		/* It is asked for again, and is then written. */
		b->wants_seal = true;
		b->seal_at_ns = n->now.monotonic_ns + SIGN_LIMIT_NS;
		return;
	}
	if (keep)
		b->kept_s = now->real.seconds;
	b->has_sealed = true;
	b->head_size = size;
	b->head_root = *root;
	b->sealed_size = size;
	b->sealed_root = *root;
	commit_publish(n, ledger);
	serve_seal_waiters(n, ledger, EXIT_OK, NULL);
}

void
notary_refused(struct notary *n, enum proto_ledger ledger, bool is_final, const char *text,
	       const struct event_clock *now)
{
	struct book *b = &n->books[ledger];

	host_time(n, now);
	if (is_final) {
		refuse(n, ledger, text);
		return;
	}
	/* It could not: it is asked again when a lost answer would be. */
	b->is_asked = false;
	b->wants_seal = false;
	b->seal_at_ns = n->now.monotonic_ns + SIGN_LIMIT_NS;
	serve_seal_waiters(n, ledger, EXIT_TEMPORARY, text);
}

enum err
notary_seal(struct notary *n, enum proto_ledger ledger, uint64_t id, const struct event_clock *now)
{
	const struct waiter w = { .kind = WAIT_SEAL, .id = id, .book = ledger, .ledger = ledger };

	host_time(n, now);
	if (n->books[ledger].is_refused) {
		notary_say(n, id, EXIT_TAMPERED, "the signer refuses this ledger");
		return ERR_OK;
	}
	if (!book_wait(n, &w))
		return ERR_AGAIN;
	return ERR_OK;
}

static void
ask(struct notary *n, enum proto_ledger ledger)
{
	struct book *b = &n->books[ledger];
	struct merkle_hash proof[MERKLE_PROOF_MAX];
	size_t count = 0;

	b->asked_size = ledger_committed_size(b->ledger);
	ledger_committed_root(b->ledger, &b->asked_root);
	b->seal_at_ns = n->now.monotonic_ns + n->options.checkpoint_ms * UINT64_C(1000000);
	if (merkle_prove_consistency(ledger_node, b->ledger, b->head_size, b->asked_size, proof,
				     &count) != ERR_OK)
		return; /* the tree cannot be read just now */
	if (!n->ops.sign(n->ctx, ledger, b->asked_size, &b->asked_root, proof, count))
		return;
	b->is_asked = true;
	b->wants_seal = false;
	b->asked_ns = n->now.monotonic_ns;
}

/* True where there is something to sign, and somebody who would. */
static bool
may_ask(const struct notary *n, const struct book *b)
{
	uint64_t size = ledger_committed_size(b->ledger);

	if (!n->is_begun || !b->has_signer || b->is_refused || size == 0 || b->head_size > size)
		return false;
	return size > b->sealed_size || !b->has_sealed;
}

static bool
is_due(const struct notary *n, const struct book *b)
{
	return may_ask(n, b) && !b->is_asked &&
	       (b->wants_seal || n->now.monotonic_ns >= b->seal_at_ns);
}

/* What was asked for is there already. */
static void
serve_sealed(struct notary *n, enum proto_ledger ledger)
{
	struct book *b = &n->books[ledger];

	if (!b->wants_seal || !b->has_sealed || b->sealed_size < ledger_committed_size(b->ledger))
		return;
	b->wants_seal = false;
	serve_seal_waiters(n, ledger, EXIT_OK, NULL);
}

static bool
is_at_rest(const struct notary *n, const struct book *b)
{
	if (b->in_flight || !ledger_batch_is_empty(b->ledger))
		return false;
	return !b->has_signer || b->is_refused || n->now.monotonic_ns >= n->stop_limit_ns ||
	       (b->has_sealed && b->sealed_size == ledger_committed_size(b->ledger));
}

void
seal_step(struct notary *n)
{
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		struct book *b = &n->books[i];

		if (b->is_asked && n->now.monotonic_ns >= b->asked_ns + SIGN_LIMIT_NS) {
			b->is_asked = false;
			b->wants_seal = true;
		}
		serve_sealed(n, (enum proto_ledger)i);
		if (is_due(n, b))
			ask(n, (enum proto_ledger)i);
	}
	if (n->stop_is_written && !n->stop_is_told && is_at_rest(n, EVIDENCE(n)) &&
	    is_at_rest(n, OPERATIONS(n))) {
		n->stop_is_told = true;
		notary_say(n, n->stop_id, EXIT_OK, NULL);
		n->ops.stopped(n->ctx);
	}
}

uint64_t
seal_deadline(const struct notary *n)
{
	uint64_t deadline = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		const struct book *b = &n->books[i];
		uint64_t at_ns = UINT64_MAX;

		if (b->is_asked)
			at_ns = b->asked_ns + SIGN_LIMIT_NS;
		else if (may_ask(n, b))
			at_ns = b->seal_at_ns;
		if (at_ns < deadline)
			deadline = at_ns;
	}
	if (n->stop_is_written && !n->stop_is_told && n->stop_limit_ns < deadline)
		deadline = n->stop_limit_ns;
	return deadline;
}
