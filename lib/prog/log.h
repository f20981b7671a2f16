/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a program tells its user: one line a message on stderr, "<program>: <message>", in one
 * write.  Text of a guest or a file goes through text_escape first; control characters that are
 * left become '?', so that a message cannot make two lines.  A failure to write is ignored: there
 * is nowhere to tell it.
 */
#ifndef PROG_LOG_H
#define PROG_LOG_H

/* The longest line in bytes with its newline; what is longer is cut with "...". */
#define LOG_LINE_BYTES 1024u

enum log_level {
	LOG_LEVEL_ERROR = 0,
	LOG_LEVEL_WARNING = 1,
	LOG_LEVEL_INFO = 2,
};

/* `program` is kept, not copied.  At start it is "hark" and all levels are written. */
void log_init(const char *program);
/* Messages of a higher level are not written. */
void log_set_level(enum log_level level);

__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_warning(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *format, ...);

#endif
