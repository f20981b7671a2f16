/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The calls of the simulated disk: each that changes something is a step, and may fail. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim_internal.h"

/* One more step: false where it may not be done. */
static bool
step(struct sim_disk *d)
{
	unsigned int now = d->steps++;

	if (d->is_dead || now >= d->crash_at) {
		d->is_dead = true;
		errno = EIO;
		return false;
	}
	if (now >= d->fail_first && now < d->fail_end) {
		errno = d->fail_number;
		return false;
	}
	return true;
}

int
sim_find_name(const struct sim_disk *d, const char *text)
{
	int i;

	for (i = 0; i < d->name_count; i++) {
		if (strcmp(d->names[i].text, text) == 0)
			return i;
	}
	return -1;
}

int
sim_get_name(struct sim_disk *d, const char *text)
{
	int i = sim_find_name(d, text);

	if (i >= 0)
		return i;
	assert(d->name_count < NAMES_MAX && strlen(text) <= DISK_NAME_BYTES_MAX);
	(void)snprintf(d->names[d->name_count].text, sizeof(d->names[0].text), "%s", text);
	d->names[d->name_count].seen = -1;
	d->names[d->name_count].kept = -1;
	return d->name_count++;
}

static bool
is_used(const struct sim_disk *d, int node)
{
	int i;
	size_t k;

	for (i = 0; i < d->name_count; i++) {
		if (d->names[i].seen == node || d->names[i].kept == node)
			return true;
	}
	for (i = 0; i < FILES_MAX; i++) {
		if (d->files[i] == node)
			return true;
	}
	for (k = 0; k < d->entry_count; k++) {
		if (d->entries[k].node == node || d->entries[k].other_node == node)
			return true;
	}
	return false;
}

int
sim_new_node(struct sim_disk *d, bool is_directory)
{
	int i;

	for (i = 0; i < d->node_count; i++) {
		if (!is_used(d, i))
			break;
	}
	assert(i < NODES_MAX);
	if (i == d->node_count)
		d->node_count++;
	node_forget(&d->nodes[i]);
	content_resize(&d->nodes[i].seen, 0);
	content_resize(&d->nodes[i].kept, 0);
	d->nodes[i].is_directory = is_directory;
	return i;
}

void
sim_note_entry(struct sim_disk *d, int name, int node, int other_name, int other_node)
{
	assert(d->entry_count < ENTRIES_MAX);
	d->entries[d->entry_count++] = (struct entry_change){ name, node, other_name, other_node };
	d->names[name].seen = node;
	if (other_name >= 0)
		d->names[other_name].seen = other_node;
}

/* The directory above a name must be there. */
static bool
has_parent(const struct sim_disk *d, const char *text)
{
	const char *slash = strchr(text, '/');
	char parent[DISK_NAME_BYTES_MAX + 1];
	int i;

	if (slash == NULL)
		return true;
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - text), text);
	i = sim_find_name(d, parent);
	return i >= 0 && d->names[i].seen >= 0 && d->nodes[d->names[i].seen].is_directory;
}

static enum err
sim_open(void *ctx, const char *text, enum disk_open how, int *file_out)
{
	struct sim_disk *d = ctx;
	int name = sim_find_name(d, text);
	int node = name >= 0 ? d->names[name].seen : -1;
	int file;

	if (d->is_dead) {
		errno = EIO;
		return ERR_SYSTEM;
	}
	if (!has_parent(d, text) || (node < 0 && (how == DISK_READ || how == DISK_WRITE))) {
		errno = ENOENT;
		return ERR_MISSING;
	}
	if (node >= 0 && how == DISK_NEW)
		return ERR_EXISTS;
	if (node >= 0 && d->nodes[node].is_directory) {
		errno = EISDIR;
		return ERR_SYSTEM;
	}
	if (node < 0) {
		if (!step(d))
			return ERR_SYSTEM;
		node = sim_new_node(d, false);
		sim_note_entry(d, sim_get_name(d, text), node, -1, -1);
	}
	for (file = 0; file < FILES_MAX; file++) {
		if (d->files[file] < 0)
			break;
	}
	assert(file < FILES_MAX);
	d->files[file] = node;
	*file_out = file;
	return ERR_OK;
}

