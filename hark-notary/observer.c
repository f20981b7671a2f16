/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who may run: registrations, ends and releases of observers.  Strikes and quarantine are of a
 * module, by its digest, whatever the names of those who run it are.
 */
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "hark-notary/observers.h"
#include "prog/exit.h"

struct observer *
observer_find(const struct notary *n, struct bytes name)
{
	size_t i;

	for (i = 0; i < NOTARY_OBSERVERS_MAX; i++) {
		struct observer *o = &n->observers->observers[i];

		if (o->is_there && o->name_size == name.size &&
		    memcmp(o->name, name.data, name.size) == 0)
			return o;
	}
	return NULL;
}

struct module *
module_find(const struct notary *n, const uint8_t digest[QUARANTINE_DIGEST_BYTES])
{
	size_t i;

	for (i = 0; i < MODULES_MAX; i++) {
		struct module *m = &n->observers->modules[i];

		if (m->is_there && memcmp(m->digest, digest, QUARANTINE_DIGEST_BYTES) == 0)
			return m;
	}
	return NULL;
}

struct module *
module_place(struct notary *n)
{
	size_t i;

	for (i = 0; i < MODULES_MAX; i++) {
		if (!n->observers->modules[i].is_there)
			return &n->observers->modules[i];
	}
	return NULL;
}

struct observer *
observer_place(struct notary *n)
{
	size_t i;

	for (i = 0; i < NOTARY_OBSERVERS_MAX; i++) {
		if (!n->observers->observers[i].is_there)
			return &n->observers->observers[i];
	}
	return NULL;
}

void
module_settle(struct module *m)
{
	if (m->users == 0 && m->strikes == 0 && !m->is_quarantined && m->trap_count == 0)
		memset(m, 0, sizeof(*m));
}

void
observer_settle(struct observer *o)
{
	if (o->module == NULL || o->is_running || o->trap.is_there)
		return;
	o->module->users--;
	module_settle(o->module);
	o->module = NULL;
}

/* Nothing of it is to be recorded or told any more. */
static bool
is_idle(const struct observer *o)
{
	return !o->is_running && !o->trap.is_there && !o->word.is_there && !o->end.is_there;
}

/* The name that was registered the longest time ago, of those that do not run. */
static struct observer *
forget_oldest(struct notary *n)
{
	struct observer *oldest = NULL;
	size_t i;

	for (i = 0; i < NOTARY_OBSERVERS_MAX; i++) {
		struct observer *o = &n->observers->observers[i];

		if (is_idle(o) && (oldest == NULL || o->serial < oldest->serial))
			oldest = o;
	}
	if (oldest == NULL)
		return NULL;
	store_observer_gone(n, oldest);
	memset(oldest, 0, sizeof(*oldest));
	return oldest;
}

/* Records what it is now, and remembers that.  ERR_FORMAT, ERR_MEMORY. */
static enum err
record_registration(struct notary *n, struct observer *o, const struct notary_observer *words)
{
	static const char kind[] = "observer_registered";
	static char members[LEDGER_LEAF_BYTES_MAX];
	const struct event_members to = { members, sizeof(members) };
	uint8_t manifest[SHA256_BYTES];
	size_t size = 0;
	enum err e;

	sha256_of(words->manifest.data, words->manifest.size, manifest);
	if (o->serial != 0 && memcmp(o->digest, words->digest, sizeof(o->digest)) == 0 &&
	    memcmp(o->manifest, manifest, sizeof(manifest)) == 0)
		return ERR_OK;
	e = event_observer_registered(words->name, words->digest, words->manifest, to, &size);
	if (e == ERR_OK)
		e = operations_write(n, (struct bytes){ (const uint8_t *)kind, sizeof(kind) - 1 },
				     (struct bytes){ (const uint8_t *)members, size });
	if (e != ERR_OK)
		return e == ERR_MEMORY ? e : ERR_FORMAT;
	memcpy(o->digest, words->digest, sizeof(o->digest));
	memcpy(o->manifest, manifest, sizeof(manifest));
	o->serial = ++n->observers->serial;
	store_observer(n, o);
	return ERR_OK;
}

/* Finds places for both; *why where there is none. */
static enum err
find_places(struct notary *n, const struct notary_observer *words, struct observer **o,
	    struct module **m, const char **why)
{
	*m = module_find(n, words->digest);
	if (*m == NULL)
		*m = module_place(n);
	if (*m == NULL) {
		*why = "1024 modules run or have strikes: release those that are not needed";
		return ERR_LIMIT;
	}
	*o = observer_find(n, words->name);
	if (*o == NULL)
		*o = observer_place(n);
	if (*o == NULL)
		*o = forget_oldest(n);
	if (*o == NULL) {
		*why = "256 observers run already";
		return ERR_LIMIT;
	}
	return ERR_OK;
}

