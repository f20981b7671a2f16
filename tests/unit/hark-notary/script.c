/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Scenarios as text, run against a core. */
#include <stdlib.h>

#include "script.h"

#define NS_PER_MS      UINT64_C(1000000)
#define RECORDS_MAX    64u
#define STREAM_NAME(c) ((uint64_t)(c)*UINT64_C(0x0101010101010101))

struct script {
	struct world w;
	uint16_t slot;
	uint64_t began_ns;
	char streams[16]; /* of connections, by number */
	unsigned int frames[16];
	uint8_t sent[RECORDS_MAX][RECORD_BYTES_MAX]; /* of the present receiver */
	size_t sent_size[RECORDS_MAX];
	size_t sent_count;
	bool is_gone;
};

/* The number after `name=` in the step, or `absent`. */
static uint64_t
option(const char *step, const char *name, uint64_t absent)
{
	char pattern[16];
	const char *at;

	(void)snprintf(pattern, sizeof(pattern), " %s=", name);
	at = strstr(step, pattern);
	return at != NULL ? strtoull(at + strlen(pattern), NULL, 10) : absent;
}

static void
send(struct script *s, const struct record *r)
{
	assert_true(s->sent_count < RECORDS_MAX);
	assert_int_equal(record_write(r, s->sent[s->sent_count], RECORD_BYTES_MAX,
				      &s->sent_size[s->sent_count]),
			 ERR_OK);
	s->sent_count++;
	world_add(&s->w, r);
	world_send(&s->w);
	world_tick(&s->w);
}

static void
send_frame(struct script *s, const char *step, const char *source, uint32_t c)
{
	char stream[17];
	struct record r;
	const char *boot = strstr(step, " boot=");

	memset(&r, 0, sizeof(r));
	r.type = RECORD_DECLARED;
	r.slot = s->slot;
	r.connection = c;
	r.session.mode = s->streams[c] != 0 ? HARK_WIRE_HARK : HARK_WIRE_CELLOS;
	if (s->streams[c] != 0)
		r.session.stream = STREAM_NAME(s->streams[c]);
	r.declaration.content_version = s->streams[c] != 0 ? 2 : 1;
	r.declaration.probe_source = hark_text_of(source);
	r.declaration.guest_comm = hark_text_of("sh");
	r.declaration.guest_monotonic_ns =
		option(step, "g", (s->w.now.monotonic_ns - s->began_ns) / NS_PER_MS) * NS_PER_MS;
	if (strstr(step, " seq=") != NULL) {
		r.declaration.has_seq = true;
		r.declaration.seq = option(step, "seq", 0);
	}
	if (strstr(step, " dropped=") != NULL) {
		r.declaration.has_dropped = true;
		r.declaration.dropped = option(step, "dropped", 0);
	}
	if (boot != NULL)
		r.declaration.detail[r.declaration.detail_count++] =
			(struct hark_detail){ .key = hark_text_of("boot_id"),
					      .type = HARK_DETAIL_TEXT,
					      .value.text = { boot + 6, 1 } };
	if (strcmp(source, "agent.hello") == 0) {
		(void)snprintf(stream, sizeof(stream), "%016llx",
			       (unsigned long long)r.session.stream);
		r.declaration.detail[r.declaration.detail_count++] =
			(struct hark_detail){ .key = hark_text_of("stream"),
					      .type = HARK_DETAIL_TEXT,
					      .value.text = hark_text_of(stream) };
	}
	s->frames[c]++;
	send(s, &r);
}

static void
send_other(struct script *s, const char *step, enum record_type type, uint32_t c)
{
	struct record r;

	memset(&r, 0, sizeof(r));
	r.type = type;
	r.slot = s->slot;
	r.connection = type == RECORD_LIMITED ? 0 : c;
	if (type == RECORD_REJECTED) {
		r.rejection = (struct hark_rejection){ HARK_REJECT_FLOAT, HARK_FIELD_NONE };
		r.count = 3;
	}
	if (type == RECORD_LIMITED)
		r.count = 250;
	if (type == RECORD_CLOSED) {
		r.frames = option(step, "frames", s->frames[c]);
		if (s->streams[c] != 0) {
			r.session.mode = HARK_WIRE_HARK;
			r.session.stream = STREAM_NAME(s->streams[c]);
		} else if (s->frames[c] > 0) {
			r.session.mode = HARK_WIRE_CELLOS;
		}
	}
	if (type == RECORD_CLOSED || type == RECORD_OPENED) {
		s->streams[c] = 0;
		s->frames[c] = 0;
	}
	send(s, &r);
}

/* Two cells, and both slots of the receiver at hand. */
static void
introduce(struct script *s)
{
	world_cell(&s->w, "c0", "r", s->w.next_cell++);
	world_cell(&s->w, "c1", "r", s->w.next_cell++);
}

static void
connect_receiver(struct script *s)
{
	world_channel(&s->w, s->w.channel + 1, s->w.incarnation);
	world_slot(&s->w, 0, s->w.next_cell - 2);
	world_slot(&s->w, 1, s->w.next_cell - 1);
	s->is_gone = false;
}

static void
new_receiver(struct script *s)
{
	s->w.incarnation++;
	s->w.next_record = 0;
	s->sent_count = 0;
	memset(s->streams, 0, sizeof(s->streams));
	memset(s->frames, 0, sizeof(s->frames));
	connect_receiver(s);
}

