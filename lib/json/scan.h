/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words of JSON for the reader of trees: blanks, strings, numbers.  No structure. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <stddef.h>

#include "base/err.h"

/*
 * at <= end.  What strings and numbers mean is written to bytes_at, which moves on: it must have
 * room for as many bytes as there are between at and end, which is always enough.  Up to eight
 * bytes after bytes_at, within that room, may have been written too.
 */
struct json_scan {
	const char *at;
	const char *end;
	char *bytes_at;
	const char *why; /* static, set by what refuses */
};

/* Sets the reason; gives ERR_FORMAT. */
enum err json_scan_refuse(struct json_scan *s, const char *why);
/* Inline: it stands before every word, and most have no blank before them. */
static inline void
json_scan_blanks(struct json_scan *s)
{
	while (s->at < s->end &&
	       (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}
/* At an opening quote: the unescaped UTF-8, as a slice of what bytes_at went over. */
MUST_USE enum err json_scan_string(struct json_scan *s, const char **text_out, size_t *size_out);
/* At any byte: the number's text as it was written, as a slice of the same. */
MUST_USE enum err json_scan_number(struct json_scan *s, const char **text_out, size_t *size_out);

#endif
