#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Feeds the runner programs that lie, and must see each lie counted as a failure.  Prints TAP."""
import os
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from runner.job import Job                          # noqa: E402

# rule, kind, shell text, passed, failed, skipped
ROWS = [
    ("an honest program", "tap", "echo 1..2; echo ok 1 - a; echo ok 2 - b", 2, 0, 0),
    ("a plan at the end", "tap", "echo ok 1 - a; echo 1..1", 1, 0, 0),
    ("two groups with a plan each", "tap",
     "echo 1..1; echo ok 1 - a; echo 1..2; echo ok 1 - b; echo ok 2 - c", 3, 0, 0),
    ("a failed result", "tap", "echo 1..2; echo ok 1; echo not ok 2 - b; exit 1", 1, 1, 0),
    ("a failed result and exit 0", "tap", "echo 1..1; echo not ok 1 - b", 0, 1, 0),
    ("exit 1 with nothing failed", "tap", "echo 1..1; echo ok 1; exit 1", 1, 1, 0),
    ("no plan", "tap", "echo ok 1", 1, 1, 0),
    ("no output at all", "tap", "true", 0, 1, 0),
    ("an empty plan", "tap", "echo 1..0", 0, 1, 0),
    ("fewer results than planned", "tap", "echo 1..3; echo ok 1; echo ok 2", 2, 1, 0),
    ("more results than planned", "tap", "echo 1..1; echo ok 1; echo ok 2", 2, 1, 0),
    ("a crash after good results", "tap", "echo 1..1; echo ok 1; kill -SEGV $$", 1, 1, 0),
    ("a crash beside a failed result", "tap", "echo 1..1; echo not ok 1; kill -SEGV $$", 0, 2, 0),
    ("bail out", "tap", "echo 1..1; echo ok 1; echo Bail out! no disk", 1, 1, 0),
    ("running over its limit", "tap", "echo 1..1; echo ok 1; exec sleep 600", 1, 1, 0),
    ("ignoring the end signal", "tap", "trap '' TERM; echo 1..1; while :; do sleep 1; done",
     0, 1, 0),
    ("a skip with a reason", "tap", "echo 1..1; echo 'ok 1 - a # SKIP no root'", 0, 0, 1),
    ("a skip in cmocka's form", "tap", "echo 1..1; echo 'ok 1 # SKIP name'", 0, 0, 1),
    ("a skip as cmocka 1.1 prints it", "tap", "echo 1..1; echo 'not ok 1 # SKIP name'", 0, 0, 1),
    ("a failed result that calls itself skipped", "tap", "echo 1..1; echo 'not ok 1 # SKIP'",
     0, 1, 0),
    ("a failed result with a name and a mark", "tap",
     "echo 1..1; echo 'not ok 1 - name # SKIP name'", 0, 1, 0),
    ("a program skipped whole", "tap", "echo '1..0 # SKIP no cargo'", 0, 0, 1),
    ("a name with skip in it", "tap", "echo 1..1; echo 'ok 1 - does not skip'", 1, 0, 0),
    ("exit 0", "plain", "true", 1, 0, 0),
    ("exit 77", "plain", "echo why; exit 77", 0, 0, 1),
    ("exit 1", "plain", "exit 1", 0, 1, 0),
    ("a twin that is found", "twin", "echo 'SUMMARY: x'; exit 77", 1, 0, 0),
    ("a twin that passes", "twin", "echo 'SUMMARY: x'", 0, 1, 0),
    ("a twin that breaks otherwise", "twin", "echo no such file; exit 1", 0, 1, 0),
    ("a twin that is too slow", "twin", "echo 'SUMMARY: x'; exec sleep 600", 0, 1, 0),
]


def ends_within(pid, seconds):
    """Whether the process is gone, or a zombie that nobody has collected yet."""
    for _ in range(seconds * 20):
        try:
            with open("/proc/%s/stat" % pid, encoding="ascii") as stat:
                if stat.read().split()[2] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def main():
    here = tempfile.gettempdir()
    print("1..%d" % (len(ROWS) + 2))
    bad = 0
    for number, (rule, kind, text, *want) in enumerate(ROWS, 1):
        job = Job("self", rule, ["sh", "-c", text], kind=kind, timeout_s=1, marker="SUMMARY: ")
        job.run(here)
        got = [sum(c.state == s for c in job.cases) for s in ("passed", "failed", "skipped")]
        bad += got != want
        print("%s %d - %s" % ("ok" if got == want else "not ok", number, rule))
        if got != want:
            print("# wanted %s, counted %s" % (want, got))
    job = Job("self", "absent", ["/does/not/exist"])
    job.run(here)
    bad += not job.failed()
    print("%s %d - a program that is not there" % ("ok" if job.failed() else "not ok",
                                                   len(ROWS) + 1))
    job = Job("self", "left behind", ["sh", "-c", "echo 1..1; sleep 600 & echo ok $!"])
    job.run(here)
    pid = job.output.split()[-1]
    gone = ends_within(pid, 10)
    bad += not gone
    print("%s %d - what a program leaves running is ended" % ("ok" if gone else "not ok",
                                                             len(ROWS) + 2))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
