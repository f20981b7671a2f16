/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A disk in memory that keeps only what was synced.  What was not may be lost, torn by sectors and
 * reordered when the power fails; a failed sync makes the kernel forget.  All is chosen by a seed.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/disk.h"

#define SIM_SECTOR_BYTES 512u

struct sim_disk;

struct sim_disk *sim_create(void);
void sim_destroy(struct sim_disk *d);
struct disk sim_as_disk(struct sim_disk *d);

/* A random number of this disk's or of any other seed. */
uint64_t sim_random(uint64_t *seed);

/* Calls that can change something, so far. */
unsigned int sim_steps(const struct sim_disk *d);
/* Before step `step` (counted from now, from 0) the power fails: from then on every call fails.
 * UINT_MAX: never. */
void sim_crash_at(struct sim_disk *d, unsigned int step);
bool sim_is_dead(const struct sim_disk *d);
/* The power comes back: of what was not synced a part is there.  All open files are closed. */
void sim_restart(struct sim_disk *d, uint64_t seed);

/* Steps `first` to `first + count - 1` (from now, from 0) fail with `number`; writes and syncs that
 * fail may have done a part of it. */
void sim_fail(struct sim_disk *d, unsigned int first, unsigned int count, int number);
/* Only so many bytes may be allocated by all files from now on: ENOSPC.  UINT64_MAX: no limit. */
void sim_set_space(struct sim_disk *d, uint64_t bytes);

/* Whole files as they are now, for tests that damage them.  NULL where there is none. */
uint8_t *sim_file(struct sim_disk *d, const char *name, size_t *size_out);
/* Replaces a file's content, durably. */
void sim_put(struct sim_disk *d, const char *name, const void *data, size_t size);
void sim_delete(struct sim_disk *d, const char *name);
/* A copy of all that is there now, synced. */
struct sim_disk *sim_copy(const struct sim_disk *d);
unsigned int sim_open_files(const struct sim_disk *d);

#endif
