#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The agent in a real guest, and the whole daemon on the host: harkd listens where the VMM looks,
acknowledges over real AF_VSOCK what is durable, and its record is judged by `hark verify`.

Prints TAP.  $HARK_BIN names the folder of the programs.  Where no guest can be had every test is
skipped, with the reason.
"""
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]

import suite                                                # noqa: E402 (the path comes first)
from daemon import BIN, Harkd                               # noqa: E402
from machine import DEVICE, LIMIT_S, equal, true            # noqa: E402
from told import Told, detail, kind, losses                 # noqa: E402

HARK = os.path.join(BIN, "hark")
FOREVER = "exec /bin/sleep 100000"
# An agent whose host confirms nothing stays for the whole linger; the longest that it takes.
LINGER_S = 60
LINGER = "--linger %d000" % LINGER_S
# The workload says on its console when it has ended, by the guest's clock, and forks nothing for it.
LAST = "read -r up rest </proc/uptime\necho \"work ends at $up\"\nexit %d"
BUSY = "i=0\nwhile [ $i -lt %d ]; do /bin/true; i=$((i+1)); done\n"
SHARED = "data: {data}\nrun: {run}\nreceiver:\n  isolation: shared\n  cells_max: 4\n"


def hark(d, *words, code=0):
    done = subprocess.run([HARK, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=LIMIT_S, check=False,
                          env={**os.environ, "HARK_CONTROL": d.socket})
    equal(done.returncode, code, "%r: %s%s" % (words, done.stdout, done.stderr))
    return done.stdout


class Cell(Told):
    """What the evidence holds of one cell, read anew each time."""

    def __init__(self, m, d, name):
        self.m, self.d, self.name = m, d, name

    def add(self, *options):
        hark(self.d, "cell", "add", "vm-" + self.name, "--uds-base",
             self.m.path(self.name + ".sock"), "--run-id", "run-" + self.name, *options)
        return self

    def events(self):
        text = hark(self.d, "tail", "--dir", self.d.data, "--from", "0", "--json")
        events = [json.loads(line) for line in text.splitlines()]
        for number, event in enumerate(events):
            true(event["id"].endswith("/evidence/%d" % number), "a leaf's id: " + event["id"])
        return [e for e in events if e["data"].get("cellId") == "vm-" + self.name]

    def until(self, name, count=1, **data):
        """The events of this name and these members, once there are so many."""
        found = []

        def there():
            found[:] = [e for e in self.of(name)
                        if all(e["data"].get(k) == v for k, v in data.items())]
            return len(found) >= count
        self.m.wait(there, "%s: %d × %s %r" % (self.name, count, name, data), self.d.process)
        return found

    def until_ended(self):
        """The end of the guest's agent, which had to be told that everything is durable."""
        def ended():
            return re.search(r"agent ended with (\d+) at ([0-9.]+)", self.m.console(self.name))
        self.m.wait(ended, "the agent's end", self.d.process)
        began = re.search(r"work ends at ([0-9.]+)", self.m.console(self.name))
        spent = float(ended()[2]) - float(began[1])
        true(spent < LINGER_S / 2, "%s s until all was acknowledged" % spent)
        return int(ended()[1])

    def is_one_run(self, code):
        """From hello to goodbye with all numbers, stamped by the host, nothing lost."""
        goodbye = self.until("agent_goodbye")[0]
        self.until("closed", goodbye=True)
        equal(int(detail(goodbye)["exit_code"]), code, "the goodbye's exit code")
        equal(int(goodbye["data"]["declared"]["seq"]), len(self.declared()), "the goodbye's number")
        equal({e["data"]["runId"] for e in self.events()}, {"run-" + self.name}, "the run")
        self.numbers_are_whole()
        equal(losses(self.events()), [], "losses")
        hello = self.of("agent_hello")
        equal({detail(h)["boot_id"] for h in hello}, {self.m.boot_id(self.name)}, "whose kernel")
        equal(len({detail(h)["stream"] for h in hello}), 1, "streams")
        return hello


def intact(d):
    """Stops the daemon; everything is sealed, and the whole record verifies."""
    d.stop()
    keys = []
    for ledger in ("evidence", "operations"):
        keys += ["--key", os.path.join(d.data, "keys", ledger + ".pub")]
    told = hark(d, "verify", d.data, *keys)
    true("answer: intact" in told, told)


