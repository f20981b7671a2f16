/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One transaction a batch.  It moves the cursor first: that row is then locked, and who moves it
 * beside us, such as a server's process of a connection that we gave up, is waited for and seen.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "project/capability.h"

struct dead_letter {
	const struct effect *effect;
	char *error;
};

struct project {
	const struct project_config *config;
	const struct project_environment *environment;
	struct database db;
	void *states[HARK_OBSERVER_TOKEN_COUNT];
	bool has_cursor;
	uint64_t cursor;       /* what is durable */
	uint64_t dead_letters; /* the same */
	/* What is held: leaves from the cursor to next - 1; effects are of those from `first` on.
	 */
	bool holds;
	bool holds_effects; /* else those that are there belong to a batch that is not whole */
	uint64_t first;
	uint64_t next;
	uint64_t due_ns;
	struct effects effects;
	/* Of the transaction under way. */
	struct dead_letter *dead;
	size_t dead_count;
	size_t dead_capacity;
};

#define DEAD_AT_FIRST 16u

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

static void
forget_dead(struct project *p)
{
	while (p->dead_count > 0)
		free(p->dead[--p->dead_count].error);
}

static void
disconnect(struct project *p)
{
	size_t i;

	for (i = 0; i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		if (p->states[i] != NULL)
			capabilities[i]->close(p->states[i]);
		p->states[i] = NULL;
	}
	database_close(&p->db);
	forget_dead(p);
}

void
project_destroy(struct project *p)
{
	if (p == NULL)
		return;
	disconnect(p);
	effects_finish(&p->effects);
	free(p->dead);
	free(p);
}

/* ---- what capabilities are handed ---------------------------------------------------------- */

static enum err
refuse(void *ctx, const struct effect *effect, const char *error)
{
	struct project *p = ctx;
	char *copied;

	if (p->dead_count == p->dead_capacity) {
		size_t more = p->dead_capacity == 0 ? DEAD_AT_FIRST : 2 * p->dead_capacity;
		struct dead_letter *dead = reallocarray(p->dead, more, sizeof(*dead));

		if (dead == NULL)
			return ERR_MEMORY;
		p->dead = dead;
		p->dead_capacity = more;
	}
	copied = strdup(error);
	if (copied == NULL)
		return ERR_MEMORY;
	p->dead[p->dead_count++] = (struct dead_letter){ effect, copied };
	return ERR_OK;
}

static struct capability_context
context(struct project *p, uint64_t now_ns)
{
	return (struct capability_context){ .config = p->config,
					    .environment = p->environment,
					    .db = &p->db,
					    .now_ns = now_ns,
					    .refuse = refuse,
					    .refuse_ctx = p };
}

static bool
is_granted(const struct project *p, size_t token)
{
	return (p->config->tokens >> token & 1u) != 0 && capabilities[token] != NULL;
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

	MUST(count == 3);

	c->found = true;
	c->same_origin = columns[0].size == size && memcmp(columns[0].data, c->origin, size) == 0;
	(void)text_escape((const char *)columns[0].data, columns[0].size, c->shown,
			  sizeof(c->shown));
	if (database_read_number(columns[1], &c->next) != ERR_OK)
		return ERR_REFUSED;
	return database_read_number(columns[2], &c->dead_letters);
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
			 NULL, NULL, NULL, why);
	if (e == ERR_OK)
		e = database_ask(&p->db, "DELETE FROM hark_metrics WHERE observer = $1", values, 1,
				 NULL, NULL, NULL, why);
	if (e == ERR_OK)
		e = database_ask(&p->db,
				 "INSERT INTO hark_cursors (observer, origin, next_index, "
				 "dead_letters, receipts, receipt_bytes) "
				 "VALUES ($1, $2, $3, 0, 0, 0)",
				 values, 3, NULL, NULL, NULL, why);
	c->next = p->config->from;
	c->dead_letters = 0;
	return e;
}

