/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The whole process, from harkd's setup to its end, while every allocation and system call of it
 * fails once at each N.  It is a child; the test is its harkd, projector and notary.  Whatever
 * fails: it ends by itself with a code, harkd hears why, no batch is cut or told twice, and what
 * traps is passed over only when that is on record.  The engine is the fake one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hark/observer.h>

#include "crypto/sha256.h"
#include "hark-observer/daemon.h"
#include "ledger/ledger.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/memfd.h"
#include "os/packet.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/options.h"
#include "proto/staged.h"
#include "unit.h"
#include "unit/observer/fake_engine.h"

#define LEAVES  12u
#define TRAP_AT 6u
/* Nothing here takes so long, but for what hangs. */
#define LIMIT_MS 60000

/* The calls that fail, each with the error that the kernel gives first of all. */
#define CALLS(X)                       \
	X(malloc, ENOMEM)              \
	X(calloc, ENOMEM)              \
	X(realloc, ENOMEM)             \
	X(openat64, EMFILE)            \
	X(fdopendir, ENOMEM)           \
	X(fstat64, EIO)                \
	X(read, EIO)                   \
	X(pread64, EIO)                \
	X(mmap64, ENOMEM)              \
	X(ppoll, ENOMEM)               \
	X(epoll_create1, EMFILE)       \
	X(epoll_ctl, ENOMEM)           \
	X(epoll_wait, EBADF)           \
	X(eventfd, EMFILE)             \
	X(pthread_create, EAGAIN)      \
	X(sendmsg, ENOBUFS)            \
	X(recvmsg, ENOBUFS)            \
	X(role_confine, EPERM)         \
	X(confine_limit, EPERM)        \
	X(confine_limit_memory, EPERM) \
	X(role_threads_end, EPERM)

enum call {
#define CALL_ENUM(name, error) CALL_##name,
	CALLS(CALL_ENUM)
#undef CALL_ENUM
		CALL_COUNT
};
static const char *const call_names[] = {
#define CALL_NAME(name, error) #name,
	CALLS(CALL_NAME)
#undef CALL_NAME
};
static const int call_errors[] = {
#define CALL_ERROR(name, error) error,
	CALLS(CALL_ERROR)
#undef CALL_ERROR
};

static enum call failing;
static size_t fails_at; /* counts down; 0: now */
static bool armed;      /* in the child alone, and in its first thread */
/* Shared with the child. */
static struct {
	bool has_failed;
} * shared;

/* True where this call is to fail; it sets errno. */
static bool
fails(enum call call)
{
	if (!armed || call != failing || fails_at-- > 0)
		return false;
	armed = false;
	shared->has_failed = true;
	errno = call_errors[call];
	return true;
}

