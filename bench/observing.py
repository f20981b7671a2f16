# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a real hark-observer costs: processor time for an event, and memory.  Imported by bench/run.

Its harkd and its projector are those of the tests (tests/system/observer.py), which take what comes and
commit it at once.
"""
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "system"))
import modules                                      # noqa: E402 (the path comes first)
import observer                                     # noqa: E402

LEAVES, LEAVES_BATCH = 65536, 512
# With these an event has the members of a usual one, and 600 bytes.
STAMPED = {"authority": {"output": {"binding_status": "NOT_APPLICABLE", "confidence": 1,
                                    "epistemic_status": "DECLARED", "tier": 1},
                         "rule": "GUEST_PROC_SPAWN_OBSERVED"},
           "specSignatureHash": "sha256:" + "2c" * 32}
BESIDE = 8      # processes whose memory is looked at: what they share is counted once


def standard(name):
    return (ROOT / "observers" / (name + ".wasm")).read_bytes()


def ledger_of(top, leaves):
    ledger = observer.Ledger(top, segment_bytes=64 << 20)
    for _ in range(0, leaves, LEAVES_BATCH):
        for _ in range(LEAVES_BATCH):
            ledger.append(observer.guest_event(ledger.next_index(), comm="workload", detail={"ppid": 1},
                                               **STAMPED))
        ledger.data += ledger.frame()
    ledger.store()
    ledger.publish()
    return ledger


def processor_s(pid):
    """Of all its threads, as exactly as the scheduler knows it."""
    ran = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task), encoding="ascii") as f:
            ran += int(f.read().split()[0])
    return ran / 1e9


def through(emit, ledger, name, module, rounds):
    """All leaves, from the first to the last commit."""
    rates, costs = [], []
    for _ in range(rounds):
        p = observer.Observer(ledger, module).start()
        before, began = processor_s(p.child.pid), time.monotonic()
        at = 0
        while at < LEAVES:
            at = p.batch()[1]
        rates.append(LEAVES / (time.monotonic() - began))
        costs.append((processor_s(p.child.pid) - before) / LEAVES * 1e9)
        p.stop()
    emit({"name": "observer: whole process", "config": name, "value": round(statistics.median(rates)),
          "unit": "events/s"})
    emit({"name": "observer: its processor time", "config": name,
          "value": round(statistics.median(costs), 1), "unit": "ns"})


def memory(emit, ledger, name, module):
    """Of each of several, idle after they have seen all: what is its own, and its part of what is shared."""
    running = [observer.Observer(ledger, module).start() for _ in range(BESIDE)]
    for p in running:
        p.until(LEAVES)
        p.ping()
    sums = {"Private": [], "Pss": []}
    for p in running:
        with open("/proc/%d/smaps_rollup" % p.child.pid, encoding="ascii") as f:
            kib = {line.split(":")[0]: int(line.split()[1]) for line in f if line.rstrip().endswith("kB")}
        sums["Private"].append(kib["Private_Clean"] + kib["Private_Dirty"])
        sums["Pss"].append(kib["Pss"])
    for p in running:
        p.stop()
    for what, words in (("Private", "its own"), ("Pss", "with its part of what is shared")):
        emit({"name": "observer: memory", "config": "%s, %s" % (name, words),
              "value": round(statistics.median(sums[what])), "unit": "KiB"})


def has_engine(ledger):
    p = observer.Observer(ledger, modules.echo())
    first = p.hear()
    p.stop()
    return first is not None and first[0] == "OBSERVER_DIGEST"


def observers(emit, rounds):
    top = tempfile.mkdtemp(prefix="hark-bench.")
    try:
        ledger = ledger_of(top, LEAVES)
        if not has_engine(ledger):
            print("bench: this build has no engine: observers are NOT measured", file=sys.stderr)
            return
        through(emit, ledger, "8 bytes an event", modules.echo(), rounds)
        for name in ("pg-events", "metrics", "sessions"):
            through(emit, ledger, name, standard(name), rounds)
        memory(emit, ledger, "pg-events", standard("pg-events"))
    finally:
        shutil.rmtree(top, ignore_errors=True)
