/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An observer with the time in hand: its two processes and the notary are the test itself, which
 * holds the other ends of their channels and says when and how each has ended.
 */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harkd/harkd.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/memfd.h"
#include "os/packet.h"
#include "prog/exit.h"

#define MS UINT64_C(1000000)

struct process {
	int end; /* of the channel, as the process would have it */
	int pidfd;
	struct spawn_end how;
	bool has_ended;
	unsigned int starts, kills;
};

static uint64_t now_ns;
static struct harkd h;
static struct observer *o;
static struct process module, projector;
static int notary_end;
static bool notary_is_there;
static char top[64];
static int answered; /* the code; -1: not yet */
static char answer[1200];
static int failed_code;
static uint8_t bytes[IPC_BYTES_MAX];

enum err __wrap_spawn_start(const char *path, char *const argv[], int channel, pid_t *pid_out,
			    int *pidfd_out);
enum err __wrap_spawn_reap(int pidfd, struct spawn_end *out);
enum err __wrap_spawn_signal(int pidfd, int number);

enum err
__wrap_spawn_start(const char *path, char *const argv[], int channel, pid_t *pid_out,
		   int *pidfd_out)
{
	struct process *p = strcmp(argv[0], "hark-observer") == 0 ? &module : &projector;

	assert_int_equal(strncmp(path, "/programs/hark-", 15), 0);
	file_close(&p->end);
	p->starts++;
	p->has_ended = false;
	p->end = fcntl(channel, F_DUPFD_CLOEXEC, 0);
	p->pidfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(p->end >= 0 && p->pidfd >= 0);
	*pid_out = 1000;
	*pidfd_out = p->pidfd;
	return ERR_OK;
}

static struct process *
process_of(int pidfd)
{
	return pidfd == module.pidfd ? &module : &projector;
}

enum err
__wrap_spawn_reap(int pidfd, struct spawn_end *out)
{
	if (!process_of(pidfd)->has_ended)
		return ERR_AGAIN;
	*out = process_of(pidfd)->how;
	return ERR_OK;
}

enum err
__wrap_spawn_signal(int pidfd, int number)
{
	assert_int_equal(number, SIGKILL);
	process_of(pidfd)->kills++;
	return ERR_OK;
}

/* ---- what stands around it ---- */

void
life_fail(struct harkd *harkd, int code, const char *format, ...)
{
	(void)harkd;
	(void)format;
	failed_code = code;
}

void
life_step(struct harkd *harkd)
{
	(void)harkd;
}

bool
notary_hears(const struct harkd *harkd)
{
	(void)harkd;
	return notary_is_there;
}

void
answer_message(struct harkd *harkd, uint64_t generation, struct message *m)
{
	(void)harkd;
	(void)generation;
	message_close(m);
}

void
answer_done(struct harkd *harkd, uint64_t id, uint64_t generation, int code, const char *text)
{
	(void)harkd;
	assert_true(id == 7 && generation == 1 && answered == -1);
	answered = code;
	(void)snprintf(answer, sizeof(answer), "%s", text);
}

int
options_may_observe(const struct options *options, const struct config_observer *observer,
		    char *text, size_t capacity)
{
	(void)options;
	(void)observer;
	(void)snprintf(text, capacity, "all are there");
	return EXIT_OK;
}

static const struct child_kind notary_kind = { .role = "notary",
					       .program = "hark-notary",
					       .messages_per_s = 1000000 };

void
violation_record(struct child *child, const char *reason)
{
	(void)reason;
	assert_ptr_equal(child->kind,
			 &role_projector); /* of the module's the notary has a receipt */
}

static uint64_t
test_clock(void)
{
	return now_ns;
}

static void
turns(void)
{
	int i;

	for (i = 0; i < 4; i++)
		assert_int_equal(loop_turn(h.loop, false), ERR_OK);
}

static void
pass_ms(uint64_t ms)
{
	now_ns += ms * MS;
	turns();
}

static void
put_module(void)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/m.wasm", top);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && write(fd, "x", 1) == 1);
	file_close(&fd);
}

