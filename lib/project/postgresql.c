/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* PostgreSQL: connecting, statements, what a table is. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "os/wait.h"
#include "project/postgresql_internal.h"

#define SECOND_NS UINT64_C(1000000000)
/* Of a statement's values. */
#define VALUES_MAX 8u
/* Types of values, by their numbers in the catalogue, which never change. */
#define TYPE_BYTES    17u
#define TYPE_NUMBER   20u
#define TYPE_TEXT     25u
#define FORMAT_BINARY 1
#define BEGIN         "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
/* What waits goes when it is that much. */
#define TOLD_BYTES 65536u

/* ---- statements ----------------------------------------------------------------------------- */

static struct bytes
text_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* What is about values is a mistake in a statement that has none of an observer's. */
static enum err
of_own(enum err e)
{
	return e == ERR_FORMAT ? ERR_REFUSED : e;
}

static enum err
postgresql_run(void *state, const char *sql, struct project_failure *why)
{
	return of_own(pg_run(state, sql, NULL, why));
}

/* BEGIN and the cursor's UPDATE in one go: each go is a wait for the server. */
static enum err
postgresql_begin_from(void *state, const struct project_config *config, uint64_t from, uint64_t to,
		      uint64_t *changed_out, struct project_failure *why)
{
	struct pg_state *s = state;
	struct sql q = { 0 };
	const char *text = NULL;
	enum err e;

	sql_add(&q, BEGIN);
	sql_format(&q, "; UPDATE hark_cursors SET next_index = %llu WHERE observer = ",
		   (unsigned long long)to);
	sql_literal(&q, text_of(config->observer));
	sql_add(&q, " AND origin = ");
	sql_literal(&q, text_of(config->origin));
	sql_format(&q, " AND next_index = %llu", (unsigned long long)from);
	e = sql_end(&q, &text);
	if (e == ERR_OK)
		e = of_own(pg_run(s, text, changed_out, why));
	sql_finish(&q);
	s->saved = PG_NOT_SAVED;
	s->waiting = 0;
	return e;
}

static enum err
postgresql_commit(void *state, struct project_failure *why)
{
	struct pg_state *s = state;
	enum err e = pg_run(s, "COMMIT", NULL, why);

	/* That is how a server ends a transaction in which something failed. */
	if (e == ERR_OK && !s->has_committed) {
		project_say(why, "PostgreSQL: it has not committed");
		return ERR_AGAIN;
	}
	return e;
}

/* ---- statements that wait ------------------------------------------------------------------ */

/* bytea's hex form. */
static void
add_bytes(struct sql *q, struct bytes bytes)
{
	char hex[512];
	size_t at = 0;

	sql_add(q, "'\\x");
	while (at < bytes.size) {
		size_t left = bytes.size - at;
		size_t size = left < sizeof(hex) / 2 ? left : sizeof(hex) / 2;

		sql_bytes(q, hex, text_write_hex(bytes.data + at, size, hex));
		at += size;
	}
	sql_add(q, "'");
}

static void
add_value(struct sql *q, const struct database_value *v)
{
	switch (v->kind) {
	case DATABASE_NUMBER:
		sql_format(q, "%llu", (unsigned long long)v->number);
		break;
	case DATABASE_TEXT:
		sql_literal(q, v->bytes);
		break;
	case DATABASE_BYTES:
		add_bytes(q, v->bytes);
		break;
	case DATABASE_NULL:
	default:
		sql_add(q, "NULL");
		break;
	}
}

/* With literals in the place of $1, $2, ...: so many of them go in one go. */
static enum err
postgresql_tell(void *state, const char *sql, const struct database_value *values, size_t count,
		struct project_failure *why)
{
	struct pg_state *s = state;

	MUST(count <= VALUES_MAX);

	while (*sql != '\0') {
		size_t size = strcspn(sql, "$");

		sql_bytes(&s->told, sql, size);
		sql += size;
		if (*sql == '\0')
			break;
		/* Our own statements: a digit follows. */
		MUST(sql[1] > '0' && (size_t)(sql[1] - '1') < count);
		add_value(&s->told, &values[sql[1] - '1']);
		sql += 2;
	}
	sql_add(&s->told, "; ");
	return s->told.text.size >= TOLD_BYTES ? of_own(pg_run(s, "", NULL, why)) : ERR_OK;
}

