/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rows a second from staged effects into a database, one JSON object a line; beside it the same
 * rows by what the database itself offers, in turns: COPY of lines that were made before, and
 * INSERT of many rows.  All in transactions of one batch each, with the same table.
 *
 * usage: project ROWS sqlite:PATH|postgresql://...
 */
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/observer_host.h>

#include "base/num.h"
#include "bench/measure.h"
#include "project/project.h"
#include "proto/options.h"
#include "proto/staged.h"

#define BATCH  1024u
#define ROUNDS 5u
#define EVENTS_TABLE                                                                          \
	"(event_index BIGINT PRIMARY KEY, time_ns BIGINT NOT NULL, type TEXT NOT NULL, cell " \
	"TEXT, "                                                                              \
	"run TEXT, source TEXT, epoch BIGINT, seq NUMERIC(20), guest_pid BIGINT, "            \
	"guest_monotonic_ns NUMERIC(20), guest_comm TEXT, detail TEXT)"
#define TYPE "dev.cellos.events.cell.observability.guest.process_spawned"

static void
need(bool good, const char *what, const char *words)
{
	if (good)
		return;
	(void)fprintf(stderr, "project: %s: %s\n", what, words);
	exit(1);
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* A batch as it comes, and as each of the others takes it. */
struct batch {
	struct buf staged; /* EFFECTS payloads, one behind another */
	size_t sizes[1024];
	size_t message_count;
	struct buf copy;
	struct buf insert; /* one statement */
	size_t rows;
};

static void
add(struct buf *b, const char *text)
{
	need(buf_append(b, text, strlen(text), SIZE_MAX / 2) == ERR_OK, "memory", "");
}

/* As observers/pg-events.c writes one. */
static void
write_json(char *text, size_t capacity, uint64_t index)
{
	(void)snprintf(text, capacity,
		       "{\"event_index\":%llu,\"time_ns\":1795267200123456789,\"type\":\"" TYPE
		       "\",\"cell\":\"cell-%llu\",\"run\":\"run-1\",\"source\":\"process.spawned\","
		       "\"epoch\":1,\"seq\":%llu,\"guest_pid\":%llu,"
		       "\"guest_monotonic_ns\":%llu,\"guest_comm\":\"workload\","
		       "\"detail\":{\"ppid\":1,\"via\":\"proc_walk\"}}",
		       (unsigned long long)index, (unsigned long long)index % 8,
		       (unsigned long long)index, (unsigned long long)index % 32768,
		       (unsigned long long)(UINT64_C(123456789012) + index));
}

/* The five columns that differ, in the others' forms. */
#define WRITE_PLAIN(text, format, index)                                              \
	((void)snprintf(text, sizeof(text), format, (unsigned long long)(index),      \
			(unsigned long long)(index) % 8, (unsigned long long)(index), \
			(unsigned long long)(index) % 32768,                          \
			(unsigned long long)(UINT64_C(123456789012) + (index))))

static void
stage(struct batch *b, const char *json, uint8_t *message, size_t *used)
{
	struct bytes rest = { (const uint8_t *)json, strlen(json) };

	while (!staged_write(HARK_OBSERVER_TOKEN_PG_WRITE, &rest, message, STAGED_BYTES_MAX,
			     used)) {
		need(buf_append(&b->staged, message, *used, SIZE_MAX / 2) == ERR_OK, "memory", "");
		b->sizes[b->message_count++] = *used;
		*used = 0;
	}
}

static void
make_batch(struct batch *b, uint64_t first, size_t rows)
{
	static uint8_t message[STAGED_BYTES_MAX];
	char text[1024];
	size_t used = 0;
	size_t i;

	buf_clear(&b->staged);
	buf_clear(&b->copy);
	buf_clear(&b->insert);
	b->message_count = 0;
	b->rows = rows;
	add(&b->insert, "INSERT INTO raw VALUES ");
	for (i = 0; i < rows; i++) {
		write_json(text, sizeof(text), first + i);
		stage(b, text, message, &used);
		WRITE_PLAIN(text,
			    "%llu\t1795267200123456789\t" TYPE "\tcell-%llu\trun-1\t"
			    "process.spawned\t1\t%llu\t%llu\t%llu\tworkload\t"
			    "{\"ppid\":1,\"via\":\"proc_walk\"}\n",
			    first + i);
		add(&b->copy, text);
		WRITE_PLAIN(text,
			    "(%llu,1795267200123456789,'" TYPE "','cell-%llu','run-1',"
			    "'process.spawned',1,%llu,%llu,%llu,'workload',"
			    "'{\"ppid\":1,\"via\":\"proc_walk\"}')",
			    first + i);
		add(&b->insert, i > 0 ? "," : "");
		add(&b->insert, text);
	}
	need(buf_append(&b->staged, message, used, SIZE_MAX / 2) == ERR_OK, "memory", "");
	b->sizes[b->message_count++] = used;
	need(buf_append(&b->insert, "", 1, SIZE_MAX / 2) == ERR_OK, "memory", "");
}

/* ---- ours ---------------------------------------------------------------------------------- */

struct ours {
	struct project_config config;
	struct project_environment environment;
	struct project *project;
};

static void
no_line(void *ctx, const char *line)
{
	(void)ctx;
	(void)fprintf(stderr, "%s\n", line);
}

static void
open_ours(struct ours *o, const char *projection, bool keyed)
{
	static const char create[] = "CREATE TABLE ours " EVENTS_TABLE;
	struct project_failure why = { "" };
	struct buf options = { 0 };
	enum err e;

	e = options_add_number(&options, OPTION_TOKENS,
			       HARK_OBSERVER_TOKEN_BIT(HARK_OBSERVER_TOKEN_PG_WRITE));
	if (e == ERR_OK)
		e = options_add_text(&options, OPTION_PROJECTION, projection, strlen(projection));
	if (e == ERR_OK)
		e = options_add_text(&options, OPTION_TABLE, "ours", 4);
	if (e == ERR_OK && keyed)
		e = options_add_text(&options, OPTION_KEY, "event_index", 11);
	if (e == ERR_OK)
		e = options_add_text(&options, OPTION_CREATE, create, sizeof(create) - 1);
	need(e == ERR_OK, "options", err_text(e));
	e = project_config_read((struct bytes){ (const uint8_t *)"bench", 5 },
				(struct bytes){ (const uint8_t *)"bench/evidence", 14 },
				(struct bytes){ options.data, options.size }, &o->config, &why);
	buf_finish(&options);
	need(e == ERR_OK, "config", why.text);
	o->environment = (struct project_environment){ .wake_fd = -1, .line = no_line };
	need(project_create(&o->config, &o->environment, &o->project) == ERR_OK, "create", "");
	need(project_connect(o->project, 0, &why) == ERR_OK, "connect", why.text);
}

static void
close_ours(struct ours *o)
{
	project_destroy(o->project);
	project_config_finish(&o->config);
}

static void
commit_ours(struct ours *o, const struct batch *b)
{
	struct project_failure why = { "" };
	uint64_t cursor = project_cursor(o->project);
	size_t at = 0;
	size_t i;

	for (i = 0; i < b->message_count; i++) {
		need(project_take_effects(o->project, (struct bytes){ b->staged.data + at,
								      b->sizes[i] }) == ERR_OK,
		     "effects", "");
		at += b->sizes[i];
	}
	need(project_take_batch(o->project, cursor, cursor + 1, b->rows, 0) == ERR_OK, "batch", "");
	need(project_commit(o->project, 0, &why) == ERR_OK, "commit", why.text);
	need(project_dead_letters(o->project) == 0, "rows were refused", "");
}

/* ---- the databases' own -------------------------------------------------------------------- */

static void
run_pg(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);

	need(PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK, sql,
	     PQerrorMessage(c));
	PQclear(r);
}