static int
set_up(void **state)
{
	static char libexec[] = "/programs";
	static char data[96];
	bool made;
	int pair[2];

	(void)state;
	memset(&h, 0, sizeof(h));
	module = projector = (struct process){ .end = -1, .pidfd = -1 };
	now_ns = 100000 * MS;
	(void)snprintf(top, sizeof(top), "/tmp/hark-unit-XXXXXX");
	if (mkdtemp(top) == NULL)
		return -1;
	(void)snprintf(data, sizeof(data), "%s/data", top);
	h.config.data = data;
	h.options.libexec = libexec;
	h.life = LIFE_RUNNING;
	if (folder_make(AT_FDCWD, data, 0700, &made) != ERR_OK ||
	    folder_open_path(data, &h.place.data_fd) != ERR_OK ||
	    folder_make(h.place.data_fd, "evidence", 0700, &made) != ERR_OK ||
	    folder_make(h.place.data_fd, "observers", 0700, &made) != ERR_OK ||
	    folder_open(h.place.data_fd, "observers", &h.place.observers_fd) != ERR_OK ||
	    memfd_make("page", PAGE_BYTES, &h.ledgers[PROTO_EVIDENCE].page_fd) != ERR_OK ||
	    page_map_reader(h.ledgers[PROTO_EVIDENCE].page_fd, &h.ledgers[PROTO_EVIDENCE].page) !=
		    ERR_OK)
		return -1;
	(void)snprintf(h.ledgers[PROTO_EVIDENCE].origin, 32, "h/evidence");
	put_module();
	if (loop_create(test_clock, &h.loop) != ERR_OK || packet_pair(pair) != ERR_OK)
		return -1;
	child_init(&h.notary, &notary_kind, &h);
	h.notary.state = CHILD_RUNNING;
	h.notary.channel = pair[0];
	notary_end = pair[1];
	notary_is_there = true;
	answered = -1;
	answer[0] = '\0';
	failed_code = 0;
	o = NULL;
	return 0;
}

/* ---- its processes ---- */

static void
end(struct process *p, bool by_signal, int number)
{
	p->how = (struct spawn_end){ by_signal, number };
	p->has_ended = true;
	file_close(&p->end);
	assert_int_equal(eventfd_write(p->pidfd, 1), 0);
	turns();
}

static int
tear_down(void **state)
{
	char command[128];

	(void)state;
	h.life = LIFE_ENDED;
	if (h.observers != NULL && child_exists(&h.observers->module))
		end(&module, false, 0);
	if (h.observers != NULL && child_exists(&h.observers->projector))
		end(&projector, false, 0);
	observer_forget_all(&h);
	pending_fail_all(&h);
	file_close(&notary_end);
	file_close(&h.notary.channel);
	file_close(&module.end);
	file_close(&projector.end);
	file_close(&h.place.data_fd);
	file_close(&h.place.observers_fd);
	page_unmap(h.ledgers[PROTO_EVIDENCE].page);
	file_close(&h.ledgers[PROTO_EVIDENCE].page_fd);
	loop_destroy(h.loop);
	(void)snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command);
}

/* What the process was told next; NONE: nothing. */
static enum message_type
told(int fd, struct message *m)
{
	struct message own;

	if (m == NULL)
		m = &own;
	if (fd < 0 || message_receive(fd, bytes, sizeof(bytes), m) != ERR_OK)
		return MESSAGE_NONE;
	message_close(m);
	return m->type;
}

static void
say(struct process *p, struct message *m)
{
	assert_int_equal(message_send(p->end, m), ERR_OK);
	turns();
}

static void
say_plain(struct process *p, enum message_type type)
{
	struct message m;

	message_init(&m, type, 0);
	say(p, &m);
}

static void
say_failed(struct process *p, int code)
{
	struct message m;

	message_init(&m, MESSAGE_FAILED, 0);
	message_set_number(&m, FIELD_CODE, (uint64_t)code);
	message_set_text(&m, FIELD_TEXT, "words");
	say(p, &m);
}

