/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A question that changes things, as one who may ask it hands it on: its bytes in sealed memory
 * that the kernel says whose process made.  hark-control passes it on and can make none and change
 * none, so harkd need not believe hark-control.
 */
#ifndef PROTO_ORDER_H
#define PROTO_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proto/message.h"

/* True of the questions that are asked by an order alone. */
bool order_is_needed(enum message_type type);
/*
 * Makes `out` the order of `question`, which is one of those, with its number.  Its descriptor is
 * the caller's, to be sent and closed.  ERR_LIMIT, ERR_FORMAT: it cannot be written; ERR_SYSTEM.
 */
MUST_USE enum err order_make(const struct message *question, struct message *out);
/*
 * The question of an order that was received, with number, rights and process of the order; its
 * texts are in `buffer`.  ERR_REFUSED: it is no order, was taken before, or neither root nor
 * `owner` has made it; ERR_FORMAT: it holds none of those questions; ERR_SYSTEM.
 */
MUST_USE enum err order_take(const struct message *order, uid_t owner, void *buffer,
			     size_t capacity, struct message *out);

#endif
