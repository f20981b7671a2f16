/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark-listen: the embedded way in one small program.  It binds, hears, stamps and writes. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "hark-listen/cell.h"
#include "hark-listen/options.h"
#include "hark-listen/output.h"
#include "hark-listen/probes.h"
#include "os/clock.h"
#include "os/host.h"
#include "os/random.h"
#include "prog/exit.h"
#include "prog/log.h"

/* Both with the longest host name that host_name_check takes. */
/* The most turns of the loop that events wait for others to be written with them: well under a ms.
 */
#define TURNS_A_WRITE 32u
#define SOURCE_BYTES  96u
#define PREFIX_BYTES  96u

struct program {
	struct options options;
	struct loop *loop;
	struct output output;
	struct cell cell;
	struct probes probes;
	char source[SOURCE_BYTES];
	char id_prefix[PREFIX_BYTES];
	bool stop;
};

static void
on_end_signal(void *ctx, int signal_number)
{
	struct program *p = ctx;

	(void)signal_number;
	p->stop = true;
}

static void
on_output(void *ctx, uint32_t ready)
{
	/* Writing is tried after every turn; this only ends the wait. */
	(void)ctx;
	(void)ready;
}

static bool
sink_has_room(const void *sink_context)
{
	return output_has_room(sink_context);
}

/* The ids of two runs differ by a random part, since nothing remembers where the last one ended. */
static bool
name_origin(struct program *p)
{
	char host[HOST_NAME_BYTES];
	uint64_t random;

	if (p->options.host != NULL) {
		if (host_name_check(p->options.host) != ERR_OK) {
			log_error("--host wants a host name of at most %u bytes",
				  HOST_NAME_BYTES - 1);
			return false;
		}
		(void)snprintf(host, sizeof(host), "%s", p->options.host);
	} else if (host_name(host) != ERR_OK) {
		log_error("this host has no usable name: give one with --host");
		return false;
	}
	if (random_bytes(&random, sizeof(random)) != ERR_OK) {
		log_error("the kernel gives no random bytes: %s", strerror(errno));
		return false;
	}
	(void)snprintf(p->source, sizeof(p->source), "/hark/%s/listen", host);
	(void)snprintf(p->id_prefix, sizeof(p->id_prefix), "%s/listen/%016llx", host,
		       (unsigned long long)random);
	return true;
}

static int
open_cell(struct program *p)
{
	const struct options *o = &p->options;
	struct cell_settings settings = {
		.cell_id = hark_text_of(o->cell),
		.run_id = hark_text_of(o->run_id),
		.spec_signature_hash = hark_text_of(o->spec_hash),
		.source = hark_text_of(p->source),
		.id_prefix = hark_text_of(p->id_prefix),
		.keepalive_window_ns = o->keepalive_ns,
		.rearm = o->rearm,
		.uds_base = o->uds_base,
		.listener = o->listener,
		.has_room = sink_has_room,
	};
	struct hark_failure why = { 0 };
	const char *probe = NULL;

	/* Before the socket is there: a mistake on the command line leaves nothing behind. */
	if (!probes_open(&p->probes, o, &why, &probe)) {
		log_error("%s: %s", options_source_of(probe), why.text);
		return EXIT_USAGE;
	}

	switch (cell_open(&p->cell, &settings, output_sink(&p->output), p->loop, &why)) {
	case HARK_TELEMETRY_OK:
		break;
	case HARK_TELEMETRY_BIND:
		log_error("%s", why.text);
		return why.system_error == EADDRINUSE ? EXIT_UNAVAILABLE : EXIT_CANT_CREATE;
	default:
		log_error("the cell cannot be opened: %s", strerror(errno));
		return EXIT_OS;
	}
	probes_start(&p->probes, &p->cell);
	log_info("listening on %s_%u for cell %s", o->uds_base, HARK_VSOCK_TELEMETRY_PORT, o->cell);
	return EXIT_OK;
}

