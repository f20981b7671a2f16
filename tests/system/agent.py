#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The agent against a host of our own: a Unix socket, a small CBOR reader, and real processes.

Prints TAP.  $HARK_BIN names the folder of the programs.  Nothing here sleeps for a set time: each
wait is for a fact and has a limit.
"""
import collections
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

AGENT = os.path.join(os.environ.get("HARK_BIN", "build/bin"), "hark-agent")
LIMIT_S = 20


def read_item(b, at):
    first = b[at]
    major, info = first >> 5, first & 31
    at += 1
    if info < 24:
        v = info
    elif info <= 27:
        size = 1 << (info - 24)
        v = int.from_bytes(b[at:at + size], "big")
        at += size
    else:
        raise ValueError("not a definite head")
    if major == 0:
        return v, at
    if major == 1:
        return -1 - v, at
    if major == 3:
        return b[at:at + v].decode("utf-8"), at + v
    if major == 5:
        out = {}
        for _ in range(v):
            key, at = read_item(b, at)
            if key in out:
                raise ValueError("key given twice")
            out[key], at = read_item(b, at)
        return out, at
    if major == 7 and v in (20, 21):
        return v == 21, at
    raise ValueError("type %d" % major)


class Frames:
    """What came over one connection."""

    def __init__(self, conn):
        self.conn = conn
        self.rest = b""
        self.ended = False
        self.all = []

    def read(self, limit_s):
        ready, _, _ = select.select([self.conn], [], [], max(0, limit_s))
        if not ready:
            return
        try:
            got = self.conn.recv(1 << 16)
        except ConnectionError:
            got = b""
        if not got:
            self.ended = True
        self.rest += got
        while len(self.rest) >= 4:
            size = struct.unpack("<I", self.rest[:4])[0]
            if not 0 < size <= 4096:
                raise ValueError("a frame of %d bytes" % size)
            if len(self.rest) < 4 + size:
                break
            body = self.rest[4:4 + size]
            frame, at = read_item(body, 0)
            if at != size:
                raise ValueError("bytes after the map")
            if list(frame)[0] != "content_version" or frame["content_version"] != 2:
                raise ValueError("not wire 2: %r" % frame)
            self.all.append(frame)
            self.rest = self.rest[4 + size:]

    def until(self, fact, what):
        end = time.monotonic() + LIMIT_S
        while not fact(self.all):
            if self.ended or time.monotonic() > end:
                raise AssertionError("%s did not come; got %r" % (what, self.all[-3:]))
            self.read(end - time.monotonic())

    def of(self, source):
        return [f for f in self.all if f["probe_source"] == source]

    def events(self):
        return [f for f in self.all if f["probe_source"].startswith("process.")]

    def ack(self, number):
        self.conn.sendall(struct.pack("<Q", number))


def has(source):
    return lambda frames: any(f["probe_source"] == source for f in frames)


def events_at_least(n):
    return lambda frames: sum(f["probe_source"].startswith("process.") for f in frames) >= n


class Host:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="hark agent ")
        self.path = os.path.join(self.dir, "s")
        self.listener = None
        self.children = []

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(8)

    def unlisten(self):
        self.listener.close()
        os.unlink(self.path)

    def accept(self):
        self.listener.settimeout(LIMIT_S)
        return Frames(self.listener.accept()[0])

    def start(self, *command, options=(), before=(), **more):
        p = subprocess.Popen([*before, AGENT, "--socket", self.path, *options, "--", *command],
                             **more)
        self.children.append(p)
        return p

    def close(self):
        for p in self.children:
            if p.poll() is None:
                p.kill()
                p.wait()
        if self.listener:
            self.listener.close()
        shutil.rmtree(self.dir)


def equal(got, want, what):
    if got != want:
        raise AssertionError("%s: got %r, want %r" % (what, got, want))


def true(value, what):
    if not value:
        raise AssertionError(what)


def whole_run(host, *command, **more):
    host.listen()
    p = host.start(*command, **more)
    frames = host.accept()
    frames.until(has("agent.goodbye"), "a goodbye")
    equal(p.wait(LIMIT_S) is not None, True, "the agent ends")
    return p, frames


def counts(frames):
    return collections.Counter(f["probe_source"] for f in frames.events())


def numbers_are_whole(frames):
    equal([f["seq"] for f in frames.events()], list(range(len(frames.events()))), "numbers")


def test_exit_codes_pass_on(host):
    host.listen()
    for command, want in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill $$", 143)):
        p = host.start("sh", "-c", command)
        frames = host.accept()
        frames.until(has("agent.goodbye"), "a goodbye")
        equal(p.wait(LIMIT_S), want, command)
        goodbye = frames.of("agent.goodbye")[0]
        equal(goodbye["detail"]["exit_code"], want, "the goodbye's exit code")
        equal(goodbye["seq"], len(frames.events()), "the goodbye's number")


def test_a_command_that_cannot_run(host):
    for command, want in (("/nonexistent/x", 127), ("/etc/passwd", 126)):
        p = host.start(command, options=("--linger", "50"), stderr=subprocess.PIPE)
        _, err = p.communicate(timeout=LIMIT_S)
        equal(p.returncode, want, command)
        true(command.encode() in err, "stderr names it: %r" % err)


def test_hello_comes_first(host):
    _, frames = whole_run(host, "true")
    hello = frames.all[0]
    equal(hello["probe_source"], "agent.hello", "the first frame")
    equal(hello["seq"], 0, "its number")
    equal(len(hello["detail"]["stream"]), 16, "the stream's name")
    int(hello["detail"]["stream"], 16)
    equal(hello["detail"]["ack"], True, "ack")
    with open("/proc/sys/kernel/random/boot_id") as f:
        equal(hello["detail"]["boot_id"], f.read().strip(), "boot_id")
    true("missing.proc_connector" not in hello["detail"], "the connector works: %r" % hello)


def test_short_processes_are_all_seen(host):
    n = 200
    _, frames = whole_run(host, "sh", "-c", "i=0; while [ $i -lt %d ]; do /bin/true; "
                          "i=$((i+1)); done; exit 3" % n)
    equal(dict(counts(frames)), {"process.spawned": n + 1, "process.exec": n + 1,
                                 "process.exited": n + 1}, "counts")
    numbers_are_whole(frames)
    true(not any("dropped" in f for f in frames.all), "nothing was dropped")
    first = frames.events()[0]
    equal(first["probe_source"], "process.spawned", "the first event")
    codes = [f["detail"].get("exit_code") for f in frames.of("process.exited")]
    equal(codes, [0] * n + [3], "exit codes")
    execs = frames.of("process.exec")
    equal(execs[0]["detail"]["ppid"], frames.all[0]["guest_pid"], "COMMAND's parent")
    equal({f["detail"]["ppid"] for f in execs[1:]}, {first["guest_pid"]}, "the others' parent")
    true(all(f["detail"].get("uid", os.getuid()) == os.getuid() for f in execs), "uid")
    true("exe" in execs[0]["detail"], "exe of the shell")
    starts = {f["guest_pid"]: f["guest_monotonic_ns"] for f in frames.of("process.spawned")}
    equal([f["detail"]["start_ns"] for f in frames.events()],
          [str(starts[f["guest_pid"]]) for f in frames.events()], "whose event it is")


def test_strangers_are_not_reported(host):
    host.listen()
    p = host.start("sh", "-c", "read x; exit 0", stdin=subprocess.PIPE)
    frames = host.accept()
    frames.until(events_at_least(2), "the shell's start")
    strangers = set()
    for _ in range(30):
        q = subprocess.Popen(["true"])
        q.wait()
        strangers.add(q.pid)
    p.communicate(b"\n", timeout=LIMIT_S)
    frames.until(has("agent.goodbye"), "a goodbye")
    seen = {f["guest_pid"] for f in frames.events()}
    equal(seen & strangers, set(), "strangers seen")
    equal(len(seen), 1, "processes")


def test_orphans_stay_in_the_family(host):
    _, frames = whole_run(host, "sh", "-c",
                          "mkfifo \"$0\"; (sh -c 'sleep 0; /bin/true; echo > \"$1\"' x \"$0\" &);"
                          " read y < \"$0\"", os.path.join(host.dir, "fifo"))
    true(len({f["guest_pid"] for f in frames.of("process.spawned")}) >= 5, "grandchildren")
    started = {f["guest_pid"] for f in frames.of("process.spawned")}
    ended = {f["guest_pid"] for f in frames.of("process.exited")}
    true(ended <= started, "ends have starts")


def test_a_name_that_is_no_text(host):
    script = ("import ctypes\nctypes.CDLL(None).prctl(15, b'\\xffev\\xc3il', 0, 0, 0)\n"
              "import os\nos.execv('/bin/true', ['true']) if os.fork() == 0 else os.wait()\n")
    _, frames = whole_run(host, sys.executable, "-c", script)
    named = [f for f in frames.events() if "comm_hex" in f.get("detail", {})]
    true(named, "an event with comm_hex")
    equal(named[0]["guest_comm"], "\ufffdev\ufffdil", "guest_comm")
    equal(named[0]["detail"]["comm_hex"], b"\xffev\xc3il".hex(), "comm_hex")


def test_exec_by_another_thread_does_not_hide(host):
    script = ("import threading,os\nt=threading.Thread(target=lambda: os.execv('/bin/sh',"
              "['sh','-c','exit 9']))\nt.start()\nt.join()\n")
    p, frames = whole_run(host, sys.executable, "-c", script)
    equal(p.returncode, 9, "exit code")
    equal(dict(counts(frames)), {"process.spawned": 1, "process.exec": 2, "process.exited": 1},
          "counts")
    equal(frames.of("process.exited")[0]["detail"]["exit_code"], 9, "exit code told")
    equal(frames.events()[-1]["probe_source"], "process.exited", "the last event")


def test_first_thread_gone_is_not_the_end(host):
    script = ("import ctypes,threading,os,time\n"
              "main=threading.main_thread().native_id\n"
              "def rest():\n"
              "  while open('/proc/self/task/%d/stat'%main).read().split()[2] != 'Z': pass\n"
              "  os.waitpid(os.posix_spawn('/bin/true',['true'],{}),0)\n"
              "  os._exit(4)\n"
              "threading.Thread(target=rest).start()\n"
              "ctypes.CDLL(None).syscall(60, 0)\n")
    p, frames = whole_run(host, sys.executable, "-c", script)
    equal(p.returncode, 4, "exit code")
    equal(dict(counts(frames)), {"process.spawned": 2, "process.exec": 2, "process.exited": 2},
          "counts")


def test_reconnect_sends_again(host):
    host.listen()
    p = host.start("sh", "-c", "read x; /bin/true; read x; exit 0", stdin=subprocess.PIPE)
    one = host.accept()
    one.until(events_at_least(2), "the shell's start")
    host.unlisten()
    one.conn.close()
    p.stdin.write(b"\n")
    p.stdin.flush()
    host.listen()
    two = host.accept()
    two.until(events_at_least(5), "old and new events")
    equal(two.all[0]["probe_source"], "agent.hello", "a hello")
    equal(two.all[0]["seq"], 0, "the oldest held")
    equal(two.all[0]["detail"]["stream"], one.all[0]["detail"]["stream"], "the same stream")
    numbers_are_whole(two)
    equal(two.events()[:2], one.events()[:2], "the same events again")
    p.communicate(b"\n", timeout=LIMIT_S)


def test_acks_trim(host):
    host.listen()
    p = host.start("sh", "-c", "read x; /bin/true; read x; exit 0", stdin=subprocess.PIPE)
    one = host.accept()
    one.until(events_at_least(2), "the shell's start")
    # A confirmation may come in pieces.
    one.conn.sendall(struct.pack("<Q", 2)[:3])
    one.conn.sendall(struct.pack("<Q", 2)[3:])
    p.stdin.write(b"\n")
    p.stdin.flush()
    one.until(events_at_least(5), "the next events")
    one.conn.close()
    two = host.accept()
    two.until(events_at_least(3), "what is not confirmed")
    equal(two.all[0]["seq"], 2, "the oldest held")
    equal([f["seq"] for f in two.events()], [2, 3, 4], "numbers")
    p.stdin.write(b"\n")
    p.stdin.close()
    two.until(has("agent.goodbye"), "a goodbye")
    true(p.poll() is None, "it waits for confirmations")
    two.ack(two.of("agent.goodbye")[0]["seq"])
    equal(p.wait(LIMIT_S), 0, "exit code")


def test_a_host_that_stops_confirming_is_connected_to_again(host):
    host.listen()
    p = host.start("sh", "-c", "read x; /bin/true; read x; exit 0", stdin=subprocess.PIPE)
    one = host.accept()
    one.until(events_at_least(2), "the shell's start")
    one.ack(2)
    p.stdin.write(b"\n")
    p.stdin.flush()
    # The first connection stays open, as a VMM leaves one whose host has gone.
    two = host.accept()
    one.until(events_at_least(5), "what was said in vain")
    two.until(events_at_least(3), "what is not confirmed")
    equal([f["seq"] for f in two.events()], [2, 3, 4], "numbers")
    p.communicate(b"\n", timeout=LIMIT_S)


def test_an_impossible_ack_ends_the_connection(host):
    host.listen()
    p = host.start("sh", "-c", "read x", stdin=subprocess.PIPE)
    one = host.accept()
    one.until(events_at_least(2), "the shell's start")
    one.ack(1 << 63)
    end = time.monotonic() + LIMIT_S
    while not one.ended and time.monotonic() < end:
        one.read(1)
    true(one.ended, "the connection ends")
    two = host.accept()
    two.until(events_at_least(2), "everything again")
    p.communicate(b"\n", timeout=LIMIT_S)


def test_overflow_is_a_jump(host):
    p = host.start("sh", "-c", "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done; "
                   "echo done; read x", options=("--ring-bytes", "16384"),
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    equal(p.stdout.readline(), b"done\n", "the workload was not held up")
    host.listen()
    frames = host.accept()
    frames.until(has("process.spawned"), "events")
    hello = frames.all[0]
    true(hello["seq"] > 0, "the oldest were lost: %r" % hello)
    equal(frames.events()[0]["seq"], hello["seq"], "the hello tells the first number")
    true(not any("dropped" in f for f in frames.all), "a jump is told once, not as dropped too")
    p.communicate(b"\n", timeout=LIMIT_S)


def test_heartbeats(host):
    host.listen()
    p = host.start("sh", "-c", "read x", stdin=subprocess.PIPE)
    frames = host.accept()
    frames.until(lambda all_: sum(f["probe_source"] == "agent.heartbeat" for f in all_) >= 2,
                 "two heartbeats")
    equal([f["seq"] for f in frames.of("agent.heartbeat")], [2, 2], "the next number")
    p.communicate(b"\n", timeout=LIMIT_S)


def test_signals_are_forwarded(host):
    host.listen()
    for name in ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2"):
        p = host.start("sh", "-c", "trap 'exit 42' %s; echo ready; while :; do read x || :; done"
                       % name, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
        frames = host.accept()
        equal(p.stdout.readline(), b"ready\n", "the workload")
        p.send_signal(getattr(signal, "SIG" + name))
        frames.until(has("agent.goodbye"), "a goodbye after SIG" + name)
        equal(p.wait(LIMIT_S), 42, "SIG" + name)
        p.stdin.close()
        p.stdout.close()


def test_a_host_that_never_reads(host):
    host.listen()
    p = host.start("sh", "-c", "i=0; while [ $i -lt 3000 ]; do (:); i=$((i+1)); done; echo done",
                   options=("--linger", "200"), stdout=subprocess.PIPE)
    held = host.accept()
    equal(p.stdout.readline(), b"done\n", "the workload was not held up")
    equal(p.wait(LIMIT_S), 0, "exit code")
    held.conn.close()


def test_no_listener_at_all(host):
    p = host.start("sh", "-c", "exit 5", options=("--linger", "100"), stderr=subprocess.PIPE)
    _, err = p.communicate(timeout=LIMIT_S)
    equal(p.returncode, 5, "exit code")
    true(b"no host listened" in err and err.count(b"\n") == 1, "stderr says so: %r" % err)


def test_the_workload_is_untouched(host):
    host.listen()
    script = ("import os,signal;print(sorted(os.listdir('/proc/self/fd')),os.getcwd(),"
              "os.environ['MARK'],signal.pthread_sigmask(0,[]),"
              "signal.getsignal(signal.SIGPIPE))")
    env = dict(os.environ, MARK="m")
    want = subprocess.run([sys.executable, "-c", script], env=env, stdout=subprocess.PIPE,
                          check=True).stdout
    p = host.start(sys.executable, "-c", script, env=env, stdout=subprocess.PIPE)
    frames = host.accept()
    got, _ = p.communicate(timeout=LIMIT_S)
    equal(got, want, "descriptors, folder, environment, signals")
    frames.until(has("agent.goodbye"), "a goodbye")


def test_walk_where_the_connector_is_refused(host):
    if os.geteuid() != 0:
        return "needs root for a network namespace"
    host.listen()
    p = host.start("sh", "-c", "/bin/cat; exit 6", before=("unshare", "-n"),
                   stdin=subprocess.PIPE)
    frames = host.accept()
    frames.until(lambda all_: any(f["probe_source"] == "process.exec" and
                                  f["guest_comm"] == "cat" for f in all_), "cat's exec")
    true("missing.proc_connector" in frames.all[0]["detail"], "the hello says so")
    p.communicate(b"", timeout=LIMIT_S)
    frames.until(has("agent.goodbye"), "a goodbye")
    equal(p.returncode, 6, "exit code")
    equal(dict(counts(frames)), {"process.spawned": 2, "process.exec": 2, "process.exited": 2},
          "counts")
    root = frames.events()[0]["guest_pid"]
    ends = [f["detail"] for f in frames.of("process.exited") if f["guest_pid"] == root]
    equal(ends[0]["exit_code"], 6, "COMMAND's exit code")
    return None


def test_walk_in_a_pid_namespace(host):
    if os.geteuid() != 0:
        return "needs root for a pid namespace"
    host.listen()
    p = host.start("sh", "-c", "exit 8", before=("unshare", "-pf", "--mount-proc"))
    frames = host.accept()
    frames.until(has("agent.goodbye"), "a goodbye")
    equal(frames.all[0]["detail"].get("missing.proc_connector"), "pid_namespace", "the reason")
    equal(p.wait(LIMIT_S), 8, "exit code")
    return None


def test_a_number_used_again_is_another_process(host):
    if os.geteuid() != 0:
        return "needs root to choose a number"
    host.listen()
    gates = [os.path.join(host.dir, name) for name in ("one", "two")]
    for gate in gates:
        os.mkfifo(gate)
    script = ("/bin/cat <'%s' & p=$!; wait; echo $((p-1)) >/proc/sys/kernel/ns_last_pid;"
              " /bin/cat <'%s' & wait; test $! = $p" % tuple(gates))
    p = host.start("sh", "-c", script, before=("unshare", "-pf", "--mount-proc"))
    frames = host.accept()
    for count, gate in enumerate(gates, 1):
        with open(gate, "wb"):          # it is there, and ends when nobody writes any more
            frames.until(lambda all_, n=count: sum(
                f["probe_source"] == "process.exec" and f["guest_comm"] == "cat" for f in all_) == n,
                "cat's exec")
    frames.until(has("agent.goodbye"), "a goodbye")
    equal(p.wait(LIMIT_S), 0, "it had the same number")
    number = frames.of("process.exec")[-1]["guest_pid"]
    said = [(f["probe_source"], f["detail"]["start_ns"]) for f in frames.events()
            if f["guest_pid"] == number]
    equal([source for source, _ in said], 2 * ["process.spawned", "process.exec", "process.exited"],
          "two lives")
    starts = [start for _, start in said]
    true(starts[0] != starts[3], "they are told apart")
    equal(starts, 3 * starts[:1] + 3 * starts[3:4], "each has its own")
    return None


def main():
    tests = [(n[5:].replace("_", " "), f) for n, f in globals().items() if n.startswith("test_")]
    wanted = sys.argv[1:]
    tests = [t for t in tests if not wanted or any(w in t[0] for w in wanted)]
    bad = 0
    print("1..%d" % len(tests))
    for i, (name, test) in enumerate(tests, 1):
        host = Host()
        try:
            skip = test(host)
            print("ok %d - agent: %s%s" % (i, name, " # SKIP " + skip if skip else ""), flush=True)
        except Exception as e:  # every failure is told, and the others still run
            bad += 1
            print("not ok %d - agent: %s\n# %s: %s" % (i, name, type(e).__name__, str(e)[:2000]),
                  flush=True)
        finally:
            host.close()
    return 1 if bad else 0


if __name__ == "__main__":
    # A shell starts what it puts into the background with these ignored, and programs inherit that.
    for inherited in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(inherited, signal.SIG_DFL)
    sys.exit(main())
