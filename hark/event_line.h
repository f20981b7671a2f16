/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An event's JSON as one line for a person.  Everything that came from outside is escaped. */
#ifndef HARK_EVENT_LINE_H
#define HARK_EVENT_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "json/tree.h"

/* The longest line in bytes with its newline; what is longer is cut with "...". */
#define EVENT_LINE_BYTES 4096u

/*
 * "<index>  <time>  <cell>  <what>  <members>\n" to stdout.  What is no JSON object of an event is
 * shown as escaped text.
 */
void event_line_print(uint64_t index, struct bytes json, const struct json_node *event,
		      bool in_colour);
/* The cell of an event, or NULL. */
const struct json_node *event_line_cell(const struct json_node *event);

#endif
