/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Observers of the configuration: compared with those that are there, at start and at SIGHUP. */
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "harkd/harkd.h"
#include "prog/exit.h"
#include "prog/log.h"

static struct config_observer *
find_in_config(struct harkd *h, const char *name)
{
	size_t i;

	for (i = 0; i < h->config.observer_count; i++) {
		if (strcmp(h->config.observers[i].name, name) == 0)
			return &h->config.observers[i];
	}
	return NULL;
}

/* A copy by way of its text, which says all of it. */
static enum err
copy(struct harkd *h, const struct config_observer *from, struct config_observer *out)
{
	cleanup(buf_finish) struct buf text = { 0 };
	struct config_failure why;
	enum err e = config_observer_write(from, true, &text);

	return e != ERR_OK ? e
			   : config_observer_read("the configuration", text.data, text.size,
						  h->config.data, out, &why);
}

static void
change(struct observer *o, const struct config_observer *wanted)
{
	struct config_observer manifest;
	enum err e = copy(o->h, wanted, &manifest);

	if (e != ERR_OK) {
		log_error("observer %s stays as it was: %s", o->manifest.name, err_text(e));
		return;
	}
	log_info("observer %s has changed in the configuration: it is started again",
		 manifest.name);
	config_observer_finish(&o->manifest);
	o->manifest = manifest;
	o->module.label = o->projector.label = o->manifest.name;
	observer_keep_from(o);
	observer_again(o, "its configuration has changed");
}

static void
add(struct harkd *h, const struct config_observer *wanted)
{
	struct config_observer manifest = { .name = NULL };
	struct observer_refusal why = { 0 };
	enum err e = copy(h, wanted, &manifest);
	struct observer *o;

	if (e != ERR_OK) {
		log_error("observer %s: %s", wanted->name, err_text(e));
		return;
	}
	o = observer_add(h, &manifest, true, &why);
	if (o == NULL)
		log_error("observer %s of the configuration: %s", wanted->name, why.text);
	else
		observer_begin(o);
}

void
observer_reload(struct harkd *h)
{
	struct observer *o;
	struct observer *next;
	size_t i;

	for (o = h->observers; o != NULL; o = next) {
		const struct config_observer *wanted = find_in_config(h, o->manifest.name);

		next = o->next; /* removal may free it at once */
		if (o->leaving)
			continue;
		if (!o->from_config && wanted != NULL)
			log_error("observer %s is in the configuration, and was added by command: "
				  "the command's stays until `hark observer rm`",
				  wanted->name);
		else if (o->from_config && wanted == NULL)
			observer_remove(o);
		else if (o->from_config && !config_observer_is_same(&o->manifest, wanted))
			change(o, wanted);
		else if (o->state == OBSERVER_REFUSED)
			observer_again(o, "the configuration was read again");
	}
	for (i = 0; i < h->config.observer_count; i++) {
		if (observer_find(h, h->config.observers[i].name) == NULL)
			add(h, &h->config.observers[i]);
	}
}
