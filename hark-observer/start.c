/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The module is a stranger's from its first byte that is read.  So rights go first: they allow code
 * to be made, and threads, until the module is compiled; then a second filter takes those too.
 * Its digest is said before anything looks into it.
 */
#include "hark-observer/start.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/must.h"
#include "base/text.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/wait.h"
#include "prog/exit.h"

#define MIB (UINT64_C(1024) * 1024)

/* Writable memory of the process beside what its limits say: the batch, two threads' stacks, the
 * engine.  What a compiler takes grows with the module. */
#define MEMORY_BYTES            (96 * MIB)
#define MEMORY_OF_COMPILING     UINT64_C(256) /* times the module's size */
#define MEMORY_OF_TABLE_ELEMENT UINT64_C(64)  /* 16 bytes, in each of four tables */
#define MEMORY_OF_EFFECT        UINT64_C(4)   /* the library's copy and ours, while both may grow */
/* Mapped and not written: the program, libraries, the module's code, and what the C library keeps
 * for a thread's memory at a time (two heaps of 64 MiB, of which one stays). */
#define MAPPED_BYTES (192 * MIB)

__attribute__((format(printf, 2, 3))) static int
fail(int code, const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the line above begins it */
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return role_fail(code, text);
}

/* harkd hears which step of loading it was; the words name what is wrong and the remedy. */
static int
refuse(enum hark_observer_reason reason, const char *text)
{
	struct message m;

	message_init(&m, MESSAGE_OBSERVER_REFUSED, 0);
	message_set_text(&m, FIELD_REASON, hark_observer_reason_name(reason));
	message_set_text(&m, FIELD_TEXT, text);
	return message_send(ROLE_SUPERVISOR_FD, &m) == ERR_OK ? EXIT_CONFIG : EXIT_TEMPORARY;
}

static int
take_setup(struct start *s, struct message *setup, struct settings *settings)
{
	enum err e;

	*s = (struct start){ .module_fd = -1,
			     .directory_fd = -1,
			     .page_fd = -1,
			     .projector_fd = -1,
			     .trap_fd = -1 };
	MUST(setup->fd_count == 3);
	s->module_fd = file_steal(&setup->fds[0]);
	s->directory_fd = file_steal(&setup->fds[1]);
	s->page_fd = file_steal(&setup->fds[2]);
	s->require_confinement = message_number(setup, FIELD_CONFINE, 0) != 0;
	if (message_text(setup, FIELD_ORIGIN, s->origin, sizeof(s->origin)) != ERR_OK)
		return role_fail(EXIT_PROTOCOL, "the first message is not one of harkd's");
	e = settings_read(message_bytes(setup, FIELD_OPTIONS), settings);
	if (e == ERR_MEMORY)
		return role_fail(EXIT_SOFTWARE, "no memory for the observer's manifest");
	if (e != ERR_OK)
		return role_fail(EXIT_CONFIG, "the observer's manifest is not one: it needs a "
					      "digest, a batch of 1 to 65536 and wall_ms");
	return EXIT_OK;
}

static int
confine(struct start *s)
{
	if (role_confine(ROLE_OBSERVER, &s->directory_fd, 1, s->require_confinement, &s->report) ==
	    ERR_OK)
		return EXIT_OK;
	return fail(EXIT_UNAVAILABLE, "hark-observer cannot be confined: %s", s->report.missing);
}

/* ---- the module's bytes and their digest ---------------------------------------------------- */

static int
read_module(struct start *s, const struct settings *settings)
{
	enum err e = file_read_all(s->module_fd, settings->limits.module_bytes, &s->module);

	file_close(&s->module_fd);
	if (e == ERR_LIMIT)
		return refuse(HARK_OBSERVER_REASON_MODULE_BYTES,
			      "the file is larger than module_bytes: make it smaller, or raise the "
			      "limit");
	if (e == ERR_OK)
		return EXIT_OK;
	return fail(EXIT_IO, "the module's file cannot be read: %s",
		    e == ERR_SYSTEM ? strerror(errno) : err_text(e));
}