static enum err
postgresql_ask(void *state, const char *sql, const struct database_value *values, size_t count,
	       database_row_fn *fn, void *ctx, uint64_t *changed_out, struct project_failure *why)
{
	struct pg_state *s = state;
	char numbers[VALUES_MAX][24];
	const char *data[VALUES_MAX];
	Oid types[VALUES_MAX];
	int sizes[VALUES_MAX];
	int formats[VALUES_MAX];
	enum err e;
	size_t i;

	MUST(count <= VALUES_MAX);

	for (i = 0; i < count; i++) {
		const struct database_value *v = &values[i];

		MUST(v->bytes.size <= INT32_MAX);
		types[i] = v->kind == DATABASE_BYTES    ? TYPE_BYTES
			   : v->kind == DATABASE_NUMBER ? TYPE_NUMBER
							: TYPE_TEXT;
		/* The binary form of a text is its bytes, which need no terminator. */
		formats[i] = v->kind == DATABASE_NUMBER ? 0 : FORMAT_BINARY;
		sizes[i] = (int)v->bytes.size;
		data[i] = v->bytes.data != NULL ? (const char *)v->bytes.data : "";
		if (v->kind == DATABASE_NULL)
			data[i] = NULL;
		if (v->kind == DATABASE_NUMBER) {
			(void)snprintf(numbers[i], sizeof(numbers[i]), "%llu",
				       (unsigned long long)v->number);
			data[i] = numbers[i];
		}
	}
	e = s->told.text.size > 0 ? of_own(pg_run(s, "", NULL, why)) : ERR_OK;
	if (e != ERR_OK)
		return e;
	if (PQsendQueryParams(s->connection, sql, (int)count, types, data, sizes, formats, 0) == 0)
		return of_own(pg_failed(s, NULL, why));
	pg_sent(s);
	return of_own(pg_take(s, fn, ctx, changed_out, why));
}

/* ---- life ---------------------------------------------------------------------------------- */

static void
postgresql_close(void *state)
{
	struct pg_state *s = state;

	if (s == NULL)
		return;
	PQfinish(s->connection);
	row_reader_finish(&s->reader);
	pg_keys_finish(&s->keys);
	buf_finish(&s->copy);
	sql_finish(&s->told);
	free(s->values);
	free(s->given);
	free(s);
}

static void
ignore_notice(void *ctx, const PGresult *result)
{
	(void)ctx;
	(void)result;
}

static enum err
finish_connecting(struct pg_state *s, struct project_failure *why)
{
	uint64_t deadline_ns = wait_now_ns() + DATABASE_CONNECT_LIMIT_S * SECOND_NS;
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;
	enum err e;

	for (;;) {
		struct wait_item items[] = {
			{ .fd = PQsocket(s->connection),
			  .want_read = next == PGRES_POLLING_READING,
			  .want_write = next == PGRES_POLLING_WRITING },
			{ .fd = s->wake_fd, .want_read = true },
		};

		if (next == PGRES_POLLING_OK)
			return ERR_OK;
		if (next == PGRES_POLLING_FAILED || items[0].fd < 0)
			return pg_failed(s, NULL, why);
		e = wait_ready(items, 2, deadline_ns);
		if (items[1].ready_read)
			return ERR_END;
		if (e != ERR_OK || wait_now_ns() >= deadline_ns) {
			project_say(why, "PostgreSQL: no connection within its time");
			return ERR_AGAIN;
		}
		if (items[0].ready_read || items[0].ready_write)
			next = PQconnectPoll(s->connection);
	}
}

/* What is found is said behind the URI, what is usual before it: the last one counts. */
static PGconn *
begin_connecting(const struct project_config *config)
{
	const char *const names[] = { "port",
				      "gssencmode",
				      "tcp_user_timeout",
				      "keepalives_idle",
				      "fallback_application_name",
				      "dbname",
				      "client_encoding",
				      config->hosts != NULL ? "host" : NULL,
				      "hostaddr",
				      "port",
				      NULL };
	const char *const values[] = {
		PG_PORT_USUAL,     "disable",          "30000", "30",
		"hark-projector",  config->projection, "UTF8",  config->hosts,
		config->addresses, config->ports,      NULL
	};

	return PQconnectStartParams(names, values, 1);
}

