/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory by whole pages: zeroed, touched only where it is used, and given back without being
 * unmapped, so that what is idle costs next to nothing.
 */
#ifndef OS_MEMORY_H
#define OS_MEMORY_H

#include <stddef.h>

#include "base/err.h"

/* Maps private memory of zeroes.  ERR_MEMORY. */
MUST_USE enum err memory_map(size_t size, void **out);
/* Unmaps what memory_map gave, of the same size.  NULL is fine. */
void memory_unmap(void *data, size_t size);
/*
 * Gives the whole pages between data and data + size back to the kernel: the content of the range
 * is lost, in whole or in part, and the memory stays usable.  Works on any private memory, mapped
 * or from malloc.  Where the kernel refuses, nothing has changed but the cost.
 */
void memory_give_back(void *data, size_t size);
/* Gives back what earlier calls used of the stack below the caller: a start needs more than a life.
 */
void memory_give_back_stack(void);

#endif
