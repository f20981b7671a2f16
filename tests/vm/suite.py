# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs a file's tests, each with a Machine of its own, and prints TAP.

tests/vm/prepare fetches what a guest needs; what cannot be had here skips every test, with the
reason.
"""
import os
import subprocess
import sys

from machine import Machine

PREPARE_LIMIT_S = 1200


def prepare():
    """Why there can be no guest here, or None."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prepare")
    done = subprocess.run([script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=PREPARE_LIMIT_S, check=False)
    if done.returncode == 0:
        return None
    lines = done.stdout.strip().splitlines() or ["prepare said nothing"]
    if done.returncode != 77:
        print("\n".join("# " + line for line in lines[-20:]))
        print("Bail out! tests/vm/prepare failed")
        sys.exit(1)
    return lines[-1]


def run(prefix, names):
    """`names` is the caller's globals(): each test_... of them.  Words of the command line choose."""
    tests = [(n[5:].replace("_", " "), f) for n, f in names.items() if n.startswith("test_")]
    wanted = sys.argv[1:]
    tests = [t for t in tests if not wanted or any(w in t[0] for w in wanted)]
    print("1..%d" % len(tests), flush=True)
    lacking = prepare()
    bad = 0
    for i, (name, test) in enumerate(tests, 1):
        name = prefix + ": " + name
        if lacking:
            print("ok %d - %s # SKIP %s" % (i, name, lacking), flush=True)
            continue
        m = Machine()
        try:
            test(m)
            print("ok %d - %s" % (i, name), flush=True)
        except Exception as e:  # every failure is told, and the others still run
            bad += 1
            told = "%s: %s\n%s" % (type(e).__name__, str(e)[:3000], m.trouble())
            print("not ok %d - %s\n%s" % (i, name, "\n".join("# " + t for t in told.splitlines())),
                  flush=True)
        finally:
            m.close()
    return 1 if bad else 0
