/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Observers: what an entry says, the exact words of each refusal, and that its text reads back. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "unit.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "blake3:" HEX
#define MINE   "name: o\nmodule: /m\ndigest: " DIGEST "\n"

static const char full[] =
	"name: pg-1\n"
	"module: /m/pg.wasm\n"
	"digest: sha256:" HEX "\n"
	"engine: noop\n"
	"grants: [Log, PgWrite, MetricEmit, KmsReceipt]\n"
	"filter:\n"
	"  cells: [c0, c1]\n"
	"  types: ['dev.hark.events.*', \"quoted\\\"type\"]\n"
	"  sources: [process.exec, \"\\u00e9\\U0001F600\"]\n"
	"limits: {fuel: 18446744073709551615, wall_ms: 5, memory_bytes: 64KiB,\n"
	"  table_elements: 7, stack_bytes: 8192, payload_bytes: 9, effects: 10,\n"
	"  effect_bytes: 11MiB, module_bytes: 12KiB, compile_ms: 13}\n"
	"batch: 17\n"
	"strikes: 5\n"
	"on_trap: stop\n"
	"from: 42\n"
	"projection: postgres://u:p%40w@h:5/db?sslmode=require\n"
	"pg: {table: public.events, key: [a, B_2], create: /sql}\n"
	"metric: {file: /metrics, prefix: 'hark:x_', series: 9}\n"
	"kms: {file: /receipts}\n"
	"log: {lines_per_s: 3}\n";

static void
read_good(const char *text, struct config_observer *o)
{
	struct config_failure why;
	enum err e = config_observer_read("m", text, strlen(text), "/data", o, &why);

	if (e != ERR_OK)
		fail_msg("%s: %s", text, why.text);
}

static void
check_full(const struct config_observer *o)
{
	const struct hark_observer_limits *l = &o->limits;

	assert_string_equal(o->name, "pg-1");
	assert_string_equal(o->module, "/m/pg.wasm");
	assert_string_equal(o->digest, "sha256:" HEX);
	assert_true(o->noop && o->stop_on_trap);
	assert_int_equal(o->tokens, HARK_OBSERVER_TOKENS_ALL);
	assert_int_equal(o->cells.count, 2);
	assert_string_equal(o->cells.texts[1], "c1");
	assert_int_equal(o->types.count, 2);
	assert_string_equal(o->types.texts[0], "dev.hark.events.*");
	assert_string_equal(o->types.texts[1], "quoted\"type");
	assert_string_equal(o->sources.texts[1], "\xc3\xa9\xf0\x9f\x98\x80");
	assert_true(l->fuel == UINT64_MAX && l->wall_ms == 5 && l->memory_bytes == 65536 &&
		    l->table_elements == 7 && l->stack_bytes == 8192 && l->payload_bytes == 9 &&
		    l->effects == 10 && l->effect_bytes == 11 << 20 && l->module_bytes == 12288 &&
		    l->compile_ms == 13);
	assert_true(o->batch == 17 && o->strikes == 5 && o->from == 42);
	assert_string_equal(o->projection, "postgres://u:p%40w@h:5/db?sslmode=require");
	assert_string_equal(o->table, "public.events");
	assert_int_equal(o->key.count, 2);
	assert_string_equal(o->key.texts[1], "B_2");
	assert_string_equal(o->create, "/sql");
	assert_string_equal(o->metric_file, "/metrics");
	assert_string_equal(o->metric_prefix, "hark:x_");
	assert_int_equal(o->metric_series, 9);
	assert_string_equal(o->receipt_file, "/receipts");
	assert_int_equal(o->log_lines_per_s, 3);
}

