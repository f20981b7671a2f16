#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A whole daemon in which one cell's receiver was taken over.

A puppet stands in for hark-receiver and gives this test all that a receiver has: its channel to harkd,
the cell's listening socket, the channel to the notary.  Beside it a true receiver serves an honest
guest of another cell.  Whatever the puppet does, it ends, the violation is in the ledger, and the
honest guest's record is whole, confirmed, and its own alone.

Prints TAP.  $HARK_BIN names the folder of the programs, $HARK_SEED the seed of what is random.
Nothing here sleeps for a set time: each wait is for a fact and has a limit.
"""
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from daemon import BIN, HERE, LIMIT_S, PROGRAMS, Harkd, proto, wait_for     # noqa: E402
from guest import Guest, frame, numbered                                    # noqa: E402
from rules import run, test                                     # noqa: E402

SEED = int(os.environ.get("HARK_SEED", "20261125"))
HOSTILE = os.path.join(os.path.dirname(HERE), "hostile")
VIOLATION = "dev.hark.events.host.v1.protocol_violation"


def gone(what):
    """True where the other end has closed."""
    if not select.select([what], [], [], 0)[0]:
        return False
    try:
        return not what.recv(1, socket.MSG_PEEK)
    except (ConnectionResetError, BrokenPipeError):
        return True


class Taken:
    """A receiver in our hands."""

    def __init__(self, world):
        self.sock = self.channel = None
        self.master, _ = world.puppets.accept()
        self.master.settimeout(LIMIT_S)
        data, fds, _, _ = socket.recv_fds(self.master, 64, 1)
        if not data:
            raise EOFError("the puppet has ended")
        self.sock = socket.socket(fileno=fds[0])
        self.sock.settimeout(LIMIT_S)
        self.next = 0
        self.listener = None
        name, _, self.setup = self.hear()
        assert name == "RECEIVER_SETUP", name
        self.say("READY")
        while self.listener is None or self.channel is None:
            name, fds, fields = self.hear()
            if name == "LISTEN":
                self.cell, self.slot = fields["CELL"], fields["SLOT"]
                self.listener = socket.socket(fileno=fds[0])
            elif name == "RECEIVER_CHANNEL":
                self.channel = socket.socket(fileno=fds[0])
            else:
                raise EOFError("it is told to stop: " + name)
        self.channel.settimeout(LIMIT_S)

    def say(self, name, fds=(), **fields):
        socket.send_fds(self.sock, [proto.write_message(name, **fields)], list(fds))

    def hear(self):
        data, fds, _, _ = socket.recv_fds(self.sock, 65536, 8)
        if not data:
            raise EOFError("harkd has closed the channel")
        name, _, fields = proto.read_message(data)
        return name, fds, fields

    def send(self, *records):
        """A batch that is what it should be, but for what is in it."""
        self.raw(proto.write_batch(self.next, *records))
        self.next += len(records)

    def raw(self, data, fds=()):
        socket.send_fds(self.channel, [data], list(fds))

    def receipt(self, following):
        """Waits until all below is durable."""
        while True:
            data = self.channel.recv(65536)
            assert data[:4] == b"HRR1", data[:16]
            if struct.unpack_from("<Q", data, 8)[0] >= following:
                return

    def is_ended(self):
        """By its own connection: a number of a process may be another's by then."""
        return gone(self.master)

    def close(self):
        for s in (self.sock, self.channel, self.listener, self.master):
            if s is not None:
                s.close()