def test_what_a_guest_declares_is_acknowledged_and_verifies(m):
    with Harkd().start() as d:
        a = Cell(m, d, "a").add()
        m.device("a")
        qemu = m.boot("a", "/bin/true\n/bin/cat /proc/self/stat >/tmp/x\n" + LAST % 7, LINGER)
        equal(a.until_ended(), 7, "the agent's own exit code in the guest")
        equal(len(a.is_one_run(7)), 1, "hellos")
        equal(qemu.wait(LIMIT_S), 0, "QEMU's exit code")
        for source in ("process.spawned", "process.exec", "process.exited"):
            equal(len(a.of_source(source)), 3, source)
        a.runs(["true", "cat"])
        intact(d)


def test_as_process_1_it_is_heard_to_its_goodbye(m):
    with Harkd().start() as d:
        a = Cell(m, d, "a").add()
        m.device("a")
        qemu = m.boot("a", "/bin/true\nexit 3", LINGER, first=True)
        hello = a.is_one_run(3)
        equal([h["data"]["declared"]["guestPid"] for h in hello], [1], "the agent is process 1")
        # Its end is the machine's: a panic, at which QEMU ends (-no-reboot).
        equal(qemu.wait(LIMIT_S), 0, "QEMU's exit code")
        intact(d)


def test_a_killed_machine_closes_and_falls_silent(m):
    with Harkd().start() as d:
        a = Cell(m, d, "a").add("--keepalive", "2")
        m.device("a")
        qemu = m.boot("a", FOREVER)
        a.until("process_exec", 2)
        qemu.kill()
        silenced = a.until("agent_silenced", cause="disconnected")[0]
        closed = a.until("closed")[0]
        equal(closed["data"]["goodbye"], False, "closed without a goodbye")
        true(int(silenced["data"]["elapsedMs"]) >= 2000, "its length: %r" % silenced["data"])
        order = [e["id"] for e in a.events() if e["id"] in (closed["id"], silenced["id"])]
        equal(order, [closed["id"], silenced["id"]], "first closed, then silent")
        # A guest boots for longer than its silence may last: that is on record, too.
        others = {s["data"]["cause"] for s in a.of("agent_silenced")} - {"disconnected"}
        true(others <= {"never_connected"}, "causes: %r" % others)
        equal(a.of("agent_goodbye"), [], "goodbyes")
        intact(d)


def test_a_paused_machine_is_mute_and_then_resumes(m):
    with Harkd().start() as d:
        a = Cell(m, d, "a").add("--keepalive", "3")
        m.device("a")
        m.boot("a", FOREVER)
        a.until("process_exec", 2)
        resumed = len(a.of("agent_resumed"))
        m.qmp("a", "stop")
        a.until("agent_silenced", cause="connected_but_mute")
        equal(len(a.of("agent_resumed")), resumed, "nothing has resumed")
        m.qmp("a", "cont")
        last = a.until("agent_resumed", resumed + 1)[-1]
        true(int(last["data"]["silenceMs"]) >= 3000, "its length: %r" % last["data"])
        equal(len(a.of("agent_hello")), 1, "one connection throughout")
        equal(losses(a.events()), [], "losses")
        intact(d)


def test_a_machine_that_reboots_is_another_boot_and_no_second_speaker(m):
    with Harkd().start() as d:
        a = Cell(m, d, "a").add("--keepalive", "600")
        m.device("a")
        # A boot lasts for longer than two heartbeats, however fast the machine; and the workload for
        # longer than a second speaker is left in doubt.
        qemu = m.boot("a", "/bin/sleep 5\n" + FOREVER, before="/bin/busybox sleep 3", reboots=True)
        a.until("process_exec", 3)
        m.qmp("a", "system_reset")
        a.until("agent_hello", 2)
        a.until("process_exec", 6)
        # The device closes nothing: the old connection is mute, and not in the new one's way.
        equal([kind(e) for e in a.events() if kind(e) in ("closed", "conflict")], [], "the reboot")
        qemu.kill()
        a.until("closed", 2)
        equal(losses(a.events()), [], "losses")
        hellos = a.of("agent_hello")
        equal(len({detail(h)["boot_id"] for h in hellos}), 2, "boots")
        epochs = [h["data"]["epoch"] for h in hellos]
        equal(len(set(epochs)), 2, "epochs")
        for epoch in epochs:
            numbers = [int(e["data"]["declared"]["seq"]) for e in a.events()
                       if e["data"].get("epoch") == epoch and kind(e).startswith("process_")]
            equal(numbers, list(range(6)), "numbers of epoch %s" % epoch)
        intact(d)


