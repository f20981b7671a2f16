/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A cell's listening socket: what may stand in its place, who owns it, who may connect.  It reads
 * no byte of a guest.
 *
 * Everything is done through two descriptors, the directory's and the new inode's, so that a path
 * which changes meanwhile cannot lead elsewhere; the second also pins the inode, so that its number
 * stays ours until close.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "os/file.h"
#include "os/sock.h"
#include "telemetry/listener.h"
#include "telemetry/stream_internal.h"

/* As CellOS has it: <base>_9001. */
#define LISTENER_SUFFIX "_9001"
/* A VMM connects for a guest and waits in connect(2), with every port of its VM, while the backlog
 * is full: as long as Linux allows by default. */
#define LISTENER_BACKLOG 4096
/* Until mode and owner are set nobody else can connect. */
#define LISTENER_FIRST_MODE 0600u
/* What remains of the path in a failure's text. */
#define LISTENER_SHOWN_BYTES 112u

struct hark_listener {
	int fd;
	int dir_fd;
	int path_fd; /* the bound inode itself; -1 until it is known */
	bool bound;
	bool is_in_place; /* its storage is the caller's */
	bool require_peer_uid;
	uid_t peer_uid;
	uint32_t connections_max;
	struct connections *connections;
	struct file_info inode; /* of path_fd */
	char name[SOCK_NAME_BYTES_MAX + 1];
};

/* A listener in its caller's storage, and what it shares with its streams. */
struct adopted {
	struct hark_listener listener;
	struct connections connections;
};

static_assert(sizeof(struct adopted) <= LISTENER_PLACE_BYTES, "a listener is in its place");

/* The attempt to bind: what it is for, and where to say what is wrong. */
struct binding {
	const char *base;
	const struct hark_listener_options *options;
	struct hark_failure *why; /* may be NULL */
	struct hark_listener *l;
};

/* Says why and gives BIND.  system_error may be 0. */
__attribute__((format(printf, 3, 4))) static enum hark_telemetry_error
fail(const struct binding *b, int system_error, const char *format, ...)
{
	char shown[LISTENER_SHOWN_BYTES];
	char text[sizeof(b->why->text) - LISTENER_SHOWN_BYTES - 48];
	va_list arguments;

	if (b->why == NULL)
		return HARK_TELEMETRY_BIND;
	(void)text_escape(b->base, strlen(b->base), shown, sizeof(shown));
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	b->why->system_error = system_error;
	(void)snprintf(b->why->text, sizeof(b->why->text), "%s" LISTENER_SUFFIX ": %s%s%.*s", shown,
		       text, system_error != 0 ? ": " : "", 40,
		       system_error != 0 ? strerror(system_error) : "");
	return HARK_TELEMETRY_BIND;
}

/* ---- the place ----------------------------------------------------------------------------- */

/* Opens the directory and sets the name. */
static enum hark_telemetry_error
open_place(struct binding *b)
{
	const char *slash = strrchr(b->base, '/');
	const char *name = slash != NULL ? slash + 1 : b->base;
	size_t size = strlen(name) + strlen(LISTENER_SUFFIX);
	char *directory;
	enum err e;

	if (size > SOCK_NAME_BYTES_MAX)
		return fail(b, ENAMETOOLONG, "the file's name is %zu %s over what can be bound",
			    size - SOCK_NAME_BYTES_MAX,
			    text_counted(size - SOCK_NAME_BYTES_MAX, "byte", "bytes"));
	(void)snprintf(b->l->name, sizeof(b->l->name), "%s" LISTENER_SUFFIX, name);

	if (slash == NULL)
		directory = strdup(".");
	else if (slash == b->base)
		directory = strdup("/");
	else
		directory = strndup(b->base, (size_t)(slash - b->base));
	if (directory == NULL)
		return HARK_TELEMETRY_MEMORY;
	e = file_open_dir(directory, &b->l->dir_fd);
	free(directory);
	if (e != ERR_OK)
		return fail(b, errno, "its directory cannot be opened");
	return HARK_TELEMETRY_OK;
}

/* OK where nobody listens on the socket that path_fd stands for. */
static enum hark_telemetry_error
require_stale(const struct binding *b, int path_fd)
{
	cleanup(file_close) int probe = -1;
	enum err e = sock_open(&probe);

	if (e != ERR_OK)
		return fail(b, errno, "no socket can be made");
	e = sock_connect_path(probe, path_fd);
	if (e == ERR_REFUSED)
		return HARK_TELEMETRY_OK;
	if (e == ERR_OK || e == ERR_AGAIN)
		return fail(b, EADDRINUSE, "a live socket is there");
	return fail(b, errno, "a socket is there that cannot be tried");
}