static void
say_digest(void)
{
	static const uint8_t digest[32] = { 1, 2, 3 };
	struct message m;

	message_init(&m, MESSAGE_OBSERVER_DIGEST, 0);
	message_set_bytes(&m, FIELD_DIGEST, digest, sizeof(digest));
	say(&module, &m);
}

static void
say_database(const char *state)
{
	struct message m;

	message_init(&m, MESSAGE_PROJECTOR_STATE, 0);
	message_set_text(&m, FIELD_STATE, state);
	message_set_number(&m, FIELD_INDEX, 5);
	message_set_number(&m, FIELD_COUNT, 0);
	if (strcmp(state, "away") == 0)
		message_set_text(&m, FIELD_TEXT, "nobody listens");
	say(&projector, &m);
}

/* The notary hears this next, which gives its id. */
static uint64_t
notary_gets(enum message_type type, struct message *m)
{
	struct message own = { .id = 0 };

	if (m == NULL)
		m = &own;
	assert_int_equal(told(notary_end, m), type);
	return m->id;
}

static void
notary_says(uint64_t id, int code)
{
	struct message m;

	message_init(&m, MESSAGE_DONE, id);
	message_set_number(&m, FIELD_CODE, (uint64_t)code);
	pending_done(&h, &m);
	turns();
}

static void
trapped(const char *state, uint64_t count)
{
	struct message m;

	message_init(&m, MESSAGE_OBSERVER_TRAPPED, 0);
	message_set_text(&m, FIELD_OBSERVER, "o");
	message_set_number(&m, FIELD_CLASS, 0);
	message_set_number(&m, FIELD_COUNT, count);
	message_set_text(&m, FIELD_STATE, state);
	message_set_number(&m, FIELD_INDEX, 9);
	observer_hear_trapped(&h, &m);
	turns();
}

/* ---- its life ---- */

static void
add_with(const char *more)
{
	char text[1024];
	struct config_observer manifest;
	struct config_failure why;
	struct observer_refusal refusal;

	(void)snprintf(text, sizeof(text),
		       "name: o\nmodule: %s/m.wasm\ndigest: sha256:%064d\n"
		       "limits: {wall_ms: 1000, compile_ms: 2000}\n%s",
		       top, 0, more);
	assert_int_equal(
		config_observer_read("m", text, strlen(text), h.config.data, &manifest, &why),
		ERR_OK);
	o = observer_add(&h, &manifest, false, &refusal);
	assert_non_null(o);
}

static void
begin(void)
{
	observer_begin(o);
	turns();
	assert_int_equal(o->state, OBSERVER_STARTING);
	assert_int_equal(told(projector.end, NULL), MESSAGE_PROJECTOR_SETUP);
	assert_int_equal(told(module.end, NULL), MESSAGE_OBSERVER_SETUP);
}

static void
let_go(void)
{
	say_digest();
	notary_says(notary_gets(MESSAGE_OBSERVER, NULL), EXIT_OK);
	assert_int_equal(told(module.end, NULL), MESSAGE_OBSERVER_GO);
}

static void
run(void)
{
	begin();
	let_go();
	say_plain(&module, MESSAGE_READY);
	say_plain(&projector, MESSAGE_READY);
	assert_int_equal(o->state, OBSERVER_STARTING);
	say_database("ok");
	assert_int_equal(o->state, OBSERVER_RUNNING);
}

/* Answers what PINGs there are. */
static void
pong(void)
{
	struct message m;

	while (told(module.end, &m) == MESSAGE_PING) {
		struct message done;

		message_init(&done, MESSAGE_DONE, m.id);
		message_set_number(&done, FIELD_CODE, EXIT_OK);
		say(&module, &done);
	}
}

/* Ends what still runs as it was told; not what may be started by that. */
static void
end_rest(void)
{
	bool is_there = child_exists(&o->projector);

	if (child_exists(&o->module))
		end(&module, false, 0);
	if (is_there)
		end(&projector, false, 0);
}

