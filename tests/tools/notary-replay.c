/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The notary's core with time that it owns, over a recorded input: real ledgers in a directory, a
 * real page.  Who runs it is harkd: between two parts of the recording he says what observers do.
 *
 * usage: notary-replay RECORDING DIRECTORY PAGE
 *
 * PAGE is the descriptor of the evidence's page.  Commands come on standard input, a line each:
 *
 *	play                            goes on to the next `look` of the recording, or to its end
 *	observer NAME DIGEST STRIKES    harkd asks whether it may run
 *	report NAME HEX                 what came on its channel
 *	gone NAME [REASON]
 *	operation KIND JSON
 *
 * Each is answered by lines: `done CODE COUNT`, `trapped NAME CLASS STRIKES STATE INDEX`,
 * `violation REASON`, then `evidence SIZE ROOT`, `operations SIZE ROOT`, and `more` or `end`, where
 * the recording is.  Anything that is not as it should be ends it with 1 and a word.
 *
 * A recording has a line for each call of the core: the monotonic clock in ns, the real one in
 * seconds and nanoseconds, the call and its arguments; see tests/tools/record-notary.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "follow/page.h"
#include "hark-notary/notary.h"
#include "ledger/ledger.h"
#include "os/disk.h"
#include "proto/trap.h"

#define SECOND_NS  UINT64_C(1000000000)
#define LINE_BYTES (2u * RECORD_BATCH_BYTES_MAX + 4096u)

struct replay {
	struct notary *core;
	struct disk disks[PROTO_LEDGERS];
	struct page *page;
	struct page_state pages[PROTO_LEDGERS];
	FILE *recording;
	struct event_clock now;
	bool is_at_end;
};

static char line[LINE_BYTES];

__attribute__((format(printf, 1, 2), noreturn)) static void
fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)fputs("notary-replay: ", stderr);
	(void)vfprintf(stderr, format, list);
	(void)fputc('\n', stderr);
	va_end(list);
	exit(1);
}

static void
must(enum err e, const char *what)
{
	if (e != ERR_OK)
		fail("%s: %s", what, err_text(e));
}

/* ---- what the core does to its surroundings ---- */

static void
on_answer(void *ctx, const struct notary_answer *answer)
{
	(void)ctx;
	(void)printf("done %llu %llu\n", (unsigned long long)answer->code,
		     (unsigned long long)answer->count);
}

static bool
on_receipt(void *ctx, uint64_t channel, const struct record_receipt *receipt)
{
	(void)ctx;
	(void)channel;
	(void)receipt;
	return true;
}

static void
on_violation(void *ctx, uint64_t channel, const char *reason)
{
	(void)ctx;
	(void)channel;
	(void)printf("violation %s\n", reason);
}

static void
on_ledger_state(void *ctx, enum proto_ledger ledger, enum notary_ledger_state state,
		const char *text)
{
	(void)ctx;
	fail("ledger %d is %s: %s", (int)ledger, notary_ledger_state_name(state),
	     text != NULL ? text : "");
}

static void
on_publish(void *ctx, enum proto_ledger ledger, const struct page_state *state)
{
	struct replay *r = ctx;

	r->pages[ledger] = *state;
	if (ledger == PROTO_EVIDENCE)
		page_publish(r->page, state);
}

static bool
on_sign(void *ctx, enum proto_ledger ledger, uint64_t size, const struct merkle_hash *root,
	const struct merkle_hash *proof, size_t count)
{
	(void)ctx;
	(void)ledger;
	(void)size;
	(void)root;
	(void)proof;
	(void)count;
	return false;
}

static void
on_trapped(void *ctx, const struct notary_trapped *t)
{
	(void)ctx;
	(void)printf("trapped %.*s %u %u %s %llu\n", (int)t->observer.size,
		     (const char *)t->observer.data, t->trap_class, t->strikes,
		     t->is_quarantined ? "quarantined" : "struck", (unsigned long long)t->index);
}

static void
on_stopped(void *ctx)
{
	(void)ctx;
}

/* ---- time ---- */

static void
tick(struct replay *r)
{
	notary_tick(r->core, &r->now);
	must(notary_failure(r->core), "the core");
	if (notary_is_stalled(r->core) && notary_resume(r->core) == NOTARY_WANTS_CONTROL)
		(void)notary_resume(r->core);
}

static void
move_clock(struct replay *r, uint64_t ns)
{
	r->now.monotonic_ns += ns;
	r->now.real.seconds += (int64_t)(ns / SECOND_NS);
	r->now.real.nanoseconds += (uint32_t)(ns % SECOND_NS);
	if (r->now.real.nanoseconds >= SECOND_NS) {
		r->now.real.nanoseconds -= (uint32_t)SECOND_NS;
		r->now.real.seconds++;
	}
}

