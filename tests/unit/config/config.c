/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The configuration: what it says, and the exact words of each refusal. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "unit.h"
#include "whole.h"

static void
everything_is_read(void **state)
{
	struct config_failure why;
	struct config c;

	(void)state;
	assert_int_equal(config_parse("f", whole, strlen(whole), &c, &why), ERR_OK);
	assert_string_equal(c.data, "/srv/hark");
	assert_string_equal(c.run, "/run/hark test");
	assert_string_equal(c.host, "node-1.example");
	assert_true(c.require_confinement && c.receivers_shared);
	assert_int_equal(c.shared_cells_max, 12);
	assert_int_equal(c.segment_bytes, 8 << 20);
	assert_int_equal(c.batch_bytes, 262144);
	assert_int_equal(c.commit_us, 2500);
	assert_int_equal(c.checkpoint_ms, 500);
	assert_int_equal(c.tick_ms, 30000);
	assert_int_equal(c.keepalive_ms, 5000);
	assert_string_equal(c.admin_group, "wheel");
	assert_int_equal(c.cell_count, 2);
	assert_string_equal(c.cells[0].name, "c0");
	assert_string_equal(c.cells[0].uds_base, "/run/vm/c0.sock");
	assert_string_equal(c.cells[0].run_id, "17");
	assert_int_equal(strlen(c.cells[0].spec_hash), 71);
	assert_int_equal(c.cells[0].keepalive_ms, 3000);
	assert_false(c.cells[0].rearm);
	assert_int_equal(c.cells[0].events_per_s, 1000);
	assert_int_equal(c.cells[0].bytes_per_s, 1 << 20);
	assert_int_equal(c.cells[0].connections, 2);
	assert_true(c.cells[0].owner_uid == 0 && c.cells[0].owner_gid == 4294967294);
	assert_int_equal(c.cells[0].mode, 0660);
	assert_int_equal(c.cells[0].peer_uid, 1001);
	/* What the second does not say. */
	assert_string_equal(c.cells[1].run_id, "");
	assert_string_equal(c.cells[1].spec_hash, "");
	assert_int_equal(c.cells[1].keepalive_ms, 5000);
	assert_true(c.cells[1].rearm);
	assert_int_equal(c.cells[1].events_per_s, 0);
	assert_int_equal(c.cells[1].connections, 8);
	assert_true(c.cells[1].owner_uid == -1 && c.cells[1].owner_gid == -1 &&
		    c.cells[1].mode == -1 && c.cells[1].peer_uid == -1);
	config_finish(&c);
	config_finish(&c);
	config_finish(NULL);
}

static void
nothing_said_is_all_defaults(void **state)
{
	static const char *const texts[] = { "", "# a comment\n", "---\n# only\n...\n", "{}",
					     NULL }; /* as an empty file has no storage */
	struct config_failure why;
	struct config c;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(texts); i++) {
		enum err e = config_parse("f", texts[i], texts[i] != NULL ? strlen(texts[i]) : 0,
					  &c, &why);

		if (i == 2) { /* an explicit document without a value has none */
			assert_int_equal(e, ERR_FORMAT);
			continue;
		}
		assert_int_equal(e, ERR_OK);
		assert_string_equal(c.data, "/var/lib/hark");
		assert_string_equal(c.run, "/run/hark");
		assert_null(c.host);
		assert_null(c.admin_group);
		assert_false(c.require_confinement || c.receivers_shared);
		assert_int_equal(c.segment_bytes, 64 << 20);
		assert_int_equal(c.batch_bytes, 1 << 20);
		assert_int_equal(c.commit_us, 5000);
		assert_int_equal(c.checkpoint_ms, 1000);
		assert_int_equal(c.tick_ms, 60000);
		assert_int_equal(c.keepalive_ms, 10000);
		assert_int_equal(c.cell_count, 0);
		config_finish(&c);
	}
}

/* ---- refusals ------------------------------------------------------------------------------ */

