#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Observers as they are shipped and as an author writes them: the committed modules are those of their
digests and what their sources build, and each does over given events what it says.  Prints TAP.
"""
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "ref"))
from tapout import Tap                              # noqa: E402

EXAMPLES = os.path.join(ROOT, "examples", "observers")
OBSERVERS = os.path.join(ROOT, "observers")
LIB = os.path.join(ROOT, "build", "lib")
TIME = "2026-11-21T13:20:00.123456789Z"


def run(argv, text=None, folder=None):
    done = subprocess.run(argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=120, cwd=folder)
    return done.returncode, done.stdout, done.stderr


def event(index, source, pid, detail, cell="c0", comm="sh \"x\"\\", kind=None, ns=None, seq=None):
    declared = {"guestComm": comm, "guestMonotonicNs": str(1000 + index if ns is None else ns), "guestPid": pid,
                "probeSource": source, "seq": str(index if seq is None else seq)}
    if detail:
        declared["detail"] = detail
    return json.dumps({"data": {"cellId": cell, "declared": declared, "epoch": 1, "runId": "run-1"},
                       "id": "h/evidence/%d" % index, "source": "/hark/h/evidence",
                       "specversion": "1.0", "time": TIME, "type": kind or "dev.hark.%s" % source},
                      sort_keys=True, separators=(",", ":"), ensure_ascii=False)


EVENTS = [event(7, "process.spawned", 42, {"ppid": 1, "start_ns": "1007"}),
          event(8, "process.exec", 42, {"exe": "/bin/sh\n{\",}", "start_ns": "1007", "uid": 0}),
          event(9, "net.listen", 42, {"port": 80}, cell="c1"),
          event(10, "process.exited", 42, {"exit_code": 3})]
COMMON = {"cell": "c0", "run": "run-1", "epoch": 1, "guest_pid": 42, "start_ns": 1007}
WANT = {
    "sessions": [("PgWrite", {**COMMON, "started_ns": 1007, "ppid": 1}),
                 ("PgWrite", {**COMMON, "executed_ns": 1008, "comm": "sh \"x\"\\",
                              "exe": "/bin/sh\n{\",}", "uid": 0}),
                 ("PgWrite", {**COMMON, "start_ns": 0, "exited_ns": 1010, "exit_code": 3})],
    "metrics": [("MetricEmit", {"name": "events", "type": "counter", "value": 1, "cell": cell,
                                "source": source})
                for cell, source in (("c0", "process.spawned"), ("c0", "process.exec"),
                                     ("c1", "net.listen"), ("c0", "process.exited"))],
    "pg-events": [("PgWrite", {"event_index": e["n"], "time_ns": 1795267200123456789,
                               "type": "dev.hark." + e["s"], "cell": e["c"], "run": "run-1",
                               "source": e["s"], "epoch": 1, "seq": e["n"], "guest_pid": 42,
                               "guest_monotonic_ns": 1000 + e["n"], "guest_comm": "sh \"x\"\\",
                               "detail": e["d"]})
                  for e in ({"n": 7, "s": "process.spawned", "c": "c0", "d": {"ppid": 1, "start_ns": "1007"}},
                            {"n": 8, "s": "process.exec", "c": "c0",
                             "d": {"exe": "/bin/sh\n{\",}", "start_ns": "1007", "uid": 0}},
                            {"n": 9, "s": "net.listen", "c": "c1", "d": {"port": 80}},
                            {"n": 10, "s": "process.exited", "c": "c0", "d": {"exit_code": 3}})],
    "rows": [("PgWrite", {"index": n, "cell": c}) for n, c in
             ((7, "c0"), (8, "c0"), (9, "c1"), (10, "c0"))],
}


# What a guest may claim to be overlooked: each is a row all the same, and a label of ours.
OTHER = "dev.cellos.events.cell.observability.guest.other"
LONG = {"x": 3000 * "\1"}
HOSTILE = [event(0, "process.exec", 1, LONG, comm="a\0b\1"),
           event(1, 1990 * "\u00e9", 1, None, comm="x", kind=OTHER),
           event(2, "process.exec", 1, {"exe": "/a\0", "uid": "x", "ppid": -1}, comm=4000 * "\0"),
           event(3, "process.exec", 1, {"exe": "\\u0000\\", "start_ns": str(2 ** 64 - 1), "uid": True}, comm=""),
           event(4, "process.exec", 1, {"exe": 7, "start_ns": str(2 ** 64), "uid": 2 ** 53 - 1}, comm="\u20ac" * 1400)]


def check_hostile(tap, host):
    got = {name: effects(host, os.path.join(OBSERVERS, name + ".wasm"), HOSTILE)
           for name in ("pg-events", "metrics", "sessions")}
    if isinstance(got["metrics"], str) and "no WebAssembly engine" in got["metrics"]:
        tap.skip("what a guest claims to be overlooked", "this build has no engine")
        return
    if any(isinstance(text, str) for text in got.values()):
        tap.same("the observers return", got, {})
        return
    rows = [row for _, row in got["pg-events"]]
    tap.same("pg-events: a row for each", [row["event_index"] for row in rows], [0, 1, 2, 3, 4])
    tap.same("pg-events: with all of detail", [row.get("detail") for row in rows],
             [json.loads(line)["data"]["declared"].get("detail") for line in HOSTILE])
    tap.same("pg-events: what no database takes is replaced", rows[0].get("guest_comm"), "a\ufffdb\1")
    room = [3968 - len(OTHER + "h/evidence/1c0run-1"), 3968 - len("dev.hark.process.exec" +
                                                                   "h/evidence/1c0run-1process.exec")]
    tap.same("pg-events: what no record holds is cut", [rows[i].get(name) for i, name in (
        (1, "source"), (1, "guest_comm"), (2, "guest_comm"), (4, "guest_comm"))],
        [(room[0] // 2) * "\u00e9", room[0] % 2 * "x", room[1] * "\ufffd", room[1] // 3 * "\u20ac"])
    tap.same("metrics: no label is a guest's own", [sample["source"] for _, sample in got["metrics"]],
             ["process.exec", "other", "process.exec", "process.exec", "process.exec"])
    rows = [{key: row[key] for key in ("exe", "uid", "ppid") if key in row} for _, row in got["sessions"]]
    tap.same("sessions: a row for each, of what its columns take", rows,
             [{}, {"ppid": -1}, {"exe": "\\u0000\\"}, {"uid": 2 ** 53 - 1}])
    tap.same("sessions: which process of its number, where it is said so that it can be read",
             [row["start_ns"] for _, row in got["sessions"]], [0, 0, 2 ** 64 - 1, 0])


# ---- what the header has for authors

NUMBERS = [0, 2 ** 63, 2 ** 64 - 1] + [n * 10 ** e + d for e in range(20) for n in (1, 9 if e < 19 else 1) for d in (-1, 0)]
LITERALS = ["", "sh", "eight in", "process.spawned"]
CHARACTERS = "abcdefgh .{}[]:," + 2 * "\"\\" + "\0\1\n\x1f\x7f\u00e9\u20ac\U0001f600"


def some_text(rng):
    if rng.random() < 0.3:              # one of the literals, or nearly
        text = list(rng.choice(LITERALS))
        if text and rng.random() < 0.6:
            at = rng.randrange(len(text))
            text[at:at + 1] = rng.choice([[], [text[at], "x"], ["y"]])
        return "".join(text)
    length = rng.choice([rng.randrange(10), rng.randrange(70), rng.randrange(300)])
    return "".join(rng.choice(CHARACTERS[:rng.choice([8, len(CHARACTERS)])]) for _ in range(length))


def some_value(rng, depth):
    kind = rng.randrange(8 if depth else 5)
    if kind >= 6:
        return {name: some_value(rng, depth - 1) for name in
                rng.sample(["k", "K", "kk", "j", "key_of_length", "key_of_lengti", "\n", "\\", "", "\u00e9", "}"],
                           rng.randrange(6))}
    if kind == 5:
        return [some_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return [some_text(rng), rng.randrange(-10 ** 9, 10 ** 9), True, False, None][kind]


def is_full(text, comm):
    """As many members as there is room for, each whole: the large ones, and then what is smaller."""
    pairs = json.loads(text, object_pairs_hook=list)
    counts = [sum(name == each for name, _ in pairs) for each in ("text", "number", "raw")]
    return len(text) in range(32759, 32769) and counts[0] == 32 and counts[2] > 0 and \
        {str(value) for _, value in pairs} <= {comm, "7", "[1]"}


def check_helpers(tap, host, folder):
    """Over some hundred events of chance: the second opinion is Python's."""
    rng = random.Random(7)
    events, wanted = [], []
    for index in range(700):
        fills = index % 50 == 49
        comm = 500 * "\"" + index // 50 * "e" if fills else some_text(rng)
        detail = some_value(rng, 3) if rng.random() < 0.9 else None
        ns, seq = (NUMBERS[index], rng.choice(NUMBERS)) if index < len(NUMBERS) else (
            rng.randrange(2 ** rng.randrange(1, 65)), rng.randrange(2 ** 64))
        events.append(event(index, "fill" if fills else "x", 1, detail, comm=comm, kind="t", ns=ns, seq=seq))
        text = comm.replace("\0", "\ufffd")
        row = {"index": index, "text": text, "a_name_of_more_bytes_than_are_copied_at_once": text,
               "is": sum(1 << bit for bit, literal in enumerate(LITERALS) if comm == literal), "type": "t",
               "same": 1, "seq": seq, "ns": ns, "members": 0}
        if detail:
            row["detail"] = detail
        if detail and isinstance(detail, dict):
            row["last"] = detail[max(detail)]
            row["members"] = sum(len(json.dumps(name, ensure_ascii=False).encode()) - 1 for name in detail)
        for name in ("k", "K", "key_of_length"):
            if isinstance(detail, dict) and name in detail:
                row[name] = detail[name]
        wanted += [row, {}] + ([comm] if fills else [])
    for level in ("-O0", "-O2", "-O3", "-Oz"):
        module = os.path.join(folder, "helpers.wasm")
        code, _, text = run(["clang", "--target=wasm32", level, "-mbulk-memory", "-nostdlib", "-Wall", "-Wextra",
                             "-Werror", "-I", os.path.join(ROOT, "include"), "-Wl,--no-entry", "-o", module,
                             os.path.join(ROOT, "tests", "observers", "helpers.c")])
        if code != 0:
            tap.same("helpers build with " + level, text, "")
            continue
        out = text = ""
        for at in range(0, len(events), 100):
            _, part, words = run([host, module, "sha256:" + digest_of(module)],
                                 "".join(line + "\n" for line in events[at:at + 100]))
            out, text = out + part, text + words
        if "no WebAssembly engine" in text:
            tap.skip("the header's functions, built with " + level, "this build has no engine")
            continue
        got = [line.partition(" ")[2] for line in out.splitlines()]
        bad = [(g, want) for g, want in zip(got, wanted) if not (
            is_full(g, want) if isinstance(want, str) else json.loads(g) == want)]
        tap.row("the header's functions over %d events, built with %s" % (len(events), level),
                not bad and len(got) == len(wanted), (text + str(bad[:1]))[:2000])