/* Everything from the first record on, in one batch. */
static void
send_again(struct script *s)
{
	struct record_batch head = { .first = 0, .count = (uint32_t)s->sent_count };
	static uint8_t batch[RECORD_BATCH_BYTES_MAX];
	size_t size = RECORD_BATCH_HEAD_BYTES;
	size_t i;

	for (i = 0; i < s->sent_count; i++) {
		memcpy(batch + size, s->sent[i], s->sent_size[i]);
		size += s->sent_size[i];
	}
	record_batch_write(&head, batch);
	world_send_raw(&s->w, batch, size);
	world_tick(&s->w);
}

static void
restart(struct script *s, bool with_harkd)
{
	world_kill(&s->w);
	s->w.restarts = with_harkd ? 0 : s->w.restarts + 1;
	s->w.clean = false;
	world_start(&s->w);
	introduce(s);
	if (with_harkd)
		new_receiver(s);
	else if (!s->is_gone)
		connect_receiver(s);
}

static void
declare(struct script *s, const char *step, const char *verb)
{
	static const struct {
		const char *verb;
		const char *source;
	} sources[] = {
		{ "hello", "agent.hello" },     { "event", "process.exec" },
		{ "beat", "agent.heartbeat" },  { "bye", "agent.goodbye" },
		{ "plain", "process.spawned" },
	};
	uint32_t c = 0;
	char stream = 0;
	size_t i;

	if (strcmp(verb, "hello") == 0) {
		assert_int_equal(sscanf(step, "%*s %u %c", &c, &stream), 2);
		s->streams[c] = stream;
	} else {
		assert_int_equal(sscanf(step, "%*s %u", &c), 1);
	}
	for (i = 0; i < COUNT_OF(sources); i++) {
		if (strcmp(verb, sources[i].verb) == 0) {
			send_frame(s, step, sources[i].source, c);
			return;
		}
	}
	fail_msg("no such step: %s", step);
}

/* Steps that are no record. */
static bool
happen(struct script *s, const char *step, const char *verb)
{
	uint64_t number = 0;

	(void)sscanf(step, "%*s %lu", &number);
	if (strcmp(verb, "wait") == 0)
		world_wait(&s->w, number * NS_PER_MS);
	else if (strcmp(verb, "commit") == 0)
		world_commit(&s->w);
	else if (strcmp(verb, "slot") == 0)
		s->slot = (uint16_t)number;
	else if (strcmp(verb, "again") == 0)
		send_again(s);
	else if (strcmp(verb, "kill") == 0)
		restart(s, false);
	else if (strcmp(verb, "reboot") == 0)
		restart(s, true);
	else if (strcmp(verb, "receiver") == 0)
		new_receiver(s);
	else if (strcmp(verb, "step") == 0)
		s->w.now.real.seconds += (int64_t)number / 1000;
	else if (strcmp(verb, "gone") == 0) {
		s->is_gone = true;
		assert_int_equal(notary_channel_gone(s->w.core, s->w.channel, &s->w.now), ERR_OK);
	} else if (strcmp(verb, "remove") == 0) {
		assert_int_equal(notary_cell_remove(s->w.core, s->w.next_cell - 2 + s->slot,
						    (struct bytes){ NULL, 0 }, 77, &s->w.now),
				 ERR_OK);
	} else
		return false;
	world_tick(&s->w);
	return true;
}

static void
run_step(struct script *s, const char *step)
{
	static const struct {
		const char *verb;
		enum record_type type;
	} others[] = {
		{ "open", RECORD_OPENED },
		{ "close", RECORD_CLOSED },
		{ "reject", RECORD_REJECTED },
		{ "limited", RECORD_LIMITED },
	};
	char verb[16] = "";
	uint32_t c = 0;
	size_t i;

	assert_true(sscanf(step, "%15s", verb) == 1);
	if (happen(s, step, verb))
		return;
	for (i = 0; i < COUNT_OF(others); i++) {
		if (strcmp(verb, others[i].verb) == 0) {
			(void)sscanf(step, "%*s %u", &c);
			send_other(s, step, others[i].type, c);
			return;
		}
	}
	declare(s, step, verb);
}

struct collected {
	char *lines;
	size_t capacity;
};

static void
collect(void *ctx, uint64_t index, const char *json, size_t size)
{
	struct collected *c = ctx;

	(void)index;
	world_brief(json, size, c->lines, c->capacity);
}

void
script_run(const char *steps, uint64_t commit_us, char *lines, size_t capacity,
	   struct merkle_hash *root_out)
{
	static struct script s;
	struct collected c = { lines, capacity };
	char *copy = strdup(steps);
	char *rest = NULL;
	char *step;
	uint64_t first;

	assert_non_null(copy);
	memset(&s, 0, sizeof(s));
	s.w.commit_us = commit_us;
	world_create(&s.w);
	s.began_ns = s.w.now.monotonic_ns;
	introduce(&s);
	connect_receiver(&s);
	world_commit(&s.w);
	first = world_size(&s.w, PROTO_EVIDENCE);
	for (step = strtok_r(copy, "\n", &rest); step != NULL; step = strtok_r(NULL, "\n", &rest))
		run_step(&s, step);
	world_commit(&s.w);
	lines[0] = '\0';
	world_leaves(&s.w, PROTO_EVIDENCE, first, collect, &c);
	if (root_out != NULL)
		*root_out = s.w.pages[PROTO_EVIDENCE].committed_root;
	world_destroy(&s.w);
	free(copy);
}
