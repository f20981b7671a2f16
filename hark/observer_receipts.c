/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark observer receipts: what the operations ledger has of traps, by the daemon or without one. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "hark/commands.h"
#include "hark/observer_record.h"
#include "hark/table.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

enum { OPTION_JSON = 256, OPTION_DIR };

static const struct option options[] = {
	CLIENT_OPTIONS,
	{ "dir", required_argument, NULL, OPTION_DIR },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark observer receipts",
	.usage =
		"usage: hark observer receipts [NAME] [--json] [--dir DATA]\n"
		"\n"
		"Lists the receipts of traps, of all observers or of one. RECEIPT is the index of "
		"the\n"
		"record in the operations ledger, which `hark observer replay` takes.\n"
		"\n"
		"      --dir DATA      without a daemon: of a data directory\n"
		"      --json          the exact record, a line each\n" CLIENT_USAGE
		"      --help          print this\n"
		"      --version       print the version\n"
		"\n"
		"exit: 0 listed, 2 usage, 5 the daemon does not answer, 65 the ledger is damaged,\n"
		"      66 there is no ledger, 74 reading failed, 77 not allowed\n",
	.options = options,
};

struct listing {
	const char *name; /* NULL: all */
	const char *dir;
	bool as_json;
	uint64_t count;
	struct table table;
};

static enum err
add_node(struct table *t, const struct json_node *n)
{
	return n != NULL ? table_add(t, n->text, n->text_size) : table_add(t, "", 0);
}

/* "1000..1041", or the one event. */
static enum err
add_batch(struct table *t, const struct json_node *operation)
{
	const struct json_node *batch = json_node_member(operation, "batch");
	uint64_t first = 0, next = 0, event = 0;
	char text[64];
	int size;

	if (batch == NULL || !observer_number_of(batch, "first", &first) ||
	    !observer_number_of(batch, "next", &next) || next <= first)
		return table_add(t, "", 0);
	if (observer_number_of(batch, "event", &event))
		size = snprintf(text, sizeof(text), "%" PRIu64, event);
	else
		size = snprintf(text, sizeof(text), "%" PRIu64 "..%" PRIu64, first, next - 1);
	return table_add(t, text, (size_t)size);
}

static enum err
add_row(struct listing *l, uint64_t index, const struct observer_record *r)
{
	const struct json_node *receipt = json_node_member(r->operation, "ObserverQuarantine");
	struct table *t = &l->table;
	uint8_t digest[32];
	char text[32] = "";
	enum err e = table_add_number(t, index);

	if (e == ERR_OK)
		e = add_node(t, json_node_member(r->root, "time"));
	if (e == ERR_OK)
		e = add_node(t, json_node_member(r->operation, "observer"));
	if (e == ERR_OK)
		e = add_node(t, json_node_member(receipt, "trap_class"));
	if (e == ERR_OK)
		e = add_node(t, json_node_member(r->operation, "cause"));
	if (e == ERR_OK)
		e = add_batch(t, r->operation);
	if (e == ERR_OK)
		e = add_node(t, json_node_member(r->operation, "strike"));
	if (observer_digest_of(r, digest))
		(void)snprintf(text, sizeof(text), "blake3:%02x%02x%02x%02x", digest[0], digest[1],
			       digest[2], digest[3]);
	return e == ERR_OK ? table_add(t, text, strlen(text)) : e;
}

static enum err
take_leaf(struct listing *l, const struct ledger_leaf *leaf)
{
	struct observer_record r;
	const struct json_node *name;
	enum err e = ERR_OK;
	bool wanted;

	if (leaf->redacted)
		return ERR_OK;
	if (!observer_record_read(leaf->data, &r, &e))
		return e == ERR_MEMORY ? e : ERR_OK;
	name = json_node_member(r.operation, "observer");
	wanted = observer_record_is(&r, "observer_quarantine") &&
		 json_node_member(r.operation, "ObserverQuarantine") != NULL &&
		 (l->name == NULL || (name != NULL && json_node_text_is(name, l->name)));
	if (wanted && l->as_json) {
		(void)fwrite(leaf->data.data, 1, leaf->data.size, stdout);
		(void)fputc('\n', stdout);
	} else if (wanted) {
		e = add_row(l, leaf->index, &r);
	}
	l->count += wanted;
	observer_record_finish(&r);
	return e;
}

static int
list(struct listing *l)
{
	static const char *const titles[] = { "RECEIPT", "TIME",  "OBSERVER", "CLASS",
					      "CAUSE",   "EVENT", "STRIKE",   "DIGEST" };
	const struct ledger_choice choice = { PROTO_OPERATIONS, l->dir };
	cleanup(observer_ledger_finish) struct observer_ledger ledger = { NULL, NULL };
	struct ledger_failure why = { .system_error = 0 };
	struct ledger_leaf leaf;
	int code = observer_ledger_open(&choice, &ledger);
	enum err e;

	if (code != EXIT_OK)
		return code;
	if (table_init(&l->table, titles, 8) != ERR_OK) {
		log_error("%s", err_text(ERR_MEMORY));
		return EXIT_SOFTWARE;
	}
	while ((e = follow_next(ledger.follow, &leaf, &why)) == ERR_OK) {
		e = take_leaf(l, &leaf);
		if (e != ERR_OK)
			break;
	}
	if (e != ERR_AGAIN)
		return observer_ledger_refuse(e, &why);
	if (!l->as_json && l->count > 0)
		table_print(&l->table);
	return EXIT_OK;
}

int
command_observer_receipts(int argc, char **argv)
{
	struct listing l = { .name = NULL };
	struct args args;
	int code = EXIT_OK;
	int option;

	log_init(command.name);
	if (argc > 1 && argv[1][0] != '-') {
		l.name = argv[1];
		argc--;
		argv++;
	}
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, &code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return code;
		if (option == OPTION_JSON)
			l.as_json = true;
		else if (option == OPTION_DIR)
			l.dir = optarg;
		else
			client_set_control(optarg);
	}
	if (l.name == NULL)
		l.name = args_operand(&args);
	if (args_operand(&args) != NULL)
		return args_mistake(&args, "there is one word too many");
	if (l.name != NULL && !observer_name_check(l.name))
		return EXIT_USAGE;
	code = list(&l);
	table_finish(&l.table);
	return code;
}