static const struct {
	const char *rule, *text;
	enum err want;
	const char *why;
} refusals[] = {
	{ "unknown, near", "dta: /x\n", ERR_FORMAT,
	  "f:1:1: unknown key 'dta'; did you mean 'data'?" },
	{ "unknown, far", "run: /r\nexporters: []\n", ERR_FORMAT,
	  "f:2:1: unknown key 'exporters'; hark.yaml(5) has those that there are" },
	{ "unknown below", "ledger:\n  ticks: 4\n", ERR_FORMAT,
	  "f:2:3: unknown key 'ticks' of 'ledger'; did you mean 'tick_s'?" },
	{ "unknown in a cell", "cells:\n- nam: x\n", ERR_FORMAT,
	  "f:2:3: unknown key 'nam' of a cell; did you mean 'name'?" },
	{ "unknown, hostile", "\"a\\e[1m\\nb\": 1\n", ERR_FORMAT,
	  "f:1:1: unknown key 'a\\x1b[1m\\x0ab'; hark.yaml(5) has those that there are" },
	{ "a known key and NUL", "\"data\\0\": /x\n", ERR_FORMAT,
	  "f:1:1: unknown key 'data\\x00'; did you mean 'data'?" },
	{ "twice", "data: /a\nrun: /b\ndata: /c\n", ERR_DUPLICATE,
	  "f:3:1: 'data' is given twice, first in line 1; take one out" },
	{ "a table twice", "control: {}\ncontrol: {}\n", ERR_DUPLICATE,
	  "f:2:1: 'control' is given twice, first in line 1; take one out" },
	{ "a list for a value", "data: [/a]\n", ERR_FORMAT,
	  "f:1:7: 'data' has a list; give it a single value" },
	{ "keys for a value", "data: {a: b}\n", ERR_FORMAT,
	  "f:1:7: 'data' has keys with values; give it a single value" },
	{ "a value for a table", "ledger: 5\n", ERR_FORMAT,
	  "f:1:9: a single value instead of keys of 'ledger'; write 'key: value'" },
	{ "a value for cells", "cells: c0\n", ERR_FORMAT,
	  "f:1:8: 'cells' has a single value; give it a list: '- name: ...'" },
	{ "a value for a cell", "cells: [c0]\n", ERR_FORMAT,
	  "f:1:9: a single value instead of keys of a cell; write 'key: value'" },
	{ "a list for the whole", "- a\n", ERR_FORMAT,
	  "f:1:1: a list instead of keys; write 'key: value'" },
	{ "a key that is a list", "[a]: b\n", ERR_FORMAT,
	  "f:1:1: a list is no key; write 'key: value'" },
	{ "no value", "data:\n", ERR_FORMAT,
	  "f:1:6: 'data' has no value; give one or take the key out" },
	{ "null", "host: null\n", ERR_FORMAT,
	  "f:1:7: 'host' has no value; give one or take the key out" },
	{ "a relative path", "data: hark\n", ERR_RANGE,
	  "f:1:7: 'hark' is no value of 'data'; give an absolute path of at most 4095 bytes" },
	{ "a path with NUL", "data: \"/a\\0b\"\n", ERR_FORMAT,
	  "f:1:7: '/a\\x00b' is no value of 'data'; give a text without NUL" },
	{ "a host with a slash", "host: a/b\n", ERR_RANGE,
	  "f:1:7: 'a/b' is no value of 'host'; give 1 to 64 letters, digits, '-', '.' and '_'" },
	{ "yes", "require_confinement: yes\n", ERR_FORMAT,
	  "f:1:22: 'yes' is no value of 'require_confinement'; give true or false, without "
	  "quotes" },
	{ "a quoted true", "require_confinement: \"true\"\n", ERR_FORMAT,
	  "f:1:22: 'true' is no value of 'require_confinement'; give true or false, without "
	  "quotes" },
	{ "a word of a list", "receiver: {isolation: none}\n", ERR_FORMAT,
	  "f:1:23: 'none' is no value of 'isolation'; give shared or cell, without quotes" },
	{ "too small", "ledger: {tick_s: 0.999}\n", ERR_RANGE,
	  "f:1:18: '0.999' is no value of 'tick_s'; give a number from 1 to 3600 with at most "
	  "three "
	  "decimals" },
	{ "too large", "ledger: {commit_ms: 1000.001}\n", ERR_RANGE,
	  "f:1:21: '1000.001' is no value of 'commit_ms'; give a number from 0 to 1000 with at "
	  "most "
	  "three decimals" },
	{ "no number", "keepalive_s: ten\n", ERR_FORMAT,
	  "f:1:14: 'ten' is no value of 'keepalive_s'; give a number from 0.1 to 86400 with at "
	  "most "
	  "three decimals" },
	{ "negative", "keepalive_s: -1\n", ERR_FORMAT,
	  "f:1:14: '-1' is no value of 'keepalive_s'; give a number from 0.1 to 86400 with at most "
	  "three decimals" },
	{ "a quoted number", "receiver: {cells_max: '5'}\n", ERR_FORMAT,
	  "f:1:23: '5' is no value of 'cells_max'; give a number from 1 to 10000, without quotes" },
	{ "a small segment", "ledger: {segment_bytes: 1MiB}\n", ERR_RANGE,
	  "f:1:25: '1MiB' is no value of 'segment_bytes'; give a number from 4194304 to "
	  "1073741824, "
	  "with KiB, MiB or GiB behind it or not" },
	{ "a segment for two batches", "ledger: {segment_bytes: 4MiB, batch_bytes: 2MiB}\n",
	  ERR_RANGE,
	  "f: 'segment_bytes' is too small for two of 'batch_bytes'; raise the one or lower the "
	  "other" },
	{ "a cell without name", "cells:\n  - uds_base: /x\n", ERR_MISSING,
	  "f:2:5: no 'name' of a cell; give one" },
	{ "a cell without base", "cells:\n  - name: x\n", ERR_MISSING,
	  "f:2:5: no 'uds_base' of a cell; give one" },
	{ "a cell's name", "cells: [{name: ../x, uds_base: /x}]\n", ERR_RANGE,
	  "f:1:16: '../x' is no value of 'name'; give 1 to 128 letters, digits and ._:@-, neither "
	  "'.' nor '-' first" },
	{ "a run with a blank", "cells: [{name: x, run_id: 'a b'}]\n", ERR_RANGE,
	  "f:1:27: 'a b' is no value of 'run_id'; give 1 to 128 bytes without blanks and control "
	  "characters" },
	{ "a hash of another kind", "cells: [{name: x, spec_hash: 'md5:00'}]\n", ERR_RANGE,
	  "f:1:30: 'md5:00' is no value of 'spec_hash'; give sha256: and 64 lower-case hex digits "
	  "behind it" },
	{ "nine connections", "cells: [{name: x, limits: {connections: 9}}]\n", ERR_RANGE,
	  "f:1:41: '9' is no value of 'connections'; give a number from 1 to 8" },
	{ "a mode", "cells: [{name: x, mode: 660}]\n", ERR_FORMAT,
	  "f:1:25: '660' is no value of 'mode'; give 0 and three octal digits, such as 0660" },
	{ "an owner without a group", "cells: [{name: x, owner: \"0\"}]\n", ERR_FORMAT,
	  "f:1:26: '0' is no value of 'owner'; give USER:GROUP, names that this system has or "
	  "numbers" },
	{ "an owner that is nobody here", "cells: [{name: x, owner: \"no such:0\"}]\n", ERR_RANGE,
	  "f:1:26: 'no such:0' is no value of 'owner'; give USER:GROUP, names that this system has "
	  "or numbers" },
	{ "the same name", "cells:\n- {name: a, uds_base: /x}\n- {name: a, uds_base: /y}\n",
	  ERR_DUPLICATE,
	  "f:3:3: the name of this cell is that of cell 'a', line 2 of this file; change one" },
	{ "the same base", "cells:\n- {name: a, uds_base: /x}\n- {name: b, uds_base: /x}\n",
	  ERR_DUPLICATE,
	  "f:3:3: the uds_base of this cell is that of cell 'a', line 2 of this file; change one" },
	{ "an anchor", "data: &a /x\n", ERR_FORMAT,
	  "f:1:7: an anchor is not taken here; write the value itself" },
	{ "an alias", "data: *a\n", ERR_FORMAT,
	  "f:1:7: an alias is not taken here; write the value itself" },
	{ "a tag", "data: !!str /x\n", ERR_FORMAT,
	  "f:1:7: a tag is not taken here; write the value itself" },
	{ "a tag of a table", "ledger: !x {}\n", ERR_FORMAT,
	  "f:1:9: a tag is not taken here; write the value itself" },
	{ "an anchor of cells", "cells: &all []\n", ERR_FORMAT,
	  "f:1:8: an anchor is not taken here; write the value itself" },
	{ "a directive", "%YAML 1.1\n---\ndata: /x\n", ERR_FORMAT,
	  "f:1:1: a directive is not taken here; write the value itself" },
	{ "two documents", "data: /x\n---\nrun: /y\n", ERR_FORMAT,
	  "f:2:1: a second document; a file has one, so take out '---'" },
	{ "a tab", "ledger:\n\ttick_s: 4\n", ERR_FORMAT,
	  "f:2:1: not YAML: found character that cannot start any token; mend the text at this "
	  "place" },
	{ "not UTF-8", "data: /x\nrun: /\xff\n", ERR_FORMAT,
	  "f:2:7: not YAML: invalid leading UTF-8 octet; mend the text at this place" },
};

