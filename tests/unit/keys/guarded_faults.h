/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Guarded memory among the faults of os/store_faults.h.  Link with guarded_fault_wraps too. */
#ifndef TESTS_UNIT_KEYS_GUARDED_FAULTS_H
#define TESTS_UNIT_KEYS_GUARDED_FAULTS_H

#include "unit/os/store_faults.h"

/* Guarded memory that lives. */
static int fault_guarded;

void *__real_sodium_malloc(size_t size);
void __real_sodium_free(void *memory);
void *__wrap_sodium_malloc(size_t size);
void __wrap_sodium_free(void *memory);

void *
__wrap_sodium_malloc(size_t size)
{
	void *memory = fault_now("sodium_malloc", ENOMEM) ? NULL : __real_sodium_malloc(size);

	fault_guarded += memory != NULL;
	return memory;
}

void
__wrap_sodium_free(void *memory)
{
	fault_guarded -= memory != NULL;
	__real_sodium_free(memory);
}

#endif
