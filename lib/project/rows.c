/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* PgWrite: one effect is one row of the table that the host names.  The database writes them. */
#include <stdlib.h>

#include "base/must.h"
#include "project/capability.h"

#define EFFECTS_AT_FIRST 256u

/* The effects of a batch, until all are there. */
struct rows {
	struct table table;
	const struct effect **effects;
	size_t count;
	size_t capacity;
};

static void
rows_close(void *state)
{
	struct rows *r = state;

	if (r == NULL)
		return;
	table_finish(&r->table);
	free(r->effects);
	free(r);
}

static enum err
rows_open(const struct capability_context *c, void **state, struct project_failure *why)
{
	struct rows *r = calloc(1, sizeof(*r));
	enum err e;

	if (r == NULL)
		return ERR_MEMORY;
	e = database_take_table(c->db, c->config, &r->table, why);
	if (e != ERR_OK) {
		rows_close(r);
		return e;
	}
	*state = r;
	return ERR_OK;
}

static enum err
rows_execute(const struct capability_context *c, void *state, const struct effect *effect,
	     struct project_failure *why)
{
	struct rows *r = state;

	(void)c;
	(void)why;
	if (r->count == r->capacity) {
		size_t more = r->capacity == 0 ? EFFECTS_AT_FIRST : 2 * r->capacity;
		const struct effect **effects =
			reallocarray(r->effects, more, sizeof(const struct effect *));

		if (effects == NULL)
			return ERR_MEMORY;
		r->effects = effects;
		r->capacity = more;
	}
	r->effects[r->count++] = effect;
	return ERR_OK;
}

static enum err
rows_before_commit(const struct capability_context *c, void *state, struct project_failure *why)
{
	struct rows *r = state;
	struct database_rows rows = { .effects = r->effects,
				      .count = r->count,
				      .checks_late = c->checks_late,
				      .refused = c->refuse,
				      .begin_again = c->begin_again,
				      .ctx = c->refuse_ctx };

	r->count = 0;
	if (rows.count == 0)
		return ERR_OK;
	return c->db->ops->write_rows(c->db->state, &r->table, &rows, why);
}

const struct capability capability_rows = {
	.token = HARK_OBSERVER_TOKEN_PG_WRITE,
	.name = "PgWrite",
	.open = rows_open,
	.execute = rows_execute,
	.before_commit = rows_before_commit,
	.close = rows_close,
};
