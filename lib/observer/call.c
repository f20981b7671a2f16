/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One call of a module, and the one dispatcher of what it asks for: token, pointer, size, count,
 * fuel, then copy.  Effects are staged here and leave only if the call returned.
 */
#include <string.h>

#include <hark/observer.h>

#include "base/must.h"

#include "observer/observer_internal.h"

/* Before each staged effect: its token and its size. */
struct staged_head {
	uint32_t token;
	uint32_t size;
};

static bool
stop(struct call *c, enum hark_observer_reason reason)
{
	c->reason = reason;
	return false;
}

/* The len bytes at ptr of the module's memory as it is now.  Of no byte nothing is looked at but
 * the signs. */
static bool
find_memory(struct call *c, struct engine_caller *caller, int32_t ptr, int32_t len, uint8_t **out)
{
	uint8_t *memory = NULL;
	size_t size = 0;

	if (len < 0 || ptr < 0)
		return stop(c, HARK_OBSERVER_REASON_POINTER);
	*out = NULL;
	if (len == 0)
		return true;
	if (!engine_caller_memory(caller, &memory, &size))
		return stop(c, HARK_OBSERVER_REASON_NO_MEMORY);
	if ((size_t)ptr > size || (size_t)len > size - (size_t)ptr)
		return stop(c, HARK_OBSERVER_REASON_POINTER);
	*out = memory + ptr;
	return true;
}

/* The engine counts nothing for what the host does: this does. */
static bool
take_fuel(struct call *c, struct engine_caller *caller, size_t copied)
{
	return engine_caller_take_fuel(caller, HARK_OBSERVER_HOST_CALL_FUEL + copied / 8) ||
	       stop(c, HARK_OBSERVER_REASON_FUEL);
}

/* What one effect may have, also where it is the only one.  Limits have bounds far below 2^32. */
static uint32_t
payload_bytes(const struct hark_observer_limits *limits)
{
	return (uint32_t)(limits->payload_bytes < limits->effect_bytes ? limits->payload_bytes
								       : limits->effect_bytes);
}

bool
call_event_next(const struct engine_function *self, void *call, struct engine_caller *caller,
		int32_t ptr, int32_t len, int32_t *result_out)
{
	struct call *c = call;
	uint8_t *at = NULL;
	size_t size;

	(void)self;
	if (!find_memory(c, caller, ptr, len, &at))
		return false;
	size = c->next < c->count ? record_size(&c->events[c->next]) : 0;
	if (size > (size_t)len) {
		*result_out = -(int32_t)size;
		return take_fuel(c, caller, 0);
	}
	if (!take_fuel(c, caller, size))
		return false;
	*result_out = (int32_t)size;
	c->current = NULL;
	if (size == 0)
		return true;
	record_write(&c->events[c->next], payload_bytes(&c->observer->limits), at);
	c->current = &c->events[c->next++];
	return true;
}

bool
call_event_json(const struct engine_function *self, void *call, struct engine_caller *caller,
		int32_t ptr, int32_t len, int32_t *result_out)
{
	struct call *c = call;
	uint8_t *at = NULL;
	size_t size;

	(void)self;
	if (!find_memory(c, caller, ptr, len, &at))
		return false;
	size = c->current != NULL ? c->current->json.size : 0;
	if (size > (size_t)len) {
		*result_out = -(int32_t)size;
		return take_fuel(c, caller, 0);
	}
	if (!take_fuel(c, caller, size))
		return false;
	if (size > 0)
		memcpy(at, c->current->json.data, size);
	*result_out = (int32_t)size;
	return true;
}

static bool
stage(struct call *c, uint32_t token, const uint8_t *data, size_t size)
{
	struct staged_head head = { token, (uint32_t)size };
	struct buf *staged = &c->observer->staged;
	size_t most = c->observer->limits.effect_bytes + c->observer->limits.effects * sizeof(head);

	c->failure = buf_reserve(staged, sizeof(head) + size, most);
	if (c->failure != ERR_OK)
		return stop(c, HARK_OBSERVER_REASON_NONE);
	memcpy(staged->data + staged->size, &head, sizeof(head));
	if (size > 0)
		memcpy(staged->data + staged->size + sizeof(head), data, size);
	staged->size += sizeof(head) + size;
	c->effects++;
	c->effect_bytes += size;
	return true;
}

bool
call_effect(const struct engine_function *self, void *call, struct engine_caller *caller,
	    /* NOLINTNEXTLINE(readability-non-const-parameter): the type of all such functions */
	    int32_t ptr, int32_t len, int32_t *result_out)
{
	/* The row is the function with its token: imports.c has no other functions. */
	const struct import *row = (const struct import *)self;
	const struct hark_observer_limits *limits;
	struct call *c = call;
	uint8_t *at = NULL;

	(void)result_out;
	MUST(row->token >= 0);
	limits = &c->observer->limits;
	if ((c->tokens & HARK_OBSERVER_TOKEN_BIT(row->token)) == 0) {
		c->token = (enum hark_observer_cap_token)row->token;
		return stop(c, HARK_OBSERVER_REASON_DENIED);
	}
	if (!find_memory(c, caller, ptr, len, &at))
		return false;
	if ((uint64_t)len > limits->payload_bytes)
		return stop(c, HARK_OBSERVER_REASON_PAYLOAD_BYTES);
	if (c->effects >= limits->effects || (uint64_t)len > limits->effect_bytes - c->effect_bytes)
		return stop(c, HARK_OBSERVER_REASON_EFFECTS);
	if (!take_fuel(c, caller, (size_t)len))
		return false;
	return stage(c, (uint32_t)row->token, at, (size_t)len);
}

