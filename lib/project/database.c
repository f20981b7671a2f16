/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does not depend on which database it is.  docs/format/projection.md has Hark's tables. */
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "project/database.h"

/* Hark's tables; what holds any bytes stands between `create` and `rest`. */
static const struct {
	const char *name;
	const char *create;
	const char *rest;
} own_tables[] = {
	{ "hark_cursors",
	  "CREATE TABLE hark_cursors (observer TEXT PRIMARY KEY, origin TEXT NOT NULL, "
	  "next_index BIGINT NOT NULL, dead_letters BIGINT NOT NULL, receipts BIGINT NOT NULL, "
	  "receipt_bytes BIGINT NOT NULL)",
	  NULL },
	{ "hark_dead_letters",
	  "CREATE TABLE hark_dead_letters (observer TEXT NOT NULL, first_index BIGINT NOT NULL, "
	  "next_index BIGINT NOT NULL, ordinal BIGINT NOT NULL, token TEXT NOT NULL, "
	  "error TEXT NOT NULL, payload ",
	  " NOT NULL, PRIMARY KEY (observer, first_index, ordinal))" },
	{ "hark_metrics",
	  "CREATE TABLE hark_metrics (observer TEXT NOT NULL, name TEXT NOT NULL, "
	  "labels TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, buckets TEXT NOT NULL, "
	  "PRIMARY KEY (observer, name, labels))",
	  NULL },
};

const struct database_ops *
database_of(const char *projection)
{
	static const struct database_ops *const known[] = { &database_sqlite,
							    &database_postgresql };
	size_t i;

	MUST(projection != NULL);

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(projection, known[i]->scheme, strlen(known[i]->scheme)) == 0)
			return known[i];
	}
	return NULL;
}

enum err
database_open(struct database *db, const struct database_place *place, struct project_failure *why)
{
	MUST(db != NULL && db->state == NULL && place != NULL && why != NULL);

	db->ops = place->config->database;
	if (place->config->unfound != NULL) {
		project_say(why, "%s", place->config->unfound);
		return ERR_AGAIN;
	}
	return db->ops->open(place, &db->state, why);
}

void
database_close(struct database *db)
{
	MUST(db != NULL);

	if (db->state != NULL)
		db->ops->close(db->state);
	db->state = NULL;
}

enum err
database_run(struct database *db, const char *sql, struct project_failure *why)
{
	MUST(db != NULL && db->state != NULL && sql != NULL);

	return db->ops->run(db->state, sql, why);
}

enum err
database_ask(struct database *db, const char *sql, const struct database_value *values,
	     size_t count, const struct database_answer *answer, uint64_t *changed_out,
	     struct project_failure *why)
{
	struct database_gate gate = { .answer = answer, .why = why };
	size_t i;

	MUST(db != NULL && db->state != NULL && sql != NULL);
	for (i = 0; i < count; i++)
		MUST(values[i].kind != DATABASE_NUMBER || values[i].number <= INT64_MAX);

	return db->ops->ask(db->state, sql, values, count,
			    answer != NULL ? database_gate_row : NULL, &gate, changed_out, why);
}

enum err
database_gate_row(void *gate, const struct bytes *columns, size_t count)
{
	struct database_gate *g = gate;
	size_t i;

	MUST(g != NULL && g->answer != NULL && g->answer->fn != NULL);

	if (count != g->answer->columns) {
		project_say(g->why, "the database answers with %zu columns and was asked for %zu",
			    count, g->answer->columns);
		return ERR_AGAIN;
	}
	if (g->rows++ == g->answer->most) {
		project_say(g->why, "the database has more rows than the %zu that there may be",
			    g->answer->most);
		return ERR_REFUSED;
	}
	for (i = 0; i < count; i++) {
		if (columns[i].data == NULL) {
			project_say(g->why, "the database has NULL where no projector writes one");
			return ERR_REFUSED;
		}
	}
	return g->answer->fn(g->answer->ctx, columns, count);
}

enum err
database_tell(struct database *db, const char *sql, const struct database_value *values,
	      size_t count, struct project_failure *why)
{
	if (db->ops->tell == NULL)
		return database_ask(db, sql, values, count, NULL, NULL, why);
	MUST(db->state != NULL && sql != NULL);
	return db->ops->tell(db->state, sql, values, count, why);
}

/* ---- tables -------------------------------------------------------------------------------- */

static enum err
describe(struct database *db, const struct project_config *config, struct table *out,
	 struct project_failure *why)
{
	enum err e = db->ops->describe(db->state, config, out, why);

