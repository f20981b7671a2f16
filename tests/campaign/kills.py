#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A seeded campaign: random programs of a loaded daemon are killed, again and again.

Guests of wire 2 number their events, wait for acknowledgements and send again what has none; a guest
of wire 1 only talks.  A connection may break only where harkd or its own cell's receiver was killed.
In the end every acknowledged event must be in the ledger exactly once and in order, deaths of the
receiver of the guest of wire 1 must have left gaps, and the record must verify.

Prints TAP.  $HARK_KILLS is how often (200; $HARK_LONG: 3,000), $HARK_SEED the seed, $HARK_BIN where the
programs are.  Nothing sleeps for luck: each wait is for a fact and has a limit.
"""
import collections
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
sys.path.insert(0, os.path.join(HERE, "..", "ref"))

from guest import connect, frame, hello, numbered, wait_for     # noqa: E402
import tapout                                                   # noqa: E402

SEED = int(os.environ.get("HARK_SEED", "20261125"))
KILLS = int(os.environ.get("HARK_KILLS", "3000" if os.environ.get("HARK_LONG") else "200"))
BIN = os.path.abspath(os.environ.get("HARK_BIN", "build/bin"))
CELLS = 3
LIMIT_S = 60
# A long campaign leaves more than 20 million leaves, and the machine may have other work.
VERIFY_LIMIT_S = 900
# Events of one guest that may be without acknowledgement: an agent's ring.
RING = 256
ROLES = ("hark-receiver", "hark-notary", "hark-signer", "hark-control")


class Daemon:
    """One harkd over its whole life, killed and started again as often as the campaign likes."""

    def __init__(self, top):
        self.data = os.path.join(top, "data")
        self.run = os.path.join(top, "run")
        self.log = open(os.path.join(top, "log"), "ab")
        self.control = os.path.join(self.run, "control.sock")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [os.path.join(BIN, "harkd"), "--data", self.data, "--run", self.run],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for(lambda: self.hark("status").returncode == 0, "every program runs", LIMIT_S)

    def said(self):
        """What it and its programs have written so far."""
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            return log.read()

    def hark(self, *words, limit_s=LIMIT_S):
        return subprocess.run([os.path.join(BIN, "hark"), *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env={**os.environ, "HARK_CONTROL": self.control},
                              timeout=limit_s)

    def children(self):
        """(pid, program) of what harkd has started, as the kernel has it."""
        found = []
        try:
            with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid),
                      encoding="ascii") as f:
                pids = [int(word) for word in f.read().split()]
        except OSError:
            return found
        for pid in pids:
            try:
                found.append((pid, os.path.basename(os.readlink("/proc/%d/exe" % pid))))
            except OSError:
                pass            # it has just ended
        return found

    def kill(self):
        before = self.children()
        self.process.kill()
        self.process.wait()
        wait_for(lambda: not any(os.path.exists("/proc/%d" % pid) for pid, _ in before),
                 "no child outlives harkd", LIMIT_S)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=LIMIT_S)


class NumberedGuest(threading.Thread):
    """An agent of wire 2 in a few lines: a ring of what is not acknowledged, sent again after a
    loss of the connection."""

    def __init__(self, path, stream, pause):
        super().__init__(daemon=True)
        self.path, self.stream, self.pause = path, stream, pause
        self.sent = 0           # numbers given so far
        self.acked = 0
        self.on_wire = 0        # the next number to be written on this connection
        self.connections = 0
        self.broken = []        # times at which a connection was lost
        self.talking = True
        self.finished = False
        self.error = None

    def run(self):
        try:
            while not self.finished:
                self.session()
        except Exception as e:  # pylint: disable=broad-except
            self.error = repr(e)

    def session(self):
        try:
            sock = connect(self.path)
        except OSError:
            # Nobody listens while harkd itself is away.
            select.select([], [], [], 0.01)
            return
        self.connections += 1
        self.on_wire = self.acked
        try:
            sock.setblocking(False)
            out = hello_with_ack(self.stream, self.acked)
            unread = b""
            while True:
                while self.talking and self.sent - self.acked < RING and len(out) < 4096:
                    self.sent += 1
                    out += self.next_frames()
                if not out and self.on_wire < self.sent:
                    out += self.next_frames()
                if self.finished and self.acked == self.sent:
                    return
                readable, writable, _ = select.select([sock], [sock] if out else [], [], 0.05)
                if writable:
                    out = out[sock.send(out):]
                if readable:
                    got = sock.recv(4096)
                    if not got:
                        raise ConnectionError("closed")
                    unread += got
                    while len(unread) >= 8:
                        self.acked = max(self.acked, int.from_bytes(unread[:8], "little"))
                        unread = unread[8:]
                if self.pause:
                    select.select([], [], [], self.pause)
        except (ConnectionError, BrokenPipeError, BlockingIOError):
            self.broken.append(time.monotonic())
        finally:
            sock.close()

    def next_frames(self):
        out = b""
        while self.on_wire < self.sent and len(out) < 2048:
            out += numbered(self.on_wire, pid=self.on_wire & 0xffff)
            self.on_wire += 1
        return out


def hello_with_ack(stream, seq):
    return frame("agent.hello", version=2, seq=seq,
                 detail={"ack": True, "stream": "%016x" % stream})


class PlainGuest(threading.Thread):
    """CellOS's agent in a few lines: it talks, and what is lost is lost."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.connections = 0
        self.finished = False

    def run(self):
        n = 0
        while not self.finished:
            try:
                sock = connect(self.path)
                self.connections += 1
                while not self.finished:
                    sock.sendall(frame(pid=n & 0xffffffff))
                    n += 1
                    select.select([], [], [], 0.005)
                sock.close()
            except OSError:
                select.select([], [], [], 0.01)


