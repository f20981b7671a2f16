/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the host calls itself, and what a directory of its says that it called itself. */
#ifndef OS_HOST_H
#define OS_HOST_H

#include "base/err.h"

/* The longest host name of Linux with its terminator. */
#define HOST_NAME_BYTES 65u

/*
 * The host's name, terminated.  ERR_FORMAT where it has anything but letters, digits, '-', '.' and
 * '_', or nothing at all: it goes into ids and sources, where a slash or a blank would lie.
 */
MUST_USE enum err host_name(char text[HOST_NAME_BYTES]);
/* The check alone, for a name that comes from elsewhere.  At most HOST_NAME_BYTES - 1 bytes. */
MUST_USE enum err host_name_check(const char *text);

/*
 * A directory that belongs to a host says so in its file `host`: the name, a line.  ERR_MISSING;
 * ERR_FORMAT where the file is anything else; ERR_SYSTEM.
 */
MUST_USE enum err host_file_read(int dirfd, char text[HOST_NAME_BYTES]);
/* Makes that file, synced, once for ever.  ERR_EXISTS, ERR_SYSTEM. */
MUST_USE enum err host_file_create(int dirfd, const char *text);

#endif
