/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An inode has what reads see and what would survive; between them lies a list of changes that were
 * not synced.  Names are the same: what is seen, what would survive, and the changes between.
 */
#include "sim/disk.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX   512
#define NAMES_MAX   512
#define FILES_MAX   64
#define CHANGES_MAX 8192

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
	struct entry_change entries[CHANGES_MAX];
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

uint64_t
sim_random(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void *
make(size_t size)
{
	void *p = calloc(1, size == 0 ? 1 : size);

	if (p == NULL)
		abort();
	return p;
}

static void
resize(struct content *c, size_t size)
{
	uint8_t *data = make(size);

	if (c->size > 0)
		memcpy(data, c->data, c->size < size ? c->size : size);
	free(c->data);
	c->data = data;
	c->size = size;
}

static void
put(struct content *c, size_t at, const void *data, size_t size)
{
	if (at + size > c->size)
		resize(c, at + size);
	memcpy(c->data + at, data, size);
}

static void
copy(struct content *to, const struct content *from)
{
	resize(to, from->size);
	if (from->size > 0)
		memcpy(to->data, from->data, from->size);
}

static void
forget_changes(struct node *n)
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
		n->changes = make(CHANGES_MAX * sizeof(struct change));
	assert(n->change_count < CHANGES_MAX);
	return &n->changes[n->change_count++];
}

static void
apply(struct node *n, const struct change *c)
{
	if (c->is_size)
		resize(&n->kept, c->at);
	else
		put(&n->kept, c->at, c->sector, c->count);
}

/* Writes, and notes every sector of it. */
static void
write_noted(struct node *n, uint64_t at, const uint8_t *data, size_t size)
{
	while (size > 0) {
		size_t in_sector = SIM_SECTOR_BYTES - at % SIM_SECTOR_BYTES;
		size_t step = size < in_sector ? size : in_sector;
		struct change *c = add_change(n);

		*c = (struct change){ .at = at, .sector = make(step), .count = step };
		memcpy(c->sector, data, step);
		put(&n->seen, at, data, step);
		at += step;
		data += step;
		size -= step;
	}
}

static void
resize_noted(struct node *n, uint64_t size)
{
	*add_change(n) = (struct change){ .is_size = true, .at = size };
	resize(&n->seen, size);
}

struct sim_disk *
sim_create(void)
{
	struct sim_disk *d = make(sizeof(*d));
	int i;

	for (i = 0; i < FILES_MAX; i++)
		d->files[i] = -1;
	d->crash_at = UINT_MAX;
	d->space = UINT64_MAX;
	return d;
}

void
sim_destroy(struct sim_disk *d)
{
	int i;

	if (d == NULL)
		return;
	for (i = 0; i < d->node_count; i++) {
		forget_changes(&d->nodes[i]);
		free(d->nodes[i].changes);
		free(d->nodes[i].seen.data);
		free(d->nodes[i].kept.data);
	}
	free(d);
}

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

static int
find_name(const struct sim_disk *d, const char *text)
{
	int i;

	for (i = 0; i < d->name_count; i++) {
		if (strcmp(d->names[i].text, text) == 0)
			return i;
	}
	return -1;
}

static int
get_name(struct sim_disk *d, const char *text)
{
	int i = find_name(d, text);

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

static int
new_node(struct sim_disk *d, bool is_directory)
{
	int i;

	for (i = 0; i < d->node_count; i++) {
		if (!is_used(d, i))
			break;
	}
	assert(i < NODES_MAX);
	if (i == d->node_count)
		d->node_count++;
	forget_changes(&d->nodes[i]);
	resize(&d->nodes[i].seen, 0);
	resize(&d->nodes[i].kept, 0);
	d->nodes[i].is_directory = is_directory;
	return i;
}

static void
note_entry(struct sim_disk *d, int name, int node, int other_name, int other_node)
{
	assert(d->entry_count < CHANGES_MAX);
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
	i = find_name(d, parent);
	return i >= 0 && d->names[i].seen >= 0 && d->nodes[d->names[i].seen].is_directory;
}

static enum err
sim_open(void *ctx, const char *text, enum disk_open how, int *file_out)
{
	struct sim_disk *d = ctx;
	int name = find_name(d, text);
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
		node = new_node(d, false);
		note_entry(d, get_name(d, text), node, -1, -1);
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

static uint64_t
used(const struct sim_disk *d)
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
	    used(d) + size - n->seen.size <= d->space)
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
			write_noted(n, offset, data, (size_t)(sim_random(&d->seed) % size));
		errno = kept;
		return ERR_SYSTEM;
	}
	if (!has_space(d, n, offset + size))
		return ERR_SYSTEM;
	write_noted(n, offset, data, size);
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
		resize_noted(n, size);
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
		resize_noted(n, size);
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
				apply(n, &n->changes[i]);
		}
		if (!was_dead && !d->is_dead)
			forget_changes(n);
		errno = kept;
		return ERR_SYSTEM;
	}
	for (i = 0; i < n->change_count; i++)
		apply(n, &n->changes[i]);
	forget_changes(n);
	return ERR_OK;
}

static enum err
sim_rename(void *ctx, const char *from, const char *to)
{
	struct sim_disk *d = ctx;
	int a = find_name(d, from);

	if (!step(d))
		return ERR_SYSTEM;
	if (a < 0 || d->names[a].seen < 0 || !has_parent(d, to)) {
		errno = ENOENT;
		return ERR_MISSING;
	}
	note_entry(d, get_name(d, to), d->names[a].seen, a, -1);
	return ERR_OK;
}

