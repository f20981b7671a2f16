/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Processor time of an observer for an event, one JSON object a line: each stage, and all of them
 * together as hark-observer runs them, with a module that writes eight bytes for each event.
 * Nothing is sent: what a message costs beside its bytes is the kernel's.
 *
 * usage: observers            measures all of it
 *        observers BATCHES    runs so many batches of 1,024 and prints nothing, for a profiler
 */
#define MEASURE_CLOCK CLOCK_PROCESS_CPUTIME_ID

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hark/event.h>
#include <hark/observer_host.h>
#include <hark/telemetry.h>

#include "bench/measure.h"
#include "crypto/sha256.h"
#include "follow/follow.h"
#include "hark-observer/deliver.h"
#include "ledger/ledger.h"
#include "os/disk.h"

#define ORIGIN "bench/evidence"
/* All of it is in the page cache; it is read again and again. */
#define LEAVES       65536u
#define LEAVES_BATCH 512u
#define BATCH_MOST   1024u

/*
 * (module (import "arkhe:observer/event" "next" (func (param i32 i32) (result i32)))
 *         (import "arkhe:observer/pg" "write" (func (param i32 i32)))
 *         (memory (export "memory") 2)
 *         (func (export "observer")
 *           (block (loop
 *             (br_if 1 (i32.eqz (call 0 (i32.const 1024) (i32.const 4096))))
 *             (call 1 (i32.const 1032) (i32.const 8))
 *             (br 0)))))
 */
static const char module_hex[] =
	"0061736d01000000010f0360000060027f7f0060027f7f017f0237021461726b68653a6f627365727665722f65"
	"76656e74046e65787400021161726b68653a6f627365727665722f706705777269746500010302010005030100"
	"02071502086f627365727665720002066d656d6f727902000a1e011c0002400340418008418020100045"
	"0d01418808410810010c000b0b0b";

struct work {
	char directory[64];
	struct disk disk;
	struct follow *follow;
	struct settings settings;
	struct deliver_ports ports;
	struct deliver deliver;
	struct hark_observer_host host;
	struct ledger_leaf leaf;
	char json[LEDGER_LEAF_BYTES_MAX];
	char storage[HARK_OBSERVER_EVENT_STORAGE];
	size_t json_size;
	struct hark_observer_event event;
	struct event_reader reader;
	size_t turn;
	size_t batch;
	uint64_t sink;
	uint8_t message[IPC_BYTES_MAX];
};

