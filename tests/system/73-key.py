#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""hark key: before the daemon's first start, without a daemon, and beside a running one.

Prints TAP.  Nothing here sleeps: each wait is for a fact and has a limit.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from daemon import BIN, LIMIT_S, Harkd              # noqa: E402  (it finds tests/ref)
from guest import wait_for                          # noqa: E402
from tapout import Tap                              # noqa: E402

HARK = os.path.join(BIN, "hark")
LEDGERS = ("evidence", "operations")


def hark(*words, env=None):
    """(exit code, stdout, stderr)"""
    done = subprocess.run([HARK, *words], capture_output=True, text=True, timeout=LIMIT_S,
                          stdin=subprocess.DEVNULL, check=False,
                          env={**os.environ, **(env or {})})
    return done.returncode, done.stdout, done.stderr


def offline(tap, folder):
    data = os.path.join(folder, "data")
    code, out, err = hark("key", "new", "--dir", data, "--host", "h.example")
    keys = out.splitlines()
    tap.row("new makes both keys and prints what they are verified by", (code, err) == (0, "") and
            [k.split("+")[0] for k in keys] == ["h.example/evidence", "h.example/operations"],
            (code, out, err))
    for ledger, key in zip(LEDGERS, keys):
        tap.same("show --dir prints that of " + ledger,
                 hark("key", "show", "--dir", data, "--ledger", ledger), (0, key + "\n", ""))
    code, out, err = hark("key", "show", "--dir", data, "--json")
    tap.same("show --json", (code, json.loads(out)),
             (0, {"key": keys[0], "ledger": "evidence", "origin": "h.example/evidence"}))
    tap.same("modes", [os.stat(os.path.join(data, "keys", n)).st_mode & 0o777 for n in
                       ("", "evidence.key", "evidence.pub", "evidence.head")],
             [0o700, 0o600, 0o644, 0o600])
    rows = [
        ("new where there is one", ("new", "--dir", data), 73, "evidence.key is there already"),
        ("new of another host", ("new", "--dir", data, "--host", "other"), 73, "already"),
        ("new without --dir", ("new",), 2, "--dir DATA"),
        ("new of a bad host", ("new", "--dir", os.path.join(folder, "b"), "--host", "a/b"), 2,
         "--host"),
        ("new below nothing", ("new", "--dir", os.path.join(folder, "c", "d")), 73,
         "make the directory above it"),
        ("show of nothing", ("show", "--dir", os.path.join(folder, "none")), 66, "No such file"),
        ("show of an empty directory", ("show", "--dir", folder), 66, "keys"),
        ("an unknown ledger", ("show", "--ledger", "x"), 2, "evidence or operations"),
        ("an argument too many", ("show", "x"), 2, "no arguments"),
        ("rotate takes no directory", ("rotate", "--dir", data), 2, "dir"),
        ("show with no daemon", ("show", "--control", os.path.join(folder, "s")), 5, ""),
        ("rotate with no daemon", ("rotate", "--control", os.path.join(folder, "s")), 5, ""),
    ]
    for what, words, want, said in rows:
        code, out, err = hark("key", *words)
        tap.row("%s: %d" % (what, want), code == want and out == "" and said in err and
                err.startswith("hark key %s: " % words[0]), (code, out, err))
    with open(os.path.join(data, "keys", "evidence.pub"), "w", encoding="utf-8") as text:
        text.write("nonsense\n")
    code, out, err = hark("key", "show", "--dir", data)
    tap.row("a damaged file", code == 65 and "evidence.pub: not a verifier key" in err, err)
    os.unlink(os.path.join(data, "keys", "evidence.key"))
    os.mkdir(os.path.join(data, "evidence"))
    with open(os.path.join(data, "evidence", "ledger"), "w", encoding="utf-8") as text:
        text.write("hark-ledger 1\n")
    code, out, err = hark("key", "new", "--dir", data, "--ledger", "evidence")
    tap.row("no new key for a ledger whose key is gone", code == 73 and "key is gone" in err, err)
    one = os.path.join(folder, "one")
    code, out, _ = hark("key", "new", "--dir", one, "--host", "h", "--ledger", "operations",
                        "--json")
    tap.same("new of one ledger, as JSON", (code, json.loads(out)["ledger"],
                                            sorted(os.listdir(os.path.join(one, "keys")))),
             (0, "operations", ["operations.head", "operations.key", "operations.pub"]))


