/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* mmap of a descriptor, and futex(2) without the private flag: the sleepers are other processes. */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "os/shared.h"

enum err
shared_map(int fd, size_t size, bool writable, void **out)
{
	void *memory;

	MUST(fd >= 0);
	MUST(size > 0 && out != NULL);

	memory = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return errno == ENOMEM ? ERR_MEMORY : ERR_SYSTEM;
	*out = memory;
	return ERR_OK;
}

void
shared_unmap(void *memory, size_t size)
{
	int saved = errno;

	/* It fails for no address that mmap gave. */
	if (memory != NULL)
		(void)munmap(memory, size);
	errno = saved;
}

void
shared_wait(const uint32_t *word, uint32_t value, int timeout_ms)
{
	struct timespec limit = { .tv_sec = timeout_ms / 1000,
				  .tv_nsec = (long)(timeout_ms % 1000) * 1000000 };
	int saved = errno;

	MUST(word != NULL);

	/* Whatever ends it, the caller looks at the word again. */
	(void)syscall(SYS_futex, word, FUTEX_WAIT, value, timeout_ms < 0 ? NULL : &limit, NULL, 0);
	errno = saved;
}

void
shared_wake(uint32_t *word)
{
	int saved = errno;

	MUST(word != NULL);

	/* It fails for no word of a mapping. */
	(void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	errno = saved;
}
