/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One thread that does one job at a time for the thread that made it.  What a job touches belongs
 * to the worker from worker_start until worker_take gives true.  No signal is delivered to it.
 */
#ifndef OS_WORKER_H
#define OS_WORKER_H

#include <stdbool.h>

#include "base/err.h"

struct worker;

typedef void worker_fn(void *ctx);

/* Starts the thread, which sleeps.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err worker_create(struct worker **out);
/* Waits for the job under way and ends the thread.  NULL is fine. */
void worker_destroy(struct worker *w);

/* Begins a job; none may be under way or waiting to be taken. */
void worker_start(struct worker *w, worker_fn *fn, void *ctx);
/* Readable while a job has ended and was not taken. */
int worker_fd(const struct worker *w);
/* True once for each job that has ended. */
bool worker_take(struct worker *w);
/* Sleeps until the job under way has ended; then takes it. */
void worker_wait(struct worker *w);

#endif
