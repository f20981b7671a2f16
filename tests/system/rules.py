# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tests of one rule each, registered by @test, run and told as TAP."""
import sys
import traceback

TESTS = []
LINE_CHARS_MAX = 2000


def test(rule):
    """Registers a function.  It gives nothing where the rule holds, or the reason why it is skipped;
    what it raises is a failure."""
    def add(function):
        TESTS.append((rule, function))
        return function
    return add


def equal(got, want, what=""):
    assert got == want, "%s: got %r, wanted %r" % (what, got, want)


def run(tests=None):
    """Runs those of which a word of the command line is in the rule, or all.  Gives an exit code."""
    words = sys.argv[1:]
    chosen = [t for t in (TESTS if tests is None else tests)
              if not words or any(word in t[0] for word in words)]
    failed = 0
    print("1..%d" % len(chosen), flush=True)
    for number, (rule, function) in enumerate(chosen, 1):
        try:
            skip = function()
            print("ok %d - %s%s" % (number, rule, " # SKIP " + skip if skip else ""), flush=True)
        except Exception:               # every failure is told, and the others still run
            failed += 1
            print("not ok %d - %s" % (number, rule))
            for line in traceback.format_exc().splitlines():
                print("# " + line[:LINE_CHARS_MAX])
            sys.stdout.flush()
    return 1 if failed or not chosen else 0
