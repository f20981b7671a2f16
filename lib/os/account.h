/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Users and groups by name, and who we are. */
#ifndef OS_ACCOUNT_H
#define OS_ACCOUNT_H

#include <sys/types.h>

#include "base/err.h"

/* ERR_MISSING: there is no such group; ERR_SYSTEM. */
MUST_USE enum err account_group(const char *name, gid_t *out);
uid_t account_own_uid(void);

#endif