/* Removes a stale socket from the place, and nothing else. */
static enum hark_telemetry_error
clear_place(const struct binding *b)
{
	cleanup(file_close) int path_fd = -1;
	struct file_info found;
	struct file_info now;
	enum hark_telemetry_error e;
	enum err r;

	r = file_open_path_at(b->l->dir_fd, b->l->name, &path_fd);
	if (r == ERR_MISSING)
		return HARK_TELEMETRY_OK;
	if (r != ERR_OK || file_stat(path_fd, &found) != ERR_OK)
		return fail(b, errno, "what is there cannot be looked at");
	if (found.kind != FILE_SOCKET)
		return fail(b, EEXIST, "%s is there", file_kind_text(found.kind));
	e = require_stale(b, path_fd);
	if (e != HARK_TELEMETRY_OK)
		return e;
	/* path_fd pins the inode: the same number is the same socket. */
	r = file_stat_at(b->l->dir_fd, b->l->name, &now);
	if (r == ERR_MISSING)
		return HARK_TELEMETRY_OK;
	if (r != ERR_OK)
		return fail(b, errno, "what is there cannot be looked at");
	if (!file_same(&found, &now))
		return fail(b, EEXIST, "what is there changes meanwhile");
	r = file_unlink_at(b->l->dir_fd, b->l->name);
	if (r != ERR_OK && r != ERR_MISSING)
		return fail(b, errno, "the stale socket there cannot be removed");
	return HARK_TELEMETRY_OK;
}

static enum hark_telemetry_error
bind_place(struct binding *b)
{
	struct hark_listener *l = b->l;
	enum hark_telemetry_error e;
	enum err r;

	r = sock_open(&l->fd);
	if (r != ERR_OK)
		return fail(b, errno, "no socket can be made");
	/* Linux creates the file with the socket's own mode, less the umask, which belongs to the
	 * process and is left alone. */
	r = file_set_mode(l->fd, LISTENER_FIRST_MODE);
	if (r != ERR_OK)
		return fail(b, errno, "the socket's mode cannot be set");
	r = sock_bind_at(l->fd, l->dir_fd, l->name);
	if (r == ERR_EXISTS) {
		e = clear_place(b);
		if (e != HARK_TELEMETRY_OK)
			return e;
		r = sock_bind_at(l->fd, l->dir_fd, l->name);
	}
	if (r != ERR_OK)
		return fail(b, errno, "it cannot be bound");
	l->bound = true;
	return HARK_TELEMETRY_OK;
}

/* ---- the new socket ------------------------------------------------------------------------ */

/* Finds the inode that bind has made: a socket, and made by us. */
static enum hark_telemetry_error
find_inode(struct binding *b)
{
	struct hark_listener *l = b->l;
	struct file_info own;
	struct file_info found;

	if (file_stat(l->fd, &own) != ERR_OK ||
	    file_open_path_at(l->dir_fd, l->name, &l->path_fd) != ERR_OK ||
	    file_stat(l->path_fd, &found) != ERR_OK)
		return fail(b, errno, "the new socket cannot be looked at");
	if (found.kind != FILE_SOCKET || found.uid != own.uid) {
		l->bound = false; /* what stands there is not ours to remove */
		return fail(b, EEXIST, "%s of another took its place", file_kind_text(found.kind));
	}
	l->inode = found;
	return HARK_TELEMETRY_OK;
}

