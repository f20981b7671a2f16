/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Nanoseconds of the stages of the daemon's path behind the receiver's decoder that need no disk,
 * one JSON object a line: records, leaves, receipts, the page, checkpoints.  Beside each stands the
 * least that does the same: a copy, the bare hash, libsodium alone.  bench/ledgers.c has the rest.
 *
 * usage: spine
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hark/event.h>
#include <hark/telemetry.h>

#include "bench/measure.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/note.h"
#include "crypto/sha256.h"
#include "follow/page.h"
#include "keys/keys.h"
#include "merkle/merkle.h"
#include "proto/record.h"

#define ORIGIN "bench/evidence"

struct work {
	/* An event and its record. */
	struct record record;
	struct record read;
	uint8_t record_bytes[RECORD_BYTES_MAX];
	size_t record_size;
	uint8_t copy[RECORD_BYTES_MAX];
	char leaf[HARK_EVENT_BYTES_MAX];
	size_t leaf_size;
	struct merkle_hash hash;
	struct merkle_frontier frontier;
	uint8_t digest[SHA256_BYTES];
	/* Receipts, the page. */
	struct record_receipt receipt;
	uint8_t receipt_bytes[RECORD_RECEIPT_BYTES_MAX];
	struct page *page;
	struct page_state page_state;
	/* Checkpoints. */
	struct keys_signer *signer;
	struct keys_verifier verifier;
	struct checkpoint checkpoint;
	struct buf note;
	char text[CHECKPOINT_TEXT_MAX];
	size_t text_size;
	uint8_t signature[KEYS_SIGNATURE_BYTES];
	uint8_t bare_key[crypto_sign_SECRETKEYBYTES];
	uint8_t bare_signature[crypto_sign_BYTES];
	uint8_t bare_public[crypto_sign_PUBLICKEYBYTES];
};