/* Time goes on, and the core is called whenever it wants to be. */
static void
wait_until(struct replay *r, uint64_t until_ns)
{
	unsigned int idle = 0;

	tick(r);
	while (r->now.monotonic_ns < until_ns) {
		uint64_t deadline = notary_deadline(r->core);

		if (deadline <= r->now.monotonic_ns) {
			if (++idle > 1000)
				fail("the core wants to be called for ever");
		} else {
			idle = 0;
			move_clock(r, (deadline < until_ns ? deadline : until_ns) -
					      r->now.monotonic_ns);
		}
		tick(r);
	}
}

/* ---- the recording ---- */

static unsigned int
unhex(const char *text, uint8_t *out, size_t capacity)
{
	size_t size = strlen(text) / 2;
	size_t i;

	if (strlen(text) % 2 != 0 || size > capacity)
		fail("hex of %zu digits", strlen(text));
	for (i = 0; i < size; i++) {
		unsigned int v;

		if (sscanf(text + 2 * i, "%2x", &v) != 1)
			fail("no hex");
		out[i] = (uint8_t)v;
	}
	return (unsigned int)size;
}

static struct bytes
bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static uint64_t
number_of(const char *text)
{
	char *end;
	uint64_t v;

	if (text == NULL)
		fail("a number is missing");
	v = strtoull(text, &end, 10);
	if (*end != '\0' || end == text)
		fail("no number: %s", text);
	return v;
}

static void
take_message(struct replay *r, const char *channel, const char *hex)
{
	void *buffer = notary_buffer(r->core);
	enum notary_take take;
	size_t size;

	if (buffer == NULL || hex == NULL)
		fail("a message has no place");
	size = unhex(hex, buffer, RECORD_BATCH_BYTES_MAX);
	take = notary_message(r->core, number_of(channel), size, &r->now);
	while (take != NOTARY_TAKEN) {
		if (take == NOTARY_STALLED)
			tick(r);
		take = notary_resume(r->core);
	}
}

/* One call; false where it is none. */
static bool
call(struct replay *r, const char *name, char **args)
{
	if (strcmp(name, "cell") == 0) {
		const struct notary_cell cell = {
			.number = number_of(args[0]),
			.cell_id = hark_text_of(args[1]),
			.run_id = hark_text_of(args[2]),
			.spec_hash = hark_text_of(args[3]),
			.keepalive_ms = number_of(args[4]),
			.rearm = true,
		};

		must(notary_cell_add(r->core, &cell, 0, &r->now), name);
	} else if (strcmp(name, "channel") == 0) {
		must(notary_channel_add(r->core, number_of(args[0]), number_of(args[1])), name);
	} else if (strcmp(name, "slot") == 0) {
		must(notary_channel_slot(r->core, number_of(args[0]), (uint16_t)number_of(args[1]),
					 number_of(args[2])),
		     name);
	} else if (strcmp(name, "message") == 0) {
		take_message(r, args[0], args[1]);
	} else if (strcmp(name, "gone") == 0) {
		must(notary_channel_gone(r->core, number_of(args[0]), &r->now), name);
	} else if (strcmp(name, "remove") == 0) {
		must(notary_cell_remove(r->core, number_of(args[0]), bytes_of("removed"), 0,
					&r->now),
		     name);
	} else if (strcmp(name, "stop") == 0) {
		must(notary_stop(r->core, 0, &r->now), name);
	} else {
		return strcmp(name, "look") == 0;
	}
	return true;
}

/* Calls up to the next `look`, each at its time. */
static void
play(struct replay *r)
{
	bool is_look = false;

	while (!is_look && fgets(line, sizeof(line), r->recording) != NULL) {
		char *words[12] = { NULL };
		char *rest = NULL;
		char *word;
		size_t count = 0;

		if (line[0] == '#' || line[0] == '\n')
			continue;
		for (word = strtok_r(line, " \n", &rest); word != NULL && count < 11;
		     word = strtok_r(NULL, " \n", &rest))
			words[count++] = word;
		if (count < 4)
			fail("a line of %zu words", count);
		if (number_of(words[0]) < r->now.monotonic_ns)
			fail("time goes backwards");
		wait_until(r, number_of(words[0]));
		r->now.real.seconds = (int64_t)number_of(words[1]);
		r->now.real.nanoseconds = (uint32_t)number_of(words[2]);
		if (!call(r, words[3], &words[4]))
			fail("no call: %s", words[3]);
		is_look = strcmp(words[3], "look") == 0;
		tick(r);
	}
	r->is_at_end = !is_look;
}

/* ---- what harkd says ---- */

static void
hear_observer(struct replay *r, char **words)
{
	uint8_t digest[32];
	struct notary_observer words_of = { .name = bytes_of(words[1]),
					    .digest = digest,
					    .manifest = bytes_of("{}"),
					    .strikes = number_of(words[3]) };

	if (unhex(words[2], digest, sizeof(digest)) != sizeof(digest))
		fail("no digest");
	must(notary_observer_add(r->core, &words_of, 1, &r->now), words[0]);
}

