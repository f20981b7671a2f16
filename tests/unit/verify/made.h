/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ledgers, notes and proofs that the tests of this room make with the writer of lib/ledger. */
#ifndef TESTS_VERIFY_MADE_H
#define TESTS_VERIFY_MADE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/verify.h>

#include "unit.h"

#include "checkpoint/checkpoint.h"
#include "checkpoint/note.h"
#include "keys/keys.h"
#include "ledger/ledger.h"
#include "os/file.h"
#include "os/folder.h"

#define MADE_ORIGIN "h.example/evidence"

struct made {
	char path[64];
	struct keys_signer *key;
	char verifier[KEYS_VERIFIER_TEXT_MAX + 1];
	struct buf note; /* the last checkpoint */
};

static inline void
made_sign(struct made *m, const char *origin, uint64_t size, const struct merkle_hash *root)
{
	struct checkpoint c = { .size = size, .root = *root };
	uint8_t signature[KEYS_SIGNATURE_BYTES];
	struct keys_verifier verifier;
	char text[CHECKPOINT_TEXT_MAX];
	size_t length = 0;

	memcpy(c.origin, origin, strlen(origin) + 1);
	checkpoint_write(&c, text, &length);
	keys_signer_verifier(m->key, &verifier);
	keys_verifier_write(&verifier, m->verifier);
	assert_int_equal(keys_signer_sign(m->key, text, length, signature), ERR_OK);
	buf_clear(&m->note);
	assert_int_equal(note_write_text(text, length, &m->note), ERR_OK);
	assert_int_equal(note_write_signature(verifier.name, verifier.id, signature,
					      sizeof(signature), &m->note),
			 ERR_OK);
}

static inline void
made_leaf(struct ledger *l)
{
	char *place = ledger_reserve(l);
	int size;

	assert_non_null(place);
	size = snprintf(
		place, LEDGER_LEAF_BYTES_MAX,
		"{\"data\":{\"cellId\":\"c0\",\"declared\":{\"probeSource\":\"x\",\"seq\":\"%u\"}"
		",\"runId\":\"r\"},\"id\":\"" MADE_ORIGIN "/%u\",\"source\":\"/hark/" MADE_ORIGIN
		"\",\"specversion\":\"1.0\",\"time\":\"t\",\"type\":\"x.y\"}",
		(unsigned int)ledger_next_index(l), (unsigned int)ledger_next_index(l));
	ledger_append(l, (size_t)size);
}

/* A ledger of so many leaves in frames of ten, sealed at its end. */
static inline void
made_ledger(struct made *m, unsigned int leaves)
{
	struct ledger_options options = { .origin = MADE_ORIGIN,
					  .segment_bytes = 1u << 20,
					  .batch_bytes = 1u << 18,
					  .salt = { 1, 2 },
					  .is_synchronous = true };
	struct ledger_failure why = { 0 };
	struct hark_time now = { .seconds = 1795000000 };
	struct merkle_hash root;
	struct ledger *l = NULL;
	struct disk disk;
	unsigned int i;
	int fd = -1;

	*m = (struct made){ .path = "/tmp/verify-XXXXXX" };
	assert_int_equal(keys_start(), ERR_OK);
	assert_int_equal(keys_signer_create(MADE_ORIGIN, &m->key), ERR_OK);
	assert_int_equal(folder_make_temporary(m->path), ERR_OK);
	assert_int_equal(folder_open_path(m->path, &fd), ERR_OK);
	assert_int_equal(disk_open_real(fd, &disk), ERR_OK);
	if (ledger_open(disk, &options, &l, &why) != ERR_OK)
		fail_msg("%s", why.text);
	for (i = 0; i < leaves; i++) {
		made_leaf(l);
		if (i % 10 != 9 && i + 1 < leaves)
			continue;
		assert_int_equal(ledger_commit_begin(l, now, i), ERR_OK);
		assert_int_equal(ledger_commit_end(l), ERR_OK);
	}
	ledger_committed_root(l, &root);
	made_sign(m, MADE_ORIGIN, leaves, &root);
	assert_int_equal(ledger_checkpoint_write(l, m->note.data, m->note.size, now, true), ERR_OK);
	ledger_close(l);
	disk_close_real(&disk);
	file_close(&fd);
}

static inline void
made_remove(struct made *m)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", m->path);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path that we made */
	keys_signer_destroy(m->key);
	buf_finish(&m->note);
}

#endif
