/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hark tail: the events of a ledger, all or from one on, and with --follow those that come.
 * Live it reads the files by descriptors that the daemon gives, never past what is committed.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "follow/follow.h"
#include "hark/cell.h"
#include "hark/client.h"
#include "hark/commands.h"
#include "hark/event_line.h"
#include "hark/ledger_choice.h"
#include "os/file.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

/* With --follow and without --from: so many events, looked for among so many of the last leaves. */
#define LAST_SHOWN  10u
#define LAST_LOOKED 65536u
/* How often a follower looks whether the daemon is still there, in milliseconds. */
#define LOOK_MS 1000
/* How long a follower waits for a daemon that has ended, in looks. */
#define RETURN_LOOKS_MAX 60u
/* The deepest JSON that is read for a person: what Hark writes has seven. */
#define JSON_DEPTH_MAX 64u

enum { OPTION_JSON = 256, OPTION_CELL, OPTION_FROM };

static const struct option options[] = {
	LEDGER_CHOICE_OPTIONS,
	CLIENT_OPTIONS,
	{ "cell", required_argument, NULL, OPTION_CELL },
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "follow", no_argument, NULL, 'f' },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark tail",
	.usage = "usage: hark tail [--cell NAME] [--from INDEX] [--follow] [--json]\n"
		 "\n"
		 "Shows events, a line each: all, or those from INDEX on; with --follow the last "
		 "ten\n"
		 "and then what comes.\n"
		 "\n"
		 "      --cell NAME       of this cell alone\n"
		 "      --from INDEX      begin with this leaf of the ledger\n"
		 "  -f, --follow          go on with what is committed from now on\n"
		 "      --json            the exact bytes of each leaf, a line "
		 "each\n" LEDGER_CHOICE_USAGE "      --control PATH    the daemon's socket\n"
		 "      --help            print this\n"
		 "      --version         print the version\n"
		 "\n"
		 "exit: 0 shown, 2 usage, 5 the daemon does not answer, 65 the ledger is damaged,\n"
		 "      66 INDEX is pruned or there is no ledger, 74 reading or writing failed,\n"
		 "      77 not allowed\n",
	.options = options,
};

struct tail {
	struct ledger_choice choice;
	const char *cell;
	bool has_from;
	bool follows;
	bool as_json;
	bool in_colour;
	uint64_t next; /* the leaf that is looked at next */
};

/* An open ledger: by the daemon, whose client tells whether it is still there, or by its files. */
struct source {
	struct client *client; /* NULL: offline */
	struct follow *follow;
};

static void
source_finish(struct source *s)
{
	follow_closep(&s->follow);
	client_closep(&s->client);
}

static int
refuse_ledger(enum err e, const struct ledger_failure *why)
{
	char shown[sizeof(why->text) * 2];

	(void)text_escape(why->text, strlen(why->text), shown, sizeof(shown));
	log_error("%s", why->text[0] != '\0' ? shown : err_text(e));
	switch (e) {
	case ERR_MISSING:
		return EXIT_NO_INPUT;
	case ERR_FORMAT:
		return EXIT_DATA;
	case ERR_UNSUPPORTED:
		return EXIT_UNAVAILABLE;
	case ERR_MEMORY:
		return EXIT_SOFTWARE;
	default:
		return EXIT_IO;
	}
}

static int
source_open(const struct tail *t, struct source *out)
{
	struct ledger_failure why = { .system_error = 0 };
	cleanup(file_close) int dirfd = -1;
	cleanup(file_close) int page_fd = -1;
	int code = ledger_choice_open(&t->choice, &out->client, &dirfd, &page_fd);
	enum err e;

	if (code != EXIT_OK)
		return code;
	e = follow_open(dirfd, page_fd, &out->follow, &why);
	return e == ERR_OK ? EXIT_OK : refuse_ledger(e, &why);
}

/* ---- one leaf ------------------------------------------------------------------------------ */

/* The tree of a leaf that is wanted, or NULL where no tree is needed; *wanted_out says which. */
static enum err
read_leaf(const struct tail *t, const struct ledger_leaf *leaf, struct json_tree **tree,
	  bool *wanted_out)
{
	const struct json_node *cell;
	enum err e;

	*wanted_out = t->cell == NULL;
	if (leaf->redacted || (t->as_json && t->cell == NULL))
		return ERR_OK;
	e = json_tree_read((const char *)leaf->data.data, leaf->data.size, JSON_DEPTH_MAX, tree,
			   NULL);
	if (e != ERR_OK)
		return e == ERR_MEMORY ? e : ERR_OK;
	cell = event_line_cell(json_tree_root(*tree));
	if (t->cell != NULL)
		*wanted_out = cell != NULL && json_node_text_is(cell, t->cell);
	return ERR_OK;
}

static void
show_redacted(const struct tail *t, const struct ledger_leaf *leaf)
{
	/* It has no bytes any more, so no line of JSON is its own. */
	if (t->as_json)
		log_info("leaf %" PRIu64 " is redacted", leaf->index);
	else
		(void)printf("%8" PRIu64 "  (redacted, %" PRIu32 " bytes)\n", leaf->index,
			     leaf->bytes);
}

static int
show_leaf(const struct tail *t, const struct ledger_leaf *leaf)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	bool wanted = false;
	enum err e = read_leaf(t, leaf, &tree, &wanted);

	if (e != ERR_OK) {
		log_error("%s", err_text(e));
		return EXIT_SOFTWARE;
	}
	if (!wanted)
		return EXIT_OK;
	if (leaf->redacted) {
		show_redacted(t, leaf);
	} else if (t->as_json) {
		(void)fwrite(leaf->data.data, 1, leaf->data.size, stdout);
		(void)fputc('\n', stdout);
	} else {
		char line[EVENT_LINE_BYTES];
		size_t size = event_line_write(leaf->index, leaf->data,
					       tree != NULL ? json_tree_root(tree) : NULL,
					       t->in_colour, line);

		(void)fwrite(line, 1, size, stdout);
	}
	return ferror(stdout) ? EXIT_IO : EXIT_OK;
}

