/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Forbidden acts: each is one thing that a program which was taken over would try. */
#ifndef CONFINE_ACTS_H
#define CONFINE_ACTS_H

#include <stddef.h>

/* What stands ready before a process is confined. */
struct acts {
	int socket;        /* a Unix stream socket, not bound */
	int directory;     /* where the role may work, if it may anywhere */
	void *page;        /* a page that can be written */
	const char *file;  /* outside, it exists */
	const char *fresh; /* outside, it does not */
	const char *key;   /* a key file, 0600 */
};

/* 0 where it was done; else errno. */
typedef int act_fn(const struct acts *a);

struct act {
	const char *name;
	act_fn *fn;
};

/* Closes a descriptor that was made and must not be; as an act gives it. */
int act_made(int fd);

extern const struct act acts[];
extern const size_t act_count;

/* What the notary is for; others have no use for it. */
int act_work_below(const struct acts *a);
/* What the projector is for, and the notary too: files of its own, without folders. */
int act_files_below(const struct acts *a);
/* Beyond what a client of a server may: a socket of the kernel's own, and a port that it was not
 * given. */
int act_netlink(const struct acts *a);
int act_connect_tcp(const struct acts *a);
int act_thread(const struct acts *a);
/* Reads the file outside from a thread that was made after the confinement. */
int act_open_in_thread(const struct acts *a);
/* What the observer is for: to read a file of its directory. */
int act_read_below(const struct acts *a);
/* And what it is not. */
int act_write_below(const struct acts *a);
int act_cut_below(const struct acts *a);
int act_make_below(const struct acts *a);
int act_remove_below(const struct acts *a);
/* Whoever opens the file to write then waits for it. */
int act_lease_below(const struct acts *a);
/* What every role must still be able to do. */
int act_ordinary(const struct acts *a);

#endif
