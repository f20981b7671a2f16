/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Scenarios as text: one step a line, and the leaves that it must lead to.
 *
 *	open C                  a connection number C of the slot at hand
 *	hello C stream [seq=N] [boot=X] [g=MS]
 *	event C seq=N [dropped=N] [g=MS]     beat, bye: the same
 *	plain C [g=MS]          a frame of wire 1
 *	close C [frames=N]      its end was read
 *	reject [C]              three refusals
 *	limited                 reading has paused for 250 ms
 *	slot N                  steps are about slot N from here on
 *	wait MS
 *	gone                    the receiver has died; `receiver` brings a new one
 *	receiver                a new process: another incarnation, another channel
 *	again                   all records that were ever sent by this process are sent once more
 *	kill                    the notary dies, and another starts below the same harkd
 *	reboot                  harkd died too
 *	remove                  the cell at hand is removed
 *	step MS                 the real clock steps forward
 *	commit                  all is durable
 *
 * g is the guest's clock in ms since the start; by default it runs with the host's.
 */
#ifndef TESTS_UNIT_HARK_NOTARY_SCRIPT_H
#define TESTS_UNIT_HARK_NOTARY_SCRIPT_H

#include "world.h"

/* Runs it in a world of two cells c0 and c1 in slots 0 and 1; gives the leaves after their
 * registration.  commit_us 0: the usual. */
void script_run(const char *steps, uint64_t commit_us, char *lines, size_t capacity,
		struct merkle_hash *root_out);

#endif
