/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Runs a seccomp program as the kernel would, on a call that is made up: what is decided is seen
 * without being confined.  It knows the instructions that the generator uses and no others.
 */
#ifndef UNIT_ROLE_BPF_H
#define UNIT_ROLE_BPF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "unit.h"

#if defined(__aarch64__)
#define BPF_NATIVE AUDIT_ARCH_AARCH64
#else
#define BPF_NATIVE AUDIT_ARCH_X86_64
#endif

static inline uint32_t
bpf_run(const struct sock_filter *program, size_t count, const struct seccomp_data *data)
{
	uint32_t a = 0;
	size_t at = 0;
	size_t steps;

	for (steps = 0; steps <= count; steps++) {
		const struct sock_filter *i = &program[at];

		assert_true(at < count);
		at++;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k % 4 == 0 && i->k + 4 <= sizeof(*data));
			memcpy(&a, (const char *)data + i->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			fail_msg("instruction %zu has code %#x", at - 1, i->code);
		}
	}
	fail_msg("it does not end");
	return 0;
}

#endif
