/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CellOS's own event from its parts: its recorded bytes and signatures, and what has none. */
#include <stdio.h>

#include "signing.h"

#define HASH "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

/* The parts of the recorded cases sign-plain and sign-hard-text-and-numbers. */
static struct hark_guest_declaration guest;
static struct hark_host_stamp host;
static struct hark_cellos_event event;

static int
set_up(void **state)
{
	(void)state;
	guest = (struct hark_guest_declaration){ .guest_pid = 4242,
						 .guest_monotonic_ns = 123456789012,
						 .probe_source = slice("process.spawned"),
						 .guest_comm = slice("workload") };
	host = (struct hark_host_stamp){ .cell_id = slice("cell-a"),
					 .run_id = slice("run-1"),
					 .spec_signature_hash = slice(HASH),
					 .host_received_at = { 1762348800, 999999999 } };
	event = (struct hark_cellos_event){
		.id = slice("ev-0000"),
		.source = slice("/cellos-supervisor/host-telemetry"),
		.type = slice("dev.cellos.events.cell.observability.guest.process_spawned")
	};
	return 0;
}

static void
gives_the_recorded_bytes(void **state)
{
	struct hark_host_stamped_envelope envelope = { 0 };
	struct hark_signer *signer = ed25519_signer();

	(void)state;
	assert_int_equal(hark_host_stamp_and_sign(signer, &guest, &host, &event, &envelope, NULL),
			 HARK_SIGN_OK);
	assert_string_equal(
		envelope.json,
		"{\"event\":{\"specversion\":\"1.0\",\"id\":\"ev-0000\",\"source\":"
		"\"/cellos-supervisor/host-telemetry\",\"type\":"
		"\"dev.cellos.events.cell.observability.guest.process_spawned\","
		"\"datacontenttype\":\"application/json\",\"data\":{\"guest\":{\"guestComm\":"
		"\"workload\",\"guestMonotonicNs\":123456789012,\"guestPid\":4242,"
		"\"probeSource\":\"process.spawned\"},\"host\":{\"cellId\":\"cell-a\","
		"\"hostReceivedAt\":\"2025-11-05T13:20:00Z\",\"runId\":\"run-1\","
		"\"specSignatureHash\":\"" HASH "\"},\"provenance\":\"declared\"},"
		"\"time\":\"2025-11-05T13:20:00Z\",\"traceparent\":null},\"signerKid\":\"k\","
		"\"algorithm\":\"ed25519\",\"signature\":\"LQ71ZXW5XPgzmM0_-"
		"uiF3Fqsaqetyb7ZdndEH1jZ0vhyO4gHcyqnYx2N_IpZQuDEC2ZPvqysWty9Ltt9NWyEDg\"}");
	hark_host_stamped_envelope_finish(&envelope);
	guest.guest_pid = UINT32_MAX;
	guest.guest_monotonic_ns = UINT64_MAX;
	guest.probe_source = slice("fs.inotify_fired");
	guest.guest_comm = slice("\xc3\xa9\xe2\x80\xa8\"\\\n\x7f\xf0\x9f\xa6\x80");
	event.id = slice("ev-0001");
	event.type = slice("dev.cellos.events.cell.observability.guest.fs_inotify_fired");
	assert_int_equal(hark_host_stamp_and_sign(signer, &guest, &host, &event, &envelope, NULL),
			 HARK_SIGN_OK);
	assert_int_equal(envelope.signature.size, 86);
	assert_memory_equal(envelope.signature.data,
			    "B3bUGA-WgAOn0lNK3r6f3LzrUo3HyIPGzK0qgOHzB9wnj1t763Rtf1Vm_"
			    "JUBfkgotKmoRGt8F8I5RzNfzkWiAA",
			    86);
	hark_host_stamped_envelope_finish(&envelope);
	hark_signer_destroy(signer);
}

/* A guest's texts stay where guest texts go. */
static void
guest_text_stays_guest_text(void **state)
{
	struct hark_host_stamped_envelope envelope = { 0 };
	struct hark_signer *signer = ed25519_signer();

	(void)state;
	guest.guest_comm = slice("x\"},\"host\":{\"cellId\":\"cell-b");
	assert_int_equal(hark_host_stamp_and_sign(signer, &guest, &host, &event, &envelope, NULL),
			 HARK_SIGN_OK);
	assert_null(strstr(envelope.json, "\"cellId\":\"cell-b"));
	assert_non_null(strstr(envelope.json, "\"cellId\":\"cell-a\""));
	hark_host_stamped_envelope_finish(&envelope);
	hark_signer_destroy(signer);
}

static void
refuses(void **state)
{
	struct hark_signer *signer = ed25519_signer();
	struct hark_host_stamped_envelope envelope = { 0 };
	struct {
		const char *rule;
		struct hark_text *text;
		struct hark_text value;
		enum hark_sign_error want;
	} rows[] = {
		{ "no id", &event.id, { 0 }, HARK_SIGN_FORMAT },
		{ "no source", &event.source, { 0 }, HARK_SIGN_FORMAT },
		{ "no type", &event.type, { 0 }, HARK_SIGN_FORMAT },
		{ "no cell", &host.cell_id, { 0 }, HARK_SIGN_FORMAT },
		{ "no run", &host.run_id, { 0 }, HARK_SIGN_FORMAT },
		{ "no hash", &host.spec_signature_hash, { 0 }, HARK_SIGN_FORMAT },
		{ "comm not UTF-8", &guest.guest_comm, { "\xff", 1 }, HARK_SIGN_FORMAT },
		{ "source not UTF-8", &guest.probe_source, { "\xc3", 1 }, HARK_SIGN_FORMAT },
		{ "no pointer", &guest.guest_comm, { NULL, 1 }, HARK_SIGN_ARGUMENT },
		{ "size beyond all", &guest.guest_comm, { "x", SIZE_MAX }, HARK_SIGN_LIMIT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_text kept = *rows[i].text;
		struct hark_failure why = { 0 };

		*rows[i].text = rows[i].value;
		if (hark_host_stamp_and_sign(signer, &guest, &host, &event, &envelope, &why) !=
			    rows[i].want ||
		    why.text[0] == '\0')
			fail_msg("%s: %s", rows[i].rule, why.text);
		*rows[i].text = kept;
	}
	host.host_received_at.seconds = INT64_MAX;
	assert_int_equal(hark_host_stamp_and_sign(signer, &guest, &host, &event, &envelope, NULL),
			 HARK_SIGN_FORMAT);
	assert_int_equal(hark_host_stamp_and_sign(signer, NULL, &host, &event, &envelope, NULL),
			 HARK_SIGN_ARGUMENT);
	assert_null(envelope.json);
	hark_signer_destroy(signer);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(gives_the_recorded_bytes, set_up),
		cmocka_unit_test_setup(guest_text_stays_guest_text, set_up),
		cmocka_unit_test_setup(refuses, set_up),
	};

	return cmocka_run_group_tests_name("sign/stamp", tests, NULL, NULL);
}
