/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The simulated disk from outside: what fails and when, crashes and restarts, whole files for tests
 * that damage them.  Its calls are in calls.c, what a file holds is node.c's.
 */
#include "sim/disk.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_internal.h"

uint64_t
sim_random(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

struct sim_disk *
sim_create(void)
{
	struct sim_disk *d = node_memory(sizeof(*d));
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
		node_forget(&d->nodes[i]);
		free(d->nodes[i].changes);
		free(d->nodes[i].seen.data);
		free(d->nodes[i].kept.data);
	}
	free(d);
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
				node_apply(&d->nodes[i], &d->nodes[i].changes[k]);
		}
		node_forget(&d->nodes[i]);
		content_copy(&d->nodes[i].seen, &d->nodes[i].kept);
	}
	for (k = 0; k < d->entry_count; k++) {
		if (sim_random(&seed) % 2 == 0)
			sim_keep_entry(d, &d->entries[k]);
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
	d->space = bytes == UINT64_MAX ? bytes : sim_used(d) + bytes;
}

uint8_t *
sim_file(struct sim_disk *d, const char *text, size_t *size_out)
{
	int name = sim_find_name(d, text);

	if (name < 0 || d->names[name].seen < 0)
		return NULL;
	*size_out = d->nodes[d->names[name].seen].seen.size;
	return d->nodes[d->names[name].seen].seen.data;
}

void
sim_put(struct sim_disk *d, const char *text, const void *data, size_t size)
{
	struct content given = { NULL, 0 };
	int name = sim_get_name(d, text);

	/* It may be a part of the file itself. */
	content_put(&given, 0, data, size);
	if (d->names[name].seen < 0)
		sim_note_entry(d, name, sim_new_node(d, false), -1, -1);
	d->names[name].kept = d->names[name].seen;
	node_forget(&d->nodes[d->names[name].seen]);
	content_copy(&d->nodes[d->names[name].seen].seen, &given);
	content_copy(&d->nodes[d->names[name].seen].kept, &given);
	free(given.data);
}

void
sim_delete(struct sim_disk *d, const char *text)
{
	int name = sim_find_name(d, text);

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
		content_copy(&c->nodes[i].seen, &d->nodes[i].seen);
		content_copy(&c->nodes[i].kept, &d->nodes[i].seen);
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
