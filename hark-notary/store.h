/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Entries of the evidence's state beside those of notary_internal.h. */
#ifndef HARK_NOTARY_STORE_H
#define HARK_NOTARY_STORE_H

#include "hark-notary/notary_internal.h"

/* run NULL: it is known again. */
void store_gone(struct notary *n, const uint8_t key[CELL_KEY_BYTES], const struct gone_run *run);
void store_forgotten(struct notary *n);

#endif
