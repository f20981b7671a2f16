#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The agent in a real guest: another kernel, real AF_VSOCK to 2:9001, hark-listen on the host.

Prints TAP.  $HARK_BIN names the folder of the programs.  tests/vm/prepare fetches what a guest
needs; what cannot be had here skips every test, with the reason.
"""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from machine import Machine, equal, kind, true      # noqa: E402 (the path comes first)

# By its path: busybox would run its own applet under the name "exe".
FOREVER = "exec /bin/sleep 100000"
PREPARE_LIMIT_S = 1200


def numbers_are_whole(listener, first=0):
    numbers = [int(d["seq"]) for d in listener.declared()]
    equal(numbers, list(range(first, first + len(numbers))), "numbers")


def of(listener, source, comm=None):
    return [d for d in listener.declared()
            if d["probeSource"] == source and comm in (None, d["guestComm"])]


def runs(listener, names):
    """That the workload ran these programs; gives its process id.  One that ended while its
    message was read may have no exe, and the name of what it was a copy of."""
    work, *rest = of(listener, "process.exec")
    equal(work["guestComm"], "work", "the workload's name")
    equal([int(d["detail"]["ppid"]) for d in rest], [int(work["guestPid"])] * len(names), "parents")
    for d, name in zip(rest, names):
        allowed = (name,) if "exe" in d["detail"] else (name, "work")
        true(d["guestComm"] in allowed, "a program's name: %r, not %r" % (d, allowed))
    return work["guestPid"]


def of_parent(listener, pid):
    return [d for d in of(listener, "process.exec") if int(d["detail"]["ppid"]) == pid]


def word_after(text, word):
    words = text.split()
    return int(words[words.index(word) + 1])


def named(events):
    return [kind(e) for e in events]


def test_a_workload_is_told_from_hello_to_goodbye(m):
    a = m.listen("a")
    m.device("a")
    qemu = m.boot("a", "/bin/true\n/bin/cat /proc/self/stat >/tmp/x\nexit 7")
    goodbye = a.until("agent_goodbye")[0]
    closed = a.until("closed")[0]
    equal(qemu.wait(60), 0, "QEMU's exit code")
    a.stop()
    hello = a.of("agent_hello")
    equal(len(hello), 1, "hellos")
    equal(a.events()[0], hello[0], "the first event")
    detail = hello[0]["data"]["declared"]["detail"]
    equal(detail["boot_id"], m.boot_id("a"), "the guest's own boot_id")
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        true(detail["boot_id"] != f.read().strip(), "it is not the host's kernel")
    true("missing.proc_connector" not in detail, "the guest's connector works: %r" % detail)
    for source in ("process.spawned", "process.exec", "process.exited"):
        equal(len(of(a, source)), 3, source)
    root = runs(a, ["true", "cat"])
    end = [d for d in of(a, "process.exited") if d["guestPid"] == root]
    equal([int(d["detail"]["exit_code"]) for d in end], [7], "the workload's end")
    equal(int(goodbye["data"]["declared"]["detail"]["exit_code"]), 7, "the goodbye's exit code")
    equal(int(goodbye["data"]["declared"]["seq"]), len(a.declared()), "the goodbye's number")
    equal(closed["data"]["goodbye"], True, "closed with a goodbye")
    numbers_are_whole(a)
    equal({e["data"]["cellId"] for e in a.events()}, {"vm-a"}, "the cell")
    equal([n for n in named(a.events()) if n in ("gap", "dropped", "rejected")], [], "losses")
    true("agent ended with 7" in m.console("a"), "the agent's own exit code in the guest")


# Processes that are not COMMAND's: process 1 had them before it became the agent.
BESIDE = "(until [ -e /tmp/go ]; do :; done; /bin/cat /dev/null; : >/tmp/done) &\necho \"beside $!\""
MEET = ": >/tmp/go\nuntil [ -e /tmp/done ]; do :; done\nexit 3"


def test_as_process_1_it_tells_of_every_process(m):
    a = m.listen("a")
    m.device("a")
    m.boot("a", MEET, first=True, before=BESIDE)
    goodbye = a.until("agent_goodbye")[0]
    a.until("closed")
    a.stop()
    equal(goodbye["data"]["declared"]["guestPid"], 1, "the agent is process 1")
    equal(int(goodbye["data"]["declared"]["detail"]["exit_code"]), 3, "exit code")
    beside = word_after(m.console("a"), "beside")
    equal(len(of_parent(a, beside)), 1, "a process that is not COMMAND's")
    numbers_are_whole(a)


def test_as_a_child_of_process_1_it_tells_of_its_own_alone(m):
    a = m.listen("a")
    m.device("a")
    m.boot("a", MEET, before=BESIDE)
    goodbye = a.until("agent_goodbye")[0]
    a.stop()
    true(goodbye["data"]["declared"]["guestPid"] > 1, "the agent is not process 1")
    true(word_after(m.console("a"), "beside") > 1, "there was a stranger")
    equal(len(of(a, "process.exec")), 1, "the workload's exec alone")
    equal(len({d["guestPid"] for d in a.declared()}), 1, "processes")


def test_a_killed_machine_closes_and_falls_silent(m):
    a = m.listen("a", "--keepalive", "2")
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
    a = m.listen("a", "--keepalive", "3")
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
    equal([n for n in named(a.events()) if n in ("gap", "dropped", "rejected")], [], "losses")


BUSY = "i=0\nwhile [ $i -lt %d ]; do /bin/true; i=$((i+1)); done\necho work is done\n" + FOREVER


def late_listener(m, count, options):
    m.device("a")
    qemu = m.boot("a", BUSY % count, options)
    m.wait(lambda: "work is done" in m.console("a"), "the workload's end", qemu)
    a = m.listen("a")
    a.until("agent_hello")
    # The last event: the workload becomes `sleep`.
    a.lines.until(lambda lines: any(b'"guestComm":"sleep"' in l for l in lines), "the last event")
    a.stop()
    return a


def test_a_late_listener_gets_everything_from_0(m):
    a = late_listener(m, 20, "")
    equal(int(a.of("agent_hello")[0]["data"]["declared"]["seq"]), 0, "the oldest held")
    equal(len(of(a, "process.exec")), 1 + 20 + 1, "the execs, most before there was a listener")
    numbers_are_whole(a)
    equal(a.of("gap"), [], "gaps")


def test_a_late_listener_is_told_what_the_ring_lost(m):
    a = late_listener(m, 200, "--ring-bytes 16384")
    first = int(a.of("agent_hello")[0]["data"]["declared"]["seq"])
    true(first > 0, "the ring was too small for all")
    numbers_are_whole(a, first)
    gaps = [(int(g["data"]["first"]), int(g["data"]["last"])) for g in a.of("gap")]
    equal(gaps, [(0, first - 1)], "the gap says which")


def test_two_guests_at_once_do_not_mix(m):
    names = ("a", "b")
    listeners = {n: m.listen(n) for n in names}
    m.device(*names)
    for n, code in zip(names, (11, 12)):
        m.boot(n, "/bin/%s /dev/null\nexit %d" % ({"a": "cat", "b": "true"}[n], code))
    for n, code, own in zip(names, (11, 12), ("cat", "true")):
        a = listeners[n]
        goodbye = a.until("agent_goodbye")[0]
        a.until("closed")
        a.stop()
        equal(int(goodbye["data"]["declared"]["detail"]["exit_code"]), code, n + "'s exit code")
        runs(a, [own])
        equal({e["data"]["cellId"] for e in a.events()}, {"vm-" + n}, n + "'s cell")
        hellos = a.of("agent_hello")
        equal(len(hellos), 1, n + "'s hellos")
        equal(hellos[0]["data"]["declared"]["detail"]["boot_id"], m.boot_id(n), n + "'s kernel")
        numbers_are_whole(a)
    true(m.boot_id("a") != m.boot_id("b"), "two kernels")


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


def main():
    tests = [(n[5:].replace("_", " "), f) for n, f in globals().items() if n.startswith("test_")]
    wanted = sys.argv[1:]
    tests = [t for t in tests if not wanted or any(w in t[0] for w in wanted)]
    print("1..%d" % len(tests), flush=True)
    lacking = prepare()
    bad = 0
    for i, (name, test) in enumerate(tests, 1):
        name = "guest over real AF_VSOCK: " + name
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


if __name__ == "__main__":
    sys.exit(main())
