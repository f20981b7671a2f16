/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One inode of the simulated disk: what reads see, what would survive, and between them a list of
 * changes that were not synced, a sector each.
 */
#ifndef TESTS_SIM_NODE_H
#define TESTS_SIM_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sector, or a new size. */
struct change {
	bool is_size;
	uint64_t at; /* the sector's offset, or the size */
	uint8_t *sector;
	size_t count; /* bytes of the sector */
};

struct content {
	uint8_t *data;
	size_t size;
};

struct node {
	bool is_directory;
	struct content seen;
	struct content kept;
	struct change *changes;
	size_t change_count;
};

/* Zeroed; ends the process where there is none. */
void *node_memory(size_t size);
void content_resize(struct content *c, size_t size);
void content_put(struct content *c, size_t at, const void *data, size_t size);
void content_copy(struct content *to, const struct content *from);

/* Seen at once; survives when it is applied. */
void node_write(struct node *n, uint64_t at, const uint8_t *data, size_t size);
void node_resize(struct node *n, uint64_t size);
void node_apply(struct node *n, const struct change *c);
void node_forget(struct node *n);

#endif
