/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One place that makes the text of a failure. */
#include "ledger/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum err
failure_say(struct ledger_failure *why, enum err e, const char *format, ...)
{
	int kept = errno;
	va_list args;

	if (why == NULL)
		return e;
	why->system_error = e == ERR_SYSTEM ? kept : 0;
	va_start(args, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	errno = kept;
	return e;
}
