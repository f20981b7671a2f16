/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What deliver.h asks for of its surroundings: the follower, the engine, two channels, a clock. */
#ifndef HARK_OBSERVER_PORTS_H
#define HARK_OBSERVER_PORTS_H

#include "hark-observer/daemon.h"

/* Fills d->ports, and `out`, which carry effects to d's stage; both are good as long as *d is. */
void ports_init(struct daemon *d, struct hark_observer_capability out[HARK_OBSERVER_TOKEN_COUNT]);

#endif
