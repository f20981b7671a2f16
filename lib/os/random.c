/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The only place that asks for randomness. */
#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

#include "base/must.h"
#include "os/random.h"

enum err
random_bytes(void *data, size_t size)
{
	uint8_t *at = data;

	MUST(data != NULL || size == 0);

	while (size > 0) {
		ssize_t n = getrandom(at, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_SYSTEM;
		at += n;
		size -= (size_t)n;
	}
	return ERR_OK;
}
