/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The keys that envelopes are verified with.  Each key file becomes one batch: its key ids in one
 * piece of memory and all of its keys in one piece of guarded memory.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/must.h"
#include "sign/sign_internal.h"

struct batch {
	struct batch *next;
	struct secret secrets;
	char kids[];
};

/* list: sorted, unique by algorithm and kid, pointing into the batches. */
struct hark_verify_keys {
	struct verify_key *list;
	size_t count;
	struct batch *batches;
};

static int
compare_keys(const void *a, const void *b)
{
	const struct verify_key *x = a;
	const struct verify_key *y = b;

	if (x->algorithm != y->algorithm)
		return x->algorithm < y->algorithm ? -1 : 1;
	if (x->kid_size != y->kid_size)
		return x->kid_size < y->kid_size ? -1 : 1;
	return x->kid_size > 0 ? memcmp(x->kid, y->kid, x->kid_size) : 0;
}

static void
batch_destroyp(struct batch **batch)
{
	if (*batch == NULL)
		return;
	secret_finish(&(*batch)->secrets);
	free(*batch);
	*batch = NULL;
}

static void
list_freep(struct verify_key **list)
{
	free(*list);
	*list = NULL;
}

/*
 * A public key that can have signed something: a point of the curve, in its one encoding, of the
 * prime order.  All zeros is of small order, and under such a key anybody signs.
 */
static bool
is_public_key(const uint8_t *bytes, size_t size)
{
	return size == ED25519_KEY_BYTES && crypto_core_ed25519_is_valid_point(bytes) == 1;
}

/* One member of a key file into `key` and the batch. */
static enum hark_sign_error
take_key(const struct json_node *member, enum hark_sign_algorithm algorithm, struct batch *batch,
	 char **kids_at, struct verify_key *key, struct hark_failure *why)
{
	struct hark_text kid = { .data = member->name, .size = member->name_size };
	uint8_t *bytes = batch->secrets.bytes + batch->secrets.size;
	char shown[64];
	size_t size;
	enum hark_sign_error e;

	e = sign_check_kid(kid, "the key file", why);
	if (e != HARK_SIGN_OK)
		return e;
	(void)sign_shown(kid.data, kid.size, shown);
	if (member->type != JSON_STRING)
		return sign_fail(HARK_SIGN_CONFIG, why, "key %s: expected text in base64url",
				 shown);
	if (base64_read_url(member->text, member->text_size, bytes,
			    BASE64_BYTES_MAX(member->text_size), &size) != ERR_OK)
		return sign_fail(HARK_SIGN_CONFIG, why, "key %s: not base64url", shown);
	if (size == 0)
		return sign_fail(HARK_SIGN_CONFIG, why, "key %s: empty", shown);
	if (algorithm == HARK_SIGN_ALGORITHM_ED25519 && size != ED25519_KEY_BYTES)
		return sign_fail(HARK_SIGN_CONFIG, why,
				 "key %s: an Ed25519 public key has 32 bytes, not %zu", shown,
				 size);
	if (algorithm == HARK_SIGN_ALGORITHM_ED25519 && !is_public_key(bytes, size))
		return sign_fail(HARK_SIGN_CONFIG, why,
				 "key %s: no Ed25519 public key (small order, or not on the curve)",
				 shown);
	memcpy(*kids_at, kid.data, kid.size);
	*key = (struct verify_key){ .algorithm = algorithm,
				    .kid = *kids_at,
				    .kid_size = kid.size,
				    .bytes = bytes,
				    .size = size };
	*kids_at += kid.size;
	batch->secrets.size += size;
	return HARK_SIGN_OK;
}

/* Room for all of a file's keys and key ids. */
static enum hark_sign_error
batch_new(const struct json_node *root, struct batch **out, struct hark_failure *why)
{
	const struct json_node *member;
	struct batch *batch;
	size_t kids = 0;
	size_t bytes = 0;
	enum err e;

	for (member = root->child; member != NULL; member = member->next) {
		kids += member->name_size;
		bytes += BASE64_BYTES_MAX(member->text_size);
	}
	batch = calloc(1, sizeof(*batch) + kids);
	if (batch == NULL)
		return sign_fail(HARK_SIGN_MEMORY, why, "out of memory");
	e = secret_init(&batch->secrets, bytes);
	if (e != ERR_OK) {
		batch_destroyp(&batch);
		return sign_fail_internal(e, why);
	}
	*out = batch;
	return HARK_SIGN_OK;
}

static enum hark_sign_error
sort_unique(struct verify_key *list, size_t count, struct hark_failure *why)
{
	char shown[64];
	size_t i;

	if (count > 1)
		qsort(list, count, sizeof(*list), compare_keys);
	for (i = 1; i < count; i++) {
		if (compare_keys(&list[i - 1], &list[i]) == 0)
			return sign_fail(HARK_SIGN_CONFIG, why, "key %s: given twice",
					 sign_shown(list[i].kid, list[i].kid_size, shown));
	}
	return HARK_SIGN_OK;
}

