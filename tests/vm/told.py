# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a guest told, and questions about it that hold whichever program heard it: hark-listen, or
harkd with its ledger.
"""
from machine import equal, true


def kind(event):
    return event["type"].rpartition(".")[2]


def named(events):
    return [kind(e) for e in events]


def losses(events):
    return [n for n in named(events) if n in ("gap", "dropped", "rejected")]


def detail(event):
    return event["data"]["declared"]["detail"]


class Told:
    """Events in their order.  Who inherits has events()."""

    def events(self):
        raise NotImplementedError

    def of(self, name):
        return [e for e in self.events() if kind(e) == name]

    def declared(self):
        """The numbered events, which is what the guest's processes did."""
        return [e["data"]["declared"] for e in self.events()
                if e["data"].get("declared", {}).get("probeSource", "").startswith("process.")]

    def of_source(self, source, comm=None):
        return [d for d in self.declared()
                if d["probeSource"] == source and comm in (None, d["guestComm"])]

    def of_parent(self, pid):
        return [d for d in self.of_source("process.exec") if int(d["detail"]["ppid"]) == pid]

    def numbers_are_whole(self, first=0):
        """Each number once, in order, from the first on: nothing lost, nothing twice."""
        numbers = [int(d["seq"]) for d in self.declared()]
        equal(numbers, list(range(first, first + len(numbers))), "numbers")

    def runs(self, names):
        """That the workload ran these programs; gives its process id.  One that ended while its
        message was read may have no exe, and the name of what it was a copy of."""
        work, *rest = self.of_source("process.exec")
        equal(work["guestComm"], "work", "the workload's name")
        equal([int(d["detail"]["ppid"]) for d in rest], [int(work["guestPid"])] * len(names),
              "parents")
        for d, name in zip(rest, names):
            allowed = (name,) if "exe" in d["detail"] else (name, "work")
            true(d["guestComm"] in allowed, "a program's name: %r, not %r" % (d, allowed))
        return work["guestPid"]