static enum hark_telemetry_error
open_to_guests(struct binding *b)
{
	const struct hark_listener_options *o = b->options;
	struct hark_listener *l = b->l;
	struct file_info now;

	/* The owner first: a change of owner may take bits of the mode away. */
	if (o->set_owner && file_set_owner_path(l->path_fd, o->owner, o->group) != ERR_OK)
		return fail(b, errno, "the socket's owner cannot be set");
	if (file_set_mode_path(l->path_fd, o->mode) != ERR_OK)
		return fail(b, errno, "the socket's mode cannot be set");
	if (sock_listen(l->fd, LISTENER_BACKLOG) != ERR_OK)
		return fail(b, errno, "the socket cannot listen");
	/* Another listener that came between bind and listen took us for stale. */
	if (file_stat_at(l->dir_fd, l->name, &now) != ERR_OK)
		return fail(b, errno, "the new socket cannot be looked at");
	if (!file_same(&now, &l->inode))
		return fail(b, EEXIST, "another socket took its place");
	return HARK_TELEMETRY_OK;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void
remove_own(const struct hark_listener *l)
{
	struct file_info now;

	if (!l->bound || file_stat_at(l->dir_fd, l->name, &now) != ERR_OK)
		return;
	/* Where the inode is not known, binding failed in the moment after bind: a socket that
	 * stands there is the one just made. */
	if (l->path_fd >= 0 && l->inode.kind == FILE_SOCKET ? !file_same(&now, &l->inode)
							    : now.kind != FILE_SOCKET)
		return;
	/* Nobody can be told; the next listener finds it stale and replaces it. */
	(void)!file_unlink_at(l->dir_fd, l->name);
}

void
hark_listener_close(struct hark_listener *listener)
{
	int kept = errno;

	if (listener == NULL)
		return;
	remove_own(listener);
	file_close(&listener->fd);
	file_close(&listener->path_fd);
	file_close(&listener->dir_fd);
	connections_release(listener->connections);
	if (!listener->is_in_place)
		free(listener);
	errno = kept;
}

static void
listener_closep(struct hark_listener **listener)
{
	hark_listener_close(*listener);
}

/* Fills what is zeroed. */
static void
listener_fill(struct hark_listener *l, const struct hark_listener_options *options)
{
	l->fd = -1;
	l->dir_fd = -1;
	l->path_fd = -1;
	l->connections_max =
		options->connections_max != 0 ? options->connections_max : HARK_CONNECTIONS_MAX;
	l->require_peer_uid = options->require_peer_uid;
	l->peer_uid = options->peer_uid;
	l->inode.kind = FILE_OTHER;
}

static struct hark_listener *
listener_new(const struct hark_listener_options *options)
{
	struct hark_listener *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	listener_fill(l, options);
	l->connections = connections_create(NULL);
	if (l->connections == NULL) {
		hark_listener_close(l);
		return NULL;
	}
	return l;
}

static bool
arguments_are_right(const char *base, const struct hark_listener_options *options,
		    struct hark_listener **out)
{
	if (base == NULL || out == NULL || base[0] == '\0' || base[strlen(base) - 1] == '/')
		return false;
	return (options->mode & ~(mode_t)0777) == 0 &&
	       options->connections_max <= HARK_CONNECTIONS_MAX;
}

enum hark_telemetry_error
hark_listener_bind_for_cell(const char *base, const struct hark_listener_options *options,
			    struct hark_listener **out, struct hark_failure *why)
{
	static const struct hark_listener_options usual = { .mode = 0600 };
	cleanup(listener_closep) struct hark_listener *l = NULL;
	struct binding b = { .base = base, .options = options, .why = why };
	enum hark_telemetry_error e;

	if (b.options == NULL)
		b.options = &usual;
	if (why != NULL)
		*why = (struct hark_failure){ 0 };
	if (!arguments_are_right(base, b.options, out))
		return HARK_TELEMETRY_ARGUMENT;
	l = listener_new(b.options);
	if (l == NULL)
		return HARK_TELEMETRY_MEMORY;
	b.l = l;
	e = open_place(&b);
	if (e == HARK_TELEMETRY_OK)
		e = bind_place(&b);
	if (e == HARK_TELEMETRY_OK)
		e = find_inode(&b);
	if (e == HARK_TELEMETRY_OK)
		e = open_to_guests(&b);
	if (e != HARK_TELEMETRY_OK)
		return e;
	*out = steal(&l);
	return HARK_TELEMETRY_OK;
}

enum hark_telemetry_error
listener_adopt(struct listener_place *place, int *fd, const struct hark_listener_options *options,
	       struct hark_listener **out)
{
	struct adopted *a = (struct adopted *)(void *)place;
	struct hark_listener *l;

	MUST(place != NULL && fd != NULL && options != NULL && out != NULL);
	MUST(options->connections_max <= HARK_CONNECTIONS_MAX);

	if (sock_check_listener(*fd) != ERR_OK)
		return HARK_TELEMETRY_ARGUMENT;
	l = &a->listener;
	*l = (struct hark_listener){ 0 };
	listener_fill(l, options);
	l->is_in_place = true;
	l->connections = connections_create(&a->connections);
	l->fd = *fd;
	*fd = -1;
	*out = l;
	return HARK_TELEMETRY_OK;
}

int
hark_listener_fd(const struct hark_listener *listener)
{
	return listener == NULL ? -1 : listener->fd;
}

/* ---- accepting ----------------------------------------------------------------------------- */

enum hark_telemetry_error
hark_listener_accept(struct hark_listener *listener, struct hark_stream **out,
		     struct hark_rejection *rejection)
{
	cleanup(file_close) int fd = -1;
	struct sock_peer who;
	struct hark_peer peer;
	enum err e;

	if (listener == NULL || out == NULL || rejection == NULL)
		return HARK_TELEMETRY_ARGUMENT;
	e = sock_accept(listener->fd, &fd);
	if (e == ERR_AGAIN)
		return HARK_TELEMETRY_AGAIN;
	if (e != ERR_OK || sock_get_peer(fd, &who) != ERR_OK)
		return HARK_TELEMETRY_SYSTEM;
	peer = (struct hark_peer){ .pid = who.pid, .uid = who.uid, .gid = who.gid };
	if (listener->require_peer_uid && peer.uid != listener->peer_uid) {
		*rejection = (struct hark_rejection){ HARK_REJECT_PEER_REFUSED, HARK_FIELD_NONE };
		return HARK_TELEMETRY_REFUSED;
	}
	if (atomic_load(&listener->connections->open) >= listener->connections_max) {
		*rejection = (struct hark_rejection){ HARK_REJECT_TOO_MANY_CONNECTIONS,
						      HARK_FIELD_NONE };
		return HARK_TELEMETRY_REFUSED;
	}
	if (stream_create(&fd, &peer, listener->connections, out) != ERR_OK)
		return HARK_TELEMETRY_MEMORY;
	return HARK_TELEMETRY_OK;
}
