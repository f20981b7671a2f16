/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The turns of the agent, and which source of process events it uses. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/cn_proc.h>
#include <linux/connector.h>

#include "base/must.h"
#include "base/num.h"
#include "hark-agent/agent.h"
#include "hark-agent/declare.h"
#include "hark-agent/tracker.h"
#include "hark-agent/workload.h"
#include "os/cnsock.h"
#include "os/guestfs.h"
#include "os/outlet.h"
#include "os/wait.h"

#define NS_A_MS              UINT64_C(1000000)
#define NS_A_S               UINT64_C(1000000000)
#define WALK_INTERVAL_NS     (100 * NS_A_MS)
#define SUSPECTS_INTERVAL_NS (20 * NS_A_MS)
/* The kernel's last message may come a little after the end that it tells. */
#define DRAIN_LIMIT_NS (250 * NS_A_MS)
/* How often the end of the output is looked for: there is no event for it. */
#define DONE_INTERVAL_NS   (2 * NS_A_MS)
#define ANSWER_LIMIT_NS    (500 * NS_A_MS)
#define MESSAGES_A_TURN    4096u
#define PID_NAMESPACE_INIT UINT64_C(4026531836) /* PROC_PID_INIT_INO, part of the kernel's ABI */

enum phase {
	PHASE_RUNNING,  /* COMMAND lives */
	PHASE_DRAINING, /* it has ended; its last events may still come */
	PHASE_ENDING,   /* goodbye, until all is taken or linger_ns */
	PHASE_DONE,
};

struct agent {
	enum phase phase;
	uint64_t phase_limit_ns;
	uint64_t linger_ns;
	uint64_t walk_ns; /* the next walk of /proc, or look at the suspects */
	int connector;    /* -1: walks are the source */
	uint32_t overflows_uncounted;
	struct workload workload;
	struct ring ring;
	struct declarer declarer;
	struct tracker tracker;
	struct stream stream;
	struct connector_gaps gaps;
	struct family family;
};

/* One agent a process; it is large, and its untouched pages cost nothing here. */
static struct agent the_agent;

static void
lost(struct agent *a, uint32_t count)
{
	a->declarer.dropped = num_add_saturating(a->declarer.dropped, count);
}

/* A hole in the numbers counts what an overflow only hinted at, so it is not counted twice. */
static void
count_gap(struct agent *a, const struct connector_event *event)
{
	uint32_t gap = connector_gap(&a->gaps, event);
	uint32_t counted = gap < a->overflows_uncounted ? gap : a->overflows_uncounted;

	if (gap == 0)
		return;
	a->overflows_uncounted -= counted;
	lost(a, gap - counted);
	a->tracker.needs_walk = true;
}

/* Reads one datagram.  AGAIN: none is left. */
static enum err
read_connector(struct agent *a, uint32_t answer_ack, uint32_t *answer)
{
	uint8_t data[CONNECTOR_MESSAGE_BYTES] __attribute__((aligned(8)));
	struct connector_event event;
	size_t size;
	size_t at = 0;
	enum err e = cnsock_receive(a->connector, data, sizeof(data), &size);

	if (e == ERR_LIMIT) {
		lost(a, 1);
		a->overflows_uncounted++;
		a->tracker.needs_walk = true;
		return ERR_OK;
	}
	if (e == ERR_REFUSED)
		return ERR_OK;
	if (e != ERR_OK)
		return ERR_AGAIN;
	for (;;) {
		e = connector_next(data, size, &at, &event);
		if (e == ERR_UNSUPPORTED)
			continue;
		if (e != ERR_OK)
			return ERR_OK;
		if (event.kind == CONNECTOR_ANSWER && answer != NULL && event.ack == answer_ack)
			*answer = event.value;
		count_gap(a, &event);
		tracker_message(&a->tracker, &event);
	}
}

static const char *
name_of_refusal(int error)
{
	static const struct {
		int error;
		const char *name;
	} names[] = {
		{ ECONNREFUSED, "refused" },
		{ EPERM, "eperm" },
		{ EACCES, "eacces" },
		{ EPROTONOSUPPORT, "eprotonosupport" },
		{ EAFNOSUPPORT, "eafnosupport" },
		{ ENOENT, "enoent" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].error == error)
			return names[i].name;
	}
	return "failed";
}

