/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the commands about observers share. */
#ifndef HARK_OBSERVER_RECORD_H
#define HARK_OBSERVER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "follow/follow.h"
#include "hark/client.h"
#include "hark/ledger_choice.h"
#include "hark/table.h"
#include "prog/args.h"
#include "json/tree.h"

/* What a command about one observer, or all, says. */
struct observer_words {
	const char *name; /* NULL: none was given */
	const char *reason;
	const char *digest;
	bool as_json;
};

/* An option of struct observer_words beside CLIENT_OPTIONS; 'r' is the reason, 'd' a digest. */
#define OBSERVER_OPTION_JSON 0x4f00
#define OBSERVER_USAGE                       \
	"      --help          print this\n" \
	"      --version       print the version\n"

/* NAME stands before the options or behind them.  False where the program must end, with *code. */
MUST_USE bool observer_words_read(const struct args_command *command, int argc, char **argv,
				  bool wants_name, struct observer_words *out, int *code);

/* ---- an ITEM_OBSERVER, for who lists them ---- */

#define OBSERVER_COLUMNS 8u
extern const char *const observer_titles[OBSERVER_COLUMNS];
/* A row under these titles.  ERR_MEMORY. */
MUST_USE enum err observer_item_row(struct table *t, const struct message *item);
/* An object of all that it says. */
void observer_item_json(struct json_writer *w, const struct message *item);

/* Asks for one observer and prints it, as `show --json` does; gives the exit code. */
MUST_USE int observer_print_json(const char *name);

/* ---- words, names, paths ---- */

/* False where it is none: told. */
MUST_USE bool observer_name_check(const char *name);
/* The path, absolute: below the working directory where it is not.  NULL: told. */
MUST_USE char *observer_absolute(const char *option, const char *value);

/* The operations ledger, or the evidence, open to be read from its first leaf on. */
struct observer_ledger {
	struct client *client; /* NULL: offline */
	struct follow *follow;
};

/* EXIT_OK, or told. */
MUST_USE int observer_ledger_open(const struct ledger_choice *choice, struct observer_ledger *out);
void observer_ledger_finish(struct observer_ledger *l);
/* Tells why a leaf could not be read; gives the exit code. */
int observer_ledger_refuse(enum err e, const struct ledger_failure *why);

/* One record about observers; borrows from its tree. */
struct observer_record {
	struct json_tree *tree;
	const struct json_node *root;
	const struct json_node *operation; /* data.operation */
	const char *kind; /* the last part of its type, such as "observer_refused" */
	size_t kind_size;
};

/* False where the leaf is no operations record.  ERR_MEMORY in *e_out is told by the caller. */
MUST_USE bool observer_record_read(struct bytes leaf, struct observer_record *out, enum err *e_out);
void observer_record_finish(struct observer_record *r);
bool observer_record_is(const struct observer_record *r, const char *kind);
/* A member that is a string of decimal digits.  False: it is not there, or not that. */
bool observer_number_of(const struct json_node *object, const char *name, uint64_t *out);
/* data.operation.ObserverQuarantine.observer_module_digest as bytes.  False: it is none. */
bool observer_digest_of(const struct observer_record *r, uint8_t out[32]);

#endif
