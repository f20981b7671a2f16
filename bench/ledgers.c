/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Nanoseconds of what is done with a ledger, one JSON object a line: appending and committing,
 * proofs out of its files, verifying.  Beside each stands the least that does the same: one write
 * and one fdatasync of the same bytes, the hashes alone.  What the rows of commits cost is the
 * disk's.
 *
 * usage: ledgers [DIRECTORY]	(for ledgers of the benchmark's own, which are removed; /tmp)
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hark/event.h>
#include <hark/telemetry.h>
#include <hark/verify.h>

#include "base/bytes.h"
#include "bench/measure.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/note.h"
#include "crypto/sha256.h"
#include "keys/keys.h"
#include "ledger/ledger.h"
#include "merkle/merkle.h"
#include "os/disk.h"

#define ORIGIN "bench/evidence"
/* Leaves of the ledger that is proven from and verified, and the batch in which they are written.
 */
#define LEAVES       200000u
#define LEAVES_BATCH 1024u
/* A round of commits: at least so many batches, and so many leaves. */
#define BATCHES_MIN 4u
#define LEAVES_MIN  2048u
#define ROUNDS      5u
/* The file that is written beside the ledger is as large as a segment. */
#define FLOOR_FILE_BYTES 67108864

struct work {
	char directory[4096];
	int dirfd;
	struct disk disk;
	struct ledger *ledger;
	/* An event. */
	struct hark_guest_declaration said;
	struct hark_host_stamp stamp;
	struct hark_event_origin origin;
	char leaf[LEDGER_LEAF_BYTES_MAX];
	size_t leaf_size;
	uint8_t digest[SHA256_BYTES];
	/* Proofs. */
	uint64_t size;
	uint64_t index;
	struct merkle_hash root;
	struct merkle_hash old_root;
	struct merkle_hash proven; /* the leaf's hash */
	struct merkle_hash inclusion[MERKLE_PROOF_MAX];
	struct merkle_hash consistency[MERKLE_PROOF_MAX];
	size_t inclusion_count;
	size_t consistency_count;
	struct keys_verifier verifier;
	/* The file beside the ledger. */
	int floor_fd;
	off_t floor_at;
	uint8_t *floor_data;
};

static void
need(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "spine: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- hashes alone -------------------------------------------------------------------------- */

static void
floor_leaf(void *ctx)
{
	struct work *w = ctx;

	sha256_of(w->leaf, w->leaf_size, w->digest);
}

/* A tree has as many inner nodes as leaves: two hashes and the byte before them. */
static void
floor_node(void *ctx)
{
	struct work *w = ctx;

	sha256_of(w->leaf, 2 * MERKLE_HASH_BYTES + 1, w->digest);
}

static void
floor_inclusion(void *ctx)
{
	struct work *w = ctx;
	size_t i;

	for (i = 0; i < w->inclusion_count; i++)
		floor_node(w);
}

static void
floor_consistency(void *ctx)
{
	struct work *w = ctx;
	size_t i;

	for (i = 0; i < w->consistency_count; i++)
		floor_node(w);
}

/* ---- proofs -------------------------------------------------------------------------------- */

static void
stage_prove_inclusion(void *ctx)
{
	struct work *w = ctx;

	need(merkle_prove_inclusion(ledger_node, w->ledger, w->index, w->size, w->inclusion,
				    &w->inclusion_count) == ERR_OK,
	     "prove");
}

static void
stage_prove_consistency(void *ctx)
{
	struct work *w = ctx;

	need(merkle_prove_consistency(ledger_node, w->ledger, w->index, w->size, w->consistency,
				      &w->consistency_count) == ERR_OK,
	     "prove");
}

static void
stage_verify_inclusion(void *ctx)
{
	struct work *w = ctx;

	need(merkle_verify_inclusion(&w->proven, w->index, w->size, w->inclusion,
				     w->inclusion_count, &w->root) == ERR_OK,
	     "an inclusion proof does not hold");
}

static void
stage_verify_consistency(void *ctx)
{
	struct work *w = ctx;

	need(merkle_verify_consistency(w->index, &w->old_root, w->size, &w->root, w->consistency,
				       w->consistency_count) == ERR_OK,
	     "a consistency proof does not hold");
}

/* ---- the ledger ---------------------------------------------------------------------------- */

static size_t
event_write(struct work *w, uint64_t index, char *out)
{
	struct hark_stamped_declaration stamped;
	size_t size = 0;

	w->origin.number = index;
	need(hark_stamp(&w->said, &w->stamp, &stamped) == HARK_TELEMETRY_OK &&
		     hark_event_from_stamped(&stamped, &w->origin, out, LEDGER_LEAF_BYTES_MAX,
					     &size) == HARK_TELEMETRY_OK,
	     "event");
	return size;
}

static void
commit(struct ledger *l)
{
	struct hark_time now = { 1762348800, 0 };

	need(ledger_commit_begin(l, now, measure_now_ns()) == ERR_OK &&
		     ledger_commit_end(l) == ERR_OK,
	     "commit");
}

/* Copies leaves that are there, as a notary writes them into their place, and commits them. */
static void
ledger_batch(struct work *w, size_t leaves)
{
	size_t i;

	for (i = 0; i < leaves; i++) {
		char *at = ledger_reserve(w->ledger);

		need(at != NULL, "a batch is too small for its leaves");
		memcpy(at, w->leaf, w->leaf_size);
		ledger_append(w->ledger, w->leaf_size);
	}
	commit(w->ledger);
}

/* The same bytes with one write and one fdatasync, into space that was reserved. */
static void
floor_batch(struct work *w, size_t leaves)
{
	size_t size = leaves * (4 + w->leaf_size);
	size_t i;

	for (i = 0; i < leaves; i++)
		memcpy(w->floor_data + i * (4 + w->leaf_size) + 4, w->leaf, w->leaf_size);
	if (w->floor_at + (off_t)size > FLOOR_FILE_BYTES) {
		need(ftruncate(w->floor_fd, 0) == 0 &&
			     fallocate(w->floor_fd, 0, 0, FLOOR_FILE_BYTES) == 0,
		     "the file beside the ledger");
		w->floor_at = 0;
	}
	need(pwrite(w->floor_fd, w->floor_data, size, w->floor_at) == (ssize_t)size &&
		     fdatasync(w->floor_fd) == 0,
	     "the file beside the ledger");
	w->floor_at += (off_t)size;
}

static double
time_batches(struct work *w, void (*batch)(struct work *w, size_t leaves), size_t leaves)
{
	size_t batches = LEAVES_MIN / leaves > BATCHES_MIN ? LEAVES_MIN / leaves : BATCHES_MIN;
	uint64_t start = measure_now_ns();
	size_t i;

	for (i = 0; i < batches; i++)
		batch(w, leaves);
	return (double)(measure_now_ns() - start) / (double)(batches * leaves);
}

static void
measure_ledger(struct work *w)
{
	static const size_t sizes[] = { 64, 256, 1024, 2048 };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		double rounds[ROUNDS];
		double floors[ROUNDS];
		char config[64];
		size_t n;

		for (n = 0; n < ROUNDS; n++) {
			rounds[n] = time_batches(w, ledger_batch, sizes[i]);
			floors[n] = time_batches(w, floor_batch, sizes[i]);
		}
		(void)snprintf(config, sizeof(config), "a leaf, %zu a batch", sizes[i]);
		measure_print("ledger append, commit", config, measure_median(rounds, ROUNDS),
			      measure_median(floors, ROUNDS), "pwrite and fdatasync");
	}
}

static void
ledger_make(struct work *w, const char *name)
{
	struct ledger_options options = { .origin = ORIGIN,
					  .salt = { 1, 2 },
					  .is_synchronous = true };
	struct ledger_failure why = { 0 };
	int fd;

	need(mkdirat(w->dirfd, name, 0700) == 0, name);
	fd = openat(w->dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	need(fd >= 0 && disk_open_real(fd, &w->disk) == ERR_OK, name);
	(void)close(fd);
	need(ledger_open(w->disk, &options, &w->ledger, &why) == ERR_OK, why.text);
}

static void
ledger_unmake(struct work *w)
{
	ledger_close(w->ledger);
	w->ledger = NULL;
	disk_close_real(&w->disk);
}

/* Signs what is committed. */
static void
seal(struct work *w)
{
	struct checkpoint c = { .origin = ORIGIN, .size = w->size, .root = w->root };
	cleanup(buf_finish) struct buf note = { 0 };
	uint8_t signature[KEYS_SIGNATURE_BYTES];
	struct keys_signer *signer = NULL;
	char text[CHECKPOINT_TEXT_MAX];
	size_t size = 0;

	need(keys_start() == ERR_OK && keys_signer_create(ORIGIN, &signer) == ERR_OK, "keys");
	keys_signer_verifier(signer, &w->verifier);
	checkpoint_write(&c, text, &size);
	need(keys_signer_sign(signer, text, size, signature) == ERR_OK &&
		     note_write_text(text, size, &note) == ERR_OK &&
		     note_write_signature(w->verifier.name, w->verifier.id, signature,
					  sizeof(signature), &note) == ERR_OK &&
		     ledger_checkpoint_write(w->ledger, note.data, note.size,
					     (struct hark_time){ 1762348800, 0 }, true) == ERR_OK,
	     "checkpoint");
	keys_signer_destroy(signer);
}

/* A ledger as a notary leaves it, with the numbers of its proofs, and sealed. */
static void
ledger_fill(struct work *w)
{
	uint64_t i;

	for (i = 0; i < LEAVES; i++) {
		char *at = ledger_reserve(w->ledger);
		size_t size;

		need(at != NULL, "a batch is too small for its leaves");
		size = event_write(w, i, at);
		if (i == w->index)
			merkle_leaf(at, size, &w->proven);
		ledger_append(w->ledger, size);
		if ((i + 1) % LEAVES_BATCH == 0)
			commit(w->ledger);
	}
	commit(w->ledger);
	w->size = LEAVES;
	ledger_committed_root(w->ledger, &w->root);
	need(merkle_root_at(ledger_node, w->ledger, w->index, &w->old_root) == ERR_OK, "root");
	seal(w);
}

static void
measure_proofs(struct work *w)
{
	char config[64];

	(void)snprintf(config, sizeof(config), "of %u leaves", LEAVES);
	measure_stage("prove inclusion", config, stage_prove_inclusion, NULL, NULL, w);
	measure_stage("prove consistency", config, stage_prove_consistency, NULL, NULL, w);
	measure_stage("verify inclusion", config, stage_verify_inclusion, floor_inclusion,
		      "the hashes alone", w);
	measure_stage("verify consistency", config, stage_verify_consistency, floor_consistency,
		      "a hash for each of the proof", w);
}

/* All of the ledger as `hark verify` judges it, beside the two hashes that a leaf cannot do
 * without. */
static void
measure_verify(struct work *w, const char *path)
{
	char text[KEYS_VERIFIER_TEXT_MAX + 1];
	struct hark_verifier *verifier = NULL;
	struct hark_failure why = { 0 };
	enum hark_answer answer = HARK_ANSWER_UNVERIFIABLE;
	double rounds[ROUNDS];
	double floors[ROUNDS];
	char config[64];
	size_t n, i;

	keys_verifier_write(&w->verifier, text);
	need(hark_verifier_create(&verifier) == HARK_VERIFIER_OK &&
		     hark_verifier_add_key(verifier, hark_text_of(text), &why) == HARK_VERIFIER_OK,
	     why.text);
	for (n = 0; n < ROUNDS; n++) {
		uint64_t start = measure_now_ns();

		need(hark_verifier_judge(verifier, path, &answer, &why) == HARK_VERIFIER_OK &&
			     answer == HARK_ANSWER_INTACT,
		     "the ledger is not found intact");
		rounds[n] = (double)(measure_now_ns() - start) / LEAVES;
		start = measure_now_ns();
		for (i = 0; i < LEAVES; i++) {
			floor_leaf(w);
			floor_node(w);
		}
		floors[n] = (double)(measure_now_ns() - start) / LEAVES;
	}
	hark_verifier_destroy(verifier);
	(void)snprintf(config, sizeof(config), "a leaf, of %u", LEAVES);
	measure_print("verify", config, measure_median(rounds, ROUNDS),
		      measure_median(floors, ROUNDS), "its two hashes");
}

/* ---- life ---------------------------------------------------------------------------------- */

static int
remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
	(void)info;
	(void)type;
	(void)place;
	return remove(path);
}

static void
prepare(struct work *w, const char *below)
{
	static const char spec[] =
		"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

	(void)snprintf(w->directory, sizeof(w->directory), "%s/hark-bench-XXXXXX", below);
	need(mkdtemp(w->directory) != NULL, w->directory);
	w->dirfd = open(w->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->floor_fd = openat(w->dirfd, "floor", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	w->floor_data = calloc(1, LEDGER_BATCH_BYTES_MAX);
	w->floor_at = FLOOR_FILE_BYTES;
	need(w->dirfd >= 0 && w->floor_fd >= 0 && w->floor_data != NULL, w->directory);
	w->said = (struct hark_guest_declaration){
		.content_version = HARK_WIRE_CONTENT_VERSION_MAJOR,
		.guest_pid = 4242,
		.guest_monotonic_ns = UINT64_C(123456789012),
		.probe_source = hark_text_of("process.spawned"),
		.guest_comm = hark_text_of("workload"),
	};
	need(hark_host_stamp_init(hark_text_of("cell-a"), hark_text_of("run-1"), hark_text_of(spec),
				  &w->stamp) == HARK_TELEMETRY_OK,
	     "stamp");
	w->stamp.has_epoch = true;
	w->stamp.epoch = 1;
	w->stamp.host_received_at = (struct hark_time){ 1762348800, 123456789 };
	w->origin.source = hark_text_of("/hark/" ORIGIN);
	w->origin.id_prefix = hark_text_of(ORIGIN);
	w->leaf_size = event_write(w, LEAVES / 2, w->leaf);
	w->index = LEAVES / 3;
}

int
main(int argc, char **argv)
{
	static struct work w;
	char path[sizeof(w.directory) + 16];

	prepare(&w, argc > 1 ? argv[1] : "/tmp");
	ledger_make(&w, "batches");
	measure_ledger(&w);
	ledger_unmake(&w);
	ledger_make(&w, "proofs");
	ledger_fill(&w);
	measure_proofs(&w);
	ledger_unmake(&w);
	(void)snprintf(path, sizeof(path), "%s/proofs", w.directory);
	measure_verify(&w, path);
	free(w.floor_data);
	(void)nftw(w.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
