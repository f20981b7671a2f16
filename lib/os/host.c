/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The host's name, checked before anybody builds an id of it. */
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/must.h"
#include "os/file.h"
#include "os/host.h"
#include "os/store.h"

#define HOST_FILE "host"

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

enum err
host_file_read(int dirfd, char text[HOST_NAME_BYTES])
{
	cleanup(file_close) int fd = -1;
	char line[HOST_NAME_BYTES + 1]; /* one byte more than the longest line */
	size_t size = 0;
	enum err e;

	MUST(text != NULL);

	e = file_open_read_at(dirfd, HOST_FILE, &fd);
	if (e == ERR_OK)
		e = store_read_at(fd, 0, line, sizeof(line), &size);
	if (e != ERR_OK)
		return e;
	if (size == 0 || size > HOST_NAME_BYTES || line[size - 1] != '\n')
		return ERR_FORMAT;
	line[size - 1] = '\0';
	if (strlen(line) != size - 1 || host_name_check(line) != ERR_OK)
		return ERR_FORMAT;
	memcpy(text, line, size);
	return ERR_OK;
}

enum err
host_file_create(int dirfd, const char *text)
{
	char line[HOST_NAME_BYTES];
	size_t size;

	MUST(text != NULL && host_name_check(text) == ERR_OK);

	size = strlen(text);
	memcpy(line, text, size);
	line[size] = '\n';
	return store_create(dirfd, HOST_FILE, 0644, line, size + 1);
}
