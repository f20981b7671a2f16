/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/must.h"
#include "hark-projector/reach.h"
#include "os/confine.h"
#include "os/file.h"
#include "prog/exit.h"
#include "project/database.h"

#define FILES_MAX 16u
#define PORTS_MAX 17u
#define PORT_DNS  53u

/* A projector that holds nothing: its program, the libraries of databases and their caches. */
#define MEMORY_BYTES (UINT64_C(192) << 20)
/* Of an effect's byte: it is kept, as a row and as what is sent, while its buffers grow. */
#define MEMORY_OF_EFFECT_BYTE 8u
/* Of an effect: its place, its row, its death. */
#define MEMORY_OF_EFFECT 2048u

/* What resolver, user database and TLS of Debian read; what is not there is not needed. */
static const char *const usual_files[] = {
	"/etc/resolv.conf", "/etc/hosts",  "/etc/nsswitch.conf", "/etc/host.conf", "/etc/services",
	"/etc/gai.conf",    "/etc/passwd", "/etc/group",         "/etc/ssl",       "/etc/localtime",
};

struct reach {
	int files[FILES_MAX];
	size_t file_count;
	uint16_t ports[PORTS_MAX];
	size_t port_count;
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

static uint64_t
memory_of(const struct project_config *c)
{
	return MEMORY_BYTES + MEMORY_OF_EFFECT_BYTE * c->effect_bytes +
	       MEMORY_OF_EFFECT * c->effects;
}

static enum err
find(const struct project_config *config, struct reach *r, struct project_failure *why)
{
	size_t i;

	if (config->database->is_server) {
		add_port(r, PORT_DNS);
		for (i = 0; i < sizeof(usual_files) / sizeof(usual_files[0]); i++)
			add_file(r, usual_files[i]);
	}
	if (config->database->reach == NULL)
		return ERR_OK;
	return config->database->reach(
		config, &(struct database_reach){ .port = add_port, .file = add_file, .ctx = r },
		why);
}

int
reach_confine(const struct start *s, struct role_report *report)
{
	const int directories[] = { s->database_dirfd, s->metric_dirfd, s->receipt_dirfd };
	struct project_failure why = { { 0 } };
	struct reach r = { .file_count = 0 };
	char text[sizeof(report->missing) + 64];
	struct role_reach reach;
	enum err e;

	MUST(s != NULL && s->config.database != NULL && report != NULL);

	if (confine_limit(RLIMIT_DATA, memory_of(&s->config)) != ERR_OK) {
		(void)snprintf(text, sizeof(text), "its memory cannot be limited: %s",
			       strerror(errno));
		return role_fail(EXIT_OS, text);
	}
	e = find(&s->config, &r, &why);
	if (e != ERR_OK)
		return role_fail(EXIT_CONFIG, why.text);
	reach = (struct role_reach){ r.files, r.file_count, r.ports, r.port_count };
	if (s->config.database->is_server)
		e = role_confine_reaching(ROLE_PROJECTOR_CLIENT, directories, 3, &reach,
					  s->require_confinement, report);
	else
		e = role_confine(ROLE_PROJECTOR, directories, 3, s->require_confinement, report);
	while (r.file_count > 0)
		file_close(&r.files[--r.file_count]);
	if (e == ERR_OK)
		return EXIT_OK;
	(void)snprintf(text, sizeof(text), "hark-projector cannot be confined: %s",
		       report->missing);
	return role_fail(EXIT_UNAVAILABLE, text);
}