static void
all_is_read_and_reads_back(void **state)
{
	struct config_observer o, again;
	struct buf text = { 0 };
	struct config_failure why;

	(void)state;
	read_good(full, &o);
	check_full(&o);
	assert_int_equal(config_observer_write(&o, true, &text), ERR_OK);
	assert_int_equal(config_observer_read("m", text.data, text.size, "/data", &again, &why),
			 ERR_OK);
	check_full(&again);
	assert_true(config_observer_is_same(&o, &again));
	again.batch++;
	assert_false(config_observer_is_same(&o, &again));
	config_observer_finish(&again);
	config_observer_finish(&again);
	config_observer_finish(NULL);
	config_observer_finish(&o);
	buf_finish(&text);
}

static void
what_is_not_said_has_its_default(void **state)
{
	struct hark_observer_limits usual = {
#define LIMIT(name, words, usual, most) .name = (usual),
		HARK_OBSERVER_LIMITS(LIMIT)
#undef LIMIT
	};
	struct config_observer o;

	(void)state;
	read_good(MINE "grants: [Log, MetricEmit]\nmetric: {file: /f, prefix: p}\n", &o);
	assert_false(o.noop || o.stop_on_trap);
	assert_memory_equal(&o.limits, &usual, sizeof(usual));
	assert_true(o.batch == 1024 && o.strikes == 3 && o.from == 0);
	assert_string_equal(o.projection, "sqlite:/data-projections/o/projection.sqlite");
	assert_true(o.cells.count == 0 && o.key.count == 0 && o.table == NULL && o.create == NULL);
	assert_int_equal(o.metric_series, 1000);
	assert_int_equal(o.log_lines_per_s, 10);
	config_observer_finish(&o);
	read_good(MINE, &o);
	assert_true(o.tokens == 0 && o.log_lines_per_s == 0 && o.metric_series == 0);
	config_observer_finish(&o);
}

