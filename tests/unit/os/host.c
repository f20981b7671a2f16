/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A host's name, and the file in which a directory keeps it. */
#include <string.h>

#include "os/host.h"
#include "unit/os/folder.h"

#define LONGEST "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *rule, *text;
	enum err want;
} names[] = {
	{ "nothing", "", ERR_FORMAT },
	{ "a slash", "a/b", ERR_FORMAT },
	{ "a blank", "a b", ERR_FORMAT },
	{ "a byte above ASCII", "h\xc3\xb6st", ERR_FORMAT },
	{ "one byte over", LONGEST "4", ERR_FORMAT },
	{ "the longest", LONGEST, ERR_OK },
	{ "all kinds", "Host-7_a.example", ERR_OK },
};

static void
checks_names(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (host_name_check(names[i].text) != names[i].want)
			fail_msg("%s", names[i].rule);
	}
}

static const struct {
	const char *rule, *bytes;
	size_t size;
	enum err want;
} files[] = {
	{ "empty", "", 0, ERR_FORMAT },
	{ "no line break", "vm", 2, ERR_FORMAT },
	{ "a line break alone", "\n", 1, ERR_FORMAT },
	{ "two lines", "a\nb\n", 4, ERR_FORMAT },
	{ "a zero byte", "a\0b\n", 4, ERR_FORMAT },
	{ "no name", "a b\n", 4, ERR_FORMAT },
	{ "one byte over", LONGEST "4\n", 66, ERR_FORMAT },
	{ "the longest, and more", LONGEST "\nx", 66, ERR_FORMAT },
	{ "the longest", LONGEST "\n", 65, ERR_OK },
	{ "a name", "vm\n", 3, ERR_OK },
};

static void
reads_its_file(void **state)
{
	char text[HOST_NAME_BYTES];
	struct folder f;
	size_t i;

	(void)state;
	folder_make(&f);
	assert_int_equal(host_file_read(f.fd, text), ERR_MISSING);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		memset(text, 'x', sizeof(text));
		folder_write(&f, "host", files[i].bytes, files[i].size, 0644);
		if (host_file_read(f.fd, text) != files[i].want)
			fail_msg("%s", files[i].rule);
		if (files[i].want != ERR_OK)
			assert_int_equal(text[0], 'x'); /* untouched */
		else
			assert_memory_equal(text, files[i].bytes, strlen(text));
	}
	folder_remove(&f);
}

static void
makes_its_file_once(void **state)
{
	char text[HOST_NAME_BYTES];
	struct folder f;

	(void)state;
	folder_make(&f);
	assert_int_equal(host_file_create(f.fd, LONGEST), ERR_OK);
	assert_int_equal(host_file_create(f.fd, "other"), ERR_EXISTS);
	assert_int_equal(folder_mode(&f, "host"), 0644);
	assert_int_equal(host_file_read(f.fd, text), ERR_OK);
	assert_string_equal(text, LONGEST);
	folder_remove(&f);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_names),
		cmocka_unit_test(reads_its_file),
		cmocka_unit_test(makes_its_file_once),
	};

	return cmocka_run_group_tests_name("os/host", tests, NULL, NULL);
}
