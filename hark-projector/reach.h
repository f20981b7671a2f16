/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a projector may touch once it is confined: found and opened before. */
#ifndef HARK_PROJECTOR_REACH_H
#define HARK_PROJECTOR_REACH_H

#include "hark-projector/start.h"
#include "role/role.h"

/*
 * Limits its memory by its manifest, then gives up all rights but those to its directories and, of
 * a server, to what it takes to find it; finds it, and gives up all but what it takes to reach it.
 * Gives EXIT_OK, or what role_fail gave.
 */
int reach_confine(struct start *s, struct role_report *report);

#endif
