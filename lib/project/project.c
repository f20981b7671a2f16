/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of a projection: its connections, and what it is given to commit. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "project/project_internal.h"

/* ---- life ---------------------------------------------------------------------------------- */

enum err
project_create(const struct project_config *config, const struct project_environment *environment,
	       struct project **out)
{
	struct project *p;

	MUST(config != NULL && environment != NULL && environment->line != NULL && out != NULL);

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return ERR_MEMORY;
	p->config = config;
	p->environment = environment;
	p->due_ns = UINT64_MAX;
	*out = p;
	return ERR_OK;
}

void
project_disconnect(struct project *p)
{
	size_t i;

	for (i = 0; i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		if (p->states[i] != NULL)
			capabilities[i]->close(p->states[i]);
		p->states[i] = NULL;
	}
	database_close(&p->db);
	project_forget_dead(p);
}

void
project_destroy(struct project *p)
{
	if (p == NULL)
		return;
	project_disconnect(p);
	effects_finish(&p->effects);
	free(p->dead);
	free(p);
}

/* ---- connecting ---------------------------------------------------------------------------- */

struct cursor {
	bool found;
	bool same_origin;
	const char *origin;
	uint64_t next;
	uint64_t dead_letters;
	char shown[256]; /* the origin that stands there */
};

static enum err
take_cursor(void *ctx, const struct bytes *columns, size_t count)
{
	struct cursor *c = ctx;
	size_t size = strlen(c->origin);

	(void)count;
	c->found = true;
	c->same_origin = columns[0].size == size && memcmp(columns[0].data, c->origin, size) == 0;
	(void)text_escape((const char *)columns[0].data, columns[0].size, c->shown,
			  sizeof(c->shown));
	if (database_read_number(columns[1], &c->next) != ERR_OK)
		return ERR_REFUSED;
	return database_read_count(columns[2], &c->dead_letters);
}

/* An observer without a cursor begins at the host's first leaf, with nothing of an earlier life. */
static enum err
make_cursor(struct project *p, struct cursor *c, struct project_failure *why)
{
	struct database_value values[] = { database_text(p->config->observer),
					   database_text(p->config->origin),
					   database_number(p->config->from) };
	enum err e;

	e = database_ask(&p->db, "DELETE FROM hark_dead_letters WHERE observer = $1", values, 1,
			 NULL, NULL, why);
	if (e == ERR_OK)
		e = database_ask(&p->db, "DELETE FROM hark_metrics WHERE observer = $1", values, 1,
				 NULL, NULL, why);
	if (e == ERR_OK)
		e = database_ask(&p->db,
				 "INSERT INTO hark_cursors (observer, origin, next_index, "
				 "dead_letters, receipts, receipt_bytes) "
				 "VALUES ($1, $2, $3, 0, 0, 0)",
				 values, 3, NULL, NULL, why);
	c->next = p->config->from;
	c->dead_letters = 0;
	return e;
}

static enum err
read_cursor(struct project *p, struct cursor *c, struct project_failure *why)
{
	struct database_value observer = database_text(p->config->observer);
	struct database_answer answer = { .fn = take_cursor, .ctx = c, .columns = 3, .most = 1 };
	enum err e;

	*c = (struct cursor){ .origin = p->config->origin };
	project_say(why, "the cursor in hark_cursors is no number");
	e = database_ask(&p->db, p->db.ops->select_cursor, &observer, 1, &answer, NULL, why);
	if (e != ERR_OK)
		return e;
	if (c->found && !c->same_origin) {
		project_say(why,
			    "hark_cursors has observer \"%s\" at ledger \"%s\", and this is "
			    "\"%s\": give the observer another name or another database",
			    p->config->observer, c->shown, p->config->origin);
		return ERR_REFUSED;
	}
	return ERR_OK;
}

static enum err
open_capabilities(struct project *p, bool begins, uint64_t now_ns, struct project_failure *why)
{
	struct capability_context c = project_context(p, now_ns);
	enum err e = ERR_OK;
	size_t i;

	c.begins = begins;
	for (i = 0; e == ERR_OK && i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		if (project_grants(p, i))
			e = capabilities[i]->open(&c, &p->states[i], why);
	}
	return e;
}

