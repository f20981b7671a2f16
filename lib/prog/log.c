/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The log: formats into one line and writes it at once.  errno is kept. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "os/file.h"
#include "prog/log.h"

static const char *program_name = "hark";
static enum log_level level_max = LOG_LEVEL_INFO;

void
log_init(const char *program)
{
	MUST(program != NULL);
	program_name = program;
}

void
log_set_level(enum log_level level)
{
	level_max = level;
}

/* Adds what printf would; gives the new size, at most capacity - 1. */
__attribute__((format(printf, 4, 0))) static size_t
add(char *line, size_t size, size_t capacity, const char *format, va_list arguments)
{
	int n = vsnprintf(line + size, capacity - size, format, arguments);

	if (n < 0)
		return size;
	if ((size_t)n < capacity - size)
		return size + (size_t)n;
	memcpy(line + capacity - 4, "...", 3);
	return capacity - 1;
}

__attribute__((format(printf, 2, 0))) static void
write_line(enum log_level level, const char *format, va_list arguments)
{
	char line[LOG_LINE_BYTES];
	int kept = errno;
	size_t size;
	size_t i;
	int n;

	if (level > level_max)
		return;
	n = snprintf(line, sizeof(line) / 2, "%s: %s", program_name,
		     level == LOG_LEVEL_WARNING ? "warning: " : "");
	size = n < 0 ? 0 : (size_t)n;
	if (size >= sizeof(line) / 2)
		size = sizeof(line) / 2 - 1;
	size = add(line, size, sizeof(line), format, arguments);
	for (i = 0; i < size; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[size] = '\n'; /* over the terminator */
	(void)!file_write_all(STDERR_FILENO, line, size + 1);
	errno = kept;
}

void
log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(LOG_LEVEL_ERROR, format, arguments);
	va_end(arguments);
}

void
log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(LOG_LEVEL_WARNING, format, arguments);
	va_end(arguments);
}

void
log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(LOG_LEVEL_INFO, format, arguments);
	va_end(arguments);
}
