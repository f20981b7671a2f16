/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The system's account database.  Not for static programs: glibc looks it up by plugins. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/num.h"
#include "os/account.h"

/* A group's members are part of the answer: as much as a large directory's group needs. */
#define ACCOUNT_BYTES_MAX 1048576u
/* One of both: what chown(2) and setuid(2) take has one size. */
_Static_assert(sizeof(uid_t) == sizeof(id_t) && sizeof(gid_t) == sizeof(id_t), "an id is an id");
/* The longest name that is looked up, in bytes with its terminator. */
#define NAME_BYTES_MAX 256u

/* Looks one name up, with room for the rest of its entry.  Gives errno's value, or 0; *found is
 * left false where there is none. */
typedef int lookup_fn(const char *name, char *text, id_t *out, bool *found);

static int
look_for_group(const char *name, char *text, id_t *out, bool *found)
{
	struct group entry;
	struct group *group = NULL;
	int r = getgrnam_r(name, &entry, text, ACCOUNT_BYTES_MAX, &group);

	*found = group != NULL;
	if (*found)
		*out = entry.gr_gid;
	return r;
}

static int
look_for_user(const char *name, char *text, id_t *out, bool *found)
{
	struct passwd entry;
	struct passwd *user = NULL;
	int r = getpwnam_r(name, &entry, text, ACCOUNT_BYTES_MAX, &user);

	*found = user != NULL;
	if (*found)
		*out = entry.pw_uid;
	return r;
}

static enum err
look_up(lookup_fn *fn, const char *name, id_t *out)
{
	char *text;
	bool found = false;
	int r;

	MUST(name != NULL && out != NULL);

	text = malloc(ACCOUNT_BYTES_MAX);
	if (text == NULL)
		return ERR_MEMORY;
	do
		r = fn(name, text, out, &found);
	while (r == EINTR);
	free(text);
	errno = r;
	if (found)
		return ERR_OK;
	return r == 0 || r == ENOENT || r == ESRCH ? ERR_MISSING : ERR_SYSTEM;
}

enum err
account_group(const char *name, gid_t *out)
{
	return look_up(look_for_group, name, out);
}

enum err
account_user(const char *name, uid_t *out)
{
	return look_up(look_for_user, name, out);
}

enum err
account_read_owner(const char *text, uid_t *uid_out, gid_t *gid_out)
{
	const char *colon;
	const char *group;
	char user[NAME_BYTES_MAX];
	uint64_t number;
	uid_t uid = 0;
	gid_t gid = 0;
	enum err e = ERR_OK;

	MUST(text != NULL && uid_out != NULL && gid_out != NULL);

	colon = strchr(text, ':');
	if (colon == NULL || colon == text || colon[1] == '\0' || strchr(colon + 1, ':') != NULL ||
	    (size_t)(colon - text) >= sizeof(user) || strlen(colon + 1) >= NAME_BYTES_MAX)
		return ERR_FORMAT;
	memcpy(user, text, (size_t)(colon - text));
	user[colon - text] = '\0';
	group = colon + 1;
	/* All bits set means "leave it" to chown(2): it is nobody. */
	if (num_read_u64(user, strlen(user), UINT32_MAX - 1, &number) == ERR_OK)
		uid = (uid_t)number;
	else
		e = account_user(user, &uid);
	if (e != ERR_OK)
		return e;
	if (num_read_u64(group, strlen(group), UINT32_MAX - 1, &number) == ERR_OK)
		gid = (gid_t)number;
	else
		e = account_group(group, &gid);
	if (e != ERR_OK)
		return e;
	*uid_out = uid;
	*gid_out = gid;
	return ERR_OK;
}

uid_t
account_own_uid(void)
{
	return geteuid();
}
