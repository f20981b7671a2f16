/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What of harkd an observer's files call, and is not of the test, is empty here. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "observer_rig.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/memfd.h"
#include "os/packet.h"
#include "prog/exit.h"

struct rig rig;
static char top[64];
static uint8_t bytes[IPC_BYTES_MAX];

enum err __wrap_spawn_start(const char *path, char *const argv[], int channel, pid_t *pid_out,
			    int *pidfd_out);
enum err __wrap_spawn_reap(int pidfd, struct spawn_end *out);
enum err __wrap_spawn_signal(int pidfd, int number);
enum err __wrap_spawn_used(pid_t pid, struct spawn_use *out);

enum err
__wrap_spawn_start(const char *path, char *const argv[], int channel, pid_t *pid_out,
		   int *pidfd_out)
{
	struct rig_process *p =
		strcmp(argv[0], "hark-observer") == 0 ? &rig.module : &rig.projector;

	assert_int_equal(strncmp(path, "/programs/hark-", 15), 0);
	file_close(&p->end);
	p->starts++;
	p->has_ended = false;
	p->end = fcntl(channel, F_DUPFD_CLOEXEC, 0);
	p->pidfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(p->end >= 0 && p->pidfd >= 0);
	*pid_out = p == &rig.module ? 1000 : 1001;
	p->use = (struct spawn_use){ 0, false };
	*pidfd_out = p->pidfd;
	return ERR_OK;
}

