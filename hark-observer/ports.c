/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each is one call further down: what comes of it is deliver.c's and daemon.c's to decide. */
#include "hark-observer/ports.h"

#include "os/clock.h"

static enum err
port_leaf(void *ctx, struct ledger_leaf *out)
{
	struct daemon *d = ctx;

	return follow_next(d->start.follow, out, &d->ledger_why);
}

static enum hark_observer_error
port_invoke(void *ctx, const struct hark_observer_event *events, size_t count,
	    struct hark_observer_outcome *out)
{
	struct daemon *d = ctx;
	const struct hark_observer_context context = { d->settings.tokens };

	return hark_observer_host_invoke(&d->host, &context, events, count, out);
}

static enum err
port_send(void *ctx, const struct message *m)
{
	struct daemon *d = ctx;

	return message_send(d->start.projector_fd, m);
}

static enum err
port_report(void *ctx, const struct trap_report *report)
{
	struct daemon *d = ctx;
	uint8_t bytes[TRAP_REPORT_BYTES];

	trap_report_write(report, bytes);
	return ipc_send(d->start.trap_fd, bytes, sizeof(bytes), NULL, 0);
}

static uint64_t
port_now_ns(void *ctx)
{
	(void)ctx;
	return clock_monotonic_ns();
}

static int
execute(void *self, const void *bytes, size_t size)
{
	struct daemon_capability *c = self;

	return stage_take(&c->deliver->stage, c->token, bytes, size) == ERR_OK ? 0 : 1;
}

void
ports_init(struct daemon *d, struct hark_observer_capability out[HARK_OBSERVER_TOKEN_COUNT])
{
	uint8_t token;

	for (token = 0; token < HARK_OBSERVER_TOKEN_COUNT; token++) {
		d->selves[token] = (struct daemon_capability){ &d->deliver, token };
		out[token] = (struct hark_observer_capability){ (enum hark_observer_cap_token)token,
								execute, &d->selves[token] };
	}
	d->ports = (struct deliver_ports){ .ctx = d,
					   .leaf = port_leaf,
					   .invoke = port_invoke,
					   .send = port_send,
					   .report = port_report,
					   .now_ns = port_now_ns };
}
