#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The real other side: CellOS's published crates against our programs.  Prints TAP.

cellos-telemetry 0.5.1, its encoder and its agent, speaks to hark-listen; cellos-core 0.7.3 verifies
what `hark sign` made of hark-listen's events; cellos-host-telemetry 0.5.1's listener, the peer of
the benchmark, still builds and counts.  Without cargo all of it is one counted skip.
"""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get("HARK_BIN", os.path.join(ROOT, "build", "bin"))
CACHE = os.environ.get("HARK_CACHE", os.path.join(os.path.expanduser("~"), ".cache", "hark"))
WAIT_S = 60
SEED = bytes(range(32))
MAC = b"a key of some length"
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "ref"))
import frames                                       # noqa: E402
import signed                                       # noqa: E402
from tapout import Tap                              # noqa: E402


def build(name):
    """The path of a program of ours that is made of a published crate; locked, outside the tree."""
    folder = os.path.join(HERE, name)
    with open(os.path.join(folder, "Cargo.lock"), "rb") as lock:
        target = os.path.join(CACHE, "crates-" + hashlib.sha256(lock.read()).hexdigest()[:16])
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=folder, check=True,
                   stdin=subprocess.DEVNULL, env=dict(os.environ, CARGO_TARGET_DIR=target))
    return os.path.join(target, "release", name)


def build_agent():
    root = os.path.join(CACHE, "cellos-telemetry-0.5.1")
    path = os.path.join(root, "bin", "cellos-telemetry")
    if not os.path.exists(path):
        subprocess.run(["cargo", "install", "--locked", "--quiet", "--root", root,
                        "cellos-telemetry@=0.5.1"], check=True, stdin=subprocess.DEVNULL,
                       env=dict(os.environ, CARGO_TARGET_DIR=os.path.join(root, "target")))
        shutil.rmtree(os.path.join(root, "target"), ignore_errors=True)
    return path


class Listener:
    """hark-listen for one cell, with its lines as they come."""

    def __init__(self, base):
        self.lines = []
        self.fresh = threading.Condition()
        self.child = subprocess.Popen(
            [os.path.join(BIN, "hark-listen"), "--uds-base", base, "--cell", "cell-a", "--run-id",
             "run-1", "--host", "h", "--keepalive", "600"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.child.stderr:
            if "listening on" in line:
                break
        else:
            raise RuntimeError("hark-listen ended before it listened")
        threading.Thread(target=self.collect, daemon=True).start()
        threading.Thread(target=self.child.stderr.read, daemon=True).start()

    def collect(self):
        for line in self.child.stdout:
            with self.fresh:
                self.lines.append(line.rstrip("\n"))
                self.fresh.notify_all()

    def wait(self, fact):
        """The lines as soon as the fact holds of them; as they are when time is up."""
        with self.fresh:
            self.fresh.wait_for(lambda: fact(self.lines), WAIT_S)
            return list(self.lines)

    def end(self):
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(WAIT_S)


def declared(line):
    return json.loads(line)["data"].get("declared")


def is_stamped(line):
    event = json.loads(line)
    return event["data"]["cellId"] == "cell-a" and event["data"]["runId"] == "run-1" and \
        event["subject"] == "urn:cellos:cell:cell-a" and "time" in event


def encoder(tap, folder):
    """Frames of the published encoder arrive, each one as it was sent; gives hark-listen's lines."""
    base = os.path.join(folder, "enc")
    program = build("agent-frames")
    listener = Listener(base)
    sent = subprocess.run([program, base + "_9001"], check=True, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL,
                          timeout=WAIT_S).stdout.split("\n")[:-1]
    lines = listener.wait(lambda now: sum('"declared"' in line for line in now) >= len(sent))
    code = listener.end()
    got = [declared(line) for line in lines if declared(line)]
    tap.row("agent-frames: %d frames of the published encoder arrive" % len(sent),
            len(sent) > 100 and len(got) == len(sent), "%d events" % len(got))
    tap.row("agent-frames: every value is as it was sent",
            got == [json.loads(line) for line in sent])
    tap.row("agent-frames: every event is stamped", all(map(is_stamped, lines)))
    tap.same("agent-frames: hark-listen ends well", code, 0)
    return [line for line in lines if declared(line)]