/* Asks the kernel to tell us; gives why it will not, or NULL once it does. */
static const char *
subscribe(struct agent *a)
{
	uint8_t request[CONNECTOR_REQUEST_BYTES];
	uint32_t mark[2];
	uint32_t answer = UINT32_MAX;
	uint64_t until;
	struct wait_item item;

	if (wait_random(mark, sizeof(mark)) != ERR_OK)
		return "failed";
	connector_request(mark[0], mark[1], request);
	if (cnsock_send(a->connector, request, sizeof(request)) != ERR_OK)
		return name_of_refusal(errno);
	/* The answer goes to every listener on the machine; the mark tells ours. */
	until = wait_now_ns() + ANSWER_LIMIT_NS;
	item = (struct wait_item){ .fd = a->connector, .want_read = true };
	while (answer == UINT32_MAX && wait_now_ns() < until) {
		if (wait_ready(&item, 1, until) != ERR_OK)
			return "failed";
		while (answer == UINT32_MAX && read_connector(a, mark[1] + 1, &answer) == ERR_OK)
			continue;
	}
	if (answer == UINT32_MAX)
		return "no_answer";
	return answer == 0 ? NULL : name_of_refusal((int)answer);
}

static void
open_connector(struct agent *a)
{
	uint64_t device;
	uint64_t inode;
	const char *why;

	a->connector = -1;
	/* The connector's numbers are the first namespace's: elsewhere they are strangers'. */
	if (guestfs_identity(a->tracker.procfs, "self/ns/pid", &device, &inode) == ERR_OK &&
	    inode != PID_NAMESPACE_INIT) {
		a->declarer.missing_connector = "pid_namespace";
		return;
	}
	if (cnsock_open(CN_IDX_PROC, CONNECTOR_RECEIVE_BYTES, &a->connector) != ERR_OK) {
		a->connector = -1;
		a->declarer.missing_connector = name_of_refusal(errno);
		return;
	}
	why = subscribe(a);
	if (why == NULL)
		return;
	outlet_close(a->connector);
	a->connector = -1;
	a->declarer.missing_connector = why;
}

static void
reap(struct agent *a)
{
	pid_t pid;
	int status;

	while (workload_reap(&a->workload, &pid, &status) == ERR_OK) {
		if (a->connector < 0 && a->phase < PHASE_ENDING)
			tracker_reaped(&a->tracker, pid, (uint32_t)status);
	}
}

static void
enter(struct agent *a, enum phase next, uint64_t now_ns)
{
	MUST(next == a->phase + 1);

	a->phase = next;
	if (next == PHASE_DRAINING)
		a->phase_limit_ns = now_ns + DRAIN_LIMIT_NS;
	if (next == PHASE_ENDING) {
		a->phase_limit_ns = now_ns + a->linger_ns;
		stream_end(&a->stream, a->workload.wait_status);
	}
}

/* Moves on where the phase is over. */
static void
advance(struct agent *a, uint64_t now_ns)
{
	if (a->phase == PHASE_RUNNING && a->workload.ended)
		enter(a, PHASE_DRAINING, now_ns);
	if (a->phase == PHASE_DRAINING) {
		bool settled = tracker_is_settled(&a->tracker);

		if (!settled && now_ns < a->phase_limit_ns)
			return;
		/* Without the connector this is the last look; with it, only what it failed to
		 * tell. */
		if (!settled || a->connector < 0 || a->tracker.needs_walk)
			tracker_walk(&a->tracker);
		enter(a, PHASE_ENDING, now_ns);
	}
	if (a->phase == PHASE_ENDING && (stream_is_done(&a->stream) || now_ns >= a->phase_limit_ns))
		enter(a, PHASE_DONE, now_ns);
}

static void
look_for_processes(struct agent *a, uint64_t now_ns, const struct wait_item *item)
{
	uint32_t i;

	if (a->connector >= 0 && (item->ready_read || a->phase == PHASE_DRAINING)) {
		for (i = 0; i < MESSAGES_A_TURN; i++) {
			if (read_connector(a, 0, NULL) != ERR_OK)
				break;
		}
	}
	/* After a loss the walk waits for the queue to run dry, but no longer than its interval. */
	if (now_ns < a->walk_ns)
		return;
	if (a->connector < 0 || a->tracker.needs_walk)
		tracker_walk(&a->tracker);
	else
		tracker_check_suspects(&a->tracker);
	a->walk_ns =
		wait_now_ns() + (a->connector < 0 || a->tracker.needs_walk ? WALK_INTERVAL_NS
									   : SUSPECTS_INTERVAL_NS);
}

