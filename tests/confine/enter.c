/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Both sides of a child's first seconds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enter.h"
#include "unit.h"

static void
touch(const char *path, mode_t mode)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "content\n", 8), 8);
	(void)close(fd);
}

void
place_make(struct place *p)
{
	*p = (struct place){ .path = "/tmp/hark-confine-XXXXXX" };
	assert_non_null(mkdtemp(p->path));
	(void)snprintf(p->evidence, sizeof(p->evidence), "%s/evidence", p->path);
	(void)snprintf(p->operations, sizeof(p->operations), "%s/operations", p->path);
	(void)snprintf(p->file, sizeof(p->file), "%s/file", p->path);
	(void)snprintf(p->fresh, sizeof(p->fresh), "%s/fresh", p->path);
	(void)snprintf(p->key, sizeof(p->key), "%s/evidence.key", p->path);
	assert_int_equal(mkdir(p->evidence, 0700), 0);
	assert_int_equal(mkdir(p->operations, 0700), 0);
	/* Open to everybody: it is not the mode that refuses. */
	assert_int_equal(chmod(p->path, 0777), 0);
	touch(p->file, 0666);
	assert_int_equal(chmod(p->file, 0666), 0);
	touch(p->key, 0600);
	(void)snprintf(p->leaf, sizeof(p->leaf), "%s/leaf", p->evidence);
	(void)snprintf(p->more, sizeof(p->more), "%s/more", p->evidence);
	touch(p->leaf, 0600);
}

void
place_remove(struct place *p)
{
	if (unlink(p->fresh) != 0)
		(void)rmdir(p->fresh);
	(void)unlink(p->file); /* an act may have removed it */
	assert_int_equal(unlink(p->key), 0);
	(void)unlink(p->leaf);
	(void)unlink(p->more);
	assert_int_equal(rmdir(p->evidence), 0);
	assert_int_equal(rmdir(p->operations), 0);
	assert_int_equal(rmdir(p->path), 0);
}

/* ---- harkd's side -------------------------------------------------------------------------- */

bool
enter_is_projector(enum role_name role)
{
	return role == ROLE_PROJECTOR || role == ROLE_PROJECTOR_CLIENT;
}

enum message_type
enter_setup_type(enum role_name role)
{
	static const enum message_type types[ROLE_COUNT] = {
		[ROLE_CONTROL] = MESSAGE_CONTROL_SETUP,
		[ROLE_RECEIVER] = MESSAGE_RECEIVER_SETUP,
		[ROLE_NOTARY] = MESSAGE_NOTARY_SETUP,
		[ROLE_SIGNER] = MESSAGE_SIGNER_SETUP,
		[ROLE_OBSERVER] = MESSAGE_OBSERVER_SETUP,
		[ROLE_PROJECTOR] = MESSAGE_PROJECTOR_SETUP,
		[ROLE_PROJECTOR_CLIENT] = MESSAGE_PROJECTOR_SETUP,
	};

	return types[role];
}

/* Which of the setup's descriptors is its directory. */
static size_t
enter_directory(enum role_name role)
{
	return role == ROLE_OBSERVER ? 1 : 0;
}

/* As harkd gives a projector its folder, which is never root. */
static void
give(const struct place *p)
{
	if (geteuid() != 0 || p->stays_roots)
		return;
	assert_int_equal(chown(p->evidence, 65534, 65534), 0);
	assert_int_equal(chown(p->leaf, 65534, 65534), 0);
}