class World:
    """The daemon, the honest guest's cell, and the ledger as it grows."""

    def __init__(self, config=None):
        self.d = Harkd(stand_in="", config=config)
        self.d.replace("hark-notary", os.path.join(BIN, "hark-notary"))
        self.puppets = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.puppets.bind(os.path.join(self.d.libexec, "puppet"))
        self.puppets.listen(64)
        self.puppets.settimeout(LIMIT_S)
        self.leaves = []
        self.said = 0
        self.taken = []
        self.number = 0

    def __enter__(self):
        self.d.start()
        assert self.d.add("honest", KEEPALIVE_MS=3600000)["CODE"] == 0
        wait_for(self.d.whole, "all programs to run")
        self.guest = Guest(self.d.path("honest"))
        self.guest.send(frame("agent.hello", version=2, seq=0,
                              detail={"stream": "%016x" % 1, "ack": True}))
        self.speak()
        # From now on a new receiver is a puppet; the honest cell's goes on as it is.
        self.d.replace("hark-receiver", os.path.join(HOSTILE, "puppet"))
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            lines = self.d.err().splitlines()
            mine = [line for line in lines[:-15] if self.taken and (
                " %s " % self.taken[-1].cell in line or "notary" in line)]
            for line in mine[-25:] + lines[-15:]:
                print("# harkd said: " + line)
        for t in self.taken:
            t.close()
        self.puppets.close()
        self.d.__exit__()

    def next_puppet(self, cell):
        """The puppet of this cell.  Others are of cells that were punished, and started again before
        they were removed."""
        while True:
            try:
                t = Taken(self)
            except (EOFError, BrokenPipeError, ConnectionResetError):
                continue
            self.taken.append(t)
            if t.cell == cell:
                return t
            t.close()

    def take(self):
        self.number += 1
        cell = "evil%d" % self.number
        assert self.d.add(cell)["CODE"] == 0
        return self.next_puppet(cell)

    def speak(self, count=20):
        """The honest guest says something and hears that it is durable."""
        self.guest.send(*[numbered(self.said + i, comm="honest") for i in range(count)])
        self.said += count
        rest = b""
        while True:
            rest += self.guest.sock.recv(4096)
            if rest and len(rest) % 8 == 0 and struct.unpack("<Q", rest[-8:])[0] >= self.said:
                return

    def read(self):
        """All leaves so far."""
        out = subprocess.run([os.path.join(BIN, "hark"), "--control", self.d.socket, "tail",
                              "--json", "--from", str(len(self.leaves))], capture_output=True,
                             timeout=LIMIT_S, check=True).stdout
        self.leaves += [json.loads(line) for line in out.splitlines()]
        return self.leaves

    def broken(self):
        """What the operations ledger says of rules of harkd's that were broken."""
        out = subprocess.run([os.path.join(BIN, "hark"), "--control", self.d.socket, "tail", "--json",
                              "--ledger", "operations", "--from", "0"], capture_output=True,
                             timeout=LIMIT_S, check=True).stdout
        records = [json.loads(line) for line in out.splitlines()]
        return [r["data"]["operation"] for r in records if r["type"].endswith(".program_violation")]

    def violations(self, cell=None):
        return [e["data"]["reason"] for e in self.read() if e["type"] == VIOLATION and
                cell in (None, e["data"].get("cellId"))]

    def punished(self, taken, reason=None):
        """It ends, and why is in the ledger, once."""
        wait_for(taken.is_ended, "the end of %s" % taken.cell, LIMIT_S)
        found = wait_for(lambda: self.violations(taken.cell), "a violation of %s" % taken.cell,
                         LIMIT_S)
        assert len(found) == 1 and reason in (None, found[0]), (found, reason)

    def untouched(self):
        """The honest cell's record is what its guest said, and nothing else."""
        self.speak()
        mine = [e for e in self.read() if e.get("subject") == "urn:cellos:cell:honest" or
                e["data"].get("cellId") == "honest"]
        said = [e["data"]["declared"] for e in mine if "declared" in e["data"] and
                e["data"]["declared"]["probeSource"] == "process.spawned"]
        assert [int(x["seq"]) for x in said] == list(range(self.said))
        assert {x["guestComm"] for x in said} == {"honest"}
        other = {e["type"].rsplit(".", 1)[1] for e in mine if "declared" not in e["data"]}
        assert other <= {"registered"}, other
        text = json.dumps(mine)
        assert "evil" not in text, "a stranger in the honest cell's record"
        for e in self.read():
            if "evil" in json.dumps(e["data"].get("declared", "")):
                assert e["data"]["cellId"].startswith("evil"), e