static void
copy_pg(PGconn *c, const struct batch *b)
{
	PGresult *r;

	run_pg(c, "BEGIN");
	r = PQexec(c, "COPY raw FROM STDIN");
	need(PQresultStatus(r) == PGRES_COPY_IN, "COPY", PQerrorMessage(c));
	PQclear(r);
	need(PQputCopyData(c, (const char *)b->copy.data, (int)b->copy.size) == 1 &&
		     PQputCopyEnd(c, NULL) == 1,
	     "COPY", PQerrorMessage(c));
	while ((r = PQgetResult(c)) != NULL) {
		need(PQresultStatus(r) == PGRES_COMMAND_OK, "COPY", PQerrorMessage(c));
		PQclear(r);
	}
	run_pg(c, "COMMIT");
}

static void
insert_pg(PGconn *c, const struct batch *b)
{
	run_pg(c, "BEGIN");
	run_pg(c, (const char *)b->insert.data);
	run_pg(c, "COMMIT");
}

static void
run_sqlite(sqlite3 *db, const char *sql)
{
	need(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "SQLite", sqlite3_errmsg(db));
}

static void
insert_sqlite(sqlite3 *db, const struct batch *b)
{
	run_sqlite(db, "BEGIN IMMEDIATE");
	run_sqlite(db, (const char *)b->insert.data);
	run_sqlite(db, "COMMIT");
}

