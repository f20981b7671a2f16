/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A remembered cell round, what is refused, every cut and every flipped bit. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "config/cell_file.h"

#define TEXT(name, run, base, rest) \
	"hark-cell 1\nname " name "\nrun_id " run "\nuds_base " base "\n" rest
#define REST                                                                              \
	"spec_hash \nkeepalive_ms 10000\nrearm 1\nevents_per_s 0\nledger_bytes_per_s 0\n" \
	"connections 8\nowner_uid \nowner_gid \nmode \npeer_uid \nfrom_config 0\nleaving 0\nend\n"

static const char whole[] =
	"hark-cell 1\nname web-1\nrun_id run-7\nuds_base /run/vm one/web\nspec_hash sha256:00\n"
	"keepalive_ms 18446744073709551615\nrearm 0\nevents_per_s 5\nledger_bytes_per_s 6\n"
	"connections 3\nowner_uid 0\nowner_gid 4294967295\nmode 432\npeer_uid 1000\nfrom_config 1\n"
	"leaving 1\nend\n";

/* The size with which it is read, in a block of its own. */
static enum err
read_exact(const char *text, size_t size, struct cell_file *out)
{
	char *exact = malloc(size + 1);
	enum err e;

	assert_non_null(exact);
	memcpy(exact, text, size);
	e = cell_file_read(exact, size, out);
	free(exact);
	return e;
}

static void
all_members_go_round(void **state)
{
	struct cell_file file;
	struct buf text = { 0 };

	(void)state;
	assert_int_equal(read_exact(whole, strlen(whole), &file), ERR_OK);
	assert_string_equal(file.cell.name, "web-1");
	assert_string_equal(file.cell.run_id, "run-7");
	assert_string_equal(file.cell.uds_base, "/run/vm one/web");
	assert_string_equal(file.cell.spec_hash, "sha256:00");
	assert_true(file.cell.keepalive_ms == UINT64_MAX && !file.cell.rearm);
	assert_true(file.cell.events_per_s == 5 && file.cell.bytes_per_s == 6);
	assert_int_equal(file.cell.connections, 3);
	assert_true(file.cell.owner_uid == 0 && file.cell.owner_gid == 4294967295);
	assert_true(file.cell.mode == 0660 && file.cell.peer_uid == 1000);
	assert_true(file.from_config && file.is_leaving);
	assert_int_equal(cell_file_write(&file, &text), ERR_OK);
	assert_int_equal(text.size, strlen(whole));
	assert_memory_equal(text.data, whole, text.size);
	buf_finish(&text);
	config_cell_finish(&file.cell);
}

static void
what_is_not_given_stays_so(void **state)
{
	static const char text[] = TEXT("a", "r", "/a", REST);
	struct cell_file file;
	struct buf again = { 0 };

	(void)state;
	assert_int_equal(read_exact(text, strlen(text), &file), ERR_OK);
	assert_null(file.cell.spec_hash);
	assert_true(file.cell.owner_uid == -1 && file.cell.owner_gid == -1);
	assert_true(file.cell.mode == -1 && file.cell.peer_uid == -1);
	assert_int_equal(cell_file_write(&file, &again), ERR_OK);
	assert_int_equal(again.size, strlen(text));
	assert_memory_equal(again.data, text, again.size);
	buf_finish(&again);
	config_cell_finish(&file.cell);
}

static const struct {
	const char *rule, *text;
} refused[] = {
	{ "nothing", "" },
	{ "another form", "hark-cell 2\nname a\nrun_id r\nuds_base /a\n" REST },
	{ "no name", TEXT("", "r", "/a", REST) },
	{ "no run", TEXT("a", "", "/a", REST) },
	{ "no base", TEXT("a", "r", "", REST) },
	{ "a name that is none", TEXT("../a", "r", "/a", REST) },
	{ "a base that is not UTF-8", TEXT("a", "r", "/\xff", REST) },
	{ "behind the end", TEXT("a", "r", "/a", REST "x") },
	{ "a line twice", TEXT("a", "r", "/a", "spec_hash \n" REST) },
	{ "a key without a blank", TEXT("a", "r", "/a\nspec_hash", REST) },
	{ "lines in another order", "hark-cell 1\nrun_id r\nname a\nuds_base /a\n" REST },
	{ "a number with a sign",
	  TEXT("a", "r", "/a",
	       "spec_hash \nkeepalive_ms +1\nrearm 1\nevents_per_s 0\nledger_bytes_per_s 0\n"
	       "connections 8\nowner_uid \nowner_gid \nmode \npeer_uid \nfrom_config 0\nleaving 0\n"
	       "end\n") },
	{ "a number that is not given",
	  TEXT("a", "r", "/a",
	       "spec_hash \nkeepalive_ms \nrearm 1\nevents_per_s 0\nledger_bytes_per_s 0\n"
	       "connections 8\nowner_uid \nowner_gid \nmode \npeer_uid \nfrom_config 0\nleaving 0\n"
	       "end\n") },
	{ "a switch of 2",
	  TEXT("a", "r", "/a",
	       "spec_hash \nkeepalive_ms 1\nrearm 2\nevents_per_s 0\nledger_bytes_per_s 0\n"
	       "connections 8\nowner_uid \nowner_gid \nmode \npeer_uid \nfrom_config 0\nleaving 0\n"
	       "end\n") },
	{ "a user past 32 bits",
	  TEXT("a", "r", "/a",
	       "spec_hash \nkeepalive_ms 1\nrearm 1\nevents_per_s 0\nledger_bytes_per_s 0\n"
	       "connections 8\nowner_uid 4294967296\nowner_gid \nmode \npeer_uid \nfrom_config 0\n"
	       "leaving 0\nend\n") },
};