/* Sets up what the cell stands on. */
static int
open_program(struct program *p)
{
	static const int ends[] = { SIGTERM, SIGINT, SIGHUP };
	size_t i;

	if (!name_origin(p))
		return EXIT_USAGE;
	/* The output first: a closed descriptor would be the next one's that is opened. */
	if (output_init(&p->output, STDOUT_FILENO) != ERR_OK) {
		log_error("standard output: %s", strerror(errno));
		return EXIT_IO;
	}
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || loop_create(NULL, &p->loop) != ERR_OK) {
		log_error("cannot start: %s", strerror(errno));
		return EXIT_OS;
	}
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (loop_signal_set(p->loop, ends[i], on_end_signal, p) != ERR_OK) {
			log_error("cannot take signals: %s", strerror(errno));
			return EXIT_OS;
		}
	}
	return open_cell(p);
}

/* Writes what can be written and waits for the reader where it is slow. */
static bool
flush(struct program *p)
{
	switch (output_flush(&p->output)) {
	case ERR_OK:
		loop_fd_remove(p->loop, p->output.fd);
		break;
	case ERR_AGAIN: {
		enum err e = loop_fd_add(p->loop, p->output.fd, EPOLLOUT, on_output, p);

		if (e != ERR_OK && e != ERR_EXISTS)
			return false;
		break;
	}
	default:
		return false;
	}
	cell_pause(&p->cell, !output_has_room(&p->output));
	return true;
}

/*
 * Waits, and goes on for some turns while frames keep coming, so that a busy cell costs a write for
 * many events and a quiet one is written at once.
 */
static enum err
gather(struct program *p)
{
	enum err e = loop_turn(p->loop, true);
	unsigned int i;

	for (i = 0; e == ERR_OK && i < TURNS_A_WRITE && !p->stop; i++) {
		uint64_t frames = p->cell.counts.frames;

		e = loop_turn(p->loop, false);
		if (p->cell.counts.frames == frames)
			break;
	}
	return e;
}

static int
run(struct program *p)
{
	int status = EXIT_OK;

	while (!p->stop && !p->cell.sink_failed) {
		if (gather(p) != ERR_OK) {
			log_error("waiting failed: %s", strerror(errno));
			return EXIT_OS;
		}
		if (!flush(p)) {
			status = EXIT_OS;
			break;
		}
	}
	if (p->output.failed != 0) {
		log_error("standard output: %s; what was not written is lost",
			  strerror(p->output.failed));
		return EXIT_IO;
	}
	if (p->cell.sink_failed) {
		log_error("an event could not be written; stopping rather than losing it unsaid");
		return EXIT_SOFTWARE;
	}
	if (status != EXIT_OK)
		log_error("standard output cannot be waited for: %s", strerror(errno));
	return status;
}

static int
close_program(struct program *p, int status)
{
	const struct cell_counts *c = &p->cell.counts;
	const uint64_t deadline_ns = clock_monotonic_ns() + OUTPUT_DRAIN_NS;
	enum err e = ERR_OK;

	probes_stop(&p->probes);
	if (status == EXIT_OK) {
		cell_stop(&p->cell);
		do
			e = output_drain(&p->output, deadline_ns);
		while (e == ERR_OK && cell_read_rest(&p->cell));
	}
	cell_close(&p->cell);
	if (e == ERR_OK)
		e = output_drain(&p->output, deadline_ns);
	if (e != ERR_OK && status == EXIT_OK) {
		log_error("standard output: %s; the last events are lost", strerror(errno));
		status = EXIT_IO;
	}
	log_info("%llu %s, %llu %s, %llu %s, %llu refused, %llu %s",
		 (unsigned long long)c->connections,
		 text_counted(c->connections, "connection", "connections"),
		 (unsigned long long)c->frames, text_counted(c->frames, "frame", "frames"),
		 (unsigned long long)c->duplicates,
		 text_counted(c->duplicates, "duplicate", "duplicates"),
		 (unsigned long long)c->rejected, (unsigned long long)c->events,
		 text_counted(c->events, "event", "events"));
	output_finish(&p->output);
	loop_destroy(p->loop);
	return status;
}

int
main(int argc, char **argv)
{
	static struct program program;
	int status;

	log_init("hark-listen");
	options_read(argc, argv, &program.options);
	status = open_program(&program);
	if (status != EXIT_OK)
		return status;
	status = run(&program);
	return close_program(&program, status);
}