/* All of a file that was read, or nothing. */
static enum hark_sign_error
add_members(struct hark_verify_keys *keys, enum hark_sign_algorithm algorithm,
	    const struct json_node *root, struct hark_failure *why)
{
	cleanup(batch_destroyp) struct batch *batch = NULL;
	cleanup(list_freep) struct verify_key *list = NULL;
	const struct json_node *member;
	size_t count = keys->count;
	char *kids_at;
	enum hark_sign_error e;

	if (root->child_count > HARK_SIGN_KEYS_MAX - keys->count)
		return sign_fail(HARK_SIGN_LIMIT, why, "more than %u keys", HARK_SIGN_KEYS_MAX);
	e = batch_new(root, &batch, why);
	if (e != HARK_SIGN_OK)
		return e;
	MUST(batch != NULL);
	list = calloc(keys->count + root->child_count + 1, sizeof(*list));
	if (list == NULL)
		return sign_fail(HARK_SIGN_MEMORY, why, "out of memory");
	if (keys->count > 0)
		memcpy(list, keys->list, keys->count * sizeof(*list));
	kids_at = batch->kids;
	for (member = root->child; member != NULL; member = member->next) {
		e = take_key(member, algorithm, batch, &kids_at, &list[count], why);
		if (e != HARK_SIGN_OK)
			return e;
		count++;
	}
	e = sort_unique(list, count, why);
	if (e != HARK_SIGN_OK)
		return e;
	secret_seal(&batch->secrets);
	free(keys->list);
	keys->list = steal(&list);
	keys->count = count;
	batch->next = keys->batches;
	keys->batches = steal(&batch);
	return HARK_SIGN_OK;
}

enum hark_sign_error
hark_verify_keys_create(struct hark_verify_keys **out)
{
	struct hark_verify_keys *keys;

	if (out == NULL)
		return HARK_SIGN_ARGUMENT;
	if (sodium_init() < 0)
		return HARK_SIGN_SYSTEM;
	keys = calloc(1, sizeof(*keys));
	if (keys == NULL)
		return HARK_SIGN_MEMORY;
	*out = keys;
	return HARK_SIGN_OK;
}

enum hark_sign_error
hark_verify_keys_add(struct hark_verify_keys *keys, enum hark_sign_algorithm algorithm,
		     struct hark_text file_text, struct hark_failure *why)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL; /* wipes the texts of keys */
	struct json_failure failure;
	enum hark_verify_reason reason;
	enum hark_sign_error e;

	if (keys == NULL || (file_text.data == NULL && file_text.size > 0))
		return sign_fail(HARK_SIGN_ARGUMENT, why, "a pointer is missing");
	if (algorithm != HARK_SIGN_ALGORITHM_ED25519 &&
	    algorithm != HARK_SIGN_ALGORITHM_HMAC_SHA256)
		return sign_fail(HARK_SIGN_ARGUMENT, why, "no such algorithm");
	e = sign_tree_read(file_text, 0, &tree, &reason, &failure);
	if (e == HARK_SIGN_FORMAT)
		return sign_fail(HARK_SIGN_CONFIG, why, "at byte %zu: %s", failure.offset,
				 failure.text);
	if (e != HARK_SIGN_OK)
		return sign_fail(e, why, "%s", failure.text);
	if (json_tree_root(tree)->type != JSON_OBJECT)
		return sign_fail(HARK_SIGN_CONFIG, why,
				 "expected a JSON object of key ids and keys in base64url");
	return add_members(keys, algorithm, json_tree_root(tree), why);
}

size_t
hark_verify_keys_count(const struct hark_verify_keys *keys)
{
	return keys != NULL ? keys->count : 0;
}

void
hark_verify_keys_destroy(struct hark_verify_keys *keys)
{
	if (keys == NULL)
		return;
	while (keys->batches != NULL) {
		struct batch *batch = keys->batches;

		keys->batches = batch->next;
		batch_destroyp(&batch);
	}
	free(keys->list);
	free(keys);
}

const struct verify_key *
sign_keys_find(const struct hark_verify_keys *keys, enum hark_sign_algorithm algorithm,
	       const char *kid, size_t kid_size)
{
	struct verify_key wanted = { .algorithm = algorithm, .kid = kid, .kid_size = kid_size };

	MUST(keys != NULL && (kid != NULL || kid_size == 0));

	if (keys->count == 0)
		return NULL;
	return bsearch(&wanted, keys->list, keys->count, sizeof(wanted), compare_keys);
}
