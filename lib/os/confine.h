/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Giving up rights, one thin call for each: a process takes these steps upon itself and cannot take
 * them back.  lib/role has the order.  ERR_UNSUPPORTED: this kernel does not have it; ERR_REFUSED:
 * it does not let this process; ERR_SYSTEM: see errno.
 */
#ifndef OS_CONFINE_H
#define OS_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct sock_filter;

/* What may be done with files below a directory. */
enum confine_rights {
	CONFINE_READ,       /* open for reading, list */
	CONFINE_READ_FILES, /* open for reading; fd may be a file itself */
	CONFINE_MANAGE, /* the same, and make, write, cut, rename and remove files and folders */
};

struct confine_directory {
	int fd;
	enum confine_rights rights;
};

/* Landlock's version from which on this covers all that we ask of it: files, TCP, signals. */
#define CONFINE_LANDLOCK_WHOLE 6u

/* Closes every descriptor from `first` on. */
MUST_USE enum err confine_close_from(int first);
/* ERR_FORMAT where fd is not a Unix SEQPACKET socket. */
MUST_USE enum err confine_check_channel(int fd);
/* SIGKILL when the parent ends; a change of user forgets it.  ERR_END: the parent, which was
 * `parent`, has ended already. */
MUST_USE enum err confine_end_with(pid_t parent);
pid_t confine_parent(void);
pid_t confine_self(void);

/* Sets soft and hard limit to `most`, or to the hard limit that is there where that is less. */
MUST_USE enum err confine_limit(int resource, uint64_t most);
/*
 * The same of memory: what the process may write and does not share, and what it may map at all.
 * The second also bounds its page tables, which no limit counts: 2 MiB a GiB, also where all of it
 * is one page of zeroes.  UINT64_MAX is no limit.  A build with AddressSanitizer has none: the
 * shadow of its memory counts, and is larger than any machine's.
 */
MUST_USE enum err confine_limit_memory(uint64_t writable, uint64_t mapped);
/* False in such a build. */
bool confine_can_limit_memory(void);

/* From now on it runs where nobody else wants to: nice 19, in long turns (SCHED_BATCH). */
MUST_USE enum err confine_background(void);
/* The same for the session: a kernel that groups processes by session weighs these against each
 * other, and the priority of one counts within its group alone.  ERR_SYSTEM also where it does not
 * group; ERR_UNSUPPORTED where this process leads no session. */
MUST_USE enum err confine_session_background(void);
/* Where the system is out of memory, this process is ended before others, as though it had half of
 * all of it more than it has.  A process that has changed its user may not say so any more. */
MUST_USE enum err confine_end_before_others(void);

/* Descriptor 2 leads nowhere from now on. */
MUST_USE enum err confine_silence(void);

bool confine_is_root(void);
/* No capability can be gained any more, by nothing that is executed. */
MUST_USE enum err confine_drop_bounding(void);
/* Real, effective and saved user and group, and no other groups. */
MUST_USE enum err confine_become(uid_t uid, gid_t gid);
/* Of this thread: none is left. */
MUST_USE enum err confine_drop_capabilities(void);

/* No core, no ptrace by its own user, /proc/<pid> is root's. */
MUST_USE enum err confine_not_dumpable(void);
MUST_USE enum err confine_no_new_privileges(void);
/* False where there is a second thread, upon which a step would not act. */
bool confine_is_single_thread(void);

/* The kernel's version of Landlock, from 1. */
MUST_USE enum err confine_landlock_version(unsigned int *out);
/*
 * From now on files are opened, made and changed below these directories alone, no TCP port is
 * bound or connected to, no device is controlled, and no signal or abstract socket of others is
 * reached; each as far as the kernel's version goes.  What is open stays open.
 */
MUST_USE enum err confine_landlock(const struct confine_directory *directories, size_t count);
/* The same, but that TCP may be connected to these ports. */
MUST_USE enum err confine_landlock_reaching(const struct confine_directory *directories,
					    size_t count, const uint16_t *ports, size_t port_count);
/* Puts a filter of system calls before all that are there, in all threads. */
MUST_USE enum err confine_seccomp(const struct sock_filter *program, size_t count);

#endif