static int
say_digest(const struct start *s, const struct settings *settings)
{
	enum hark_observer_error e =
		hark_observer_digest_check(settings->digest, s->module.data, s->module.size);
	char its[HARK_OBSERVER_DIGEST_TEXT];
	char text[160];
	uint8_t digest[32];
	struct message m;

	MUST(e == HARK_OBSERVER_OK || e == HARK_OBSERVER_ARGUMENT || e == HARK_OBSERVER_DIGEST);
	if (e == HARK_OBSERVER_ARGUMENT)
		return role_fail(EXIT_CONFIG, "the observer's digest is not \"blake3:\" or "
					      "\"sha256:\" and 64 lower-case hex digits");
	if (e == HARK_OBSERVER_DIGEST) {
		e = hark_observer_digest_write(settings->digest, s->module.data, s->module.size,
					       its);
		MUST(e == HARK_OBSERVER_OK);
		(void)snprintf(text, sizeof(text),
			       "the file is %s: register that, where it is the file that is meant, "
			       "or bring the other",
			       its);
		return refuse(HARK_OBSERVER_REASON_DIGEST, text);
	}
	if (!hark_observer_has_engine() && !settings->noop)
		return role_fail(EXIT_CONFIG, "this build has no WebAssembly engine: build with "
					      "-Dwasm=auto where cargo 1.95 or later is, or write "
					      "`engine: noop`");
	e = hark_observer_blake3(s->module.data, s->module.size, digest);
	MUST(e == HARK_OBSERVER_OK);
	message_init(&m, MESSAGE_OBSERVER_DIGEST, 0);
	message_set_bytes(&m, FIELD_DIGEST, digest, sizeof(digest));
	return message_send(ROLE_SUPERVISOR_FD, &m) == ERR_OK ? EXIT_OK : EXIT_TEMPORARY;
}

/* ---- the word to go ------------------------------------------------------------------------- */

/* One message of harkd's while it is waited for. */
static int
hear(struct start *s, struct message *m, bool *go_out, bool *stopped_out)
{
	struct message answer;

	switch (m->type) {
	case MESSAGE_OBSERVER_GO:
		MUST(m->fd_count == 2);
		s->projector_fd = file_steal(&m->fds[0]);
		s->trap_fd = file_steal(&m->fds[1]);
		*go_out = true;
		return EXIT_OK;
	case MESSAGE_STOP:
		*stopped_out = true;
		return EXIT_OK;
	case MESSAGE_PING:
		message_init(&answer, MESSAGE_DONE, m->id);
		message_set_number(&answer, FIELD_CODE, EXIT_OK);
		return message_send(ROLE_SUPERVISOR_FD, &answer) == ERR_OK ? EXIT_OK
									   : EXIT_TEMPORARY;
	default:
		return fail(EXIT_PROTOCOL, "harkd says %s, which is not due",
			    message_name(m->type));
	}
}

static int
wait_for_go(struct start *s, bool *stopped_out)
{
	static uint8_t bytes[IPC_BYTES_MAX];
	bool go = false;
	int code = EXIT_OK;

	while (!go && !*stopped_out && code == EXIT_OK) {
		struct wait_item item = { .fd = ROLE_SUPERVISOR_FD, .want_read = true };
		struct message m;
		enum err e = wait_ready(&item, 1, UINT64_MAX);

		if (e == ERR_OK)
			e = message_receive(ROLE_SUPERVISOR_FD, bytes, sizeof(bytes), &m);
		if (e == ERR_AGAIN)
			continue;
		if (e == ERR_END) {
			*stopped_out = true;
			return EXIT_OK;
		}
		if (e != ERR_OK)
			return fail(e == ERR_SYSTEM ? EXIT_OS : EXIT_PROTOCOL,
				    "harkd cannot be heard: %s",
				    e == ERR_SYSTEM ? strerror(errno) : err_text(e));
		code = hear(s, &m, &go, stopped_out);
		message_close(&m);
	}
	return code;
}

/* ---- ledger, engine, and the rights that are left ------------------------------------------- */

