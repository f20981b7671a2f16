/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hark observer replay: module and events of a receipt again, here, with the grants and limits of
 * that time, and whether it comes to the same class.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "hark/commands.h"
#include "hark/observer_record.h"
#include "hark/observer_run.h"
#include "hark/table.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/options.h"

enum { OPTION_JSON = 256, OPTION_DIR, OPTION_MODULE };

static const struct option options[] = {
	CLIENT_OPTIONS,
	{ "dir", required_argument, NULL, OPTION_DIR },
	{ "module", required_argument, NULL, OPTION_MODULE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark observer replay",
	.usage = "usage: hark observer replay RECEIPT [--module FILE] [--dir DATA] [--json]\n"
		 "\n"
		 "Runs the module of a receipt over its events again, with the grants and limits "
		 "that\n"
		 "were recorded last before it, and says whether it traps with the same class.\n"
		 "RECEIPT is the index of the record (hark observer receipts).\n"
		 "\n"
		 "      --module FILE   instead of the path that the manifest has\n"
		 "      --dir DATA      without a daemon: of a data directory\n"
		 "      --json          one object\n" CLIENT_USAGE
		 "      --help          print this\n"
		 "      --version       print the version\n"
		 "\n"
		 "exit: 0 the same class, 1 another, 2 usage, 4 the receipt names no events that "
		 "could\n"
		 "      be run, 5 the daemon does not answer, 65 no receipt, or not its module,\n"
		 "      66 the record, the module or events are not there, 69 no engine, 70, 71, "
		 "74\n",
	.options = options,
};

/* What a receipt says, and the manifest that was recorded last before it. */
struct replay {
	const char *dir;
	const char *module_path; /* from the command line; NULL */
	bool as_json;
	uint64_t index;

	struct observer_record receipt;
	struct observer_record registered; /* of that observer */
	const struct json_node *manifest;
	uint8_t digest[32];
	enum hark_observer_trap_class wanted;
	uint64_t first, next; /* the leaves that are run */
	bool has_event;       /* one alone */
	struct observer_run run;
};

/* ---- what was recorded --------------------------------------------------------------------- */

static int
refuse_receipt(const struct replay *r, const char *what)
{
	log_error("record %" PRIu64 " %s", r->index, what);
	return EXIT_DATA;
}

static bool
class_of(const struct json_node *n, enum hark_observer_trap_class *out)
{
	unsigned int i;

	for (i = 0; n != NULL && i <= HARK_OBSERVER_TRAP_OTHER; i++) {
		*out = (enum hark_observer_trap_class)i;
		if (json_node_text_is(n, hark_observer_trap_class_name(*out)))
			return true;
	}
	return false;
}

/* Takes the record over where it is a registration that is kept. */
static bool
is_registration(const struct observer_record *r)
{
	const struct json_node *manifest = json_node_member(r->operation, "manifest");

	return observer_record_is(r, "observer_registered") && manifest != NULL &&
	       manifest->type == JSON_OBJECT && json_node_member(r->operation, "observer") != NULL;
}

static bool
is_of(const struct observer_record *r, const char *name, size_t size)
{
	const struct json_node *n = json_node_member(r->operation, "observer");

	return n != NULL && n->type == JSON_STRING && n->text_size == size &&
	       memcmp(n->text, name, size) == 0;
}

/* The leaf of that index as a record.  EXIT_OK, or told. */
static int
read_receipt(struct replay *r, struct follow *f)
{
	struct ledger_failure why = { .system_error = 0 };
	struct ledger_leaf leaf;
	enum err e = follow_seek(f, r->index, &why);

	if (e == ERR_OK)
		e = follow_next(f, &leaf, &why);
	if (e == ERR_AGAIN || e == ERR_MISSING || e == ERR_RANGE) {
		log_error("there is no record %" PRIu64 " in the operations ledger", r->index);
		return EXIT_NO_INPUT;
	}
	if (e != ERR_OK)
		return observer_ledger_refuse(e, &why);
	if (leaf.redacted)
		return refuse_receipt(r, "is redacted");
	if (!observer_record_read(leaf.data, &r->receipt, &e))
		return e == ERR_MEMORY ? observer_ledger_refuse(e, &why)
				       : refuse_receipt(r, "is no record of operations");
	if (!observer_record_is(&r->receipt, "observer_quarantine"))
		return refuse_receipt(r, "is no receipt: `hark observer receipts` lists them");
	return EXIT_OK;
}

/* The last registration of its observer before it. */
static int
find_registration(struct replay *r, struct follow *f)
{
	const struct json_node *name = json_node_member(r->receipt.operation, "observer");
	struct ledger_failure why = { .system_error = 0 };
	struct ledger_leaf leaf;
	enum err e;

	if (name == NULL || name->type != JSON_STRING)
		return refuse_receipt(r, "names no observer");
	e = follow_seek(f, follow_first(f), &why);
	while (e == ERR_OK && (e = follow_next(f, &leaf, &why)) == ERR_OK &&
	       leaf.index < r->index) {
		struct observer_record one;

		if (leaf.redacted || !observer_record_read(leaf.data, &one, &e)) {
			if (e == ERR_MEMORY)
				break;
			e = ERR_OK;
			continue;
		}
		if (is_registration(&one) && is_of(&one, name->text, name->text_size)) {
			observer_record_finish(&r->registered);
			r->registered = one;
		} else {
			observer_record_finish(&one);
		}
	}
	if (e != ERR_OK && e != ERR_AGAIN)
		return observer_ledger_refuse(e, &why);
	if (r->registered.tree == NULL)
		return refuse_receipt(r, "has no registration of its observer before it");
	r->manifest = json_node_member(r->registered.operation, "manifest");
	return EXIT_OK;
}

static int
read_claims(struct replay *r)
{
	const struct json_node *operation = r->receipt.operation;
	const struct json_node *receipt = json_node_member(operation, "ObserverQuarantine");
	const struct json_node *batch = json_node_member(operation, "batch");
	uint64_t event = 0;

	if (!observer_digest_of(&r->receipt, r->digest) ||
	    !class_of(json_node_member(receipt, "trap_class"), &r->wanted))
		return refuse_receipt(r, "is no receipt as this version writes it");
	if (batch == NULL || !observer_number_of(batch, "first", &r->first) ||
	    !observer_number_of(batch, "next", &r->next) || r->next <= r->first) {
		log_error("record %" PRIu64 " names no events: its process died, hung, or said "
			  "none; nothing can be run again",
			  r->index);
		return EXIT_UNVERIFIABLE;
	}
	if (r->next - r->first > OBSERVER_EVENTS_MAX)
		return refuse_receipt(r, "names more events than a batch has");
	if (observer_number_of(batch, "event", &event) && event >= r->first && event < r->next) {
		r->has_event = true;
		r->first = event;
		r->next = event + 1;
	}
	return EXIT_OK;
}

/* ---- grants and limits of that time -------------------------------------------------------- */

static void
read_limits(struct replay *r)
{
	const struct json_node *limits = json_node_member(r->manifest, "limits");

	hark_observer_limits_default(&r->run.limits);
#define LIMIT(name, words, usual, most)                                           \
	{                                                                         \
		uint64_t value = 0;                                               \
		if (observer_number_of(limits, #name, &value) && value <= (most)) \
			r->run.limits.name = value;                               \
	}
	HARK_OBSERVER_LIMITS(LIMIT)
#undef LIMIT
}

static void
read_grants(struct replay *r)
{
	const struct json_node *grants = json_node_member(r->manifest, "grants");
	const struct json_node *n;
	enum hark_observer_cap_token token;

	for (n = grants != NULL ? grants->child : NULL; n != NULL; n = n->next) {
		if (n->type == JSON_STRING &&
		    hark_observer_cap_token_of((struct hark_text){ n->text, n->text_size }, &token))
			r->run.tokens |= HARK_OBSERVER_TOKEN_BIT(token);
	}
}

/* True where the list is not there, or has the text; one that ends in '*' is a begin of it. */
static bool
is_wanted(const struct json_node *filter, const char *name, enum observer_option option,
	  struct hark_text text)
{
	const struct json_node *list = filter != NULL ? json_node_member(filter, name) : NULL;
	const struct json_node *n;

	if (list == NULL)
		return true;
	for (n = list->child; n != NULL; n = n->next) {
		const struct bytes wanted = { (const uint8_t *)n->text, n->text_size };

		if (n->type == JSON_STRING && options_matches(option, wanted, text.data, text.size))
			return true;
	}
	return false;
}

/* As the observer's filter had it; an event that trapped alone went through it. */
static bool
passes(const struct replay *r, struct bytes leaf)
{
	static char storage[HARK_OBSERVER_EVENT_STORAGE];
	const struct json_node *filter = json_node_member(r->manifest, "filter");
	struct hark_text json = { (const char *)leaf.data, leaf.size };
	struct hark_observer_event event;

	if (r->has_event)
		return true;
	if (hark_observer_event_of(json, storage, &event) != HARK_OBSERVER_OK)
		return false;
	return is_wanted(filter, "cells", OPTION_FILTER_CELL, event.cell) &&
	       is_wanted(filter, "types", OPTION_FILTER_TYPE, event.type) &&
	       is_wanted(filter, "sources", OPTION_FILTER_SOURCE, event.probe_source);
}

/* ---- module and events --------------------------------------------------------------------- */

static int
read_module(struct replay *r)
{
	const struct json_node *path = json_node_member(r->manifest, "module");
	uint8_t digest[32];
	char *own = NULL;
	int code;

	if (r->module_path == NULL && (path == NULL || path->type != JSON_STRING ||
				       memchr(path->text, 0, path->text_size) != NULL))
		return refuse_receipt(r, "has no path of a module: give --module");
	if (r->module_path == NULL) {
		own = strndup(path->text, path->text_size);
		if (own == NULL) {
			log_error("%s", err_text(ERR_MEMORY));
			return EXIT_SOFTWARE;
		}
	}
	code = observer_run_read(own != NULL ? own : r->module_path, OBSERVER_MODULE_BYTES_MAX,
				 &r->run.module);
	free(own);
	if (code != EXIT_OK)
		return code;
	if (!hark_observer_has_engine() ||
	    hark_observer_blake3(r->run.module.data, r->run.module.size, digest) !=
		    HARK_OBSERVER_OK) {
		log_error("this build has no engine that could run it");
		return EXIT_UNAVAILABLE;
	}
	if (memcmp(digest, r->digest, sizeof(digest)) == 0)
		return EXIT_OK;
	log_error("that is not the module of the receipt: its BLAKE3 is another; give the one "
		  "that was run by --module");
	return EXIT_DATA;
}

static int
read_events(struct replay *r)
{
	const struct ledger_choice choice = { PROTO_EVIDENCE, r->dir };
	cleanup(observer_ledger_finish) struct observer_ledger ledger = { NULL, NULL };
	struct ledger_failure why = { .system_error = 0 };
	struct ledger_leaf leaf;
	int code = observer_ledger_open(&choice, &ledger);
	enum err e;

	if (code != EXIT_OK)
		return code;
	e = follow_seek(ledger.follow, r->first, &why);
	while (e == ERR_OK && (e = follow_next(ledger.follow, &leaf, &why)) == ERR_OK) {
		if (leaf.redacted) {
			log_error("leaf %" PRIu64 " is redacted: it cannot be run again",
				  leaf.index);
			return EXIT_NO_INPUT;
		}
		if (passes(r, leaf.data))
			code = observer_run_add(&r->run, leaf.data);
		if (code == EXIT_DATA && r->has_event)
			log_error("leaf %" PRIu64 " is no event that a module is shown",
				  leaf.index);
		if (code != EXIT_OK)
			return code;
		if (leaf.index + 1 == r->next)
			return EXIT_OK;
	}
	if (e != ERR_AGAIN && e != ERR_MISSING && e != ERR_RANGE)
		return observer_ledger_refuse(e, &why);
	log_error("leaves %" PRIu64 " to %" PRIu64 " are not all in the evidence", r->first,
		  r->next - 1);
	return EXIT_NO_INPUT;
}

/* ---- what it came to ----------------------------------------------------------------------- */

static const char *
class_now(const struct observer_verdict *v)
{
	return !v->loaded                   ? "refused"
	       : v->run == HARK_OBSERVER_OK ? "none"
					    : hark_observer_trap_class_name(v->outcome.trap_class);
}

static int
conclude(const struct replay *r, const struct observer_verdict *v)
{
	const char *before = hark_observer_trap_class_name(r->wanted);
	const char *now = class_now(v);
	bool same = strcmp(before, now) == 0;
	const char *reason = !v->loaded ? hark_observer_reason_name(v->why.reason)
			     : v->run == HARK_OBSERVER_OK
				     ? "none"
				     : hark_observer_reason_name(v->outcome.reason);

	if (r->as_json)
		(void)printf("{\"class\":\"%s\",\"events\":%zu,\"first\":\"%" PRIu64
			     "\",\"next\":\"%" PRIu64 "\",\"reason\":\"%s\",\"receiptClass\":\"%s"
			     "\",\"same\":%s}\n",
			     now, r->run.count, r->first, r->next, reason, before,
			     same ? "true" : "false");
	else
		(void)printf("receipt  %s\nnow      %s, %s\nevents   %zu, leaves %" PRIu64
			     " to %" PRIu64 "\nsame     %s\n",
			     before, now, reason, r->run.count, r->first, r->next - 1,
			     same ? "yes" : "no");
	return same ? EXIT_OK : EXIT_TAMPERED;
}

static int
replay(struct replay *r)
{
	const struct ledger_choice choice = { PROTO_OPERATIONS, r->dir };
	cleanup(observer_ledger_finish) struct observer_ledger ledger = { NULL, NULL };
	struct observer_verdict v;
	int code = observer_ledger_open(&choice, &ledger);

	if (code == EXIT_OK)
		code = read_receipt(r, ledger.follow);
	if (code == EXIT_OK)
		code = read_claims(r);
	if (code == EXIT_OK)
		code = find_registration(r, ledger.follow);
	if (code != EXIT_OK)
		return code;
	read_limits(r);
	read_grants(r);
	code = read_module(r);
	if (code == EXIT_OK)
		code = read_events(r);
	if (code == EXIT_OK)
		code = observer_run_go(&r->run, NULL, &v);
	return code == EXIT_OK ? conclude(r, &v) : code;
}

int
command_observer_replay(int argc, char **argv)
{
	struct replay r = { .dir = NULL };
	const char *index = NULL;
	struct args args;
	int code = EXIT_OK;
	int option;

	log_init(command.name);
	if (argc > 1 && argv[1][0] != '-') {
		index = argv[1];
		argc--;
		argv++;
	}
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, &code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return code;
		if (option == OPTION_JSON)
			r.as_json = true;
		else if (option == OPTION_DIR)
			r.dir = optarg;
		else if (option == OPTION_MODULE)
			r.module_path = optarg;
		else
			client_set_control(optarg);
	}
	if (index == NULL)
		index = args_operand(&args);
	if (index == NULL || args_operand(&args) != NULL ||
	    num_read_u64(index, strlen(index), UINT64_MAX - 1, &r.index) != ERR_OK)
		return args_mistake(&args, "expected one RECEIPT, a decimal number");
	code = replay(&r);
	observer_record_finish(&r.receipt);
	observer_record_finish(&r.registered);
	observer_run_finish(&r.run);
	return code;
}
