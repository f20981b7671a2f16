/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rules that children broke, for the operations ledger.  Each is told until a notary has recorded
 * it; those beyond a limit, and those that wait when harkd ends, stand in the log alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "harkd/harkd.h"
#include "prog/exit.h"
#include "prog/log.h"

static void
forget(struct violation *v)
{
	struct violation **link = &v->h->violations;

	while (*link != v)
		link = &(*link)->next;
	*link = v->next;
	v->h->violation_count--;
	free(v);
}

static void
on_recorded(struct harkd *h, void *ctx, const struct message *done)
{
	struct violation *v = ctx;

	(void)h;
	v->is_told = false;
	if (done == NULL)
		return; /* the next notary is told again */
	if (message_number(done, FIELD_CODE, EXIT_SOFTWARE) != EXIT_OK)
		log_error("the notary does not record that a program broke a rule");
	forget(v);
}

void
violation_tell(struct harkd *h)
{
	struct violation *v;
	struct violation *next;
	struct message m;

	for (v = h->violations; v != NULL && notary_hears(h); v = next) {
		next = v->next;
		if (v->is_told)
			continue;
		v->is_told = true;
		message_init(&m, MESSAGE_OPERATION, 0);
		message_set_text(&m, FIELD_KIND, "program_violation");
		message_set_text(&m, FIELD_JSON, v->json);
		pending_ask(h, &m, on_recorded, v, 0, 0);
	}
}

void
violation_record(struct child *c, const char *reason)
{
	struct harkd *h = c->h;
	struct violation *v = NULL;

	if (h->violation_count < VIOLATIONS_MAX)
		v = calloc(1, sizeof(*v));
	if (v == NULL) {
		log_error("too many rules are broken: that one is not recorded");
		return;
	}
	v->h = h;
	/* Names of programs, ledgers, cells and observers need no escapes. */
	(void)snprintf(v->json, sizeof(v->json), "{%s%s%s\"program\":\"%s\",\"reason\":\"%s\"}",
		       c->label != NULL ? "\"of\":\"" : "", c->label != NULL ? c->label : "",
		       c->label != NULL ? "\"," : "", c->kind->program, reason);
	v->next = h->violations;
	h->violations = v;
	h->violation_count++;
	violation_tell(h);
}

void
violation_forget_all(struct harkd *h)
{
	while (h->violations != NULL)
		forget(h->violations);
}
