/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A table is read from the statement that is shipped for it, so what is judged is that module and
 * table go together. */
#include "standard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "crypto/sha256.h"
#include "project/row.h"
#include "project/sample.h"

#define FOLDER      TEST_VECTORS "/../../observers/"
#define FILE_BYTES  65536u
#define COLUMNS_MAX 32u

/* What of a column its type cannot say of itself. */
struct column {
	bool is_needed;
	bool is_number;
	const char *most; /* of its digits */
};

static const struct {
	const char *name, *table;
	enum hark_observer_cap_token token;
} observers[STANDARD_COUNT] = {
	[STANDARD_PG_EVENTS] = { "pg-events", "pg-events.sql", HARK_OBSERVER_TOKEN_PG_WRITE },
	[STANDARD_METRICS] = { "metrics", NULL, HARK_OBSERVER_TOKEN_METRIC_EMIT },
	[STANDARD_SESSIONS] = { "sessions", "sessions.sql", HARK_OBSERVER_TOKEN_PG_WRITE },
};

/* As its effects come. */
struct standard_judge {
	struct standard *standard;
	enum standard_name name;
	struct table table;
	struct column columns[COLUMNS_MAX];
	struct row_reader reader;
};

const char *
standard_name_of(enum standard_name name)
{
	return observers[name].name;
}

static size_t
read_file(const char *name, char out[FILE_BYTES])
{
	char path[512];
	size_t size;
	FILE *file;

	(void)snprintf(path, sizeof(path), FOLDER "%s", name);
	file = fopen(path, "rb");
	MUST(file != NULL);
	size = fread(out, 1, FILE_BYTES - 1, file);
	MUST(size > 0 && feof(file));
	(void)fclose(file);
	out[size] = '\0';
	return size;
}

/* ---- tables -------------------------------------------------------------------------------- */

/* A line such as "\tguest_pid BIGINT NOT NULL,". */
static void
read_column(struct standard_judge *j, char *line)
{
	char *name = strtok(line + 1, " ");
	char *type = strtok(NULL, " ,");
	char *rest = strtok(NULL, "");
	struct column *c = &j->columns[j->table.count];
	enum err e;

	MUST(name != NULL && type != NULL && j->table.count < COLUMNS_MAX);
	if (strcmp(name, "PRIMARY") == 0 || (rest != NULL && strstr(rest, "GENERATED") != NULL))
		return;
	*c = (struct column){
		.is_needed = rest != NULL && (strstr(rest, "NOT NULL") || strstr(rest, "PRIMARY")),
		.is_number = strncmp(type, "TEXT", 4) != 0,
		.most = strncmp(type, "BIGINT", 6) == 0 ? "9223372036854775807"
							: "18446744073709551615",
	};
	e = table_add(&j->table, (struct bytes){ (const uint8_t *)name, strlen(name) },
		      COLUMN_PLAIN, false);
	MUST(e == ERR_OK);
}

static void
read_table(struct standard_judge *j, const char *name)
{
	static char table[] = "t";
	const struct project_config config = { .table = table };
	static char text[FILE_BYTES];
	struct project_failure why;
	char *line, *next;
	enum err e;

	(void)read_file(name, text);
	for (line = text; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (line[0] == '\t')
			read_column(j, line);
	}
	MUST(j->table.count > 5);
	e = table_end(&j->table, &config, &why);
	MUST(e == ERR_OK);
	e = row_reader_init(&j->reader, &j->table);
	MUST(e == ERR_OK);
}

/* ---- effects ------------------------------------------------------------------------------- */

static bool
is_within(const struct row_value *v, const char *most)
{
	size_t sign = v->text[0] == '-';
	size_t digits = v->size - sign;
	size_t size = strlen(most);

	return digits < size || (digits == size && memcmp(v->text + sign, most, size) <= 0);
}

static const char *
judge_column(const struct column *c, const struct row_value *v, bool is_tight)
{
	if (v->kind == ROW_ABSENT || v->kind == ROW_NULL)
		return c->is_needed && !is_tight ? "a column that must be there is not" : NULL;
	if (c->is_number)
		return v->kind == ROW_NUMBER && is_within(v, c->most)
			       ? NULL
			       : "a column of numbers has no number that it takes";
	return v->kind == ROW_STRING || v->kind == ROW_NESTED ? NULL : "a text is none";
}

static void
judge_row(struct standard_judge *j, struct bytes payload)
{
	struct standard *s = j->standard;
	struct row_value values[COLUMNS_MAX];
	char error[ROW_ERROR_BYTES];
	enum err e = row_reader_begin(&j->reader, payload.size);
	size_t i;

	MUST(e == ERR_OK);
	/* With limits that leave room for no member there may be none. */
	if (s->is_tight && payload.size == 2)
		return;
	e = row_read(&j->reader, payload, values, error);
	if (e != ERR_OK)
		(void)snprintf(s->why, sizeof(s->why), "%.500s", error);
	for (i = 0; e == ERR_OK && i < j->table.count; i++) {
		const char *why = judge_column(&j->columns[i], &values[i], s->is_tight);

		if (why != NULL)
			(void)snprintf(s->why, sizeof(s->why), "%s: %s", j->table.columns[i].name,
				       why);
	}
}

