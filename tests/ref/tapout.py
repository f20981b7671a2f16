# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prints TAP for the second readers: a result a row, the plan at the end."""
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VECTORS = os.environ.get("HARK_VECTORS", os.path.join(ROOT, "tests", "vectors"))


class Tap:
    def __init__(self):
        self.count = 0
        self.bad = 0

    def row(self, name, good, remark=None):
        self.count += 1
        self.bad += not good
        print("%s %d - %s" % ("ok" if good else "not ok", self.count, name))
        if not good and remark is not None:
            for line in str(remark).splitlines():
                print("# " + line)

    def same(self, name, got, want):
        self.row(name, got == want, "wanted %r\ngot    %r" % (want, got))

    def skip(self, name, reason):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, reason))

    def end(self):
        print("1..%d" % self.count, flush=True)
        return 1 if self.bad else 0
