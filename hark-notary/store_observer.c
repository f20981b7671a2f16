/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is kept of observers, as entries of the operations' state, durable with the records that
 * speak of it.  Forms as in store_load.c.
 *
 *	key        value
 *	O name     1, digest (32), SHA-256 of the manifest (32), u64 serial of the registration
 *	M digest   1, flags (1 quarantined), u32 strikes, u8 traps; of each: u64 observer (the begin
 *	           of its name's SHA-256), u64 event, u64 index of the record, u8 class, u8 repeats
 *	L          of commit.c: without meaning
 */
#include "hark-notary/observers.h"
#include "hark-notary/store_bytes.h"

#define MODULE_QUARANTINED 1u
#define CLASS_MAX          3u

static void
change(struct notary *n, char kind, const void *key, size_t key_size,
       const struct store_writer *value)
{
	uint8_t bytes[1 + EVENT_OBSERVER_BYTES_MAX];

	MUST(key_size < sizeof(bytes));
	bytes[0] = (uint8_t)kind;
	memcpy(bytes + 1, key, key_size);
	book_state_of(n, OPERATIONS(n), bytes, 1 + key_size, value != NULL ? value->at : NULL,
		      value != NULL ? value->size : 0);
}

void
store_observer(struct notary *n, const struct observer *o)
{
	STORE_VALUE(v);

	store_put8(&v, STORE_VERSION);
	store_put(&v, o->digest, sizeof(o->digest));
	store_put(&v, o->manifest, sizeof(o->manifest));
	store_put64(&v, o->serial);
	change(n, 'O', o->name, o->name_size, &v);
}

void
store_observer_gone(struct notary *n, const struct observer *o)
{
	change(n, 'O', o->name, o->name_size, NULL);
}

void
store_module(struct notary *n, const struct module *m)
{
	STORE_VALUE(v);
	uint32_t i;

	if (m->strikes == 0) {
		change(n, 'M', m->digest, sizeof(m->digest), NULL);
		return;
	}
	store_put8(&v, STORE_VERSION);
	store_put8(&v, m->is_quarantined ? MODULE_QUARANTINED : 0);
	store_put32(&v, m->strikes);
	store_put8(&v, m->trap_count);
	for (i = 0; i < m->trap_count; i++) {
		store_put64(&v, m->traps[i].observer);
		store_put64(&v, m->traps[i].event);
		store_put64(&v, m->traps[i].receipt);
		store_put8(&v, m->traps[i].trap_class);
		store_put8(&v, m->traps[i].repeats);
	}
	change(n, 'M', m->digest, sizeof(m->digest), &v);
}

static enum err
load_observer(struct notary *n, struct bytes name, struct store_reader *r)
{
	struct observer *o = observer_place(n);

	if (o == NULL || name.size < 1 || name.size > EVENT_OBSERVER_BYTES_MAX)
		return ERR_FORMAT;
	store_get(r, o->digest, sizeof(o->digest));
	store_get(r, o->manifest, sizeof(o->manifest));
	o->serial = store_get64(r);
	if (!store_is_done(r) || o->serial == 0)
		return ERR_FORMAT;
	memcpy(o->name, name.data, name.size);
	o->name_size = name.size;
	o->is_there = true;
	if (o->serial > n->observers->serial)
		n->observers->serial = o->serial;
	return ERR_OK;
}

static enum err
load_module(struct notary *n, struct bytes digest, struct store_reader *r)
{
	struct module *m = module_place(n);
	unsigned int flags = store_get8(r);
	uint32_t i;

	if (m == NULL || digest.size != sizeof(m->digest) || flags > MODULE_QUARANTINED)
		return ERR_FORMAT;
	m->strikes = store_get32(r);
	m->trap_count = store_get8(r);
	if (m->strikes == 0 || m->trap_count > MODULE_TRAPS_MAX)
		return ERR_FORMAT;
	for (i = 0; i < m->trap_count; i++) {
		m->traps[i].observer = store_get64(r);
		m->traps[i].event = store_get64(r);
		m->traps[i].receipt = store_get64(r);
		m->traps[i].trap_class = store_get8(r);
		m->traps[i].repeats = store_get8(r);
		if (m->traps[i].trap_class > CLASS_MAX || m->traps[i].repeats > TRAP_REPEATS_MAX)
			return ERR_FORMAT;
	}
	if (!store_is_done(r))
		return ERR_FORMAT;
	memcpy(m->digest, digest.data, sizeof(m->digest));
	m->is_quarantined = flags == MODULE_QUARANTINED;
	m->is_there = true;
	return ERR_OK;
}

static enum err
load_entry(void *ctx, struct bytes key, struct bytes value)
{
	struct store_reader r = { .at = value.data, .size = value.size };
	const struct bytes rest = { key.data + 1, key.size - 1 };
	struct notary *n = ctx;

	if (key.data[0] == 'L' && rest.size == 0)
		return ERR_OK;
	if (store_get8(&r) != STORE_VERSION)
		return ERR_FORMAT;
	switch (key.data[0]) {
	case 'O':
		return load_observer(n, rest, &r);
	case 'M':
		return load_module(n, rest, &r);
	default:
		return ERR_FORMAT;
	}
}

enum err
store_load_observers(struct notary *n)
{
	enum err e = ledger_state_each(OPERATIONS(n)->ledger, load_entry, n);

	if (e != ERR_OK)
		return e;
	return observers_check(n) ? ERR_OK : ERR_FORMAT;
}