static void
refusals_say_where_and_what(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(refusals); i++) {
		struct config_failure why;
		struct config c = { .cell_count = 77 };
		enum err e =
			config_parse("f", refusals[i].text, strlen(refusals[i].text), &c, &why);

		if (e != refusals[i].want || strcmp(why.text, refusals[i].why) != 0)
			fail_msg("%s: %s: %s", refusals[i].rule, err_text(e), why.text);
		assert_true(c.cell_count == 77);
	}
}

/* A failure has its place; a success can be finished. */
static void
check_any(const char *text, size_t size)
{
	struct config_failure why;
	struct config c;
	enum err e = config_parse("f", text, size, &c, &why);

	if (e == ERR_OK)
		config_finish(&c);
	else
		assert_int_equal(strncmp(why.text, "f:", 2), 0);
}

static void
nothing_cut_or_flipped_breaks_it(void **state)
{
	char text[sizeof(whole)];
	size_t i;
	unsigned int bit;

	(void)state;
	for (i = 0; i < sizeof(whole); i++)
		check_any(whole, i);
	for (i = 0; i + 1 < sizeof(whole); i++) {
		for (bit = 0; bit < 8; bit++) {
			memcpy(text, whole, sizeof(whole));
			text[i] = (char)(text[i] ^ (1 << bit));
			check_any(text, sizeof(whole) - 1);
		}
	}
}

