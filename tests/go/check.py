#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The Go project's own note and tlog packages against ours.  Prints TAP.

Keys, notes and whole static logs go both ways: what Go made is read and made again by ours, what
ours signed is opened by Go.  Without go all of it is one counted skip.  The program is built once
for each state of its sources, in $HARK_CACHE.
"""
import base64
import glob
import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("HARK_BUILD", os.path.join(ROOT, "build", "meson"))
CACHE = os.environ.get("HARK_CACHE", os.path.join(os.path.expanduser("~"), ".cache", "hark"))
JUDGE = os.path.join(BUILD, "tests", "tools", "note-judge")
LIMIT_S = 300
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "tests", "ref"), os.path.join(ROOT, "tests", "system")]
import daemon                                       # noqa: E402
import guest                                        # noqa: E402
import merkle                                       # noqa: E402
import signer                                       # noqa: E402
from tapout import VECTORS, Tap                     # noqa: E402

ORIGIN = "h.example/evidence"
SEED = int(os.environ.get("HARK_SEED", "20261125"))


def build():
    """The path of the program, built where these sources have not been yet."""
    stamp = hashlib.sha256()
    for path in sorted(glob.glob(os.path.join(HERE, "*.go"))) + [
            os.path.join(HERE, "go.mod"), os.path.join(HERE, "go.sum")]:
        with open(path, "rb") as source:
            stamp.update(hashlib.sha256(source.read()).digest())
    folder = os.path.join(CACHE, "go-" + stamp.hexdigest()[:16])
    program = os.path.join(folder, "second")
    if not os.path.exists(program):
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["go", "build", "-mod=readonly", "-trimpath", "-o", program + ".new", "."],
                       cwd=HERE, check=True, stdin=subprocess.DEVNULL, timeout=LIMIT_S)
        os.rename(program + ".new", program)
    return program


def run(program, *args, data=b""):
    done = subprocess.run([program, *args], input=data, capture_output=True, timeout=LIMIT_S,
                          check=False)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace").strip()


def vectors(tap, go):
    code, out, said = run(go, "vectors")
    with open(os.path.join(VECTORS, "notes.jsonl"), "rb") as rows:
        committed = rows.read()
    tap.row("tests/vectors/notes.jsonl is what Go makes", code == 0 and out == committed, said)
    return [json.loads(line) for line in committed.splitlines()]


# ---- notes: two judges

def framed(notes):
    return b"".join(struct.pack("<I", len(note)) + note for note in notes)


def verdicts(go, keys, notes):
    answers = []
    for args in ([JUDGE], [go, "judge"]):
        code, out, said = run(*args, *keys, data=framed(notes))
        if code != 0:
            raise RuntimeError("%s: %s" % (args[0], said))
        answers.append(out.decode().splitlines())
    return zip(notes, *answers)


def mutants(r, note, count):
    for _ in range(count):
        data = bytearray(note)
        for _ in range(r.randrange(1, 3)):
            at = r.randrange(len(data))
            how = r.randrange(6)
            if how == 0:
                data[at] ^= 1 << r.randrange(8)
            elif how == 1:
                del data[at]
            elif how == 2:
                data.insert(at, r.choice(b"\n\n\r\t +=A\xc2\xa0\xe2\x80\x94\x00"))
            elif how == 3:
                data = data[:at + 1]
            elif how == 4:
                lines = bytes(data).split(b"\n")
                lines.insert(r.randrange(len(lines) + 1), r.choice(lines))
                data = bytearray(b"\n".join(lines))
            else:
                lines = bytes(data).split(b"\n")
                r.shuffle(lines)
                data = bytearray(b"\n".join(lines))
        yield bytes(data)


def is_stricter(note):
    """True where ours is: base64 of another form (Go's decoder skips line ends, and bits that are left
    over), a name of more than 255 bytes or with a control character that notes have not banned."""
    for line in note.rsplit(b"\n\n", 1)[-1].split(b"\n"):
        name, _, word = line.removeprefix("\u2014 ".encode()).partition(b" ")
        if len(name) > 255 or any(unicodedata.category(c) == "Cc"
                                  for c in name.decode(errors="replace")):
            return True
        try:
            if base64.b64encode(base64.b64decode(word, validate=True)) != word:
                return True
        except ValueError:
            pass
    return False


def judges(tap, go, rows):
    r = random.Random(SEED)
    accepted, stricter, wrong = 0, 0, []
    for row in rows:
        notes = [row["note"].encode()] + list(mutants(r, row["note"].encode(), 3000))
        keys = row["keys"] if len(row["keys"]) < 3 else row["keys"][:5]
        for n, (note, ours, theirs) in enumerate(verdicts(go, keys, notes)):
            accepted += ours != "refused"
            if n == 0 and ours == "refused":
                wrong.append((row["name"], note))
            if ours == theirs:
                continue
            if ours == "refused" and is_stricter(note):
                stricter += 1
            else:
                wrong.append((ours, theirs, note))
    tap.row("%d notes and mutants of them get Go's verdict, %d of them a yes; %d times ours is stricter"
            % (3001 * len(rows), accepted, stricter),
            not wrong and accepted > 2 * len(rows), wrong[:3])
    # The comparison itself must be able to fail.
    note = rows[0]["note"].encode()
    broken = note.replace(b"\n0\n", b"\n1\n")
    (_, ours, theirs), = verdicts(go, rows[0]["keys"], [broken])
    tap.row("a changed tree is refused by both", ours == theirs == "refused", (ours, theirs))


# ---- keys and signatures of the real hark-signer

def put(folder, name, data, mode=0o600):
    path = os.path.join(folder, name)
    with open(path, "wb") as out:
        out.write(data)
    os.chmod(path, mode)


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as text:
        return text.read()


def opened(go, folder, note, *keys):
    put(folder, "note", note)
    code, out, said = run(go, "open", os.path.join(folder, "note"), *keys)
    return out.decode() if code == 0 else said


def leaf(i):
    return merkle.leaf_hash(b"leaf %d" % i)


def signs(tap, go, keys, folder):
    """Our key, our notes, Go's reader; then a change of the key."""
    s = signer.Signer(keys, ORIGIN, CREATE=1)
    tap.same("hark-signer makes its key", s.first[0], "READY")
    first = s.first[1]["KEY"]
    link = s.link()
    hashes = [leaf(i) for i in range(300)]
    for size in (1, 2, 255, 300):
        name, fields = link.sign(hashes[:size])
        text = opened(go, folder, fields["NOTE"].encode(), first) if name == "SIGNED" else name
        tap.row("Go opens our checkpoint of %d leaves" % size,
                text.startswith("1\n%s\n%d\n" % (ORIGIN, size)), text)
    note = fields["NOTE"].encode()
    other = run(go, "key", ORIGIN)[1].decode().split()
    tap.row("Go does not open it with another key of that name",
            "no verifiable signatures" in opened(go, folder, note, other[1]))
    s.stop()
    put(folder, "text", b"said by Go\n")
    code, out, said = run(go, "sign", os.path.join(keys, "evidence.key"),
                          os.path.join(folder, "text"))
    ours = run(JUDGE, first, data=framed([out]))[1].decode()
    tap.row("Go signs with our key file, and our reader opens it",
            code == 0 and ours == "1 %s\n" % b"said by Go\n".hex(), said or ours)
    s = signer.Signer(keys, ORIGIN, ROTATE=1)
    second = s.first[1].get("KEY")
    link = s.link()
    note = link.hear("SIGNED")["NOTE"].encode()
    text = opened(go, folder, note, first, second)
    tap.row("Go opens the note of a changed key by both keys",
            first != second and text.startswith("2\n%s\n300\n" % ORIGIN), text)
    for key in (first, second):
        text = opened(go, folder, note, key)
        tap.row("and by each alone", text.startswith("1\n"), text)
    s.stop()