static void
need(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "spine: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- records and leaves -------------------------------------------------------------------- */

static void
stage_record_write(void *ctx)
{
	struct work *w = ctx;

	need(record_write(&w->record, w->record_bytes, sizeof(w->record_bytes), &w->record_size) ==
		     ERR_OK,
	     "record_write");
}

static void
stage_record_read(void *ctx)
{
	struct work *w = ctx;
	size_t used;

	need(record_read(w->record_bytes, w->record_size, &w->read, &used) == ERR_OK,
	     "record_read");
}

static void
floor_record(void *ctx)
{
	struct work *w = ctx;

	memcpy(w->copy, w->record_bytes, w->record_size);
	__asm__ volatile("" : : "r"(w->copy) : "memory");
}

static void
stage_leaf(void *ctx)
{
	struct work *w = ctx;

	merkle_leaf(w->leaf, w->leaf_size, &w->hash);
}

static void
floor_leaf(void *ctx)
{
	struct work *w = ctx;

	sha256_of(w->leaf, w->leaf_size, w->digest);
}

static void
stage_frontier(void *ctx)
{
	struct work *w = ctx;

	merkle_frontier_add(&w->frontier, &w->hash, NULL, NULL);
}

/* A tree has as many inner nodes as leaves: two hashes and the byte before them. */
static void
floor_node(void *ctx)
{
	struct work *w = ctx;

	sha256_of(w->leaf, 2 * MERKLE_HASH_BYTES + 1, w->digest);
}

/* ---- receipts and the page ----------------------------------------------------------------- */

static void
stage_receipt(void *ctx)
{
	struct work *w = ctx;
	size_t size;

	w->receipt.next++;
	need(record_receipt_write(&w->receipt, w->receipt_bytes, sizeof(w->receipt_bytes), &size) ==
			     ERR_OK &&
		     record_receipt_read(w->receipt_bytes, size, &w->receipt) == ERR_OK,
	     "receipt");
}

static void
stage_page(void *ctx)
{
	struct work *w = ctx;

	w->page_state.committed_size++;
	page_publish(w->page, &w->page_state);
}

/* ---- checkpoints --------------------------------------------------------------------------- */

static void
stage_sign(void *ctx)
{
	struct work *w = ctx;

	w->note.size = 0;
	checkpoint_write(&w->checkpoint, w->text, &w->text_size);
	need(keys_signer_sign(w->signer, w->text, w->text_size, w->signature) == ERR_OK &&
		     note_write_text(w->text, w->text_size, &w->note) == ERR_OK &&
		     note_write_signature(w->verifier.name, w->verifier.id, w->signature,
					  sizeof(w->signature), &w->note) == ERR_OK,
	     "sign");
}

static void
floor_sign(void *ctx)
{
	struct work *w = ctx;

	need(crypto_sign_detached(w->bare_signature, NULL, (const uint8_t *)w->text, w->text_size,
				  w->bare_key) == 0,
	     "libsodium");
}

static void
stage_verify(void *ctx)
{
	static struct note note;
	struct work *w = ctx;
	struct checkpoint read;

	need(note_read(w->note.data, w->note.size, &note) == ERR_OK &&
		     checkpoint_read(note.text, &read) == ERR_OK &&
		     keys_verify(&w->verifier, note.text.data, note.text.size,
				 note.signatures[0].bytes),
	     "a checkpoint does not hold");
}

static void
floor_verify(void *ctx)
{
	struct work *w = ctx;

	need(crypto_sign_verify_detached(w->bare_signature, (const uint8_t *)w->text, w->text_size,
					 w->bare_public) == 0,
	     "libsodium");
}

/* ---- life ---------------------------------------------------------------------------------- */

static void
prepare_event(struct work *w)
{
	static const char spec[] =
		"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
	struct hark_event_origin origin = { .source = hark_text_of("/hark/" ORIGIN),
					    .id_prefix = hark_text_of(ORIGIN),
					    .number = 100000 };
	struct hark_stamped_declaration stamped;
	struct hark_host_stamp stamp;

	w->record = (struct record){ .type = RECORD_DECLARED, .connection = 1 };
	w->record.session.mode = HARK_WIRE_CELLOS;
	w->record.declaration = (struct hark_guest_declaration){
		.content_version = HARK_WIRE_CONTENT_VERSION_MAJOR,
		.guest_pid = 4242,
		.guest_monotonic_ns = UINT64_C(123456789012),
		.probe_source = hark_text_of("process.spawned"),
		.guest_comm = hark_text_of("workload"),
	};
	need(hark_host_stamp_init(hark_text_of("cell-a"), hark_text_of("run-1"), hark_text_of(spec),
				  &stamp) == HARK_TELEMETRY_OK,
	     "stamp");
	stamp.has_epoch = true;
	stamp.epoch = 1;
	stamp.host_received_at = (struct hark_time){ 1762348800, 123456789 };
	need(hark_stamp(&w->record.declaration, &stamp, &stamped) == HARK_TELEMETRY_OK &&
		     hark_event_from_stamped(&stamped, &origin, w->leaf, sizeof(w->leaf),
					     &w->leaf_size) == HARK_TELEMETRY_OK,
	     "event");
}

static void
prepare(struct work *w)
{
	int page_fd = memfd_create("page", MFD_CLOEXEC);

	need(page_fd >= 0 && ftruncate(page_fd, PAGE_BYTES) == 0 &&
		     page_map_writer(page_fd, &w->page) == ERR_OK,
	     "page");
	(void)close(page_fd);
	prepare_event(w);
	w->receipt.count = 1;
	need(keys_start() == ERR_OK && keys_signer_create(ORIGIN, &w->signer) == ERR_OK, "keys");
	keys_signer_verifier(w->signer, &w->verifier);
	(void)snprintf(w->checkpoint.origin, sizeof(w->checkpoint.origin), "%s", ORIGIN);
	w->checkpoint.size = 200000;
	need(crypto_sign_keypair(w->bare_public, w->bare_key) == 0, "libsodium");
	stage_record_write(w);
	stage_sign(w);
	floor_sign(w);
}

int
main(void)
{
	static struct work w;
	char leaf[32];

	prepare(&w);
	(void)snprintf(leaf, sizeof(leaf), "%zu-byte leaf", w.leaf_size);
	measure_stage("record write", "one declaration", stage_record_write, floor_record, "copy",
		      &w);
	measure_stage("record read", "one declaration", stage_record_read, floor_record, "copy",
		      &w);
	measure_stage("leaf hash", leaf, stage_leaf, floor_leaf, "SHA-256 of the same", &w);
	measure_stage("frontier add", "a leaf", stage_frontier, floor_node, "one node's SHA-256",
		      &w);
	measure_stage("receipt", "written and read, 1 slot", stage_receipt, NULL, NULL, &w);
	measure_stage("page publish", "nobody waits", stage_page, NULL, NULL, &w);
	measure_stage("checkpoint sign", "a note", stage_sign, floor_sign, "libsodium alone", &w);
	measure_stage("checkpoint verify", "a note", stage_verify, floor_verify, "libsodium alone",
		      &w);
	page_unmap(w.page);
	keys_signer_destroy(w.signer);
	buf_finish(&w.note);
	return 0;
}