/* All in one transaction: who sees a table or a cursor sees all of them. */
static enum err
set_up(struct project *p, struct cursor *c, uint64_t now_ns, struct project_failure *why)
{
	enum err e = database_run(&p->db, p->db.ops->begin, why);

	if (e == ERR_OK && p->db.ops->lock != NULL)
		e = database_run(&p->db, p->db.ops->lock, why);
	if (e == ERR_OK)
		e = database_make_tables(&p->db, why);
	if (e == ERR_OK)
		e = read_cursor(p, c, why);
	if (e == ERR_OK && !c->found)
		e = make_cursor(p, c, why);
	if (e == ERR_OK)
		e = open_capabilities(p, !c->found, now_ns, why);
	if (e == ERR_OK)
		e = database_commit(&p->db, why);
	/* Nothing of an observer's is in it. */
	return e == ERR_FORMAT ? ERR_AGAIN : e;
}

void
project_committed(struct project *p)
{
	p->cursor = p->next;
	p->holds = false;
	p->due_ns = UINT64_MAX;
	if (p->holds_effects)
		effects_clear(&p->effects);
	p->holds_effects = false;
}

enum err
project_connect(struct project *p, uint64_t now_ns, struct project_failure *why)
{
	struct cursor c;
	enum err e;

	MUST(p != NULL && why != NULL);

	project_disconnect(p);
	e = database_open(&p->db,
			  &(struct database_place){ p->config, p->environment->wake_fd,
						    p->environment->is_inside },
			  why);
	if (e == ERR_OK)
		e = set_up(p, &c, now_ns, why);
	if (e != ERR_OK) {
		project_disconnect(p);
		return e;
	}
	if (!p->has_cursor) {
		p->cursor = p->first = p->next = c.next;
	} else if (p->holds && c.next == p->next) {
		/* The word that it was committed got lost. */
		project_committed(p);
	} else if (c.next != p->cursor) {
		project_say(why, "the cursor in hark_cursors was moved by somebody else");
		project_disconnect(p);
		return ERR_EXISTS;
	}
	p->has_cursor = true;
	p->dead_letters = c.dead_letters;
	return ERR_OK;
}

bool
project_is_connected(const struct project *p)
{
	MUST(p != NULL);

	return p->db.state != NULL;
}

uint64_t
project_cursor(const struct project *p)
{
	MUST(p != NULL);

	return p->cursor;
}

uint64_t
project_dead_letters(const struct project *p)
{
	MUST(p != NULL);

	return p->dead_letters;
}

/* ---- taking -------------------------------------------------------------------------------- */

enum err
project_take_effects(struct project *p, struct bytes data)
{
	MUST(p != NULL && !p->holds_effects);

	return effects_take(&p->effects, data, p->config);
}

enum err
project_take_batch(struct project *p, uint64_t first, uint64_t next, uint64_t count,
		   uint64_t now_ns)
{
	enum err e;

	MUST(p != NULL && p->has_cursor && !p->holds_effects);

	if (first != p->next || next <= first || next > INT64_MAX)
		return ERR_FORMAT;
	e = effects_end(&p->effects, count);
	if (e != ERR_OK)
		return e;
	/* Those without effects wait for company where there was a commit just now. */
	if (count > 0)
		p->due_ns = now_ns;
	else if (!p->holds)
		p->due_ns = p->quiet_until_ns > now_ns ? p->quiet_until_ns : now_ns;
	p->holds = true;
	p->holds_effects = count > 0;
	p->first = first;
	p->next = next;
	return ERR_OK;
}

bool
project_holds(const struct project *p)
{
	MUST(p != NULL);

	return p->holds;
}

bool
project_holds_effects(const struct project *p)
{
	MUST(p != NULL);

	return p->holds_effects;
}

uint64_t
project_due_ns(const struct project *p)
{
	MUST(p != NULL);

	return p->due_ns;
}
