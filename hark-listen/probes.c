/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reads the cell's probes at an interval.  A source that cannot be opened is tried again at each
 * reading, and each failure is an event: a missing source is never a dead cell.
 */
#include <string.h>

#include "hark-listen/probes.h"

/* An opener that failed has nothing to read; the event says what the opener said. */
static void
emit_closed(struct probes *p, uint32_t i, enum hark_probe_error error, const char *text)
{
	struct cell *cell = p->cell;
	struct hark_probe_context context = { .host = cell->host };
	enum hark_probe_error e;
	size_t size = 0;

	e = hark_event_probe_error(p->names[i], error, text, &context, &cell->origin, cell->json,
				   sizeof(cell->json), &size);
	(void)cell_emit(cell, e == HARK_PROBE_OK ? HARK_TELEMETRY_OK : HARK_TELEMETRY_SINK, size);
}

static void
read_one(struct probes *p, uint32_t i, const struct probe_options *sources)
{
	struct hark_probe_context context = { .host = p->cell->host };
	uint64_t before = p->cell->origin.number;

	if (p->open[i].functions == NULL) {
		struct hark_failure why = { 0 };
		enum hark_probe_error e =
			probe_from_options(p->names[i], sources, &p->open[i], &why);

		if (e != HARK_PROBE_OK) {
			emit_closed(p, i, e, why.text);
			return;
		}
	}
	if (hark_emit_reading(&p->open[i], &context, &p->cell->origin, &p->cell->sink) ==
	    HARK_PROBE_SINK)
		p->cell->sink_failed = true;
	p->cell->counts.events += p->cell->origin.number - before;
}

static void
on_probes(void *ctx, uint64_t now_ns)
{
	struct probes *p = ctx;
	uint32_t i;

	loop_timer_set(p->cell->loop, &p->timer, now_ns + p->interval_ns);
	if (p->cell->paused)
		return;
	if (!cell_has_room(p->cell)) {
		/* Before the next turn there is room, or the cell is paused. */
		loop_timer_set(p->cell->loop, &p->timer, now_ns);
		return;
	}
	cell_time(p->cell);
	for (i = 0; i < p->count && !p->cell->sink_failed; i++)
		read_one(p, i, &p->sources);
}

bool
probes_open(struct probes *probes, const struct options *options, struct hark_failure *why,
	    const char **probe_out)
{
	uint32_t i;

	*probes = (struct probes){ .sources = options->sources };
	probes->interval_ns = options->probe_interval_ns;
	probes->timer.fn = on_probes;
	probes->timer.ctx = probes;
	for (i = 0; i < options->probe_count; i++) {
		enum hark_probe_error e;

		probes->names[i] = options->probes[i];
		probes->count++;
		e = probe_from_options(probes->names[i], &probes->sources, &probes->open[i], why);
		if (e == HARK_PROBE_NAME || e == HARK_PROBE_ARGUMENT || e == HARK_PROBE_MEMORY ||
		    e == HARK_PROBE_PLATFORM_UNSUPPORTED) {
			*probe_out = probes->names[i];
			probes_stop(probes);
			return false;
		}
	}
	return true;
}

void
probes_start(struct probes *probes, struct cell *cell)
{
	probes->cell = cell;
	if (probes->count > 0)
		loop_timer_set(cell->loop, &probes->timer, 0);
}

void
probes_stop(struct probes *probes)
{
	uint32_t i;

	for (i = 0; i < probes->count; i++)
		hark_probe_close(&probes->open[i]);
	if (probes->cell != NULL)
		loop_timer_clear(probes->cell->loop, &probes->timer);
	probes->count = 0;
}
