#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The evidence does not change: one recorded notary input replayed with owned time against no observer,
good ones, and each of a corpus of hostile ones.  Same leaves, same root each time, and the operations
ledger has exactly the receipts that are due.

Prints TAP.
"""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import modules as wasm                             # noqa: E402  (the path comes first)
from replay import BIN, ROOT, SANITIZED, Outcome    # noqa: E402  (it finds tests/ref)
from tapout import Tap                              # noqa: E402

CORPUS = os.path.join(ROOT, "tests", "vectors", "hostile-observers.jsonl")
MAKER = os.path.join(ROOT, "tests", "observers", "hostile", "make")
PANIC, BUDGET, OTHER = "Panic", "BudgetExceeded", "Other"
MODULES = {}
# Of the recording without any observer: committed, so that a change of the core shows here.
LEAVES, ROOT_HASH = 161, "c063129c5b5eceed89c99dd1e2365667f53cc702287c7dbb7da7ff87442b0e08"


def standard(name):
    with open(os.path.join(ROOT, "observers", name + ".wasm"), "rb") as module:
        return module.read()


def fine(**options):
    return [], options


def refused(reason, **options):
    return [("refused", reason)], options


def each(trap_class, **options):
    """It traps at every event: three strikes."""
    return [(trap_class, "reported", event) for event in range(3)] + ["observer_quarantined"], options


def ends(cause, **options):
    return [(OTHER, cause, None)] * 3 + ["observer_quarantined"], options


# What each comes to: records after its registration, and the manifest's options where they are not the
# usual ones of tests/system/replay.py.
WANT = {
    "good-rows": fine(rows=True),
    "good-silent": fine(),
    "spin": each(BUDGET),
    "spin-by-call": each(BUDGET),
    "host-call-flood": each(BUDGET),
    "json-flood": each(BUDGET),
    "memory-bomb": refused("module_limit"),
    "memory-grow": fine(),
    "memory-grow-and-touch": each(PANIC),
    "table-bomb": refused("module_limit"),
    "table-null": each(PANIC),
    "deep-recursion": each(PANIC),
    "divide": each(PANIC),
    "memory-copy-past-end": each(PANIC),
    "row-flood": each(BUDGET),
    "receipt-flood": each(BUDGET),
    "log-flood": each(BUDGET),
    "metric-flood": each(BUDGET),
    "row-flood-within": fine(rows=True),
    "log-flood-within": fine(),
    "nonsense-rows": fine(),
    "payload-too-large": each(BUDGET),
    "row-then-trap": each(PANIC, rows=True),
    "pointer-past-end": each(PANIC),
    "pointer-at-end": each(PANIC),
    "pointer-wraps": each(PANIC),
    "pointer-negative": each(PANIC),
    "length-negative": each(PANIC),
    "pointer-exact": fine(rows=True),
    "next-past-end": each(PANIC),
    "next-wraps": each(PANIC),
    "json-past-end": each(PANIC),
    "no-memory": each(PANIC),
    "memory-is-a-function": each(PANIC),
    "start-traps": each(PANIC),
    "start-spins": each(BUDGET),
    "name-fuel": each(PANIC),
    "name-capability": each(PANIC),
    "name-terminal": each(PANIC),
    "one-event": ([(PANIC, "reported", 10)], {"rows": True}),
    "two-events": ([(PANIC, "reported", 50), (PANIC, "reported", 120)], {}),
    "batch-alone": ([(PANIC, "reported", None)] * 3 + ["observer_quarantined"], {}),
    "compile-bomb": refused("compile_time", LIMIT_COMPILE_MS=1),
    "malformed-cut": refused("parse"),
    "malformed-empty": refused("parse"),
    "malformed-component": refused("parse"),
    "malformed-code": refused("parse"),
    "malformed-sizes": refused("parse"),
    "wasi-preview1": refused("import_wasi"),
    "wasi-unstable": refused("import_wasi"),
    "wasi-random": refused("import_wasi"),
    "wasi-sockets": refused("import_wasi"),
    "stranger": refused("import_stranger"),
    "ledger-append": refused("import_unknown"),
    "quarantine-emit": refused("import_unknown"),
    "import-type": refused("import_type"),
    "import-memory": refused("import_kind"),
    "export-missing": refused("export_missing"),
    "export-type": refused("export_type"),
}


def least_fuel(module):
    """With which one event is still dealt with: the engine looks at it in places of its own choice."""
    with tempfile.NamedTemporaryFile(suffix=".wasm") as file:
        file.write(module)
        file.flush()

        def passes(fuel):
            done = subprocess.run([os.path.join(BIN, "hark"), "observer", "test", file.name, "--json", "--fuel",
                                   str(fuel)], stdout=subprocess.PIPE, text=True, check=False)
            return json.loads(done.stdout)["run"] == "ok"

        low, high = 1, 1 << 20
        assert passes(high) and not passes(low)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if passes(middle) else (middle, high)
        return high


def runs():
    """(name, module, records, options) of every replay but the first."""
    rows = []
    for name, module in MODULES.items():
        if name != "fuel-exact":
            rows.append((name, module, *WANT[name]))
    exact = least_fuel(MODULES["fuel-exact"])
    good, spin = MODULES["good-rows"], MODULES["spin"]
    many = wasm.module([], wasm.NOP, functions=[wasm.NOP] * 40000)
    rows += [
        ("fuel-exact", MODULES["fuel-exact"], *fine(LIMIT_FUEL=exact)),
        ("fuel-exact, and one less", MODULES["fuel-exact"], *each(BUDGET, LIMIT_FUEL=exact - 1)),
        ("spin, by the clock", spin, *each(BUDGET, LIMIT_FUEL=2 ** 64 - 1, LIMIT_WALL_MS=100)),
        ("spin, and it stops on a trap", spin, [(BUDGET, "reported", 0)], {"STOP_ON_TRAP": 1}),
        ("spin, one strike", spin, [(BUDGET, "reported", 0), "observer_quarantined"], {"STRIKES": 1}),
        ("a standard observer", standard("pg-events"), *fine()),
        ("a digest that is another's", good, [("refused", "digest")], {"DIGEST": "sha256:" + "00" * 32}),
        ("a module that is too large", good, [("refused", "module_bytes")], {"LIMIT_MODULE_BYTES": 100}),
        ("no grant", good, *refused("import_ungranted", TOKENS=14)),
        ("the process is killed", good, *ends("died", act="kill")),
        ("the process is killed while it compiles", good, *refused("load_failed", act="kill-early")),
        ("the process is stopped", good, *ends("hung", act="stop")),
        ("its projector is killed", good, *fine(act="kill-projector", rows=True)),
        ("its projector is killed, and its end heard last", good, *fine(act="kill-projector-unseen", rows=True)),
    ]
    if not SANITIZED:
        rows.append(("a module that its compiler has no memory for", many, *refused(
            "compile_aborted", LIMIT_MODULE_BYTES=len(many), LIMIT_EFFECT_BYTES=65536, LIMIT_COMPILE_MS=120000)))
    return rows


def replay(top, name, module, options):
    folder = os.path.join(top, name.replace(" ", "-").replace(",", ""))
    os.mkdir(folder)
    return Outcome(folder, module, **options)


def read_corpus():
    with open(CORPUS, encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            parts = row.get("parts") or [[row["hex"], 1]]
            MODULES[row["name"]] = b"".join(bytes.fromhex(part) * count for part, count in parts)


def corpus(tap):
    """The committed modules are what their sources build; each is a case; and there is an engine."""
    tap.same("every module of the corpus is a case", sorted(MODULES), sorted([*WANT, "fuel-exact"]))
    tap.row("there are enough of them", len(MODULES) >= 20)
    if shutil.which("wat2wasm"):
        built = subprocess.run([sys.executable, MAKER, "--print"], stdout=subprocess.PIPE, text=True, check=True).stdout
        with open(CORPUS, encoding="utf-8") as committed:
            tap.row("they are what their sources build", committed.read() == built)
    else:
        tap.skip("they are what their sources build", "wat2wasm of wabt is not here")
    with tempfile.NamedTemporaryFile(suffix=".wasm") as file:
        file.write(MODULES["good-silent"])
        file.flush()
        done = subprocess.run([os.path.join(BIN, "hark"), "observer", "test", file.name], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
    return "no WebAssembly engine" not in done.stdout


def judge(tap, name, got, alone, want):
    tap.row(name + ": the same evidence, byte for byte", (got.evidence, got.root) == (alone.evidence, alone.root),
            "%r\n%r" % (got.root, alone.root))
    has_digest = want[:1] not in ([("refused", "digest")], [("refused", "module_bytes")])
    tap.same(name + ": just these records", got.records(),
             ["started"] + ["observer_registered"] * has_digest + want + ["stopped"])
    tap.row(name + ": each of the moment that it is of",
            all(tick in got.sizes and str(tick) == size for tick, size in got.ticks()), repr((got.sizes, got.ticks())))
    tap.same(name + ": the core ended as it should", got.code, 0)


def check_rows(tap, name, rows):
    """What is in the table of those that wrote there."""
    # The last part of the recording is after the last look.
    seen = LEAVES - 1
    want = {"good-rows": [(10 ** 9 + n,) for n in range(seen)], "row-flood-within": [(1,)] * 2 * seen,
            "pointer-exact": [(1,)] * seen, "row-then-trap": [], "one-event": [(1,)] * (seen - 1),
            "its projector is killed": [(10 ** 9 + n,) for n in range(seen)]}
    tap.row(name + ": just these rows", rows == want[name.split(",")[0]], "%d rows: %r" % (len(rows), rows[:20]))


def main():
    tap = Tap()
    read_corpus()
    top = tempfile.mkdtemp(prefix="replay.")
    try:
        alone = replay(top, "nobody", None, {})
        tap.same("without an observer it is what was recorded", (len(alone.evidence), *alone.root, alone.records()),
                 (LEAVES, LEAVES, ROOT_HASH, ["started", "stopped"]))
        if not corpus(tap):
            tap.skip("replays with observers", "this build has no engine")
            sys.exit(tap.end())
        jobs = runs()
        chosen = sys.argv[1:]
        if chosen:
            jobs = [job for job in jobs if job[0] in chosen]
        # Most of the time is waiting for words that are said once a second.
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            pending = [(name, want, options, pool.submit(replay, top, name, module, options))
                       for name, module, want, options in jobs]
            for name, want, options, future in pending:
                try:
                    got = future.result()
                except Exception as e:  # pylint: disable=broad-except
                    tap.same("%s runs to its end: %r" % (name, e), False, True)
                    continue
                judge(tap, name, got, alone, want)
                if options.get("rows"):
                    check_rows(tap, name, got.rows)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    sys.exit(tap.end())


main()
