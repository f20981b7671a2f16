/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What becomes of a trap: its receipt, which is composed here and nowhere else, the strike, and the
 * quarantine.  Record and state are of one frame, and harkd hears of them when that is durable.
 */
#include <string.h>

#include "base/must.h"
#include "crypto/sha256.h"
#include "hark-notary/observers.h"

bool
observers_can_write(const struct notary *n)
{
	const struct book *b = OPERATIONS(n);

	/* While it cannot be written, its batch is left to what cannot wait elsewhere. */
	return (b->state == NOTARY_LEDGER_OK || b->state == NOTARY_LEDGER_REFUSED) &&
	       operations_have_room(n);
}

static struct bytes
name_of(const struct observer *o)
{
	return (struct bytes){ (const uint8_t *)o->name, o->name_size };
}

static void
write_record(struct notary *n, const char *kind, enum err built, const char *members, size_t size)
{
	enum err e = built;

	/* A name of 64 bytes and numbers always fit. */
	MUST(e == ERR_OK);
	e = operations_write(n, (struct bytes){ (const uint8_t *)kind, strlen(kind) },
			     (struct bytes){ (const uint8_t *)members, size });
	if (e != ERR_OK)
		notary_fail(n, e);
}

/* ---- events that trapped before ---- */

static uint64_t
tag_of(const struct observer *o)
{
	uint8_t hash[SHA256_BYTES];
	uint64_t tag;

	sha256_of(o->name, o->name_size, hash);
	memcpy(&tag, hash, sizeof(tag));
	return le64toh(tag);
}

static struct module_trap *
known_trap(struct module *m, uint64_t tag, uint64_t event)
{
	uint32_t i;

	for (i = 0; i < m->trap_count; i++) {
		if (m->traps[i].observer == tag && m->traps[i].event == event)
			return &m->traps[i];
	}
	return NULL;
}

static void
remember(struct module *m, const struct module_trap *trap)
{
	struct module_trap *place = known_trap(m, trap->observer, trap->event);

	if (place == NULL && m->trap_count == MODULE_TRAPS_MAX) {
		memmove(&m->traps[0], &m->traps[1], sizeof(m->traps) - sizeof(m->traps[0]));
		m->trap_count--;
	}
	if (place == NULL)
		place = &m->traps[m->trap_count++];
	*place = *trap;
}

/* ---- what harkd is told ---- */

static void
promise(struct notary *n, const struct observer *o, struct observer_word *word, uint8_t trap_class,
	uint64_t index)
{
	*word = (struct observer_word){
		.is_there = true,
		.batch = OPERATIONS(n)->batch,
		.trapped = {
			.observer = name_of(o),
			.trap_class = trap_class,
			.strikes = o->module->strikes,
			.is_quarantined = o->module->is_quarantined,
			.index = index,
		},
	};
}

/* About what it has just reported itself; the place it gave is said back as it is. */
static void
promise_own(struct notary *n, struct observer *o, uint8_t trap_class, uint64_t index)
{
	promise(n, o, &o->word, trap_class, index);
	o->word.trapped.has_next = o->trap.has_place;
	o->word.trapped.next = o->trap.report.next;
}

static void
keep_promise(struct notary *n, struct observer_word *word)
{
	if (!word->is_there || word->batch > OPERATIONS(n)->durable_batch)
		return;
	word->is_there = false;
	n->ops.trapped(n->ctx, &word->trapped);
}

void
observers_are_durable(struct notary *n)
{
	size_t i;

	for (i = 0; i < NOTARY_OBSERVERS_MAX; i++) {
		keep_promise(n, &n->observers->observers[i].word);
		keep_promise(n, &n->observers->observers[i].end);
	}
}

/* ---- receipts ---- */

static char members[EVENT_OBSERVER_MEMBERS_MAX];
static const struct event_members to = { members, sizeof(members) };

