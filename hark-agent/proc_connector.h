/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The kernel's process connector: its messages read and written, and its gaps counted. */
#ifndef AGENT_PROC_CONNECTOR_H
#define AGENT_PROC_CONNECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "hark-agent/family.h"

/* 8 MiB keeps about 10,000 short processes while the agent waits for its turn. */
#define CONNECTOR_RECEIVE_BYTES (8 << 20)
#define CONNECTOR_CPUS_MAX      4096u
#define CONNECTOR_MESSAGE_BYTES 4096u
#define CONNECTOR_REQUEST_BYTES 40u

enum connector_kind {
	CONNECTOR_OTHER, /* counts for gaps and means nothing here */
	CONNECTOR_ANSWER,
	CONNECTOR_FORK,
	CONNECTOR_EXEC,
	CONNECTOR_COMM,
	CONNECTOR_EXIT,
};

/* One message.  pid is the thread's number, tgid the process's. */
struct connector_event {
	enum connector_kind kind;
	uint32_t cpu; /* UINT32_MAX in an answer */
	uint32_t sequence;
	uint32_t ack;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	pid_t pid;
	pid_t tgid;
	pid_t parent_tgid; /* of a fork */
	uint32_t value;    /* an exit's wait status, an answer's errno */
	char comm[COMM_BYTES];
};

/*
 * Reads the message at *at of a datagram and moves *at behind it.  END: no more.  FORMAT: broken,
 * nothing after it can be read.  UNSUPPORTED: whole but not the process connector's; go on.
 */
MUST_USE enum err connector_next(const uint8_t *data, size_t size, size_t *at,
				 struct connector_event *out);

/* What each processor's next message is numbered.  Zeroed: none was seen. */
struct connector_gaps {
	uint32_t next[CONNECTOR_CPUS_MAX];
	uint8_t known[CONNECTOR_CPUS_MAX];
};

/* The number of messages missing just before this one. */
uint32_t connector_gap(struct connector_gaps *gaps, const struct connector_event *event);

/* Writes the request to listen; the answer has this sequence, and ack + 1. */
void connector_request(uint32_t sequence, uint32_t ack, uint8_t out[CONNECTOR_REQUEST_BYTES]);

#endif