/* The class of each reason for which a call ends. */
static enum hark_observer_trap_class
class_of(enum hark_observer_reason reason)
{
	switch (reason) {
	case HARK_OBSERVER_REASON_UNREACHABLE:
	case HARK_OBSERVER_REASON_MEMORY_BOUNDS:
	case HARK_OBSERVER_REASON_TABLE_BOUNDS:
	case HARK_OBSERVER_REASON_INDIRECT_CALL:
	case HARK_OBSERVER_REASON_ARITHMETIC:
	case HARK_OBSERVER_REASON_STACK:
	case HARK_OBSERVER_REASON_POINTER:
	case HARK_OBSERVER_REASON_NO_MEMORY:
		return HARK_OBSERVER_TRAP_PANIC;
	case HARK_OBSERVER_REASON_FUEL:
	case HARK_OBSERVER_REASON_WALL_CLOCK:
	case HARK_OBSERVER_REASON_INSTANCE_LIMIT:
	case HARK_OBSERVER_REASON_PAYLOAD_BYTES:
	case HARK_OBSERVER_REASON_EFFECTS:
		return HARK_OBSERVER_TRAP_BUDGET_EXCEEDED;
	case HARK_OBSERVER_REASON_DENIED:
		return HARK_OBSERVER_TRAP_CAPABILITY_DENIED;
	default:
		return HARK_OBSERVER_TRAP_OTHER;
	}
}

/* One instance: the whole batch, or, for a module that asks for no event, one of it. */
static enum hark_observer_error
run_once(struct call *c, struct hark_observer_outcome *out)
{
	struct observer *o = c->observer;
	struct engine_call call = { .fuel = o->limits.fuel, .call = c };

	/* A tick that was on its way when the call began is not counted against it. */
	call.ticks = 1;
	if (o->ticker != NULL)
		call.ticks += (o->limits.wall_ms + OBSERVER_TICK_MS - 1) / OBSERVER_TICK_MS;
	engine_module_call(o->module, &call);
	out->fuel_used += call.fuel_used;
	if (call.end == ENGINE_RETURNED)
		return HARK_OBSERVER_OK;
	if (call.end == ENGINE_STOPPED && c->failure != ERR_OK)
		return HARK_OBSERVER_MEMORY;
	out->reason = call.end == ENGINE_STOPPED ? c->reason : call.reason;
	out->trap_class = class_of(out->reason);
	out->token = c->token;
	return HARK_OBSERVER_TRAPPED;
}

static enum hark_observer_error
run_each(struct call *c, struct hark_observer_outcome *out)
{
	enum hark_observer_error e;

	if (c->observer->takes_batches || c->count == 0)
		return run_once(c, out);
	do {
		c->current = &c->events[c->next++];
		e = run_once(c, out);
	} while (e == HARK_OBSERVER_OK && c->next < c->count);
	return e;
}

static enum hark_observer_error
hand_over(const struct observer *o, struct hark_observer_outcome *out)
{
	size_t at = 0;

	while (at < o->staged.size) {
		const struct hark_observer_capability *capability;
		struct staged_head head;

		memcpy(&head, o->staged.data + at, sizeof(head));
		at += sizeof(head);
		MUST(head.token < HARK_OBSERVER_TOKEN_COUNT && head.size <= o->staged.size - at);
		capability = &o->capabilities[head.token];
		if (capability->execute(capability->self, o->staged.data + at, head.size) != 0) {
			out->reason = HARK_OBSERVER_REASON_CAPABILITY_FAILED;
			out->token = capability->token;
			return HARK_OBSERVER_CAPABILITY;
		}
		at += head.size;
	}
	return HARK_OBSERVER_OK;
}

static bool
events_can_be_shown(const struct hark_observer_event *events, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (record_size(&events[i]) == 0 ||
		    events[i].json.size > HARK_OBSERVER_JSON_BYTES_MAX ||
		    (events[i].json.size > 0 && events[i].json.data == NULL))
			return false;
	}
	return true;
}

enum hark_observer_error
call_run(struct observer *o, const struct hark_observer_context *context,
	 const struct hark_observer_event *events, size_t count, struct hark_observer_outcome *out)
{
	struct call c = {
		.observer = o, .tokens = context->tokens, .events = events, .count = count
	};
	enum hark_observer_error e;

	MUST(o->staged.size == 0);
	if (!events_can_be_shown(events, count))
		return HARK_OBSERVER_EVENT;
	if (o->module == NULL)
		return HARK_OBSERVER_OK;
	if (o->ticker != NULL)
		ticker_work(o->ticker);
	e = run_each(&c, out);
	if (o->ticker != NULL)
		ticker_rest(o->ticker);
	out->events_taken = c.next;
	out->effects = c.effects;
	if (e == HARK_OBSERVER_OK)
		e = hand_over(o, out);
	buf_clear(&o->staged);
	return e;
}
