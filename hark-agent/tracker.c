/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The family of processes as told by the kernel's messages.  Walks of /proc are proc_walk.c's; what
 * both share is in tracker_internal.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "hark-agent/proc_stat.h"
#include "hark-agent/tracker_internal.h"
#include "os/guestfs.h"
#include "os/wait.h"

enum err
tracker_stat(struct tracker *t, pid_t pid, struct proc_stat *out)
{
	char path[32];
	char text[1024];
	size_t size;
	enum err e;

	(void)snprintf(path, sizeof(path), "%d/stat", (int)pid); /* always fits */
	e = guestfs_read(t->procfs, path, text, sizeof(text), &size);
	if (e != ERR_OK)
		return e;
	return proc_stat_read(text, size, out);
}

void
tracker_emit(struct tracker *t, struct process_event *event)
{
	uint8_t frame[FRAME_BYTES_MAX];
	size_t size = declare_process(t->declarer, t->ring->next, event, frame);

	ring_add(t->ring, frame, size);
}

static void
fill(const struct member *m, const char *source, uint64_t time_ns, bool from_walk,
     struct process_event *out)
{
	memset(out, 0, sizeof(*out));
	out->source = source;
	out->time_ns = time_ns;
	out->start_ns = m->start_ns;
	out->pid = m->pid;
	out->comm = m->comm;
	out->comm_size = m->comm_size;
	out->from_walk = from_walk;
	out->has_ppid = m->ppid > 0;
	out->ppid = m->ppid;
}

void
tracker_emit_spawned(struct tracker *t, const struct member *m, uint64_t time_ns, bool from_walk)
{
	struct process_event event;

	fill(m, "process.spawned", time_ns, from_walk, &event);
	tracker_emit(t, &event);
}

void
tracker_emit_exec(struct tracker *t, const struct member *m, uint64_t time_ns, bool from_walk)
{
	struct process_event event;
	char path[32];
	char exe[EXE_BYTES_MAX + 1];
	char text[1024];
	size_t size;

	fill(m, "process.exec", time_ns, from_walk, &event);
	(void)snprintf(path, sizeof(path), "%d/exe", (int)m->pid); /* always fits */
	if (guestfs_link(t->procfs, path, exe, sizeof(exe), &size) == ERR_OK) {
		event.exe = exe;
		event.exe_cut = size > EXE_BYTES_MAX;
		event.exe_size = event.exe_cut ? EXE_BYTES_MAX : size;
	}
	(void)snprintf(path, sizeof(path), "%d/status", (int)m->pid); /* always fits */
	if (guestfs_read(t->procfs, path, text, sizeof(text), &size) == ERR_OK)
		event.has_uid = proc_status_uid(text, size, &event.uid) == ERR_OK;
	tracker_emit(t, &event);
}

/* Reports the end and forgets the member; `status` may be NULL. */
void
tracker_end(struct tracker *t, pid_t pid, const uint32_t *status, uint64_t time_ns, bool from_walk)
{
	struct member *m = family_find(t->family, pid);
	struct process_event event;

	MUST(m != NULL);

	fill(m, "process.exited", time_ns, from_walk, &event);
	event.has_ppid = false;
	if (status != NULL) {
		event.has_exit_status = true;
		event.exit_status = *status;
	}
	tracker_emit(t, &event);
	if (m->leader_gone)
		t->suspects--;
	family_remove(t->family, pid);
}

bool
tracker_is_ours(struct tracker *t, pid_t parent)
{
	return t->all || parent == t->self || family_find(t->family, parent) != NULL;
}

struct member *
tracker_add(struct tracker *t, pid_t pid, pid_t ppid, uint64_t start_ns)
{
	struct member *m;

	if (family_add(t->family, pid, &m) != ERR_OK)
		return NULL;
	m->ppid = ppid;
	m->start_ns = start_ns;
	return m;
}

static void
read_comm(struct tracker *t, struct member *m)
{
	char path[32];
	char comm[COMM_BYTES + 1];
	size_t size;

	(void)snprintf(path, sizeof(path), "%d/comm", (int)m->pid); /* always fits */
	if (guestfs_read(t->procfs, path, comm, sizeof(comm), &size) != ERR_OK)
		return; /* gone: the last name that was known stands */
	if (size > 0 && comm[size - 1] == '\n')
		size--;
	m->comm_size = (uint8_t)(size < COMM_BYTES ? size : COMM_BYTES);
	memcpy(m->comm, comm, m->comm_size);
}