def agent(tap, folder):
    """The published agent itself, its socket led to ours."""
    base = os.path.join(folder, "agent")
    program = build_agent()
    shim = os.path.join(folder, "vsock-to-unix.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim,
                    os.path.join(HERE, "vsock-to-unix.c"), "-ldl"], check=True)
    watched = os.path.join(folder, "watched")
    os.mkdir(watched)
    listener = Listener(base)
    # It forks and its parent ends: a process group of its own is how it is found again.
    parent = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, process_group=0,
                              env=dict(os.environ, LD_PRELOAD=shim, VSOCK_BASE=base,
                                       CELLOS_TELEMETRY_INOTIFY_PATH=watched))
    try:
        tap.same("cellos-telemetry: it starts", parent.wait(WAIT_S), 0)
        watch_agent(tap, listener, watched)
    finally:
        try:
            os.killpg(parent.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        listener.end()


def watch_agent(tap, listener, watched):
    """It polls: files are made and processes are kept until it has seen both."""
    stop = threading.Event()

    def stir():
        number = 0
        while not stop.is_set():
            number += 1
            with open(os.path.join(watched, "f%d" % number), "w", encoding="ascii"):
                pass
            child = subprocess.Popen(["sleep", "0.35"])
            child.wait()

    worker = threading.Thread(target=stir, daemon=True)
    worker.start()
    wanted = {"process.spawned", "process.exited", "fs.inotify_fired"}

    def seen(lines):
        return {(declared(line) or {}).get("probeSource") for line in lines}

    lines = listener.wait(lambda now: wanted <= seen(now))
    stop.set()
    worker.join(WAIT_S)
    tap.row("cellos-telemetry: the published agent's events arrive", wanted <= seen(lines),
            seen(lines))
    tap.row("cellos-telemetry: every event is stamped", bool(lines) and all(map(is_stamped, lines)))
    tap.row("cellos-telemetry: nothing of it is refused",
            not any(json.loads(line)["type"].endswith(".rejected") for line in lines))


def verify(tap, folder, lines):
    """CellOS's verifier says yes to our envelopes and no to changed ones."""
    program = build("verify-envelope")
    public, secret = os.path.join(folder, "public"), os.path.join(folder, "secret")
    with open(public, "w", encoding="ascii") as out:
        json.dump({"kid-ed": signed.tobase64(signed.public_key(SEED))}, out)
    with open(secret, "w", encoding="ascii") as out:
        json.dump({"kid-mac": signed.tobase64(MAC)}, out)
    settings = {"ed25519": {"KID": "kid-ed", "ED25519_SK": signed.tobase64(SEED)},
                "hmac-sha256": {"KID": "kid-mac", "HMAC_KEY": signed.tobase64(MAC)}}
    for algorithm, values in settings.items():
        env = dict(os.environ, **{signed.PREFIX + k: v for k, v in values.items()})
        env[signed.PREFIX + "ALG"] = algorithm
        done = subprocess.run([os.path.join(BIN, "hark"), "sign"], input="\n".join(lines) + "\n",
                              env=env, capture_output=True, text=True, timeout=WAIT_S)
        made = done.stdout.split("\n")[:-1]
        tap.row("hark sign %s: an envelope for each of %d events" % (algorithm, len(lines)),
                done.returncode == 0 and len(made) == len(lines), done.stderr)
        answers = ask(program, public, secret, made)
        ids = [json.loads(line)["id"] for line in lines]
        tap.row("cellos-core verifies them (%s)" % algorithm,
                bool(made) and answers == ["ok " + one for one in ids],
                "\n".join(answers[:3]))
        changed = [one.replace('"cellId":"cell-a"', '"cellId":"cell-b"', 1) for one in made]
        answers = ask(program, public, secret, changed)
        tap.row("cellos-core refuses them with another cell (%s)" % algorithm,
                bool(made) and changed != made and
                all(one.startswith("refused") for one in answers), "\n".join(answers[:3]))


def ask(program, public, secret, envelopes):
    return subprocess.run([program, public, secret], input="".join(e + "\n" for e in envelopes),
                          capture_output=True, text=True, check=True,
                          timeout=WAIT_S).stdout.split("\n")[:-1]


def bench_peer(tap, folder):
    """The peer of the benchmark counts what it is sent."""
    import socket
    program = build("listener-bench")
    base, out = os.path.join(folder, "peer"), os.path.join(folder, "peer.jsonl")
    child = subprocess.Popen([program, base, out, "2"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    body = frames.encode({"content_version": 1, "probe_source": "process.spawned",
                          "guest_pid": 7, "guest_comm": "sh", "guest_monotonic_ns": 9})
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(base + "_9001")
            one.sendall(frames.frame(body) * 50)
    result = json.loads(child.stdout.read())
    child.wait(WAIT_S)
    with open(out, encoding="utf-8") as text:
        tap.same("listener-bench: the published listener takes our frames",
                 (result["frames"], len(text.readlines())), (100, 100))


def main():
    if not shutil.which("cargo"):
        print("1..0 # SKIP cargo is not installed: nothing is known of the published crates")
        return 0
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="hark-c-") as folder:
        lines = encoder(tap, folder)
        verify(tap, folder, lines)
        agent(tap, folder)
        bench_peer(tap, folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