static struct node *
node_of(struct sim_disk *d, int file)
{
	assert(file >= 0 && file < FILES_MAX && d->files[file] >= 0);
	return &d->nodes[d->files[file]];
}

static void
sim_close(void *ctx, int file)
{
	struct sim_disk *d = ctx;

	(void)node_of(d, file);
	d->files[file] = -1;
}

static enum err
sim_read(void *ctx, int file, uint64_t offset, void *data, size_t size, size_t *size_out)
{
	struct sim_disk *d = ctx;
	const struct node *n = node_of(d, file);
	size_t there = offset < n->seen.size ? n->seen.size - (size_t)offset : 0;

	if (d->is_dead) {
		errno = EIO;
		return ERR_SYSTEM;
	}
	if (size > there)
		size = there;
	if (size > 0)
		memcpy(data, n->seen.data + offset, size);
	*size_out = size;
	return ERR_OK;
}

uint64_t
sim_used(const struct sim_disk *d)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < d->name_count; i++) {
		if (d->names[i].seen >= 0)
			sum += d->nodes[d->names[i].seen].seen.size;
	}
	return sum;
}

static bool
has_space(const struct sim_disk *d, const struct node *n, uint64_t size)
{
	if (d->space == UINT64_MAX || size <= n->seen.size ||
	    sim_used(d) + size - n->seen.size <= d->space)
		return true;
	errno = ENOSPC;
	return false;
}

static enum err
sim_write(void *ctx, int file, uint64_t offset, const void *data, size_t size)
{
	struct sim_disk *d = ctx;
	struct node *n = node_of(d, file);
	bool was_dead = d->is_dead;

	if (!step(d)) {
		int kept = errno;

		/* A part of it may have been written before it failed, or the power did. */
		if (!was_dead && size > 0)
			node_write(n, offset, data, (size_t)(sim_random(&d->seed) % size));
		errno = kept;
		return ERR_SYSTEM;
	}
	if (!has_space(d, n, offset + size))
		return ERR_SYSTEM;
	node_write(n, offset, data, size);
	return ERR_OK;
}

static enum err
sim_allocate(void *ctx, int file, uint64_t size)
{
	struct sim_disk *d = ctx;
	struct node *n = node_of(d, file);

	if (!step(d) || !has_space(d, n, size))
		return ERR_SYSTEM;
	if (size > n->seen.size)
		node_resize(n, size);
	return ERR_OK;
}

static enum err
sim_truncate(void *ctx, int file, uint64_t size)
{
	struct sim_disk *d = ctx;
	struct node *n = node_of(d, file);

	if (!step(d))
		return ERR_SYSTEM;
	if (size != n->seen.size)
		node_resize(n, size);
	return ERR_OK;
}

static enum err
sim_size(void *ctx, int file, uint64_t *size_out)
{
	struct sim_disk *d = ctx;

	if (d->is_dead) {
		errno = EIO;
		return ERR_SYSTEM;
	}
	*size_out = node_of(d, file)->seen.size;
	return ERR_OK;
}

static enum err
sim_sync(void *ctx, int file)
{
	struct sim_disk *d = ctx;
	struct node *n = node_of(d, file);
	bool was_dead = d->is_dead;
	size_t i;

	if (!step(d)) {
		int kept = errno;

		/* After a failed sync the pages count as clean: what they held may never come to
		 * the disk, though it can still be read. */
		for (i = 0; i < n->change_count && !was_dead; i++) {
			if (sim_random(&d->seed) % 2 == 0)
				node_apply(n, &n->changes[i]);
		}
		if (!was_dead && !d->is_dead)
			node_forget(n);
		errno = kept;
		return ERR_SYSTEM;
	}
	for (i = 0; i < n->change_count; i++)
		node_apply(n, &n->changes[i]);
	node_forget(n);
	return ERR_OK;
}

