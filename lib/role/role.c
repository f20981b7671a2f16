/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The one order in which a child gives up its rights.  Later steps stand on earlier ones: limits
 * and user need rights that Landlock and seccomp take, and seccomp without root needs no_new_privs.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/filter.h>

#include "base/must.h"
#include "os/clock.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/wait.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "role/role_internal.h"

/* Debian's nobody: a user and a group that own no file. */
#define NOBODY 65534u

/* What role_begin found, for the steps after it: a process has one role. */
static struct {
	bool begun;
	bool confined;
	bool filtered;
	bool landlocked;
	enum role_name role;
	pid_t parent;
	char missing[sizeof(((struct role_report *)NULL)->missing)];
} self;

__attribute__((format(printf, 1, 2))) static void
add_missing(const char *format, ...)
{
	size_t at = strlen(self.missing);
	va_list list;

	if (at > 0 && at + 2 < sizeof(self.missing)) {
		memcpy(self.missing + at, "; ", 3);
		at += 2;
	}
	va_start(list, format);
	(void)vsnprintf(self.missing + at, sizeof(self.missing) - at, format, list);
	va_end(list);
}

static enum err
refuse(enum err e, int code, int *exit_out, const char *words)
{
	log_error("%s", words);
	*exit_out = code;
	return e;
}

enum err
role_begin(enum role_name role, const char *program, int *exit_out)
{
	enum err e;

	MUST(program != NULL && exit_out != NULL && !self.begun);
	MUST(role_row(role) != NULL);

	log_init(program);
	self.begun = true;
	self.role = role;
	self.parent = confine_parent();
	/* Without /proc the kernel chooses by size alone. */
	if (role_row(role)->is_background) {
		(void)!confine_end_before_others();
		(void)!confine_session_background();
	}
	e = confine_check_channel(ROLE_SUPERVISOR_FD);
	if (e != ERR_OK)
		return refuse(e, EXIT_USAGE, exit_out,
			      "descriptor 3 is no channel to harkd: harkd starts this program, "
			      "people do not");
	e = confine_close_from(ROLE_SUPERVISOR_FD + 1);
	if (e == ERR_UNSUPPORTED)
		return refuse(
			e, EXIT_UNAVAILABLE, exit_out,
			"this kernel has no close_range: Linux 5.9 is the oldest that will do");
	if (e == ERR_OK)
		e = confine_end_with(self.parent);
	if (e == ERR_END)
		return refuse(e, EXIT_TEMPORARY, exit_out, "harkd has ended");
	if (e != ERR_OK)
		return refuse(e, EXIT_OS, exit_out, strerror(errno));
	return ERR_OK;
}

/* Waits until the supervisor's descriptor can be read. */
static enum err
wait_for_message(void)
{
	uint64_t deadline_ns = clock_monotonic_ns() + ROLE_SETUP_LIMIT_S * UINT64_C(1000000000);
	struct wait_item item = { .fd = ROLE_SUPERVISOR_FD, .want_read = true };

	while (!item.ready_read) {
		enum err e = wait_ready(&item, 1, deadline_ns);

		if (e != ERR_OK)
			return e;
		if (!item.ready_read && clock_monotonic_ns() >= deadline_ns)
			return ERR_AGAIN;
	}
	return ERR_OK;
}

/* True where the role is never root, and would be. */
static bool
would_be_root(const struct message *setup)
{
	const struct role_row *row = role_row(self.role);
	struct file_info directory;

	return row->never_root && confine_is_root() && setup->fd_count > row->user_fd &&
	       file_stat(setup->fds[row->user_fd], &directory) == ERR_OK && directory.uid == 0;
}

/* Root's children become somebody smaller before they read a file or a foreign byte. */
static enum err
take_user(const struct message *setup)
{
	struct file_info directory = { .uid = NOBODY, .gid = NOBODY };
	bool owner = role_row(self.role)->user == ROLE_USER_DIRECTORY;
	enum err e = ERR_OK;

	if (!confine_is_root()) {
		if (!owner)
			add_missing("a user of its own (harkd is not root)");
		/* A service may have given harkd some for itself, and exec passes ambient ones on.
		 */
		return confine_drop_capabilities();
	}
	if (owner) {
		size_t which = role_row(self.role)->user_fd;

		MUST(setup->fd_count > which);
		e = file_stat(setup->fds[which], &directory);
	}
	if (e != ERR_OK)
		return e;
	e = confine_drop_bounding();
	if (e == ERR_REFUSED) {
		add_missing("an empty bounding set (capability SETPCAP)");
		e = ERR_OK;
	}
	if (e == ERR_OK && directory.uid != 0)
		e = confine_become(directory.uid, directory.gid);
	/* A user namespace may lack the user (EINVAL), a container the right to change. */
	if (e == ERR_REFUSED || (e == ERR_SYSTEM && errno == EINVAL)) {
		add_missing("a user of its own (capabilities SETUID and SETGID)");
		e = ERR_OK;
	}
	if (e == ERR_OK)
		e = confine_drop_capabilities();
	/* The kernel forgets it where the user changes. */
	return e == ERR_OK ? confine_end_with(self.parent) : e;
}