/* Gives the record's index. */
static uint64_t
write_receipt(struct notary *n, const struct observer *o, bool has_place)
{
	const struct trap_report *r = &o->trap.report;
	struct event_trap t = {
		.observer = name_of(o),
		.receipt = {
			.schema_version = QUARANTINE_SCHEMA_VERSION,
			.tick = ledger_committed_size(EVIDENCE(n)->ledger),
			.trap_class = r->trap_class,
			.attestation = QUARANTINE_ATTESTATION_NONE,
		},
		.cause = o->trap.cause,
		.has_batch = has_place,
		.has_event = has_place && r->has_event,
		.first = r->first,
		.next = r->next,
		.event = r->event,
		.strike = o->module->strikes,
		.strikes = o->strikes,
	};
	uint64_t index = ledger_next_index(OPERATIONS(n)->ledger);
	size_t size = 0;
	enum err e;

	memcpy(t.receipt.digest, o->module->digest, sizeof(t.receipt.digest));
	e = event_observer_trap(&t, to, &size);
	write_record(n, "observer_quarantine", e, members, size);
	return index;
}

/* Nobody runs it any more: who does is ended, and nothing more of them is read. */
static void
quarantine(struct notary *n, struct observer *o, uint64_t receipt)
{
	struct module *m = o->module;
	size_t size = 0;
	size_t i;
	enum err e;

	m->is_quarantined = true;
	e = event_observer_quarantined(name_of(o), m->digest, receipt, m->strikes, to, &size);
	write_record(n, "observer_quarantined", e, members, size);
	for (i = 0; i < NOTARY_OBSERVERS_MAX; i++) {
		struct observer *other = &n->observers->observers[i];

		if (other == o || other->module != m || !other->is_running)
			continue;
		other->is_heard = true;
		promise(n, other, &other->end, o->trap.report.trap_class, receipt);
	}
}

/* True where it is one that is recorded already, and that may be said again. */
static bool
is_repeated(struct notary *n, struct observer *o, bool has_place)
{
	const struct trap_report *r = &o->trap.report;
	struct module_trap *known;

	if (!has_place || !r->has_event)
		return false;
	known = known_trap(o->module, tag_of(o), r->event);
	if (known == NULL || known->repeats == TRAP_REPEATS_MAX)
		return false;
	known->repeats++;
	store_module(n, o->module);
	promise_own(n, o, known->trap_class, known->receipt);
	return true;
}

static void
record(struct notary *n, struct observer *o)
{
	const struct trap_report *r = &o->trap.report;
	/* What lies beyond what is committed nobody can have seen. */
	bool has_place = o->trap.has_place && r->next <= ledger_committed_size(EVIDENCE(n)->ledger);
	struct module *m = o->module;
	uint64_t index;

	if (is_repeated(n, o, has_place))
		return;
	if (m->strikes < UINT32_MAX)
		m->strikes++;
	index = write_receipt(n, o, has_place);
	if (has_place && r->has_event) {
		const struct module_trap trap = { .observer = tag_of(o),
						  .event = r->event,
						  .receipt = index,
						  .trap_class = r->trap_class };

		remember(m, &trap);
	}
	if (!m->is_quarantined && m->strikes >= o->strikes)
		quarantine(n, o, index);
	store_module(n, m);
	promise_own(n, o, r->trap_class, index);
}

void
observer_trapped(struct notary *n, struct observer *o, const struct observer_trap *trap)
{
	MUST(o->module != NULL && !o->trap.is_there && !o->word.is_there);

	o->trap = *trap;
	observers_step(n);
}

void
observers_step(struct notary *n)
{
	size_t i;

	for (i = 0; i < NOTARY_OBSERVERS_MAX; i++) {
		struct observer *o = &n->observers->observers[i];

		if (!o->trap.is_there)
			continue;
		if (n->failure != ERR_OK || !observers_can_write(n))
			return;
		record(n, o);
		o->trap.is_there = false;
		observer_settle(o);
	}
}
