# SPDX-License-Identifier: MIT OR Apache-2.0
"""What one idle cell more costs.  Imported by bench/run, which prints the rows.

Two daemons are compared, one with FEW cells and one with MANY, several times in turns, and the medians of
the differences are printed.  The whole is what MemAvailable loses; the parts say where it went: what the
processes themselves hold is added up from /proc and does not see what else the machine does, what the
kernel holds is known for the machine alone, and as little to be trusted as MemAvailable where others work.
"""
import re
import statistics
import tempfile
import time

import durable

FEW = 1
MANY = 513
ROUNDS = 3
QUIET_BYTES = 1 << 20   # what a machine at rest still moves
QUIET_TRIES = 40
QUIET_S = 0.25


def meminfo():
    with open("/proc/meminfo", encoding="ascii") as f:
        return {name: int(kib) * 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", f.read(), re.M)}


def settled():
    """The machine's memory once it rests: freed memory comes back late, and a start leaves much."""
    durable.clean_disk()
    before = meminfo()
    for _ in range(QUIET_TRIES):
        time.sleep(QUIET_S)
        now = meminfo()
        if abs(now["MemAvailable"] - before["MemAvailable"]) <= QUIET_BYTES:
            return now
        before = now
    return before   # a busy machine: the median has to do


def of_processes(daemon, name, pattern):
    total = 0
    for pid in [daemon.process.pid] + daemon.children():
        with open("/proc/%d/%s" % (pid, name), encoding="ascii") as f:
            total += sum(int(kib) * 1024 for kib in re.findall(pattern, f.read()))
    return total


def measure(cells):
    with tempfile.TemporaryDirectory(prefix="hark-bench") as d:
        daemon = durable.Daemon(d, cells, False)
        memory = settled()
        found = {
            "by MemAvailable with the kernel's share": -memory["MemAvailable"],
            "private memory of all programs":
                of_processes(daemon, "smaps_rollup", r"Private_(?:Clean|Dirty):\s+(\d+)"),
            "anonymous memory": of_processes(daemon, "smaps_rollup", r"Anonymous:\s+(\d+)"),
            "page tables below the first level": of_processes(daemon, "status", r"VmPTE:\s+(\d+)"),
            "kernel stack": memory["KernelStack"],
            "slab that cannot be reclaimed": memory["SUnreclaim"],
        }
        daemon.stop()
    return found


def idle(emit):
    few, many = [], []
    for _ in range(ROUNDS):
        few.append(measure(FEW))
        many.append(measure(MANY))
    for name in few[0]:
        # Each with its neighbour in time: a machine drifts.
        each = [(m[name] - f[name]) / (MANY - FEW) for f, m in zip(few, many)]
        emit({"name": "idle cell", "config": "isolated, " + name,
              "value": round(statistics.median(each)), "unit": "bytes"})
