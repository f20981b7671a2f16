/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The page: a mark, a counter, and two slots of whole words.  Publication `counter` stands in the
 * slot of its lowest bit.  The writer touches a slot only when the counter names the other one, so
 * a reader who finds the same counter after copying has copied what was published, and a writer
 * that was killed at any instruction leaves the last publication whole.
 */
#include <assert.h>
#include <string.h>

#include "base/must.h"
#include "follow/page.h"
#include "os/file.h"
#include "os/shared.h"

#define PAGE_MARK UINT64_C(0x3147415047414b48) /* "HKAGPAG1" */

/* A slot in words of 64 bits. */
enum {
	WORD_COMMITTED_SIZE,
	WORD_COMMITTED_ROOT,
	WORD_SERIAL = WORD_COMMITTED_ROOT + MERKLE_HASH_BYTES / 8,
	WORD_OFFSET,
	WORD_SEALED_SIZE,
	WORD_SEALED_ROOT,
	WORD_FAILING = WORD_SEALED_ROOT + MERKLE_HASH_BYTES / 8,
	WORDS,
};

/* A reader copies 104 bytes and a writer publishes at most once a commit, so to lose this many
 * races in a row the writer must be broken. */
#define READ_ATTEMPTS_MAX 1000u

struct page_slot {
	_Alignas(1024) uint64_t words[WORDS];
};

struct page {
	uint64_t mark;
	uint32_t counter; /* 0: nothing was published */
	struct page_slot slots[2];
};
static_assert(sizeof(struct page) <= PAGE_BYTES, "the page holds its slots");

static enum err
page_map(int fd, bool writable, struct page **out)
{
	struct file_info info;
	void *memory = NULL;
	enum err e;

	e = file_stat(fd, &info);
	if (e != ERR_OK)
		return e;
	if (info.size != PAGE_BYTES)
		return ERR_FORMAT;
	e = shared_map(fd, PAGE_BYTES, writable, &memory);
	if (e != ERR_OK)
		return e;
	*out = memory;
	return ERR_OK;
}

enum err
page_map_writer(int fd, struct page **out)
{
	MUST(out != NULL);
	return page_map(fd, true, out);
}

enum err
page_map_reader(int fd, struct page **out)
{
	MUST(out != NULL);
	return page_map(fd, false, out);
}

void
page_unmap(struct page *p)
{
	shared_unmap(p, PAGE_BYTES);
}

static void
put_hash(uint64_t *words, const struct merkle_hash *hash)
{
	memcpy(words, hash->bytes, sizeof(hash->bytes));
}

static void
get_hash(const uint64_t *words, struct merkle_hash *hash)
{
	memcpy(hash->bytes, words, sizeof(hash->bytes));
}

void
page_publish(struct page *p, const struct page_state *state)
{
	uint64_t words[WORDS] = {
		[WORD_COMMITTED_SIZE] = state->committed_size,
		[WORD_SERIAL] = state->serial,
		[WORD_OFFSET] = state->offset,
		[WORD_SEALED_SIZE] = state->sealed_size,
		[WORD_FAILING] = state->is_failing ? 1 : 0,
	};
	uint32_t next;
	size_t i;

	MUST(p != NULL);
	MUST(state->sealed_size <= state->committed_size);

	put_hash(words + WORD_COMMITTED_ROOT, &state->committed_root);
	put_hash(words + WORD_SEALED_ROOT, &state->sealed_root);
	next = __atomic_load_n(&p->counter, __ATOMIC_RELAXED) + 1;
	/* 0 is nobody's; 2 has its parity. */
	if (next == 0)
		next = 2;
	/* Who sees a word of this publication must also see that the counter moved to the one
	 * before it: pairs with the reader's fence. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (i = 0; i < WORDS; i++)
		__atomic_store_n(&p->slots[next & 1].words[i], words[i], __ATOMIC_RELAXED);
	__atomic_store_n(&p->mark, PAGE_MARK, __ATOMIC_RELAXED);
	__atomic_store_n(&p->counter, next, __ATOMIC_RELEASE);
	shared_wake(&p->counter);
}

bool
page_read(const struct page *p, struct page_state *out, uint32_t *counter_out)
{
	unsigned int attempt;

	MUST(p != NULL);
	MUST(out != NULL && counter_out != NULL);

	for (attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
		uint32_t counter = __atomic_load_n(&p->counter, __ATOMIC_ACQUIRE);
		uint64_t words[WORDS];
		size_t i;

		*counter_out = counter;
		if (counter == 0 || __atomic_load_n(&p->mark, __ATOMIC_RELAXED) != PAGE_MARK)
			return false;
		for (i = 0; i < WORDS; i++)
			words[i] =
				__atomic_load_n(&p->slots[counter & 1].words[i], __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&p->counter, __ATOMIC_RELAXED) != counter)
			continue;
		if (words[WORD_SEALED_SIZE] > words[WORD_COMMITTED_SIZE])
			return false;
		*out = (struct page_state){
			.committed_size = words[WORD_COMMITTED_SIZE],
			.serial = words[WORD_SERIAL],
			.offset = words[WORD_OFFSET],
			.sealed_size = words[WORD_SEALED_SIZE],
			.is_failing = words[WORD_FAILING] != 0,
		};
		get_hash(words + WORD_COMMITTED_ROOT, &out->committed_root);
		get_hash(words + WORD_SEALED_ROOT, &out->sealed_root);
		return true;
	}
	return false;
}

void
page_wait(const struct page *p, uint32_t counter, int timeout_ms)
{
	MUST(p != NULL);
	shared_wait(&p->counter, counter, timeout_ms);
}
