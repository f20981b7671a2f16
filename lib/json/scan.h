/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words of JSON for the reader of trees: blanks, strings, numbers.  No structure. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <stddef.h>

#include "base/err.h"

/*
 * at <= end.  What strings and numbers mean is written to bytes_at, which moves on: it must have
 * room for as many bytes as there are between at and end, which is always enough.
 */
struct json_scan {
	const char *at;
	const char *end;
	char *bytes_at;
	const char *why; /* static, set by what refuses */
};

/* Sets the reason; gives ERR_FORMAT. */
enum err json_scan_refuse(struct json_scan *s, const char *why);
void json_scan_blanks(struct json_scan *s);
/* At an opening quote: the unescaped UTF-8, as a slice of what bytes_at went over. */
MUST_USE enum err json_scan_string(struct json_scan *s, const char **text_out, size_t *size_out);
/* At any byte: the number's text as it was written, as a slice of the same. */
MUST_USE enum err json_scan_number(struct json_scan *s, const char **text_out, size_t *size_out);

#endif
