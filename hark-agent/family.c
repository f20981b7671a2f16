/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A bounded set of processes.  It makes no system calls and decides nothing. */
#include <string.h>

#include "base/must.h"
#include "hark-agent/family.h"

#define PLACE_MASK (FAMILY_PLACES - 1u)

_Static_assert((FAMILY_PLACES & PLACE_MASK) == 0, "places are found by a mask");
_Static_assert(FAMILY_PLACES >= 2 * FAMILY_MEMBERS_MAX, "a free place must always be near");

/* Neighbouring pids lie in neighbouring places: a small family touches few pages. */
static uint32_t
home_of(pid_t pid)
{
	return (uint32_t)pid & PLACE_MASK;
}

/* The place that holds the pid, or the free one where it would go. */
static uint32_t
place_of(const struct family *f, pid_t pid)
{
	uint32_t at = home_of(pid);

	while (f->place[at] != 0 && f->members[f->place[at] - 1].pid != pid)
		at = (at + 1) & PLACE_MASK;
	return at;
}

struct member *
family_find(struct family *f, pid_t pid)
{
	uint32_t index = f->place[place_of(f, pid)];

	return index == 0 ? NULL : &f->members[index - 1];
}

enum err
family_add(struct family *f, pid_t pid, struct member **out)
{
	uint32_t at = place_of(f, pid);
	struct member *m;

	MUST(pid > 0);
	MUST(out != NULL);

	if (f->place[at] != 0)
		return ERR_EXISTS;
	if (f->count == FAMILY_MEMBERS_MAX)
		return ERR_LIMIT;
	m = &f->members[f->count++];
	memset(m, 0, sizeof(*m));
	m->pid = pid;
	f->place[at] = (uint32_t)f->count;
	*out = m;
	return ERR_OK;
}

/* Closes the hole at `hole`: whatever stands after it and may stand in it moves up. */
static void
close_hole(struct family *f, uint32_t hole)
{
	uint32_t at = hole;

	for (;;) {
		uint32_t home;

		at = (at + 1) & PLACE_MASK;
		if (f->place[at] == 0)
			break;
		home = home_of(f->members[f->place[at] - 1].pid);
		if (((at - home) & PLACE_MASK) >= ((at - hole) & PLACE_MASK)) {
			f->place[hole] = f->place[at];
			hole = at;
		}
	}
	f->place[hole] = 0;
}

void
family_remove(struct family *f, pid_t pid)
{
	uint32_t at = place_of(f, pid);
	uint32_t index = f->place[at];
	uint32_t last = (uint32_t)f->count;

	if (index == 0)
		return;
	close_hole(f, at);
	if (index != last) {
		uint32_t moved = place_of(f, f->members[last - 1].pid);

		MUST(f->place[moved] == last);
		f->members[index - 1] = f->members[last - 1];
		f->place[moved] = index;
	}
	f->count--;
}

bool
family_check(struct family *f)
{
	size_t places = 0;
	size_t i;

	if (f->count > FAMILY_MEMBERS_MAX)
		return false;
	for (i = 0; i < FAMILY_PLACES; i++) {
		if (f->place[i] > f->count)
			return false;
		places += f->place[i] != 0;
	}
	if (places != f->count)
		return false;
	for (i = 0; i < f->count; i++) {
		if (family_find(f, f->members[i].pid) != &f->members[i])
			return false;
	}
	return true;
}