static void
what_is_not_ours_is_refused(void **state)
{
	struct cell_file file;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(refused); i++) {
		enum err e = read_exact(refused[i].text, strlen(refused[i].text), &file);

		if (e != ERR_FORMAT)
			print_error("%s: %s\n", refused[i].rule, err_text(e));
		assert_int_equal(e, ERR_FORMAT);
	}
	assert_int_equal(read_exact("hark-cell 1\nname a\0", 19, &file), ERR_FORMAT);
}

static void
every_cut_is_refused(void **state)
{
	struct cell_file file;
	size_t size;

	(void)state;
	for (size = 0; size < strlen(whole); size++)
		assert_int_equal(read_exact(whole, size, &file), ERR_FORMAT);
}

/* There is one text for one cell: what is still read after a flip is written as it stands. */
static void
every_flipped_bit_is_refused_or_another_cell(void **state)
{
	char text[sizeof(whole)];
	struct cell_file file;
	struct buf again = { 0 };
	size_t taken = 0;
	size_t bit;

	(void)state;
	memcpy(text, whole, sizeof(whole));
	for (bit = 0; bit < strlen(whole) * 8; bit++) {
		text[bit / 8] ^= (char)(1 << bit % 8);
		if (read_exact(text, strlen(whole), &file) == ERR_OK) {
			buf_clear(&again);
			assert_int_equal(cell_file_write(&file, &again), ERR_OK);
			assert_int_equal(again.size, strlen(whole));
			assert_memory_equal(again.data, text, again.size);
			config_cell_finish(&file.cell);
			taken++;
		}
		text[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_true(taken > 20 && taken < strlen(whole) * 4);
	buf_finish(&again);
}

static void
what_cannot_be_read_is_not_written(void **state)
{
	struct cell_file file = { .cell = { .name = NULL } };
	struct buf text = { 0 };
	char name[] = "a";
	char run[] = "r";
	char bad[] = "/a\nrearm 0";

	(void)state;
	assert_int_equal(cell_file_write(&file, &text), ERR_FORMAT);
	file.cell.name = name;
	file.cell.run_id = run;
	file.cell.uds_base = bad;
	buf_clear(&text);
	assert_int_equal(cell_file_write(&file, &text), ERR_FORMAT);
	buf_finish(&text);
}

static void
a_copy_is_the_same_and_a_change_is_seen(void **state)
{
	struct cell_file file;
	struct config_cell copy;

	(void)state;
	assert_int_equal(read_exact(whole, strlen(whole), &file), ERR_OK);
	assert_int_equal(config_cell_copy(&file.cell, &copy), ERR_OK);
	assert_true(config_cell_is_same(&file.cell, &copy));
	assert_true(copy.name != file.cell.name);
	copy.peer_uid++;
	assert_false(config_cell_is_same(&file.cell, &copy));
	copy.peer_uid--;
	copy.uds_base[1] = 'R';
	assert_false(config_cell_is_same(&file.cell, &copy));
	config_cell_finish(&copy);
	config_cell_finish(&file.cell);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_members_go_round),
		cmocka_unit_test(what_is_not_given_stays_so),
		cmocka_unit_test(what_is_not_ours_is_refused),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(every_flipped_bit_is_refused_or_another_cell),
		cmocka_unit_test(what_cannot_be_read_is_not_written),
		cmocka_unit_test(a_copy_is_the_same_and_a_change_is_seen),
	};

	return cmocka_run_group_tests_name("cell_file", tests, NULL, NULL);
}