static enum err
check_words(const struct notary_observer *words)
{
	if (!text_is_id((const char *)words->name.data, words->name.size, EVENT_OBSERVER_BYTES_MAX))
		return ERR_ARGUMENT;
	return words->strikes > 0 && words->strikes <= UINT32_MAX ? ERR_OK : ERR_ARGUMENT;
}

/* Why it does not run now; EXIT_OK where it may. */
static uint64_t
obstacle(const struct notary *n, const struct notary_observer *words, const char **why)
{
	const struct module *m = module_find(n, words->digest);
	const struct observer *o = observer_find(n, words->name);

	if (o != NULL && !is_idle(o)) {
		*why = "its last trap is not recorded yet";
		return EXIT_TEMPORARY;
	}
	if (!observers_can_write(n)) {
		*why = "the operations ledger cannot be written now";
		return EXIT_TEMPORARY;
	}
	if (m != NULL && m->is_quarantined) {
		*why = "its module is quarantined";
		return EXIT_NO_PERMISSION;
	}
	return EXIT_OK;
}

/* Gives it its places.  ERR_FORMAT: its manifest is no JSON object; ERR_MEMORY. */
static enum err
admit(struct notary *n, const struct notary_observer *words, struct observer *o, struct module *m)
{
	enum err e;

	if (!o->is_there) {
		memcpy(o->name, words->name.data, words->name.size);
		o->name_size = words->name.size;
	}
	e = record_registration(n, o, words);
	if (e != ERR_OK) {
		if (!o->is_there)
			memset(o, 0, sizeof(*o));
		return e;
	}
	o->is_there = true;
	o->is_running = true;
	o->is_heard = false;
	o->strikes = (uint32_t)words->strikes;
	o->module = m;
	m->is_there = true;
	memcpy(m->digest, words->digest, sizeof(m->digest));
	m->users++;
	return ERR_OK;
}

enum err
notary_observer_add(struct notary *n, const struct notary_observer *words, uint64_t id,
		    const struct event_clock *now)
{
	struct waiter w = { .kind = WAIT_ANSWER, .id = id, .book = PROTO_OPERATIONS };
	struct observer *o = observer_find(n, words->name);
	struct module *m = NULL;
	enum err e;

	host_glance(n, now);
	e = check_words(words);
	if (e == ERR_OK && o != NULL && o->is_running)
		e = ERR_EXISTS;
	if (e != ERR_OK)
		return e;
	w.code = obstacle(n, words, &w.text);
	if (w.code == EXIT_OK && find_places(n, words, &o, &m, &w.text) != ERR_OK)
		w.code = EXIT_UNAVAILABLE;
	if (w.code == EXIT_OK) {
		e = admit(n, words, o, m);
		if (e != ERR_OK)
			return e;
	} else if (w.code != EXIT_NO_PERMISSION) {
		notary_say(n, id, w.code, w.text);
		return ERR_OK;
	}
	m = module_find(n, words->digest);
	w.has_count = true;
	w.count = m != NULL ? m->strikes : 0;
	/* A quarantine, too, is said when it is durable. */
	if (id != 0)
		(void)book_wait(n, &w);
	return ERR_OK;
}

bool
notary_observer_is_read(const struct notary *n, struct bytes name)
{
	const struct observer *o = observer_find(n, name);

	return o != NULL && o->is_running && !o->is_heard;
}

void
notary_observer_report(struct notary *n, struct bytes name, const void *data, size_t size,
		       const struct event_clock *now)
{
	struct observer *o = observer_find(n, name);
	struct observer_trap trap = { .is_there = true, .cause = EVENT_TRAP_REPORTED };

	MUST(o != NULL && o->is_running && !o->is_heard);

	host_glance(n, now);
	trap.has_place = trap_report_read(data, size, &trap.report) == ERR_OK;
	if (!trap.has_place) {
		trap.cause = EVENT_TRAP_PROTOCOL;
		trap.report = (struct trap_report){ .trap_class = TRAP_CLASS_OTHER };
	}
	o->is_heard = true;
	observer_trapped(n, o, &trap);
}