enum err
role_setup(enum message_type type, void *buffer, size_t capacity, struct message *out,
	   int *exit_out)
{
	struct message m = { 0 };
	enum err e;

	MUST(self.begun && !self.confined && buffer != NULL && out != NULL && exit_out != NULL);

	e = wait_for_message();
	if (e == ERR_OK)
		e = message_receive(ROLE_SUPERVISOR_FD, buffer, capacity, &m);
	if (e == ERR_END)
		return refuse(e, EXIT_TEMPORARY, exit_out, "harkd has ended");
	if (e == ERR_AGAIN)
		return refuse(e, EXIT_TEMPORARY, exit_out, "harkd has sent no setup");
	if (e != ERR_OK || m.type != type) {
		message_close(&m);
		return refuse(e != ERR_OK ? e : ERR_FORMAT, EXIT_PROTOCOL, exit_out,
			      "harkd's first message is not the setup of this program: are both of "
			      "one version?");
	}
	if (would_be_root(&m)) {
		message_close(&m);
		*exit_out =
			role_fail(EXIT_NO_PERMISSION,
				  "its folder is root's, and this program does not run as root: "
				  "give the folder to another user");
		return ERR_REFUSED;
	}
	e = take_user(&m);
	if (e != ERR_OK) {
		log_error("cannot give up root: %s",
			  e == ERR_SYSTEM ? strerror(errno) : err_text(e));
		message_close(&m);
		*exit_out = EXIT_OS;
		return e;
	}
	*out = m;
	return ERR_OK;
}

/* ---- confinement --------------------------------------------------------------------------- */

