/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A directory of one's own for a cell's socket, and a guest that connects to it. */
#ifndef TESTS_UNIT_TELEMETRY_CELL_H
#define TESTS_UNIT_TELEMETRY_CELL_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <hark/telemetry.h>

#include "unit.h"

struct cell {
	char directory[128];
	char base[160];   /* directory/cell */
	char socket[192]; /* directory/cell_9001 */
};

static inline void
cell_open(struct cell *c)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(c->directory, sizeof(c->directory), "%.80s/hark-unit-XXXXXX",
		       tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(c->directory));
	(void)snprintf(c->base, sizeof(c->base), "%s/cell", c->directory);
	(void)snprintf(c->socket, sizeof(c->socket), "%s_9001", c->base);
}

/* Nothing may be left in it. */
static inline void
cell_close(struct cell *c)
{
	if (rmdir(c->directory) != 0)
		fail_msg("%s is not empty", c->directory);
}

static inline int
cell_socket(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static inline struct sockaddr_un
cell_address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	assert_true(strlen(path) < sizeof(a.sun_path));
	strcpy(a.sun_path, path);
	return a;
}

/* A socket at the path that somebody else has bound. */
static inline int
cell_bind_other(const char *path, int type, int backlog)
{
	struct sockaddr_un a = cell_address(path);
	int fd = cell_socket(type);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (backlog > 0)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

/* A guest's connection to the path. */
static inline int
cell_connect(const char *path)
{
	struct sockaddr_un a = cell_address(path);
	int fd = cell_socket(SOCK_STREAM);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static inline ino_t
cell_inode(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static inline size_t
cell_count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		count++;
	(void)closedir(d);
	return count;
}

/* A guest and the stream that the host has of it. */
static inline int
cell_pair(struct hark_listener *l, const char *path, struct hark_stream **out)
{
	struct hark_rejection why;
	int guest = cell_connect(path);

	assert_int_equal(hark_listener_accept(l, out, &why), HARK_TELEMETRY_OK);
	return guest;
}

static inline struct hark_listener *
cell_listen(const struct cell *c)
{
	struct hark_failure why;
	struct hark_listener *l = NULL;

	if (hark_listener_bind_for_cell(c->base, NULL, &l, &why) != HARK_TELEMETRY_OK)
		fail_msg("%s", why.text);
	return l;
}

/*
 * The stand-in for the decoder where a test is about bytes, time and connections, and not about
 * what frames say: a body that begins with ff is refused, with fe is of another version; any other
 * is a declaration whose source is the body.
 */
#define CELL_STAND_IN_DECODER                                                                      \
	enum hark_telemetry_error hark_decode_frame(                                               \
		struct hark_wire_session *session, const void *body, size_t size,                  \
		struct hark_guest_declaration *out, struct hark_rejection *rejection)              \
	{                                                                                          \
		const uint8_t *first = body;                                                       \
                                                                                                   \
		assert_true(session != NULL && size >= 1 && size <= HARK_MAX_FRAME_BYTES);         \
		if (*first == 0xff || *first == 0xfe) {                                            \
			*rejection = (struct hark_rejection){ *first == 0xff                       \
								      ? HARK_REJECT_WRONG_TYPE     \
								      : HARK_REJECT_VERSION_MAJOR, \
							      HARK_FIELD_GUEST_PID };              \
			return *first == 0xff ? HARK_TELEMETRY_WIRE                                \
					      : HARK_TELEMETRY_UNSUPPORTED_VERSION;                \
		}                                                                                  \
		session->mode = HARK_WIRE_CELLOS;                                                  \
		out->probe_source = (struct hark_text){ body, size };                              \
		return HARK_TELEMETRY_OK;                                                          \
	}

#endif
