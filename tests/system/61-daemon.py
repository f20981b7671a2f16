#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The whole daemon: guests, receivers, notary, signers, ledgers, and the command that reads them.

Prints TAP.  $HARK_BIN names the folder of the programs.  Nothing here sleeps for a set time: each
wait is for a fact and has a limit.
"""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from daemon import BIN, Harkd, wait_for                       # noqa: E402
from guest import Guest, frame, hello, numbered               # noqa: E402
from rules import equal, run, test                              # noqa: E402

HARK = os.path.join(BIN, "hark")
SMALL = "data: {data}\nrun: {run}\nledger:\n  segment_bytes: 4MiB\n  batch_bytes: 1MiB\n"
NOBODY = 65534


def hark(*words, code=0, **more):
    done = subprocess.run([HARK, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=60, **more)
    assert done.returncode == code, "%r: %d, wanted %d: %s%s" % (
        words, done.returncode, code, done.stdout, done.stderr)
    return done.stdout


def leaves(d, ledger="evidence"):
    text = hark("tail", "--dir", d.data, "--ledger", ledger, "--from", "0", "--json")
    return [json.loads(line) for line in text.splitlines()]


def short(event):
    return event["type"].rsplit(".", 1)[1]


def until(d, kind, count=1, **data):
    """Waits until the evidence has so many leaves of this kind; gives them."""
    def there():
        found = [e for e in leaves(d) if short(e) == kind and
                 all(e["data"].get(k) == v for k, v in data.items())]
        return found if len(found) >= count else None
    return wait_for(there, "%d × %s %r" % (count, kind, data), 60)


def key(d, ledger="evidence"):
    return d.ask("ASK_KEY", LEDGER=("evidence", "operations").index(ledger))[0]["KEY"]


def verify(d, *words, code=0):
    keys = []
    for name in ("evidence", "operations"):
        with open(os.path.join(d.data, "keys", name + ".pub"), encoding="utf-8") as f:
            keys += ["--key", f.read().strip()]
    return hark("verify", d.data, *keys, *words, code=code)


@test("from a guest's frame to a sealed leaf that verifies")
def thread():
    with Harkd() as d:
        d.start()
        d.add("a", RUN="run-7")
        guest = Guest(d.path("a")).send(hello(7), numbered(0, comm="sh"))
        event = until(d, "process_spawned")[0]
        equal((event["data"]["cellId"], event["data"]["runId"]), ("a", "run-7"), "stamp")
        equal(event["data"]["declared"]["guestComm"], "sh", "claim")
        sealed = d.ask("ASK_SEAL", LEDGER=0)[0]
        equal(sealed["CODE"], 0, sealed)
        assert sealed["SIZE"] >= 4, sealed
        equal(d.ask("ASK_SEAL", LEDGER=1)[0]["CODE"], 0, "what is sealed already")
        guest.close()
        d.stop()
        said = [short(e) for e in leaves(d)]
        equal((said[0], said[-1]), ("started", "stopped"), "first and last")
        verify(d)
        d.start()
        assert "verifier key" not in d.err(), "only a new ledger's key is said"
        d.stop()


@test("each cell speaks for itself alone, in receivers of their own and in a shared one")
def attribution():
    for config in (SMALL, SMALL + "receiver:\n  isolation: shared\n  cells_max: 8\n"):
        with Harkd(config=config) as d:
            d.start()
            cells = ["c%d" % n for n in range(4)]
            for name in cells:
                d.add(name)
            guests = [(n, Guest(d.path(n)).send(*[frame(comm="by-" + n)] * 50)) for n in cells]
            for name, _ in guests:
                until(d, "process_spawned", 50, cellId=name)
            for event in leaves(d):
                if short(event) == "process_spawned":
                    equal(event["data"]["declared"]["guestComm"], "by-" + event["data"]["cellId"])
            equal(d.ask("ASK_CELL_REMOVE", CELL="c1")[0]["CODE"], 0, "one leaves")
            until(d, "removed", cellId="c1")
            for _, guest in guests:
                guest.close()
            d.stop()
            verify(d)


@test("harkd killed: the next start says so, and nothing that was acknowledged is lost or twice")
def unclean():
    with Harkd(config=SMALL) as d:
        d.start()
        d.add("a")
        guest = Guest(d.path("a")).send(hello(7), *[numbered(n) for n in range(100)])
        until(d, "process_spawned", 100)
        d.kill()
        guest.close()
        d.start()
        guest = Guest(d.path("a")).send(hello(7, seq=50), *[numbered(n) for n in range(50, 150)])
        until(d, "process_spawned", 150)
        starts = [e["data"] for e in leaves(d) if short(e) == "started"]
        equal([s["clean"] for s in starts], [True, False], "clean")
        numbers = [e["data"]["declared"]["seq"] for e in leaves(d) if short(e) == "process_spawned"]
        equal(numbers, [str(n) for n in range(150)], "each once, in order")
        equal(len([e for e in leaves(d) if short(e) == "registered"]), 1, "registered once")
        guest.close()
        d.stop()
        verify(d)


@test("each program killed under a talking guest: all of it is there, once and in order")
def killed():
    with Harkd(config=SMALL) as d:
        d.start()
        d.add("a")
        sent = 0
        stream = 7
        for role in ("notary", "signer", "control", "notary", "receiver"):
            guest = Guest(d.path("a")).send(hello(stream, seq=sent))
            guest.send(*[numbered(n) for n in range(sent, sent + 200)])
            sent += 200
            until(d, "process_spawned", sent)
            d.kill_role(role, {"signer": "evidence", "receiver": "a"}.get(role))
            guest.close()
        wait_for(d.whole, "whole")
        numbers = [int(e["data"]["declared"]["seq"]) for e in leaves(d)
                   if short(e) == "process_spawned"]
        equal(numbers, list(range(sent)), "each once, in order")
        assert any(short(e) == "notary_restarted" for e in leaves(d)), "the outage shows"
        d.stop()
        verify(d)


@test("a key is changed: the old key vouches for the new one, and both verify what they signed")
def rotation():
    with Harkd(config=SMALL) as d:
        d.start()
        d.add("a")
        old = key(d)
        seen = d.ask("ASK_SEAL", LEDGER=0)[0]
        equal(seen["CODE"], 0, seen)
        done = d.ask("ASK_ROTATE", LEDGER=0)[0]
        equal(done["CODE"], 0, done)
        new = key(d)
        assert new != old and done["KEY"] == new, (old, new, done)
        Guest(d.path("a")).send(frame()).close()
        until(d, "process_spawned")
        equal(d.ask("ASK_SEAL", LEDGER=0)[0]["CODE"], 0, "sealed with the new key")
        wait_for(lambda: any(short(e) == "key_rotated" for e in leaves(d, "operations")),
                 "the operations record")
        d.stop()
        verify(d)
        hark("verify", d.data, "--key", new)
        d.start()
        equal(key(d), new, "after a restart")
        d.stop()


@test("redact and prune by way of the control socket are recorded, and the rest verifies")
def retention():
    with Harkd(config=SMALL) as d:
        d.start()
        d.add("a")
        Guest(d.path("a")).send(frame(comm="secret")).close()
        leaf = until(d, "process_spawned")[0]
        index = int(leaf["id"].rsplit("/", 1)[1])
        done = d.ask("ASK_REDACT", LEDGER=0, INDEX=index, TEXT="asked for")[0]
        equal(done["CODE"], 0, done)
        equal(d.ask("ASK_REDACT", LEDGER=0, INDEX=10**9)[0]["CODE"] != 0, True, "what is not there")
        done = d.ask("ASK_PRUNE", LEDGER=0, INDEX=1)[0]
        equal(done["CODE"], 0, done)
        said = [short(e) for e in leaves(d, "operations")]
        assert "redacted" in said and "pruned" in said, said
        d.stop()
        for name in os.listdir(os.path.join(d.data, "evidence", "segments")):
            with open(os.path.join(d.data, "evidence", "segments", name), "rb") as f:
                assert b"secret" not in f.read(), name
        verify(d)


@test("the operations say which configuration is in force, by the digests of its files")
def configured():
    def records():
        return [e["data"]["operation"] for e in leaves(d, "operations")
                if short(e) == "config_loaded"]

    def wanted(reason):
        folder = os.path.join(d.dir, "hark.yaml.d")
        paths = [os.path.join(d.dir, "hark.yaml")]
        paths += [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        lines = subprocess.run(["sha256sum", *paths], check=True, capture_output=True).stdout
        return {"reason": reason, "source": "files", "fileCount": len(paths),
                "digest": "sha256:" + hashlib.sha256(lines).hexdigest(),
                "files": [{"path": path, "digest": "sha256:" + line.split()[0].decode()}
                          for path, line in zip(paths, lines.splitlines())]}

    with Harkd(config=SMALL) as d:
        path = os.path.join(d.dir, "hark.yaml.d", "9.yaml")
        os.mkdir(os.path.dirname(path))
        open(path, "w", encoding="utf-8").close()
        d.start()
        want = [wanted("start")]
        wait_for(lambda: len(records()) == 1, "the record of the start")
        d.kill_role("notary")           # another notary changes nothing of it
        with open(path, "w", encoding="utf-8") as f:
            f.write("nonsense")
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "stays as it was" in d.err(), "a mistake")
        with open(path, "w", encoding="utf-8") as f:
            f.write("keepalive_s: 7\n")
        d.process.send_signal(signal.SIGHUP)
        want.append(wanted("reload"))
        wait_for(lambda: len(records()) == 2, "the record of the reload")
        d.stop()
        d.config = None
        d.start()
        want.append({"reason": "start", "source": "defaults"})
        wait_for(lambda: len(records()) == 3, "the record of the start with defaults")
        d.stop()
        equal(records(), want, "records")
        equal([short(e) for e in leaves(d, "operations")][:2], ["started", "config_loaded"], "order")
        verify(d)


@test("a ledger that was changed behind harkd's back is a refusal with one clear line")
def changed():
    with Harkd(config=SMALL) as d:
        d.start()
        d.add("a")
        Guest(d.path("a")).send(frame(comm="original")).close()
        until(d, "process_spawned")
        d.stop()
        segments = os.path.join(d.data, "evidence", "segments")
        path = os.path.join(segments, sorted(os.listdir(segments))[0])
        with open(path, "r+b") as f:
            data = f.read()
            f.seek(data.index(b"original"))
            f.write(b"Original")
        d.spawn()
        code = d.process.wait(60)
        assert code in (1, 65), (code, d.err())
        lines = [line for line in d.err().splitlines() if "segments/" in line]
        equal(len(lines), 1, d.err())


@test("another's ledger, with the same names, is a refusal with one clear line")
def foreign():
    with Harkd(config=SMALL) as d, Harkd(config=SMALL) as other:
        for each in (d, other):
            each.start()
            each.add("a")
            each.stop()
        own, theirs = (os.path.join(each.data, "evidence") for each in (d, other))
        os.rename(own, own + ".own")
        shutil.copytree(theirs, own)
        before = [leaves(d, name) for name in ("evidence", "operations")]
        # As often as somebody or a service manager tries: neither ledger is a leaf longer.
        for _ in range(2):
            d.spawn()
            err = d.ended(1)
            lines = [line for line in err.splitlines() if "/evidence: the ledger is " in line]
            equal(len(lines), 1, err)
            assert "hark ledger retire" in lines[0], err
            equal([leaves(d, name) for name in ("evidence", "operations")], before, "as it was")
        shutil.rmtree(own)
        os.rename(own + ".own", own)
        d.start()
        d.stop()
        starts = [e["data"]["clean"] for e in leaves(d) if short(e) == "started"]
        equal(starts, [True, True], "an end before anything was begun is no unclean one")
        verify(d)


@test("a member of the group follows the ledgers, and cannot write them")
def group():
    if os.geteuid() != 0:
        return "only root can be others"
    import grp
    config = SMALL + "control:\n  group: daemon\n"
    gid = grp.getgrnam("daemon").gr_gid
    with Harkd(config=config) as d:
        os.chmod(d.dir, 0o755)
        d.start()
        d.add("a")
        Guest(d.path("a")).send(frame(comm="seen")).close()
        until(d, "process_spawned")

        def as_member():
            os.setgroups([gid])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        wait_for(lambda: '"seen"' in hark("tail", "--control", d.socket, "--from", "0", "--json",
                                          preexec_fn=as_member), "the leaf by way of the page")
        hark("status", "--control", d.socket, preexec_fn=as_member)
        hark("cell", "rm", "a", "--control", d.socket, code=77, preexec_fn=as_member)
        for folder, _, names in os.walk(os.path.join(d.data, "evidence")):
            equal(os.stat(folder).st_mode & 0o027, 0, folder)
            for name in names:
                info = os.stat(os.path.join(folder, name))
                equal((info.st_gid, info.st_mode & 0o027), (gid, 0), name)
        d.stop()


@test("no space: acknowledging stops, it is said, and it goes on when there is some")
def no_space():
    if os.geteuid() != 0:
        return "only root can mount"
    with Harkd(config=SMALL) as d:
        os.mkdir(d.data)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "none", d.data],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return "no tmpfs can be mounted here"
        try:
            fill_up(d)
        finally:
            if d.process is not None and d.process.poll() is None:
                d.process.kill()
                d.process.wait()
            subprocess.run(["umount", "-l", d.data], check=False)


def ledger(d):
    return next(f for n, f in d.ask("ASK_STATUS")[1] if n == "ITEM_LEDGER" and f["LEDGER"] == 0)


def fill_up(d):
    d.start()
    d.add("a")
    until(d, "registered")
    ballast = os.path.join(d.data, "ballast")
    with open(ballast, "wb") as f:
        try:
            while True:
                f.write(b"\0" * 65536)
                f.flush()
        except OSError:
            pass
    guest = Guest(d.path("a"))
    guest.sock.setblocking(False)
    blob = frame(comm="c" * 3000) * 20
    sent = 0

    def is_full():
        nonlocal sent
        try:
            sent += guest.sock.send(blob[sent % len(blob):])
        except BlockingIOError:
            pass
        return ledger(d)["STATE"] in ("full", "failing")

    wait_for(is_full, "a full ledger", 60)
    assert "space" in ledger(d).get("TEXT", "space").lower(), ledger(d)
    for role, fields in d.roles().items():
        equal(fields["STATE"], "running", role)
    os.unlink(ballast)
    # The rest of a frame that was cut, then all that was sent must come.
    guest.sock.setblocking(True)
    rest = blob[sent % len(blob):] if sent % len(blob) else b""
    guest.sock.sendall(rest)
    sent += len(rest)
    try:
        wait_for(lambda: ledger(d)["STATE"] == "ok", "space again", 60)
    except AssertionError as e:
        raise AssertionError("%s: %r\n%s" % (e, ledger(d), d.err())) from e
    until(d, "process_spawned", sent // len(blob) * 20)
    equal(len([e for e in leaves(d) if short(e) == "process_spawned"]), sent // len(blob) * 20)
    guest.close()
    d.stop()
    verify(d)


@test("a read-only data directory is one clear line")
def read_only():
    if os.geteuid() != 0:
        return "only root can mount"
    with Harkd(config=SMALL) as d:
        d.start()
        d.stop()
        for make in (["mount", "--bind", d.data, d.data],
                     ["mount", "-o", "remount,bind,ro", d.data]):
            if subprocess.run(make, capture_output=True, check=False).returncode != 0:
                subprocess.run(["umount", "-l", d.data], check=False, capture_output=True)
                return "nothing can be mounted here"
        try:
            d.spawn()
            err = d.ended(73)
            equal(len(err.strip().splitlines()), 1, err)
            assert "Read-only" in err, err
        finally:
            subprocess.run(["umount", "-l", d.data], check=False)


@test("no space at the first start is one clear line")
def no_space_at_start():
    if os.geteuid() != 0:
        return "only root can mount"
    with Harkd() as d:
        os.mkdir(d.data)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", d.data],
                          capture_output=True, check=False).returncode != 0:
            return "no tmpfs can be mounted here"
        try:
            d.spawn()
            err = d.ended(74)
            lines = [line for line in err.splitlines() if "No space" in line]
            equal(len(lines), 1, err)
        finally:
            subprocess.run(["umount", "-l", d.data], check=False)


@test("an ordinary user runs it too")
def ordinary():
    if os.geteuid() != 0:
        return "this is one already"
    with Harkd(config=SMALL) as d:
        os.chown(d.dir, NOBODY, NOBODY)

        def drop():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        d.start(preexec_fn=drop)
        d.add("a")
        Guest(d.path("a")).send(frame()).close()
        until(d, "process_spawned")
        d.stop()
        verify(d)


@test("a hundred cells come, talk, and are there again after a restart")
def many():
    with Harkd(config=SMALL) as d:
        d.start()
        for n in range(100):
            equal(d.add("c%d" % n)["CODE"], 0, n)
        for n in range(100):
            Guest(d.path("c%d" % n)).send(frame(comm="c%d" % n)).close()
        until(d, "process_spawned", 100)
        d.process.send_signal(signal.SIGKILL)
        d.process.wait(60)
        d.start()
        equal(len(d.cells()), 100, "cells")
        for n in range(100):
            Guest(d.path("c%d" % n)).send(frame(comm="again")).close()
        until(d, "process_spawned", 200)
        d.stop()
        verify(d)


if __name__ == "__main__":
    sys.exit(run())