static enum err
postgresql_open(const struct database_place *place, void **out, struct project_failure *why)
{
	PQconninfoOption *options = NULL;
	struct pg_state *s;
	enum err e;

	e = pg_read_uri(place->config->projection, &options, why);
	if (e != ERR_OK)
		return e;
	PQconninfoFree(options);
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return ERR_MEMORY;
	s->wake_fd = place->wake_fd;
	s->connection = begin_connecting(place->config);
	if (s->connection == NULL)
		e = ERR_MEMORY;
	else if (PQstatus(s->connection) == CONNECTION_BAD)
		e = pg_failed(s, NULL, why);
	/* From its first byte on: libpq would print what a server notices. */
	if (s->connection != NULL)
		(void)PQsetNoticeReceiver(s->connection, ignore_notice, NULL);
	if (e == ERR_OK)
		e = finish_connecting(s, why);
	if (e == ERR_OK && PQsetnonblocking(s->connection, 1) != 0)
		e = pg_failed(s, NULL, why);
	if (e == ERR_OK) {
		/* What is said to be committed must be on a disk; a backslash is a backslash. */
		e = of_own(pg_run(s,
				  "SET standard_conforming_strings = on; "
				  "SELECT pg_catalog.set_config('synchronous_commit', 'on', false) "
				  "WHERE pg_catalog.current_setting('synchronous_commit') = 'off'",
				  NULL, why));
	}
	if (e != ERR_OK) {
		postgresql_close(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

/* ---- what a table is ----------------------------------------------------------------------- */

static bool
is_one(struct bytes column)
{
	return column.size == 1 && column.data[0] == '1';
}

static enum err
add_column(void *ctx, const struct bytes *columns, size_t count)
{
	(void)count;
	/* No server has such a name, and a statement would end there. */
	if (columns[0].size == 0 || memchr(columns[0].data, '\0', columns[0].size) != NULL)
		return ERR_LIMIT;
	return table_add(ctx, columns[0], is_one(columns[1]) ? COLUMN_JSON : COLUMN_PLAIN,
			 is_one(columns[2]));
}

static enum err
postgresql_describe(void *state, const struct project_config *config, struct table *out,
		    struct project_failure *why)
{
	/* 114 and 3802 are json and jsonb, also as what a domain stands on. */
	static const char sql[] =
		"SELECT a.attname, "
		"CASE WHEN coalesce(nullif(t.typbasetype, 0), t.oid) IN (114, 3802) THEN 1 "
		"ELSE 0 END, "
		"CASE WHEN a.atthasdef OR a.attidentity = 'd' THEN 1 ELSE 0 END "
		"FROM pg_catalog.pg_attribute a "
		"JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
		"WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 "
		"AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a' "
		"ORDER BY a.attnum";
	/* One more than a table takes: that one says that it is too many. */
	struct database_answer answer = {
		.fn = add_column, .ctx = out, .columns = 3, .most = TABLE_COLUMNS_MAX + 1
	};
	struct database_gate gate = { .answer = &answer, .why = why };
	struct database_value value = { .kind = DATABASE_TEXT };
	struct sql quoted = { 0 };
	const char *text = NULL;
	enum err e;

	table_quote(config->table, &quoted);
	e = sql_end(&quoted, &text);
	if (e == ERR_OK) {
		value = database_text(text);
		e = postgresql_ask(state, sql, &value, 1, database_gate_row, &gate, NULL, why);
	}
	sql_finish(&quoted);
	if (e != ERR_OK)
		return e;
	return out->count > 0 ? table_end(out, config, why) : ERR_MISSING;
}

const struct database_ops database_postgresql = {
	.scheme = "postgresql://",
	.is_server = true,
	.reach = pg_reach,
	.find = pg_find,
	.bytes_type = "BYTEA",
	.select_cursor = "SELECT origin, next_index, dead_letters FROM hark_cursors "
			 "WHERE observer = $1 FOR UPDATE",
	.begin = BEGIN,
	.begin_from = postgresql_begin_from,
	/* Two that make the same table at once would fail; the number is Hark's own. */
	.lock = "SELECT pg_catalog.pg_advisory_xact_lock(7521967364198341219)",
	.open = postgresql_open,
	.close = postgresql_close,
	.run = postgresql_run,
	.ask = postgresql_ask,
	.tell = postgresql_tell,
	.describe = postgresql_describe,
	.prepare_rows = pg_prepare_rows,
	.write_rows = pg_write_rows,
	.commit = postgresql_commit,
};
