/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the agent says, as wire-2 frames: its own three kinds, and the processes' events. */
#ifndef AGENT_DECLARE_H
#define AGENT_DECLARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hark/telemetry.h>

#include "base/err.h"
#include "hark-agent/family.h"

#define FRAME_BYTES_MAX (HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES)
/* A path is told up to here, so that its worst form fits into a frame with all the rest. */
#define EXE_BYTES_MAX 500u

/* Who speaks.  Filled by declarer_init; `missing` by whoever finds out. */
struct declarer {
	char stream[16]; /* hex digits, not terminated */
	char boot_id[64];
	size_t boot_id_size;
	char comm[COMM_BYTES];
	size_t comm_size;
	uint32_t pid;
	const char *missing_connector; /* why there is no process connector; NULL where there is */
	uint64_t dropped;              /* lost before numbering, in all: "at least" */
};

/* One event of a process.  What is unknown is absent. */
struct process_event {
	const char *source;
	uint64_t time_ns;
	uint64_t start_ns; /* told with all events of the same process */
	pid_t pid;
	const char *comm;
	size_t comm_size;
	const char *exe; /* raw bytes of the path; NULL where unknown */
	size_t exe_size;
	bool exe_cut;
	bool has_ppid;
	bool has_uid;
	bool has_exit_status;
	bool from_walk; /* seen by a walk of /proc, not told by the kernel */
	pid_t ppid;
	uint32_t uid;
	uint32_t exit_status; /* as wait(2) gives it */
};

/* Draws the stream's name and reads who we are below a /proc.  SYSTEM: no random bytes. */
MUST_USE enum err declarer_init(int procfs, pid_t pid, struct declarer *out);

/* Each writes one frame into `frame` of FRAME_BYTES_MAX and gives its size. */
size_t declare_hello(const struct declarer *d, uint64_t oldest, uint64_t now_ns, uint8_t *frame);
size_t declare_heartbeat(const struct declarer *d, uint64_t next, uint64_t now_ns, uint8_t *frame);
size_t declare_goodbye(const struct declarer *d, uint64_t next, int wait_status, uint64_t now_ns,
		       uint8_t *frame);
size_t declare_process(const struct declarer *d, uint64_t number, const struct process_event *event,
		       uint8_t *frame);

/* What a shell makes of a wait status: the exit code, or 128 and the signal. */
int declare_exit_code(uint32_t wait_status);

#endif
