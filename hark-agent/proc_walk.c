/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Walks of /proc: the whole source where the connector is refused, and the way back to the truth
 * after the connector has lost messages.  A process that begins and ends between two walks is not
 * seen; one that runs the same file anew by exec neither.
 */
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "hark-agent/tracker_internal.h"
#include "os/guestfs.h"
#include "os/wait.h"

/* A child is listed after its parent but where numbers have wrapped: few rounds find all. */
#define WALK_ROUNDS_MAX 64u

static struct proc_stat rows[FAMILY_MEMBERS_MAX];
static pid_t pids[FAMILY_MEMBERS_MAX];

static bool
is_dead(const struct proc_stat *s)
{
	return (s->state == 'Z' && s->threads <= 1) || s->state == 'X';
}

/* A status of 0 may also mean that we are not allowed to see it. */
static const uint32_t *
believable_status(const struct tracker *t, const struct proc_stat *s)
{
	if (!s->has_exit_status || (s->exit_status == 0 && !t->privileged))
		return NULL;
	return &s->exit_status;
}

/* True when the file it runs is known and is another than before. */
static bool
update_exe(struct tracker *t, struct member *m)
{
	char path[32];
	uint64_t device;
	uint64_t inode;
	bool changed;

	(void)snprintf(path, sizeof(path), "%d/exe", (int)m->pid); /* always fits */
	if (guestfs_identity(t->procfs, path, &device, &inode) != ERR_OK)
		return false;
	changed = m->exe_device != device || m->exe_inode != inode;
	m->exe_device = device;
	m->exe_inode = inode;
	return changed;
}

static void
update(struct tracker *t, struct member *m, const struct proc_stat *s, uint64_t now_ns)
{
	bool was_known = m->exe_inode != 0;

	m->start_ticks = s->start_ticks;
	m->generation = t->generation;
	m->threaded = true; /* a walk follows a loss: a thread's beginning may be what was lost */
	m->comm_size = s->comm_size;
	memcpy(m->comm, s->comm, s->comm_size);
	if (is_dead(s)) {
		tracker_end(t, s->pid, believable_status(t, s), now_ns, true);
		return;
	}
	if (update_exe(t, m) && was_known)
		tracker_emit_exec(t, m, now_ns, true);
}

static void
add_new(struct tracker *t, const struct proc_stat *s, uint64_t now_ns)
{
	const struct member *parent;
	struct member *m = tracker_add(t, s->pid, s->ppid, now_ns);

	if (m == NULL) {
		/* Each walk meets them again: they are counted once. */
		if (!t->full_told)
			t->declarer->dropped = num_add_saturating(t->declarer->dropped, 1);
		t->full_told = true;
		return;
	}
	m->walked_ns = now_ns;
	m->threaded = true; /* nobody has told how many threads it has */
	m->start_ticks = s->start_ticks;
	m->generation = t->generation;
	m->comm_size = s->comm_size;
	memcpy(m->comm, s->comm, s->comm_size);
	tracker_emit_spawned(t, m, now_ns, true);
	/* Running another file than its parent means that there was an exec. */
	parent = family_find(t->family, s->ppid);
	if (parent != NULL) {
		m->exe_device = parent->exe_device;
		m->exe_inode = parent->exe_inode;
	}
	if (update_exe(t, m) && parent != NULL && parent->exe_inode != 0)
		tracker_emit_exec(t, m, now_ns, true);
}

static size_t
list_rows(struct tracker *t)
{
	size_t listed = 0;
	size_t count = 0;
	size_t i;
	enum err e = guestfs_pids(t->procfs, pids, FAMILY_MEMBERS_MAX, &listed);

	if (e != ERR_OK)
		t->declarer->dropped = num_add_saturating(t->declarer->dropped, 1);
	for (i = 0; i < listed; i++) {
		if (pids[i] == t->self)
			continue;
		if (tracker_stat(t, pids[i], &rows[count]) == ERR_OK)
			count++;
	}
	return count;
}

/* What is known already: changes, and numbers that now stand for somebody else. */
static void
look_at_known(struct tracker *t, size_t count, uint64_t now_ns)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct member *m = family_find(t->family, rows[i].pid);

		if (m == NULL)
			continue;
		if (m->start_ticks != 0 && m->start_ticks != rows[i].start_ticks)
			tracker_end(t, m->pid, NULL, now_ns, true);
		else
			update(t, m, &rows[i], now_ns);
	}
	for (i = t->family->count; i-- > 0;) {
		const struct member *m = &t->family->members[i];

		if (m->generation != t->generation)
			tracker_end(t, m->pid, NULL, now_ns, true);
	}
}

void
tracker_walk(struct tracker *t)
{
	size_t count = list_rows(t);
	/* A message about what the list shows is older than this. */
	uint64_t now_ns = wait_now_ns();
	size_t round;
	size_t i;

	t->generation++;
	t->needs_walk = false;
	look_at_known(t, count, now_ns);
	for (round = 0; round < WALK_ROUNDS_MAX; round++) {
		bool found = false;

		for (i = 0; i < count; i++) {
			if (rows[i].pid == 0 || !tracker_is_ours(t, rows[i].ppid))
				continue;
			/* A dead one was reported, or came and went unseen. */
			if (family_find(t->family, rows[i].pid) == NULL && !is_dead(&rows[i])) {
				add_new(t, &rows[i], now_ns);
				found = true;
			}
			rows[i].pid = 0;
		}
		if (!found)
			break;
	}
}

void
tracker_started(struct tracker *t, pid_t pid)
{
	uint64_t now_ns = wait_now_ns();
	struct member *m = tracker_add(t, pid, t->self, now_ns);
	struct proc_stat s;

	if (m == NULL)
		return;
	m->comm_size = (uint8_t)t->declarer->comm_size;
	memcpy(m->comm, t->declarer->comm, t->declarer->comm_size);
	m->generation = t->generation;
	tracker_emit_spawned(t, m, now_ns, true);
	if (tracker_stat(t, pid, &s) != ERR_OK || is_dead(&s))
		return;
	m->start_ticks = s.start_ticks;
	m->comm_size = s.comm_size;
	memcpy(m->comm, s.comm, s.comm_size);
	(void)update_exe(t, m); /* the caller knows that there was an exec */
	tracker_emit_exec(t, m, now_ns, true);
}

void
tracker_reaped(struct tracker *t, pid_t pid, uint32_t wait_status)
{
	if (family_find(t->family, pid) != NULL)
		tracker_end(t, pid, &wait_status, wait_now_ns(), true);
}

void
tracker_take_in(struct tracker *t)
{
	size_t count = list_rows(t);
	uint64_t now_ns = wait_now_ns();
	size_t i;

	for (i = 0; i < count; i++) {
		struct member *m;

		if (is_dead(&rows[i]))
			continue;
		m = tracker_add(t, rows[i].pid, rows[i].ppid, now_ns);
		if (m == NULL)
			continue;
		m->walked_ns = now_ns;
		m->threaded = true; /* nobody has told how many it has */
		m->start_ticks = rows[i].start_ticks;
		m->comm_size = rows[i].comm_size;
		memcpy(m->comm, rows[i].comm, rows[i].comm_size);
		(void)update_exe(t, m); /* what runs now is where we begin */
	}
}