static void
nothing_secret_is_shown(void **state)
{
	char json[8192];
	struct config_observer o;
	struct buf text = { 0 };
	struct json_writer w;
	size_t size = 0;

	(void)state;
	read_good(full, &o);
	assert_int_equal(config_observer_write(&o, false, &text), ERR_OK);
	assert_int_equal(buf_append(&text, "", 1, SIZE_MAX), ERR_OK);
	assert_non_null(strstr((const char *)text.data, "postgres://u:***@h:5/db?...\"\n"));
	assert_null(strstr((const char *)text.data, "p%40w"));
	json_writer_init(&w, json, sizeof(json));
	config_observer_json(&o, &w);
	assert_int_equal(json_writer_finish(&w, &size), ERR_OK);
	json[size] = '\0';
	assert_string_equal(
		json,
		"{\"batch\":17,\"digest\":\"sha256:" HEX "\",\"engine\":\"noop\","
		"\"filter\":{\"cells\":[\"c0\",\"c1\"],"
		"\"sources\":[\"process.exec\",\"\xc3\xa9\xf0\x9f\x98\x80\"],"
		"\"types\":[\"dev.hark.events.*\",\"quoted\\\"type\"]},\"from\":\"42\","
		"\"grants\":[\"PgWrite\",\"MetricEmit\",\"KmsReceipt\",\"Log\"],"
		"\"kms\":{\"file\":\"/receipts\"},\"limits\":{\"compile_ms\":\"13\","
		"\"effect_bytes\":\"11534336\",\"effects\":\"10\","
		"\"fuel\":\"18446744073709551615\",\"memory_bytes\":\"65536\","
		"\"module_bytes\":\"12288\",\"payload_bytes\":\"9\",\"stack_bytes\":\"8192\","
		"\"table_elements\":\"7\",\"wall_ms\":\"5\"},\"log\":{\"lines_per_s\":3},"
		"\"metric\":{\"file\":\"/metrics\",\"prefix\":\"hark:x_\",\"series\":9},"
		"\"module\":\"/m/pg.wasm\",\"name\":\"pg-1\",\"on_trap\":\"stop\","
		"\"pg\":{\"create\":\"/sql\",\"key\":[\"a\",\"B_2\"],\"table\":\"public.events\"},"
		"\"projection\":\"postgres://u:***@h:5/db?...\",\"strikes\":5}");
	config_observer_finish(&o);
	buf_finish(&text);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static const struct {
	const char *rule, *text;
	enum err want;
	const char *why;
} refusals[] = {
	{ "nothing", "", ERR_MISSING, "m:1:1: there is no observer; write 'name: ...'" },
	{ "a list", "- name: o\n", ERR_FORMAT,
	  "m:1:1: a list instead of keys of an observer; write 'key: value'" },
	{ "no name", "module: /m\ndigest: " DIGEST "\n", ERR_MISSING,
	  "m:1:1: no 'name' of an observer; give one" },
	{ "no module", "name: o\ndigest: " DIGEST "\n", ERR_MISSING,
	  "m:1:1: no 'module' of an observer; give one" },
	{ "no digest", "name: o\nmodule: /m\n", ERR_MISSING,
	  "m:1:1: no 'digest' of an observer; give one" },
	{ "unknown, near", MINE "stikes: 3\n", ERR_FORMAT,
	  "m:4:1: unknown key 'stikes' of an observer; did you mean 'strikes'?" },
	{ "unknown, far", MINE "priority: 3\n", ERR_FORMAT,
	  "m:4:1: unknown key 'priority' of an observer; hark.yaml(5) has those that there are" },
	{ "unknown limit", MINE "limits: {wall_s: 1}\n", ERR_FORMAT,
	  "m:4:10: unknown key 'wall_s' of 'limits'; did you mean 'wall_ms'?" },
	{ "twice", MINE "name: p\n", ERR_DUPLICATE,
	  "m:4:1: 'name' is given twice, first in line 1; take one out" },
	{ "a name of 65", "name: " HEX "0\n", ERR_RANGE,
	  "m:1:7: '" HEX "0' is no value of 'name'; give 1 to 64 letters, digits and ._:@-, "
	  "neither '.' nor '-' first, and not .new, .off or .cursor at its end" },
	{ "a name of ours", "name: a.cursor\n", ERR_RANGE,
	  "m:1:7: 'a.cursor' is no value of 'name'; give 1 to 64 letters, digits and ._:@-, "
	  "neither '.' nor '-' first, and not .new, .off or .cursor at its end" },
	{ "a relative module", "name: o\nmodule: m\n", ERR_RANGE,
	  "m:2:9: 'm' is no value of 'module'; give an absolute path of at most 4095 bytes" },
	{ "a digest in upper case", "name: o\ndigest: blake3:0123456789ABCDEF\n", ERR_RANGE,
	  "m:2:9: 'blake3:0123456789ABCDEF' is no value of 'digest'; give blake3: or sha256: and "
	  "64 lower-case hex digits behind it" },
	{ "a digest of another kind", "name: o\ndigest: sha512:" HEX "\n", ERR_RANGE,
	  "m:2:9: 'sha512:" HEX "' is no value of 'digest'; give blake3: or sha256: and 64 "
	  "lower-case hex digits behind it" },
	{ "an engine", MINE "engine: v8\n", ERR_FORMAT,
	  "m:4:9: 'v8' is no value of 'engine'; give noop or wasmtime, without quotes" },
	{ "a grant", MINE "grants: [Root]\n", ERR_RANGE,
	  "m:4:10: 'Root' is no value of 'grants'; give PgWrite, MetricEmit, KmsReceipt or Log" },
	{ "a grant and NUL", MINE "grants: [\"Log\\0\"]\n", ERR_RANGE,
	  "m:4:10: 'Log\\x00' is no value of 'grants'; give PgWrite, MetricEmit, KmsReceipt or "
	  "Log" },
	{ "a grant twice", MINE "grants: [Log, Log]\n", ERR_DUPLICATE,
	  "m:4:15: 'Log' stands in 'grants' twice; take one out" },
	{ "grants as a word", MINE "grants: Log\n", ERR_FORMAT,
	  "m:4:9: 'grants' has a single value; give it a list: [ONE, ANOTHER]" },
	{ "a list of lists", MINE "filter: {cells: [[a]]}\n", ERR_FORMAT,
	  "m:4:18: a list in 'cells'; give it single values" },
	{ "no cells", MINE "filter: {cells: []}\n", ERR_RANGE,
	  "m:4:17: 'cells' is empty; fill it or take it out" },
	{ "a cell's name", MINE "filter: {cells: [a/b]}\n", ERR_RANGE,
	  "m:4:18: 'a/b' is no value of 'cells'; give 1 to 128 letters, digits and ._:@-, neither "
	  "'.' nor '-' first" },
	{ "a cell twice", MINE "filter: {cells: [a, b, a]}\n", ERR_DUPLICATE,
	  "m:4:24: 'a' stands in 'cells' twice; take one out" },
	{ "a type with a blank", MINE "filter: {types: ['a b']}\n", ERR_RANGE,
	  "m:4:18: 'a b' is no value of 'types'; give 1 to 256 bytes without blanks and control "
	  "characters" },
	{ "no fuel", MINE "limits: {fuel: 0}\n", ERR_RANGE,
	  "m:4:16: '0' is no value of 'fuel'; give a number from 1 to 18446744073709551615" },
	{ "fuel in bytes", MINE "limits: {fuel: 1KiB}\n", ERR_FORMAT,
	  "m:4:16: '1KiB' is no value of 'fuel'; give a number from 1 to 18446744073709551615" },
	{ "no clock", MINE "limits: {wall_ms: 0}\n", ERR_RANGE,
	  "m:4:19: '0' is no value of 'wall_ms'; give a number from 1 to 3600000" },
	{ "too much memory", MINE "limits: {memory_bytes: 2GiB}\n", ERR_RANGE,
	  "m:4:24: '2GiB' is no value of 'memory_bytes'; give a number from 1 to 1073741824, with "
	  "KiB, MiB or GiB behind it or not" },
	{ "an effect over all", MINE "limits: {payload_bytes: 2, effect_bytes: 1}\n", ERR_RANGE,
	  "m:1:1: 'payload_bytes' is more than 'effect_bytes'; lower the one or raise the other" },
	{ "a batch", MINE "batch: 1025\n", ERR_RANGE,
	  "m:4:8: '1025' is no value of 'batch'; give a number from 1 to 1024" },
	{ "strikes", MINE "strikes: 0\n", ERR_RANGE,
	  "m:4:10: '0' is no value of 'strikes'; give a number from 1 to 1000" },
	{ "a trap", MINE "on_trap: retry\n", ERR_FORMAT,
	  "m:4:10: 'retry' is no value of 'on_trap'; give stop or skip, without quotes" },
	{ "a projection", MINE "projection: mysql://h\n", ERR_RANGE,
	  "m:4:13: 'mysql://h' is no value of 'projection'; give sqlite:/PATH, postgresql://... or "
	  "postgres://... of at most 4095 bytes" },
	{ "a folder as a projection", MINE "projection: 'sqlite:/x/'\n", ERR_RANGE,
	  "m:4:13: 'sqlite:/x/' is no value of 'projection'; give sqlite:/PATH, postgresql://... "
	  "or "
	  "postgres://... of at most 4095 bytes" },
	{ "below the data", MINE "projection: 'sqlite:/x/..//data/./y'\n", ERR_RANGE,
	  "m:1:1: 'projection' is below the data directory, or too long: observers write nothing "
	  "there; give another path" },
	{ "metrics below the data",
	  MINE "grants: [MetricEmit]\nmetric: {file: /data/m, prefix: p}\n", ERR_RANGE,
	  "m:1:1: 'file' of 'metric' is below the data directory, or too long: observers write "
	  "nothing there; give another path" },
	{ "PgWrite without pg", MINE "grants: [PgWrite]\n", ERR_MISSING,
	  "m:1:1: this observer is granted PgWrite without 'pg'; say into which 'table' of 'pg'" },
	{ "MetricEmit without metric", MINE "grants: [MetricEmit]\n", ERR_MISSING,
	  "m:1:1: this observer is granted MetricEmit without 'metric'; give 'metric' its 'file' "
	  "and 'prefix'" },
	{ "KmsReceipt without kms", MINE "grants: [KmsReceipt]\n", ERR_MISSING,
	  "m:1:1: this observer is granted KmsReceipt without 'kms'; give 'kms' its 'file'" },
	{ "pg without PgWrite", MINE "pg: {table: t}\n", ERR_MISSING,
	  "m:1:1: 'pg' is for PgWrite, which is not in 'grants'; grant it, or take 'pg' out" },
	{ "log without Log", MINE "log: {lines_per_s: 1}\n", ERR_MISSING,
	  "m:1:1: 'log' is for Log, which is not in 'grants'; grant it, or take 'log' out" },
	{ "pg without a table", MINE "grants: [PgWrite]\npg: {key: [a]}\n", ERR_MISSING,
	  "m:5:5: no 'table' of 'pg'; give one" },
	{ "a table with SQL in it", MINE "pg: {table: \"t; DROP\"}\n", ERR_RANGE,
	  "m:4:13: 't; DROP' is no value of 'table'; give NAME or SCHEMA.NAME, each of 1 to 63 "
	  "letters, digits and '_', no digit first" },
	{ "a table's name of 64", MINE "pg: {table: a.a" HEX "}\n", ERR_RANGE,
	  "m:4:13: 'a.a" HEX "' is no value of 'table'; give NAME or SCHEMA.NAME, each of 1 to "
	  "63 letters, digits and '_', no digit first" },
	{ "three parts of a table", MINE "pg: {table: a.b.c}\n", ERR_RANGE,
	  "m:4:13: 'a.b.c' is no value of 'table'; give NAME or SCHEMA.NAME, each of 1 to 63 "
	  "letters, digits and '_', no digit first" },
	{ "a column that is none", MINE "pg: {key: [1a]}\n", ERR_RANGE,
	  "m:4:12: '1a' is no value of 'key'; give 1 to 63 letters, digits and '_', no digit "
	  "first" },
	{ "a prefix of metrics", MINE "metric: {prefix: a-b}\n", ERR_RANGE,
	  "m:4:18: 'a-b' is no value of 'prefix'; give 1 to 64 letters, digits, '_' and ':', no "
	  "digit first" },
	{ "two of them", MINE "---\n" MINE, ERR_FORMAT,
	  "m:4:1: a second document; a file has one, so take out '---'" },
};

static void
refusals_say_where_and_what(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(refusals); i++) {
		struct config_observer o = { .batch = 77 };
		struct config_failure why;
		enum err e = config_observer_read("m", refusals[i].text, strlen(refusals[i].text),
						  "/data", &o, &why);

		if (e != refusals[i].want || strcmp(why.text, refusals[i].why) != 0)
			fail_msg("%s: %s: %s", refusals[i].rule, err_text(e), why.text);
		assert_int_equal(o.batch, 77);
	}
}