#define WRAP(type, name, failure, parameters, arguments)                         \
	type __real_##name parameters;                                           \
	type __wrap_##name parameters;                                           \
	type __wrap_##name parameters                                            \
	{                                                                        \
		return fails(CALL_##name) ? (failure) : __real_##name arguments; \
	}

WRAP(void *, malloc, NULL, (size_t size), (size))
WRAP(void *, calloc, NULL, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, NULL, (void *at, size_t size), (at, size))
WRAP(int, openat64, -1, (int fd, const char *name, int flags, mode_t mode), (fd, name, flags, mode))
WRAP(DIR *, fdopendir, NULL, (int fd), (fd))
WRAP(int, fstat64, -1, (int fd, struct stat *out), (fd, out))
WRAP(ssize_t, read, -1, (int fd, void *data, size_t size), (fd, data, size))
WRAP(ssize_t, pread64, -1, (int fd, void *data, size_t size, off_t at), (fd, data, size, at))
WRAP(void *, mmap64, MAP_FAILED,
     (void *where, size_t size, int protection, int flags, int fd, off_t at),
     (where, size, protection, flags, fd, at))
WRAP(int, ppoll, -1,
     (struct pollfd * fds, nfds_t count, const struct timespec *limit, const sigset_t *mask),
     (fds, count, limit, mask))
WRAP(int, epoll_create1, -1, (int flags), (flags))
WRAP(int, epoll_ctl, -1, (int poll, int what, int fd, struct epoll_event *event),
     (poll, what, fd, event))
WRAP(int, epoll_wait, -1, (int poll, struct epoll_event *events, int most, int timeout),
     (poll, events, most, timeout))
WRAP(int, eventfd, -1, (unsigned int value, int flags), (value, flags))
WRAP(int, pthread_create, EAGAIN,
     (pthread_t * thread, const pthread_attr_t *how, void *(*run)(void *), void *ctx),
     (thread, how, run, ctx))
WRAP(ssize_t, sendmsg, -1, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP(ssize_t, recvmsg, -1, (int fd, struct msghdr *m, int flags), (fd, m, flags))

/* Of rights nothing is given up here: tests/confine does that. */

enum err __wrap_role_confine(enum role_name role, const int *dirfds, size_t count, bool require,
			     struct role_report *report);
enum err __wrap_confine_limit(int resource, uint64_t most);
enum err __wrap_confine_limit_memory(uint64_t writable, uint64_t mapped);
enum err __wrap_role_threads_end(void);

enum err
__wrap_role_confine(enum role_name role, const int *dirfds, size_t count, bool require,
		    struct role_report *report)
{
	(void)require;
	assert_true(role == ROLE_OBSERVER && count == 1 && dirfds[0] >= 0);
	*report = (struct role_report){ .missing = "" };
	return fails(CALL_role_confine) ? ERR_SYSTEM : ERR_OK;
}

enum err
__wrap_confine_limit(int resource, uint64_t most)
{
	(void)resource;
	(void)most;
	return fails(CALL_confine_limit) ? ERR_SYSTEM : ERR_OK;
}

enum err
__wrap_confine_limit_memory(uint64_t writable, uint64_t mapped)
{
	assert_true(writable > 0 && mapped > writable);
	return fails(CALL_confine_limit_memory) ? ERR_SYSTEM : ERR_OK;
}

enum err
__wrap_role_threads_end(void)
{
	return fails(CALL_role_threads_end) ? ERR_SYSTEM : ERR_OK;
}

/* ---- the module ---------------------------------------------------------------------------- */

/* One effect an event: its index.  At one event it traps, where the story has a trap. */
static bool traps;

static bool
module_runs(void *ctx, struct engine_caller *caller)
{
	const struct hark_event_record *event = (const void *)fake.memory;
	int32_t size = 0;

	(void)ctx;
	for (;;) {
		if (!fake_call(caller, "event", "next", 0, HARK_EVENT_RECORD_BYTES_MAX, &size))
			return false;
		if (size == 0)
			return true;
		if (traps && event->index == TRAP_AT)
			fake.traps_with = HARK_OBSERVER_REASON_UNREACHABLE;
		if (!fake_call(caller, "pg", "write", 8, 8, &size))
			return false;
	}
}

static bool
module_code(void *ctx, struct engine_caller *caller)
{
	fake.traps_with = HARK_OBSERVER_REASON_NONE;
	return module_runs(ctx, caller);
}

static void
module_is_made(void)
{
	static const struct {
		const char *module, *name, *results;
	} imported[] = {
		{ "arkhe:observer/event", "next", "i" },
		{ "arkhe:observer/pg", "write", "" },
	};
	static struct engine_item imports[2];
	static uint8_t memory[8192];
	size_t i;

	for (i = 0; i < COUNT_OF(imports); i++)
		imports[i] = fake_import(imported[i].module, imported[i].name, "ii",
					 imported[i].results);
	fake = (struct fake){ .imports = imports,
			      .import_count = COUNT_OF(imports),
			      .exports_observer = true,
			      .observer_is_function = true,
			      .code = module_code,
			      .memory = memory,
			      .memory_size = sizeof(memory) };
}

/* ---- what it is given ---------------------------------------------------------------------- */

static struct {
	char path[32];
	int dirfd, page_fd, module_fd;
	struct disk disk;
	struct ledger *ledger;
	struct page *page;
	struct buf options;
} given;

static void
append_leaf(uint64_t index)
{
	char *at = ledger_reserve(given.ledger);

	assert_non_null(at);
	ledger_append(
		given.ledger,
		(size_t)snprintf(at, 256,
				 "{\"data\":{\"cellId\":\"c\"},\"id\":\"h/evidence/%llu\","
				 "\"time\":\"2026-11-21T13:20:00.123456789Z\",\"type\":\"t\"}",
				 (unsigned long long)index));
}

static int
give(void **state)
{
	static const struct ledger_options options = { .origin = "h/evidence",
						       .segment_bytes = 1 << 22,
						       .batch_bytes = 1 << 20 };
	struct page_state committed = { .committed_size = LEAVES };
	uint8_t digest[SHA256_BYTES];
	struct ledger_failure why;
	char text[72] = "sha256:";
	uint64_t i;

	(void)state;
	(void)snprintf(given.path, sizeof(given.path), "/tmp/hark-unit-XXXXXX");
	assert_non_null(mkdtemp(given.path));
	assert_int_equal(folder_open_path(given.path, &given.dirfd), ERR_OK);
	assert_int_equal(memfd_make("page", PAGE_BYTES, &given.page_fd), ERR_OK);
	assert_int_equal(disk_open_real(given.dirfd, &given.disk), ERR_OK);
	assert_int_equal(ledger_open(given.disk, &options, &given.ledger, &why), ERR_OK);
	assert_int_equal(page_map_writer(given.page_fd, &given.page), ERR_OK);
	for (i = 0; i < LEAVES; i++)
		append_leaf(i);
	assert_int_equal(ledger_commit_begin(given.ledger, (struct hark_time){ .seconds = 1 }, 1),
			 ERR_OK);
	while (ledger_commit_end(given.ledger) == ERR_AGAIN) {
		struct pollfd item = { .fd = ledger_commit_fd(given.ledger), .events = POLLIN };

		assert_true(poll(&item, 1, -1) >= 0);
	}
	page_publish(given.page, &committed);

	module_is_made();
	sha256_of("fake", 4, digest);
	for (i = 0; i < sizeof(digest); i++)
		(void)snprintf(text + 7 + 2 * i, 3, "%02x", digest[i]);
	assert_int_equal(options_add_text(&given.options, OPTION_DIGEST, text, 71), ERR_OK);
	assert_int_equal(options_add_number(&given.options, OPTION_TOKENS, 1), ERR_OK);
	assert_int_equal(options_add_number(&given.options, OPTION_BATCH, 4), ERR_OK);
	given.module_fd = memfd_create("module", MFD_CLOEXEC);
	assert_int_equal(write(given.module_fd, "fake", 4), 4);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return shared != MAP_FAILED ? 0 : -1;
}

static int
take_back(void **state)
{
	char command[64];

	(void)state;
	ledger_close(given.ledger);
	page_unmap(given.page);
	disk_close_real(&given.disk);
	file_close(&given.dirfd);
	file_close(&given.page_fd);
	file_close(&given.module_fd);
	buf_finish(&given.options);
	(void)munmap(shared, sizeof(*shared));
	(void)snprintf(command, sizeof(command), "rm -r %s", given.path);
	return system(command);
}

/* ---- the child ----------------------------------------------------------------------------- */

/* As main() has it, behind role_begin and role_setup. */
static int
child_lives(int channel)
{
	static struct daemon d;
	struct pollfd item = { .fd = ROLE_SUPERVISOR_FD, .events = POLLIN };
	struct message setup;
	int code;

	(void)!freopen("/dev/null", "w", stderr);
	if (dup2(channel, ROLE_SUPERVISOR_FD) < 0 || poll(&item, 1, LIMIT_MS) != 1 ||
	    message_receive(ROLE_SUPERVISOR_FD, d.bytes, sizeof(d.bytes), &setup) != ERR_OK)
		return 99;
	armed = true;
	code = daemon_live(&d, &setup);
	armed = false;
	return code;
}

/* ---- its harkd, projector and notary ------------------------------------------------------- */

static struct {
	int harkd, projector, trap; /* our ends; -1: not there */
	pid_t pid;
	bool had_digest, was_ready, had_pong, is_told_to_stop;
	int said_code; /* of FAILED; 0: nothing */
	uint64_t cursor;
	uint64_t effects; /* of the batch under way */
	uint64_t next_effect;
	bool is_reported;
} w;

static void
say(int fd, struct message *m)
{
	/* It may have ended meanwhile. */
	(void)!message_send(fd, m);
}

static void
start_child(void)
{
	struct message m;
	int pair[2];

	memset(&w, 0, sizeof(w));
	w.projector = w.trap = -1;
	shared->has_failed = false;
	assert_int_equal(packet_pair(pair), ERR_OK);
	w.harkd = pair[0];
	w.pid = fork();
	assert_true(w.pid >= 0);
	if (w.pid == 0)
		_exit(child_lives(pair[1]));
	(void)close(pair[1]);
	assert_int_equal(lseek(given.module_fd, 0, SEEK_SET), 0);
	message_init(&m, MESSAGE_OBSERVER_SETUP, 0);
	message_set_text(&m, FIELD_OBSERVER, "o");
	message_set_text(&m, FIELD_ORIGIN, "h/evidence");
	message_set_bytes(&m, FIELD_OPTIONS, given.options.data, given.options.size);
	message_set_number(&m, FIELD_CONFINE, 0);
	m.fds[0] = given.module_fd;
	m.fds[1] = given.dirfd;
	m.fds[2] = given.page_fd;
	m.fd_count = 3;
	say(w.harkd, &m);
}

static void
say_go(void)
{
	struct message m;
	int projector[2], trap[2];

	assert_int_equal(packet_pair(projector), ERR_OK);
	assert_int_equal(packet_pair_one_way(trap), ERR_OK);
	w.projector = projector[0];
	w.trap = trap[0];
	message_init(&m, MESSAGE_OBSERVER_GO, 0);
	m.fds[0] = projector[1];
	m.fds[1] = trap[1];
	m.fd_count = 2;
	say(w.harkd, &m);
	(void)close(projector[1]);
	(void)close(trap[1]);
}

/* False: it has ended. */
static bool
harkd_hears(void)
{
	static uint8_t bytes[IPC_BYTES_MAX];
	struct message m, answer;
	enum err e = message_receive(w.harkd, bytes, sizeof(bytes), &m);

	if (e == ERR_AGAIN)
		return true;
	if (e != ERR_OK)
		return false;
	if (m.type == MESSAGE_OBSERVER_DIGEST) {
		w.had_digest = true;
		say_go();
	} else if (m.type == MESSAGE_READY) {
		w.was_ready = true;
		message_init(&answer, MESSAGE_PING, 77);
		say(w.harkd, &answer);
		message_init(&answer, MESSAGE_CURSOR, 0);
		message_set_number(&answer, FIELD_INDEX, 0);
		say(w.projector, &answer);
	} else if (m.type == MESSAGE_DONE) {
		w.had_pong = m.id == 77;
	} else if (m.type == MESSAGE_FAILED) {
		w.said_code = (int)message_number(&m, FIELD_CODE, 0);
		assert_true(message_bytes(&m, FIELD_TEXT).size > 10);
	} else if (m.type != MESSAGE_OBSERVER_STATE) {
		fail_msg("%s: it says %s", call_names[failing], message_name(m.type));
	}
	return true;
}

static void
take_effects(struct bytes data)
{
	struct staged_piece piece;
	size_t at = 0;

	while (at < data.size) {
		uint64_t index;

		assert_int_equal(staged_read(data, &at, &piece), ERR_OK);
		assert_true(piece.bytes.size == sizeof(index) && !piece.goes_on);
		memcpy(&index, piece.bytes.data, sizeof(index));
		assert_int_equal(index, w.next_effect);
		w.next_effect++;
		w.effects++;
	}
}

static void
stop_at_the_end(void)
{
	struct message m;

	if (traps || w.cursor < LEAVES || !w.had_pong || w.is_told_to_stop)
		return;
	w.is_told_to_stop = true;
	message_init(&m, MESSAGE_STOP, 0);
	say(w.harkd, &m);
}

static void
projector_hears(void)
{
	static uint8_t bytes[IPC_BYTES_MAX];
	struct message m;
	enum err e = message_receive(w.projector, bytes, sizeof(bytes), &m);

	if (e == ERR_AGAIN)
		return;
	if (e != ERR_OK) {
		file_close(&w.projector);
		return;
	}
	if (m.type == MESSAGE_EFFECTS) {
		take_effects(message_bytes(&m, FIELD_EFFECTS));
		return;
	}
	assert_int_equal(m.type, MESSAGE_BATCH);
	assert_true(message_number(&m, FIELD_INDEX, 99) == w.cursor);
	assert_true(message_number(&m, FIELD_COUNT, 99) == w.effects);
	w.cursor = message_number(&m, FIELD_SIZE, 0);
	/* The one that traps is passed over when it is on record, not before. */
	assert_true(!traps || w.cursor <= TRAP_AT || w.is_reported);
	if (traps && w.cursor > TRAP_AT && w.next_effect == TRAP_AT)
		w.next_effect++;
	assert_true(w.next_effect == w.cursor);
	w.effects = 0;
	message_init(&m, MESSAGE_COMMITTED, 0);
	message_set_number(&m, FIELD_INDEX, w.cursor);
	say(w.projector, &m);
}

static void
notary_hears(void)
{
	struct trap_report report;
	struct message m;
	uint8_t data[128];
	ssize_t size = recv(w.trap, data, sizeof(data), 0);

	if (size <= 0) {
		file_close(&w.trap);
		return;
	}
	assert_int_equal(trap_report_read(data, (size_t)size, &report), ERR_OK);
	assert_true(traps && !w.is_reported && report.has_event && report.event == TRAP_AT &&
		    report.trap_class == HARK_OBSERVER_TRAP_PANIC);
	w.is_reported = true;
	message_init(&m, MESSAGE_OBSERVER_RECORDED, 0);
	message_set_number(&m, FIELD_SIZE, report.next);
	say(w.harkd, &m);
}

/* Until it has ended: gives its code. */
static int
live(void)
{
	bool is_there = true;
	int status = 0;

	start_child();
	while (is_there) {
		struct pollfd items[] = { { .fd = w.harkd, .events = POLLIN },
					  { .fd = w.projector, .events = POLLIN },
					  { .fd = w.trap, .events = POLLIN } };

		if (poll(items, COUNT_OF(items), LIMIT_MS) <= 0) {
			(void)kill(w.pid, SIGKILL);
			fail_msg("%s at %zu: it neither goes on nor ends", call_names[failing],
				 fails_at);
		}
		/* What it said before its end comes first. */
		if ((items[1].revents & (POLLIN | POLLHUP)) != 0)
			projector_hears();
		else if ((items[2].revents & (POLLIN | POLLHUP)) != 0)
			notary_hears();
		else if (items[0].revents != 0)
			is_there = harkd_hears();
		stop_at_the_end();
	}
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	file_close(&w.harkd);
	file_close(&w.projector);
	file_close(&w.trap);
	if (!WIFEXITED(status))
		fail_msg("%s at %zu: it ended by signal %d", call_names[failing], fails_at,
			 WTERMSIG(status));
	return WEXITSTATUS(status);
}

static bool
is_whole(void)
{
	return w.had_digest && w.was_ready && w.had_pong && w.effects == 0 &&
	       w.is_reported == traps && w.cursor == (traps ? TRAP_AT + 1 : LEAVES);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void
fail_each(void)
{
	size_t n;

	for (failing = 0; failing < CALL_COUNT; failing++) {
		for (n = 0; n < 1000; n++) {
			int code;

			fails_at = n;
			code = live();
			if (!shared->has_failed)
				break;
			if (code == EXIT_OK ? !is_whole()
					    : code != w.said_code && failing != CALL_sendmsg)
				fail_msg("%s at %zu: ended with %d, said %d, at leaf %llu",
					 call_names[failing], n, code, w.said_code,
					 (unsigned long long)w.cursor);
		}
		/* The story has each of them, and comes to its end. */
		if (n == 0 || n == 1000 || !is_whole())
			fail_msg("%s was called %zu times, at leaf %llu", call_names[failing], n,
				 (unsigned long long)w.cursor);
	}
}

static void
each_call_fails_once_before_a_stop(void **state)
{
	(void)state;
	traps = false;
	fail_each();
}

static void
each_call_fails_once_around_a_trap(void **state)
{
	(void)state;
	traps = true;
	fail_each();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_fails_once_before_a_stop),
		cmocka_unit_test(each_call_fails_once_around_a_trap),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("hark-observer/life", tests, give, take_back);
}
