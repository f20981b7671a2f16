/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Words for a refusal: which file, where, what was expected. */
#ifndef LEDGER_FAILURE_H
#define LEDGER_FAILURE_H

#include <stdint.h>

#include "ledger/ledger.h"

/* Fills *why (may be NULL), with errno where e is ERR_SYSTEM, and gives e. */
__attribute__((format(printf, 3, 4))) enum err failure_say(struct ledger_failure *why, enum err e,
							   const char *format, ...);

#endif