/* ---- files --------------------------------------------------------------------------------- */

static void
put(const char *folder, const char *name, const char *text)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

/* What was said of the files that were read: name and size. */
struct told {
	char text[256];
	enum err answer;
};

static enum err
tell(void *ctx, const char *path, struct bytes text)
{
	struct told *told = ctx;
	size_t at = strlen(told->text);

	(void)snprintf(told->text + at, sizeof(told->text) - at, "%s %zu %c\n",
		       strrchr(path, '/') + 1, text.size, text.size > 0 ? text.data[0] : '-');
	return told->answer;
}

static void
says_each_text_that_it_read(void **state)
{
	char folder[] = "/tmp/hark-unit-XXXXXX";
	char path[64], below[64], file[128];
	struct told told = { "", ERR_OK };
	struct config_failure why;
	struct config c;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/h.yaml", folder);
	(void)snprintf(below, sizeof(below), "%s/h.yaml.d", folder);
	put(folder, "h.yaml", "host: a\n");
	assert_int_equal(mkdir(below, 0700), 0);
	put(below, "2.yaml", "");
	put(below, "1.yaml", "keepalive_s: 2\n");
	put(below, "1.yml", "keepalive_s: 3\n");
	assert_int_equal(config_read_texts(path, tell, &told, &c, &why), ERR_OK);
	config_finish(&c);
	assert_string_equal(told.text, "h.yaml 8 h\n1.yaml 15 k\n2.yaml 0 -\n");

	/* Who hears of it may have no memory, and then nothing was read. */
	told = (struct told){ "", ERR_MEMORY };
	assert_int_equal(config_read_texts(path, tell, &told, &c, &why), ERR_MEMORY);
	assert_string_equal(told.text, "h.yaml 8 h\n");
	assert_non_null(strstr(why.text, "h.yaml: "));

	/* One that is refused is not said. */
	put(below, "1.yaml", "x: 1\n");
	told = (struct told){ "", ERR_OK };
	assert_int_equal(config_read_texts(path, tell, &told, &c, &why), ERR_FORMAT);
	assert_string_equal(told.text, "h.yaml 8 h\n");
	(void)snprintf(file, sizeof(file), "rm -r %s", folder);
	assert_int_equal(system(file), 0);
}

/* A file of this size that says nothing. */
static void
put_comment(const char *folder, const char *name, size_t size)
{
	char *text = malloc(size + 1);

	assert_non_null(text);
	memset(text, '#', size);
	text[size] = '\0';
	put(folder, name, text);
	free(text);
}