	if (e != ERR_LIMIT)
		return e;
	project_say(why,
		    "table \"%s\" has more columns, or longer names of them, than %u of %u bytes",
		    config->table, TABLE_COLUMNS_MAX, TABLE_NAME_BYTES_MAX);
	return ERR_REFUSED;
}

static enum err
make_table(struct database *db, size_t at, struct project_failure *why)
{
	struct project_config config = { .table = NULL };
	struct table table = { 0 };
	struct sql s = { 0 };
	const char *text = NULL;
	char name[64];
	enum err e;

	MUST(strlen(own_tables[at].name) < sizeof(name));

	(void)memcpy(name, own_tables[at].name, strlen(own_tables[at].name) + 1);
	config.table = name;
	/* First looked at: who may write to a table need not have the right to make one. */
	e = describe(db, &config, &table, why);
	table_finish(&table);
	if (e != ERR_MISSING)
		return e;
	sql_add(&s, own_tables[at].create);
	if (own_tables[at].rest != NULL) {
		sql_add(&s, db->ops->bytes_type);
		sql_add(&s, own_tables[at].rest);
	}
	e = sql_end(&s, &text);
	if (e == ERR_OK)
		e = database_run(db, text, why);
	sql_finish(&s);
	return e;
}

enum err
database_make_tables(struct database *db, struct project_failure *why)
{
	enum err e = ERR_OK;
	size_t i;

	MUST(db != NULL && db->state != NULL);

	for (i = 0; e == ERR_OK && i < sizeof(own_tables) / sizeof(own_tables[0]); i++)
		e = make_table(db, i, why);
	return e;
}

enum err
database_take_table(struct database *db, const struct project_config *config, struct table *out,
		    struct project_failure *why)
{
	enum err e;

	MUST(db != NULL && db->state != NULL && config->table != NULL && out != NULL);

	e = describe(db, config, out, why);
	if (e == ERR_MISSING && config->create != NULL) {
		e = database_run(db, config->create, why);
		if (e == ERR_OK)
			e = describe(db, config, out, why);
	}
	if (e == ERR_MISSING) {
		project_say(why, "there is no table \"%s\" in the database%s", config->table,
			    config->create != NULL ? ", also after its statement was run"
						   : ": make it, or give the statement that does");
		return ERR_REFUSED;
	}
	return e == ERR_OK ? db->ops->prepare_rows(db->state, out, why) : e;
}

enum err
database_begin_from(struct database *db, const struct project_config *config, uint64_t from,
		    uint64_t to, struct project_failure *why)
{
	struct database_value values[] = { database_number(to), database_text(config->observer),
					   database_text(config->origin), database_number(from) };
	uint64_t changed = 0;
	enum err e;

	MUST(db != NULL && db->state != NULL && from < to && to <= INT64_MAX);

	if (db->ops->begin_from != NULL) {
		e = db->ops->begin_from(db->state, config, from, to, &changed, why);
	} else {
		e = database_run(db, db->ops->begin, why);
		if (e == ERR_OK)
			e = database_ask(db,
					 "UPDATE hark_cursors SET next_index = $1 WHERE "
					 "observer = $2 AND origin = $3 AND next_index = $4",
					 values, 4, NULL, &changed, why);
	}
	if (e == ERR_OK && changed != 1) {
		project_say(why, "the cursor in hark_cursors was moved by somebody else");
		return ERR_EXISTS;
	}
	return e;
}

enum err
database_commit(struct database *db, struct project_failure *why)
{
	MUST(db != NULL && db->state != NULL);

	return db->ops->commit != NULL ? db->ops->commit(db->state, why)
				       : database_run(db, "COMMIT", why);
}

/* ---- values -------------------------------------------------------------------------------- */

struct database_value
database_number(uint64_t v)
{
	return (struct database_value){ .kind = DATABASE_NUMBER, .number = v };
}

struct database_value
database_text(const char *text)
{
	MUST(text != NULL);

	return (struct database_value){ .kind = DATABASE_TEXT,
					.bytes = { (const uint8_t *)text, strlen(text) } };
}

struct database_value
database_bytes(struct bytes bytes)
{
	return (struct database_value){ .kind = DATABASE_BYTES, .bytes = bytes };
}

enum err
database_read_number(struct bytes column, uint64_t *out)
{
	if (column.data == NULL ||
	    num_read_u64((const char *)column.data, column.size, INT64_MAX, out) != ERR_OK)
		return ERR_REFUSED;
	return ERR_OK;
}

enum err
database_read_count(struct bytes column, uint64_t *out)
{
	uint64_t count = 0;

	if (database_read_number(column, &count) != ERR_OK || count > INT64_MAX / 2)
		return ERR_REFUSED;
	*out = count;
	return ERR_OK;
}