/* ---- measuring ----------------------------------------------------------------------------- */

enum way { OURS, KEYED, COPY, INSERT, WAYS };

struct bench {
	struct ours ours;
	PGconn *server;
	sqlite3 *file;
	const char *projection;
	size_t rows;
	double spent_ns[WAYS][ROUNDS];
};

static void
run_own(struct bench *b, const char *sql)
{
	if (b->server != NULL)
		run_pg(b->server, sql);
	else
		run_sqlite(b->file, sql);
}

/* A round of one way, from an empty table; only what is committed counts. */
static void
measure(struct bench *b, enum way way, size_t round)
{
	static struct batch batch;
	uint64_t spent = 0;
	size_t done;

	run_own(b, "DROP TABLE IF EXISTS raw");
	run_own(b, "DROP TABLE IF EXISTS ours");
	run_own(b, "DROP TABLE IF EXISTS hark_cursors");
	run_own(b, "CREATE TABLE raw " EVENTS_TABLE);
	if (way == OURS || way == KEYED)
		open_ours(&b->ours, b->projection, way == KEYED);
	for (done = 0; done < b->rows; done += BATCH) {
		uint64_t began;

		make_batch(&batch, done, BATCH);
		began = measure_now_ns();
		if (way == OURS || way == KEYED)
			commit_ours(&b->ours, &batch);
		else if (way == COPY)
			copy_pg(b->server, &batch);
		else if (b->server != NULL)
			insert_pg(b->server, &batch);
		else
			insert_sqlite(b->file, &batch);
		spent += measure_now_ns() - began;
	}
	if (way == OURS || way == KEYED)
		close_ours(&b->ours);
	b->spent_ns[way][round] = (double)spent / (double)done;
}

static void
print(struct bench *b, const char *name, enum way way, enum way beside, const char *baseline)
{
	double value = 1e9 / measure_median(b->spent_ns[way], ROUNDS);
	double floor = 1e9 / measure_median(b->spent_ns[beside], ROUNDS);

	(void)printf("{\"name\":\"%s\",\"config\":\"batches of %u, 12 columns\",\"value\":%.0f,"
		     "\"unit\":\"rows/s\",\"floor\":%.0f,\"ratio\":%.2f,\"baseline\":\"%s\"}\n",
		     name, BATCH, value, floor, value / floor, baseline);
	(void)fflush(stdout);
}

int
main(int argc, char **argv)
{
	static struct bench b;
	uint64_t rows = 0;
	size_t round;

	if (argc != 3 || num_read_u64(argv[1], strlen(argv[1]), UINT32_MAX, &rows) != ERR_OK) {
		(void)fputs("usage: project ROWS sqlite:PATH|postgresql://...\n", stderr);
		return 2;
	}
	b.rows = (size_t)rows;
	b.projection = argv[2];
	if (strncmp(b.projection, "sqlite:", 7) == 0) {
		need(sqlite3_open(b.projection + 7, &b.file) == SQLITE_OK, "open", b.projection);
		run_sqlite(b.file, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
	} else {
		b.server = PQconnectdb(b.projection);
		need(PQstatus(b.server) == CONNECTION_OK, "connect", PQerrorMessage(b.server));
		run_pg(b.server, "SET client_min_messages = warning");
	}
	for (round = 0; round < ROUNDS; round++) {
		measure(&b, OURS, round);
		measure(&b, KEYED, round);
		if (b.server != NULL)
			measure(&b, COPY, round);
		measure(&b, INSERT, round);
	}
	if (b.server != NULL) {
		print(&b, "rows into PostgreSQL", OURS, COPY, "COPY");
		print(&b, "rows into PostgreSQL", OURS, INSERT, "INSERT of 1,024 rows");
		print(&b, "merged into PostgreSQL", KEYED, COPY, "COPY");
	} else {
		print(&b, "rows into SQLite", OURS, INSERT, "INSERT of 1,024 rows");
		print(&b, "merged into SQLite", KEYED, INSERT, "INSERT of 1,024 rows");
	}
	PQfinish(b.server);
	(void)sqlite3_close(b.file);
	return 0;
}