class Campaign:
    def __init__(self, top, tap):
        self.tap = tap
        self.random = random.Random(SEED)
        self.daemon = Daemon(top)
        self.bases = [os.path.join(top, "c%d.sock" % i) for i in range(CELLS)]
        self.killed = collections.Counter()
        self.guests = []
        self.plain = None
        self.may_break = [0] * CELLS    # how often a guest's connection had a reason to break

    def begin(self):
        self.daemon.start()
        for i, base in enumerate(self.bases):
            done = self.daemon.hark("cell", "add", "c%d" % i, "--uds-base", base, "--run-id", "r1")
            if done.returncode != 0:
                raise RuntimeError("cell add: " + done.stderr)
        self.guests = [NumberedGuest(base + "_9001", 0x100 + i, 0.001 * i)
                       for i, base in enumerate(self.bases)]
        self.plain = PlainGuest(self.bases[0] + "_9001")
        for guest in self.guests + [self.plain]:
            guest.start()

    def progress(self, count):
        """Waits until every guest has `count` more acknowledgements: the daemon is wholly back."""
        want = [guest.acked + count for guest in self.guests]

        def reached():
            for guest in self.guests:
                if guest.error:
                    raise RuntimeError("guest: " + guest.error)
            if self.daemon.process.poll() is not None:
                raise RuntimeError("harkd ended by itself: %r" % self.daemon.process.returncode)
            return all(g.acked >= w for g, w in zip(self.guests, want))
        wait_for(reached, "acknowledgements go on", LIMIT_S)

    def receivers(self):
        """The cells' receivers now, by pid."""
        programs = json.loads(self.daemon.hark("status", "--json").stdout)["programs"]
        return {int(p["pid"]): p["for"] for p in programs
                if p["program"] == "receiver" and "pid" in p}

    def kill_one(self):
        """One to three programs at once; now and then harkd itself."""
        if self.random.random() < 0.04:
            self.killed["harkd"] += 1
            before = [len(guest.broken) for guest in self.guests]
            self.daemon.kill()
            self.daemon.start()
            # Its start is on record by then; killed before, it would be one start with the next.
            self.progress(1)
            # While nobody holds the sockets a guest may try in vain, and break, more than once.
            self.may_break = [n + max(1, len(guest.broken) - b)
                              for n, guest, b in zip(self.may_break, self.guests, before)]
            return
        cells = self.receivers()
        candidates = [c for c in self.daemon.children() if c[1] in ROLES and
                      (c[1] != "hark-receiver" or c[0] in cells)]
        count = min(len(candidates), self.random.choice((1, 1, 1, 2, 3)))
        for pid, program in self.random.sample(candidates, count):
            if program == "hark-receiver":
                self.may_break[int(cells[pid][1:])] += 1
            try:
                os.kill(pid, signal.SIGKILL)
                self.killed[program] += 1
            except ProcessLookupError:
                pass

    def run(self):
        while sum(self.killed.values()) < KILLS:
            self.progress(self.random.choice((0, 1, 1, 50, 500)))
            self.kill_one()
        self.progress(100)
        for guest in self.guests:
            guest.talking = False
            guest.finished = True
        self.plain.finished = True
        for guest in self.guests + [self.plain]:
            guest.join(LIMIT_S)

    def judge(self):
        tap = self.tap
        tap.row("%d programs were killed (%s)" % (
            sum(self.killed.values()),
            ", ".join("%s %d" % pair for pair in sorted(self.killed.items()))),
            sum(self.killed.values()) >= KILLS)
        tap.row("every role was among them", all(self.killed[role] > 0 for role in ROLES),
                self.killed)
        for i, guest in enumerate(self.guests):
            tap.row("guest %d: all %d events are acknowledged in the end" % (i, guest.sent),
                    guest.acked == guest.sent and not guest.is_alive() and guest.sent > 0)
        tap.same("harkd ends in order", self.daemon.stop(), 0)
        rejected = self.judge_ledger()
        for i, guest in enumerate(self.guests):
            tap.row("guest %d: its connection broke at most as often as it had reason to" % i,
                    len(guest.broken) <= self.may_break[i],
                    "%d times, %d reasons; refused: %s; not our kills:\n%s" % (
                        len(guest.broken), self.may_break[i], dict(rejected), self.strange()))

    def strange(self):
        """What was said, but for what each kill makes be said."""
        lines = self.daemon.said().splitlines()
        return "\n".join([line for line in lines if "signal 9" not in line][-200:])

    def judge_ledger(self):
        tap = self.tap
        key = os.path.join(self.daemon.data, "keys", "evidence.pub")
        done = self.daemon.hark("verify", self.daemon.data, "--key", key, limit_s=VERIFY_LIMIT_S)
        tap.row("the record verifies", done.returncode == 0, done.stdout + done.stderr)
        seen = collections.defaultdict(list)
        gaps = collections.Counter()
        starts = collections.Counter()
        rejected = collections.Counter()
        at = 0
        strays = []
        with subprocess.Popen([os.path.join(BIN, "hark"), "tail", "--dir", self.daemon.data, "--from", "0", "--json"],
                              stdout=subprocess.PIPE, text=True) as tail:
            for line in tail.stdout:
                event = json.loads(line)
                if not event["id"].endswith("/evidence/%d" % at):
                    strays.append(event["id"])
                at += 1
                data = event["data"]
                declared = data.get("declared", {})
                if declared.get("probeSource") == "process.spawned" and "seq" in declared:
                    seen[data["cellId"], data["epoch"]].append(int(declared["seq"]))
                elif event["type"].endswith(".gap"):
                    gaps[data["cellId"], data.get("cause")] += 1
                elif event["type"].endswith(".rejected"):
                    rejected[data["cellId"], data["reason"]] += int(data["count"])
                elif event["type"] == "dev.hark.events.host.v1.started":
                    starts[data["clean"]] += 1
        tap.row("leaf ids count up without a hole", not strays and at > 0, strays[:5])
        for i, guest in enumerate(self.guests):
            mine = {epoch: seqs for (cell, epoch), seqs in seen.items() if cell == "c%d" % i}
            tap.same("c%d: one stream, one epoch" % i, len(mine), 1)
            seqs = next(iter(mine.values()), [])
            tap.row("c%d: each of its %d events is there once, in order" % (i, guest.sent),
                    seqs == list(range(guest.sent)),
                    "%d leaves; first difference at %s" % (len(seqs), next(
                        (n for n, s in enumerate(seqs) if n != s), len(seqs))))
            tap.same("c%d: no numbered event is missing" % i, gaps["c%d" % i, "sequence_jump"], 0)
        tap.row("a receiver that died under a guest of wire 1 left a gap",
                gaps["c0", "receiver_died"] > 0, dict(gaps))
        tap.same("each unclean start is on record", starts[False], self.killed["harkd"])
        return rejected


def main():
    tap = tapout.Tap()
    print("# seed %d, %d kills" % (SEED, KILLS), flush=True)
    with tempfile.TemporaryDirectory(prefix="hark-kills") as top:
        campaign = Campaign(top, tap)
        try:
            campaign.begin()
            campaign.run()
            campaign.judge()
        except Exception as e:  # pylint: disable=broad-except
            tap.row("the campaign ran to its end", False, repr(e))
            for line in campaign.daemon.said().splitlines()[-40:]:
                print("# " + line)
        finally:
            if campaign.daemon.process and campaign.daemon.process.poll() is None:
                campaign.daemon.process.kill()
                campaign.daemon.process.wait()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
