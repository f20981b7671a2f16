/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Questions to the notary that wait for their DONE, oldest first: answers come in that order, so
 * the one that is looked for is nearly always the first.
 */
#include <stdlib.h>

#include "base/must.h"
#include "harkd/harkd.h"
#include "prog/exit.h"

#define NS_PER_MS UINT64_C(1000000)

/* Unlinks and ends one.  done NULL: it was not answered, with these words for who asked. */
static void
finish(struct harkd *h, struct pending *p, const struct message *done, const char *why)
{
	if (p->fn != NULL)
		p->fn(h, p->ctx, done);
	if (p->asked_id != 0 && done == NULL) {
		answer_done(h, p->asked_id, p->asked_generation, EXIT_TEMPORARY, why);
	} else if (p->asked_id != 0) {
		struct message m = *done;

		m.id = p->asked_id;
		answer_message(h, p->asked_generation, &m);
	}
	free(p);
}

static void
take_first(struct harkd *h)
{
	h->pending_first = h->pending_first->next;
	if (h->pending_first == NULL)
		h->pending_last = NULL;
	h->pending_count--;
}

void
pending_ask(struct harkd *h, struct message *m, pending_fn *fn, void *ctx, uint64_t asked_id,
	    uint64_t asked_generation)
{
	struct pending *p = NULL;
	bool hears;

	MUST(m->id == 0);

	/* The end may come before it was told anything. */
	hears = notary_hears(h) || (m->type == MESSAGE_NOTARY_STOP && child_runs(&h->notary));
	if (hears && h->pending_count < PENDING_MAX)
		p = calloc(1, sizeof(*p));
	if (p == NULL) {
		message_close(m);
		if (fn != NULL)
			fn(h, ctx, NULL);
		if (asked_id != 0)
			answer_done(h, asked_id, asked_generation, EXIT_TEMPORARY,
				    "the notary does not run just now; try again");
		return;
	}
	p->id = ++h->last_pending;
	p->deadline_ns = loop_now_ns(h->loop) + PENDING_LIMIT_MS * NS_PER_MS;
	p->fn = fn;
	p->ctx = ctx;
	p->asked_id = asked_id;
	p->asked_generation = asked_generation;
	if (h->pending_last != NULL)
		h->pending_last->next = p;
	else
		h->pending_first = p;
	h->pending_last = p;
	h->pending_count++;
	m->id = p->id;
	child_send(&h->notary, m);
}

void
pending_done(struct harkd *h, const struct message *done)
{
	struct pending **link = &h->pending_first;
	struct pending *before = NULL;
	struct pending *p;

	while ((p = *link) != NULL && p->id != done->id) {
		before = p;
		link = &p->next;
	}
	if (p == NULL)
		return; /* it has waited too long, and was told so */
	*link = p->next;
	if (h->pending_last == p)
		h->pending_last = before;
	h->pending_count--;
	finish(h, p, done, "");
}

void
pending_forget(struct harkd *h, const void *ctx)
{
	struct pending *p;

	for (p = h->pending_first; p != NULL; p = p->next) {
		if (p->ctx == ctx)
			p->fn = NULL;
	}
}

void
pending_fail_all(struct harkd *h)
{
	/* What is asked meanwhile is refused at once, because the notary does not run. */
	while (h->pending_first != NULL) {
		struct pending *p = h->pending_first;

		take_first(h);
		finish(h, p, NULL, "the notary has ended meanwhile; look whether it was done");
	}
}

void
pending_expire(struct harkd *h, uint64_t now_ns)
{
	struct pending *p;

	/* They were asked in the order of their deadlines.  Only who waits outside is told: what
	 * harkd itself waits for comes, or the notary ends. */
	for (p = h->pending_first; p != NULL && p->deadline_ns <= now_ns; p = p->next) {
		if (p->asked_id == 0)
			continue;
		answer_done(h, p->asked_id, p->asked_generation, EXIT_TEMPORARY,
			    "the notary does not answer in time; look at `hark status`");
		p->asked_id = 0;
	}
}