static struct rig_process *
process_of(int pidfd)
{
	return pidfd == rig.module.pidfd ? &rig.module : &rig.projector;
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

enum err
__wrap_spawn_used(pid_t pid, struct spawn_use *out)
{
	assert_int_equal(pid, 1000);
	*out = rig.module.use;
	return ERR_OK;
}

/* ---- what stands around it ---- */

void
life_fail(struct harkd *harkd, int code, const char *format, ...)
{
	(void)harkd;
	(void)format;
	rig.failed_code = code;
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
	return rig.notary_is_there;
}

void
answer_message(struct harkd *harkd, uint64_t generation, struct message *m)
{
	struct bytes text = message_bytes(m, FIELD_TEXT);

	(void)harkd;
	(void)generation;
	(void)snprintf(rig.note, sizeof(rig.note), "%.*s", (int)text.size,
		       text.size > 0 ? (const char *)text.data : "");
	message_close(m);
}

void
answer_done(struct harkd *harkd, uint64_t id, uint64_t generation, int code, const char *text)
{
	(void)harkd;
	assert_true(id == 7 && generation == 1 && rig.answered == -1);
	rig.answered = code;
	(void)snprintf(rig.answer, sizeof(rig.answer), "%s", text);
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
	return rig.now_ns;
}

void
rig_commit(uint64_t size)
{
	const struct page_state state = { .committed_size = size };
	struct page *page = NULL;

	assert_int_equal(page_map_writer(rig.harkd.ledgers[PROTO_EVIDENCE].page_fd, &page), ERR_OK);
	page_publish(page, &state);
	page_unmap(page);
}

void
rig_turns(void)
{
	int i;

	for (i = 0; i < 4; i++)
		assert_int_equal(loop_turn(rig.harkd.loop, false), ERR_OK);
}

void
rig_pass_ms(uint64_t ms)
{
	rig.now_ns += ms * MS;
	rig_turns();
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

int
rig_set_up(void **state)
{
	static char libexec[] = "/programs";
	static char data[96];
	bool made;
	int pair[2];

	(void)state;
	memset(&rig.harkd, 0, sizeof(rig.harkd));
	rig.module = rig.projector = (struct rig_process){ .end = -1, .pidfd = -1 };
	rig.now_ns = 100000 * MS;
	(void)snprintf(top, sizeof(top), "/tmp/hark-unit-XXXXXX");
	if (mkdtemp(top) == NULL)
		return -1;
	(void)snprintf(data, sizeof(data), "%s/data", top);
	rig.harkd.config.data = data;
	rig.harkd.options.libexec = libexec;
	rig.harkd.life = LIFE_RUNNING;
	if (folder_make(AT_FDCWD, data, 0700, &made) != ERR_OK ||
	    folder_open_path(data, &rig.harkd.place.data_fd) != ERR_OK ||
	    folder_make(rig.harkd.place.data_fd, "evidence", 0700, &made) != ERR_OK ||
	    folder_make(rig.harkd.place.data_fd, "observers", 0700, &made) != ERR_OK ||
	    folder_open(rig.harkd.place.data_fd, "observers", &rig.harkd.place.observers_fd) !=
		    ERR_OK ||
	    memfd_make("page", PAGE_BYTES, &rig.harkd.ledgers[PROTO_EVIDENCE].page_fd) != ERR_OK ||
	    page_map_reader(rig.harkd.ledgers[PROTO_EVIDENCE].page_fd,
			    &rig.harkd.ledgers[PROTO_EVIDENCE].page) != ERR_OK)
		return -1;
	(void)snprintf(rig.harkd.ledgers[PROTO_EVIDENCE].origin, 32, "h/evidence");
	put_module();
	if (loop_create(test_clock, &rig.harkd.loop) != ERR_OK || packet_pair(pair) != ERR_OK)
		return -1;
	child_init(&rig.harkd.notary, &notary_kind, &rig.harkd);
	rig.harkd.notary.state = CHILD_RUNNING;
	rig.harkd.notary.channel = pair[0];
	rig.notary_end = pair[1];
	rig.notary_is_there = true;
	rig.answered = -1;
	rig.answer[0] = '\0';
	rig.failed_code = 0;
	rig.observer = NULL;
	return 0;
}

/* ---- its processes ---- */

int
rig_tear_down(void **state)
{
	char command[128];

	(void)state;
	rig.harkd.life = LIFE_ENDED;
	if (rig.harkd.observers != NULL && child_exists(&rig.harkd.observers->module))
		rig_end(&rig.module, false, 0);
	if (rig.harkd.observers != NULL && child_exists(&rig.harkd.observers->projector))
		rig_end(&rig.projector, false, 0);
	observer_forget_all(&rig.harkd);
	pending_fail_all(&rig.harkd);
	file_close(&rig.notary_end);
	file_close(&rig.harkd.notary.channel);
	file_close(&rig.module.end);
	file_close(&rig.projector.end);
	file_close(&rig.harkd.place.data_fd);
	file_close(&rig.harkd.place.observers_fd);
	page_unmap(rig.harkd.ledgers[PROTO_EVIDENCE].page);
	file_close(&rig.harkd.ledgers[PROTO_EVIDENCE].page_fd);
	loop_destroy(rig.harkd.loop);
	(void)snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command);
}

/* What the process was told next; NONE: nothing. */
enum message_type
rig_told(int fd, struct message *m)
{
	struct message own;

	if (m == NULL)
		m = &own;
	if (fd < 0 || message_receive(fd, bytes, sizeof(bytes), m) != ERR_OK)
		return MESSAGE_NONE;
	message_close(m);
	return m->type;
}

void
rig_say(struct rig_process *p, struct message *m)
{
	assert_int_equal(message_send(p->end, m), ERR_OK);
	rig_turns();
}

void
rig_say_plain(struct rig_process *p, enum message_type type)
{
	struct message m;

	message_init(&m, type, 0);
	rig_say(p, &m);
}

void
rig_say_failed(struct rig_process *p, int code)
{
	struct message m;

	message_init(&m, MESSAGE_FAILED, 0);
	message_set_number(&m, FIELD_CODE, (uint64_t)code);
	message_set_text(&m, FIELD_TEXT, "words");
	rig_say(p, &m);
}

void
rig_say_digest(void)
{
	static const uint8_t digest[32] = { 1, 2, 3 };
	struct message m;

	message_init(&m, MESSAGE_OBSERVER_DIGEST, 0);
	message_set_bytes(&m, FIELD_DIGEST, digest, sizeof(digest));
	rig_say(&rig.module, &m);
}

void
rig_say_database(const char *state)
{
	struct message m;

	message_init(&m, MESSAGE_PROJECTOR_STATE, 0);
	message_set_text(&m, FIELD_STATE, state);
	if (strcmp(state, "away") == 0)
		message_set_text(&m, FIELD_TEXT, "nobody listens");
	message_set_number(&m, FIELD_INDEX, 5);
	message_set_number(&m, FIELD_COUNT, 0);
	rig_say(&rig.projector, &m);
}

/* The notary hears this next, which gives its id. */
uint64_t
rig_notary_gets(enum message_type type, struct message *m)
{
	struct message own = { .id = 0 };

	if (m == NULL)
		m = &own;
	assert_int_equal(rig_told(rig.notary_end, m), type);
	return m->id;
}

void
rig_notary_says(uint64_t id, int code)
{
	struct message m;

	message_init(&m, MESSAGE_DONE, id);
	message_set_number(&m, FIELD_CODE, (uint64_t)code);
	pending_done(&rig.harkd, &m);
	rig_turns();
}

void
rig_trapped(const char *state, uint64_t count)
{
	struct message m;

	message_init(&m, MESSAGE_OBSERVER_TRAPPED, 0);
	message_set_text(&m, FIELD_OBSERVER, "o");
	message_set_number(&m, FIELD_CLASS, 0);
	message_set_number(&m, FIELD_COUNT, count);
	message_set_text(&m, FIELD_STATE, state);
	message_set_number(&m, FIELD_INDEX, 9);
	observer_hear_trapped(&rig.harkd, &m);
	rig_turns();
}

/* ---- its life ---- */

struct observer *
rig_add_named(const char *name, const char *more)
{
	char text[1024];
	struct config_observer manifest;
	struct config_failure why;
	struct observer_refusal refusal;

	(void)snprintf(text, sizeof(text),
		       "name: %s\nmodule: %s/m.wasm\ndigest: sha256:%064d\n"
		       "limits: {wall_ms: 1000, compile_ms: 2000}\n%s",
		       name, top, 0, more);
	assert_int_equal(config_observer_read("m", text, strlen(text), rig.harkd.config.data,
					      &manifest, &why),
			 ERR_OK);
	return observer_add(&rig.harkd, &manifest, false, &refusal);
}

void
rig_add_with(const char *more)
{
	rig.observer = rig_add_named("o", more);
	assert_non_null(rig.observer);
}

void
rig_begin(void)
{
	observer_begin(rig.observer);
	rig_turns();
	assert_int_equal(rig.observer->state, OBSERVER_STARTING);
	assert_int_equal(rig_told(rig.projector.end, NULL), MESSAGE_PROJECTOR_SETUP);
	assert_int_equal(rig_told(rig.module.end, NULL), MESSAGE_OBSERVER_SETUP);
}

void
rig_let_go(void)
{
	rig_say_digest();
	rig_notary_says(rig_notary_gets(MESSAGE_OBSERVER, NULL), EXIT_OK);
	assert_int_equal(rig_told(rig.module.end, NULL), MESSAGE_OBSERVER_GO);
}

void
rig_run(void)
{
	rig_begin();
	rig_let_go();
	rig_say_plain(&rig.module, MESSAGE_READY);
	rig_say_plain(&rig.projector, MESSAGE_READY);
	assert_int_equal(rig.observer->state, OBSERVER_STARTING);
	rig_say_database("ok");
	assert_int_equal(rig.observer->state, OBSERVER_RUNNING);
}

/* Answers what PINGs there are. */
void
rig_pong(void)
{
	struct message m;

	while (rig_told(rig.module.end, &m) == MESSAGE_PING) {
		struct message done;

		message_init(&done, MESSAGE_DONE, m.id);
		message_set_number(&done, FIELD_CODE, EXIT_OK);
		rig_say(&rig.module, &done);
	}
}

/* The REASON of the OBSERVER_GONE that the notary hears; "" where it has none. */
const char *
rig_reason(void)
{
	static char text[32];
	struct message m;

	(void)rig_notary_gets(MESSAGE_OBSERVER_GONE, &m);
	text[0] = '\0';
	if (message_has(&m, FIELD_REASON))
		assert_int_equal(message_text(&m, FIELD_REASON, text, sizeof(text)), ERR_OK);
	return text;
}
