/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Guarded memory by libsodium. */
#include <errno.h>
#include <sodium.h>

#include "base/must.h"
#include "sign/secret.h"

enum err
secret_init(struct secret *s, size_t capacity)
{
	uint8_t *bytes;

	MUST(s != NULL);

	if (sodium_init() < 0)
		return ERR_SYSTEM;
	/* One byte at least: an empty secret has a place too. */
	bytes = sodium_malloc(capacity > 0 ? capacity : 1);
	if (bytes == NULL)
		return ERR_MEMORY;
	*s = (struct secret){ .bytes = bytes, .capacity = capacity };
	return ERR_OK;
}

void
secret_seal(struct secret *s)
{
	MUST(s != NULL && s->bytes != NULL);
	MUST(s->size <= s->capacity);
	/* Where the kernel refuses, the key is where it is: in locked memory, still writable. */
	(void)sodium_mprotect_readonly(s->bytes);
}

void
secret_finish(struct secret *s)
{
	int kept = errno;

	if (s == NULL)
		return;
	sodium_free(s->bytes);
	*s = (struct secret){ 0 };
	errno = kept;
}
