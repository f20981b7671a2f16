/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether observers could be loaded: modules are read and hashed, none is looked into. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <hark/observer_host.h>

#include "base/bytes.h"
#include "base/text.h"
#include "config/config.h"
#include "hark/doctor.h"
#include "os/file.h"
#include "os/folder.h"

struct look {
	const char *data;
	struct doctor_finding *f;
	size_t count;
	bool found; /* a finding that is none of the good ones: the first is told */
};

__attribute__((format(printf, 4, 5))) static void
tell(struct look *l, enum doctor_state state, const char *remedy, const char *format, ...)
{
	va_list list;

	if (l->found)
		return;
	l->found = true;
	l->f->state = state;
	l->f->remedy = remedy;
	va_start(list, format);
	(void)vsnprintf(l->f->text, sizeof(l->f->text), format, list);
	va_end(list);
}

static void
look_at(struct look *l, const struct config_observer *o)
{
	cleanup(buf_finish) struct buf module = { 0 };
	cleanup(file_close) int fd = -1;
	char shown[128];
	enum err e;

	l->count++;
	(void)text_escape(o->module, strlen(o->module), shown, sizeof(shown));
	if (o->noop)
		return;
	if (!hark_observer_has_engine()) {
		tell(l, DOCTOR_FAIL, "build with one, or write 'engine: noop'",
		     "%s: this build has no engine that runs modules", o->name);
		return;
	}
	e = file_open_regular(o->module, &fd);
	if (e == ERR_OK)
		e = file_read_all(fd, (size_t)o->limits.module_bytes, &module);
	if (e == ERR_LIMIT)
		tell(l, DOCTOR_FAIL, "raise its limit, or make the module smaller",
		     "%s: %s has more than module_bytes", o->name, shown);
	else if (e != ERR_OK)
		tell(l, DOCTOR_FAIL, "put its module there, or take it out", "%s: %s: %s", o->name,
		     shown,
		     e == ERR_REFUSED  ? "it is no regular file"
		     : e == ERR_SYSTEM ? strerror(errno)
				       : err_text(e));
	else if (hark_observer_digest_check(hark_text_of(o->digest), module.data, module.size) !=
		 HARK_OBSERVER_OK)
		tell(l, DOCTOR_FAIL, "put the right module there, or pin this one",
		     "%s: %s has another digest", o->name, shown);
}

static enum err
look_at_file(void *ctx, const char *name)
{
	struct look *l = ctx;
	struct config_failure why;
	struct config_observer o;
	char path[4400];
	cleanup(file_close) int fd = -1;
	cleanup(buf_finish) struct buf file = { 0 };

	/* What stands beside a manifest has a name that no observer has. */
	if (!config_observer_name_is_good(name))
		return ERR_OK;
	(void)snprintf(path, sizeof(path), "%.4095s/observers/%.255s", l->data, name);
	if (file_open_regular(path, &fd) != ERR_OK ||
	    file_read_all(fd, CONFIG_OBSERVER_TEXT_MAX, &file) != ERR_OK) {
		tell(l, DOCTOR_WARN, "ask as root", "%s cannot be read", name);
		return ERR_OK;
	}
	if (config_observer_read(name, file.data, file.size, l->data, &o, &why) != ERR_OK) {
		tell(l, DOCTOR_FAIL, "mend it or move it away", "%.200s", why.text);
		return ERR_OK;
	}
	look_at(l, &o);
	config_observer_finish(&o);
	return ERR_OK;
}

void
doctor_observers(const char *data, const char *config, struct doctor_finding *f)
{
	struct look l = { .data = data, .f = f };
	struct config_failure why;
	struct config c;
	cleanup(file_close) int fd = -1;
	char path[4200];
	size_t i;
	enum err e;

	if (config != NULL && config_read(config, &c, &why) != ERR_OK) {
		tell(&l, DOCTOR_FAIL, "", "%.200s", why.text);
	} else if (config != NULL) {
		for (i = 0; i < c.observer_count; i++)
			look_at(&l, &c.observers[i]);
		config_finish(&c);
	}
	(void)snprintf(path, sizeof(path), "%.4095s/observers", data);
	e = folder_open_path(path, &fd);
	if (e == ERR_OK)
		e = folder_list(fd, look_at_file, &l);
	if (e == ERR_SYSTEM)
		tell(&l, DOCTOR_WARN, "ask as root", "the remembered ones cannot be seen: %s",
		     strerror(errno));
	if (l.found)
		return;
	doctor_find(f, DOCTOR_OK, "", "%zu, %s", l.count,
		    l.count == 0                 ? hark_observer_has_engine()
							   ? "and this build runs modules"
							   : "and this build has no engine for any"
		    : hark_observer_has_engine() ? "with the modules that they name"
						 : "which run nothing");
}