/* So many cells that the whole is larger than a message. */
static void
one_that_says_too_much_is_refused(void **state)
{
	char text[65536];
	struct config_observer o;
	struct config_failure why;
	size_t size = (size_t)snprintf(text, sizeof(text), MINE "filter:\n  cells:\n");
	unsigned int i;

	(void)state;
	for (i = 0; i < 300; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size, "  - %0100u\n", i);
	assert_int_equal(config_observer_read("m", text, size, "/data", &o, &why), ERR_LIMIT);
	assert_string_equal(why.text, "m:1:1: this observer says more than 28672 bytes; filter by "
				      "fewer");
	size = (size_t)snprintf(text, sizeof(text), MINE "filter:\n  cells:\n");
	for (i = 0; i < 1025; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size, "  - %u\n", i);
	assert_int_equal(config_observer_read("m", text, size, "/data", &o, &why), ERR_LIMIT);
	assert_string_equal(why.text, "m:1030:5: more than 1024 in 'cells'; take some out");
}

static void
nothing_cut_or_flipped_breaks_it(void **state)
{
	char text[sizeof(full)];
	struct config_observer o;
	struct config_failure why;
	unsigned int bit;
	size_t i;

	(void)state;
	for (i = 0; i < 8 * (sizeof(full) - 1); i++) {
		struct buf again = { 0 };
		struct config_observer second;

		bit = i % 8;
		memcpy(text, full, sizeof(full));
		text[i / 8] = (char)(text[i / 8] ^ (1 << bit));
		if (config_observer_read("m", text, sizeof(full) - 1, "/data", &o, &why) !=
		    ERR_OK) {
			assert_int_equal(strncmp(why.text, "m:", 2), 0);
			continue;
		}
		/* What is taken reads back as the same. */
		assert_int_equal(config_observer_write(&o, true, &again), ERR_OK);
		if (config_observer_read("m", again.data, again.size, "/data", &second, &why) !=
		    ERR_OK)
			fail_msg("byte %zu, bit %u: %s", i / 8, bit, why.text);
		assert_true(config_observer_is_same(&o, &second));
		config_observer_finish(&second);
		config_observer_finish(&o);
		buf_finish(&again);
	}
	for (i = 0; i < sizeof(full) - 1; i++) {
		if (config_observer_read("m", full, i, "/data", &o, &why) == ERR_OK)
			config_observer_finish(&o);
		else
			assert_int_equal(strncmp(why.text, "m:", 2), 0);
	}
}

