/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The processes that the agent reports on: a bounded set by pid, with what is known of each. */
#ifndef AGENT_FAMILY_H
#define AGENT_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define FAMILY_MEMBERS_MAX 65536u
/* Twice the members, so that the search for a free place is short; a power of two. */
#define FAMILY_PLACES 131072u
/* What the kernel keeps of a name, with its terminator. */
#define COMM_BYTES 16u

struct member {
	pid_t pid;
	pid_t ppid;
	uint64_t start_ns;    /* when it began to be told of: which process of this number it is */
	uint64_t start_ticks; /* since boot; 0 while nobody has looked */
	uint64_t walked_ns;   /* when a walk of /proc found it; 0 for a message of the kernel */
	uint64_t exe_device;  /* the file that it runs; both 0 while nobody has looked */
	uint64_t exe_inode;
	uint32_t generation;  /* of the last walk that saw it */
	uint64_t exit_ns;     /* when its first thread left, where leader_gone */
	uint32_t exit_status; /* what it left with */
	uint8_t comm_size;
	bool threaded;         /* it has, or may have, more than its first thread */
	bool leader_gone;      /* its first thread has ended, perhaps others live on */
	bool looked_dead;      /* at the last look, where leader_gone */
	char comm[COMM_BYTES]; /* not terminated */
};

/*
 * members[0 .. count - 1] are all there are, in no order.  place[] is an open-addressed table of
 * index + 1 (0: free), in which every member is reachable from its pid's place without a hole.
 */
struct family {
	size_t count;
	struct member members[FAMILY_MEMBERS_MAX];
	uint32_t place[FAMILY_PLACES];
};

/* The member, or NULL.  Good until the next add or remove. */
struct member *family_find(struct family *f, pid_t pid);

/* Adds a zeroed member.  EXISTS, or LIMIT where the set is full. */
MUST_USE enum err family_add(struct family *f, pid_t pid, struct member **out);

/* Removes a member; one that is not there is fine. */
void family_remove(struct family *f, pid_t pid);

/* True while the invariants hold. */
bool family_check(struct family *f);

#endif