/* The REASON of the OBSERVER_GONE that the notary hears; "" where it has none. */
static const char *
reason(void)
{
	static char text[32];
	struct message m;

	(void)notary_gets(MESSAGE_OBSERVER_GONE, &m);
	text[0] = '\0';
	if (message_has(&m, FIELD_REASON))
		assert_int_equal(message_text(&m, FIELD_REASON, text, sizeof(text)), ERR_OK);
	return text;
}

static void
it_runs_and_is_started_again_with_pauses(void **state)
{
	static const uint64_t wait_ms[] = { 0, 50, 100, 200, 400 };
	size_t i;

	(void)state;
	add_with("");
	run();
	assert_true(o->has_cursor && o->cursor == 5);
	pass_ms(CHILD_PROVEN_MS);
	pong();
	for (i = 0; i < COUNT_OF(wait_ms); i++) {
		if (i > 0)
			assert_int_equal(told(projector.end, NULL), MESSAGE_PROJECTOR_SETUP);
		end(&module, true, SIGSEGV);
		assert_int_equal(told(projector.end, NULL), MESSAGE_STOP);
		assert_int_equal(o->state, OBSERVER_WAITING);
		end_rest();
		if (wait_ms[i] > 0) {
			pass_ms(wait_ms[i] - 1);
			assert_int_equal(module.starts, i + 1);
			pass_ms(1);
		}
		assert_int_equal(module.starts, i + 2);
		assert_int_equal(o->state, OBSERVER_STARTING);
	}
	/* Where there is no notary it waits, and goes on when one comes. */
	notary_is_there = false;
	end(&module, true, SIGSEGV);
	end_rest();
	pass_ms(20000);
	assert_int_equal(o->state, OBSERVER_WAITING);
	i = module.starts;
	notary_is_there = true;
	observer_start_all(&h);
	assert_int_equal(module.starts, i + 1);
}

/* ---- whose fault an end is ---- */

static void
m_signal(void)
{
	end(&module, true, SIGKILL);
}

static void
m_exit_1(void)
{
	end(&module, false, 1);
}

static void
m_exit_0(void)
{
	end(&module, false, 0);
}

static void
m_says_75(void)
{
	say_failed(&module, EXIT_TEMPORARY);
	end(&module, false, EXIT_TEMPORARY);
}

static void
m_says_76(void)
{
	say_failed(&module, EXIT_PROTOCOL);
	end(&module, false, EXIT_PROTOCOL);
}

static void
m_says_71(void)
{
	say_failed(&module, EXIT_OS);
	end(&module, false, EXIT_OS);
}

/* Its refusal is a record. */
static void
m_says_65(void)
{
	say_failed(&module, EXIT_DATA);
	end(&module, false, EXIT_DATA);
	assert_int_equal(o->state, OBSERVER_REFUSED);
	(void)notary_gets(MESSAGE_OPERATION, NULL);
}

static void
m_says_what_it_may_not(void)
{
	say_plain(&module, MESSAGE_STOP);
	end(&module, true, SIGKILL);
}

static void
m_hangs(void)
{
	pass_ms(20000);
	pass_ms(20000);
	assert_int_equal(module.kills, 1);
	end(&module, true, SIGKILL);
}

static void
p_signal(void)
{
	end(&projector, true, SIGKILL);
}

static void
p_exit_0(void)
{
	end(&projector, false, 0);
}

static void
p_says_76(void)
{
	say_failed(&projector, EXIT_PROTOCOL);
	end(&projector, false, EXIT_PROTOCOL);
}

static void
p_says_71(void)
{
	say_failed(&projector, EXIT_OS);
	end(&projector, false, EXIT_OS);
}

static void
p_signal_seen_later(void)
{
	m_says_75();
	end(&projector, true, SIGKILL);
}

static void
told_to_end(void)
{
	observer_enter(o, OBSERVER_DISABLED, "");
	end(&module, true, SIGTERM);
}

