/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * MetricEmit: samples add up in the database, in the transaction of their batch; then they are
 * written out as a file for whoever collects such.  The file says what is committed, a second late
 * at the most; who reads it finds the old one whole or the new one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "os/store.h"
#include "project/capability.h"
#include "project/series.h"
#include "json/writer.h"

/* The host's own: samples that would have made a series over the limit. */
#define REFUSED_NAME  "hark_projector_samples_refused"
#define PREFIX_USUAL  "hark_observer_"
#define FILE_MODE     0644
#define FILE_EVERY_NS UINT64_C(1000000000)

struct metrics {
	struct series_set series;
	struct sample sample; /* the latest */
	struct sample refused;
	bool has_refused; /* there is a series of `refused` */
	bool changed;     /* in this batch */
	bool is_due;      /* the file is older than the database */
	bool is_failing;
	uint64_t next_ns; /* the file is not written before */
	struct buf text;
};

static void
metrics_close(void *state)
{
	struct metrics *m = state;

	if (m == NULL)
		return;
	series_finish(&m->series);
	buf_finish(&m->text);
	free(m);
}

/* ---- opening ------------------------------------------------------------------------------- */

static enum err
take_row(void *ctx, const struct bytes *columns, size_t count)
{
	struct metrics *m = ctx;
	enum err e;

	(void)count;
	if (columns[0].size == sizeof(REFUSED_NAME) - 1 &&
	    memcmp(columns[0].data, REFUSED_NAME, columns[0].size) == 0)
		m->has_refused = true;
	e = series_load(&m->series, columns[0], columns[1], columns[2], columns[3], columns[4]);
	return e == ERR_FORMAT ? ERR_REFUSED : e;
}

/* The series of what is refused has the observer's name as a label. */
static enum err
make_refused(struct metrics *m, const char *observer)
{
	char text[512];
	char error[SAMPLE_ERROR_BYTES];
	struct json_writer w;
	size_t size = 0;
	enum err e;

	json_writer_init(&w, text, sizeof(text));
	json_write_literal(&w, "{\"observer\":");
	json_write_string(&w, observer, strlen(observer));
	json_write_literal(&w, ",\"reason\":\"series_limit\"}");
	e = json_writer_finish(&w, &size);
	MUST(e == ERR_OK); /* an observer's name is short */
	(void)snprintf(m->refused.name, sizeof(m->refused.name), "%s", REFUSED_NAME);
	e = decimal_read("1", 1, &m->refused.value);
	if (e == ERR_OK)
		e = sample_read_labels((struct bytes){ (const uint8_t *)text, size }, &m->refused,
				       error);
	MUST(e == ERR_OK || e == ERR_MEMORY);
	return e;
}

static enum err
metrics_open(const struct capability_context *c, void **state, struct project_failure *why)
{
	struct database_value observer = database_text(c->config->observer);
	struct metrics *m = calloc(1, sizeof(*m));
	/* The host's own is beside the limit. */
	struct database_answer answer = {
		.fn = take_row, .ctx = m, .columns = 5, .most = PROJECT_SERIES_MAX + 1
	};
	enum err e;

	if (m == NULL)
		return ERR_MEMORY;
	project_say(why, "hark_metrics holds what no projector has written");
	e = make_refused(m, c->config->observer);
	if (e == ERR_OK)
		e = database_ask(c->db,
				 "SELECT name, labels, type, value, buckets FROM hark_metrics "
				 "WHERE observer = $1",
				 &observer, 1, &answer, NULL, why);
	if (e != ERR_OK) {
		metrics_close(m);
		return e;
	}
	/* After a crash the file may be behind. */
	m->is_due = c->config->metric_file != NULL;
	*state = m;
	return ERR_OK;
}

/* ---- samples ------------------------------------------------------------------------------- */

static enum err
metrics_execute(const struct capability_context *c, void *state, const struct effect *effect,
		struct project_failure *why)
{
	const char *prefix =
		c->config->metric_prefix != NULL ? c->config->metric_prefix : PREFIX_USUAL;
	/* The host's own is beside the limit. */
	size_t most = (size_t)c->config->metric_series;
	char error[SAMPLE_ERROR_BYTES] = "";
	struct metrics *m = state;
	enum err e;

