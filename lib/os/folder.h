/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Directories: making, opening, listing and locking them.  Descriptors are close-on-exec. */
#ifndef OS_FOLDER_H
#define OS_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Makes it with this mode, whatever the umask, where it is not there; *made_out says which.  What
 * is there stays as it is, also a symlink.  dirfd may be AT_FDCWD.  ERR_MISSING: its parent is not
 * there; ERR_SYSTEM. */
MUST_USE enum err folder_make(int dirfd, const char *name, mode_t mode, bool *made_out);
/* Makes one of its caller's alone (0700); the six X at the end of `path` become its name. */
MUST_USE enum err folder_make_temporary(char *path);
/* Removes an empty one.  ERR_MISSING, ERR_SYSTEM. */
MUST_USE enum err folder_remove(const char *path);
/* For reading, listing and syncing, never through a symlink in the last part.  ERR_MISSING,
 * ERR_SYSTEM (ENOTDIR where it is none). */
MUST_USE enum err folder_open(int dirfd, const char *name, int *out);
/* The same of a path that a person gave: symlinks are followed. */
MUST_USE enum err folder_open_path(const char *path, int *out);
/* Syncs the names in it. */
MUST_USE enum err folder_sync(int fd);
/* Syncs all that was written in its file system. */
MUST_USE enum err folder_sync_all(int fd);
/* True where it holds no name.  ERR_SYSTEM. */
MUST_USE enum err folder_is_empty(int fd, bool *out);

/* True where an open folder is `other` or lies below it, whatever leads there.  ERR_SYSTEM. */
MUST_USE enum err folder_is_below(int fd, int other, bool *out);

/* Called for each name but "." and "..", in no order.  Anything but ERR_OK ends it. */
typedef enum err folder_name_fn(void *ctx, const char *name);
MUST_USE enum err folder_list(int fd, folder_name_fn *fn, void *ctx);

/*
 * Makes the file where it is not there and locks it (flock) until the descriptor is closed, by
 * whoever holds it last.  ERR_AGAIN: another has it; ERR_SYSTEM.
 */
MUST_USE enum err folder_lock(int dirfd, const char *name, int *out);
/* Locks an open folder, for all who share this opening of it, until the last of them closes it.
 * ERR_AGAIN: who opened it another time has it; ERR_SYSTEM. */
MUST_USE enum err folder_lock_open(int fd);
/* Owner and group by the descriptor; -1 leaves one as it is. */
MUST_USE enum err folder_set_owner(int fd, uid_t uid, gid_t gid);
/* The same of a name in it, never of what a symlink points at. */
MUST_USE enum err folder_set_owner_of(int fd, const char *name, uid_t uid, gid_t gid);
/* From now on names without a slash are in it, for the whole process. */
MUST_USE enum err folder_enter(int fd);

#endif