static void
an_end_is_told_as_what_it_is(void **state)
{
	static const struct {
		const char *rule;
		void (*act)(void);
		const char *want;
	} rows[] = {
		{ "it is killed by somebody", m_signal, "died" },
		{ "it ends with 1", m_exit_1, "died" },
		{ "it ends with 0, as after a report", m_exit_0, "died" },
		{ "it says that its projector has ended, which has not", m_says_75, "died" },
		{ "it says that its projector speaks nonsense", m_says_76, "died" },
		{ "it says that the system has failed", m_says_71, "died" },
		{ "it says what a person must mend, and is refused", m_says_65, "" },
		{ "it says what it may not", m_says_what_it_may_not, "died" },
		{ "it does not answer", m_hangs, "hung" },
		{ "its projector is killed by somebody", p_signal, "" },
		{ "the same, and it is seen to end first", p_signal_seen_later, "" },
		{ "its projector has lost it", p_exit_0, "died" },
		{ "its projector says that it speaks nonsense", p_says_76, "died" },
		{ "its projector fails", p_says_71, "" },
		{ "it is told to end", told_to_end, "" },
	};
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		const char *got;

		add_with("");
		run();
		rows[i].act();
		end_rest();
		got = reason();
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: '%s'", rows[i].rule, got);
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
}

static void
what_ends_before_it_ran_has_not_trapped(void **state)
{
	(void)state;
	add_with("");
	begin();
	end(&module, true, SIGKILL);
	end_rest();
	assert_int_equal(told(notary_end, NULL), MESSAGE_NONE);
	begin();
	say_digest();
	(void)notary_gets(MESSAGE_OBSERVER, NULL);
	end(&module, true, SIGKILL);
	end_rest();
	assert_string_equal(reason(), "");
	pass_ms(50);
	assert_int_equal(told(projector.end, NULL), MESSAGE_PROJECTOR_SETUP);
	assert_int_equal(told(module.end, NULL), MESSAGE_OBSERVER_SETUP);
	/* Nor by its compiler, of which a refusal comes. */
	let_go();
	end(&module, true, SIGSEGV);
	end_rest();
	assert_string_equal(reason(), "");
}

/* ---- ends between GO and READY ---- */

/* To GO, by its own timer, which may have gone off already. */
static void
go_again(void)
{
	pass_ms(CHILD_BACKOFF_MAX_MS);
	assert_int_equal(o->state, OBSERVER_STARTING);
	assert_int_equal(told(projector.end, NULL), MESSAGE_PROJECTOR_SETUP);
	assert_int_equal(told(module.end, NULL), MESSAGE_OBSERVER_SETUP);
	let_go();
}

static void
m_abort(void)
{
	end(&module, true, SIGABRT);
}

static void
m_segv(void)
{
	end(&module, true, SIGSEGV);
}

static void
m_sys(void)
{
	end(&module, true, SIGSYS);
}

/* Its descriptors are closed first, and that is seen before it has ended. */
static void
p_sees_m_abort(void)
{
	end(&projector, false, EXIT_OK);
	end(&module, true, SIGABRT);
}

/* Gives how many ends it took, and what it is then refused for; 0: it is not. */
static unsigned int
fail_loads(void (*act)(void), unsigned int most)
{
	unsigned int i;

	for (i = 1; i <= most; i++) {
		act();
		end_rest();
		assert_string_equal(reason(), ""); /* in no case a trap */
		if (o->state == OBSERVER_REFUSED)
			return i;
		go_again();
	}
	return 0;
}

/* The word of the refusal, and its record. */
static bool
is_refused_for(const char *word)
{
	struct bytes json;
	struct message m;
	char want[64];

	(void)notary_gets(MESSAGE_OPERATION, &m);
	json = message_bytes(&m, FIELD_JSON);
	(void)snprintf(want, sizeof(want), "\"reason\":\"%s\"", word);
	return memmem(json.data, json.size, want, strlen(want)) != NULL &&
	       strncmp(o->why, word, strlen(word)) == 0;
}

