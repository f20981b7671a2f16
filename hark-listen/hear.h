/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a cell makes of one declaration. */
#ifndef HARK_LISTEN_HEAR_H
#define HARK_LISTEN_HEAR_H

#include "hark-listen/cell.h"

/* Emits at most four events for it, of which the last alone can be large. */
void hear_frame(struct cell *cell, struct cell_connection *c,
		const struct hark_guest_declaration *guest);

#endif
