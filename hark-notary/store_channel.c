/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Channels and connections as entries of the evidence's state; store_load.c has the table of all.
 */
#include "hark-notary/store_bytes.h"

static struct store_key
key_of_channel(const struct channel *c)
{
	struct store_key k = { .size = 1 + 8 };
	uint64_t incarnation = htobe64(c->incarnation);

	k.bytes[0] = 'I';
	memcpy(k.bytes + 1, &incarnation, sizeof(incarnation));
	return k;
}

static struct store_key
key_of_connection(const struct connection *c)
{
	struct store_key k = key_of_channel(c->channel);
	uint32_t number = htobe32(c->number);

	k.bytes[0] = 'N';
	memcpy(k.bytes + k.size, &number, sizeof(number));
	k.size += sizeof(number);
	return k;
}

void
store_channel(struct notary *n, const struct channel *c)
{
	struct store_key k = key_of_channel(c);
	STORE_VALUE(v);

	store_put8(&v, STORE_VERSION);
	store_put64(&v, c->next);
	store_change(n, &k, &v);
}

void
store_channel_gone(struct notary *n, const struct channel *c)
{
	struct store_key k = key_of_channel(c);

	store_change(n, &k, NULL);
}

enum err
store_load_channel(struct notary *n, uint64_t incarnation, struct store_reader *r)
{
	struct channel *c;
	enum err e;

	e = channel_create(n, 0, incarnation, &c);
	if (e != ERR_OK)
		return e;
	c->next = store_get64(r);
	c->durable_next = c->next;
	return store_is_done(r) ? ERR_OK : ERR_FORMAT;
}

#define CONNECTION_GOODBYE    1u
#define CONNECTION_DRAINING   2u
#define CONNECTION_SUPERSEDED 4u
#define CONNECTION_CHALLENGER 8u
#define CONNECTION_SILENCED   16u

void
store_connection(struct notary *n, const struct connection *c)
{
	struct store_key k = key_of_connection(c);
	STORE_VALUE(v);

	store_put8(&v, STORE_VERSION);
	store_put8(&v, (c->said_goodbye ? CONNECTION_GOODBYE : 0) |
			       (c->is_draining ? CONNECTION_DRAINING : 0) |
			       (c->is_superseded ? CONNECTION_SUPERSEDED : 0) |
			       (c->is_challenger ? CONNECTION_CHALLENGER : 0) |
			       (c->is_silenced ? CONNECTION_SILENCED : 0));
	store_put8(&v, (unsigned int)c->session.mode);
	store_put16(&v, c->slot);
	store_put32(&v, c->epoch);
	store_put32(&v, c->other_epoch);
	store_put64(&v, c->session.stream);
	store_put64(&v, c->boot);
	store_put64(&v, c->frames);
	store_put64(&v, c->first_guest_ns);
	store_put(&v, c->cell->key, CELL_KEY_BYTES);
	store_change(n, &k, &v);
}

void
store_connection_gone(struct notary *n, const struct connection *c)
{
	struct store_key k = key_of_connection(c);

	store_change(n, &k, NULL);
}

static enum err
bind_stream(struct connection *c)
{
	struct stream *s;

	for (s = c->cell->streams; s != NULL && c->stream == NULL; s = s->next) {
		if (s->epoch == c->epoch)
			c->stream = s;
	}
	if (c->stream == NULL || c->stream->seq.stream != c->session.stream)
		return ERR_FORMAT;
	c->stream->users++;
	if (!c->is_draining)
		c->frames = c->stream->frames;
	return ERR_OK;
}

enum err
store_load_connection(struct notary *n, uint64_t incarnation, uint32_t number,
		      struct store_reader *r)
{
	struct channel *channel = table_get(&n->incarnations, incarnation);
	unsigned int flags = store_get8(r);
	unsigned int mode = store_get8(r);
	uint16_t slot = store_get16(r);
	uint8_t key[CELL_KEY_BYTES];
	struct connection read;
	struct connection *c;
	struct cell *cell;
	enum err e;

	memset(&read, 0, sizeof(read));
	read.epoch = store_get32(r);
	read.other_epoch = store_get32(r);
	read.session.stream = store_get64(r);
	read.boot = store_get64(r);
	read.frames = store_get64(r);
	read.first_guest_ns = store_get64(r);
	store_get(r, key, sizeof(key));
	cell = cell_find(n, key);
	if (!store_is_done(r) || channel == NULL || cell == NULL || mode > HARK_WIRE_HARK)
		return ERR_FORMAT;
	e = connection_create(n, channel, cell, slot, number, &c);
	if (e != ERR_OK)
		return e;
	c->session = (struct hark_wire_session){ (enum hark_wire_mode)mode, read.session.stream };
	c->epoch = read.epoch;
	c->other_epoch = read.other_epoch;
	c->boot = read.boot;
	c->frames = read.frames;
	c->first_guest_ns = read.first_guest_ns;
	c->last_ns = n->now.monotonic_ns;
	c->said_goodbye = (flags & CONNECTION_GOODBYE) != 0;
	c->is_draining = (flags & CONNECTION_DRAINING) != 0;
	c->is_superseded = (flags & CONNECTION_SUPERSEDED) != 0;
	c->is_challenger = (flags & CONNECTION_CHALLENGER) != 0;
	c->is_silenced = (flags & CONNECTION_SILENCED) != 0;
	c->challenge_until_ns = n->now.monotonic_ns + CHALLENGE_NS;
	c->drain_until_ns = n->now.monotonic_ns + DRAIN_NS;
	if (c->is_challenger)
		silence_sooner(n, c->challenge_until_ns);
	return mode == HARK_WIRE_HARK ? bind_stream(c) : ERR_OK;
}