def takes(tap, go, keys, folder):
    """Go's key in our directory, with a head that was made from the document."""
    secret, public = run(go, "key", ORIGIN)[1].decode().split()
    hashes = [leaf(i) for i in range(9)]
    put(keys, "evidence.key", secret.encode())
    put(keys, "evidence.head", signer.head_file(
        [(6, 2, merkle.root(hashes[:2]), ORIGIN), (7, 5, merkle.root(hashes[:5]), ORIGIN)]))
    s = signer.Signer(keys, ORIGIN)
    tap.same("hark-signer takes a key that Go made", s.first[1].get("KEY"), public)
    tap.same("and writes its verifier key", read(keys, "evidence.pub").decode(), public + "\n")
    link = s.link()
    tap.same("and the head of our document's second writer", link.head,
             {"SIZE": 5, "ROOT": merkle.root(hashes[:5])})
    name, fields = link.sign(hashes)
    text = opened(go, folder, fields.get("NOTE", "").encode(), public)
    tap.row("and Go opens what it signs", text.startswith("1\n%s\n9\n" % ORIGIN), (name, text))
    s.stop()
    tap.same("the new head is what the document says", read(keys, "evidence.head"),
             signer.head_file([(8, 9, merkle.root(hashes), ORIGIN),
                               (7, 5, merkle.root(hashes[:5]), ORIGIN)]))


# ---- whole logs

def tile_path(level, n, width):
    name = "%03d" % (n % 1000)
    while n >= 1000:
        n //= 1000
        name = "x%03d/%s" % (n % 1000, name)
    return os.path.join("tile", str(level), name + (".p/%d" % width if width < 256 else ""))


def write(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)