static void
need(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "observers: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- what it reads -------------------------------------------------------------------------- */

static size_t
write_event(uint64_t index, char *out)
{
	struct hark_guest_declaration said = {
		.content_version = HARK_WIRE_CONTENT_VERSION_MAJOR,
		.guest_pid = (uint32_t)(4000 + index % 777),
		.guest_monotonic_ns = UINT64_C(123456789012) + index * 997,
		.probe_source = hark_text_of(index % 3 == 0 ? "process.exited" : "process.spawned"),
		.guest_comm = hark_text_of(index % 5 == 0 ? "sh" : "workload"),
	};
	struct hark_event_origin origin = { .source = hark_text_of("/hark/" ORIGIN),
					    .id_prefix = hark_text_of(ORIGIN),
					    .number = index };
	struct hark_stamped_declaration stamped;
	struct hark_host_stamp stamp;
	size_t size = 0;

	need(hark_host_stamp_init(
		     hark_text_of("cell-a"), hark_text_of("run-1"),
		     hark_text_of("sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e88"
				  "6266e7ae"),
		     &stamp) == HARK_TELEMETRY_OK,
	     "a stamp");
	stamp.host_received_at =
		(struct hark_time){ 1762348800 + (int64_t)index / 1000, 123456789 };
	need(hark_stamp(&said, &stamp, &stamped) == HARK_TELEMETRY_OK &&
		     hark_event_from_stamped(&stamped, &origin, out, LEDGER_LEAF_BYTES_MAX,
					     &size) == HARK_TELEMETRY_OK,
	     "an event");
	return size;
}

static void
make_ledger(struct work *w)
{
	struct ledger_options options = { .origin = ORIGIN, .is_synchronous = true };
	struct hark_time now = { 1762348800, 0 };
	struct ledger_failure why;
	struct ledger *ledger = NULL;
	uint64_t i;
	int dirfd;

	(void)snprintf(w->directory, sizeof(w->directory), "/tmp/hark-bench-XXXXXX");
	need(mkdtemp(w->directory) != NULL, w->directory);
	dirfd = open(w->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	need(dirfd >= 0 && disk_open_real(dirfd, &w->disk) == ERR_OK, w->directory);
	need(ledger_open(w->disk, &options, &ledger, &why) == ERR_OK, why.text);
	for (i = 0; i < LEAVES; i++) {
		char *place = ledger_reserve(ledger);

		need(place != NULL, "a place");
		ledger_append(ledger, write_event(i, place));
		if ((i + 1) % LEAVES_BATCH == 0)
			need(ledger_commit_begin(ledger, now, i) == ERR_OK &&
				     ledger_commit_end(ledger) == ERR_OK,
			     "commit");
	}
	ledger_close(ledger);
	need(follow_open(dirfd, -1, &w->follow, &why) == ERR_OK, why.text);
	w->json_size = write_event(LEAVES - 1, w->json);
	(void)close(dirfd);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* ---- its surroundings ----------------------------------------------------------------------- */

static enum err
port_leaf(void *ctx, struct ledger_leaf *out)
{
	struct work *w = ctx;
	struct ledger_failure why;

	return follow_next(w->follow, out, &why);
}

static enum hark_observer_error
port_invoke(void *ctx, const struct hark_observer_event *events, size_t count,
	    struct hark_observer_outcome *out)
{
	static const struct hark_observer_context all = { HARK_OBSERVER_TOKENS_ALL };
	struct work *w = ctx;

	return hark_observer_host_invoke(&w->host, &all, events, count, out);
}

static enum err
port_send(void *ctx, const struct message *m)
{
	struct work *w = ctx;
	size_t size = 0;

	need(message_write(m, w->message, sizeof(w->message), &size) == ERR_OK, "a message");
	w->sink += size;
	return ERR_OK;
}

static enum err
port_report(void *ctx, const struct trap_report *report)
{
	(void)ctx;
	(void)report;
	return ERR_END;
}

static uint64_t
port_now_ns(void *ctx)
{
	(void)ctx;
	return measure_now_ns();
}

static int
execute(void *self, const void *bytes, size_t size)
{
	struct work *w = self;

	return stage_take(&w->deliver.stage, 0, bytes, size) != ERR_OK;
}

static void
load(struct work *w)
{
	const struct hark_observer_capability write = { HARK_OBSERVER_TOKEN_PG_WRITE, execute, w };
	struct hark_observer_manifest manifest = {
		.tokens = HARK_OBSERVER_TOKEN_BIT(HARK_OBSERVER_TOKEN_PG_WRITE),
	};
	struct hark_observer_refusal why = { 0 };
	uint8_t module[sizeof(module_hex) / 2];
	uint8_t digest[SHA256_BYTES];
	char text[72] = "sha256:";
	size_t i;

	for (i = 0; i < sizeof(module); i++) {
		char two[3] = { module_hex[2 * i], module_hex[2 * i + 1], 0 };

		module[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	sha256_of(module, sizeof(module), digest);
	for (i = 0; i < SHA256_BYTES; i++)
		(void)snprintf(text + 7 + 2 * i, 3, "%02x", digest[i]);
	manifest.digest = hark_text_of(text);
	need(hark_observer_host_open_wasmtime(&w->settings.limits, &write, 1, &w->host,
					      &why.failure) == HARK_OBSERVER_OK &&
		     hark_observer_host_register(&w->host, module, sizeof(module), &manifest,
						 &why) == HARK_OBSERVER_OK,
	     why.failure.text);
}

/* ---- stages --------------------------------------------------------------------------------- */

static void
floor_copy(void *ctx)
{
	struct work *w = ctx;

	memcpy(w->message, w->json, w->json_size);
	__asm__ volatile("" : : "r"(w->message) : "memory");
}

static void
stage_leaf(void *ctx)
{
	struct work *w = ctx;
	struct ledger_failure why;

	if (port_leaf(w, &w->leaf) == ERR_OK)
		return;
	need(follow_seek(w->follow, 0, &why) == ERR_OK, "seek");
}

static void
stage_event_of(void *ctx)
{
	struct work *w = ctx;

	need(hark_observer_event_of((struct hark_text){ w->json, w->json_size }, w->storage,
				    &w->event) == HARK_OBSERVER_OK,
	     "an event");
}

/* Leaves in turn: each differs from the one before. */
static void
stage_event_read(void *ctx)
{
	struct work *w = ctx;
	const struct hark_observer_event *e = &w->deliver.batch.events[w->turn++ % BATCH_MOST];

	need(event_reader_read(&w->reader, e->json, w->storage, &w->event) == HARK_OBSERVER_OK &&
		     settings_pass(&w->settings, &w->event),
	     "an event");
}

/* From the first leaf on again. */
static void
rewind_all(struct work *w)
{
	struct ledger_failure why;

	need(follow_seek(w->follow, 0, &why) == ERR_OK, "seek");
	w->deliver.batch.next = 0;
	w->deliver.cursor = w->deliver.sent = 0;
}

static void
gather(struct work *w, size_t most)
{
	w->deliver.batch.count = 0;
	while (w->deliver.batch.count < most) {
		uint64_t next = w->deliver.batch.next;

		need(gather_events(&w->deliver.batch, most, next, port_leaf, w) == ERR_OK,
		     "gather");
		if (w->deliver.batch.count == most)
			return;
		rewind_all(w);
	}
}

static void
stage_gather(void *ctx)
{
	gather(ctx, BATCH_MOST);
}

static void
stage_instance(void *ctx)
{
	struct hark_observer_outcome outcome;
	struct work *w = ctx;

	need(port_invoke(w, NULL, 0, &outcome) == HARK_OBSERVER_OK, "an instance");
}

/* A batch that was gathered before. */
static void
stage_call(void *ctx)
{
	struct hark_observer_outcome outcome;
	struct work *w = ctx;

	need(port_invoke(w, w->deliver.batch.events, w->batch, &outcome) == HARK_OBSERVER_OK,
	     "a call");
	stage_clear(&w->deliver.stage);
}

/* All of a batch, from leaves to messages. */
static void
stage_whole(void *ctx)
{
	struct work *w = ctx;
	struct deliver *d = &w->deliver;
	uint64_t shown = d->shown;

	d->limit = w->batch;
	for (;;) {
		enum deliver_next next = deliver_step(d);

		if (next == DELIVER_COMMIT) {
			need(deliver_committed(d, d->sent_next[0]) == ERR_OK, "a commit");
		} else if (next == DELIVER_LEAF) {
			rewind_all(w);
		} else {
			need(next == DELIVER_GO_ON, "a step");
		}
		if (d->shown > shown && !d->is_sending)
			return;
	}
}

/* A row for each event of a batch. */
static void
measure_batch(const char *name, const char *config, measure_fn *stage, struct work *w, size_t batch)
{
	double rounds[MEASURE_ROUNDS];
	size_t i;

	w->batch = batch;
	rewind_all(w);
	gather(w, batch);
	rewind_all(w);
	for (i = 0; i < MEASURE_ROUNDS; i++)
		rounds[i] = measure_round(stage, w) / (double)batch;
	measure_print(name, config, measure_median(rounds, MEASURE_ROUNDS), 0, NULL);
}

static void
measure_all(struct work *w)
{
	static const struct {
		size_t batch;
		const char *config;
	} batches[] = { { 1, "batches of 1" },
			{ 64, "batches of 64" },
			{ 1024, "batches of 1,024" } };
	char config[64];
	size_t i;

	(void)snprintf(config, sizeof(config), "%zu-byte event", w->json_size);
	measure_stage("observer: read a leaf", config, stage_leaf, floor_copy, "copy", w);
	measure_stage("observer: read an event", config, stage_event_of, floor_copy, "copy", w);
	rewind_all(w);
	gather(w, BATCH_MOST);
	measure_stage("observer: read events in turn", config, stage_event_read, floor_copy, "copy",
		      w);
	measure_batch("observer: gather", "batches of 1,024", stage_gather, w, 1024);
	measure_stage("observer: instance", "a batch of nothing", stage_instance, NULL, NULL, w);
	for (i = 0; i < 3; i++)
		measure_batch("observer: call", batches[i].config, stage_call, w, batches[i].batch);
	for (i = 0; i < 3; i++)
		measure_batch("observer: whole", batches[i].config, stage_whole, w,
			      batches[i].batch);
}

int
main(int argc, char **argv)
{
	static struct work w;

	if (!hark_observer_has_engine()) {
		(void)fputs("observers: this build has no engine, nothing is measured\n", stderr);
		return 0;
	}
	make_ledger(&w);
	w.settings = (struct settings){ .batch = BATCH_MOST };
	hark_observer_limits_default(&w.settings.limits);
	w.ports = (struct deliver_ports){ .ctx = &w,
					  .leaf = port_leaf,
					  .invoke = port_invoke,
					  .send = port_send,
					  .report = port_report,
					  .now_ns = port_now_ns };
	need(deliver_init(&w.deliver, &w.settings, &w.ports) == ERR_OK, "memory");
	load(&w);
	if (argc == 1) {
		measure_all(&w);
	} else {
		unsigned long batches = strtoul(argv[1], NULL, 10);

		w.batch = BATCH_MOST;
		while (batches-- > 0)
			stage_whole(&w);
	}
	hark_observer_host_close(&w.host);
	deliver_finish(&w.deliver);
	follow_close(w.follow);
	disk_close_real(&w.disk);
	need(nftw(w.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, w.directory);
	return 0;
}