static void
an_end_before_it_is_loaded_is_refused(void **state)
{
	static const struct {
		const char *rule;
		void (*act)(void);
		unsigned int want;
		const char *word;
	} rows[] = {
		{ "its compiler has no memory", m_abort, 1, "compile_memory" },
		{ "the same, and its projector sees it first", p_sees_m_abort, 1,
		  "compile_memory" },
		{ "its compiler fails", m_segv, 1, "compile_died" },
		{ "it calls what it may not", m_sys, 1, "compile_died" },
		{ "it is killed by somebody", m_signal, OBSERVER_LOADS_MAX, "load_failed" },
		{ "it ends with 1", m_exit_1, OBSERVER_LOADS_MAX, "load_failed" },
		{ "it ends with 0", m_exit_0, OBSERVER_LOADS_MAX, "load_failed" },
		{ "it says that the system has failed", m_says_71, OBSERVER_LOADS_MAX,
		  "load_failed" },
		{ "it says what it may not", m_says_what_it_may_not, OBSERVER_LOADS_MAX,
		  "load_failed" },
		{ "its projector has lost it", p_exit_0, OBSERVER_LOADS_MAX, "load_failed" },
		{ "its projector is killed by somebody", p_signal, 0, NULL },
		{ "its projector fails", p_says_71, 0, NULL },
	};
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		unsigned int got;

		add_with("");
		begin();
		let_go();
		got = fail_loads(rows[i].act, 3 * OBSERVER_LOADS_MAX);
		if (got != rows[i].want || (got > 0 && !is_refused_for(rows[i].word)))
			fail_msg("%s: %u, %s", rows[i].rule, got, o->why);
		if (got > 0) {
			pass_ms(100000);
			assert_int_equal(o->state, OBSERVER_REFUSED);
			assert_int_equal(module.starts, got);
		}
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
}

/* What was loaded once can be compiled: then an end is somebody else's doing, for a while. */
static void
one_that_was_loaded_is_tried_again(void **state)
{
	(void)state;
	add_with("");
	run();
	m_abort();
	end_rest();
	assert_string_equal(reason(), "died");
	go_again();
	assert_int_equal(fail_loads(m_abort, OBSERVER_LOADS_MAX - 1), 0);
	say_plain(&module, MESSAGE_READY);
	m_signal();
	end_rest();
	assert_string_equal(reason(), "died");
	go_again();
	assert_int_equal(fail_loads(m_abort, 2 * OBSERVER_LOADS_MAX), OBSERVER_LOADS_MAX);
	assert_true(is_refused_for("load_failed"));
	/* A person has changed something: nothing is known of it. */
	observer_again(o, "");
	assert_int_equal(told(projector.end, NULL), MESSAGE_PROJECTOR_SETUP);
	assert_int_equal(told(module.end, NULL), MESSAGE_OBSERVER_SETUP);
	let_go();
	assert_int_equal(fail_loads(m_abort, OBSERVER_LOADS_MAX), 1);
	assert_true(is_refused_for("compile_memory"));
}

/* It was ready, which is read after its projector's end. */
static void
ready_counts_also_where_it_is_told_to_end(void **state)
{
	(void)state;
	add_with("");
	begin();
	let_go();
	p_exit_0();
	say_plain(&module, MESSAGE_READY);
	m_signal();
	assert_string_equal(reason(), "died");
	assert_int_equal(o->failed_loads, 0);
}

/* ---- limits ---- */

static void
one_that_compiles_too_long_is_refused(void **state)
{
	struct message m;

	(void)state;
	add_with("");
	begin();
	pass_ms(30000);
	let_go();
	pass_ms(2000 + OBSERVER_START_MS - 1);
	assert_int_equal(module.kills, 0);
	pass_ms(1);
	assert_int_equal(module.kills, 1);
	end(&module, true, SIGKILL);
	assert_int_equal(o->state, OBSERVER_REFUSED);
	assert_non_null(strstr(o->why, "compile_time: "));
	(void)notary_gets(MESSAGE_OPERATION, &m);
	end_rest();
	assert_string_equal(reason(), "");
	pass_ms(100000);
	assert_int_equal(module.starts, 1);
}