def two_guests(m, d, receivers):
    own = {"a": ("cat", 11), "b": ("true", 12)}
    cells = {name: Cell(m, d, name).add() for name in own}
    m.device(*own)
    for name, (program, code) in own.items():
        m.boot(name, "/bin/%s /dev/null\n" % program + LAST % code, LINGER)
    for name, (program, code) in own.items():
        equal(cells[name].until_ended(), code, name + "'s exit code")
        equal(len(cells[name].is_one_run(code)), 1, name + "'s hellos")
        cells[name].runs([program])
    true(m.boot_id("a") != m.boot_id("b"), "two kernels")
    equal(sum(role == "receiver" for role, _ in d.roles()), receivers, "receivers")
    intact(d)


def test_two_guests_at_once_do_not_mix(m):
    with Harkd().start() as d:
        two_guests(m, d, 2)


def test_two_guests_of_one_receiver_do_not_mix(m):
    with Harkd(config=SHARED).start() as d:
        two_guests(m, d, 1)


def busy(m, d, count):
    a = Cell(m, d, "a").add()
    m.device("a")
    m.boot("a", BUSY % count + LAST % 5, LINGER)
    return a


def test_the_notary_is_killed_and_the_guest_notices_nothing(m):
    with Harkd().start() as d:
        a = busy(m, d, 300)
        for events in (1, 100, 200):
            a.until("process_exec", events)
            d.kill_role("notary")
        equal(a.until_ended(), 5, "the agent's own exit code in the guest")
        equal(len(a.is_one_run(5)), 1, "one connection throughout")
        equal(len(a.of_source("process.exec")), 1 + 300, "programs")
        evidence = hark(d, "tail", "--dir", d.data, "--from", "0", "--json").splitlines()
        outages = [e for e in map(json.loads, evidence) if kind(e) == "notary_restarted"]
        equal(len(outages), 3, "the outages are on record")
        intact(d)


def test_receiver_and_daemon_are_killed_and_the_guest_says_it_again(m):
    with Harkd().start() as d:
        a = busy(m, d, 300)
        a.until("process_exec", 50)
        d.kill_role("receiver", "vm-a")
        a.until("process_exec", 100)
        d.kill()
        d.start()
        equal(a.until_ended(), 5, "the agent's own exit code in the guest")
        hello = a.is_one_run(5)
        true(len(hello) >= 3, "it came again after each: %d hellos" % len(hello))
        equal(len(a.of_source("process.exec")), 1 + 300, "programs")
        intact(d)


# What a person writes: the device and QEMU as one command, on the path that hark has made.
RUN = """device=$1
shift
echo "$HARK_UDS_BASE" >base
"$device" --vm "guest-cid=3,socket=a.vhu,uds-path=$HARK_UDS_BASE,groups=only-a" >device.log 2>&1 &
until [ -S a.vhu ]; do sleep 0.05; done
"$@" >a.qemu 2>&1
code=$?
kill $!
wait
exit $code
"""


def test_hark_run_registers_a_machine_for_as_long_as_it_lives(m):
    with Harkd().start() as d:
        argv = m.image("a", "/bin/true\n" + LAST % 9, LINGER)
        command = [HARK, "run", "--control", d.socket, "--cell", "vm-a", "--run-id", "run-a", "--",
                   "sh", "-c", RUN, "sh", DEVICE, *argv]
        with open(m.path("run.log"), "wb") as log:
            run = m.start(command, stdout=log, stderr=log)
        a = Cell(m, d, "a")
        equal(a.until_ended(), 9, "the agent's own exit code in the guest")
        equal(run.wait(LIMIT_S), 0, "QEMU's exit code is hark's")
        equal(len(a.is_one_run(9)), 1, "hellos")
        a.runs(["true"])
        equal([kind(e) for e in a.events()][::len(a.events()) - 1], ["registered", "removed"],
              "first and last")
        equal(hark(d, "cell", "ls", "--json"), "", "cells that are left")
        with open(m.path("run.log"), encoding="utf-8") as f:
            equal(f.read(), "", "what hark had to say")
        with open(m.path("base"), encoding="utf-8") as f:
            folder = os.path.dirname(f.read().strip())
        true(folder and not os.path.lexists(folder), "a folder of its own, gone: %r" % folder)
        intact(d)


if __name__ == "__main__":
    sys.exit(suite.run("guest and harkd over real AF_VSOCK", globals()))
