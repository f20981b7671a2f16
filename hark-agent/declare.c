/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Frames of the agent.  Every text that a workload chose goes through showable_text first. */
#include <string.h>
#include <sys/wait.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "hark-agent/declare.h"
#include "hark-agent/showable.h"
#include "os/guestfs.h"
#include "os/wait.h"

enum err
declarer_init(int procfs, pid_t pid, struct declarer *out)
{
	char random[sizeof(out->stream) / 2];
	size_t size;

	MUST(out != NULL);
	MUST(pid > 0);

	memset(out, 0, sizeof(*out));
	if (wait_random(random, sizeof(random)) != ERR_OK)
		return ERR_SYSTEM;
	(void)text_write_hex(random, sizeof(random), out->stream); /* fills it wholly */
	out->pid = (uint32_t)pid;
	out->comm_size = sizeof("hark-agent") - 1;
	memcpy(out->comm, "hark-agent", out->comm_size);
	if (guestfs_read(procfs, "sys/kernel/random/boot_id", out->boot_id, sizeof(out->boot_id),
			 &size) == ERR_OK) {
		while (size > 0 && out->boot_id[size - 1] == '\n')
			size--;
		/* It comes from a mount that others may have made: only text goes out. */
		if (text_is_id(out->boot_id, size, sizeof(out->boot_id)))
			out->boot_id_size = size;
	}
	return ERR_OK;
}

static struct hark_text
text_of(const char *data, size_t size)
{
	return (struct hark_text){ .data = data, .size = size };
}

static struct hark_detail *
next_detail(struct hark_guest_declaration *g, const char *key)
{
	struct hark_detail *d;

	MUST(g->detail_count < HARK_DETAIL_COUNT_MAX);

	d = &g->detail[g->detail_count++];
	d->key = text_of(key, strlen(key));
	return d;
}

static void
put_text(struct hark_guest_declaration *g, const char *key, const char *data, size_t size)
{
	struct hark_detail *d = next_detail(g, key);

	d->type = HARK_DETAIL_TEXT;
	d->value.text = text_of(data, size);
}

static void
put_integer(struct hark_guest_declaration *g, const char *key, int64_t value)
{
	struct hark_detail *d = next_detail(g, key);

	d->type = HARK_DETAIL_INTEGER;
	d->value.integer = value;
}

static void
put_bool(struct hark_guest_declaration *g, const char *key, bool value)
{
	struct hark_detail *d = next_detail(g, key);

	d->type = HARK_DETAIL_BOOL;
	d->value.boolean = value;
}

static void
begin(struct hark_guest_declaration *g, const char *source, uint64_t seq, uint64_t time_ns)
{
	g->content_version = HARK_WIRE_CONTENT_VERSION_HARK;
	g->has_seq = true;
	g->has_dropped = false;
	g->dropped = 0;
	g->seq = seq;
	g->probe_source = text_of(source, strlen(source));
	g->guest_monotonic_ns = time_ns;
	g->detail_count = 0;
}

static void
begin_own(const struct declarer *d, struct hark_guest_declaration *g, const char *source,
	  uint64_t seq, uint64_t time_ns)
{
	begin(g, source, seq, time_ns);
	g->guest_pid = d->pid;
	g->guest_comm = text_of(d->comm, d->comm_size);
}

/* The losses so far, on all that has a number: whichever of these arrives, the sum is right. */
static void
put_dropped(const struct declarer *d, struct hark_guest_declaration *g)
{
	g->has_dropped = d->dropped > 0;
	g->dropped = d->dropped;
}

/* All sizes are bounded so that a frame always fits: a refusal is our own mistake. */
static size_t
encode(const struct hark_guest_declaration *g, uint8_t *frame)
{
	size_t size = 0;
	enum hark_telemetry_error e = hark_encode_frame(g, frame, FRAME_BYTES_MAX, &size);

	MUST(e == HARK_TELEMETRY_OK);
	return size;
}

size_t
declare_hello(const struct declarer *d, uint64_t oldest, uint64_t now_ns, uint8_t *frame)
{
	struct hark_guest_declaration g;

	begin_own(d, &g, "agent.hello", oldest, now_ns);
	put_bool(&g, "ack", true);
	put_text(&g, "agent_version", HARK_VERSION, strlen(HARK_VERSION));
	if (d->boot_id_size > 0)
		put_text(&g, "boot_id", d->boot_id, d->boot_id_size);
	if (d->missing_connector != NULL)
		put_text(&g, "missing.proc_connector", d->missing_connector,
			 strlen(d->missing_connector));
	put_text(&g, "stream", d->stream, sizeof(d->stream));
	return encode(&g, frame);
}

size_t
declare_heartbeat(const struct declarer *d, uint64_t next, uint64_t now_ns, uint8_t *frame)
{
	struct hark_guest_declaration g;

	begin_own(d, &g, "agent.heartbeat", next, now_ns);
	put_dropped(d, &g);
	return encode(&g, frame);
}

int
declare_exit_code(uint32_t wait_status)
{
	int status = (int)wait_status;

	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

size_t
declare_goodbye(const struct declarer *d, uint64_t next, int wait_status, uint64_t now_ns,
		uint8_t *frame)
{
	struct hark_guest_declaration g;

	begin_own(d, &g, "agent.goodbye", next, now_ns);
	put_dropped(d, &g);
	put_integer(&g, "exit_code", declare_exit_code((uint32_t)wait_status));
	if (WIFSIGNALED(wait_status))
		put_integer(&g, "signal", WTERMSIG(wait_status));
	return encode(&g, frame);
}

size_t
declare_process(const struct declarer *d, uint64_t number, const struct process_event *event,
		uint8_t *frame)
{
	char comm[SHOWABLE_BYTES(COMM_BYTES)];
	char comm_hex[2 * COMM_BYTES];
	char exe[SHOWABLE_BYTES(EXE_BYTES_MAX)];
	char exe_hex[2 * EXE_BYTES_MAX];
	char start[NUM_U64_DIGITS_MAX];
	struct hark_guest_declaration g;
	bool changed;
	size_t size;

	MUST(event->comm_size <= COMM_BYTES);
	MUST(event->exe_size <= EXE_BYTES_MAX);

	begin(&g, event->source, number, event->time_ns);
	g.guest_pid = (uint32_t)event->pid;
	put_dropped(d, &g);
	size = showable_text(event->comm, event->comm_size, comm, &changed);
	g.guest_comm = text_of(comm, size);
	if (changed)
		put_text(&g, "comm_hex", comm_hex,
			 text_write_hex(event->comm, event->comm_size, comm_hex));
	if (event->exe != NULL) {
		size = showable_text(event->exe, event->exe_size, exe, &changed);
		put_text(&g, "exe", exe, size);
		if (event->exe_cut)
			put_bool(&g, "exe_cut", true);
		if (changed)
			put_text(&g, "exe_hex", exe_hex,
				 text_write_hex(event->exe, event->exe_size, exe_hex));
	}
	if (event->has_exit_status) {
		int status = (int)event->exit_status;

		if (WIFSIGNALED(status))
			put_integer(&g, "signal", WTERMSIG(status));
		else
			put_integer(&g, "exit_code", WEXITSTATUS(status));
	}
	if (event->has_ppid)
		put_integer(&g, "ppid", event->ppid);
	put_text(&g, "start_ns", start, num_write_u64(event->start_ns, start));
	if (event->has_uid)
		put_integer(&g, "uid", event->uid);
	if (event->from_walk)
		put_text(&g, "via", "proc_walk", sizeof("proc_walk") - 1);
	return encode(&g, frame);
}
