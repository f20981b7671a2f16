/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where the running program lies. */
#ifndef OS_OWN_H
#define OS_OWN_H

#include "base/err.h"

/* The folder of the program's file, terminated, owned by the caller.  Needs /proc.  ERR_LIMIT,
 * ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err own_folder(char **out);

#endif
