/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which ledger a command means, and opening it: by the daemon, or by --dir without one. */
#ifndef HARK_LEDGER_CHOICE_H
#define HARK_LEDGER_CHOICE_H

#include <stdbool.h>

#include "hark/client.h"

enum ledger_choice_option { LEDGER_CHOICE_LEDGER = 0x4c00, LEDGER_CHOICE_DIR };

#define LEDGER_CHOICE_OPTIONS                                        \
	{ "ledger", required_argument, NULL, LEDGER_CHOICE_LEDGER }, \
	{                                                            \
		"dir", required_argument, NULL, LEDGER_CHOICE_DIR    \
	}
#define LEDGER_CHOICE_USAGE                                                \
	"      --ledger NAME     evidence (as without it) or operations\n" \
	"      --dir DATA        without a daemon: below a data directory, or a ledger's own\n"

struct ledger_choice {
	enum proto_ledger ledger;
	const char *dir; /* NULL: the daemon is asked */
};

/* False where the value is none: told. */
MUST_USE bool ledger_choice_option(struct ledger_choice *c, int option, const char *value);
/*
 * The ledger's directory and, of a live one, its page (else -1) and the client that asked for them;
 * all the caller's.  EXIT_OK, or told: the client's codes, EXIT_NO_INPUT, EXIT_IO.
 */
MUST_USE int ledger_choice_open(const struct ledger_choice *c, struct client **client_out,
				int *dirfd_out, int *page_fd_out);

#endif
