/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* COPY ... FROM STDIN in its text form: a line a row, tabs between columns. */
#include <libpq-fe.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "project/postgresql_internal.h"
#include "json/stops.h"

/* A row of the largest effect, each of its bytes escaped, beside what is gathered. */
#define ROW_BYTES_MAX (SIZE_MAX / 2)

bool
pg_is_named(const struct table *t, const bool *given, size_t column)
{
	return !t->columns[column].has_default || given[column];
}

/* ---- sending ------------------------------------------------------------------------------- */

/* Hands over what is gathered; waits where the server is behind. */
static enum err
put(struct pg_copy *c, struct project_failure *why)
{
	struct pg_state *s = c->s;
	int taken;

	MUST(s->copy.size <= INT32_MAX);

	/* It keeps what cannot be sent now, without a limit: hence the wait behind it. */
	taken = PQputCopyData(s->connection, (const char *)s->copy.data, (int)s->copy.size);
	buf_clear(&s->copy);
	return taken > 0 ? pg_flush(s, why) : pg_failed(s, NULL, why);
}

enum err
pg_copy_begin(struct pg_copy *c, const char *sql, struct project_failure *why)
{
	struct pg_state *s = c->s;
	enum err failed = ERR_OK;
	PGresult *result = NULL;
	enum err e;

	MUST(s != NULL && c->table != NULL && c->rows == 0);

	buf_clear(&s->copy);
	e = pg_send(s, sql, why);
	if (e != ERR_OK)
		return e;
	while ((e = pg_result(s, &result, why)) == ERR_OK && result != NULL) {
		ExecStatusType status = PQresultStatus(result);
		bool is_last = pg_is_endless(s, result);

		if (status == PGRES_COPY_IN && failed == ERR_OK) {
			PQclear(result);
			return ERR_OK;
		}
		if (status != PGRES_COMMAND_OK && failed == ERR_OK)
			failed = pg_failed(s, result, why);
		PQclear(result);
		if (is_last)
			return failed != ERR_OK ? failed : pg_failed(s, NULL, why);
	}
	if (e == ERR_OK && failed == ERR_OK) {
		project_say(why, "PostgreSQL: it does not let a COPY begin");
		return ERR_AGAIN;
	}
	return e == ERR_OK ? failed : e;
}

enum err
pg_copy_end(struct pg_copy *c, struct project_failure *why)
{
	struct pg_state *s = c->s;
	enum err e = ERR_OK;

	if (s->copy.size > 0)
		e = put(c, why);
	if (e != ERR_OK)
		return e;
	if (PQputCopyEnd(s->connection, NULL) <= 0)
		return pg_failed(s, NULL, why);
	pg_sent(s);
	return pg_results(s, why);
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* What stands in for a byte in a text; 0: itself. */
static char
escape_of(char byte)
{
	switch (byte) {
	case '\\':
		return '\\';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return 0;
	}
}

/* There is room for twice its size and a word.  Nearly all texts have nothing to escape: eight
 * bytes are kept at once, though fewer may count. */
static void
add_escaped(struct buf *b, const uint8_t *data, size_t size)
{
	uint8_t *out = b->data + b->size;

	while (size > 0) {
		uint64_t stops = 1;
		char escaped;

		if (size >= sizeof(stops)) {
			uint64_t word;

			memcpy(&word, data, sizeof(word));
			memcpy(out, &word, sizeof(word));
			stops = json_stops(word);
		}
		if (stops == 0) {
			data += sizeof(stops);
			out += sizeof(stops);
			size -= sizeof(stops);
			continue;
		}
		escaped = escape_of((char)*data);
		if (escaped != 0)
			*out++ = '\\';
		*out++ = escaped != 0 ? (uint8_t)escaped : *data;
		data++;
		size--;
	}
	b->size = (size_t)(out - b->data);
}

static void
add_value(struct buf *b, const struct row_value *v, enum column_form form)
{
	struct bytes text;

	if (v->kind == ROW_ABSENT || v->kind == ROW_NULL) {
		memcpy(b->data + b->size, "\\N", 2);
		b->size += 2;
		return;
	}
	text = row_value_text(v, form);
	if (v->kind != ROW_STRING && v->kind != ROW_NESTED) {
		/* A number or a word. */
		bytes_copy(b->data + b->size, text.data, text.size);
		b->size += text.size;
	} else if (text.size > 0) {
		add_escaped(b, text.data, text.size);
	}
}

enum err
pg_copy_row(struct pg_copy *c, size_t payload_bytes, uint64_t round, struct project_failure *why)
{
	struct pg_state *s = c->s;
	const struct table *t = c->table;
	bool first = true;
	size_t most;
	enum err e;
	size_t i;

	/* Each byte of a value was one of the payload; beside them NULLs, tabs, a round, a word. */
	most = 2 * payload_bytes + 3 * t->count + NUM_U64_DIGITS_MAX + 2 + sizeof(uint64_t);
	e = buf_reserve(&s->copy, most, ROW_BYTES_MAX);
	if (e != ERR_OK)
		return ERR_MEMORY;
	if (c->has_round) {
		s->copy.size += num_write_u64(round, (char *)s->copy.data + s->copy.size);
		first = false;
	}
	for (i = 0; i < t->count; i++) {
		if (!pg_is_named(t, s->given, i))
			continue;
		if (!first)
			s->copy.data[s->copy.size++] = '\t';
		first = false;
		add_value(&s->copy, &s->values[i], t->columns[i].form);
	}
	s->copy.data[s->copy.size++] = '\n';
	c->rows++;
	return s->copy.size >= PG_COPY_BYTES ? put(c, why) : ERR_OK;
}
