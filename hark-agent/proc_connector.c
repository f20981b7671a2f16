/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Bytes of the process connector, in and out (linux/netlink.h, connector.h, cn_proc.h).  Pure: the
 * socket is lib/os/cnsock.c's, and who may speak on it is judged there.
 */
#include <string.h>

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include "base/must.h"
#include "hark-agent/proc_connector.h"

#define EVENT_HEAD_BYTES offsetof(struct proc_event, event_data)

_Static_assert(sizeof(struct nlmsghdr) + sizeof(struct cn_msg) + sizeof(uint32_t) ==
		       CONNECTOR_REQUEST_BYTES,
	       "the request is a header, a connector message and an operation");

static uint32_t
u32_at(const uint8_t *data, size_t at)
{
	uint32_t v;

	memcpy(&v, data + at, sizeof(v));
	return v;
}

/* The payload's words after the head, by kind; false where they are not there. */
static bool
read_payload(uint32_t what, const uint8_t *payload, size_t size, struct connector_event *event)
{
	static const struct {
		uint32_t what;
		enum connector_kind kind;
		size_t size;
	} kinds[] = {
		{ PROC_EVENT_NONE, CONNECTOR_ANSWER, 4 },
		{ PROC_EVENT_FORK, CONNECTOR_FORK, 16 },
		{ PROC_EVENT_EXEC, CONNECTOR_EXEC, 8 },
		{ PROC_EVENT_COMM, CONNECTOR_COMM, 8 + COMM_BYTES },
		{ (uint32_t)PROC_EVENT_EXIT, CONNECTOR_EXIT, 12 },
	};
	size_t i;

	event->kind = CONNECTOR_OTHER;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].what != what)
			continue;
		if (size < kinds[i].size)
			return false;
		event->kind = kinds[i].kind;
	}
	switch (event->kind) {
	case CONNECTOR_OTHER:
		return true;
	case CONNECTOR_ANSWER:
		event->value = u32_at(payload, 0);
		return true;
	case CONNECTOR_FORK:
		event->parent_tgid = (pid_t)u32_at(payload, 4);
		event->pid = (pid_t)u32_at(payload, 8);
		event->tgid = (pid_t)u32_at(payload, 12);
		break;
	case CONNECTOR_COMM:
		memcpy(event->comm, payload + 8, COMM_BYTES);
		__attribute__((fallthrough));
	case CONNECTOR_EXEC:
	case CONNECTOR_EXIT:
		event->pid = (pid_t)u32_at(payload, 0);
		event->tgid = (pid_t)u32_at(payload, 4);
		if (event->kind == CONNECTOR_EXIT)
			event->value = u32_at(payload, 8);
		break;
	}
	return event->pid > 0 && event->tgid > 0;
}

enum err
connector_next(const uint8_t *data, size_t size, size_t *at, struct connector_event *out)
{
	struct connector_event event;
	struct nlmsghdr head;
	struct cn_msg connector;
	const uint8_t *payload;
	size_t left;
	size_t step;

	MUST(data != NULL && at != NULL && out != NULL);
	MUST(*at <= size);

	left = size - *at;
	if (left == 0)
		return ERR_END;
	if (left < sizeof(head))
		return ERR_FORMAT;
	memcpy(&head, data + *at, sizeof(head));
	if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > left)
		return ERR_FORMAT;
	step = NLMSG_ALIGN((size_t)head.nlmsg_len);
	payload = data + *at + sizeof(head);
	*at += step < left ? step : left;
	if (head.nlmsg_type != NLMSG_DONE)
		return ERR_UNSUPPORTED;
	if (head.nlmsg_len < sizeof(head) + sizeof(connector))
		return ERR_FORMAT;
	memcpy(&connector, payload, sizeof(connector));
	payload += sizeof(connector);
	left = head.nlmsg_len - sizeof(head) - sizeof(connector);
	if (connector.len > left)
		return ERR_FORMAT;
	if (connector.id.idx != CN_IDX_PROC || connector.id.val != CN_VAL_PROC)
		return ERR_UNSUPPORTED;
	if (connector.len < EVENT_HEAD_BYTES)
		return ERR_FORMAT;
	memset(&event, 0, sizeof(event));
	event.sequence = connector.seq;
	event.ack = connector.ack;
	event.cpu = u32_at(payload, offsetof(struct proc_event, cpu));
	memcpy(&event.time_ns, payload + offsetof(struct proc_event, timestamp_ns),
	       sizeof(event.time_ns));
	if (!read_payload(u32_at(payload, 0), payload + EVENT_HEAD_BYTES,
			  connector.len - EVENT_HEAD_BYTES, &event))
		return ERR_FORMAT;
	*out = event;
	return ERR_OK;
}

uint32_t
connector_gap(struct connector_gaps *gaps, const struct connector_event *event)
{
	uint32_t missing = 0;

	/* An answer has no processor and repeats the asker's number. */
	if (event->cpu >= CONNECTOR_CPUS_MAX)
		return 0;
	if (gaps->known[event->cpu])
		missing = event->sequence - gaps->next[event->cpu];
	gaps->known[event->cpu] = 1;
	gaps->next[event->cpu] = event->sequence + 1;
	/* A number that goes back is not a loss of billions. */
	return missing > INT32_MAX ? 0 : missing;
}

void
connector_request(uint32_t sequence, uint32_t ack, uint8_t out[CONNECTOR_REQUEST_BYTES])
{
	uint32_t operation = PROC_CN_MCAST_LISTEN;
	struct nlmsghdr head;
	struct cn_msg connector;

	memset(&head, 0, sizeof(head));
	memset(&connector, 0, sizeof(connector));
	head.nlmsg_len = CONNECTOR_REQUEST_BYTES;
	head.nlmsg_type = NLMSG_DONE;
	connector.id.idx = CN_IDX_PROC;
	connector.id.val = CN_VAL_PROC;
	connector.seq = sequence;
	connector.ack = ack;
	connector.len = sizeof(operation);
	memcpy(out, &head, sizeof(head));
	memcpy(out + sizeof(head), &connector, sizeof(connector));
	memcpy(out + sizeof(head) + sizeof(connector), &operation, sizeof(operation));
}