def digest_of(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def check_committed(tap, folder):
    with open(os.path.join(OBSERVERS, "SHA256SUMS"), encoding="utf-8") as f:
        first, *lines = f.read().splitlines()
    sums = dict(reversed(line.split("  ")) for line in lines)
    names = sorted(n for n in os.listdir(OBSERVERS) if n.endswith(".wasm"))
    tap.same("every module has a digest, and no other has", sorted(sums), names)
    for name in names:
        tap.same("%s is the module of its digest" % name,
                 digest_of(os.path.join(OBSERVERS, name)), sums.get(name))
    wanted = first.split()[2].rstrip(":")
    code, version, _ = run(["clang", "-dumpversion"]) if shutil.which("clang") else (1, "none", "")
    if code != 0 or version.strip() != wanted:
        tap.skip("modules are what their sources build",
                 "they were built by clang %s, here is %s" % (wanted, version.strip()))
        return
    code, _, text = run([os.path.join(OBSERVERS, "build"), folder])
    tap.row("the sources build", code == 0, text)
    for name in names:
        built = os.path.join(folder, name)
        tap.row("%s is what its source builds, byte for byte" % name,
                os.path.exists(built) and digest_of(built) == sums.get(name))


def effects(host, module, events):
    code, out, text = run([host, module, "sha256:" + digest_of(module)],
                          "".join(line + "\n" for line in events))
    if code != 0:
        return text
    return [(word, json.loads(rest)) for word, _, rest in
            (line.partition(" ") for line in out.splitlines())]


def rust_rows(folder):
    """The example in Rust: its module, or None and why it is not tried here.  A toolchain without the
    target is no fault; one with it must build it."""
    built = os.path.join(folder, "rust-rows.wasm")
    for rustc in dict.fromkeys(filter(None, (shutil.which("rustc"), "/usr/bin/rustc"))):
        if not os.path.exists(rustc):
            continue
        _, libraries, _ = run([rustc, "--print", "target-libdir", "--target",
                               "wasm32-unknown-unknown"])
        if not os.path.isdir(libraries.strip()):
            continue
        code, _, text = run([rustc, "--edition", "2021", "--target", "wasm32-unknown-unknown", "-O",
                             "-D", "warnings", "-C", "panic=abort", "-C", "strip=symbols", "-C",
                             "linker=wasm-ld", "--crate-type", "cdylib", "-o", built,
                             os.path.join(EXAMPLES, "rust", "rows.rs")])
        if code != 0:
            raise AssertionError("examples/observers/rust does not build: " + text)
        return built, ""
    return None, "no rustc here has the target wasm32-unknown-unknown"


def assembly_rows(folder):
    """The same for AssemblyScript; its compiler is kept by its lock file."""
    source = os.path.join(EXAMPLES, "assemblyscript")
    if not shutil.which("npm"):
        return None, "npm is not here"
    cache = os.environ.get("HARK_CACHE") or os.path.expanduser("~/.cache/hark")
    kept = os.path.join(cache, "assemblyscript-" + digest_of(os.path.join(source,
                                                                          "package-lock.json"))[:16])
    compiler = os.path.join(kept, "node_modules", ".bin", "asc")
    if not os.path.exists(compiler):
        os.makedirs(kept, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(source, name), kept)
        code, _, text = run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--prefix", kept])
        if code != 0:
            return None, "npm cannot fetch the compiler: " + " ".join(text.split())[:200]
    built = os.path.join(folder, "assembly-rows.wasm")
    code, _, text = run([compiler, "rows.ts", "-O3", "--runtime", "stub", "--use", "abort=", "-o",
                         built], folder=source)
    if code != 0:
        raise AssertionError("examples/observers/assemblyscript does not build: " + text)
    return built, ""


def check_effects(tap, folder):
    host = os.path.join(folder, "observer-host")
    code, _, text = run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-I",
                         os.path.join(ROOT, "include"),
                         os.path.join(ROOT, "examples", "observer-host.c"), "-o", host, "-L", LIB,
                         "-lhark-observer", "-Wl,-rpath," + LIB])
    tap.row("examples/observer-host.c builds", code == 0, text)
    rows = os.path.join(folder, "rows.wasm")
    code, _, text = run(["clang", "--target=wasm32", "-O2", "-mbulk-memory", "-nostdlib", "-Wall",
                         "-Wextra", "-Werror", "-I", os.path.join(ROOT, "include"),
                         "-Wl,--no-entry", "-o", rows,
                         os.path.join(ROOT, "examples", "observers", "rows.c")])
    tap.row("an observer in ten lines builds as its header says", code == 0, text)
    modules = {name: os.path.join(OBSERVERS, name + ".wasm") for name in WANT}
    modules["rows"] = rows
    wanted = dict(WANT)
    for language, build in (("Rust", rust_rows), ("AssemblyScript", assembly_rows)):
        name, why = "rows in " + language, ""
        modules[name], why = build(folder)
        if modules[name] is None:
            tap.skip("%s over events" % name, why)
        else:
            wanted[name] = WANT["rows"]
    for name, want in wanted.items():
        got = effects(host, modules[name], EVENTS)
        if isinstance(got, str) and "no WebAssembly engine" in got:
            tap.skip("%s over events" % name, "this build has no engine")
            continue
        tap.same("%s over events" % name, got, want)
        cut = [effects(host, modules[name], [line]) for line in EVENTS]
        tap.same("%s: any cut into batches gives the same" % name,
                 [e for part in cut for e in part], want)
    check_hostile(tap, host)
    check_helpers(tap, host, folder)
    code, _, text = run([host, rows, "sha256:" + "0" * 64], "")
    tap.row("another digest is refused", code == 1 and "refused:" in text, text)