	(void)why;
	e = sample_read(effect->payload, prefix, &m->sample, error);
	if (e == ERR_OK && strcmp(m->sample.name, REFUSED_NAME) == 0) {
		(void)snprintf(error, sizeof(error), "this name is the host's own");
		e = ERR_FORMAT;
	}
	if (e == ERR_OK)
		e = series_apply(&m->series, &m->sample, most + m->has_refused, error);
	if (e == ERR_LIMIT) {
		e = series_apply(&m->series, &m->refused, SIZE_MAX, error);
		m->has_refused = m->has_refused || e == ERR_OK;
	}
	if (e == ERR_FORMAT)
		return c->refuse(c->refuse_ctx, effect, error);
	m->changed = m->changed || e == ERR_OK;
	return e;
}

static enum err
store(const struct capability_context *c, const struct series *s, struct project_failure *why)
{
	char value[DECIMAL_TEXT_BYTES];
	char buckets[SERIES_BUCKETS_BYTES];
	struct database_value values[] = {
		database_text(c->config->observer), database_text(s->name),
		database_text(s->labels),           database_text(sample_type_name(s->type)),
		{ .kind = DATABASE_TEXT },          { .kind = DATABASE_TEXT }
	};

	(void)decimal_write(s->value, value);
	series_write_buckets(s, buckets);
	values[4] = database_text(value);
	values[5] = database_text(buckets);
	return database_tell(c->db,
			     "INSERT INTO hark_metrics (observer, name, labels, type, value, "
			     "buckets) VALUES ($1, $2, $3, $4, $5, $6) "
			     "ON CONFLICT (observer, name, labels) DO UPDATE "
			     "SET value = excluded.value, buckets = excluded.buckets",
			     values, 6, why);
}

static enum err
metrics_before_commit(const struct capability_context *c, void *state, struct project_failure *why)
{
	struct metrics *m = state;
	enum err e = ERR_OK;
	size_t i;

	if (!m->changed)
		return ERR_OK;
	for (i = 0; e == ERR_OK && i < m->series.count; i++) {
		struct series *s = m->series.items[i];

		if (s->changed)
			e = store(c, s, why);
		s->changed = false;
	}
	return e;
}

/* ---- the file ------------------------------------------------------------------------------ */

static void
metrics_after_commit(const struct capability_context *c, void *state)
{
	struct metrics *m = state;

	m->is_due = m->is_due || (m->changed && c->config->metric_file != NULL);
	m->changed = false;
}

static void
tell(const struct capability_context *c, struct metrics *m, enum err e)
{
	char line[512];

	if (m->is_failing == (e != ERR_OK))
		return;
	m->is_failing = e != ERR_OK;
	(void)snprintf(line, sizeof(line), "%.300s %s%s", c->config->metric_file,
		       e == ERR_OK ? "is written again" : "cannot be written: ",
		       e == ERR_OK       ? ""
		       : e == ERR_SYSTEM ? strerror(errno)
					 : err_text(e));
	c->environment->line(c->environment->line_ctx, line);
}

static uint64_t
metrics_turn(const struct capability_context *c, void *state)
{
	struct metrics *m = state;
	const char *slash;
	enum err e;

	if (!m->is_due)
		return UINT64_MAX;
	if (c->now_ns < m->next_ns)
		return m->next_ns;
	buf_clear(&m->text);
	slash = strrchr(c->config->metric_file, '/');
	e = series_write(&m->series, &m->text);
	if (e == ERR_OK)
		e = store_replace(c->environment->metric_dirfd,
				  slash != NULL ? slash + 1 : c->config->metric_file, FILE_MODE,
				  m->text.data, m->text.size);
	tell(c, m, e);
	m->is_due = e != ERR_OK;
	m->next_ns = c->now_ns + FILE_EVERY_NS;
	return m->is_due ? m->next_ns : UINT64_MAX;
}

const struct capability capability_metrics = {
	.token = HARK_OBSERVER_TOKEN_METRIC_EMIT,
	.name = "MetricEmit",
	.open = metrics_open,
	.execute = metrics_execute,
	.before_commit = metrics_before_commit,
	.after_commit = metrics_after_commit,
	.turn = metrics_turn,
	.close = metrics_close,
};
