/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Paths and widths of tiles. */
#include <inttypes.h>
#include <stdio.h>

#include "base/must.h"

#include "verify/tiles.h"

void
tiles_path(unsigned int kind, uint64_t index, unsigned int width, char path[TILES_PATH_MAX])
{
	unsigned int groups[7]; /* 1000^7 is above 2^64 */
	size_t count = 0;
	size_t at;

	MUST(width >= 1 && width <= TILES_WIDTH);
	MUST(kind < TILES_LEVELS || kind == TILES_ENTRIES || kind == TILES_REDACTED);
	do {
		groups[count++] = (unsigned int)(index % 1000);
		index /= 1000;
	} while (index > 0);
	if (kind == TILES_ENTRIES)
		at = (size_t)snprintf(path, TILES_PATH_MAX, "tile/entries");
	else if (kind == TILES_REDACTED)
		at = (size_t)snprintf(path, TILES_PATH_MAX, "tile/redacted");
	else
		at = (size_t)snprintf(path, TILES_PATH_MAX, "tile/%u", kind);
	while (count-- > 0)
		at += (size_t)snprintf(path + at, TILES_PATH_MAX - at, "/%s%03u",
				       count > 0 ? "x" : "", groups[count]);
	if (width < TILES_WIDTH)
		at += (size_t)snprintf(path + at, TILES_PATH_MAX - at, ".p/%u", width);
	MUST(at < TILES_PATH_MAX);
}

uint64_t
tiles_count(unsigned int level, uint64_t size)
{
	return level < TILES_LEVELS ? size >> (8 * level) : 0;
}

unsigned int
tiles_width(unsigned int level, uint64_t index, uint64_t size)
{
	uint64_t count = tiles_count(level, size);

	MUST(index <= count / TILES_WIDTH);
	if (index < count / TILES_WIDTH)
		return TILES_WIDTH;
	return (unsigned int)(count % TILES_WIDTH);
}