def module_of(row):
    return b"".join(bytes.fromhex(part) * times for part, times in
                    row.get("parts", [[row.get("hex", ""), 1]]))


def check_rows(tap, folder):
    """`hark observer test` answers as the recorded cases say."""
    with open(os.path.join(ROOT, "tests", "vectors", "arkhe-observers.jsonl"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    module = os.path.join(folder, "row.wasm")
    bad, count = [], 0
    for row in rows:
        if "hark_load" not in row:
            continue
        with open(module, "wb") as f:
            f.write(module_of(row))
        grants = [] if row.get("token") is False else ["--grant", "PgWrite"]
        if row["hark_load"] == "ok if granted":
            grants += ["--grant", "Log"]
        if row.get("impl") in ("fails", "panics"):
            grants += ["--fail", "PgWrite"]
        fuel = ["--fuel", str(row["fuel"])] if "fuel" in row else []
        if "digest_given" in row:
            grants += ["--digest", "blake3:" + "ff" * 32]
        code, out, text = run([os.path.join(ROOT, "build", "bin", "hark"), "observer", "test",
                               module, "--json", *grants, *fuel])
        if code == 69:
            tap.skip("hark observer test over the recorded cases", "this build has no engine")
            return
        count += 1
        got = json.loads(out) if out else {"none": text}
        load = "refused" if row["hark_load"] == "reject" else "ok"
        want = row.get("hark_run", "")
        run_as = want if want in ("ok", "retried") else "trapped" if want else got.get("run")
        rows_wanted = row.get("hark_rows", 0) // row.get("runs", 1)
        if got.get("load") != load or \
           ("digest_given" in row and got.get("reason") != "digest") or (load == "ok" and got.get("run") != run_as) or \
           (run_as == "trapped" and want and got.get("trap_class") != want) or \
           (load == "ok" and "hark_rows" in row and got["effects"] != rows_wanted) or \
           code != {"ok": 0, "retried": 75}.get(got.get("run"), 65):
            bad.append("%s: wanted %s %s, got %d %s" % (row["name"], load, want, code, got))
    tap.row("hark observer test over %d recorded cases" % count, not bad and count == 129,
            "\n".join(bad) or count)


NO_EVENTS = (
    ("a line that is empty", b"\n", "it is empty"),
    ("a line that ends in a carriage return", EVENTS[0].encode() + b"\r\n", "a carriage return"),
    ("a line that is too long", b'"' + b"x" * 65535 + b"\n", "more than 65535 bytes"),
    ("a line that is cut", EVENTS[0].encode()[:-1] + b"\n", "no JSON at byte"),
    ("blanks between members", json.dumps(json.loads(EVENTS[0]), sort_keys=True).encode(),
     "canonical form (RFC 8785) from byte 8 on"),
    ("a time of whole seconds", EVENTS[0].replace(".123456789Z", "Z").encode(), "nine digits"),
    ("a list", b"[1]", "it wants an"),
)
# Two rows: the byte ff, and the two behind it.
HEX = bytes.fromhex(
    "0061736d0100000001090260027f7f00600000021b011161726b68653a6f627365727665722f70670577726974650000"
    "030201010503010001071502066d656d6f72790200086f6273657276657200010a10010e004100410110004101410210"
    "000b0b09010041000b03ff7b7d")


def check_lines(tap, folder):
    """Who writes events by hand hears what is wrong with a line; bytes that are no text stay exact."""
    hark = [os.path.join(ROOT, "build", "bin", "hark"), "observer", "test"]
    path, module = os.path.join(folder, "lines.jsonl"), os.path.join(folder, "hex.wasm")
    with open(module, "wb") as f:
        f.write(HEX)
    hark.append(module)
    for name, line, words in NO_EVENTS:
        with open(path, "wb") as f:
            f.write(EVENTS[0].encode() + b"\n" + line)
        code, _, text = run([*hark, "--events", path])
        tap.row("not an event: " + name, code == 65 and "line 2 is not an event" in text and words in text,
                "%d %s" % (code, text))
    code, out, text = run([*hark, "--grant", "PgWrite", "--json"])
    if code == 69:
        tap.skip("payloads that are no text", "this build has no engine")
        return
    tap.row("a payload that is no text is shown in hex, and a text that looks so as it is",
            code == 0 and json.loads(out)["payloads"] ==
            [{"hex": "ff", "token": "PgWrite"}, {"bytes": "{}", "token": "PgWrite"}], out + text)
    failed = run([*hark, "--grant", "PgWrite", "--json", "--fail", "PgWrite", "--fail", "Log"])
    got = json.loads(failed[1]) if failed[1] else {}
    tap.row("where what stands behind an effect fails nothing of the run is kept", failed[0] == 75 and
            (got.get("run"), got.get("reason"), got.get("effects"), got.get("payloads")) ==
            ("retried", "capability_failed", 0, []), failed)
    code, _, text = run([*hark, "--fail", "Pg"])
    tap.row("a token that is none is a mistake", code == 2 and "there is no such token" in text, text)
    code, _, text = run([*hark, "--digest", "blake3:12"])
    tap.row("a digest that is none is a mistake", code == 2 and "64 lower-case" in text, text)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="hark-o-") as folder:
        check_committed(tap, folder)
        check_effects(tap, folder)
        check_rows(tap, folder)
        check_lines(tap, folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
