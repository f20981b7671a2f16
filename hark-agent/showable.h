/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names that a workload chose, as text that a frame may carry, without losing what they were. */
#ifndef AGENT_SHOWABLE_H
#define AGENT_SHOWABLE_H

#include <stdbool.h>
#include <stddef.h>

/* Every byte may become the three of U+FFFD. */
#define SHOWABLE_BYTES(raw_bytes) ((raw_bytes)*3u)

/*
 * Copies raw bytes as UTF-8: each byte that belongs to no valid sequence becomes U+FFFD.  `out`
 * has SHOWABLE_BYTES(size); gives the size.  *changed: something was replaced, so the raw bytes
 * must be told beside it.
 */
size_t showable_text(const char *raw, size_t size, char *out, bool *changed);

#endif
