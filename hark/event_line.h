/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An event's JSON as one line for a person: pure.  Everything that came from outside is escaped. */
#ifndef HARK_EVENT_LINE_H
#define HARK_EVENT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "json/tree.h"

/* The longest line in bytes with its newline; what is longer is cut with "...". */
#define EVENT_LINE_BYTES 4096u

/*
 * Writes "<index>  <time>  <cell>  <what>  <members>\n", no terminator, and gives its size.  What
 * is no JSON object is shown as escaped text; event is NULL there.
 */
size_t event_line_write(uint64_t index, struct bytes json, const struct json_node *event,
			bool in_colour, char text[EVENT_LINE_BYTES]);
/* The cell of an event, or NULL. */
const struct json_node *event_line_cell(const struct json_node *event);

#endif
