/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The operations ledger: what was done to Hark.  An act that takes something from a ledger is
 * recorded, durably, before it is done: a crash between leaves a record of an act that was not done
 * (it can be asked for again), never an act without its record.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "hark-notary/notary_internal.h"
#include "prog/exit.h"
#include "proto/origin.h"

void
notary_say(struct notary *n, uint64_t id, uint64_t code, const char *text)
{
	const struct notary_answer answer = { .id = id, .code = code, .text = text };

	if (id != 0)
		n->ops.answer(n->ctx, &answer);
}

enum err
operations_write(struct notary *n, struct bytes kind, struct bytes members)
{
	struct event_place to = book_place(OPERATIONS(n));
	struct merkle_hash root;
	size_t size = 0;
	enum err e;

	ledger_committed_root(EVIDENCE(n)->ledger, &root);
	e = event_operation(&n->now, kind, ledger_committed_size(EVIDENCE(n)->ledger), root.bytes,
			    members, &to, &size);
	if (e == ERR_FORMAT || e == ERR_ARGUMENT || e == ERR_LIMIT)
		return ERR_FORMAT;
	book_written(n, OPERATIONS(n), e, size);
	return ERR_OK;
}

bool
operations_have_room(const struct notary *n)
{
	return book_has_room(n, PROTO_OPERATIONS) && n->waiter_count < NOTARY_ANSWERS_MAX;
}

enum err
notary_operation(struct notary *n, struct bytes kind, struct bytes members, uint64_t id,
		 const struct event_clock *now)
{
	const struct waiter w = { .kind = WAIT_ANSWER, .id = id, .book = PROTO_OPERATIONS };
	enum err e;

	if (!operations_have_room(n))
		return ERR_AGAIN;
	host_glance(n, now);
	e = operations_write(n, kind, members);
	if (e == ERR_OK && id != 0)
		(void)book_wait(n, &w);
	return e;
}

static void
write_act(struct notary *n, const char *kind, enum proto_ledger ledger, uint64_t index,
	  struct bytes reason, const char *error)
{
	static char members[EVENT_ACT_BYTES_MAX];
	size_t size = 0;
	enum err e =
		event_act_members(origin_ledger_name(ledger), index, reason, error, members, &size);

	/* A reason of 1,024 bytes is the longest that a message has. */
	MUST(e == ERR_OK);
	e = operations_write(n, (struct bytes){ (const uint8_t *)kind, strlen(kind) },
			     (struct bytes){ (const uint8_t *)members, size });
	if (e != ERR_OK)
		notary_fail(n, e);
}

enum err
notary_prune(struct notary *n, enum proto_ledger ledger, uint64_t index, uint64_t id,
	     const struct event_clock *now)
{
	const struct waiter w = { .kind = WAIT_PRUNE,
				  .id = id,
				  .book = PROTO_OPERATIONS,
				  .ledger = ledger,
				  .index = index };

	if (!operations_have_room(n))
		return ERR_AGAIN;
	host_time(n, now);
	if (index > ledger_committed_size(n->books[ledger].ledger))
		return ERR_RANGE;
	write_act(n, "pruned", ledger, index, (struct bytes){ NULL, 0 }, NULL);
	(void)book_wait(n, &w);
	return ERR_OK;
}

enum err
notary_redact(struct notary *n, enum proto_ledger ledger, uint64_t index, struct bytes reason,
	      uint64_t id, const struct event_clock *now)
{
	const struct waiter w = { .kind = WAIT_REDACT,
				  .id = id,
				  .book = PROTO_OPERATIONS,
				  .ledger = ledger,
				  .index = index };

	if (!operations_have_room(n))
		return ERR_AGAIN;
	if (!text_is_utf8((const char *)reason.data, reason.size))
		return ERR_ARGUMENT;
	host_time(n, now);
	if (index >= ledger_committed_size(n->books[ledger].ledger))
		return ERR_RANGE;
	write_act(n, "redacted", ledger, index, reason, NULL);
	(void)book_wait(n, &w);
	return ERR_OK;
}

/* What a person reads, and the exit code of their command. */
static const char *
why(enum err e, uint64_t *code)
{
	switch (e) {
	case ERR_RANGE:
		*code = EXIT_NO_INPUT;
		return "no leaf of that index is committed";
	case ERR_MISSING:
		*code = EXIT_NO_INPUT;
		return "that leaf was pruned";
	case ERR_EXISTS:
		*code = EXIT_DATA;
		return "that leaf is redacted already";
	case ERR_SYSTEM:
		*code = EXIT_OS;
		return strerror(errno);
	default:
		*code = EXIT_SOFTWARE;
		return err_text(e);
	}
}

void
operations_act(struct notary *n, const struct waiter *w)
{
	struct notary_answer answer = { .id = w->id, .has_index = true, .index = w->index };
	struct ledger *l = n->books[w->ledger].ledger;
	enum err e;

	if (w->kind == WAIT_PRUNE)
		e = ledger_prune(l, w->index, &answer.index);
	else
		e = ledger_redact(l, w->index);
	if (e != ERR_OK) {
		answer.text = why(e, &answer.code);
		if (book_has_room(n, PROTO_OPERATIONS))
			write_act(n, w->kind == WAIT_PRUNE ? "prune_failed" : "redact_failed",
				  w->ledger, w->index, (struct bytes){ NULL, 0 }, answer.text);
	}
	if (w->id != 0)
		n->ops.answer(n->ctx, &answer);
}
