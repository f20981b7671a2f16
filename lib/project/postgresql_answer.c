/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What PostgreSQL answers, and how long it may take.  Nothing here waits inside libpq: whoever ends
 * this process is heard while a server is silent.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "os/wait.h"
#include "project/postgresql_internal.h"

#define SECOND_NS   UINT64_C(1000000000)
#define COLUMNS_MAX 8u
/* Of what is sent in one go: each row of an answer is one, and so is each statement. */
#define RESULTS_MAX 1000000u
/* What is looked at of a server's words: more than is shown, so that no half of a password is left
 * at the end of what is. */
#define WORDS_BYTES 8192u
/* Of an SQLSTATE. */
#define STATE_CHARS 5u

/* ---- words --------------------------------------------------------------------------------- */

/* A password is in no message that libpq or a server is known to write; should one be, it goes. */
static void
hide_password(const struct pg_state *s, char *text)
{
	const char *password = s->connection != NULL ? PQpass(s->connection) : NULL;
	size_t size = password != NULL ? strlen(password) : 0;
	char *at;

	/* A shorter one would be found in words that have nothing to do with it. */
	if (size < 4)
		return;
	while ((at = strstr(text, password)) != NULL)
		memset(at, '*', size);
}

/* One line without its end. */
static void
say(const struct pg_state *s, const char *text, const char *detail, struct project_failure *why)
{
	char raw[WORDS_BYTES];
	char shown[PROJECT_TEXT_BYTES - 16];
	size_t size;
	char *at;

	(void)snprintf(raw, sizeof(raw), "%s%s%s", text, detail[0] != '\0' ? ": " : "", detail);
	size = strlen(raw);
	while (size > 0 && raw[size - 1] == '\n')
		raw[--size] = '\0';
	/* libpq and servers write several lines. */
	for (at = raw; *at != '\0'; at++) {
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	}
	hide_password(s, raw);
	(void)text_escape(raw, size, shown, sizeof(shown));
	project_say(why, "PostgreSQL: %s", shown);
}

/*
 * SQLSTATE classes that are not about the values of a statement: of the server, the connection, the
 * transaction, rights and rules of SQL.  A table's own functions may raise any other, and so a
 * class that nobody else knows.
 */
static bool
is_of_values(const char *state)
{
	static const char others[][3] = { "08", "0A", "0L", "0P", "25", "26", "28", "2B",
					  "2D", "34", "3B", "3D", "3F", "40", "42", "53",
					  "55", "57", "58", "72", "F0", "HV", "XX" };
	size_t i;

	/* What is no state says nothing. */
	if (strspn(state, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != STATE_CHARS ||
	    state[STATE_CHARS] != '\0')
		return false;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strncmp(state, others[i], 2) == 0)
			return false;
	}
	return true;
}

/* Those that a person must look into: rules of SQL, rights. */
static bool
is_of_statement(const char *state)
{
	return strncmp(state, "42", 2) == 0 || strncmp(state, "0A", 2) == 0 ||
	       strncmp(state, "3F", 2) == 0;
}

