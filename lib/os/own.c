/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The program's own file, as /proc tells it. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "os/own.h"

enum err
own_folder(char **out)
{
	char path[PATH_MAX + 1];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash;
	char *copy;

	MUST(out != NULL);

	if (n < 0)
		return ERR_SYSTEM;
	if (n == PATH_MAX)
		return ERR_LIMIT;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return ERR_LIMIT;
	*slash = '\0';
	copy = strdup(path[0] != '\0' ? path : "/");
	if (copy == NULL)
		return ERR_MEMORY;
	*out = copy;
	return ERR_OK;
}