static int
open_ledger(struct start *s)
{
	struct ledger_failure why;
	enum err e = follow_open(s->directory_fd, s->page_fd, &s->follow, &why);

	if (e != ERR_OK)
		return fail(e == ERR_SYSTEM ? EXIT_OS_FILE : EXIT_DATA,
			    "the evidence ledger cannot be followed: %s", why.text);
	/* The page is mapped, the directory has a descriptor of its own. */
	file_close(&s->page_fd);
	file_close(&s->directory_fd);
	if (strcmp(follow_origin(s->follow), s->origin) != 0)
		return fail(EXIT_DATA, "the evidence ledger is not of origin %s", s->origin);
	if (worker_create(&s->waiter) != ERR_OK)
		return fail(EXIT_OS, "no thread can be made: %s", strerror(errno));
	return EXIT_OK;
}

static uint64_t
memory_of(const struct hark_observer_limits *limits)
{
	return MEMORY_BYTES + limits->memory_bytes +
	       MEMORY_OF_TABLE_ELEMENT * limits->table_elements + limits->stack_bytes +
	       MEMORY_OF_EFFECT * limits->effect_bytes + MEMORY_OF_COMPILING * limits->module_bytes;
}

static int
load(struct start *s, const struct settings *settings,
     const struct hark_observer_capability *capabilities, size_t capability_count,
     struct hark_observer_host *host)
{
	const struct hark_observer_manifest manifest = { settings->digest, settings->tokens };
	struct hark_observer_refusal refusal = { .reason = HARK_OBSERVER_REASON_NONE };
	struct hark_failure why = { 0 };
	enum hark_observer_error e;
	uint64_t writable;

	writable = memory_of(&settings->limits);
	if (confine_limit_memory(writable, writable + MAPPED_BYTES) != ERR_OK)
		return fail(EXIT_OS, "its memory cannot be limited: %s", strerror(errno));
	e = hark_observer_host_open_wasmtime(&settings->limits, capabilities, capability_count,
					     host, &why);
	if (e != HARK_OBSERVER_OK)
		return fail(e == HARK_OBSERVER_LIMIT ? EXIT_CONFIG : EXIT_UNAVAILABLE,
			    "the WebAssembly engine does not start: %s",
			    why.text[0] != '\0' ? why.text : hark_observer_error_text(e));
	e = hark_observer_host_register(host, s->module.data, s->module.size, &manifest, &refusal);
	if (e == HARK_OBSERVER_OK) {
		buf_finish(&s->module);
		return EXIT_OK;
	}
	if (refusal.reason != HARK_OBSERVER_REASON_NONE)
		return refuse(refusal.reason, refusal.failure.text);
	return fail(EXIT_SOFTWARE, "the module cannot be loaded: %s", hark_observer_error_text(e));
}

/* Its threads are there and its code is mapped: no more of either. */
static int
give_up_code(void)
{
	if (role_threads_end() != ERR_OK)
		return role_fail(EXIT_OS, "hark-observer cannot give up its right to threads and "
					  "code");
	if (confine_limit(RLIMIT_NPROC, 0) != ERR_OK)
		return fail(EXIT_OS, "its threads cannot be limited: %s", strerror(errno));
	return EXIT_OK;
}

int
start_all(struct start *s, struct message *setup, struct settings *settings,
	  const struct hark_observer_capability *capabilities, size_t capability_count,
	  struct hark_observer_host *host, bool *stopped_out)
{
	struct message ready;
	int code = take_setup(s, setup, settings);

	*stopped_out = false;
	if (code == EXIT_OK)
		code = confine(s);
	if (code == EXIT_OK)
		code = read_module(s, settings);
	if (code == EXIT_OK)
		code = say_digest(s, settings);
	if (code == EXIT_OK)
		code = wait_for_go(s, stopped_out);
	if (code != EXIT_OK || *stopped_out)
		return code;
	code = open_ledger(s);
	if (code == EXIT_OK && !settings->noop)
		code = load(s, settings, capabilities, capability_count, host);
	if (code == EXIT_OK)
		code = give_up_code();
	if (code != EXIT_OK)
		return code;
	message_init(&ready, MESSAGE_READY, 0);
	return role_ready(&ready, &s->report);
}

void
start_finish(struct start *s)
{
	file_close(&s->module_fd);
	file_close(&s->directory_fd);
	file_close(&s->page_fd);
	file_close(&s->projector_fd);
	file_close(&s->trap_fd);
	buf_finish(&s->module);
	follow_close(s->follow);
}