static void
judge_sample(struct standard *s, struct bytes payload)
{
	static struct sample sample;
	char error[SAMPLE_ERROR_BYTES];
	const enum err e = sample_read(payload, "p_", &sample, error);

	MUST(e != ERR_MEMORY);
	if (e != ERR_OK && !s->is_tight)
		(void)snprintf(s->why, sizeof(s->why), "%s", error);
}

static int
execute(void *self, const void *bytes, size_t size)
{
	struct standard_judge *j = self;
	struct standard *s = j->standard;
	/* To the end of a block, so that one byte read past it is seen. */
	uint8_t *copy = malloc(size);

	MUST(copy != NULL && size < sizeof(s->last.bytes));
	memcpy(copy, bytes, size);
	s->effects++;
	if (s->why[0] == '\0' && j->name == STANDARD_METRICS)
		judge_sample(s, (struct bytes){ copy, size });
	else if (s->why[0] == '\0')
		judge_row(j, (struct bytes){ copy, size });
	memcpy(s->last.bytes, copy, size);
	s->last.bytes[size] = '\0';
	s->last.size = size;
	free(copy);
	return 0;
}

/* ---- running ------------------------------------------------------------------------------- */

static bool
open_one(struct standard *s, enum standard_name name, const struct hark_observer_limits *limits)
{
	const struct hark_observer_capability capability = { observers[name].token, execute,
							     &s->judges[name] };
	struct hark_observer_manifest manifest = {
		.tokens = HARK_OBSERVER_TOKEN_BIT(observers[name].token),
	};
	uint8_t digest[SHA256_BYTES];
	static char module[FILE_BYTES];
	char text[72] = "sha256:";
	enum hark_observer_error e;
	char file[64];
	size_t size, i;

	s->judges[name] = (struct standard_judge){ .standard = s, .name = name };
	if (observers[name].table != NULL)
		read_table(&s->judges[name], observers[name].table);
	(void)snprintf(file, sizeof(file), "%s.wasm", observers[name].name);
	size = read_file(file, module);
	sha256_of(module, size, digest);
	for (i = 0; i < sizeof(digest); i++)
		(void)snprintf(text + 7 + 2 * i, 3, "%02x", digest[i]);
	manifest.digest = (struct hark_text){ text, 71 };
	e = hark_observer_host_open_wasmtime(limits, &capability, 1, &s->hosts[name], NULL);
	if (e == HARK_OBSERVER_ENGINE)
		return false;
	MUST(e == HARK_OBSERVER_OK);
	e = hark_observer_host_register(&s->hosts[name], module, size, &manifest, NULL);
	MUST(e == HARK_OBSERVER_OK);
	return true;
}

bool
standard_open(struct standard *s, const struct hark_observer_limits *limits)
{
	unsigned int name;

	memset(s, 0, sizeof(*s));
	s->judges = calloc(STANDARD_COUNT, sizeof(s->judges[0]));
	MUST(s->judges != NULL);
	for (name = 0; name < STANDARD_COUNT; name++) {
		if (!open_one(s, (enum standard_name)name, limits)) {
			standard_close(s);
			return false;
		}
	}
	return true;
}

void
standard_close(struct standard *s)
{
	unsigned int name;

	for (name = 0; name < STANDARD_COUNT; name++) {
		hark_observer_host_close(&s->hosts[name]);
		row_reader_finish(&s->judges[name].reader);
		table_finish(&s->judges[name].table);
	}
	free(s->judges);
}

enum hark_observer_error
standard_invoke(struct standard *s, enum standard_name name,
		const struct hark_observer_event *events, size_t count,
		struct hark_observer_outcome *out)
{
	const struct hark_observer_context all = { HARK_OBSERVER_TOKENS_ALL };

	s->effects = 0;
	return hark_observer_host_invoke(&s->hosts[name], &all, events, count, out);
}

/* ---- events -------------------------------------------------------------------------------- */

void
standard_event(const struct hark_guest_declaration *said, uint64_t index, char *json, char *storage,
	       struct hark_observer_event *out)
{
	static char cell[HARK_ID_BYTES_MAX], run[HARK_ID_BYTES_MAX];
	static const char prefix[] = "host.example/evidence";
	const struct hark_event_origin origin = { { "/hark/h/evidence", 16 },
						  { prefix, sizeof(prefix) - 1 },
						  index };
	struct hark_stamped_declaration stamped;
	struct hark_host_stamp host;
	enum hark_telemetry_error e;
	enum hark_observer_error read;
	size_t size = 0;

	memset(cell, '"', sizeof(cell));
	memset(run, '\\', sizeof(run));
	e = hark_host_stamp_init((struct hark_text){ cell, sizeof(cell) },
				 (struct hark_text){ run, sizeof(run) }, hark_text_of(NULL), &host);
	MUST(e == HARK_TELEMETRY_OK);
	host.host_received_at = (struct hark_time){ 1795267200, 123456789 };
	host.has_epoch = true;
	host.epoch = UINT32_MAX;
	e = hark_stamp(said, &host, &stamped);
	MUST(e == HARK_TELEMETRY_OK);
	e = hark_event_from_stamped(&stamped, &origin, json, HARK_EVENT_BYTES_MAX, &size);
	MUST(e == HARK_TELEMETRY_OK);
	read = hark_observer_event_of((struct hark_text){ json, size }, storage, out);
	MUST(read == HARK_OBSERVER_OK);
}