# Each breaks one rule of docs/format/record.md: (rule, what the notary calls it, what to send).
def one(*records, first=0, **more):
    return proto.write_batch(first, *records, **more)


def hello(connection, stream=7, **more):
    return proto.declared(connection, source="agent.hello", mode=2, stream=stream, seq=0,
                          detail=[("stream", "%016x" % stream)], **more)


O, D, C = proto.opened, proto.declared, proto.closed
BAD = [
    ("another cell's slot", "slot_not_given", one(O(1, slot=1))),
    ("the last slot", "slot_not_given", one(O(1, slot=65535))),
    ("a declaration for another slot than its connection's", "slot_not_given",
     one(O(1), D(1, slot=1))),
    ("an end for another slot", "slot_not_given", one(O(1), C(1, slot=1))),
    ("refusals of another slot", "slot_not_given", one(proto.rejected(slot=3))),
    ("a limit of another slot", "slot_not_given", one(proto.limited(slot=3))),
    ("a connection that was not opened", "connection_unknown", one(D(1))),
    ("the end of one that was not opened", "connection_unknown", one(C(9))),
    ("a connection opened twice", "connection_repeated", one(O(1), O(1))),
    ("more connections than there can be", "too_many_connections",
     one(*[O(i) for i in range(1, 60)])),
    ("a declaration after the end", "connection_unknown", one(O(1), C(1), D(1))),
    ("wire 2 without a hello", "no_hello", one(O(1), D(1, mode=2, stream=1, seq=0))),
    ("a second hello", "session_changed", one(O(1), hello(1), hello(1))),
    ("another stream on the same connection", "session_changed",
     one(O(1), hello(1), D(1, mode=2, stream=8, seq=0))),
    ("another wire on the same connection", "session_changed", one(O(1), hello(1), D(1))),
    ("an end with another wire", "session_changed", one(O(1), D(1), C(1, mode=0))),
    ("a number that leaves a hole", None, one(O(1), first=5)),
    ("the largest number", None, one(O(1), first=2**64 - 2)),
    ("numbers over the largest", None, one(O(1), O(2), first=2**64 - 1)),
    ("no batch", None, b"x"),
    ("another magic", None, one(O(1), magic=b"HRB2")),
    ("a batch of none", None, one(count=0)),
    ("more records than there are", None, one(O(1), count=2)),
    ("fewer records than there are", None, one(O(1), O(2), count=1)),
    ("four billion records", None, one(O(1), count=2**32 - 1)),
    ("a batch that is not zero where it should", None, one(O(1), zero=1)),
    ("a cut record", None, one(O(1))[:-1]),
    ("a byte too many", None, one(O(1)) + b"\0"),
    ("an unknown type", None, one(O(1), proto.write_record(6))),
    ("a size of nothing", None, one(proto.write_record(1, size=0))),
    ("a size over the batch", None, one(proto.write_record(1, size=60000))),
    ("connection 0", None, one(O(0))),
    ("a text that is not UTF-8", None, one(O(1), D(1, comm=b"\xff"))),
    ("a text that is cut in a character", None, one(O(1), D(1, comm="evil\u20ac".encode()[:-1]))),
    ("keys that do not ascend", None, one(O(1), hello(1), proto.declared(
        1, mode=2, stream=7, seq=0, detail=[("b", 1), ("a", 1)]))),
    ("a key with a capital", None, one(O(1), hello(1), proto.declared(
        1, mode=2, stream=7, seq=0, detail=[("A", 1)]))),
    ("a key that holds another's member", None, one(O(1), hello(1), proto.declared(
        1, mode=2, stream=7, seq=0, detail=[('","cellId":"honest', 1)]))),
    ("an integer that no JSON keeps", None, one(O(1), hello(1), proto.declared(
        1, mode=2, stream=7, seq=0, detail=[("a", 2**53)]))),
    ("a number on wire 1", None, one(O(1), D(1, seq=1))),
    ("detail on wire 1", None, one(O(1), D(1, detail=[("a", 1)]))),
    ("texts larger than a frame", None, one(O(1), D(1, comm="e" * 4000, source="v" * 4000))),
    ("a refusal without a reason", None, one(proto.rejected(reason=0))),
    ("a refusal for a reason that is none", None, one(proto.rejected(reason=200))),
    ("no refusals at all", None, one(proto.rejected(count=0))),
    ("a message over the largest batch", None, one(O(1)) + bytes(70000)),
]


