/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The host's name, checked before anybody builds an id of it. */
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "os/host.h"

static bool
is_allowed(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_';
}

enum err
host_name_check(const char *text)
{
	size_t size;
	size_t i;

	MUST(text != NULL);

	size = strnlen(text, HOST_NAME_BYTES);
	if (size == 0 || size == HOST_NAME_BYTES)
		return ERR_FORMAT;
	for (i = 0; i < size; i++) {
		if (!is_allowed(text[i]))
			return ERR_FORMAT;
	}
	return ERR_OK;
}

enum err
host_name(char text[HOST_NAME_BYTES])
{
	char name[HOST_NAME_BYTES + 1] = { 0 };
	enum err e;

	MUST(text != NULL);

	/* POSIX leaves open whether a name that is cut is terminated: the last byte stays zero. */
	if (gethostname(name, HOST_NAME_BYTES) != 0)
		return ERR_SYSTEM;
	e = host_name_check(name);
	if (e != ERR_OK)
		return e;
	memcpy(text, name, HOST_NAME_BYTES);
	return ERR_OK;
}