static void
hear(struct replay *r, char **words)
{
	uint8_t report[2 * TRAP_REPORT_BYTES];
	struct bytes name = bytes_of(words[1] != NULL ? words[1] : "");

	if (strcmp(words[0], "play") == 0) {
		play(r);
	} else if (strcmp(words[0], "observer") == 0 && words[3] != NULL) {
		hear_observer(r, words);
	} else if (strcmp(words[0], "report") == 0 && words[2] != NULL) {
		unsigned int size = unhex(words[2], report, sizeof(report));

		if (notary_observer_is_read(r->core, name))
			notary_observer_report(r->core, name, report, size, &r->now);
	} else if (strcmp(words[0], "gone") == 0) {
		must(notary_observer_gone(r->core, name, bytes_of(words[2] != NULL ? words[2] : ""),
					  &r->now),
		     words[0]);
	} else if (strcmp(words[0], "operation") == 0 && words[2] != NULL) {
		must(notary_operation(r->core, name, bytes_of(words[2]), 1, &r->now), words[0]);
	} else {
		fail("no command: %s", words[0]);
	}
	/* What it wrote is durable at once: no time passes for it. */
	tick(r);
}

static void
say_ledger(const struct replay *r, const char *name, enum proto_ledger ledger)
{
	size_t i;

	(void)printf("%s %llu ", name, (unsigned long long)r->pages[ledger].committed_size);
	for (i = 0; i < MERKLE_HASH_BYTES; i++)
		(void)printf("%02x", r->pages[ledger].committed_root.bytes[i]);
	(void)printf("\n");
}

static void
serve(struct replay *r)
{
	static char command[65536];

	while (fgets(command, sizeof(command), stdin) != NULL) {
		char *words[5] = { NULL };
		char *rest = NULL;
		char *word;
		size_t count = 0;

		for (word = strtok_r(command, " \n", &rest); word != NULL && count < 4;
		     word = strtok_r(NULL, " \n", &rest))
			words[count++] = word;
		if (count == 0)
			fail("an empty command");
		hear(r, words);
		say_ledger(r, "evidence", PROTO_EVIDENCE);
		say_ledger(r, "operations", PROTO_OPERATIONS);
		(void)printf("%s\n", r->is_at_end ? "end" : "more");
		(void)fflush(stdout);
	}
}

/* ---- begin and end ---- */

static struct ledger *
open_ledger(struct replay *r, const char *top, enum proto_ledger ledger)
{
	static const char *const names[] = { "evidence", "operations" };
	char path[4096];
	char origin[64];
	const struct ledger_options options = {
		.origin = origin,
		.salt = { 1, 2 },
		.segment_bytes = UINT64_C(8) << 20,
		.is_synchronous = true,
	};
	struct ledger_failure why = { 0 };
	struct ledger *l = NULL;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", top, names[ledger]);
	(void)snprintf(origin, sizeof(origin), "h.example/%s", names[ledger]);
	if (mkdir(path, 0755) != 0)
		fail("%s cannot be made", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fail("%s cannot be opened", path);
	must(disk_open_real(fd, &r->disks[ledger]), path);
	(void)close(fd);
	if (ledger_open(r->disks[ledger], &options, &l, &why) != ERR_OK)
		fail("%s: %s", path, why.text);
	return l;
}

int
main(int argc, char **argv)
{
	static const struct notary_ops ops = {
		.answer = on_answer,
		.receipt = on_receipt,
		.violation = on_violation,
		.ledger_state = on_ledger_state,
		.publish = on_publish,
		.sign = on_sign,
		.trapped = on_trapped,
		.stopped = on_stopped,
	};
	/* A batch is closed at the first look after its first leaf: so a command is durable at
	 * once. */
	static const struct notary_options options = { .clean = true,
						       .commit_us = 0,
						       .batch_bytes = LEDGER_BATCH_BYTES_MAX,
						       .tick_ms = 60000,
						       .checkpoint_ms = 1000 };
	static struct replay r = {
		.now = { .real = { 1762348801, 0 }, .monotonic_ns = SECOND_NS },
	};
	struct ledger *ledgers[PROTO_LEDGERS];
	unsigned int i;

	if (argc != 4)
		fail("usage: notary-replay RECORDING DIRECTORY PAGE");
	r.recording = fopen(argv[1], "r");
	if (r.recording == NULL)
		fail("%s cannot be read", argv[1]);
	must(page_map_writer((int)number_of(argv[3]), &r.page), "the page");
	for (i = 0; i < PROTO_LEDGERS; i++)
		ledgers[i] = open_ledger(&r, argv[2], (enum proto_ledger)i);
	must(notary_create(ledgers, &options, &ops, &r, &r.now, &r.core), "the core");
	notary_begin(r.core, &r.now);
	tick(&r);
	serve(&r);
	notary_destroy(r.core);
	for (i = 0; i < PROTO_LEDGERS; i++)
		disk_close_real(&r.disks[i]);
	page_unmap(r.page);
	(void)fclose(r.recording);
	return 0;
}