def sealed(d, ledger=0):
    """The checkpoint of the ledger, as it stands there."""
    done, _, _ = d.ask("ASK_SEAL", LEDGER=ledger)
    assert done["CODE"] == 0, done
    with open(os.path.join(d.data, ("evidence", "operations")[ledger], "checkpoint"),
              encoding="utf-8") as text:
        return text.read()


def signers(note):
    """The key ids of a note."""
    import base64
    return [base64.b64decode(line.split()[2])[:4].hex() for line in note.splitlines()
            if line.startswith("\u2014")]


def live(tap, _):
    with Harkd() as d:
        code, out, _ = hark("key", "new", "--dir", d.data, "--host", "h.example")
        first = dict(zip(LEDGERS, out.splitlines()))
        d.start()
        env = {"HARK_CONTROL": d.socket}
        tap.row("a daemon takes keys that were there", code == 0 and
                "made a key" not in d.err(), d.err())
        for ledger in LEDGERS:
            tap.same("show asks the daemon for that of " + ledger,
                     hark("key", "show", "--ledger", ledger, env=env),
                     (0, first[ledger] + "\n", ""))
        tap.row("new beside a daemon: 75", hark("key", "new", "--dir", d.data)[0] == 75)
        old_id = first["evidence"].split("+")[1]
        tap.same("what is sealed is signed by it", signers(sealed(d)), [old_id])
        code, out, err = hark("key", "rotate", env=env)
        second = out.strip()
        new_id = second.split("+")[1]
        tap.row("rotate prints the new key", code == 0 and err == "" and second != first["evidence"]
                and second.startswith("h.example/evidence+"), (code, out, err))
        tap.same("show has it too", hark("key", "show", env=env)[1].strip(), second)
        tap.same("and --dir", hark("key", "show", "--dir", d.data)[1].strip(), second)
        tap.same("the other ledger's stays",
                 hark("key", "show", "--ledger", "operations", env=env)[1].strip(),
                 first["operations"])
        history = os.path.join(d.data, "evidence", "checkpoints")

        def both():
            with open(history, encoding="utf-8") as text:
                return any(signers(note) == [old_id, new_id]
                           for note in text.read().split("# "))
        wait_for(lambda: os.path.exists(history) and both(), "a note by both keys", LIMIT_S)
        tap.row("the history has a checkpoint by both keys", both())
        assert d.add("c")["CODE"] == 0
        tap.same("what is sealed after it is signed by the new key", signers(sealed(d)), [new_id])
        operations = hark("tail", "--ledger", "operations", "--json", env=env)[1]
        tap.row("an operations record has the change", "key_rotated" in operations and
                second in operations, operations)
        d.kill_role("signer", "evidence")
        tap.same("a killed signer comes back with it",
                 hark("key", "show", env=env)[1].strip(), second)
        d.stop()
        code, out, err = hark("verify", os.path.join(d.data, "evidence"), "--key", second)
        tap.row("verify by the new key: 0", code == 0, (code, out, err))
        code, out, err = hark("verify", os.path.join(d.data, "evidence"), "--key",
                              first["evidence"])
        tap.row("by the old key alone: 4, and it says why", code == 4 and
                "the key was replaced" in out, (code, out, err))


def main():
    tap = Tap()
    for part in (offline, live):
        with tempfile.TemporaryDirectory() as folder:
            part(tap, folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