enum err
pg_failed(struct pg_state *s, const PGresult *result, struct project_failure *why)
{
	const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *text =
		result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	const char *detail =
		result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;

	if (text == NULL)
		text = PQerrorMessage(s->connection);
	say(s, text[0] != '\0' ? text : "it has gone away", detail != NULL ? detail : "", why);
	if (state == NULL || PQstatus(s->connection) != CONNECTION_OK)
		return ERR_AGAIN;
	if (strcmp(state, "42P10") == 0)
		project_say(why, "PostgreSQL: the key is none of the table%s", DATABASE_NO_KEY);
	if (is_of_values(state))
		return ERR_FORMAT;
	return is_of_statement(state) ? ERR_REFUSED : ERR_AGAIN;
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* Until the socket can be read, or, where that is wanted, written. */
static enum err
wait_socket(struct pg_state *s, bool write, uint64_t deadline_ns, bool *readable_out,
	    struct project_failure *why)
{
	struct wait_item items[] = {
		{ .fd = PQsocket(s->connection), .want_read = true, .want_write = write },
		{ .fd = s->wake_fd, .want_read = true },
	};
	enum err e;

	if (items[0].fd < 0)
		return pg_failed(s, NULL, why);
	while (!items[0].ready_read && !items[0].ready_write) {
		if (wait_now_ns() >= deadline_ns) {
			project_say(why, "PostgreSQL: no answer within its time");
			return ERR_AGAIN;
		}
		e = wait_ready(items, 2, deadline_ns);
		if (e != ERR_OK) {
			project_say(why, "cannot wait for PostgreSQL");
			return ERR_AGAIN;
		}
		if (items[1].ready_read)
			return ERR_END;
	}
	*readable_out = items[0].ready_read;
	return ERR_OK;
}

/* Sends what libpq still holds, and takes in what comes meanwhile, lest both sides wait. */
enum err
pg_flush(struct pg_state *s, struct project_failure *why)
{
	uint64_t deadline_ns = wait_now_ns() + DATABASE_ANSWER_LIMIT_S * SECOND_NS;
	bool readable = false;
	enum err e;
	int left;

	while ((left = PQflush(s->connection)) > 0) {
		e = wait_socket(s, true, deadline_ns, &readable, why);
		if (e != ERR_OK)
			return e;
		if (readable && PQconsumeInput(s->connection) == 0)
			return pg_failed(s, NULL, why);
	}
	return left == 0 ? ERR_OK : pg_failed(s, NULL, why);
}

void
pg_sent(struct pg_state *s)
{
	s->deadline_ns = wait_now_ns() + DATABASE_ANSWERS_LIMIT_S * SECOND_NS;
	s->results = 0;
	/* A row at a time: libpq keeps whole answers, however many rows a server sends.  It can
	 * always be said right here. */
	(void)PQsetSingleRowMode(s->connection);
}

/* Nobody listens to what else servers say, and libpq keeps it. */
static void
forget_notifications(struct pg_state *s)
{
	PGnotify *notify;

	while ((notify = PQnotifies(s->connection)) != NULL)
		PQfreemem(notify);
}

enum err
pg_result(struct pg_state *s, PGresult **out, struct project_failure *why)
{
	uint64_t deadline_ns = wait_now_ns() + DATABASE_ANSWER_LIMIT_S * SECOND_NS;
	bool readable = false;
	enum err e;

	if (s->results++ == RESULTS_MAX) {
		project_say(why, "PostgreSQL: its answer has no end");
		return ERR_AGAIN;
	}
	if (deadline_ns > s->deadline_ns)
		deadline_ns = s->deadline_ns;
	e = pg_flush(s, why);
	while (e == ERR_OK && PQisBusy(s->connection) != 0) {
		forget_notifications(s);
		e = wait_socket(s, false, deadline_ns, &readable, why);
		if (e == ERR_OK && PQconsumeInput(s->connection) == 0)
			e = pg_failed(s, NULL, why);
	}
	if (e == ERR_OK)
		*out = PQgetResult(s->connection);
	return e;
}

/* ---- statements ---------------------------------------------------------------------------- */

static uint64_t
changed_by(PGresult *result)
{
	uint64_t changed = 0;
	const char *text = PQcmdTuples(result);

	/* Statements that change no rows have none. */
	(void)!database_read_number((struct bytes){ (const uint8_t *)text, strlen(text) },
				    &changed);
	return changed;
}

/* Rows of one result. */
static enum err
give_rows(PGresult *result, database_row_fn *fn, void *ctx, struct project_failure *why)
{
	int count = PQnfields(result);
	enum err e = ERR_OK;
	int row, column;

	for (row = 0; e == ERR_OK && row < PQntuples(result); row++) {
		struct bytes columns[COLUMNS_MAX] = { { NULL, 0 } };

		if ((size_t)count > COLUMNS_MAX) {
			project_say(why, "PostgreSQL: it answers with %d columns", count);
			return ERR_AGAIN;
		}
		for (column = 0; column < count; column++) {
			if (PQgetisnull(result, row, column) != 0)
				continue;
			columns[column] =
				(struct bytes){ (const uint8_t *)PQgetvalue(result, row, column),
						(size_t)PQgetlength(result, row, column) };
		}
		e = fn(ctx, columns, (size_t)count);
	}
	return e;
}

bool
pg_is_endless(struct pg_state *s, const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH ||
	       PQstatus(s->connection) != CONNECTION_OK;
}

enum err
pg_take(struct pg_state *s, database_row_fn *fn, void *ctx, uint64_t *changed_out,
	struct project_failure *why)
{
	enum err failed = ERR_OK;
	PGresult *result = NULL;
	enum err e;

	while ((e = pg_result(s, &result, why)) == ERR_OK && result != NULL) {
		ExecStatusType status = PQresultStatus(result);
		bool is_last = pg_is_endless(s, result);

		if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
		    status != PGRES_SINGLE_TUPLE && failed == ERR_OK)
			failed = pg_failed(s, result, why);
		if (changed_out != NULL && failed == ERR_OK)
			*changed_out = changed_by(result);
		s->has_committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
		if (fn != NULL && failed == ERR_OK) {
			failed = give_rows(result, fn, ctx, why);
			is_last = is_last || failed != ERR_OK;
		}
		PQclear(result);
		if (is_last)
			return failed != ERR_OK ? failed : pg_failed(s, NULL, why);
	}
	return e == ERR_OK ? failed : e;
}

enum err
pg_send(struct pg_state *s, const char *sql, struct project_failure *why)
{
	const char *text = sql;
	enum err e = ERR_OK;
	int sent;

	/* What waits goes first, with it. */
	if (s->told.text.size > 0) {
		sql_add(&s->told, sql);
		e = sql_end(&s->told, &text);
	}
	if (e != ERR_OK)
		return e;
	sent = PQsendQuery(s->connection, text);
	sql_finish(&s->told);
	if (sent == 0)
		return pg_failed(s, NULL, why);
	pg_sent(s);
	return ERR_OK;
}

enum err
pg_run(struct pg_state *s, const char *sql, uint64_t *changed_out, struct project_failure *why)
{
	enum err e = pg_send(s, sql, why);

	return e == ERR_OK ? pg_take(s, NULL, NULL, changed_out, why) : e;
}

enum err
pg_results(struct pg_state *s, struct project_failure *why)
{
	return pg_take(s, NULL, NULL, NULL, why);
}
