/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes to UTF-8 with replacements, and to hex. */
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "hark-agent/showable.h"

size_t
showable_text(const char *raw, size_t size, char *out, bool *changed)
{
	size_t at = 0;
	size_t used = 0;

	MUST(raw != NULL || size == 0);
	MUST(out != NULL && changed != NULL);

	*changed = false;
	while (at < size) {
		uint32_t v;
		size_t step = text_code_point(raw + at, size - at, &v);

		if (step == 0) {
			memcpy(out + used, "\xef\xbf\xbd", 3);
			used += 3;
			at++;
			*changed = true;
			continue;
		}
		memcpy(out + used, raw + at, step);
		used += step;
		at += step;
	}
	return used;
}
