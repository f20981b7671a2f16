/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the commands of `hark key` print. */
#ifndef HARK_KEY_H
#define HARK_KEY_H

#include <stdbool.h>

#include "proto/message.h"

/* The verifier key of a ledger, a line on stdout: its text alone, or a JSON object. */
void key_print(enum proto_ledger ledger, const char *key, bool as_json);

#endif
