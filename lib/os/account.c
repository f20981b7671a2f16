/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The system's account database.  Not for static programs: glibc looks it up by plugins. */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "os/account.h"

/* A group's members are part of the answer: as much as a large directory's group needs. */
#define ACCOUNT_BYTES_MAX 1048576u

enum err
account_group(const char *name, gid_t *out)
{
	struct group entry;
	struct group *found = NULL;
	char *text = malloc(ACCOUNT_BYTES_MAX);
	enum err e = ERR_OK;
	int r;

	MUST(name != NULL && out != NULL);

	if (text == NULL)
		return ERR_MEMORY;
	do
		r = getgrnam_r(name, &entry, text, ACCOUNT_BYTES_MAX, &found);
	while (r == EINTR);
	if (found != NULL)
		*out = entry.gr_gid;
	else
		e = r == 0 || r == ENOENT || r == ESRCH ? ERR_MISSING : ERR_SYSTEM;
	free(text);
	errno = r;
	return e;
}

uid_t
account_own_uid(void)
{
	return geteuid();
}
