/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The names of a host's ledgers: "<host>/evidence" and "<host>/operations", and after each
 * retirement the next one of its line, "<host>/evidence.2" and so on.  A name is never used twice.
 */
#ifndef PROTO_ORIGIN_H
#define PROTO_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "proto/message.h"

#define ORIGIN_TEXT_BYTES     256u
#define ORIGIN_GENERATION_MAX 1000000000u

/* "evidence", "operations". */
const char *origin_ledger_name(enum proto_ledger ledger);
/* The name of a generation, from 1.  ERR_LIMIT where the host's name is too long for one. */
MUST_USE enum err origin_write(const char *host, enum proto_ledger ledger, uint32_t generation,
			       char out[ORIGIN_TEXT_BYTES]);
/* The origin in a ledger's file `ledger`, its second line; nothing else in it is judged.
 * ERR_FORMAT. */
MUST_USE enum err origin_of_file(struct bytes file, char out[ORIGIN_TEXT_BYTES]);
/* True where the origin is one of this host and ledger; gives its generation. */
bool origin_is_of(const char *origin, const char *host, enum proto_ledger ledger,
		  uint32_t *generation_out);

#endif
