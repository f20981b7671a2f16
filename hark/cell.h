/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What `hark cell` and `hark run` share: the options that describe a cell. */
#ifndef HARK_CELL_H
#define HARK_CELL_H

#include <stdbool.h>

#include "hark/client.h"
#include "proto/message.h"

/* The options of a cell, for a command's list and its usage. */
enum cell_option {
	CELL_OPTION_FIRST = 0x4300,
	CELL_OPTION_UDS_BASE = CELL_OPTION_FIRST,
	CELL_OPTION_RUN_ID,
	CELL_OPTION_SPEC_HASH,
	CELL_OPTION_KEEPALIVE,
	CELL_OPTION_NO_REARM,
	CELL_OPTION_OWNER,
	CELL_OPTION_MODE,
	CELL_OPTION_PEER_UID,
	CELL_OPTION_EVENTS,
	CELL_OPTION_BYTES,
	CELL_OPTION_CONNECTIONS,
	CELL_OPTION_END,
};

#define CELL_OPTIONS                                                                  \
	{ "uds-base", required_argument, NULL, CELL_OPTION_UDS_BASE },                \
		{ "run-id", required_argument, NULL, CELL_OPTION_RUN_ID },            \
		{ "spec-hash", required_argument, NULL, CELL_OPTION_SPEC_HASH },      \
		{ "keepalive", required_argument, NULL, CELL_OPTION_KEEPALIVE },      \
		{ "no-rearm", no_argument, NULL, CELL_OPTION_NO_REARM },              \
		{ "owner", required_argument, NULL, CELL_OPTION_OWNER },              \
		{ "mode", required_argument, NULL, CELL_OPTION_MODE },                \
		{ "peer-uid", required_argument, NULL, CELL_OPTION_PEER_UID },        \
		{ "events-per-s", required_argument, NULL, CELL_OPTION_EVENTS },      \
		{ "ledger-bytes-per-s", required_argument, NULL, CELL_OPTION_BYTES }, \
	{                                                                             \
		"connections", required_argument, NULL, CELL_OPTION_CONNECTIONS       \
	}

#define CELL_USAGE                                                                         \
	"      --uds-base PATH           the VMM's vsock path; PATH_9001 is listened on\n" \
	"      --run-id ID               of this start (default: one is made)\n"           \
	"      --spec-hash sha256:HEX    of the specification that was started\n"          \
	"      --keepalive SECONDS       silence after so long (default: the daemon's)\n"  \
	"      --no-rearm                one silence a run, as CellOS has it\n"            \
	"      --owner USER:GROUP        of the socket\n"                                  \
	"      --mode MODE               of the socket, such as 0660\n"                    \
	"      --peer-uid UID            only this user's processes may connect\n"         \
	"      --events-per-s N          read no more than that\n"                         \
	"      --ledger-bytes-per-s N    the same in the ledger's bytes; KiB, MiB, GiB\n"  \
	"      --connections N           at once, 1 to 8\n"

/* The question that adds a cell, as options fill it in; texts of its own. */
struct cell_add {
	struct message question;
	char *uds_base; /* absolute, owned; NULL: none */
};

void cell_add_init(struct cell_add *add);
/* `name` is borrowed, and good. */
void cell_add_name(struct cell_add *add, const char *name);
/* False where it is no cell's: told. */
MUST_USE bool cell_name_check(const char *name);
/* One option with its value.  False where the value is none: told with a remedy. */
MUST_USE bool cell_add_option(struct cell_add *add, int option, const char *value);
void cell_add_finish(struct cell_add *add);

/* Calls for each cell that a data directory remembers, by name.  EXIT_OK, what fn gave, or told:
 * EXIT_NO_INPUT (no such directory), EXIT_DATA, EXIT_IO. */
MUST_USE int cell_offline_each(const char *dir, client_item_fn *fn, void *ctx);

#endif