def export(folder, entries, checkpoint):
    """A static log by C2SP tlog-tiles, written from the document."""
    hashes = [merkle.leaf_hash(e) for e in entries]
    write(folder, "checkpoint", checkpoint)
    for n in range(0, len(entries), 256):
        some = entries[n:n + 256]
        write(folder, tile_path("entries", n // 256, len(some)),
              b"".join(struct.pack(">H", len(e)) + e for e in some))
    level = 0
    while hashes:
        for n in range(0, len(hashes), 256):
            some = hashes[n:n + 256]
            write(folder, tile_path(level, n // 256, len(some)), b"".join(some))
        hashes = [merkle.root(hashes[n:n + 256]) for n in range(0, len(hashes) - 255, 256)]
        level += 1


def entry(i):
    return b'{"data":{"n":%d},"id":"%s/%d"}' % (i * i, ORIGIN.encode(), i)


def files_of(folder):
    return sorted(os.path.relpath(os.path.join(top, name), folder)
                  for top, _, names in os.walk(folder) for name in names)


def logs(tap, go, keys, folder):
    s = signer.Signer(keys, ORIGIN, CREATE=1)
    key, link = s.first[1]["KEY"], s.link()
    for size in (1, 2, 255, 256, 257, 600, 65536 + 700):
        entries = [entry(i) for i in range(size)]
        name, fields = link.sign([merkle.leaf_hash(e) for e in entries])
        log = os.path.join(folder, "log%d" % size)
        export(log, entries, fields["NOTE"].encode())
        code, out, said = run(go, "log", log, key)
        tap.row("Go checks a log of %d entries" % size,
                name == "SIGNED" and code == 0 and b"%d entries" % size in out, said)
    s.stop()
    refusals(tap, go, key, os.path.join(folder, "log600"))


def refusals(tap, go, key, log):
    """Each file of a log damaged in each way: Go's answer must be no, or the reader is no judge."""
    r = random.Random(SEED)
    missed = []
    count = 0
    for name in files_of(log):
        whole = read(log, name)
        flipped = bytearray(whole)
        flipped[r.randrange(len(whole))] ^= 1 << r.randrange(8)
        for how, data in (("flipped", bytes(flipped)), ("cut", whole[:-1]), ("longer", whole + b"x"),
                          ("empty", b""), ("gone", None)):
            if data is None:
                os.unlink(os.path.join(log, name))
            else:
                write(log, name, data)
            code, _, said = run(go, "log", log, key)
            count += 1
            if code != 1 or not said:
                missed.append((name, how))
            write(log, name, whole)
    for name in ("tile/0/002", "tile/entries/003.p/1", "tile/2/000.p/1", "tile/0/000.p/7"):
        write(log, name, b"x" * 32)
        code, _, said = run(go, "log", log, key)
        count += 1
        if code != 1 or "no tile of this log" not in said:
            missed.append((name, "surplus", said))
        os.unlink(os.path.join(log, name))
    tap.row("Go refuses each of %d damaged logs" % count, not missed, missed)
    tap.same("and takes it whole again", run(go, "log", log, key)[0], 0)
    os.unlink(os.path.join(log, "tile/entries/000"))
    tap.same("entries that were pruned may be gone", run(go, "log", log, key, "256")[0], 0)
    tap.same("but no others", run(go, "log", log, key, "255")[0], 1)


# ---- what the daemon seals and `hark ledger export` writes

def hark(*words):
    return run(os.path.join(daemon.BIN, "hark"), *words)


def exports(tap, go, _, folder):
    """A real daemon's ledgers, exported twice into one directory, and once more after its end."""
    out = os.path.join(folder, "export")
    with daemon.Harkd() as d:
        d.start()
        tap.same("a cell is there", d.add("c")["CODE"], 0)
        key = hark("key", "show", "--control", d.socket)[1].decode().strip()
        sock = guest.connect(d.path("c"))
        for sent in (300, 900):
            for n in range(sent):
                sock.sendall(guest.frame(pid=n, comm="\u00e9 %d" % n))
            guest.wait_for(lambda: committed(d) >= sent, "so many leaves", daemon.LIMIT_S)
            code, _, said = hark("ledger", "export", "--control", d.socket, out)
            tap.row("hark ledger export", code == 0, said)
            code, answer, said = run(go, "log", out, key)
            count = int(answer.split()[1]) if code == 0 else 0
            tap.row("Go checks what it wrote: %d entries" % count, count >= sent, said)
        sock.close()
        other = os.path.join(folder, "operations")
        ops = hark("key", "show", "--ledger", "operations", "--control", d.socket)[1]
        hark("ledger", "export", "--ledger", "operations", "--control", d.socket, other)
        code, answer, said = run(go, "log", other, ops.decode().strip())
        tap.row("and the other ledger", code == 0 and b"/operations: " in answer, said)
        d.stop()
        last = os.path.join(folder, "last")
        code, _, said = hark("ledger", "export", "--dir", d.data, last)
        tap.row("and what is there without the daemon", code == 0 and
                run(go, "log", last, key)[0] == 0, said)


def committed(d):
    return int(json.loads(hark("ledger", "stat", "--json", "--control", d.socket)[1])["committed"])


def main():
    tap = Tap()
    if shutil.which("go") is None:
        tap.skip("Go's note and tlog packages", "no go here; Debian: golang-go")
        return tap.end()
    try:
        go = build()
    except (subprocess.SubprocessError, OSError) as problem:
        tap.skip("Go's note and tlog packages", "they cannot be built here: %s" % problem)
        return tap.end()
    rows = vectors(tap, go)
    judges(tap, go, rows)
    for step in (signs, takes, logs, exports):
        with tempfile.TemporaryDirectory() as keys, tempfile.TemporaryDirectory() as folder:
            step(tap, go, keys, folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
