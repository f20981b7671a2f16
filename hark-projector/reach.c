/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "hark-projector/reach.h"
#include "hark-projector/serve.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/folder.h"
#include "prog/exit.h"
#include "project/database.h"

#define FILES_MAX   16u
#define PORTS_MAX   17u
#define PORT_DNS    53u
#define DIRECTORIES 3u

/* A projector that holds nothing: its program, the libraries of databases and their caches. */
#define MEMORY_BYTES (UINT64_C(192) << 20)
/* Of an effect's byte: it is kept, as a row and as what is sent, while its buffers grow. */
#define MEMORY_OF_EFFECT_BYTE 8u
/* Of an effect: its place, its row, its death. */
#define MEMORY_OF_EFFECT 2048u

/* What user database and TLS of Debian read; what is not there is not needed. */
static const char *const client_files[] = { "/etc/nsswitch.conf", "/etc/passwd", "/etc/ssl",
					    "/etc/localtime" };
/* And what the resolver reads. */
static const char *const lookup_files[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf",
					    "/etc/services", "/etc/gai.conf" };

/* What is needed to the end, and behind it what is needed to look the server up. */
struct reach {
	int files[FILES_MAX];
	size_t file_count;
	size_t lasting_files;
	uint16_t ports[PORTS_MAX];
	size_t port_count;
	size_t lasting_ports;
	bool unix_sockets;
	bool lookup;
};

static void
add_file(void *ctx, const char *path)
{
	struct reach *r = ctx;

	/* What cannot be opened cannot be read either: the library will say so. */
	if (r->file_count < FILES_MAX && file_open_path(path, &r->files[r->file_count]) == ERR_OK)
		r->file_count++;
}

static void
add_port(void *ctx, uint16_t port)
{
	struct reach *r = ctx;

	if (r->port_count < PORTS_MAX)
		r->ports[r->port_count++] = port;
}

static void
add_unix_sockets(void *ctx)
{
	struct reach *r = ctx;

	r->unix_sockets = true;
}

static void
add_lookup(void *ctx)
{
	struct reach *r = ctx;

	r->lookup = true;
}

static uint64_t
memory_of(const struct project_config *c)
{
	return MEMORY_BYTES + MEMORY_OF_EFFECT_BYTE * c->effect_bytes +
	       MEMORY_OF_EFFECT * c->effects;
}

/* All that a client needs of others. */
static enum err
find_reach(const struct project_config *config, struct reach *r, struct project_failure *why)
{
	const struct database_reach say = { .port = add_port,
					    .unix_sockets = add_unix_sockets,
					    .lookup = add_lookup,
					    .file = add_file,
					    .ctx = r };
	enum err e = config->database->reach(config, &say, why);
	size_t i;

	for (i = 0; i < sizeof(client_files) / sizeof(client_files[0]); i++)
		add_file(r, client_files[i]);
	r->lasting_files = r->file_count;
	r->lasting_ports = r->port_count;
	if (e != ERR_OK || !r->lookup)
		return e;
	for (i = 0; i < sizeof(lookup_files) / sizeof(lookup_files[0]); i++)
		add_file(r, lookup_files[i]);
	add_port(r, PORT_DNS);
	return ERR_OK;
}

static int
fail_of(enum err e, const struct role_report *report, const struct project_failure *why)
{
	char text[sizeof(report->missing) + 64];

	switch (e) {
	case ERR_REFUSED:
		return role_fail(EXIT_CONFIG, why->text);
	case ERR_MEMORY:
		return role_fail(EXIT_SOFTWARE, "no memory");
	default:
		(void)snprintf(text, sizeof(text), "hark-projector cannot be confined: %s",
			       report->missing);
		return role_fail(EXIT_UNAVAILABLE, text);
	}
}

/* Confined, it looks its server up; then the network is that server. */
static int
confine_client(struct start *s, const int directories[DIRECTORIES], struct role_report *report)
{
	struct project_failure why = { { 0 } };
	struct reach r = { .file_count = 0 };
	struct role_reach reach;
	enum err e;

	e = find_reach(&s->config, &r, &why);
	reach = (struct role_reach){ .readable = r.files,
				     .readable_count = r.file_count,
				     .ports = r.ports,
				     .port_count = r.port_count };
	if (e == ERR_OK)
		e = role_confine_reaching(ROLE_PROJECTOR_CLIENT, directories, DIRECTORIES, &reach,
					  s->require_confinement, report);
	if (e == ERR_OK)
		e = s->config.database->find(&s->config, &why);
	reach.readable_count = r.lasting_files;
	reach.port_count = r.lasting_ports;
	reach.unix_sockets = r.unix_sockets;
	if (e == ERR_OK)
		e = role_client_end(directories, DIRECTORIES, &reach, report);
	while (r.file_count > 0)
		file_close(&r.files[--r.file_count]);
	if (r.lookup)
		s->lookup_s = s->config.unfound != NULL ? SERVE_UNFOUND_S : SERVE_LOOKUP_S;
	return e == ERR_OK ? EXIT_OK : fail_of(e, report, &why);
}

int
reach_confine(struct start *s, struct role_report *report)
{
	const int directories[DIRECTORIES] = { s->database_dirfd, s->metric_dirfd,
					       s->receipt_dirfd };
	char text[128];
	enum err e;

	MUST(s != NULL && s->config.database != NULL && report != NULL);

	if (confine_limit_memory(memory_of(&s->config), UINT64_MAX) != ERR_OK) {
		(void)snprintf(text, sizeof(text), "its memory cannot be limited: %s",
			       strerror(errno));
		return role_fail(EXIT_OS, text);
	}
	/* Its user may own the folder and have no way to it: it stands in it from now on. */
	if (folder_enter(s->database_dirfd) != ERR_OK) {
		(void)snprintf(text, sizeof(text), "its folder cannot be entered: %s",
			       strerror(errno));
		return role_fail(EXIT_NO_PERMISSION, text);
	}
	if (s->config.database->is_server)
		return confine_client(s, directories, report);
	e = role_confine(ROLE_PROJECTOR, directories, DIRECTORIES, s->require_confinement, report);
	return e == ERR_OK ? EXIT_OK : fail_of(e, report, NULL);
}