void
enter_send_setup(int fd, enum role_name role, const struct place *p)
{
	static const enum message_field numbers[] = { FIELD_CLEAN,       FIELD_COMMIT_US,
						      FIELD_BATCH_BYTES, FIELD_SEGMENT_BYTES,
						      FIELD_TICK_MS,     FIELD_CHECKPOINT_MS };
	static const size_t descriptors[ROLE_COUNT] = {
		[ROLE_CONTROL] = 1,  [ROLE_NOTARY] = 4,    [ROLE_SIGNER] = 1,
		[ROLE_OBSERVER] = 3, [ROLE_PROJECTOR] = 4, [ROLE_PROJECTOR_CLIENT] = 4
	};
	struct message m;
	size_t i;

	if (enter_is_projector(role))
		give(p);
	message_init(&m, enter_setup_type(role), 0);
	message_set_number(&m, FIELD_CONFINE, 1);
	if (role == ROLE_RECEIVER)
		message_set_number(&m, FIELD_INCARNATION, 7);
	if (role == ROLE_SIGNER) {
		message_set_number(&m, FIELD_LEDGER, PROTO_EVIDENCE);
		message_set_text(&m, FIELD_ORIGIN, "host/evidence");
	}
	if (role == ROLE_NOTARY) {
		message_set_text(&m, FIELD_HOST, "host");
		for (i = 0; i < COUNT_OF(numbers); i++)
			message_set_number(&m, numbers[i], 1);
	}
	if (role >= ROLE_OBSERVER) {
		message_set_text(&m, FIELD_OBSERVER, "o");
		message_set_text(&m, FIELD_ORIGIN, "host/evidence");
		message_set_bytes(&m, FIELD_OPTIONS, "", 0);
	}
	m.fd_count = descriptors[role];
	for (i = 0; i < m.fd_count; i++) {
		/* An observer's first is its module, which may belong to anybody. */
		m.fds[i] =
			role == ROLE_OBSERVER && i != enter_directory(role)
				? open("/dev/null", O_RDONLY | O_CLOEXEC)
				: open(role == ROLE_NOTARY && i == 1 ? p->operations : p->evidence,
				       O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(m.fds[i] >= 0);
	}
	assert_int_equal(message_send(fd, &m), ERR_OK);
	message_close(&m);
}

/* ---- the child's side ---------------------------------------------------------------------- */

/* As hark-projector does, in two steps. */
static enum err
confine_client(const struct message *m, enum depth depth, struct role_report *report)
{
	static const uint16_t ports[] = { ENTER_PORT, ENTER_PORT_DNS };
	struct role_reach reach = { .ports = ports, .port_count = 2 };
	enum err e;

	e = role_confine_reaching(ROLE_PROJECTOR_CLIENT, m->fds, 2, &reach, false, report);
	reach.port_count = depth == AT_TCP;
	reach.unix_sockets = depth == AT_UNIX;
	if (e == ERR_OK && depth != LOOKING)
		e = role_client_end(m->fds, 2, &reach, report);
	return e;
}

void
enter_role(enum role_name role, enum depth depth, const struct place *p, struct acts *a)
{
	static char buffer[IPC_BYTES_MAX];
	struct role_report report;
	struct message m = { 0 };
	size_t first = enter_directory(role);
	size_t directories = role == ROLE_NOTARY || enter_is_projector(role) ? 2
			     : role == ROLE_OBSERVER                         ? 1
									     : 0;
	int code = 0;

	/* A client is one only after its setup was read. */
	if (role_begin(enter_is_projector(role) ? ROLE_PROJECTOR : role, "unit-role", &code) !=
	    ERR_OK)
		_exit(ENTER_BROKE);
	/* The twin stays who it is, and reads the message by itself. */
	if (depth != TWIN &&
	    role_setup(enter_setup_type(role), buffer, sizeof(buffer), &m, &code) != ERR_OK)
		_exit(ENTER_BROKE);
	while (depth == TWIN && m.type == MESSAGE_NONE) {
		if (message_receive(ROLE_SUPERVISOR_FD, buffer, sizeof(buffer), &m) == ERR_END)
			_exit(ENTER_BROKE);
	}
	*a = (struct acts){
		.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.directory = m.fd_count > 0 ? m.fds[first] : open(p->evidence, O_PATH | O_CLOEXEC),
		.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0),
		.file = p->file,
		.fresh = p->fresh,
		.key = p->key,
	};
	if (a->socket < 0 || a->page == MAP_FAILED)
		_exit(ENTER_BROKE);
	if (depth == TWIN)
		return;
	if (depth >= LOOKING) {
		if (confine_client(&m, depth, &report) != ERR_OK)
			_exit(ENTER_BROKE);
		return;
	}
	if (role_confine(role, m.fds + first, directories, false, &report) != ERR_OK ||
	    (depth == THREADS_ENDED && role_threads_end() != ERR_OK))
		_exit(ENTER_BROKE);
}

pid_t
enter_fork(enter_fn *fn, void *ctx, int *channel_out)
{
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (pair[0] != ROLE_SUPERVISOR_FD &&
		    dup2(pair[0], ROLE_SUPERVISOR_FD) != ROLE_SUPERVISOR_FD)
			_exit(ENTER_BROKE);
		/* Where the other end is 3 it has just been closed by that. */
		if (pair[1] != ROLE_SUPERVISOR_FD)
			(void)close(pair[1]);
		fn(ctx);
		_exit(0);
	}
	(void)close(pair[0]);
	*channel_out = pair[1];
	return pid;
}

int
enter_wait(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return -WTERMSIG(status);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != ENTER_BROKE);
	return WEXITSTATUS(status);
}

/* One act of a child. */
struct trial {
	enum role_name role;
	enum depth depth;
	const struct place *place;
	act_fn *act;
};

static void
try_inside(void *ctx)
{
	const struct trial *t = ctx;
	struct acts a;

	enter_role(t->role, t->depth, t->place, &a);
	_exit(t->act(&a));
}

int
enter_try(enum role_name role, enum depth depth, act_fn *act)
{
	struct place p;
	struct trial t = { .role = role, .depth = depth, .place = &p, .act = act };
	int channel = -1;
	int outcome;
	pid_t pid;

	place_make(&p);
	pid = enter_fork(try_inside, &t, &channel);
	enter_send_setup(channel, role, &p);
	outcome = enter_wait(pid);
	(void)close(channel);
	place_remove(&p);
	return outcome;
}
