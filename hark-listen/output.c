/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The buffered output of hark-listen.  It never puts a descriptor into non-blocking mode, because a
 * terminal or a pipe may be shared with programs that do not expect it: it polls, and writes no
 * more than what a pipe that polls writable is sure to take.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "hark-listen/output.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/wait.h"

/* POSIX: a write of at most PIPE_BUF bytes does not block on a pipe that polls writable. */
#define OUTPUT_CHUNK_BYTES ((size_t)PIPE_BUF)

enum err
output_init(struct output *o, int fd)
{
	struct file_info info;
	enum err e;

	MUST(o != NULL);

	*o = (struct output){ .fd = fd };
	e = file_stat(fd, &info);
	if (e != ERR_OK)
		return e;
	o->never_blocks = info.kind == FILE_REGULAR;
	o->data = malloc(OUTPUT_BYTES);
	return o->data == NULL ? ERR_MEMORY : ERR_OK;
}

static enum hark_telemetry_error
output_emit(void *context, const char *json, size_t size)
{
	struct output *o = context;

	MUST(size <= HARK_EVENT_BYTES_MAX);

	if (o->failed != 0 || OUTPUT_BYTES - o->size < size + 1)
		return HARK_TELEMETRY_SINK;
	memcpy(o->data + o->size, json, size);
	o->data[o->size + size] = '\n';
	o->size += size + 1;
	return HARK_TELEMETRY_OK;
}

struct hark_event_sink
output_sink(struct output *o)
{
	return (struct hark_event_sink){ output_emit, o };
}

bool
output_has_room(const struct output *o)
{
	return o->failed == 0 && OUTPUT_BYTES - o->size >= OUTPUT_ROOM_BYTES;
}

bool
output_is_empty(const struct output *o)
{
	return o->sent == o->size;
}

static bool
is_writable_until(int fd, uint64_t deadline_ns)
{
	struct wait_item item = { .fd = fd, .want_write = true };

	return wait_ready(&item, 1, deadline_ns) == ERR_OK && item.ready_write;
}

enum err
output_flush(struct output *o)
{
	MUST(o->sent <= o->size && o->size <= OUTPUT_BYTES);

	while (o->sent < o->size) {
		size_t left = o->size - o->sent;
		size_t wrote;
		enum err e;

		if (!o->never_blocks) {
			if (!file_is_writable_now(o->fd))
				break;
			left = left < OUTPUT_CHUNK_BYTES ? left : OUTPUT_CHUNK_BYTES;
		}
		e = file_write_some(o->fd, o->data + o->sent, left, &wrote);
		if (e == ERR_AGAIN)
			break;
		if (e != ERR_OK) {
			o->failed = errno;
			return e;
		}
		o->sent += wrote;
	}
	if (o->sent == o->size) {
		o->sent = 0;
		o->size = 0;
		return ERR_OK;
	}
	/* What is left moves to the front only when the room is wanted: each byte moves seldom. */
	if (!output_has_room(o) && o->sent > 0) {
		memmove(o->data, o->data + o->sent, o->size - o->sent);
		o->size -= o->sent;
		o->sent = 0;
	}
	return ERR_AGAIN;
}

enum err
output_drain(struct output *o, uint64_t deadline_ns)
{
	if (o->failed != 0) {
		errno = o->failed;
		return ERR_SYSTEM;
	}
	for (;;) {
		enum err e = output_flush(o);

		if (e != ERR_AGAIN)
			return e;
		if (!is_writable_until(o->fd, deadline_ns) && clock_monotonic_ns() >= deadline_ns) {
			errno = ETIMEDOUT;
			return ERR_SYSTEM;
		}
	}
}

void
output_finish(struct output *o)
{
	if (o == NULL)
		return;
	free(o->data);
	*o = (struct output){ .fd = -1 };
}