static void
on_fork(struct tracker *t, const struct connector_event *event)
{
	const struct member *parent;
	struct member *m = family_find(t->family, event->tgid);

	if (event->pid != event->tgid) {
		if (m != NULL)
			m->threaded = true;
		return;
	}
	if (event->tgid == t->self)
		return;
	if (m != NULL) {
		/* A walk may have seen it before this message was read. */
		if (m->walked_ns >= event->time_ns)
			return;
		tracker_end(t, event->tgid, NULL, event->time_ns, false);
	}
	if (!tracker_is_ours(t, event->parent_tgid))
		return;
	m = tracker_add(t, event->tgid, event->parent_tgid, event->time_ns);
	if (m == NULL) {
		/* What it does from here on cannot be told from a stranger's doing. */
		t->declarer->dropped = num_add_saturating(t->declarer->dropped, 1);
		return;
	}
	/* A child begins with its parent's name; what it has become is told by its next event. */
	parent = family_find(t->family, event->parent_tgid);
	if (parent != NULL) {
		m->comm_size = parent->comm_size;
		memcpy(m->comm, parent->comm, parent->comm_size);
	} else if (event->parent_tgid == t->self) {
		m->comm_size = (uint8_t)t->declarer->comm_size;
		memcpy(m->comm, t->declarer->comm, t->declarer->comm_size);
	} else {
		read_comm(t, m);
	}
	tracker_emit_spawned(t, m, event->time_ns, false);
}

/*
 * The end of a process's only thread is its end.  Where there are more, the first may end before
 * the others, and another that calls exec takes over its number: the process is then a suspect,
 * until /proc has shown no life at two looks (tracker_check_suspects) or an exec clears it.
 */
static void
on_exit_message(struct tracker *t, const struct connector_event *event)
{
	struct member *m = family_find(t->family, event->tgid);

	if (m == NULL || (event->pid != event->tgid && !m->leader_gone))
		return;
	/* After a loss nobody knows: what was lost may be the beginning of a thread. */
	if (!m->threaded && !t->needs_walk) {
		tracker_end(t, m->pid, &event->value, event->time_ns, false);
		return;
	}
	if (!m->leader_gone)
		t->suspects++;
	m->leader_gone = true;
	m->looked_dead = false;
	m->exit_status = event->value;
	m->exit_ns = event->time_ns;
}

/* An exec leaves one thread alone, whichever called it. */
static void
on_exec(struct tracker *t, const struct connector_event *event)
{
	struct member *m = family_find(t->family, event->tgid);

	if (m == NULL)
		return;
	if (m->leader_gone) {
		m->leader_gone = false;
		t->suspects--;
	}
	m->threaded = false;
	read_comm(t, m);
	tracker_emit_exec(t, m, event->time_ns, false);
}

void
tracker_message(struct tracker *t, const struct connector_event *event)
{
	struct member *m;

	switch (event->kind) {
	case CONNECTOR_FORK:
		on_fork(t, event);
		break;
	case CONNECTOR_EXEC:
		on_exec(t, event);
		break;
	case CONNECTOR_EXIT:
		on_exit_message(t, event);
		break;
	case CONNECTOR_COMM:
		m = family_find(t->family, event->tgid);
		if (m != NULL && event->pid == event->tgid) {
			m->comm_size = (uint8_t)strnlen(event->comm, COMM_BYTES);
			memcpy(m->comm, event->comm, m->comm_size);
		}
		break;
	case CONNECTOR_ANSWER:
	case CONNECTOR_OTHER:
		break;
	}
}

static bool
shows_life(struct tracker *t, pid_t pid)
{
	struct proc_stat s;

	return tracker_stat(t, pid, &s) == ERR_OK &&
	       ((s.state != 'Z' && s.state != 'X') || s.threads > 1);
}

/* Two looks, because /proc shows no life for a moment while a number changes hands. */
void
tracker_check_suspects(struct tracker *t)
{
	size_t i = t->family->count;

	/* Backwards: the removed one is replaced by the last, which was looked at already. */
	while (t->suspects > 0 && i-- > 0) {
		struct member *m = &t->family->members[i];

		if (!m->leader_gone)
			continue;
		if (shows_life(t, m->pid))
			m->looked_dead = false;
		else if (m->looked_dead)
			tracker_end(t, m->pid, &m->exit_status, m->exit_ns, false);
		else
			m->looked_dead = true;
	}
}

bool
tracker_is_settled(struct tracker *t)
{
	struct proc_stat s;
	size_t i;

	for (i = 0; i < t->family->count; i++) {
		if (tracker_stat(t, t->family->members[i].pid, &s) != ERR_OK || s.state == 'Z' ||
		    s.state == 'X')
			return false;
	}
	return true;
}