static uint64_t
next_deadline(const struct agent *a, uint64_t now_ns)
{
	uint64_t until = UINT64_MAX;

	if (a->phase >= PHASE_DRAINING)
		return now_ns + DONE_INTERVAL_NS;
	if (a->connector < 0 || a->tracker.needs_walk || a->tracker.suspects > 0)
		until = a->walk_ns;
	return until;
}

/* One turn: wait for something, then do all of it that does not wait. */
static enum err
turn(struct agent *a)
{
	struct wait_item items[3];
	uint64_t now_ns = wait_now_ns();
	uint64_t deadline_ns = next_deadline(a, now_ns);
	bool child;
	bool asked_to_end;
	enum err e;

	memset(items, 0, sizeof(items));
	items[0].fd = a->workload.signals_fd;
	items[0].want_read = true;
	items[1].fd = a->phase < PHASE_ENDING ? a->connector : -1;
	items[1].want_read = true;
	stream_prepare(&a->stream, now_ns, &items[2], &deadline_ns);
	e = wait_ready(items, 3, deadline_ns);
	if (e != ERR_OK)
		return e;
	now_ns = wait_now_ns();
	if (items[0].ready_read) {
		workload_signals(&a->workload, &child, &asked_to_end);
		if (asked_to_end && a->phase == PHASE_ENDING)
			a->phase_limit_ns = now_ns;
		reap(a);
	}
	if (a->phase < PHASE_ENDING)
		look_for_processes(a, now_ns, &items[1]);
	advance(a, now_ns);
	if (a->phase != PHASE_DONE)
		stream_service(&a->stream, now_ns, &items[2]);
	return ERR_OK;
}

static enum err
set_up(struct agent *a, const struct options *options)
{
	enum err e;

	e = ring_init(options->ring_bytes, &a->ring);
	if (e != ERR_OK)
		return e;
	e = guestfs_open("/proc", &a->tracker.procfs);
	if (e != ERR_OK)
		return ERR_SYSTEM;
	e = declarer_init(a->tracker.procfs, getpid(), &a->declarer);
	if (e != ERR_OK)
		return e;
	a->tracker.family = &a->family;
	a->tracker.ring = &a->ring;
	a->tracker.declarer = &a->declarer;
	a->tracker.self = getpid();
	a->tracker.all = getpid() == 1;
	a->tracker.privileged = geteuid() == 0;
	a->linger_ns = options->linger_ms * NS_A_MS;
	stream_init(&a->stream, &options->target, &a->ring, &a->declarer,
		    options->heartbeat_s * NS_A_S);
	e = workload_prepare(&a->workload);
	if (e != ERR_OK)
		return e;
	open_connector(a);
	if (a->tracker.all)
		tracker_take_in(&a->tracker);
	return ERR_OK;
}

enum err
agent_run(const struct options *options, int *exit_code, int *exec_error, bool *told)
{
	struct agent *a = &the_agent;
	enum err e;

	MUST(options != NULL && exit_code != NULL && exec_error != NULL && told != NULL);

	e = set_up(a, options);
	if (e == ERR_OK)
		e = workload_start(&a->workload, options->command);
	if (e != ERR_OK)
		return e;
	*exec_error = a->workload.exec_error;
	if (a->connector < 0)
		tracker_started(&a->tracker, a->workload.pid);
	/* It may have ended before anybody could hear of it. */
	reap(a);
	while (a->phase != PHASE_DONE) {
		/* Without waiting there is no more to be heard; COMMAND's end is still awaited. */
		e = turn(a);
		if (e != ERR_OK)
			break;
	}
	*told = a->stream.said_goodbye;
	stream_finish(&a->stream);
	ring_finish(&a->ring);
	*exit_code = declare_exit_code((uint32_t)a->workload.wait_status);
	return e;
}
