# SPDX-License-Identifier: MIT OR Apache-2.0
"""End to end: from the first frame written by a guest to the last event durable, beside the floor and
beside rsyslog.  Imported by bench/run, which prints the rows.

A row named `durable` has ratio = value / floor, both sides measured in turns in the same run.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "build" / "meson" / "bench"
BIN = ROOT / "build" / "bin"
LIMIT_S = 300
SPEC = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"


def wait_for(condition, what, seconds=LIMIT_S):
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            sys.exit("bench: waited in vain until " + what)
        time.sleep(0.002)


def load(directory, cells, per_write, frames, rate, wire):
    out = subprocess.run([str(BENCH / "load"), directory, str(cells), str(per_write), str(frames),
                          str(rate), str(wire)], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


class Daemon:
    """A harkd with cells 0, 1, ... at DIRECTORY/<n>.sock."""

    def __init__(self, directory, cells, shared, **ledger):
        self.directory = directory
        self.control = os.path.join(directory, "run", "control.sock")
        config = os.path.join(directory, "hark.yaml")
        with open(config, "w", encoding="ascii") as f:
            f.write("data: %s/data\nrun: %s/run\nhost: bench\nreceiver:\n  isolation: %s\n"
                    % (directory, directory, "shared" if shared else "cell"))
            if ledger:
                f.write("ledger:\n" + "".join("  %s: %s\n" % pair for pair in ledger.items()))
            f.write("cells:\n")
            for n in range(cells):
                f.write("  - name: c%d\n    uds_base: %s/%d.sock\n    run_id: run-1\n"
                        "    spec_hash: %s\n    keepalive_s: 3600\n" % (n, directory, n, SPEC))
        self.log = open(os.path.join(directory, "log"), "wb")
        self.process = subprocess.Popen([str(BIN / "harkd"), "--config", config],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for(lambda: self.hark("status").returncode == 0, "harkd runs")
        wait_for(lambda: self.stable_size() >= 0, "its record rests")

    def hark(self, *words):
        return subprocess.run([str(BIN / "hark"), *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL,
                              env={**os.environ, "HARK_CONTROL": self.control})

    def committed(self):
        status = json.loads(self.hark("status", "--json").stdout)
        return next(int(l["committedSize"]) for l in status["ledgers"] if l["origin"].endswith("/evidence"))

    def stable_size(self):
        first = self.committed()
        time.sleep(0.05)
        return first if self.committed() == first else -1

    def children(self):
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid),
                  encoding="ascii") as f:
            return [int(word) for word in f.read().split()]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=LIMIT_S) != 0:
            sys.exit("bench: harkd ended with %d; %s" % (self.process.returncode, self.log.name))
        self.log.close()


def clean_disk():
    """Writes of the run before must not be paid for by this one."""
    os.sync()


def ours(cells, per_write, frames, shared):
    """Events a second until all are durable."""
    clean_disk()
    with tempfile.TemporaryDirectory(prefix="hark-bench") as d:
        daemon = Daemon(d, cells, shared)
        page = Watch(daemon)
        want = daemon.committed() + frames
        began = time.monotonic()
        load(d, cells, per_write, frames, 0, 1)
        # Connections that close add leaves of their own after the events.
        page.wait(want)
        spent = time.monotonic() - began
        daemon.stop()
        return frames / spent


class Watch:
    """The evidence ledger's committed size, as `hark status` tells it."""

    def __init__(self, daemon):
        self.daemon = daemon

    def wait(self, size):
        wait_for(lambda: self.daemon.committed() >= size, "all is durable")


def floor(sockets, per_write, frames):
    clean_disk()
    with tempfile.TemporaryDirectory(prefix="hark-floor") as d:
        with subprocess.Popen([str(BENCH / "floor"), d, str(sockets), str(frames)],
                              stdout=subprocess.PIPE, text=True) as process:
            if process.stdout.readline().strip() != "ready":
                sys.exit("bench: the floor did not start")
            began = time.monotonic()
            load(d, sockets, per_write, frames, 0, 1)
            process.stdout.readline()
            spent = time.monotonic() - began
            process.wait()
            return frames / spent


def median_pairs(rounds, *sides):
    """Each side's median of rounds taken in turns, so that what the machine does meets all."""
    taken = [[] for _ in sides]
    for _ in range(rounds):
        for side, found in zip(sides, taken):
            found.append(side())
    return [statistics.median(found) for found in taken]


def throughput(emit, frames, rounds):
    for cells in (1, 8, 1000):
        for per_write in (1, 16):
            count = frames if per_write > 1 else frames // 2
            bare, isolated, shared = median_pairs(
                rounds, lambda: floor(cells, per_write, count),
                lambda: ours(cells, per_write, count, False),
                lambda: ours(cells, per_write, count, True))
            for name, value in (("isolated", isolated), ("shared", shared)):
                emit({"name": "durable",
                      "config": "%d cell%s x %d a write, %s" % (
                          cells, "s" if cells > 1 else "", per_write, name),
                      "value": round(value), "unit": "events/s", "floor": round(bare),
                      "ratio": round(value / bare, 3), "baseline": "two bare processes"})


