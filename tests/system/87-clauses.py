#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Why an observer cannot change the chain, clause by clause.

1  No function that a module can call changes it: what can be bound is just what is listed here.
2  What carries out an effect sees itself and bytes: tests/unit/observer/clauses.c has the types; here is
   what of them reaches another process.
3  The notary makes the receipts: hark-observer has nothing that writes a ledger (this), and its process
   can forge none (82-receipts.py).
4  The next root does not depend on traps: 88-replay.py, and tests/unit/hark-notary/observer_evidence.c.

Prints TAP.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "ref")]

import modules as w                                 # noqa: E402
from tapout import Tap                              # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get("HARK_BIN", os.path.join(ROOT, "build", "bin"))
TOKENS = ["PgWrite", "MetricEmit", "KmsReceipt", "Log"]
# All that there is: module, name, gives an i32, token.
BINDINGS = [("event", "next", True, None), ("event", "json", True, None), ("pg", "write", False, "PgWrite"),
            ("metric", "emit", False, "MetricEmit"), ("kms", "receipt", False, "KmsReceipt"),
            ("log", "write", False, "Log")]
# What somebody might wish for.
OTHERS = [("event", "write"), ("event", "emit"), ("event", "append"), ("event", "peek"), ("ledger", "append"),
          ("ledger", "write"), ("chain", "append"), ("chain", "seal"), ("quarantine", "emit"), ("receipt", "emit"),
          ("kms", "sign"), ("kms", "write"), ("pg", "query"), ("pg", "read"), ("log", "read"), ("metric", "read"),
          ("hook", "state"), ("clock", "now"), ("random", "get"), ("net", "connect"), ("event@1", "next"),
          ("pg", "Write"), ("", "write"), ("pg", "")]
# What writes a ledger, in the names of lib/ledger's own writer.
WRITERS = ["ledger_open", "ledger_append", "ledger_reserve", "ledger_commit_begin", "ledger_state_set", "ledger_prune",
           "ledger_redact", "ledger_checkpoint_write", "commit_run", "batch_close", "notary_create", "event_operation",
           "event_observer_trap", "quarantine_write"]


def judge(folder, module, *grants):
    path = os.path.join(folder, "m.wasm")
    with open(path, "wb") as out:
        out.write(module)
    argv = [os.path.join(BIN, "hark"), "observer", "test", path, "--json"]
    for token in grants:
        argv += ["--grant", token]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    if not done.stdout:
        return done.stderr
    got = json.loads(done.stdout)
    return got["load"] if got["load"] == "ok" else got["reason"]


def importing(interface, name, gives):
    w.IMPORTS["it"] = (interface, name, gives)
    return w.module(["it"], w.NOP)


def bindings(tap, folder):
    with open(os.path.join(ROOT, "lib", "observer", "imports.def"), encoding="utf-8") as text:
        rows = re.findall(r'^IMPORT\("(.*)", "(.*)", (\w+), (-1|\w+), \w+\)$', text.read(), re.M)
    names = {"HARK_OBSERVER_TOKEN_PG_WRITE": "PgWrite", "HARK_OBSERVER_TOKEN_METRIC_EMIT": "MetricEmit",
             "HARK_OBSERVER_TOKEN_KMS_RECEIPT": "KmsReceipt", "HARK_OBSERVER_TOKEN_LOG": "Log", "-1": None}
    tap.same("the table of bindings is just this", [(i, n, g == "true", names[t]) for i, n, g, t in rows], BINDINGS)
    with open(os.path.join(ROOT, "docs", "format", "observer-abi.md"), encoding="utf-8") as text:
        rows = re.findall(r"^\| `arkhe:observer/(\w+)` \| `(\w+)` \| \(ptr i32, len i32\)( → i32)? \| (–|`\w+`) \|$",
                          text.read(), re.M)
    tap.same("and the document's", [(i, n, g != "", None if t == "–" else t.strip("`")) for i, n, g, t in rows], BINDINGS)
    first = judge(folder, importing(*BINDINGS[0][:3]))
    if "no WebAssembly engine" in first:
        tap.skip("what the engine binds", "this build has no engine")
        return
    for interface, name, gives, token in BINDINGS:
        module = importing(interface, name, gives)
        tap.same("%s %s is there" % (interface, name), judge(folder, module, *TOKENS), "ok")
        if token is not None:
            rest = [t for t in TOKENS if t != token]
            tap.same("%s %s needs %s" % (interface, name, token), judge(folder, module, *rest), "import_ungranted")
    for interface, name in OTHERS:
        for gives in (False, True):
            tap.same("%s %s is not there" % (interface, name), judge(folder, importing(interface, name, gives), *TOKENS),
                     "import_unknown")


def messages(tap):
    """What an effect and a trap are on their way out: bytes and a token; a class and a place."""
    with open(os.path.join(ROOT, "lib", "proto", "message.def"), encoding="utf-8") as text:
        rows = dict(re.findall(r"^MESSAGE\((\w+), (.*)\)", text.read(), re.M))
    tap.same("an effect is bytes", rows["EFFECTS"].split(" /*")[0], "0, F(EFFECTS), NONE")
    tap.same("its batch is a place and a number", rows["BATCH"].split(") /*")[0],
             "0, F(INDEX) | F(SIZE) | F(COUNT), NONE")


def symbols(program):
    done = subprocess.run(["nm", "--defined-only", os.path.join(BIN, program)], stdout=subprocess.PIPE, text=True, check=True)
    return {line.split()[-1] for line in done.stdout.splitlines()}


def writers(tap):
    notary = symbols("hark-notary")
    for program in ("hark-observer", "hark-projector"):
        theirs = symbols(program)
        tap.row("%s has names to be looked at" % program, len(theirs) > 200 and "main" in theirs)
        for name in WRITERS:
            tap.row("%s has no %s" % (program, name), name not in theirs)
    tap.same("hark-notary has them all", [name for name in WRITERS if name not in notary], [])


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="clauses.") as folder:
        bindings(tap, folder)
    messages(tap)
    writers(tap)
    sys.exit(tap.end())


main()
