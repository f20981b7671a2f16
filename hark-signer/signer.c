/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The head moves before the signature is made, so that no crash lets two trees be signed. */
#include <string.h>

#include "base/must.h"
#include "checkpoint/note.h"
#include "hark-signer/signer.h"

void
signer_head(const struct signer *s, struct checkpoint *out)
{
	MUST(s != NULL && out != NULL);

	*out = (struct checkpoint){ .size = s->ring.head.size };
	memcpy(out->origin, s->origin, sizeof(out->origin));
	memcpy(out->root.bytes, s->ring.head.root, sizeof(out->root.bytes));
}

enum err
signer_note(const struct checkpoint *c, const struct keys_signer *const *keys, size_t count,
	    struct buf *out)
{
	char text[CHECKPOINT_TEXT_MAX];
	size_t size;
	size_t i;
	enum err e;

	MUST(c != NULL && keys != NULL && count > 0 && out != NULL && out->size == 0);

	checkpoint_write(c, text, &size);
	e = note_write_text(text, size, out);
	for (i = 0; i < count && e == ERR_OK; i++) {
		uint8_t signature[KEYS_SIGNATURE_BYTES];
		struct keys_verifier verifier;

		keys_signer_verifier(keys[i], &verifier);
		e = keys_signer_sign(keys[i], text, size, signature);
		if (e == ERR_OK)
			e = note_write_signature(verifier.name, verifier.id, signature,
						 sizeof(signature), out);
	}
	if (e != ERR_OK)
		buf_clear(out);
	/* The text is our own: what is wrong with it would be our mistake. */
	MUST(e != ERR_FORMAT && e != ERR_LIMIT);
	return e;
}

enum err
signer_sign(struct signer *s, const struct signer_request *request)
{
	const struct keys_signer *key;
	struct checkpoint head;
	enum err e;

	MUST(s != NULL && request != NULL && s->ring.key != NULL);
	MUST(request->proof_count <= MERKLE_PROOF_MAX);

	signer_head(s, &head);
	if (request->size < head.size)
		return ERR_RANGE;
	if (request->size == head.size && !merkle_equal(&request->root, &head.root))
		return ERR_EXISTS;
	e = merkle_verify_consistency(head.size, &head.root, request->size, &request->root,
				      request->proof, request->proof_count);
	if (e != ERR_OK)
		return ERR_REFUSED;
	if (request->size > head.size) {
		e = head_advance(&s->ring.head, request->size, request->root.bytes);
		if (e != ERR_OK)
			return e;
		signer_head(s, &head);
	}
	buf_clear(&s->note);
	key = s->ring.key;
	return signer_note(&head, &key, 1, &s->note);
}

const char *
signer_refusal(enum err e)
{
	switch (e) {
	case ERR_RANGE:
		return "a larger tree was signed already";
	case ERR_EXISTS:
		return "another tree of this size was signed already";
	case ERR_REFUSED:
		return "the proof does not show that the tree has grown from the one signed last";
	case ERR_SYSTEM:
		return "what is signed cannot be kept first";
	default:
		return err_text(e);
	}
}

void
signer_finish(struct signer *s)
{
	if (s == NULL)
		return;
	keyring_close(&s->ring);
	buf_finish(&s->note);
	buf_finish(&s->rotation);
}