@test("%d broken rules: each ends the receiver, is in the ledger, and touches nobody" % len(BAD))
def broken_rules():
    with World() as w:
        for rule, reason, data in BAD:
            try:
                t = w.take()
                t.raw(data)
                w.punished(t, reason)
            except BaseException:
                print("# in: " + rule)
                raise
        w.untouched()


@test("descriptors beside a batch are a violation, and none of them stays open")
def descriptors():
    with World() as w:
        notary = w.d.roles()["notary", None]["PID"]
        before = len(os.listdir("/proc/%d/fd" % notary))
        for _ in range(3):
            t = w.take()
            with open("/dev/null", encoding="utf-8") as null:
                t.raw(one(O(1)), fds=[null.fileno()] * 8)
            w.punished(t)
        wait_for(lambda: len(os.listdir("/proc/%d/fd" % notary)) <= before, "descriptors to go")
        w.untouched()


@test("300 batches of true records with flipped bits: accepted as its own cell's, or punished")
def flipped_bits():
    r = random.Random(SEED)
    with World() as w:
        ended = 0
        t = w.take()
        for _ in range(300):
            if t.is_ended() or gone(t.channel):
                ended += 1
                w.punished(t)
                t = w.take()
            n = t.next % 5 + 1
            good = one(O(t.next * 9 + 1), D(t.next * 9 + 1), D(t.next * 9 + 1, comm="evil\u20ac"),
                       C(t.next * 9 + 1, mode=1, frames=2), first=t.next)
            data = bytearray(good)
            for _ in range(n):
                at = r.randrange(len(data))
                data[at] ^= 1 << r.randrange(8)
            try:
                t.raw(bytes(data))
            except (BrokenPipeError, ConnectionResetError):
                continue
            t.next += 4
            if r.randrange(4) == 0:
                # What it says next shows whether the notary still listens.
                try:
                    t.raw(one(O(t.next * 9 + 1), first=t.next))
                    t.next += 1
                except (BrokenPipeError, ConnectionResetError):
                    pass
            wait_for(lambda: t.is_ended() or gone(t.channel) or receipts(t), "an answer", LIMIT_S)
        assert ended > 20, ended
        w.untouched()


def receipts(t):
    """True where a receipt came."""
    ready, _, _ = select.select([t.channel], [], [], 0)
    if not ready:
        return False
    try:
        return t.channel.recv(65536)[:4] == b"HRR1"
    except ConnectionResetError:
        return False


@test("a flood of true records, whose receipts nobody reads, does not hold up the honest guest")
def flood():
    with World() as w:
        t = w.take()
        t.send(O(1))
        t.channel.setblocking(False)
        full = [D(1, comm="evil" * 10)] * 500
        sent = slowest = 0
        while sent < 100000:
            data = proto.write_batch(t.next, *full)
            for _ in range(8):
                try:
                    t.channel.send(data)
                except BlockingIOError:
                    break
                t.next += len(full)
                sent += len(full)
                data = proto.write_batch(t.next, *full)
            began = time.monotonic()
            w.speak(1)
            slowest = max(slowest, time.monotonic() - began)
        print("# %d records of the flood; the honest guest waited %d ms at most" % (
            sent, slowest * 1000))
        mine = [e for e in w.read() if e["data"].get("cellId") == "honest" and
                "declared" in e["data"]]
        assert len(mine) >= w.said
        assert not w.violations()
        w.untouched()


