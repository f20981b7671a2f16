/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Memory by whole pages.  It keeps no account of what it gave. */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/must.h"
#include "os/memory.h"

/* As deep as a start goes, and what is in use. */
#define STACK_BYTES        131072u
#define STACK_MARGIN_BYTES 4096u

enum err
memory_map(size_t size, void **out)
{
	void *data;

	MUST(size > 0 && out != NULL);

	data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return ERR_MEMORY;
	*out = data;
	return ERR_OK;
}

void
memory_unmap(void *data, size_t size)
{
	int kept = errno;

	if (data != NULL)
		(void)munmap(data, size); /* fails only for a range that was never mapped */
	errno = kept;
}

void
memory_give_back(void *data, size_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = (uintptr_t)data;
	uintptr_t end = begin + size;
	int kept = errno;

	MUST(data != NULL && end >= begin);

	/* Inwards: what shares a page with the range is another's. */
	begin = (begin + page - 1) & ~(page - 1);
	end &= ~(page - 1);
	if (begin < end)
		(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
	errno = kept;
}

void
memory_give_back_stack(void)
{
	uint8_t *here = __builtin_frame_address(0);

	/* The last page is left: this call and its callees stand in it. */
	memory_give_back(here - STACK_BYTES, STACK_BYTES - STACK_MARGIN_BYTES);
}
