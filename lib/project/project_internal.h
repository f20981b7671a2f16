/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the two files of a project share. */
#ifndef PROJECT_PROJECT_INTERNAL_H
#define PROJECT_PROJECT_INTERNAL_H

#include "project/capability.h"

struct dead_letter {
	const struct effect *effect;
	char *error;
};

struct project {
	const struct project_config *config;
	const struct project_environment *environment;
	struct database db;
	void *states[HARK_OBSERVER_TOKEN_COUNT];
	bool has_cursor;
	uint64_t cursor;       /* what is durable */
	uint64_t dead_letters; /* the same */
	/* What is held: leaves from the cursor to next - 1; effects are of those from `first` on.
	 */
	bool holds;
	bool holds_effects; /* else those that are there belong to a batch that is not whole */
	uint64_t first;
	uint64_t next;
	uint64_t due_ns;
	uint64_t quiet_until_ns; /* batches without effects wait until then */
	struct effects effects;
	bool checks_late; /* a COMMIT was refused because of rows: they are looked at before */
	/* Of the transaction under way. */
	struct dead_letter *dead;
	size_t dead_count;
	size_t dead_capacity;
};

struct capability_context project_context(struct project *p, uint64_t now_ns);
bool project_grants(const struct project *p, size_t token);
/* Closes the connection with all that belongs to it. */
void project_disconnect(struct project *p);
/* What was held is durable. */
void project_committed(struct project *p);
void project_forget_dead(struct project *p);

#endif
