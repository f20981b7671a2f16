# SPDX-License-Identifier: MIT OR Apache-2.0
"""What observers cost the evidence: the same load with none and with eight of them, in turns.

Imported by bench/run.  The eight are `pg-events` into SQLite, which is more than two cores' work at the
rates here: what they cannot keep up with they read later, and how far behind they are is said.
"""
import json
import statistics
import tempfile
import time

import durable

OBSERVERS = 8
CELLS = 8


def observed(d, count):
    """A daemon with so many observers that run."""
    daemon = durable.Daemon(d, CELLS, False)
    module = durable.ROOT / "observers" / "pg-events.wasm"
    for n in range(count):
        done = daemon.hark("observer", "add", "o%d" % n, "--module", str(module), "--grant", "PgWrite",
                           "--table", "events", "--create", str(module.with_suffix(".sql")))
        if done.returncode != 0:
            raise SystemExit("bench: hark observer add: " + done.stderr)
    return daemon


def lag(daemon):
    lines = daemon.hark("observer", "ls", "--json").stdout.splitlines()
    return max((int(json.loads(line)["lag"]) for line in lines), default=0)


def once(count, rate, seconds):
    """(events a second until all are durable, p99 in ms, the longest lag at that moment)"""
    durable.clean_disk()
    with tempfile.TemporaryDirectory(prefix="hark-bench") as d:
        daemon = observed(d, count)
        frames = (rate or 400_000) * seconds
        want = daemon.committed() + frames
        began = time.monotonic()
        answer = durable.load(d, CELLS, 16, frames, rate, 2)
        durable.Watch(daemon).wait(want)
        spent = time.monotonic() - began
        behind = lag(daemon)
        daemon.stop()
    return frames / spent, answer["p99_us"] / 1000, behind


def beside(emit, seconds, rounds):
    for rate in (100_000, 0):
        alone, busy = [], []
        for _ in range(rounds):
            alone.append(once(0, rate, seconds))
            busy.append(once(OBSERVERS, rate, seconds))
        config = "%d cells, %s, beside %d observers" % (
            CELLS, "%d k/s" % (rate // 1000) if rate else "as fast as taken", OBSERVERS)
        for i, (name, unit) in enumerate((("events until durable", "events/s"), ("write to durable p99", "ms"))):
            with_none = statistics.median(one[i] for one in alone)
            with_all = statistics.median(one[i] for one in busy)
            emit({"name": name, "config": config, "value": round(with_all, 2), "unit": unit,
                  "floor": round(with_none, 2), "ratio": round(with_all / with_none, 3),
                  "baseline": "no observers"})
        emit({"name": "observers' lag", "config": config, "unit": "events",
              "value": round(statistics.median(one[2] for one in busy))})
