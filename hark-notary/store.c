/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cells and streams as entries of the evidence's state; store_load.c has the table of all. */
#include "hark-notary/store.h"
#include "hark-notary/store_bytes.h"

static struct store_key
key_of_stream(const struct stream *s)
{
	struct store_key k = store_key_of_cell('S', s->cell->key);
	uint32_t epoch = htobe32(s->epoch);

	memcpy(k.bytes + k.size, &epoch, sizeof(epoch));
	k.size += sizeof(epoch);
	return k;
}

static void
put_text(struct store_writer *c, struct hark_text text)
{
	store_put8(c, (unsigned int)text.size);
	store_put(c, text.data, text.size);
}

static struct hark_text
get_text(struct store_reader *r)
{
	struct hark_text text = { .size = store_get8(r) };

	if (text.size > r->size) {
		r->is_short = true;
		text.size = 0;
	}
	text.data = (const char *)r->at;
	r->at += text.size;
	r->size -= text.size;
	return text;
}

void
store_cell(struct notary *n, const struct cell *c)
{
	struct store_key k = store_key_of_cell('C', c->key);
	STORE_VALUE(v);

	store_put8(&v, STORE_VERSION);
	put_text(&v, c->stamp.cell_id);
	put_text(&v, c->stamp.run_id);
	put_text(&v, c->stamp.spec_signature_hash);
	store_change(n, &k, &v);
}

enum err
store_load_cell(struct notary *n, struct store_reader *r)
{
	struct hark_text cell_id = get_text(r);
	struct hark_text run_id = get_text(r);
	struct hark_text spec_hash = get_text(r);
	struct cell *c;
	enum err e;

	if (!store_is_done(r))
		return ERR_FORMAT;
	e = cell_create(n, cell_id, run_id, spec_hash, &c);
	return e == ERR_ARGUMENT ? ERR_FORMAT : e;
}

#define CELL_EVER_CONNECTED 1u
#define CELL_SILENT         2u

void
store_cell_changes(struct notary *n, const struct cell *c)
{
	struct store_key k = store_key_of_cell('D', c->key);
	STORE_VALUE(v);

	store_put8(&v, STORE_VERSION);
	store_put8(&v, (c->ever_connected ? CELL_EVER_CONNECTED : 0) |
			       (c->trigger.fired ? CELL_SILENT : 0));
	store_put32(&v, c->last_epoch);
	store_put64(&v, (uint64_t)c->silent_since.seconds);
	store_put32(&v, c->silent_since.nanoseconds);
	store_change(n, &k, &v);
}

enum err
store_load_cell_changes(struct cell *c, struct store_reader *r)
{
	unsigned int flags = store_get8(r);

	c->ever_connected = (flags & CELL_EVER_CONNECTED) != 0;
	c->trigger.fired = (flags & CELL_SILENT) != 0;
	c->last_epoch = store_get32(r);
	c->silent_since.seconds = (int64_t)store_get64(r);
	c->silent_since.nanoseconds = store_get32(r);
	return store_is_done(r) ? ERR_OK : ERR_FORMAT;
}

void
store_cell_gone(struct notary *n, const struct cell *c)
{
	struct store_key k = store_key_of_cell('C', c->key);

	store_change(n, &k, NULL);
	k.bytes[0] = 'D';
	store_change(n, &k, NULL);
}

void
store_gone(struct notary *n, const uint8_t key[CELL_KEY_BYTES], const struct gone_run *run)
{
	struct store_key k = store_key_of_cell('R', key);
	STORE_VALUE(v);

	if (run == NULL) {
		store_change(n, &k, NULL);
		return;
	}
	store_put8(&v, STORE_VERSION);
	store_put32(&v, run->last_epoch);
	store_put64(&v, run->serial);
	store_change(n, &k, &v);
}

enum err
store_load_gone(struct notary *n, const uint8_t *key, struct store_reader *r)
{
	struct gone_run run;

	memcpy(run.key, key, CELL_KEY_BYTES);
	run.last_epoch = store_get32(r);
	run.serial = store_get64(r);
	return store_is_done(r) ? gone_load(n, &run) : ERR_FORMAT;
}

void
store_forgotten(struct notary *n)
{
	struct store_key k = { .bytes = { 'E' }, .size = 1 };
	STORE_VALUE(v);

	store_put8(&v, STORE_VERSION);
	store_put32(&v, n->forgotten_epoch);
	store_change(n, &k, &v);
}

#define STREAM_USED_UP 1u
#define STREAM_FORKED  2u

void
store_stream(struct notary *n, const struct stream *s)
{
	struct store_key k = key_of_stream(s);
	STORE_VALUE(v);

	store_put8(&v, STORE_VERSION);
	store_put8(&v,
		   (s->seq.is_used_up ? STREAM_USED_UP : 0) | (s->is_forked ? STREAM_FORKED : 0));
	store_put64(&v, s->seq.stream);
	store_put64(&v, s->seq.expected);
	store_put64(&v, s->seq.dropped);
	store_put64(&v, s->frames);
	store_change(n, &k, &v);
}

void
store_stream_gone(struct notary *n, const struct stream *s)
{
	struct store_key k = key_of_stream(s);

	store_change(n, &k, NULL);
}

enum err
store_load_stream(struct cell *c, uint32_t epoch, struct store_reader *r)
{
	unsigned int flags = store_get8(r);
	uint64_t name = store_get64(r);
	struct stream *s;
	enum err e;

	e = stream_create(c, name, epoch, (flags & STREAM_FORKED) != 0, &s);
	if (e != ERR_OK)
		return e;
	s->seq.is_used_up = (flags & STREAM_USED_UP) != 0;
	s->seq.expected = store_get64(r);
	s->seq.dropped = store_get64(r);
	s->frames = store_get64(r);
	return store_is_done(r) && c->stream_count <= CELL_STREAMS_MAX ? ERR_OK : ERR_FORMAT;
}
