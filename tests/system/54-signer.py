#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The real hark-signer: its first start, what it refuses, what a kill leaves, what it has given up.

Prints TAP.  Nothing here waits for anything but an answer or an end.
"""
import os
import shutil
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import signer                                       # noqa: E402  (it finds tests/ref)
import merkle                                       # noqa: E402
from tapout import Tap                              # noqa: E402

ORIGIN = "h.example/evidence"
BUILD = os.environ.get("HARK_BUILD", os.path.join(os.path.dirname(signer.HERE), "..", "build",
                                                  "meson"))
END_AT_SYNC = os.path.abspath(os.path.join(BUILD, "tests", "tools", "end-at-sync.so"))
EXIT_CONFIG, EXIT_OS_FILE = 78, 72
HASHES = [merkle.leaf_hash(b"leaf %d" % i) for i in range(64)]
FORK = [merkle.leaf_hash(b"other %d" % i) for i in range(64)]
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def mode(keys, name):
    return os.stat(os.path.join(keys, name)).st_mode & 0o7777


def made(keys, leaves=7, origin=ORIGIN):
    """Keys of a signer that has signed some leaves and was stopped; its verifier key."""
    s = signer.Signer(keys, origin, CREATE=1)
    link = s.link()
    assert link.sign(HASHES[:leaves])[0] == "SIGNED"
    assert s.stop() == (0, "")
    return s.first[1]["KEY"]


@test
def first_start(tap, keys):
    s = signer.Signer(keys, ORIGIN, CREATE=1)
    name, fields = s.first
    tap.same("the first start makes a key", (name, fields.get("ORIGIN"), fields.get("SIZE")),
             ("READY", ORIGIN, 0))
    tap.same("and three files", [(n, mode(keys, n)) for n in sorted(os.listdir(keys))],
             [("evidence.head", 0o600), ("evidence.key", 0o600), ("evidence.pub", 0o644)])
    with open(os.path.join(keys, "evidence.pub"), encoding="utf-8") as text:
        tap.same("the verifier key is the one that it says", text.read(), fields["KEY"] + "\n")
    tap.same("it prints nothing and ends at STOP", s.stop(), (0, ""))
    s = signer.Signer(keys, ORIGIN, CREATE=1)
    tap.same("CREATE beside a key makes no other", s.first[1].get("KEY"), fields["KEY"])
    s.channel.close()
    tap.same("it ends with harkd", (s.child.wait(signer.LIMIT_S)), 0)
    s = signer.Signer(keys, ORIGIN)
    s.channel.send(b"no message")
    code, said = s.wait()
    tap.row("what harkd says that is no message ends it, and it says why",
            code == 76 and "harkd cannot be heard" in said, (code, said))
    s = signer.Signer(keys, "h.example/operations", ledger=1, CREATE=1)
    tap.row("the other ledger's key is another",
            s.first[1]["KEY"].startswith("h.example/operations+") and
            os.path.exists(os.path.join(keys, "operations.key")))
    s.stop()


def refused(tap, what, keys, words, code=EXIT_CONFIG, **setup):
    origin = setup.pop("origin", ORIGIN)
    before = sorted(os.listdir(keys))
    s = signer.Signer(keys, origin, **setup)
    name, fields = s.first
    ended, said = s.wait()
    tap.row("refused: " + what,
            name == "FAILED" and fields["CODE"] == code == ended and said == "" and
            all(word in fields["TEXT"] for word in words) and "\n" not in fields["TEXT"] and
            sorted(os.listdir(keys)) == before, (s.first, ended, said))


@test
def refusals(tap, keys):
    refused(tap, "no key, and not told to make one", keys,
            ["evidence.key: not there", "restore it from a copy", "hark ledger retire"])
    refused(tap, "an origin that is no name", keys, ["no name of a key"], origin="a b", CREATE=1)
    made(keys)
    key, head = (os.path.join(keys, "evidence" + end) for end in (".key", ".head"))
    for bits in (0o640, 0o604, 0o666):
        os.chmod(key, bits)
        refused(tap, "a key of mode %04o" % bits, keys,
                ["evidence.key", "its mode is %04o" % bits, "chmod 0600"])
    os.chmod(key, 0o600)
    refused(tap, "a key of another origin", keys, ["evidence.key", "i.example/evidence"],
            origin="i.example/evidence")
    os.rename(key, key + ".kept")
    refused(tap, "a lost key that has signed", keys, ["7 leaves", "evidence.key"], CREATE=1)
    os.symlink("evidence.key.kept", key)
    refused(tap, "a symlink for a key", keys, ["evidence.key", "symlink"])
    os.unlink(key)
    with open(key, "w", encoding="utf-8") as out:
        out.write("PRIVATE+KEY+\n")
    os.chmod(key, 0o600)
    refused(tap, "a damaged key", keys, ["evidence.key: not a key"])
    os.rename(key + ".kept", key)
    with open(head, "rb") as whole:
        bytes_ = whole.read()
    for what, data in (("empty", b""), ("of zeroes", bytes(len(bytes_))), ("cut", bytes_[:100])):
        with open(head, "wb") as out:
            out.write(data)
        refused(tap, "a head that is " + what, keys, ["evidence.head: damaged"])
    os.unlink(head)
    refused(tap, "a key without its head", keys, ["evidence.head: not there"])
    with open(head, "wb") as out:
        out.write(signer.head_file([(0, 0, merkle.root([]), "i.example/evidence")]))
    os.chmod(head, 0o600)
    refused(tap, "a head of another origin", keys, ["evidence.head", "another origin"])


@test
def signing(tap, keys):
    made(keys, 7)
    s = signer.Signer(keys, ORIGIN)
    link = s.link()
    tap.same("a notary hears first what was signed last", link.head,
             {"SIZE": 7, "ROOT": merkle.root(HASHES[:7])})
    rows = [("a smaller tree", HASHES[:6], 7), ("a fork of this size", FORK[:7], 7),
            ("a fork that has grown", FORK[:20], 7), ("a proof from elsewhere", HASHES[:20], 5)]
    for what, hashes, old in rows:
        name, fields = link.sign(hashes, old)
        tap.row("refused: " + what, name == "REFUSED" and fields["CODE"] == 1 and
                fields["SIZE"] == 7 and fields["ROOT"] == merkle.root(HASHES[:7]), (name, fields))
    name, fields = link.sign(HASHES[:20])
    tap.row("growth is signed", name == "SIGNED" and fields["SIZE"] == 20, (name, fields))
    other = s.link()
    tap.same("a new notary's link ends the old one's", (link.hear(), other.head["SIZE"]),
             (None, 20))
    other.sock.send(b"hello")
    tap.row("a notary that says what is no message loses its link", other.hear() is None)
    name, _ = s.link().sign(HASHES[:64])
    tap.same("and the next one is served", name, "SIGNED")
    code, said = s.stop()
    tap.row("refusals are in the log", code == 0 and said.count("not signed") == len(rows), said)


@test
def killed(tap, keys):
    """Between the head and the signature, and between the head's write and its sync."""
    if not os.path.exists(END_AT_SYNC):
        raise RuntimeError("%s is not built" % END_AT_SYNC)
    made(keys, 7)
    size = 7
    # The loader takes a space in its path for the end of a name.
    preload = os.path.join(keys, "end-at-sync.so")
    shutil.copy(END_AT_SYNC, preload)
    for when in ("after", "before"):
        s = signer.Signer(keys, ORIGIN, under=(
            "env", "LD_PRELOAD=" + preload, "HARK_END_AT_SYNC=" + when))
        link = s.link()
        link.ask(size + 5, merkle.root(HASHES[:size + 5]), merkle.growth(size, HASHES[:size + 5]))
        try:
            got = link.hear()
        except ConnectionResetError:
            got = None
        code, _ = s.wait()
        tap.same("killed %s the sync: no signature leaves" % when, (got, code),
                 (None, -signal.SIGKILL))
        s = signer.Signer(keys, ORIGIN)
        link = s.link()
        known = link.head["SIZE"]
        allowed = (size + 5,) if when == "after" else (size, size + 5)
        tap.row("the head is whole: %d" % known, known in allowed and
                link.head["ROOT"] == merkle.root(HASHES[:known]), link.head)
        tap.same("another tree of its size is refused", link.sign(FORK[:known])[0], "REFUSED")
        name, fields = link.sign(HASHES[:size + 5])
        tap.same("the tree itself is signed", (name, fields["SIZE"]), ("SIGNED", size + 5))
        s.stop()
        size += 5