static enum err
read_cursor(struct project *p, struct cursor *c, struct project_failure *why)
{
	struct database_value observer = database_text(p->config->observer);
	enum err e;

	*c = (struct cursor){ .origin = p->config->origin };
	project_say(why, "the cursor in hark_cursors is no number");
	e = database_ask(&p->db, p->db.ops->select_cursor, &observer, 1, take_cursor, c, NULL, why);
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
	struct capability_context c = context(p, now_ns);
	enum err e = ERR_OK;
	size_t i;

	c.begins = begins;
	for (i = 0; e == ERR_OK && i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		if (is_granted(p, i))
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
		e = database_run(&p->db, "COMMIT", why);
	return e;
}

static void
committed(struct project *p)
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

	disconnect(p);
	e = database_open(&p->db, &(struct database_place){ p->config, p->environment->wake_fd },
			  why);
	if (e == ERR_OK)
		e = set_up(p, &c, now_ns, why);
	if (e != ERR_OK) {
		disconnect(p);
		return e;
	}
	if (!p->has_cursor) {
		p->cursor = p->first = p->next = c.next;
	} else if (p->holds && c.next == p->next) {
		/* The word that it was committed got lost. */
		committed(p);
	} else if (c.next != p->cursor) {
		project_say(why, "the cursor in hark_cursors was moved by somebody else");
		disconnect(p);
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
	/* Those without effects wait for company, from the first of them on. */
	if (count > 0)
		p->due_ns = now_ns;
	else if (!p->holds)
		p->due_ns = now_ns + PROJECT_QUIET_NS;
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

/* ---- committing ---------------------------------------------------------------------------- */

static enum err
move_cursor(struct project *p, struct project_failure *why)
{
	struct database_value values[] = { database_number(p->next),
					   database_text(p->config->observer),
					   database_text(p->config->origin),
					   database_number(p->cursor) };
	uint64_t changed = 0;
	enum err e;

	e = database_ask(&p->db,
			 "UPDATE hark_cursors SET next_index = $1 "
			 "WHERE observer = $2 AND origin = $3 AND next_index = $4",
			 values, 4, NULL, NULL, &changed, why);
	if (e == ERR_OK && changed != 1) {
		project_say(why, "the cursor in hark_cursors was moved by somebody else");
		return ERR_EXISTS;
	}
	return e;
}

static enum err
write_dead(struct project *p, struct project_failure *why)
{
	enum err e = ERR_OK;
	size_t i;

	for (i = 0; e == ERR_OK && i < p->dead_count; i++) {
		const struct effect *effect = p->dead[i].effect;
		struct database_value values[] = { database_text(p->config->observer),
						   database_number(p->first),
						   database_number(p->next),
						   database_number(effect->ordinal),
						   database_text(capabilities[effect->token]->name),
						   database_text(p->dead[i].error),
						   database_bytes(effect->payload) };

		e = database_ask(&p->db,
				 "INSERT INTO hark_dead_letters (observer, first_index, "
				 "next_index, ordinal, token, error, payload) "
				 "VALUES ($1, $2, $3, $4, $5, $6, $7)",
				 values, 7, NULL, NULL, NULL, why);
	}
	if (e == ERR_OK && p->dead_count > 0) {
		struct database_value values[] = { database_number(p->dead_letters + p->dead_count),
						   database_text(p->config->observer) };

		e = database_ask(&p->db,
				 "UPDATE hark_cursors SET dead_letters = $1 WHERE observer = $2",
				 values, 2, NULL, NULL, NULL, why);
	}
	return e;
}

static enum err
transact(struct project *p, const struct capability_context *c, struct project_failure *why)
{
	enum err e = database_run(&p->db, p->db.ops->begin, why);
	size_t i;

	if (e == ERR_OK)
		e = move_cursor(p, why);
	for (i = 0; e == ERR_OK && p->holds_effects && i < p->effects.count; i++) {
		const struct effect *effect = &p->effects.items[i];

		MUST(is_granted(p, effect->token));
		e = capabilities[effect->token]->execute(c, p->states[effect->token], effect, why);
	}
	for (i = 0; e == ERR_OK && i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		if (p->states[i] != NULL && capabilities[i]->before_commit != NULL)
			e = capabilities[i]->before_commit(c, p->states[i], why);
	}
	if (e == ERR_OK)
		e = write_dead(p, why);
	if (e == ERR_OK)
		e = database_run(&p->db, "COMMIT", why);
	return e;
}

enum err
project_commit(struct project *p, uint64_t now_ns, struct project_failure *why)
{
	struct capability_context c;
	enum err e;
	size_t i;

	MUST(p != NULL && p->holds && project_is_connected(p) && why != NULL);

	c = context(p, now_ns);
	e = transact(p, &c, why);
	if (e != ERR_OK) {
		disconnect(p);
		/* Such as a table that was dropped: connecting anew makes it, or says what is
		 * wrong. */
		return e == ERR_REFUSED ? ERR_AGAIN : e;
	}
	p->dead_letters += p->dead_count;
	forget_dead(p);
	for (i = 0; i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		if (p->states[i] != NULL && capabilities[i]->after_commit != NULL)
			capabilities[i]->after_commit(&c, p->states[i]);
	}
	committed(p);
	return ERR_OK;
}

uint64_t
project_turn(struct project *p, uint64_t now_ns)
{
	struct capability_context c;
	uint64_t next = UINT64_MAX;
	size_t i;

	MUST(p != NULL);

	c = context(p, now_ns);
	for (i = 0; i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		uint64_t at;

		if (p->states[i] == NULL || capabilities[i]->turn == NULL)
			continue;
		at = capabilities[i]->turn(&c, p->states[i]);
		if (at < next)
			next = at;
	}
	return next;
}
