/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names of imports: ours, WASI's, and everybody else's.  It judges no module. */
#include <string.h>

#include "observer/observer_internal.h"

#define OURS "arkhe:observer/"

static const struct import rows[] = {
#define IMPORT(interface, name, has_result, token, run) \
	{ { OURS interface, name, has_result, run }, token },
#include "observer/imports.def"
#undef IMPORT
};

/* The rule of Arkhe: exactly, or with `/...` or `@...` after it. */
static const char *const wasi[] = { "wasi:random", "wasi:clocks", "wasi:filesystem", "wasi:sockets",
				    "wasi:io",     "wasi:cli",    "wasi:http" };
/* WASI's first version has one name for all of it. */
static const char *const wasi_whole[] = { "wasi_snapshot_preview1", "wasi_unstable" };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool
equals(struct bytes name, const char *text)
{
	return name.size == strlen(text) && memcmp(name.data, text, name.size) == 0;
}

static bool
begins(struct bytes name, const char *text)
{
	size_t size = strlen(text);

	return name.size >= size && memcmp(name.data, text, size) == 0;
}

const struct import *
import_find(struct bytes module, struct bytes name)
{
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		if (equals(module, rows[i].function.module) && equals(name, rows[i].function.name))
			return &rows[i];
	}
	return NULL;
}

bool
import_is_wasi(struct bytes module)
{
	size_t i;

	for (i = 0; i < COUNT_OF(wasi_whole); i++) {
		if (equals(module, wasi_whole[i]))
			return true;
	}
	for (i = 0; i < COUNT_OF(wasi); i++) {
		size_t size = strlen(wasi[i]);

		if (begins(module, wasi[i]) &&
		    (module.size == size || module.data[size] == '/' || module.data[size] == '@'))
			return true;
	}
	return false;
}

bool
import_is_ours(struct bytes module)
{
	return begins(module, OURS);
}

const struct import *
import_at(size_t index)
{
	return index < COUNT_OF(rows) ? &rows[index] : NULL;
}