/* ---- projections and paths ----------------------------------------------------------------- */

static void
projections_are_shown_without_secrets(void **state)
{
	static const struct {
		const char *rule, *text, *shown;
		bool secret;
	} rows[] = {
		{ "SQLite", "sqlite:/a:b@c?d", "sqlite:/a:b@c?d", false },
		{ "no user", "postgresql://h/db", "postgresql://h/db", false },
		{ "a user", "postgresql://u@h/db", "postgresql://u@h/db", false },
		{ "a password", "postgresql://u:p@h/db", "postgresql://u:***@h/db", true },
		{ "no user's password", "postgres://:p@h/db", "postgres://:***@h/db", true },
		{ "one with an @", "postgresql://u:p@q@h/db", "postgresql://u:***@h/db", true },
		{ "one with a colon", "postgresql://u:p:q@h", "postgresql://u:***@h", true },
		{ "a port", "postgresql://u@h:5432/db", "postgresql://u@h:5432/db", false },
		{ "a parameter", "postgresql://h/db?sslmode=disable", "postgresql://h/db?...",
		  false },
		{ "as a parameter", "postgresql://h/db?password=p", "postgresql://h/db?...", true },
		{ "written otherwise", "postgresql:///db?p%61ssword=p", "postgresql:///db?...",
		  true },
		{ "sslpassword", "postgres://h/?a=b&sslpassword=p", "postgres://h/?...", true },
		{ "a socket's path", "postgresql://u@/d?host=%2Frun", "postgresql://u@/d?...",
		  false },
		{ "the word as a value", "postgresql://h/d?a=password", "postgresql://h/d?...",
		  false },
		{ "a broken %", "postgresql://h/d?pass%zword=p&%", "postgresql://h/d?...", false },
		{ "an @ in a parameter", "postgresql:///db?host=a@b:c", "postgresql:///db?...",
		  false },
		{ "a fragment", "postgresql://h/db#p", "postgresql://h/db?...", false },
	};
	char shown[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		assert_true(config_projection_is_good(rows[i].text, strlen(rows[i].text)));
		config_projection_shown(rows[i].text, shown, sizeof(shown));
		if (strcmp(shown, rows[i].shown) != 0 ||
		    config_projection_has_secret(rows[i].text) != rows[i].secret)
			fail_msg("%s: %s", rows[i].rule, shown);
	}
	config_projection_shown("postgresql://u:p@h/database", shown, 20);
	assert_string_equal(shown, "postgresql://u:***@");
	assert_null(config_projection_path("postgresql://h/db"));
	assert_string_equal(config_projection_path("sqlite:/a"), "/a");
}

