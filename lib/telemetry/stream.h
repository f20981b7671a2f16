/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a program that keeps very many streams must know of one beyond its public door. */
#ifndef TELEMETRY_STREAM_H
#define TELEMETRY_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include <hark/telemetry.h>

/*
 * True where the latest read found the socket empty: who waits for edges may wait again.  After an
 * AGAIN without it there may be more to read, for a read can end before the socket's queue does.
 */
bool stream_is_drained(const struct hark_stream *s);
/* When a frame that was begun and is not whole becomes too late; UINT64_MAX where there is none. */
uint64_t stream_deadline_ns(const struct hark_stream *s);
/* Gives the memory of an empty buffer back to the kernel.  Nothing happens where it holds bytes. */
void stream_give_back(struct hark_stream *s);

#endif
