#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The agent in a real guest: another kernel, real AF_VSOCK to 2:9001, hark-listen on the host.

Prints TAP.  $HARK_BIN names the folder of the programs.  tests/vm/prepare fetches what a guest
needs; what cannot be had here skips every test, with the reason.
"""
import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import suite                                                # noqa: E402 (the path comes first)
from machine import BIN, Lines, equal, true                 # noqa: E402
from told import Told, detail, kind, losses, named          # noqa: E402

# By its path: busybox would run its own applet under the name "exe".
FOREVER = "exec /bin/sleep 100000"


class Listener(Told):
    """hark-listen and its events."""

    def __init__(self, process):
        self.process = process
        self.lines = Lines(process.stdout)
        Lines(process.stderr).until(
            lambda lines: any(b"listening on" in line for line in lines), "hark-listen's start", 20)

    def events(self):
        return [json.loads(line) for line in self.lines.all]

    def until(self, name, count=1, after=0):
        """The events of this name, once there are so many behind the first `after` lines."""
        def there(lines):
            return sum(kind(json.loads(line)) == name for line in lines[after:]) >= count
        self.lines.until(there, "%d × %s" % (count, name))
        return [e for e in self.events()[after:] if kind(e) == name]

    def now(self):
        """How many lines there are, with those that can be read already."""
        self.lines.take(0)
        return len(self.lines.all)

    def stop(self):
        """Everything that is readable, and then its end."""
        self.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 20
        while not self.lines.ended and time.monotonic() < end:
            self.lines.take(1)
        equal(self.process.wait(20), 0, "hark-listen's exit code")


def listen(m, name, *options):
    argv = [os.path.join(BIN, "hark-listen"), "--uds-base", m.path(name + ".sock"),
            "--cell", "vm-" + name, "--host", "test", *options]
    return Listener(m.start(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE))


def test_a_workload_is_told_from_hello_to_goodbye(m):
    # An emulated guest on a busy machine may boot for longer than the usual window.
    a = listen(m, "a", "--keepalive", "600")
    m.device("a")
    qemu = m.boot("a", "/bin/true\n/bin/cat /proc/self/stat >/tmp/x\nexit 7")
    goodbye = a.until("agent_goodbye")[0]
    closed = a.until("closed")[0]
    equal(qemu.wait(60), 0, "QEMU's exit code")
    a.stop()
    hello = a.of("agent_hello")
    equal(len(hello), 1, "hellos")
    equal(a.events()[0], hello[0], "the first event")
    said = detail(hello[0])
    equal(said["boot_id"], m.boot_id("a"), "the guest's own boot_id")
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        true(said["boot_id"] != f.read().strip(), "it is not the host's kernel")
    true("missing.proc_connector" not in said, "the guest's connector works: %r" % said)
    for source in ("process.spawned", "process.exec", "process.exited"):
        equal(len(a.of_source(source)), 3, source)
    root = a.runs(["true", "cat"])
    end = [d for d in a.of_source("process.exited") if d["guestPid"] == root]
    equal([int(d["detail"]["exit_code"]) for d in end], [7], "the workload's end")
    equal(int(detail(goodbye)["exit_code"]), 7, "the goodbye's exit code")
    equal(int(goodbye["data"]["declared"]["seq"]), len(a.declared()), "the goodbye's number")
    equal(closed["data"]["goodbye"], True, "closed with a goodbye")
    a.numbers_are_whole()
    equal({e["data"]["cellId"] for e in a.events()}, {"vm-a"}, "the cell")
    equal(losses(a.events()), [], "losses")
    true("agent ended with 7" in m.console("a"), "the agent's own exit code in the guest")


# Processes that are not COMMAND's: process 1 had them before it became the agent.
BESIDE = "(until [ -e /tmp/go ]; do :; done; /bin/cat /dev/null; : >/tmp/done) &\necho \"beside $!\""
MEET = ": >/tmp/go\nuntil [ -e /tmp/done ]; do :; done\nexit 3"


def test_as_process_1_it_tells_of_every_process(m):
    a = listen(m, "a")
    m.device("a")
    m.boot("a", MEET, first=True, before=BESIDE)
    goodbye = a.until("agent_goodbye")[0]
    a.until("closed")
    a.stop()
    equal(goodbye["data"]["declared"]["guestPid"], 1, "the agent is process 1")
    equal(int(detail(goodbye)["exit_code"]), 3, "exit code")
    beside = int(m.word_after("a", "beside"))
    equal(len(a.of_parent(beside)), 1, "a process that is not COMMAND's")
    a.numbers_are_whole()


def test_as_a_child_of_process_1_it_tells_of_its_own_alone(m):
    a = listen(m, "a")
    m.device("a")
    m.boot("a", MEET, before=BESIDE)
    goodbye = a.until("agent_goodbye")[0]
    a.stop()
    true(goodbye["data"]["declared"]["guestPid"] > 1, "the agent is not process 1")
    true(int(m.word_after("a", "beside")) > 1, "there was a stranger")
    equal(len(a.of_source("process.exec")), 1, "the workload's exec alone")
    equal(len({d["guestPid"] for d in a.declared()}), 1, "processes")


def test_a_killed_machine_closes_and_falls_silent(m):
    a = listen(m, "a", "--keepalive", "2")
    m.device("a")
    qemu = m.boot("a", FOREVER)
    a.until("process_exec", 2)
    mark = a.now()
    qemu.kill()
    closed = a.until("closed", after=mark)[0]
    silenced = a.until("agent_silenced", after=mark)[0]
    a.stop()
    equal(closed["data"]["goodbye"], False, "closed without a goodbye")
    equal(silenced["data"]["cause"], "disconnected", "the cause")
    equal(a.of("agent_goodbye"), [], "goodbyes")
    order = named(a.events()[mark:])
    true(order.index("closed") < order.index("agent_silenced"), "first closed, then silent")


def test_a_paused_machine_is_mute_and_then_resumes(m):
    a = listen(m, "a", "--keepalive", "3")
    m.device("a")
    m.boot("a", FOREVER)
    a.until("process_exec", 2)
    m.qmp("a", "stop")
    mark = a.now()
    silenced = a.until("agent_silenced", after=mark)[0]
    equal(silenced["data"]["cause"], "connected_but_mute", "the cause")
    equal(named(a.events()[mark:]), ["agent_silenced"], "nothing else, nothing has resumed")
    m.qmp("a", "cont")
    resumed = a.until("agent_resumed", after=mark)[0]
    a.stop()
    true(int(resumed["data"]["silenceMs"]) >= 3000, "its length: %r" % resumed["data"])
    equal(len(a.of("agent_hello")), 1, "one connection throughout")
    equal(losses(a.events()), [], "losses")


BUSY = "i=0\nwhile [ $i -lt %d ]; do /bin/true; i=$((i+1)); done\necho work is done\n" + FOREVER


def late_listener(m, count, options):
    m.device("a")
    qemu = m.boot("a", BUSY % count, options)
    m.wait(lambda: "work is done" in m.console("a"), "the workload's end", qemu)
    a = listen(m, "a")
    a.until("agent_hello")
    # The last event: the workload becomes `sleep`.
    a.lines.until(lambda lines: any(b'"guestComm":"sleep"' in l for l in lines), "the last event")
    a.stop()
    return a


def test_a_late_listener_gets_everything_from_0(m):
    a = late_listener(m, 20, "")
    equal(int(a.of("agent_hello")[0]["data"]["declared"]["seq"]), 0, "the oldest held")
    equal(len(a.of_source("process.exec")), 1 + 20 + 1, "the execs, most before there was a listener")
    a.numbers_are_whole()
    equal(a.of("gap"), [], "gaps")


def test_a_late_listener_is_told_what_the_ring_lost(m):
    a = late_listener(m, 200, "--ring-bytes 16384")
    first = int(a.of("agent_hello")[0]["data"]["declared"]["seq"])
    true(first > 0, "the ring was too small for all")
    a.numbers_are_whole(first)
    gaps = [(int(g["data"]["first"]), int(g["data"]["last"])) for g in a.of("gap")]
    equal(gaps, [(0, first - 1)], "the gap says which")


def test_two_guests_at_once_do_not_mix(m):
    names = ("a", "b")
    listeners = {n: listen(m, n) for n in names}
    m.device(*names)
    for n, code in zip(names, (11, 12)):
        m.boot(n, "/bin/%s /dev/null\nexit %d" % ({"a": "cat", "b": "true"}[n], code))
    for n, code, own in zip(names, (11, 12), ("cat", "true")):
        a = listeners[n]
        goodbye = a.until("agent_goodbye")[0]
        a.until("closed")
        a.stop()
        equal(int(detail(goodbye)["exit_code"]), code, n + "'s exit code")
        a.runs([own])
        equal({e["data"]["cellId"] for e in a.events()}, {"vm-" + n}, n + "'s cell")
        hellos = a.of("agent_hello")
        equal(len(hellos), 1, n + "'s hellos")
        equal(detail(hellos[0])["boot_id"], m.boot_id(n), n + "'s kernel")
        a.numbers_are_whole()
    true(m.boot_id("a") != m.boot_id("b"), "two kernels")


if __name__ == "__main__":
    sys.exit(suite.run("guest over real AF_VSOCK", globals()))
