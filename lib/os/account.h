/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Users and groups by name, and who we are. */
#ifndef OS_ACCOUNT_H
#define OS_ACCOUNT_H

#include <sys/types.h>

#include "base/err.h"

/* ERR_MISSING: there is no such group; ERR_SYSTEM. */
MUST_USE enum err account_group(const char *name, gid_t *out);
/* The same of a user. */
MUST_USE enum err account_user(const char *name, uid_t *out);
/*
 * Reads "USER:GROUP", each a name or a number below 2^32 - 1.  ERR_FORMAT, ERR_MISSING (no such
 * user or group), ERR_SYSTEM.
 */
MUST_USE enum err account_read_owner(const char *text, uid_t *uid_out, gid_t *gid_out);
uid_t account_own_uid(void);

#endif
