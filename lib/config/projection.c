/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where an observer's rows go, as a text: judged and shown without its secrets.  It opens nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "config/config.h"
#include "config/observer.h"

#define SQLITE "sqlite:"

/* What libpq takes for a URI. */
static const char *const schemes[] = { "postgresql://", "postgres://" };

/* The size of its scheme; 0: it is not PostgreSQL's. */
static size_t
scheme_size(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncmp(text, schemes[i], strlen(schemes[i])) == 0)
			return strlen(schemes[i]);
	}
	return 0;
}

bool
config_projection_is_good(const char *text, size_t size)
{
	size_t i;

	MUST(text != NULL && text[size] == '\0');

	if (size >= CONFIG_PATH_BYTES_MAX || strlen(text) != size || !text_is_utf8(text, size))
		return false;
	for (i = 0; i < size; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	}
	if (strncmp(text, SQLITE "/", sizeof(SQLITE)) == 0)
		return text[size - 1] != '/';
	return scheme_size(text) > 0;
}

const char *
config_projection_path(const char *projection)
{
	MUST(projection != NULL);

	return strncmp(projection, SQLITE, strlen(SQLITE)) == 0 ? projection + strlen(SQLITE)
								: NULL;
}

/* The user and what follows it, up to the '@' before the host: where libpq looks for it, before the
 * first slash; of several the last, so that nothing of a password stands behind it. */
static const char *
end_of_user(const char *rest)
{
	size_t size = strcspn(rest, "/");
	const char *at = NULL;
	size_t i;

	for (i = 0; i < size; i++) {
		if (rest[i] == '@')
			at = rest + i;
	}
	return at;
}

/* The next byte of a text in which some are written with %; *at moves past it. */
static char
next_byte(const char **at)
{
	const char *text = *at;
	int value = 0;
	int i;

	*at = text + 1;
	if (text[0] != '%')
		return text[0];
	for (i = 1; i <= 2; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + (c - 'A' + 10);
		else
			return '%';
	}
	*at = text + 3;
	return (char)value;
}

/* True where a parameter's name has this word in it, such as sslpassword. */
static bool
has_parameter(const char *query, const char *word)
{
	while (query != NULL) {
		const char *end = query + 1 + strcspn(query + 1, "=&");
		char name[32];
		size_t size = 0;

		for (query++; query < end && size < sizeof(name) - 1;)
			name[size++] = next_byte(&query);
		name[size] = '\0';
		if (strstr(name, word) != NULL)
			return true;
		query = strchr(end, '&');
	}
	return false;
}

bool
config_projection_has_secret(const char *projection)
{
	size_t scheme = scheme_size(projection);
	const char *rest = projection + scheme;
	const char *at;

	if (scheme == 0)
		return false;
	at = end_of_user(rest);
	return (at != NULL && memchr(rest, ':', (size_t)(at - rest)) != NULL) ||
	       has_parameter(strchr(rest, '?'), "password");
}

void
config_projection_shown(const char *projection, char *out, size_t capacity)
{
	size_t scheme = scheme_size(projection);
	const char *rest = projection + scheme;
	const char *at = scheme > 0 ? end_of_user(rest) : NULL;
	const char *colon = at != NULL ? memchr(rest, ':', (size_t)(at - rest)) : NULL;
	int size;

	MUST(capacity > 0);

	if (scheme == 0) {
		(void)snprintf(out, capacity, "%s", projection);
		return;
	}
	if (colon != NULL)
		size = snprintf(out, capacity, "%.*s%.*s:***", (int)scheme, projection,
				(int)(colon - rest), rest);
	else
		size = snprintf(out, capacity, "%.*s", (int)scheme, projection);
	if (colon != NULL)
		rest = at;
	if ((size_t)size < capacity)
		(void)snprintf(out + size, capacity - (size_t)size, "%.*s%s",
			       (int)strcspn(rest, "?#"), rest,
			       rest[strcspn(rest, "?#")] != '\0' ? "?..." : "");
}

/* ---- paths --------------------------------------------------------------------------------- */

/* The next part of a path; false at its end.  "." and nothing are none. */
static bool
next_part(const char **path, struct bytes *out)
{
	const char *at = *path;
	size_t size;

	for (;;) {
		at += strspn(at, "/");
		size = strcspn(at, "/");
		*path = at + size;
		if (size == 0)
			return false;
		if (size != 1 || at[0] != '.')
			break;
		at += size;
	}
	*out = (struct bytes){ (const uint8_t *)at, size };
	return true;
}

/* The path without ".", ".." and doubled slashes; with a slash at its end. */
static void
plain(const char *path, char out[CONFIG_PATH_BYTES_MAX + 1])
{
	struct bytes part = { NULL, 0 };
	size_t size = 0;

	while (next_part(&path, &part)) {
		if (part.size == 2 && memcmp(part.data, "..", 2) == 0) {
			while (size > 0 && out[size - 1] != '/')
				size--;
			size -= size > 0;
			continue;
		}
		MUST(size + 1 + part.size < CONFIG_PATH_BYTES_MAX);
		out[size++] = '/';
		memcpy(out + size, part.data, part.size);
		size += part.size;
	}
	out[size] = '/';
	out[size + 1] = '\0';
}

bool
config_path_is_below(const char *path, const char *folder)
{
	char a[CONFIG_PATH_BYTES_MAX + 1];
	char b[CONFIG_PATH_BYTES_MAX + 1];

	MUST(strlen(path) < CONFIG_PATH_BYTES_MAX && strlen(folder) < CONFIG_PATH_BYTES_MAX);

	plain(path, a);
	plain(folder, b);
	return strncmp(a, b, strlen(b)) == 0;
}