static void
it_is_pinged_each_second_and_killed_when_it_hangs(void **state)
{
	unsigned int i;

	(void)state;
	add_with("");
	run();
	for (i = 0; i < 10; i++) {
		pong();
		pass_ms(OBSERVER_PING_MS);
	}
	assert_int_equal(told(module.end, NULL), MESSAGE_PING);
	/* One is not answered: the next are not sent, and its time runs. */
	for (i = 0; i < 5; i++)
		pass_ms(1000);
	assert_int_equal(told(module.end, NULL), MESSAGE_NONE);
	assert_int_equal(module.kills, 0);
	pass_ms(1000);
	assert_int_equal(module.kills, 1);
}

static void
who_adds_one_does_not_wait_for_ever(void **state)
{
	(void)state;
	add_with("");
	o->is_new = true;
	o->asked_id = 7;
	o->asked_generation = 1;
	loop_timer_set(h.loop, &o->asked_limit, now_ns + OBSERVER_ASK_MS * MS);
	begin();
	let_go();
	say_plain(&module, MESSAGE_READY);
	pong();
	pass_ms(OBSERVER_ASK_MS - 1);
	assert_int_equal(answered, -1);
	pass_ms(1);
	assert_int_equal(answered, EXIT_TEMPORARY);
	assert_false(o->is_new);
}

static void
who_adds_one_hears_that_its_database_is_away(void **state)
{
	(void)state;
	add_with("");
	o->is_new = true;
	o->asked_id = 7;
	o->asked_generation = 1;
	begin();
	let_go();
	say_plain(&module, MESSAGE_READY);
	say_plain(&projector, MESSAGE_READY);
	say_database("away");
	assert_int_equal(o->state, OBSERVER_AWAY);
	assert_int_equal(answered, EXIT_OK);
	assert_string_equal(answer, "its database is away: nobody listens");
}

static struct observer *
add_named(const char *name)
{
	char text[512];
	struct config_observer manifest;
	struct config_failure why;
	struct observer_refusal refusal;

	(void)snprintf(text, sizeof(text), "name: %s\nmodule: %s/m.wasm\ndigest: sha256:%064d\n",
		       name, top, 0);
	assert_int_equal(
		config_observer_read("m", text, strlen(text), h.config.data, &manifest, &why),
		ERR_OK);
	return observer_add(&h, &manifest, false, &refusal);
}

static void
they_stand_by_name(void **state)
{
	static const char *const names[] = { "m", "z", "b", "n", "a" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(names); i++)
		assert_non_null(add_named(names[i]));
	for (o = h.observers; o->next != NULL; o = o->next)
		assert_true(strcmp(o->manifest.name, o->next->manifest.name) < 0);
	assert_string_equal(h.observers->manifest.name, "a");
	assert_string_equal(o->manifest.name, "z");
}

