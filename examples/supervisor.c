/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A supervisor in a page: it binds a cell's socket before the guest runs, stamps what the guest
 * declares, signs each event in CellOS's envelope, and says when the guest falls silent.
 *
 * usage: CELLOS_HOST_TELEMETRY_SIGN_ALG=... supervisor UDS_BASE CELL
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include <hark/event.h>
#include <hark/keepalive.h>
#include <hark/sign.h>
#include <hark/telemetry.h>

struct supervisor {
	struct hark_listener *listener;
	struct hark_stream *stream; /* one guest agent at a time is enough here */
	struct hark_signer *signer;
	struct hark_host_stamp host;
	struct hark_keepalive alive;
	struct hark_agent_silenced_trigger trigger;
	struct hark_event_origin origin;
	char json[HARK_EVENT_BYTES_MAX];
};

static uint64_t
monotonic_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One envelope a line, for each event that could be built. */
static void
sign_and_print(struct supervisor *s, enum hark_telemetry_error built, size_t size)
{
	struct hark_host_stamped_envelope envelope;
	struct hark_failure why = { 0 };

	if (built != HARK_TELEMETRY_OK ||
	    hark_sign_host_stamped_envelope(s->signer, (struct hark_text){ s->json, size },
					    &envelope, &why) != HARK_SIGN_OK) {
		(void)fprintf(stderr, "supervisor: an event is lost: %s\n", why.text);
		return;
	}
	(void)puts(envelope.json);
	(void)fflush(stdout);
	hark_host_stamped_envelope_finish(&envelope);
	s->origin.number++;
}

static void
hear(struct supervisor *s)
{
	enum hark_telemetry_error e = HARK_TELEMETRY_AGAIN;
	struct hark_stamped_declaration stamped;
	struct hark_guest_declaration said;
	struct hark_rejection rejection;
	size_t size = 0;

	if (s->stream == NULL &&
	    hark_listener_accept(s->listener, &s->stream, &rejection) != HARK_TELEMETRY_OK)
		return;
	while ((e = hark_stream_next(s->stream, monotonic_ns(), &said, &rejection)) ==
	       HARK_TELEMETRY_OK) {
		(void)hark_notify_frame(&s->alive, &s->trigger, monotonic_ns(), NULL);
		e = hark_stamp_now(&said, &s->host, &stamped);
		if (e == HARK_TELEMETRY_OK)
			e = hark_event_from_stamped(&stamped, &s->origin, s->json, sizeof(s->json),
						    &size);
		sign_and_print(s, e, size);
	}
	if (e != HARK_TELEMETRY_AGAIN) {
		hark_stream_close(s->stream); /* ended or refused: never resynchronise */
		s->stream = NULL;
	}
}

static void
watch(struct supervisor *s)
{
	enum hark_silence_cause cause =
		s->stream != NULL ? HARK_SILENCE_MUTE : HARK_SILENCE_DISCONNECTED;
	struct hark_agent_silenced_signal signal;
	enum hark_telemetry_error e;
	size_t size = 0;

	if (hark_watch_for_silence(&s->alive, &s->trigger, &s->host, cause, monotonic_ns(),
				   &signal) != HARK_SILENCE_BEGAN)
		return;
	e = hark_event_agent_silenced(&signal, &s->host, &s->origin, s->json, sizeof(s->json),
				      &size);
	sign_and_print(s, e, size);
}

int
main(int argc, char **argv)
{
	static struct supervisor s = { .trigger = { .rearm = true } };
	struct hark_failure why = { 0 };

	s.origin.source = hark_text_of("/example/supervisor");
	s.origin.id_prefix = hark_text_of("example/supervisor");
	if (argc != 3 || hark_host_stamp_init(hark_text_of(argv[2]), hark_text_of("run-1"),
					      hark_text_of(NULL), &s.host) != HARK_TELEMETRY_OK) {
		(void)fprintf(stderr, "usage: supervisor UDS_BASE CELL\n");
		return 2;
	}
	if (hark_signer_from_environment(NULL, NULL, &s.signer, &why) != HARK_SIGN_OK ||
	    hark_listener_bind_for_cell(argv[1], NULL, &s.listener, &why) != HARK_TELEMETRY_OK ||
	    hark_keepalive_init(&s.alive, HARK_DEFAULT_KEEPALIVE_WINDOW, monotonic_ns()) !=
		    HARK_TELEMETRY_OK) {
		(void)fprintf(stderr, "supervisor: %s\n", why.text);
		return 1;
	}
	(void)fprintf(stderr, "supervisor: the socket listens, the guest may boot\n");
	for (;;) {
		struct pollfd fds[2] = {
			{ hark_listener_fd(s.listener), POLLIN, 0 },
			{ s.stream != NULL ? hark_stream_fd(s.stream) : -1, POLLIN, 0 },
		};

		if (poll(fds, 2, 100) < 0 && errno != EINTR)
			return 1;
		hear(&s);
		watch(&s);
	}
}
