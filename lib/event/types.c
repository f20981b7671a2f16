/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The lists of docs/format/events.md.  They are closed: no text of a guest becomes a part of a
 * type.
 */
#include <string.h>

#include "base/must.h"
#include "event/types.h"

#define TEXT(literal)                                              \
	{                                                          \
		.data = "" literal "", .size = sizeof(literal) - 1 \
	}

#define CELLOS_GUEST "dev.cellos.events.cell.observability.guest."
#define HARK_GUEST   "dev.hark.events.cell.v1.guest."

#define CELLOS(source, name, rule)                                \
	{                                                         \
		TEXT(source), TEXT(CELLOS_GUEST name), TEXT(rule) \
	}
#define HARK(source, name)                                    \
	{                                                     \
		TEXT(source), TEXT(HARK_GUEST name), TEXT("") \
	}

static const struct event_guest_type cellos_types[] = {
	CELLOS("process.spawned", "process_spawned", "GUEST_PROC_SPAWN_OBSERVED"),
	CELLOS("process.exited", "process_exited", "GUEST_PROC_EXIT_OBSERVED"),
	CELLOS("fs.inotify_fired", "fs_inotify_fired", "GUEST_FS_INOTIFY_FIRED"),
	CELLOS("capability.denied", "capability_denied", "GUEST_CAP_DENIAL_OBSERVED"),
	CELLOS("net.connect_attempted", "net_connect_attempted", "GUEST_NET_CONNECT_ATTEMPTED"),
};

static const struct event_guest_type hark_types[] = {
	HARK("agent.hello", "agent_hello"),         HARK("agent.heartbeat", "agent_heartbeat"),
	HARK("agent.goodbye", "agent_goodbye"),     HARK("process.exec", "process_exec"),
	HARK("net.listen", "net_listen"),           HARK("fs.changed", "fs_changed"),
	HARK("kernel.oom_kill", "kernel_oom_kill"),
};

static const struct event_guest_type other_type = { TEXT(""), TEXT(CELLOS_GUEST "other"),
						    TEXT("") };

static const struct event_guest_type *
find(const struct event_guest_type *types, size_t count, struct hark_text source)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (types[i].source.size == source.size &&
		    memcmp(types[i].source.data, source.data, source.size) == 0)
			return &types[i];
	}
	return NULL;
}

const struct event_guest_type *
event_guest_type_of(struct hark_text probe_source, uint16_t content_version)
{
	const struct event_guest_type *found;

	MUST(probe_source.data != NULL || probe_source.size == 0);

	if (probe_source.size == 0)
		return &other_type;
	found = find(cellos_types, sizeof(cellos_types) / sizeof(cellos_types[0]), probe_source);
	if (found == NULL && content_version == HARK_WIRE_CONTENT_VERSION_HARK)
		found = find(hark_types, sizeof(hark_types) / sizeof(hark_types[0]), probe_source);
	return found != NULL ? found : &other_type;
}