static enum err
sim_remove(void *ctx, const char *text)
{
	struct sim_disk *d = ctx;
	int name = find_name(d, text);

	if (!step(d))
		return ERR_SYSTEM;
	if (name < 0 || d->names[name].seen < 0) {
		errno = ENOENT;
		return ERR_MISSING;
	}
	note_entry(d, name, -1, -1, -1);
	return ERR_OK;
}

static enum err
sim_make_directory(void *ctx, const char *text)
{
	struct sim_disk *d = ctx;
	int name = find_name(d, text);

	if (!step(d))
		return ERR_SYSTEM;
	if (name >= 0 && d->names[name].seen >= 0)
		return ERR_EXISTS;
	note_entry(d, get_name(d, text), new_node(d, true), -1, -1);
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

static void
keep_entry(struct sim_disk *d, const struct entry_change *c)
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
	if (text[0] != '\0' && (find_name(d, text) < 0 || d->names[find_name(d, text)].seen < 0)) {
		errno = ENOENT;
		return ERR_MISSING;
	}
	for (i = 0; i < d->entry_count; i++) {
		if (is_below(d->names[d->entries[i].name].text, text))
			keep_entry(d, &d->entries[i]);
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
	int name = find_name(d, text);
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

unsigned int
sim_steps(const struct sim_disk *d)
{
	return d->steps;
}

void
sim_crash_at(struct sim_disk *d, unsigned int at)
{
	d->crash_at = at == UINT_MAX ? UINT_MAX : d->steps + at;
}

bool
sim_is_dead(const struct sim_disk *d)
{
	return d->is_dead;
}

void
sim_restart(struct sim_disk *d, uint64_t seed)
{
	size_t k;
	int i;

	/* In order, each by its own luck: so later ones overtake earlier ones. */
	for (i = 0; i < d->node_count; i++) {
		uint64_t chance = sim_random(&seed) % 5;

		for (k = 0; k < d->nodes[i].change_count; k++) {
			if (sim_random(&seed) % 4 < chance)
				apply(&d->nodes[i], &d->nodes[i].changes[k]);
		}
		forget_changes(&d->nodes[i]);
		copy(&d->nodes[i].seen, &d->nodes[i].kept);
	}
	for (k = 0; k < d->entry_count; k++) {
		if (sim_random(&seed) % 2 == 0)
			keep_entry(d, &d->entries[k]);
	}
	d->entry_count = 0;
	for (i = 0; i < d->name_count; i++)
		d->names[i].seen = d->names[i].kept;
	for (i = 0; i < FILES_MAX; i++)
		d->files[i] = -1;
	d->is_dead = false;
	d->crash_at = UINT_MAX;
	d->fail_first = d->fail_end = 0;
	d->space = UINT64_MAX;
	d->seed = seed;
}

void
sim_fail(struct sim_disk *d, unsigned int first, unsigned int count, int number)
{
	d->fail_first = d->steps + first;
	d->fail_end = count == UINT_MAX ? UINT_MAX : d->fail_first + count;
	d->fail_number = number;
}

void
sim_set_space(struct sim_disk *d, uint64_t bytes)
{
	d->space = bytes == UINT64_MAX ? bytes : used(d) + bytes;
}

uint8_t *
sim_file(struct sim_disk *d, const char *text, size_t *size_out)
{
	int name = find_name(d, text);

	if (name < 0 || d->names[name].seen < 0)
		return NULL;
	*size_out = d->nodes[d->names[name].seen].seen.size;
	return d->nodes[d->names[name].seen].seen.data;
}

void
sim_put(struct sim_disk *d, const char *text, const void *data, size_t size)
{
	struct content given = { NULL, 0 };
	int name = get_name(d, text);

	/* It may be a part of the file itself. */
	put(&given, 0, data, size);
	if (d->names[name].seen < 0)
		note_entry(d, name, new_node(d, false), -1, -1);
	d->names[name].kept = d->names[name].seen;
	forget_changes(&d->nodes[d->names[name].seen]);
	copy(&d->nodes[d->names[name].seen].seen, &given);
	copy(&d->nodes[d->names[name].seen].kept, &given);
	free(given.data);
}

void
sim_delete(struct sim_disk *d, const char *text)
{
	int name = find_name(d, text);

	assert(name >= 0 && d->names[name].seen >= 0);
	d->names[name].seen = -1;
	d->names[name].kept = -1;
}

struct sim_disk *
sim_copy(const struct sim_disk *d)
{
	struct sim_disk *c = sim_create();
	int i;

	c->node_count = d->node_count;
	for (i = 0; i < d->node_count; i++) {
		c->nodes[i].is_directory = d->nodes[i].is_directory;
		copy(&c->nodes[i].seen, &d->nodes[i].seen);
		copy(&c->nodes[i].kept, &d->nodes[i].seen);
	}
	c->name_count = d->name_count;
	for (i = 0; i < d->name_count; i++) {
		c->names[i] = d->names[i];
		c->names[i].kept = c->names[i].seen;
	}
	return c;
}

unsigned int
sim_open_files(const struct sim_disk *d)
{
	unsigned int count = 0;
	int i;

	for (i = 0; i < FILES_MAX; i++)
		count += d->files[i] >= 0;
	return count;
}
