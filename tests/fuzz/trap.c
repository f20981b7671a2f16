/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The report of a trap, which comes from a process that ran a stranger's module: what is accepted
 * is of one form, names a class that is one, and a place that is one.
 */
#include <string.h>

#include "fuzz.h"

#include "proto/trap.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[TRAP_REPORT_BYTES];
	struct trap_report r;
	uint8_t *exact;

	/* A copy of exactly its size, so that one byte read past it is seen. */
	exact = malloc(size + 1);
	if (exact == NULL)
		return 0;
	if (size > 0)
		memcpy(exact + 1, data, size);
	if (trap_report_read(exact + 1, size, &r) == ERR_OK) {
		FUZZ_CLAIM(r.trap_class <= TRAP_CLASS_OTHER);
		FUZZ_CLAIM(r.first < r.next);
#ifdef FUZZ_TWIN
		FUZZ_CLAIM(!r.has_event || r.event > r.first);
#endif
		FUZZ_CLAIM(!r.has_event || (r.event >= r.first && r.event < r.next));
		trap_report_write(&r, again);
		FUZZ_CLAIM(size == sizeof(again) && memcmp(again, exact + 1, size) == 0);
	}
	free(exact);
	return 0;
}
