/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Nanoseconds of each stage of an event, one JSON object a line.  A stage is repeated until it has
 * run long enough to be measured; the median of several rounds is printed.  Baselines of the same
 * run: copying the frame's and the event's bytes, which is the least that any program does with
 * them; and for an envelope libsodium's signature alone, of an event of that size.
 *
 * usage: stages             measures all of them
 *        stages NAME CALLS  calls one so often and prints nothing, for a profiler
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hark/event.h>
#include <hark/sign.h>
#include <hark/telemetry.h>

#include "base/must.h"

#define ROUNDS      7
#define ROUND_NS    UINT64_C(120000000)
#define CHECK_EVERY 64u

struct work {
	uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	size_t frame_size;
	struct hark_guest_declaration said;
	struct hark_host_stamp host;
	struct hark_stamped_declaration stamped;
	struct hark_event_origin origin;
	char json[HARK_EVENT_BYTES_MAX];
	size_t json_size;
	char copy[HARK_EVENT_BYTES_MAX];
	struct hark_signer *ed25519;
	struct hark_signer *hmac;
	uint8_t bare_key[crypto_sign_SECRETKEYBYTES];
	uint8_t bare_signature[crypto_sign_BYTES];
	struct hark_wire_session session;
};

typedef void stage_fn(struct work *w);

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
stage_copy(struct work *w)
{
	memcpy(w->copy, w->frame, w->frame_size);
	memcpy(w->copy + w->frame_size, w->json, w->json_size);
	__asm__ volatile("" : : "r"(w->copy) : "memory");
}

static void
stage_decode(struct work *w)
{
	struct hark_rejection rejection;

	if (hark_decode_frame(&w->session, w->frame + HARK_FRAME_PREFIX_BYTES,
			      w->frame_size - HARK_FRAME_PREFIX_BYTES, &w->said,
			      &rejection) != HARK_TELEMETRY_OK)
		abort();
}

static void
stage_stamp(struct work *w)
{
	if (hark_stamp(&w->said, &w->host, &w->stamped) != HARK_TELEMETRY_OK)
		abort();
	__asm__ volatile("" : : "r"(&w->stamped) : "memory");
}

static void
stage_event(struct work *w)
{
	w->origin.number++;
	if (hark_event_from_stamped(&w->stamped, &w->origin, w->json, sizeof(w->json),
				    &w->json_size) != HARK_TELEMETRY_OK)
		abort();
}

static void
sign_with(struct work *w, const struct hark_signer *signer)
{
	struct hark_host_stamped_envelope envelope;
	struct hark_failure why;

	if (hark_sign_host_stamped_envelope(signer, (struct hark_text){ w->json, w->json_size },
					    &envelope, &why) != HARK_SIGN_OK)
		abort();
	hark_host_stamped_envelope_finish(&envelope);
}

static void
stage_sign_ed25519(struct work *w)
{
	sign_with(w, w->ed25519);
}

static void
stage_sign_hmac(struct work *w)
{
	sign_with(w, w->hmac);
}

static void
stage_bare_ed25519(struct work *w)
{
	if (crypto_sign_detached(w->bare_signature, NULL, (const uint8_t *)w->json, w->json_size,
				 w->bare_key) != 0)
		abort();
}

