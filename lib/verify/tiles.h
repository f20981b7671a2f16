/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Names of C2SP tlog-tiles below an export: tile/<level>/<index>[.p/<width>] and the same of entry
 * bundles, with the index in groups of three digits.  docs/format/export.md.
 */
#ifndef VERIFY_TILES_H
#define VERIFY_TILES_H

#include <stddef.h>
#include <stdint.h>

/* Hashes of a full tile, entries of a full bundle. */
#define TILES_WIDTH 256u
/* "tile/entries/", seven groups of four, ".p/255". */
#define TILES_PATH_MAX 64u
/* Levels of 256 ways in a tree of u64 leaves. */
#define TILES_LEVELS 8u

/* Other than a level: whole entries, and entries of which some were redacted. */
#define TILES_ENTRIES  100u
#define TILES_REDACTED 101u

/* The path, terminated; width is 1 to TILES_WIDTH. */
void tiles_path(unsigned int kind, uint64_t index, unsigned int width, char path[TILES_PATH_MAX]);
/* How many hashes a level has in a tree of that size, and how many of them tile `index` has. */
uint64_t tiles_count(unsigned int level, uint64_t size);
unsigned int tiles_width(unsigned int level, uint64_t index, uint64_t size);

#endif
