/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What every fuzz target includes: the entry that libFuzzer calls, and how an oracle speaks. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process where what must hold does not.  tests/fuzz/run looks for these words. */
#define FUZZ_CLAIM(expression)                                                           \
	do {                                                                             \
		if (!(expression)) {                                                     \
			(void)fprintf(stderr, "fuzz claim is false: %s\n", #expression); \
			abort();                                                         \
		}                                                                        \
	} while (0)

#endif