@test("words for harkd that no receiver may say end it; nobody else is restarted")
def words_for_harkd():
    words = [
        lambda t: t.sock.send(b"junk"),
        lambda t: t.say("READY"),
        lambda t: t.say("VIOLATION", CHANNEL=1, REASON="evil"),
        lambda t: t.say("ASK_CELL_REMOVE", CELL="honest"),
        lambda t: t.say("LEDGER_STATE", LEDGER=0, STATE="full"),
        lambda t: t.say("STOP"),
        lambda t: t.say("SIGNED", SIZE=1, ROOT=bytes(32), NOTE="evil"),
        lambda t: t.say("OPERATION", KIND="evil", JSON="{}"),
        lambda t: t.say("LISTEN", fds=[t.listener.fileno()], SLOT=0, CELL="honest", CONNECTIONS=8,
                        EVENTS_PER_S=0, BYTES_PER_S=0),
        lambda t: socket.send_fds(t.sock, [proto.write_message("DONE", 1, CODE=0)],
                                  [t.listener.fileno()] * 3),
    ]
    with World() as w:
        before = {name: f["PID"] for name, f in w.d.roles().items()}
        for say in words:
            t = w.take()
            say(t)
            wait_for(t.is_ended, "the end of %s" % t.cell, LIMIT_S)
        now = w.d.roles()
        assert {name: now[name]["PID"] for name in before} == before
        assert "honest" in w.d.cells()
        said = wait_for(lambda: len(w.broken()) >= len(words) and w.broken(), "records of it")
        reasons = ["unreadable", "ready_twice"] + ["not_due"] * (len(words) - 3) + ["unreadable"]
        assert [r["reason"] for r in said] == reasons, said
        w.untouched()


@test("one that says to harkd what it may, without end, is ended and that is recorded; others are heard meanwhile")
def flood_of_harkd():
    with World() as w:
        for say in (lambda t: t.say("FAILED", CODE=74, TEXT="again"),
                    lambda t: t.sock.send(proto.write_message("DONE", 1, CODE=0))):
            t = w.take()
            sent = 0
            try:
                while sent < 5000 and not t.is_ended():
                    say(t)
                    sent += 1
            except (BrokenPipeError, ConnectionResetError):
                pass
            # Beyond the limit there is what lay in the socket.
            assert 100 <= sent < 5000, sent
            wait_for(t.is_ended, "its end", LIMIT_S)
        said = wait_for(lambda: len(w.broken()) == 2 and w.broken(), "records of it")
        assert {r["reason"] for r in said} == {"too_many_messages"}, said
        assert {r["program"] for r in said} == {"hark-receiver"} and all(r["of"] for r in said), said
        w.untouched()


@test("who answers for cells that it does not have ends none of them")
def false_farewells():
    with World() as w:
        t = w.take()
        for message_id in list(range(1, 40)) + [2**64 - 1]:
            try:
                t.sock.send(proto.write_message("DONE", message_id, CODE=0))
            except (BrokenPipeError, ConnectionResetError):
                break
        w.untouched()
        assert "honest" in w.d.cells()


@test("in a shared receiver a record is its slot's, and a slot that was not given is punished")
def shared():
    config = ("data: {data}\nrun: {run}\nhost: host.example\nreceiver:\n  isolation: shared\n"
              "  cells_max: 1000\n")
    with World(config=config) as w:
        # The honest cell is in the first group; ours must be in another process.
        assert ("receiver", "group 1") in w.d.roles()
        groups = [name for name in w.d.roles() if name[0] == "receiver"]
        assert len(groups) == 1
        os.kill(w.d.roles()[groups[0]]["PID"], 9)
        # The next process of this group is the puppet: it has the honest cell's slot itself.
        t = w.next_puppet("honest")
        t.send(proto.opened(1, slot=t.slot),
               proto.declared(1, slot=t.slot, comm="by the channel"))
        t.receipt(2)
        t.raw(proto.write_batch(2, proto.opened(2, slot=t.slot + 1)))
        wait_for(t.is_ended, "its end", LIMIT_S)
        assert "slot_not_given" in wait_for(w.violations, "a violation")
        said = [e for e in w.read() if e["data"].get("declared", {}).get("guestComm") ==
                "by the channel"]
        assert [e["data"]["cellId"] for e in said] == ["honest"]


if __name__ == "__main__":
    assert all(os.path.exists(os.path.join(BIN, name)) for name in PROGRAMS), "not built"
    sys.exit(run())