static void
all_files_together_have_a_limit(void **state)
{
	char folder[] = "/tmp/hark-unit-XXXXXX";
	char path[64], below[64], file[128];
	struct config_failure why;
	struct config c;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/h.yaml", folder);
	(void)snprintf(below, sizeof(below), "%s/h.yaml.d", folder);
	assert_int_equal(mkdir(below, 0700), 0);
	put_comment(folder, "h.yaml", 16 << 20);
	put_comment(below, "1.yaml", 16 << 20);
	assert_int_equal(config_read(path, &c, &why), ERR_OK);
	config_finish(&c);
	put_comment(below, "2.yaml", 1);
	assert_int_equal(config_read(path, &c, &why), ERR_LIMIT);
	assert_non_null(
		strstr(why.text, "2.yaml: with it the configuration has more than 32 MiB; "));
	(void)snprintf(file, sizeof(file), "rm -r %s", folder);
	assert_int_equal(system(file), 0);
}

static void
drop_ins_come_in_the_order_of_their_names(void **state)
{
	char folder[] = "/tmp/hark-unit-XXXXXX";
	char path[64], below[64], file[128];
	struct config_failure why;
	struct config c;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/h.yaml", folder);
	(void)snprintf(below, sizeof(below), "%s/h.yaml.d", folder);
	assert_int_equal(config_read(path, &c, &why), ERR_MISSING);
	assert_non_null(strstr(why.text, "h.yaml: there is no such file; "));
	assert_null(strstr(why.text, "--")); /* whose options those would be is not known here */
	assert_int_equal(config_read(folder, &c, &why), ERR_FORMAT);
	put(folder, "h.yaml", "keepalive_s: 1\ncells: [{name: a, uds_base: /a}]\n");
	assert_int_equal(mkdir(below, 0700), 0);
	put(below, "20.yaml", "keepalive_s: 3\ncells: [{name: c, uds_base: /c}]\n");
	put(below, "10.yaml", "keepalive_s: 2\nhost: h\ncells: [{name: b, uds_base: /b}]\n");
	put(below, ".30.yaml", "keepalive_s: 4\n");
	put(below, "40.yml", "keepalive_s: 4\n");
	assert_int_equal(config_read(path, &c, &why), ERR_OK);
	assert_int_equal(c.keepalive_ms, 3000);
	assert_string_equal(c.host, "h");
	assert_int_equal(c.cell_count, 3);
	assert_string_equal(c.cells[1].name, "b");
	assert_int_equal(c.cells[0].keepalive_ms, 3000);
	config_finish(&c);

	put(below, "20.yaml", "\ncells: [{name: a, uds_base: /c}]\n");
	assert_int_equal(config_read(path, &c, &why), ERR_DUPLICATE);
	(void)snprintf(file, sizeof(file), "%s/20.yaml:2:9: ", below);
	assert_int_equal(strncmp(why.text, file, strlen(file)), 0);
	assert_non_null(strstr(why.text, "cell 'a', line 2 of an earlier file"));

	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = { "10.yaml", "20.yaml", ".30.yaml", "40.yml" };

		(void)snprintf(file, sizeof(file), "%s/%s", below, names[i]);
		assert_int_equal(unlink(file), 0);
	}
	assert_int_equal(rmdir(below), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void
cell_names_are_plain(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = { { "c0", true },   { "a.b_c:d@e-f", true }, { "", false },
		     { ".a", false },  { "-a", false },         { "a/b", false },
		     { "a b", false }, { "\xc3\xb6", false },   { "a\n", false },
		     { "0", true } };
	char name[130];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++)
		assert_true(config_cell_name_is_good(rows[i].text) == rows[i].want);
	memset(name, 'n', sizeof(name));
	name[129] = '\0';
	assert_false(config_cell_name_is_good(name));
	name[128] = '\0';
	assert_true(config_cell_name_is_good(name));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(nothing_said_is_all_defaults),
		cmocka_unit_test(refusals_say_where_and_what),
		cmocka_unit_test(nothing_cut_or_flipped_breaks_it),
		cmocka_unit_test(says_each_text_that_it_read),
		cmocka_unit_test(all_files_together_have_a_limit),
		cmocka_unit_test(drop_ins_come_in_the_order_of_their_names),
		cmocka_unit_test(cell_names_are_plain),
	};

	return cmocka_run_group_tests_name("config/config", tests, NULL, NULL);
}