static void
below_is_seen_through_dots(void **state)
{
	static const struct {
		const char *path, *folder;
		bool want;
	} rows[] = {
		{ "/data/x", "/data", true },
		{ "/data", "/data", true },
		{ "/data-projections/x", "/data", false },
		{ "/dat", "/data", false },
		{ "//data///x", "/data/", true },
		{ "/a/../data/x", "/data", true },
		{ "/data/../x", "/data", false },
		{ "/./data/./x", "/data/.", true },
		{ "/../../data/x", "/data", true },
		{ "/data/x", "/a/../data", true },
		{ "/x", "/", true },
		{ "/data/.../x", "/data/..", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		if (config_path_is_below(rows[i].path, rows[i].folder) != rows[i].want)
			fail_msg("%s below %s", rows[i].path, rows[i].folder);
	}
}

/* ---- in a configuration -------------------------------------------------------------------- */

#define LIST "data: /d\nobservers:\n"

static void
a_list_of_them(void **state)
{
	static const struct {
		const char *rule, *text;
		enum err want;
		const char *why;
	} rows[] = {
		{ "a value", "observers: o\n", ERR_FORMAT,
		  "f:1:12: 'observers' has a single value; give it a list: '- name: ...'" },
		{ "the same name",
		  LIST "- {name: o, module: /m, digest: '" DIGEST "'}\n"
		       "- {name: o, module: /n, digest: '" DIGEST "'}\n",
		  ERR_DUPLICATE,
		  "f:4:3: the name of this observer is that of observer 'o', line 3 of this file; "
		  "change one" },
		{ "the same metrics",
		  LIST "- {name: o, module: /m, digest: '" DIGEST "', grants: [MetricEmit], "
		       "metric: {file: /f, prefix: p}}\n"
		       "- {name: p, module: /m, digest: '" DIGEST "', grants: [MetricEmit], "
		       "metric: {file: /f, prefix: q}}\n",
		  ERR_DUPLICATE,
		  "f:4:3: the metric's file of this observer is that of observer 'o', line 3 of "
		  "this file; change one" },
		{ "below the data, which comes later",
		  "observers:\n- {name: o, module: /m, digest: '" DIGEST
		  "', projection: 'sqlite:/d/x'}\ndata: /d\n",
		  ERR_RANGE,
		  "f:2:3: 'projection' is below the data directory, or too long: observers write "
		  "nothing there; give another path" },
	};
	struct config_failure why;
	struct config c;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		enum err e = config_parse("f", rows[i].text, strlen(rows[i].text), &c, &why);

		if (e != rows[i].want || strcmp(why.text, rows[i].why) != 0)
			fail_msg("%s: %s: %s", rows[i].rule, err_text(e), why.text);
	}
	{
		static const char text[] =
			"observers:\n- {name: o, module: /m, digest: '" DIGEST "'}\ndata: /d/\n";

		assert_int_equal(config_parse("f", text, strlen(text), &c, &why), ERR_OK);
		assert_int_equal(c.observer_count, 1);
		assert_string_equal(c.observers[0].projection,
				    "sqlite:/d-projections/o/projection.sqlite");
		config_finish(&c);
	}
}