/* False where it is none of the words. */
static bool
cause_of(struct bytes reason, enum event_trap_cause *out)
{
	static const enum event_trap_cause causes[] = { EVENT_TRAP_DIED, EVENT_TRAP_HUNG,
							EVENT_TRAP_MUTE };
	size_t i;

	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		const char *name = event_trap_cause_name(causes[i]);

		if (reason.size != strlen(name) || memcmp(reason.data, name, reason.size) != 0)
			continue;
		*out = causes[i];
		return true;
	}
	return false;
}

enum err
notary_observer_gone(struct notary *n, struct bytes name, struct bytes reason,
		     const struct event_clock *now)
{
	struct observer_trap trap = { .is_there = true,
				      .report = { .trap_class = TRAP_CLASS_OTHER } };
	struct observer *o = observer_find(n, name);

	if (reason.size > 0 && !cause_of(reason, &trap.cause))
		return ERR_ARGUMENT;
	if (o == NULL || !o->is_running)
		return ERR_MISSING;
	host_glance(n, now);
	o->is_running = false;
	/* What it said itself, and its module's quarantine, are why it ended. */
	if (reason.size > 0 && !o->is_heard)
		observer_trapped(n, o, &trap);
	else
		observer_settle(o);
	return ERR_OK;
}

static enum err
record_release(struct notary *n, struct bytes name, const uint8_t *digest, const struct module *m,
	       struct bytes why)
{
	static const char kind[] = "observer_released";
	static char members[EVENT_OBSERVER_MEMBERS_MAX];
	const struct event_members to = { members, sizeof(members) };
	size_t size = 0;
	enum err e;

	e = event_observer_released(name, digest, m != NULL ? m->strikes : 0,
				    m != NULL && m->is_quarantined, why, to, &size);
	if (e != ERR_OK)
		return e;
	return operations_write(n, (struct bytes){ (const uint8_t *)kind, sizeof(kind) - 1 },
				(struct bytes){ (const uint8_t *)members, size });
}

enum err
notary_observer_release(struct notary *n, struct bytes name, const uint8_t *digest,
			struct bytes why, uint64_t id, const struct event_clock *now)
{
	const struct waiter w = { .kind = WAIT_ANSWER, .id = id, .book = PROTO_OPERATIONS };
	const struct observer *o = observer_find(n, name);
	struct module *m;
	enum err e;

	if (!text_is_id((const char *)name.data, name.size, EVENT_OBSERVER_BYTES_MAX) ||
	    !text_is_utf8((const char *)why.data, why.size))
		return ERR_ARGUMENT;
	if (digest == NULL && o == NULL)
		return ERR_MISSING;
	host_glance(n, now);
	if (!observers_can_write(n)) {
		notary_say(n, id, EXIT_TEMPORARY, "the operations ledger cannot be written now");
		return ERR_OK;
	}
	if (digest == NULL)
		digest = o->digest;
	m = module_find(n, digest);
	e = record_release(n, name, digest, m, why);
	if (e != ERR_OK)
		return e;
	if (m != NULL) {
		m->strikes = 0;
		m->is_quarantined = false;
		m->trap_count = 0;
		store_module(n, m);
		module_settle(m);
	}
	if (id != 0)
		(void)book_wait(n, &w);
	return ERR_OK;
}

static bool
observer_check(const struct notary *n, const struct observer *o)
{
	if (!o->is_there)
		return o->name_size == 0 && o->module == NULL && is_idle(o);
	if (observer_find(n, (struct bytes){ (const uint8_t *)o->name, o->name_size }) != o)
		return false;
	if ((o->module != NULL) != (o->is_running || o->trap.is_there))
		return false;
	return o->module == NULL || o->module->is_there;
}

bool
observers_check(const struct notary *n)
{
	const struct observers *all = n->observers;
	size_t i;
	size_t k;

	for (i = 0; i < NOTARY_OBSERVERS_MAX; i++) {
		if (!observer_check(n, &all->observers[i]))
			return false;
	}
	for (i = 0; i < MODULES_MAX; i++) {
		const struct module *m = &all->modules[i];
		uint32_t users = 0;

		for (k = 0; k < NOTARY_OBSERVERS_MAX; k++)
			users += m->is_there && all->observers[k].module == m;
		if (users != m->users || m->trap_count > MODULE_TRAPS_MAX ||
		    m->trap_count > m->strikes || (m->is_quarantined && m->strikes == 0))
			return false;
		if (m->is_there && module_find(n, m->digest) != m)
			return false;
	}
	return true;
}
