/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The closed lists. */
#include <string.h>

#include "event/types.h"
#include "unit.h"

#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}
#define OTHER  "dev.cellos.events.cell.observability.guest.other"
#define CELLOS "dev.cellos.events.cell.observability.guest."
#define HARK   "dev.hark.events.cell.v1.guest."

static const struct {
	struct hark_text source;
	uint16_t version;
	const char *type, *rule;
} rows[] = {
	{ TEXT(""), 1, OTHER, "" },
	{ TEXT("agent.hello"), 1, OTHER, "" },
	{ TEXT("agent.hello"), 3, OTHER, "" },
	{ TEXT("process.exec"), 1, OTHER, "" },
	{ TEXT("process.spawne"), 1, OTHER, "" },
	{ TEXT("process.spawned "), 1, OTHER, "" },
	{ TEXT("process.spawned\0"), 1, OTHER, "" },
	{ TEXT("Process.spawned"), 2, OTHER, "" },
	{ TEXT("process_spawned"), 2, OTHER, "" },
	{ TEXT("other"), 2, OTHER, "" },
	{ TEXT("x\",\"cellId\":\"evil"), 2, OTHER, "" },
	{ TEXT("process.spawned"), 1, CELLOS "process_spawned", "GUEST_PROC_SPAWN_OBSERVED" },
	{ TEXT("process.spawned"), 2, CELLOS "process_spawned", "GUEST_PROC_SPAWN_OBSERVED" },
	{ TEXT("process.exited"), 1, CELLOS "process_exited", "GUEST_PROC_EXIT_OBSERVED" },
	{ TEXT("fs.inotify_fired"), 1, CELLOS "fs_inotify_fired", "GUEST_FS_INOTIFY_FIRED" },
	{ TEXT("capability.denied"), 1, CELLOS "capability_denied", "GUEST_CAP_DENIAL_OBSERVED" },
	{ TEXT("net.connect_attempted"), 9, CELLOS "net_connect_attempted",
	  "GUEST_NET_CONNECT_ATTEMPTED" },
	{ TEXT("agent.hello"), 2, HARK "agent_hello", "" },
	{ TEXT("agent.heartbeat"), 2, HARK "agent_heartbeat", "" },
	{ TEXT("agent.goodbye"), 2, HARK "agent_goodbye", "" },
	{ TEXT("process.exec"), 2, HARK "process_exec", "" },
	{ TEXT("net.listen"), 2, HARK "net_listen", "" },
	{ TEXT("fs.changed"), 2, HARK "fs_changed", "" },
	{ TEXT("kernel.oom_kill"), 2, HARK "kernel_oom_kill", "" },
};

static void
types(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		const struct event_guest_type *t =
			event_guest_type_of(rows[i].source, rows[i].version);

		if (t->type.size != strlen(rows[i].type) || strcmp(t->type.data, rows[i].type) != 0)
			fail_msg("%s under %u: %s", rows[i].source.data, rows[i].version,
				 t->type.data);
		assert_string_equal(t->rule.data, rows[i].rule);
		assert_int_equal(t->rule.size, strlen(rows[i].rule));
	}
}

/* Types and rules are written without escapes. */
static void
need_no_escape(void **state)
{
	size_t i;
	size_t k;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		const struct event_guest_type *t =
			event_guest_type_of(rows[i].source, rows[i].version);

		for (k = 0; k < t->type.size; k++)
			assert_non_null(
				strchr("abcdefghijklmnopqrstuvwxyz0123456789._", t->type.data[k]));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(types),
		cmocka_unit_test(need_no_escape),
	};

	return cmocka_run_group_tests_name("event/types", tests, NULL, NULL);
}