static void
a_password_is_not_for_everybody(void **state)
{
	static const char text[] = LIST "- name: o\n  module: /m\n  digest: " DIGEST
					"\n  projection: postgresql://u:p@h/db\n";
	char path[] = "/tmp/hark-unit-XXXXXX";
	struct config_failure why;
	struct config c;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(config_read(path, &c, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, ":3:3: the projection of this observer has a password, "
					 "and everybody may read this file; chmod o= it"));
	assert_int_equal(fchmod(fd, 0640), 0);
	assert_int_equal(config_read(path, &c, &why), ERR_OK);
	config_finish(&c);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
}

static void
put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void
drop_ins_add_observers(void **state)
{
	char folder[] = "/tmp/hark-unit-XXXXXX";
	char path[64], below[64], drop[96];
	struct config_failure why;
	struct config c;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/h.yaml", folder);
	(void)snprintf(below, sizeof(below), "%s/h.yaml.d", folder);
	(void)snprintf(drop, sizeof(drop), "%s/1.yaml", below);
	assert_int_equal(mkdir(below, 0700), 0);
	put(path, LIST "- {name: o, module: /m, digest: '" DIGEST "'}\n", 0600);
	put(drop, "observers:\n- {name: p, module: /m, digest: '" DIGEST "'}\n", 0644);
	assert_int_equal(config_read(path, &c, &why), ERR_OK);
	assert_int_equal(c.observer_count, 2);
	assert_string_equal(c.observers[1].name, "p");
	assert_string_equal(c.observers[1].projection, "sqlite:/d-projections/p/projection.sqlite");
	config_finish(&c);
	put(drop, "observers:\n- {name: o, module: /m, digest: '" DIGEST "'}\n", 0644);
	assert_int_equal(config_read(path, &c, &why), ERR_DUPLICATE);
	assert_non_null(strstr(why.text, "/1.yaml:2:3: the name of this observer is that of "
					 "observer 'o', line 3 of an earlier file; change one"));
	/* A password where everybody may read counts in each file by itself. */
	put(drop,
	    "observers:\n- {name: p, module: /m, digest: '" DIGEST "', projection: "
	    "'postgresql://u:p@h'}\n",
	    0644);
	assert_int_equal(config_read(path, &c, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "/1.yaml:2:3: "));
	assert_int_equal(chmod(drop, 0600), 0);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(config_read(path, &c, &why), ERR_OK);
	config_finish(&c);
	/* What leads below the data directory is said where it stands, though that is known last.
	 */
	put(drop,
	    "observers:\n- {name: p, module: /m, digest: '" DIGEST "', projection: "
	    "'sqlite:/d/x'}\n",
	    0600);
	assert_int_equal(config_read(path, &c, &why), ERR_RANGE);
	assert_non_null(strstr(why.text, "/1.yaml:2:3: 'projection' is below"));
	put(path, LIST "- {name: o, module: /m, digest: '" DIGEST "', projection: 'sqlite:/d/x'}\n",
	    0600);
	put(drop, "host: h\n", 0600);
	assert_int_equal(config_read(path, &c, &why), ERR_RANGE);
	assert_non_null(strstr(why.text, "/h.yaml:3:3: 'projection' is below"));
	assert_int_equal(unlink(drop), 0);
	assert_int_equal(rmdir(below), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_read_and_reads_back),
		cmocka_unit_test(what_is_not_said_has_its_default),
		cmocka_unit_test(nothing_secret_is_shown),
		cmocka_unit_test(refusals_say_where_and_what),
		cmocka_unit_test(one_that_says_too_much_is_refused),
		cmocka_unit_test(nothing_cut_or_flipped_breaks_it),
		cmocka_unit_test(projections_are_shown_without_secrets),
		cmocka_unit_test(below_is_seen_through_dots),
		cmocka_unit_test(a_list_of_them),
		cmocka_unit_test(a_password_is_not_for_everybody),
		cmocka_unit_test(drop_ins_add_observers),
	};

	return cmocka_run_group_tests_name("config/observer", tests, NULL, NULL);
}
