/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The signer's two descriptors: harkd's, and the link to one notary at a time. */
#ifndef HARK_SIGNER_SERVE_H
#define HARK_SIGNER_SERVE_H

#include <stdint.h>

#include "base/err.h"
#include "hark-signer/signer.h"
#include "ipc/ipc.h"
#include "loop/loop.h"
#include "prog/exit.h"

struct serve {
	struct loop *loop;
	struct signer *signer;
	int supervisor_fd; /* borrowed */
	int link_fd;       /* -1 where there is none */
	enum exit_code exit_code;
	uint8_t bytes[IPC_BYTES_MAX];
};

/* Borrows all; fills *s.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err serve_init(struct serve *s, struct signer *signer, struct loop *loop,
			     int supervisor_fd);
/* Until harkd says STOP or has gone; gives how to end. */
enum exit_code serve_run(struct serve *s);
/* Closes the link. */
void serve_finish(struct serve *s);

#endif