/* ---- where to begin ------------------------------------------------------------------------ */

static int
seek(struct tail *t, struct follow *f, uint64_t index)
{
	struct ledger_failure why = { .system_error = 0 };
	enum err e = follow_seek(f, index, &why);

	t->next = index;
	if (e == ERR_OK || e == ERR_AGAIN)
		return EXIT_OK;
	if (e != ERR_MISSING)
		return refuse_ledger(e, &why);
	log_error("leaf %" PRIu64 " is pruned: the first that is left is %" PRIu64, index,
		  follow_first(f));
	return EXIT_NO_INPUT;
}

/* The last leaves that are wanted: where the first of them lies. */
static int
find_last(struct tail *t, struct follow *f)
{
	struct ledger_failure why = { .system_error = 0 };
	uint64_t ring[LAST_SHOWN] = { 0 };
	uint64_t size = 0, begin, found = 0;
	struct ledger_leaf leaf;
	enum err e = follow_size(f, &size, &why);
	int code;

	if (e != ERR_OK)
		return refuse_ledger(e, &why);
	begin = size > LAST_LOOKED ? size - LAST_LOOKED : 0;
	if (t->cell == NULL)
		begin = size > LAST_SHOWN ? size - LAST_SHOWN : 0;
	if (begin < follow_first(f))
		begin = follow_first(f);
	code = seek(t, f, begin);
	if (code != EXIT_OK || t->cell == NULL)
		return code;
	while ((e = follow_next(f, &leaf, &why)) == ERR_OK && leaf.index < size) {
		cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
		bool wanted = false;

		if (read_leaf(t, &leaf, &tree, &wanted) != ERR_OK)
			return EXIT_SOFTWARE;
		if (wanted)
			ring[found++ % LAST_SHOWN] = leaf.index;
	}
	if (e != ERR_OK && e != ERR_AGAIN)
		return refuse_ledger(e, &why);
	if (found == 0)
		return seek(t, f, size);
	return seek(t, f, found > LAST_SHOWN ? ring[found % LAST_SHOWN] : ring[0]);
}

/* ---- going on ------------------------------------------------------------------------------ */

/* All that is committed now. */
static int
show_all(struct tail *t, struct follow *f)
{
	struct ledger_failure why = { .system_error = 0 };
	struct ledger_leaf leaf;
	enum err e;

	/* It may have been sought before it was there. */
	e = follow_seek(f, t->next, &why);
	while (e == ERR_OK && (e = follow_next(f, &leaf, &why)) == ERR_OK) {
		int code = show_leaf(t, &leaf);

		if (code != EXIT_OK)
			return code;
		t->next = leaf.index + 1;
	}
	if (e != ERR_AGAIN)
		return refuse_ledger(e, &why);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_IO;
}

/* The daemon has ended: opens its ledger again once there is one. */
static int
reopen(const struct tail *t, struct source *s)
{
	source_finish(s);
	log_info("the daemon has let go; waiting for it");
	/* Where none comes, opening says so. */
	if (client_wait_for_daemon(RETURN_LOOKS_MAX, LOOK_MS))
		log_info("going on");
	return source_open(t, s);
}

static int
run(struct tail *t, struct source *s)
{
	int code = source_open(t, s);

	if (code == EXIT_OK && t->follows && !t->has_from)
		code = find_last(t, s->follow);
	else if (code == EXIT_OK)
		code = seek(t, s->follow, t->has_from ? t->next : follow_first(s->follow));
	while (code == EXIT_OK) {
		code = show_all(t, s->follow);
		if (code != EXIT_OK || !t->follows)
			break;
		follow_wait(s->follow, LOOK_MS);
		if (s->client != NULL && client_has_ended(s->client))
			code = reopen(t, s);
	}
	return code;
}

static bool
read_options(int argc, char **argv, struct tail *t, int *code)
{
	struct args args;
	int option;

	log_init(command.name);
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return false;
		*code = EXIT_USAGE;
		if (option == OPTION_CELL) {
			t->cell = optarg;
			if (!cell_name_check(optarg))
				return false;
		} else if (option == OPTION_FROM) {
			t->has_from = true;
			if (num_read_u64(optarg, strlen(optarg), UINT64_MAX, &t->next) != ERR_OK) {
				*code = args_mistake(&args, "--from wants a leaf's number");
				return false;
			}
		} else if (option == 'f') {
			t->follows = true;
		} else if (option == OPTION_JSON) {
			t->as_json = true;
		} else if (option == CLIENT_OPTION_CONTROL) {
			client_set_control(optarg);
		} else if (!ledger_choice_option(&t->choice, option, optarg)) {
			return false;
		}
	}
	if (args_rest(&args) == argc)
		return true;
	*code = args_mistake(&args, "there is one word too many");
	return false;
}

int
command_tail(int argc, char **argv)
{
	cleanup(source_finish) struct source s = { .client = NULL };
	struct tail t = { .next = 0 };
	const char *plain = getenv("NO_COLOR");
	int code = EXIT_OK;

	if (!read_options(argc, argv, &t, &code))
		return code;
	t.in_colour = file_is_terminal(1) && (plain == NULL || plain[0] == '\0');
	code = run(&t, &s);
	if (code == EXIT_IO && ferror(stdout))
		log_error("standard output cannot be written: %s", strerror(errno));
	return code;
}