static enum err
sim_rename(void *ctx, const char *from, const char *to)
{
	struct sim_disk *d = ctx;
	int a = sim_find_name(d, from);

	if (!step(d))
		return ERR_SYSTEM;
	if (a < 0 || d->names[a].seen < 0 || !has_parent(d, to)) {
		errno = ENOENT;
		return ERR_MISSING;
	}
	sim_note_entry(d, sim_get_name(d, to), d->names[a].seen, a, -1);
	return ERR_OK;
}

static enum err
sim_remove(void *ctx, const char *text)
{
	struct sim_disk *d = ctx;
	int name = sim_find_name(d, text);

	if (!step(d))
		return ERR_SYSTEM;
	if (name < 0 || d->names[name].seen < 0) {
		errno = ENOENT;
		return ERR_MISSING;
	}
	sim_note_entry(d, name, -1, -1, -1);
	return ERR_OK;
}

static enum err
sim_make_directory(void *ctx, const char *text)
{
	struct sim_disk *d = ctx;
	int name = sim_find_name(d, text);

	if (!step(d))
		return ERR_SYSTEM;
	if (name >= 0 && d->names[name].seen >= 0)
		return ERR_EXISTS;
	sim_note_entry(d, sim_get_name(d, text), sim_new_node(d, true), -1, -1);
	return ERR_OK;
}

static bool
is_below(const char *text, const char *directory)
{
	size_t size = strlen(directory);

	if (size == 0)
		return strchr(text, '/') == NULL;
	return strncmp(text, directory, size) == 0 && text[size] == '/';
}

void
sim_keep_entry(struct sim_disk *d, const struct entry_change *c)
{
	d->names[c->name].kept = c->node;
	if (c->other_name >= 0)
		d->names[c->other_name].kept = c->other_node;
}

static enum err
sim_sync_directory(void *ctx, const char *text)
{
	struct sim_disk *d = ctx;
	size_t left = 0;
	size_t i;

	if (!step(d))
		return ERR_SYSTEM;
	if (text[0] != '\0' &&
	    (sim_find_name(d, text) < 0 || d->names[sim_find_name(d, text)].seen < 0)) {
		errno = ENOENT;
		return ERR_MISSING;
	}
	for (i = 0; i < d->entry_count; i++) {
		if (is_below(d->names[d->entries[i].name].text, text))
			sim_keep_entry(d, &d->entries[i]);
		else
			d->entries[left++] = d->entries[i];
	}
	d->entry_count = left;
	return ERR_OK;
}

static enum err
sim_list(void *ctx, const char *text, disk_name_fn *fn, void *fn_ctx)
{
	struct sim_disk *d = ctx;
	size_t skip = text[0] == '\0' ? 0 : strlen(text) + 1;
	int name = sim_find_name(d, text);
	enum err e = ERR_OK;
	int i;

	if (d->is_dead) {
		errno = EIO;
		return ERR_SYSTEM;
	}
	if (text[0] != '\0' && (name < 0 || d->names[name].seen < 0)) {
		errno = ENOENT;
		return ERR_MISSING;
	}
	for (i = 0; i < d->name_count && e == ERR_OK; i++) {
		if (d->names[i].seen >= 0 && is_below(d->names[i].text, text))
			e = fn(fn_ctx, d->names[i].text + skip);
	}
	return e;
}

static const struct disk_ops sim_ops = {
	.open = sim_open,
	.close = sim_close,
	.read = sim_read,
	.write = sim_write,
	.allocate = sim_allocate,
	.truncate = sim_truncate,
	.size = sim_size,
	.sync = sim_sync,
	.rename = sim_rename,
	.remove = sim_remove,
	.make_directory = sim_make_directory,
	.sync_directory = sim_sync_directory,
	.list = sim_list,
};

struct disk
sim_as_disk(struct sim_disk *d)
{
	return (struct disk){ .ops = &sim_ops, .ctx = d };
}