static void
one_that_is_refused_goes_and_then_its_adder_hears_it(void **state)
{
	struct observer_refusal why;
	struct message m;
	char path[128];
	uint64_t id;

	(void)state;
	add_with("");
	assert_true(observer_keep(o, &why));
	(void)snprintf(path, sizeof(path), "%s/observers/o", h.config.data);
	assert_int_equal(access(path, F_OK), 0);
	o->is_new = true;
	o->asked_id = 7;
	o->asked_generation = 1;
	begin();
	let_go();
	message_init(&m, MESSAGE_OBSERVER_REFUSED, 0);
	message_set_text(&m, FIELD_REASON, "import_wasi");
	message_set_text(&m, FIELD_TEXT, "no\x1b");
	say(&module, &m);
	assert_int_equal(o->state, OBSERVER_REFUSED);
	id = notary_gets(MESSAGE_OPERATION, &m);
	end(&module, false, 0);
	end(&projector, false, 0);
	assert_string_equal(reason(), "");
	assert_int_equal(answered, -1);
	notary_says(id, EXIT_OK);
	assert_int_equal(answered, EXIT_DATA);
	assert_string_equal(answer, "import_wasi: no\\x1b");
	assert_null(h.observers);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* ---- traps ---- */

static void
after_a_trap_it_ends_by_itself_or_is_ended(void **state)
{
	(void)state;
	add_with("on_trap: stop\n");
	run();
	trapped("struck", 1);
	assert_int_equal(o->state, OBSERVER_RUNNING);
	assert_true(o->strikes == 1);
	end(&module, false, 0);
	assert_int_equal(o->state, OBSERVER_STOPPED);
	assert_non_null(strstr(o->why, "trap Panic, strike 1 of 3; operations record 9"));
	end_rest();
	assert_string_equal(reason(), "died");
	pass_ms(100000);
	assert_int_equal(module.starts, 1);
	/* One that was taken over may report and go on: not for long. */
	observer_again(o, "");
	run();
	trapped("struck", 2);
	for (unsigned int i = 0; i < OBSERVER_LAST_MS / OBSERVER_PING_MS - 1; i++) {
		pong();
		pass_ms(OBSERVER_PING_MS);
	}
	assert_int_equal(o->state, OBSERVER_RUNNING);
	pong();
	pass_ms(OBSERVER_PING_MS);
	pong();
	pass_ms(OBSERVER_PING_MS);
	assert_int_equal(o->state, OBSERVER_STOPPED);
	end_rest();
}

static void
a_quarantined_one_does_not_run(void **state)
{
	(void)state;
	add_with("on_trap: stop\n");
	run();
	trapped("quarantined", 3);
	end(&module, false, 0);
	assert_int_equal(o->state, OBSERVER_QUARANTINED);
	end_rest();
	(void)reason();
	pass_ms(100000);
	assert_int_equal(module.starts, 1);
	/* A word that comes late changes nothing. */
	trapped("struck", 3);
	assert_int_equal(o->state, OBSERVER_QUARANTINED);
	/* The notary says it too, of one that is started anew. */
	observer_again(o, "");
	begin();
	say_digest();
	notary_says(notary_gets(MESSAGE_OBSERVER, NULL), EXIT_NO_PERMISSION);
	assert_int_equal(o->state, OBSERVER_QUARANTINED);
	end_rest();
	assert_string_equal(reason(), "");
}

/* The notary's word of the process before comes while its digest is under way. */
static void
what_it_said_before_it_was_told_to_end_is_no_fault(void **state)
{
	(void)state;
	add_with("");
	run();
	end(&module, true, SIGKILL);
	end_rest();
	(void)reason();
	pass_ms(CHILD_BACKOFF_MAX_MS);
	assert_int_equal(o->state, OBSERVER_STARTING);
	trapped("quarantined", 3);
	assert_int_equal(o->state, OBSERVER_QUARANTINED);
	assert_true(child_exists(&o->module));
	say_digest();
	assert_int_equal(module.kills, 0);
	assert_int_equal(told(notary_end, NULL), MESSAGE_NONE);
	end_rest();
	assert_int_equal(o->state, OBSERVER_QUARANTINED);
}

static void
where_it_cannot_be_recorded_now_it_is_tried_again(void **state)
{
	(void)state;
	add_with("");
	begin();
	say_digest();
	notary_says(notary_gets(MESSAGE_OBSERVER, NULL), EXIT_TEMPORARY);
	assert_int_equal(o->state, OBSERVER_WAITING);
	end_rest();
	(void)reason();
	assert_int_equal(module.starts, 2);
	assert_int_equal(failed_code, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(it_runs_and_is_started_again_with_pauses),
		T(an_end_is_told_as_what_it_is),
		T(what_ends_before_it_ran_has_not_trapped),
		T(an_end_before_it_is_loaded_is_refused),
		T(one_that_was_loaded_is_tried_again),
		T(ready_counts_also_where_it_is_told_to_end),
		T(one_that_compiles_too_long_is_refused),
		T(it_is_pinged_each_second_and_killed_when_it_hangs),
		T(who_adds_one_does_not_wait_for_ever),
		T(who_adds_one_hears_that_its_database_is_away),
		T(they_stand_by_name),
		T(one_that_is_refused_goes_and_then_its_adder_hears_it),
		T(after_a_trap_it_ends_by_itself_or_is_ended),
		T(a_quarantined_one_does_not_run),
		T(what_it_said_before_it_was_told_to_end_is_no_fault),
		T(where_it_cannot_be_recorded_now_it_is_tried_again),
#undef T
	};

	return cmocka_run_group_tests_name("observer", tests, NULL, NULL);
}