static enum err
limit(const struct role_row *row)
{
	size_t i;

	for (i = 0; i < row->limit_count; i++) {
		enum err e = confine_limit(row->limits[i].resource, row->limits[i].most);

		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err
enter_landlock(const struct role_row *row, const int *dirfds, size_t dirfd_count,
	       const struct role_reach *reach)
{
	struct confine_directory directories[IPC_DESCRIPTORS_MAX + ROLE_READABLE_MAX];
	enum err e;
	size_t i;

	MUST(dirfd_count <= IPC_DESCRIPTORS_MAX && (row->has_directories || dirfd_count == 0));
	MUST(reach == NULL || (row->is_client && reach->readable_count <= ROLE_READABLE_MAX));

	for (i = 0; i < dirfd_count; i++)
		directories[i] =
			(struct confine_directory){ dirfds[i], row->only_reads ? CONFINE_READ
									       : CONFINE_MANAGE };
	for (i = 0; reach != NULL && i < reach->readable_count; i++)
		directories[dirfd_count + i] =
			(struct confine_directory){ reach->readable[i], CONFINE_READ_FILES };
	e = reach == NULL ? confine_landlock(directories, dirfd_count)
			  : confine_landlock_reaching(directories, dirfd_count + i, reach->ports,
						      reach->port_count);
	if (e == ERR_UNSUPPORTED || e == ERR_REFUSED) {
		add_missing("Landlock (%s)", e == ERR_UNSUPPORTED ? "this kernel has or runs none"
								  : "it is refused here");
		return ERR_OK;
	}
	self.landlocked = e == ERR_OK;
	return e;
}

static enum err
enter_filter(const struct filter_rule *rules, size_t count, enum filter_action fallback)
{
	struct sock_filter program[FILTER_INSTRUCTIONS_MAX];
	size_t size = 0;
	enum err e = filter_make(rules, count, fallback, program, &size);

	return e == ERR_OK ? confine_seccomp(program, size) : e;
}

static enum err
enter_seccomp(enum role_name role)
{
	struct filter_rule rules[FILTER_RULES_MAX];
	size_t count = role_rules(role, confine_self(), rules);
	enum err e = enter_filter(rules, count, FILTER_REFUSE);

	if (e == ERR_UNSUPPORTED || e == ERR_REFUSED) {
		add_missing("seccomp (%s)", e == ERR_UNSUPPORTED
						    ? "no filters on this kernel or architecture"
						    : "it is refused here");
		return ERR_OK;
	}
	self.filtered = e == ERR_OK;
	return e;
}

/* A step that every kernel has, and its name for who must look into it. */
static enum err
step(enum err e, const char *name, struct role_report *report)
{
	if (e != ERR_OK)
		(void)snprintf(report->missing, sizeof(report->missing), "%s: %s", name,
			       e == ERR_SYSTEM ? strerror(errno) : err_text(e));
	return e == ERR_OK ? ERR_OK : ERR_SYSTEM;
}

enum err
role_confine_reaching(enum role_name role, const int *dirfds, size_t dirfd_count,
		      const struct role_reach *reach, bool require, struct role_report *report)
{
	const struct role_row *row = role_row(role);
	enum err e;

	MUST(self.begun && !self.confined);
	MUST(role == self.role || (row->is_client && row->begins_as == self.role));
	MUST(report != NULL && (dirfds != NULL || dirfd_count == 0));
	MUST(confine_is_single_thread());

	self.confined = true;
	self.role = role;
	report->missing[0] = '\0';
	e = step(limit(row), "resource limits", report);
	if (e == ERR_OK && row->is_silent)
		e = step(confine_silence(), "its log", report);
	if (e == ERR_OK && row->is_background)
		e = step(confine_background(), "its priority", report);
	if (e == ERR_OK)
		e = step(confine_not_dumpable(), "not dumpable", report);
	if (e == ERR_OK)
		e = step(confine_no_new_privileges(), "no_new_privs", report);
	if (e == ERR_OK)
		e = step(enter_landlock(row, dirfds, dirfd_count, reach), "Landlock", report);
	/* After a refusal nothing more is needed: the program says why and ends. */
	if (e == ERR_OK && !(require && self.missing[0] != '\0'))
		e = step(enter_seccomp(role), "seccomp", report);
	if (e != ERR_OK)
		return e;
	memcpy(report->missing, self.missing, sizeof(report->missing));
	return require && self.missing[0] != '\0' ? ERR_UNSUPPORTED : ERR_OK;
}

enum err
role_confine(enum role_name role, const int *dirfds, size_t dirfd_count, bool require,
	     struct role_report *report)
{
	return role_confine_reaching(role, dirfds, dirfd_count, NULL, require, report);
}

enum err
role_client_end(const int *dirfds, size_t dirfd_count, const struct role_reach *reach,
		struct role_report *report)
{
	struct filter_rule rules[ROLE_CLIENT_RULES_MAX];
	enum err e = ERR_OK;

	MUST(self.confined && role_row(self.role)->is_client && reach != NULL);

	/* A second layer: what both grant is granted. */
	if (self.landlocked)
		e = step(enter_landlock(role_row(self.role), dirfds, dirfd_count, reach),
			 "Landlock for its server", report);
	if (e == ERR_OK && self.filtered)
		e = step(enter_filter(rules, role_rules_of_client(reach, rules), FILTER_ALLOW),
			 "seccomp for its server", report);
	return e;
}

enum err
role_threads_end(void)
{
	struct filter_rule rules[ROLE_THREAD_RULES_MAX];

	MUST(self.confined);

	if (!self.filtered)
		return ERR_OK;
	return enter_filter(rules, role_rules_without_threads(self.role, rules), FILTER_ALLOW);
}

int
role_fail(int code, const char *text)
{
	struct message m;

	MUST(text != NULL);

	message_init(&m, MESSAGE_FAILED, 0);
	message_set_number(&m, FIELD_CODE, (uint64_t)code);
	message_set_text(&m, FIELD_TEXT, text);
	if (message_send(ROLE_SUPERVISOR_FD, &m) != ERR_OK)
		log_error("%s", text);
	return code;
}

int
role_ready(struct message *ready, const struct role_report *report)
{
	MUST(ready != NULL && ready->type == MESSAGE_READY && report != NULL);

	if (report->missing[0] != '\0')
		message_set_text(ready, FIELD_TEXT, report->missing);
	return message_send(ROLE_SUPERVISOR_FD, ready) == ERR_OK ? EXIT_OK : EXIT_TEMPORARY;
}
