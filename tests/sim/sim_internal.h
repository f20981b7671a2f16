/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the simulated disk share. */
#ifndef TESTS_SIM_SIM_INTERNAL_H
#define TESTS_SIM_SIM_INTERNAL_H

#include "sim/disk.h"
#include "sim/node.h"

#define NODES_MAX   512
#define NAMES_MAX   512
#define FILES_MAX   64
#define ENTRIES_MAX 8192

struct name {
	char text[DISK_NAME_BYTES_MAX + 1];
	int seen; /* the inode, -1: none */
	int kept;
};

/* A name that leads somewhere else now; a rename is one change of two names. */
struct entry_change {
	int name;
	int node;
	int other_name; /* -1: none */
	int other_node;
};

struct sim_disk {
	struct node nodes[NODES_MAX];
	int node_count;
	struct name names[NAMES_MAX];
	int name_count;
	struct entry_change entries[ENTRIES_MAX];
	size_t entry_count;
	int files[FILES_MAX]; /* inode, -1: closed */
	bool is_dead;
	unsigned int steps;
	unsigned int crash_at;
	unsigned int fail_first, fail_end;
	int fail_number;
	uint64_t space;
	uint64_t seed;
};

/* -1: there is no such name. */
int sim_find_name(const struct sim_disk *d, const char *text);
/* Made where it is not there. */
int sim_get_name(struct sim_disk *d, const char *text);
int sim_new_node(struct sim_disk *d, bool is_directory);
/* Seen at once; survives when it is kept.  other_name: -1 for none. */
void sim_note_entry(struct sim_disk *d, int name, int node, int other_name, int other_node);
void sim_keep_entry(struct sim_disk *d, const struct entry_change *c);
/* Bytes of all files that are seen. */
uint64_t sim_used(const struct sim_disk *d);

#endif