static void
stage_bare_hmac(struct work *w)
{
	if (crypto_auth_hmacsha256(w->bare_signature, (const uint8_t *)w->json, w->json_size,
				   w->bare_key) != 0)
		abort();
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One round, in ns for one call. */
static double
measure_round(stage_fn *stage, struct work *w)
{
	uint64_t start = now_ns();
	uint64_t calls = 0;
	uint64_t spent;

	do {
		size_t i;

		for (i = 0; i < CHECK_EVERY; i++)
			stage(w);
		calls += CHECK_EVERY;
		spent = now_ns() - start;
	} while (spent < ROUND_NS);
	return (double)spent / (double)calls;
}

/* The medians of several rounds, in turns, so that what else the machine does meets both. */
static void
measure(stage_fn *stage, stage_fn *floor, struct work *w, double *ns_out, double *floor_ns_out)
{
	double rounds[ROUNDS];
	double floors[ROUNDS];
	size_t i;

	for (i = 0; i < ROUNDS; i++) {
		rounds[i] = measure_round(stage, w);
		floors[i] = measure_round(floor, w);
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
	qsort(floors, ROUNDS, sizeof(floors[0]), compare);
	*ns_out = rounds[ROUNDS / 2];
	*floor_ns_out = floors[ROUNDS / 2];
}

static void
prepare(struct work *w)
{
	struct hark_guest_declaration d = {
		.content_version = HARK_WIRE_CONTENT_VERSION_MAJOR,
		.guest_pid = 4242,
		.guest_monotonic_ns = UINT64_C(123456789012),
		.probe_source = hark_text_of("process.spawned"),
		.guest_comm = hark_text_of("workload"),
	};
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
	struct hark_failure why;
	uint8_t key[32];

	memset(key, 7, sizeof(key));
	MUST(hark_encode_frame(&d, w->frame, sizeof(w->frame), &w->frame_size) ==
	     HARK_TELEMETRY_OK);
	MUST(hark_host_stamp_init(
		     hark_text_of("cell-a"), hark_text_of("run-1"),
		     hark_text_of(
			     "sha256:"
			     "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"),
		     &w->host) == HARK_TELEMETRY_OK);
	w->host.host_received_at = (struct hark_time){ 1762348800, 123456789 };
	w->origin.source = hark_text_of("/hark/host7.example/listen");
	w->origin.id_prefix = hark_text_of("host7.example/listen/0011223344556677");
	MUST(hark_signer_create(HARK_SIGN_ALGORITHM_ED25519, hark_text_of("k"), key, sizeof(key),
				&w->ed25519, &why) == HARK_SIGN_OK);
	MUST(hark_signer_create(HARK_SIGN_ALGORITHM_HMAC_SHA256, hark_text_of("k"), key,
				sizeof(key), &w->hmac, &why) == HARK_SIGN_OK);
	MUST(crypto_sign_seed_keypair(public_key, w->bare_key, key) == 0);
	stage_decode(w);
	stage_stamp(w);
	stage_event(w);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		stage_fn *stage;
		stage_fn *floor;
		const char *baseline;
	} stages[] = {
		{ "decode", stage_decode, stage_copy, "copy" },
		{ "stamp", stage_stamp, stage_copy, "copy" },
		{ "event", stage_event, stage_copy, "copy" },
		{ "sign hmac-sha256", stage_sign_hmac, stage_bare_hmac, "libsodium alone" },
		{ "sign ed25519", stage_sign_ed25519, stage_bare_ed25519, "libsodium alone" },
	};
	static struct work w;
	double floor_ns;
	double ns;
	size_t i;

	prepare(&w);
	for (i = 0; argc == 3 && i < sizeof(stages) / sizeof(stages[0]); i++) {
		unsigned long calls = strtoul(argv[2], NULL, 10);

		if (strcmp(stages[i].name, argv[1]) != 0)
			continue;
		while (calls-- > 0)
			stages[i].stage(&w);
	}
	if (argc != 1)
		return argc == 3 ? 0 : 2;
	measure(stage_copy, stage_copy, &w, &ns, &floor_ns);
	(void)printf("{\"name\":\"copy\",\"config\":\"%zu + %zu bytes\",\"value\":%.1f,"
		     "\"unit\":\"ns\"}\n",
		     w.frame_size, w.json_size, ns);
	for (i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		measure(stages[i].stage, stages[i].floor, &w, &ns, &floor_ns);
		(void)printf("{\"name\":\"%s\",\"config\":\"%zu-byte event\",\"value\":%.1f,"
			     "\"unit\":\"ns\",\"floor\":%.1f,\"ratio\":%.2f,"
			     "\"baseline\":\"%s\"}\n",
			     stages[i].name, w.json_size, ns, floor_ns, ns / floor_ns,
			     stages[i].baseline);
		(void)fflush(stdout);
	}
	hark_signer_destroy(w.ed25519);
	hark_signer_destroy(w.hmac);
	return 0;
}
