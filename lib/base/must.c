/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Says which invariant of ours does not hold, and ends the process.  It allocates nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

void
must_fail(const char *expression, const char *file, int line)
{
	(void)fprintf(stderr, "hark: %s:%d: broken invariant: %s\n", file, line, expression);
	abort();
}
