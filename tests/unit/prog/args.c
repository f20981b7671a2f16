/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Command lines: options, the rest, and mistakes that end with 2 and one line. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "unit.h"

static const struct option options[] = {
	{ "cell", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 0x100 },
	{ NULL, 0, NULL, 0 },
};
static const struct args_command command = { "unit", "usage: unit\n", options };

/* What goes to `fd` while `argv` is read; gives the exit code, or -1 at the end of options. */
static int
run(int fd, char **argv, char *text, size_t capacity, int *rest, int *count)
{
	struct args a;
	int ends[2];
	int kept = dup(fd);
	int argc = 0;
	int code = -1;
	int answer;
	ssize_t size;

	while (argv[argc] != NULL)
		argc++;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(dup2(ends[1], fd), fd);
	args_init(&a, &command, argc, argv);
	*count = 0;
	while ((answer = args_next(&a, &code)) != ARGS_END && answer != ARGS_STOP)
		(*count)++;
	*rest = args_rest(&a);
	assert_int_equal(dup2(kept, fd), fd);
	(void)close(kept);
	(void)close(ends[1]);
	size = read(ends[0], text, capacity - 1);
	text[size > 0 ? size : 0] = '\0';
	(void)close(ends[0]);
	return code;
}

static void
command_lines(void **state)
{
	static const struct {
		const char *rule;
		const char *argv[6];
		int code, count, rest;
		const char *words;
	} rows[] = {
		{ "unknown long",
		  { "u", "--cel\nx" },
		  EXIT_USAGE,
		  0,
		  -1,
		  "unknown option: --cel\\x0ax" },
		{ "unknown short", { "u", "-z" }, EXIT_USAGE, 0, -1, "unknown option: -z" },
		{ "no value", { "u", "--cell" }, EXIT_USAGE, 0, -1, "missing after: --cell" },
		{ "no value, short", { "u", "-c" }, EXIT_USAGE, 0, -1, "missing after: -c" },
		{ "a value too many", { "u", "--json=1" }, EXIT_USAGE, 0, -1, "--json=1" },
		{ "help", { "u", "--help", "--bad" }, EXIT_OK, 0, -1, "usage: unit\n" },
		{ "version", { "u", "--version" }, EXIT_OK, 0, -1, "unit " HARK_VERSION "\n" },
		{ "options and rest", { "u", "-c", "a", "--json", "x", "--bad" }, -1, 2, 4, "" },
		{ "two dashes", { "u", "--json", "--", "--bad" }, -1, 1, 3, "" },
	};
	size_t i;

	(void)state;
	log_init("unit");
	for (i = 0; i < COUNT_OF(rows); i++) {
		char copies[6][32];
		char *argv[7] = { NULL };
		char text[2048];
		int rest;
		int count;
		int code;
		size_t k;

		for (k = 0; k < 6 && rows[i].argv[k] != NULL; k++) {
			(void)snprintf(copies[k], sizeof(copies[k]), "%s", rows[i].argv[k]);
			argv[k] = copies[k];
		}
		code = run(rows[i].code == EXIT_USAGE ? STDERR_FILENO : STDOUT_FILENO, argv, text,
			   sizeof(text), &rest, &count);
		if (code != rows[i].code || count != rows[i].count ||
		    (rows[i].rest >= 0 && rest != rows[i].rest) ||
		    strstr(text, rows[i].words) == NULL)
			fail_msg("%s: %d, %d options, rest %d, \"%s\"", rows[i].rule, code, count,
				 rest, text);
		if (code == EXIT_USAGE && strchr(text, '\n') != text + strlen(text) - 1)
			fail_msg("%s: not one line", rows[i].rule);
	}
}

/* Operands may stand between options, each is taken once, and a lone "--" ends options. */
static void
operands_between_options(void **state)
{
	static char words[][8] = { "u", "one", "-c", "x", "two", "--json" };
	char *argv[] = { words[0], words[1], words[2], words[3], words[4], words[5], NULL };
	const char *want[] = { "one", "two" };
	struct args a;
	size_t taken = 0;
	int options_seen = 0;
	int code = 0;

	(void)state;
	args_init(&a, &command, 6, argv);
	for (;;) {
		int option = args_next(&a, &code);
		const char *operand;

		if (option != ARGS_END) {
			assert_int_not_equal(option, ARGS_STOP);
			options_seen++;
			continue;
		}
		operand = args_operand(&a);
		if (operand == NULL)
			break;
		assert_true(taken < 2);
		assert_string_equal(operand, want[taken++]);
	}
	assert_int_equal(taken, 2);
	assert_int_equal(options_seen, 2);
	assert_null(args_operand(&a));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines),
		cmocka_unit_test(operands_between_options),
	};

	return cmocka_run_group_tests_name("prog/args", tests, NULL, NULL);
}
