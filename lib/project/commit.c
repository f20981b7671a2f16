/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One transaction a batch.  It moves the cursor first: that row is then locked, and who moves it
 * beside us, such as a server's process of a connection that we gave up, is waited for and seen.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "project/project_internal.h"

#define DEAD_AT_FIRST 16u

/* ---- what capabilities are handed ---------------------------------------------------------- */

void
project_forget_dead(struct project *p)
{
	while (p->dead_count > 0)
		free(p->dead[--p->dead_count].error);
}

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
	p->dead[p->dead_count].effect = effect;
	p->dead[p->dead_count].error = copied;
	p->dead_count++;
	return ERR_OK;
}

/* PgWrite is the first that writes, so there is nothing but the cursor before its rows. */
static enum err
begin_again(void *ctx, struct project_failure *why)
{
	struct project *p = ctx;

	return database_begin_from(&p->db, p->config, p->cursor, p->next, why);
}

struct capability_context
project_context(struct project *p, uint64_t now_ns)
{
	return (struct capability_context){ .config = p->config,
					    .environment = p->environment,
					    .db = &p->db,
					    .now_ns = now_ns,
					    .refuse = refuse,
					    .refuse_ctx = p,
					    .checks_late = p->checks_late,
					    .begin_again = begin_again };
}

bool
project_grants(const struct project *p, size_t token)
{
	return (p->config->tokens >> token & 1u) != 0;
}

/* ---- committing ------------------------------------------------------------------------------ */

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

		e = database_tell(&p->db,
				  "INSERT INTO hark_dead_letters (observer, first_index, "
				  "next_index, ordinal, token, error, payload) "
				  "VALUES ($1, $2, $3, $4, $5, $6, $7)",
				  values, 7, why);
	}
	if (e == ERR_OK && p->dead_count > 0) {
		struct database_value values[] = { database_number(p->dead_letters + p->dead_count),
						   database_text(p->config->observer) };

		e = database_ask(&p->db,
				 "UPDATE hark_cursors SET dead_letters = $1 WHERE observer = $2",
				 values, 2, NULL, NULL, why);
	}
	return e;
}

static enum err
transact(struct project *p, const struct capability_context *c, struct project_failure *why)
{
	enum err e = database_begin_from(&p->db, p->config, p->cursor, p->next, why);
	size_t i;

	for (i = 0; e == ERR_OK && p->holds_effects && i < p->effects.count; i++) {
		const struct effect *effect = &p->effects.items[i];

		MUST(project_grants(p, effect->token));
		e = capabilities[effect->token]->execute(c, p->states[effect->token], effect, why);
	}
	for (i = 0; e == ERR_OK && i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		if (p->states[i] != NULL && capabilities[i]->before_commit != NULL)
			e = capabilities[i]->before_commit(c, p->states[i], why);
	}
	if (e == ERR_OK)
		e = write_dead(p, why);
	return e == ERR_OK ? database_commit(&p->db, why) : e;
}

enum err
project_commit(struct project *p, uint64_t now_ns, struct project_failure *why)
{
	struct capability_context c;
	enum err e;
	size_t i;

	MUST(p != NULL && p->holds && project_is_connected(p) && why != NULL);

	c = project_context(p, now_ns);
	e = transact(p, &c, why);
	if (e == ERR_FORMAT && !p->checks_late) {
		/* What was in memory of it goes with the connection. */
		p->checks_late = true;
		e = project_connect(p, now_ns, why);
		c = project_context(p, now_ns);
		if (e == ERR_OK && p->holds)
			e = transact(p, &c, why);
		else if (e == ERR_OK)
			return ERR_OK;
	}
	if (e == ERR_FORMAT)
		e = ERR_AGAIN;
	if (e != ERR_OK) {
		project_disconnect(p);
		/* Such as a table that was dropped: connecting anew makes it, or says what is
		 * wrong. */
		return e == ERR_REFUSED ? ERR_AGAIN : e;
	}
	p->dead_letters += p->dead_count;
	p->quiet_until_ns = now_ns + PROJECT_QUIET_NS;
	project_forget_dead(p);
	for (i = 0; i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		if (p->states[i] != NULL && capabilities[i]->after_commit != NULL)
			capabilities[i]->after_commit(&c, p->states[i]);
	}
	project_committed(p);
	return ERR_OK;
}

uint64_t
project_turn(struct project *p, uint64_t now_ns)
{
	struct capability_context c;
	uint64_t next = UINT64_MAX;
	size_t i;

	MUST(p != NULL);

	c = project_context(p, now_ns);
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

void
project_end(struct project *p)
{
	/* A second of which all is due, and after which none comes. */
	(void)project_turn(p, UINT64_MAX / 2);
}
