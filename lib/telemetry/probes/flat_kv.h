/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The kernel's flat key-value files: lines of a key, one blank, a decimal u64, a line feed.  Read
 * as strictly as the kernel writes them, because a file that looks otherwise is not the kernel's.
 */
#ifndef TELEMETRY_PROBES_FLAT_KV_H
#define TELEMETRY_PROBES_FLAT_KV_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "json/writer.h"

/* The largest file in bytes, and the most lines.  Linux 6.18's longest, cpu.stat, has 12 lines. */
#define FLAT_KV_BYTES_MAX 4096u
#define FLAT_KV_COUNT_MAX 64u

struct flat_kv_entry {
	const char *key; /* borrowed from the text: [A-Za-z0-9_.]+ */
	size_t key_size;
	uint64_t value;
};

/* Sorted by key, keys are unique. */
struct flat_kv {
	size_t count;
	struct flat_kv_entry entries[FLAT_KV_COUNT_MAX];
};

/* ERR_FORMAT, ERR_DUPLICATE, ERR_LIMIT (a value over u64, too many lines).  No bytes: no entries.
 */
MUST_USE enum err flat_kv_read(const char *text, size_t size, struct flat_kv *out);

/* As a JSON object with decimal strings. */
void flat_kv_write(const struct flat_kv *kv, struct json_writer *w);

#endif