def latency(emit, seconds):
    for rate in (10_000, 100_000, 0):
        clean_disk()
        with tempfile.TemporaryDirectory(prefix="hark-bench") as d:
            daemon = Daemon(d, 8, False)
            # At the greatest rate the rings are full, and the time is theirs to be emptied.
            answer = load(d, 8, 16 if rate != 10_000 else 1, (rate or 400_000) * seconds, rate, 2)
            daemon.stop()
        for name in ("p50", "p99"):
            emit({"name": "write to durable " + name,
                  "config": "8 cells, isolated, " + ("%d k/s" % (rate // 1000) if rate else
                                                     "as fast as taken, full rings"),
                  "value": answer[name + "_us"] / 1000, "unit": "ms"})


def recovery(emit, leaves):
    """The time of a start over a ledger of so many leaves whose end was not orderly, and of a verify."""
    with tempfile.TemporaryDirectory(prefix="hark-bench") as d:
        daemon = Daemon(d, 8, False)
        want = daemon.committed() + leaves
        load(d, 8, 64, leaves, 0, 1)
        Watch(daemon).wait(want)
        daemon.process.kill()
        daemon.process.wait()
        began = time.monotonic()
        again = subprocess.Popen([str(BIN / "harkd"), "--config", os.path.join(d, "hark.yaml")],
                                 stdin=subprocess.DEVNULL, stdout=daemon.log, stderr=daemon.log)
        daemon.process = again
        wait_for(lambda: daemon.hark("status").returncode == 0, "harkd runs again")
        emit({"name": "recovery", "config": "%d M leaves, after SIGKILL" % (leaves // 1_000_000),
              "value": round(time.monotonic() - began, 3), "unit": "s"})
        daemon.stop()
        key = os.path.join(d, "data", "keys", "evidence.pub")
        began = time.monotonic()
        subprocess.run([str(BIN / "hark"), "verify", os.path.join(d, "data"), "--key", key],
                       check=True, stdout=subprocess.DEVNULL)
        emit({"name": "verify", "config": "%d M leaves, data directory" % (leaves // 1_000_000),
              "value": round(leaves / (time.monotonic() - began)), "unit": "leaves/s"})


# ---- rsyslog --------------------------------------------------------------------------------

RSYSLOG = """
global(workDirectory="{d}")
main_queue(queue.size="200000" queue.dequeueBatchSize="4096")
module(load="imptcp")
input(type="imptcp" path="{d}/in.sock" unlink="on")
template(name="event" type="list") {{
  constant(value="{{\\"data\\":{{\\"cellId\\":\\"c0\\",\\"declared\\":{{\\"guestComm\\":\\"workload\\",\\"text\\":\\"")
  property(name="msg" format="json")
  constant(value="\\"}},\\"runId\\":\\"run-1\\",\\"specSignatureHash\\":\\"{spec}\\"}},\\"source\\":\\"/hark/bench\\",\\"specversion\\":\\"1.0\\",\\"subject\\":\\"urn:cellos:cell:c0\\",\\"time\\":\\"")
  property(name="timegenerated" dateFormat="rfc3339")
  constant(value="\\",\\"type\\":\\"dev.cellos.events.cell.observability.guest.process_spawned\\"}}\\n")
}}
action(type="omfile" file="{d}/out.json" template="event" sync="on" asyncWriting="off" ioBufferSize="1m" flushOnTXEnd="on")
"""


def rsyslog(messages):
    """rsyslog: a stream of lines into a synced file of CloudEvents; None where it is not installed."""
    binary = shutil.which("rsyslogd") or ("/usr/sbin/rsyslogd" if os.path.exists("/usr/sbin/rsyslogd")
                                          else None)
    if binary is None:
        return None
    clean_disk()
    with tempfile.TemporaryDirectory(prefix="hark-rsyslog") as d:
        config = os.path.join(d, "rsyslog.conf")
        with open(config, "w", encoding="ascii") as f:
            f.write(RSYSLOG.format(d=d, spec=SPEC))
        with subprocess.Popen([binary, "-n", "-f", config, "-i", os.path.join(d, "pid")],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            wait_for(lambda: os.path.exists(os.path.join(d, "in.sock")), "rsyslog listens", 30)
            line = b"<13>Nov 25 12:00:00 bench guest: process.spawned pid 4242 comm workload " \
                   b"at 123456789012\n"
            out = os.path.join(d, "out.json")
            began = time.monotonic()
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.connect(os.path.join(d, "in.sock"))
                for _ in range(messages // 64):
                    sock.sendall(line * 64)
            count = messages // 64 * 64
            wait_for(lambda: lines_of(out) >= count, "rsyslog has written all")
            spent = time.monotonic() - began
            process.terminate()
            return count / spent


def lines_of(path):
    """By the size of the first line, since counting would disturb what is measured."""
    try:
        with open(path, "rb") as f:
            first = f.readline()
            return os.fstat(f.fileno()).st_size // len(first) if first.endswith(b"\n") else 0
    except OSError:
        return 0


def peers(emit, messages):
    theirs = rsyslog(messages)
    if theirs is None:
        print("bench: rsyslogd is not installed, so it is NOT measured beside ours", file=sys.stderr)
        return
    mine = ours(1, 64, messages, False)
    emit({"name": "durable beside rsyslog", "config": "1 connection x 64 a write, sync",
          "value": round(mine), "unit": "events/s", "floor": round(theirs),
          "ratio": round(mine / theirs, 2), "baseline": "rsyslog, CloudEvent JSON, sync"})


def recoveries(emit, quick):
    for leaves in ((1_000_000,) if quick else (1_000_000, 10_000_000)):
        recovery(emit, leaves)