@test
def rotated(tap, keys):
    first = made(keys, 7)
    s = signer.Signer(keys, ORIGIN, ROTATE=1)
    second = s.first[1]["KEY"]
    link = s.link()
    note = link.hear("SIGNED")
    ids = [line.split()[2] for line in note["NOTE"].splitlines() if line.startswith("\u2014")]
    tap.row("a change is one note by two keys of this name", first != second and len(ids) == 2 and
            note["SIZE"] == 7 and note["ROOT"] == merkle.root(HASHES[:7]), note)
    tap.same("the tree goes on", link.sign(HASHES[:9])[0], "SIGNED")
    s.kill()
    s = signer.Signer(keys, ORIGIN)
    tap.same("the new key stays", s.first[1]["KEY"], second)
    tap.same("and the note is told again", s.link().hear("SIGNED")["NOTE"], note["NOTE"])
    s.stop()
    with open(os.path.join(keys, "evidence.%s.pub" % first.split("+")[1]),
              encoding="utf-8") as old:
        tap.same("the old verifier key stays on record", old.read(), first + "\n")


def status(pid, name):
    with open("/proc/%d/status" % pid, encoding="utf-8") as text:
        return dict(line.split(":", 1) for line in text)[name].strip()


@test
def confined(tap, keys):
    s = signer.Signer(keys, ORIGIN, CREATE=1, CONFINE=1)
    if s.first[0] == "FAILED" and s.first[1]["CODE"] == 69:
        s.wait()
        tap.skip("it has given up its rights", s.first[1]["TEXT"])
        return
    link = s.link()         # held, lest it be closed
    pid = s.child.pid
    tap.same("it can gain no right and makes few calls",
             (status(pid, "NoNewPrivs"), status(pid, "Seccomp"), status(pid, "CapEff")),
             ("1", "2", "0" * 16))
    if os.geteuid() == 0:
        held = sorted(os.readlink("/proc/%d/fd/%s" % (pid, fd)).split(":")[0]
                      for fd in os.listdir("/proc/%d/fd" % pid))
        tap.same("it holds its head, two sockets and what it waits by, and no directory",
                 [h for h in held if not h.startswith(("/dev/null", "pipe"))],
                 sorted([os.path.join(os.path.realpath(keys), "evidence.head"), "anon_inode",
                         "socket", "socket"]))
    link.close()
    s.stop()


def main():
    tap = Tap()
    for function in TESTS:
        keys = tempfile.mkdtemp()
        try:
            function(tap, keys)
        finally:
            shutil.rmtree(keys)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
