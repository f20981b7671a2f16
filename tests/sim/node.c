/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Contents and their changes. */
#include "sim/node.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/disk.h"

#define CHANGES_MAX 8192

void *
node_memory(size_t size)
{
	void *p = calloc(1, size == 0 ? 1 : size);

	if (p == NULL)
		abort();
	return p;
}

void
content_resize(struct content *c, size_t size)
{
	uint8_t *data = node_memory(size);

	if (c->size > 0)
		memcpy(data, c->data, c->size < size ? c->size : size);
	free(c->data);
	c->data = data;
	c->size = size;
}

void
content_put(struct content *c, size_t at, const void *data, size_t size)
{
	if (at + size > c->size)
		content_resize(c, at + size);
	if (size > 0)
		memcpy(c->data + at, data, size);
}

void
content_copy(struct content *to, const struct content *from)
{
	content_resize(to, from->size);
	if (from->size > 0)
		memcpy(to->data, from->data, from->size);
}

void
node_forget(struct node *n)
{
	size_t i;

	for (i = 0; i < n->change_count; i++)
		free(n->changes[i].sector);
	n->change_count = 0;
}

static struct change *
add_change(struct node *n)
{
	if (n->changes == NULL)
		n->changes = node_memory(CHANGES_MAX * sizeof(struct change));
	assert(n->change_count < CHANGES_MAX);
	return &n->changes[n->change_count++];
}

void
node_apply(struct node *n, const struct change *c)
{
	if (c->is_size)
		content_resize(&n->kept, c->at);
	else
		content_put(&n->kept, c->at, c->sector, c->count);
}

/* Writes, and notes every sector of it. */
void
node_write(struct node *n, uint64_t at, const uint8_t *data, size_t size)
{
	while (size > 0) {
		size_t in_sector = SIM_SECTOR_BYTES - at % SIM_SECTOR_BYTES;
		size_t step = size < in_sector ? size : in_sector;
		struct change *c = add_change(n);

		*c = (struct change){ .at = at, .sector = node_memory(step), .count = step };
		memcpy(c->sector, data, step);
		content_put(&n->seen, at, data, step);
		at += step;
		data += step;
		size -= step;
	}
}

void
node_resize(struct node *n, uint64_t size)
{
	*add_change(n) = (struct change){ .is_size = true, .at = size };
	content_resize(&n->seen, size);
}
