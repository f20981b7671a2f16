#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What an embedder meets: `make install` into an empty folder, and examples/supervisor.c built
against nothing but what was put there.  Prints TAP.
"""
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "ref"))
import frames                                       # noqa: E402
import signed                                       # noqa: E402
from tapout import Tap                              # noqa: E402

PREFIX = "/opt/hark"
EXPECTED = ["bin/hark", "bin/hark-listen", "bin/hark-agent", "bin/hark-receiver",
            "bin/harkd", "bin/hark-control", "bin/hark-notary", "bin/hark-signer",
            "lib/systemd/system/harkd.service", "lib/sysusers.d/hark.conf",
            "lib/tmpfiles.d/hark.conf", "share/doc/hark/hark.yaml",
            "share/doc/hark/docs/format/observer-abi.md", "share/doc/hark/docs/security.md",
            "share/doc/hark/examples/observers/rows.c", "share/doc/hark/examples/observer-host.c",
            "include/hark/telemetry.h", "include/hark/keepalive.h", "include/hark/event.h",
            "include/hark/probe.h", "include/hark/sign.h", "include/hark/verify.h",
            "lib/libhark-telemetry.so", "lib/libhark-telemetry.a", "lib/libhark-sign.so",
            "lib/libhark-sign.a", "lib/pkgconfig/hark-telemetry.pc", "lib/pkgconfig/hark-sign.pc",
            "lib/libhark-verify.so", "lib/libhark-verify.a", "lib/pkgconfig/hark-verify.pc",
            *("share/hark/observers/" + name for name in
              ("pg-events.wasm", "pg-events.sql", "sessions.wasm", "sessions.sql", "metrics.wasm",
               "SHA256SUMS")),
            "include/hark/observer_host.h", "include/hark/observer.h",
            "lib/libhark-observer.so", "lib/libhark-observer.a", "lib/pkgconfig/hark-observer.pc"]
LIBRARIES = ("hark-telemetry", "hark-sign", "hark-verify", "hark-observer")
SUPERVISOR = os.path.join(ROOT, "examples", "supervisor.c")


def run(argv, **more):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=240, **more)
    return done.returncode, done.stdout


def pkg_config(place, *words):
    """Flags as an embedder gets them; the staging folder stands before every path."""
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(place, "lib", "pkgconfig"))
    code, text = run(["pkg-config", "--define-variable=prefix=" + place, *words], env=env)
    if code != 0:
        raise RuntimeError(text)
    return re.findall(r"(?:\\.|\S)+", text)


def unescape(words):
    return [re.sub(r"\\(.)", r"\1", word) for word in words]


def exported(place, library):
    code, text = run(["nm", "-D", "--defined-only", os.path.join(place, "lib", library)])
    return code, [line.split()[-1].split("@")[0] for line in text.splitlines() if " A " not in line]


def globals_of(place, archive):
    code, text = run(["nm", "--defined-only", "--extern-only", os.path.join(place, "lib", archive)])
    return code, [line.split()[-1] for line in text.splitlines() if len(line.split()) == 3]


DECLARED = re.compile(r"^HARK_API\b[^;{]*?\b(hark_\w+)\s*\(", re.M)


def declared(place):
    """Every function that the installed headers promise."""
    names = []
    for header in sorted(os.listdir(os.path.join(place, "include", "hark"))):
        with open(os.path.join(place, "include", "hark", header), encoding="utf-8") as f:
            names += DECLARED.findall(re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S))
    return names


def check_exports(tap, place):
    """The headers and the libraries speak of the same functions, each in one library."""
    want = declared(place)
    tap.row("no function is declared twice", len(want) == len(set(want)) and len(want) > 40, want)
    for kind, listing, ending in (("shared", exported, "so"), ("static", globals_of, "a")):
        homes = {}
        for library in LIBRARIES:
            for name in listing(place, "lib%s.%s" % (library, ending))[1]:
                homes.setdefault(name, []).append(library)
        homes.pop("HARK_0", None)
        missing = [name for name in want if name not in homes]
        tap.row("each declared function is in a %s library" % kind, not missing, missing)
        twice = ["%s: %s" % (name, " ".join(at)) for name, at in homes.items() if len(at) > 1]
        tap.row("no function is in two %s libraries" % kind, not twice, twice)
        undeclared = [name for name in homes if name not in want]
        tap.row("no %s library shows what no header declares" % kind, not undeclared, undeclared)


PROTOTYPE = re.compile(r"^HARK_API\b([^;{]*?)\b(hark_\w+)\s*\(([^;]*)\)\s*;", re.M)
ARGUMENT = {"telemetry": "HARK_TELEMETRY_ARGUMENT", "probe": "HARK_PROBE_ARGUMENT",
            "sign": "HARK_SIGN_ARGUMENT", "verifier": "HARK_VERIFIER_ARGUMENT",
            "observer": "HARK_OBSERVER_ARGUMENT"}


def calls_with_nothing(place):
    """A line of C for each public function: called with NULL and 0 alone it returns, and where it
    can say so it says that this was the caller's mistake."""
    lines = []
    for header in ("telemetry", "keepalive", "event", "probe", "sign", "verify", "observer_host"):
        with open(os.path.join(place, "include", "hark", header + ".h"), encoding="utf-8") as f:
            text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
        for kind, name, parameters in PROTOTYPE.findall(text):
            call = "%s(%s)" % (name, ", ".join(
                "(struct hark_text){ 0, 0 }" if re.fullmatch(r"struct hark_text \w+", p.strip())
                else "0" for p in parameters.split(",") if p.strip() != "void"))
            error = re.search(r"enum hark_(telemetry|probe|sign|verifier|observer)_error", kind)
            lines.append("\tTRY(\"%s\", %s);" % (name, "%s == %s" % (call, ARGUMENT[error[1]])
                         if error else "((void)%s, 1)" % call))
    return lines


def check_nothing(tap, place, folder):
    lines = calls_with_nothing(place)
    source = os.path.join(folder, "nothing.c")
    program = os.path.join(folder, "nothing")
    with open(source, "w", encoding="utf-8") as f:
        f.write("#include <hark/probe.h>\n#include <hark/sign.h>\n#include <hark/verify.h>\n"
                "#include <hark/observer_host.h>\n#include <stdio.h>\n"
                "#include <sys/wait.h>\n#include <unistd.h>\n"
                "#define TRY(name, call) do { int s = 0; pid_t p = fork(); "
                "if (p == 0) _exit((call) ? 0 : 1); "
                "if (waitpid(p, &s, 0) != p || s != 0) { puts(name); bad = 1; } } while (0)\n"
                "int main(void)\n{\n\tint bad = 0;\n" + "\n".join(lines) +
                "\n\treturn bad;\n}\n")
    flags = unescape(pkg_config(place, "--cflags", "--libs", *LIBRARIES))
    code, text = run(["cc", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags,
                      "-Wl,-rpath," + os.path.join(place, "lib")])
    if code == 0:
        code, text = run([program])
    tap.row("every public function bears NULL (%d of them)" % len(lines),
            code == 0 and len(lines) == len(declared(place)), text)


def check_static(tap, place, folder):
    """The archives link with what pkg-config --static says and nothing else, and need each other
    not at all."""
    libraries = (("hark-telemetry", "telemetry", "hark_stamp_now(0, 0, 0)"),
                 ("hark-telemetry", "probe", "hark_probe_open_nftables(0, 0, 0, 0)"),
                 ("hark-telemetry", "probe", "hark_probe_open_fc_metrics(0, 0, 0)"),
                 ("hark-sign", "sign", "hark_signer_create(HARK_SIGN_ALGORITHM_OFF, "
                  "hark_text_of(0), 0, 0, 0, 0)"),
                 ("hark-verify", "verify", "hark_verifier_judge(0, 0, 0, 0)"),
                 ("hark-observer", "observer_host",
                  "hark_observer_host_open_wasmtime(0, 0, 0, 0, 0)"))
    for library, header, call in libraries:
        source = os.path.join(folder, "static.c")
        program = os.path.join(folder, "static")
        with open(source, "w", encoding="utf-8") as f:
            f.write("#include <hark/%s.h>\nint main(void)\n{\n\treturn (int)%s == 0;\n}\n"
                    % (header, call))
        flags = [word if word != "-l" + library else "-l:lib%s.a" % library for word in
                 unescape(pkg_config(place, "--static", "--cflags", "--libs", library))]
        code, text = run(["cc", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags])
        if code == 0:
            code, text = run([program])
        tap.row("lib%s.a links as pkg-config --static says: %s" % (library, call), code == 0, text)


def check_pages(tap, place):
    """Each manual page lies in its section, and what it sends its reader to is there."""
    if shutil.which("scdoc") is None:
        tap.skip("manual pages", "scdoc is not here: none is built")
        return
    lost, strays, dangling = [], [], []
    for name in sorted(os.listdir(os.path.join(ROOT, "man"))):
        if not name.endswith(".scd"):
            continue
        page = name[:-len(".scd")]
        if not os.path.exists(os.path.join(place, "share", "man", "man" + page[-1], page)):
            lost.append(page)
        with open(os.path.join(ROOT, "man", name), encoding="utf-8") as f:
            text = f.read()
            for path in re.findall(r"(?<![a-z/])((?:docs|examples)/[a-z./-]+[a-z])", text):
                if not os.path.exists(os.path.join(place, "share", "doc", "hark", path)):
                    dangling.append("%s: %s" % (page, path))
    for folder in os.listdir(os.path.join(place, "share", "man")):
        if not re.fullmatch(r"man[1-8]", folder):
            strays.append(folder)
    tap.row("each manual page is in its section", not lost and not strays, lost + strays)
    tap.row("what manual pages name is installed with them", not dangling, dangling)


def check_install(tap, folder):
    code, text = run(["make", "--no-print-directory", "install", "DESTDIR=" + folder,
                      "PREFIX=" + PREFIX], cwd=ROOT)
    place = folder + PREFIX
    tap.row("make install DESTDIR=… PREFIX=…", code == 0, text)
    missing = [name for name in EXPECTED if not os.path.exists(os.path.join(place, name))]
    tap.row("all that is promised is there", not missing, missing)
    check_pages(tap, place)
    strays = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names
              if not os.path.join(where, name).startswith(place + "/")]
    tap.row("nothing is put outside of PREFIX", not strays, strays)
    for library in LIBRARIES:
        code, names = exported(place, "lib%s.so" % library)
        bad = [n for n in names if not n.startswith("hark_") and n != "HARK_0"]
        tap.row("lib%s.so shows hark_ names alone" % library, code == 0 and names and not bad, bad)
        code, names = globals_of(place, "lib%s.a" % library)
        bad = [n for n in names if not n.startswith("hark_")]
        tap.row("lib%s.a shows hark_ names alone" % library, code == 0 and names and not bad, bad)
    return place


def check_supervisor(tap, place, folder):
    if not os.path.exists(SUPERVISOR):
        tap.skip("examples/supervisor.c", "it is not in this tree")
        return
    program = os.path.join(folder, "supervisor")
    for compiler in ("cc", "clang"):
        flags = unescape(pkg_config(place, "--cflags", "--libs", "hark-telemetry", "hark-sign"))
        code, text = run([compiler, "-std=gnu17", "-Wall", "-Wextra", "-Werror", SUPERVISOR, "-o",
                          program, *flags, "-Wl,-rpath," + os.path.join(place, "lib")])
        tap.row("supervisor.c builds against what is installed (%s)" % compiler, code == 0, text)
    if not os.path.exists(program):
        tap.row("supervisor.c runs", False, "it was not built")
        return
    hear_one(tap, program, folder)


EVENT = ('{"data":{"cellId":"c0"},"id":"h/evidence/7","source":"/hark/h/evidence","specversion":"1.0",'
         '"time":"2026-11-21T13:20:00.123456789Z","type":"t"}\n')


def check_observer_host(tap, place, folder):
    """The host of observers in a page: from what is installed, and nothing else, to a row."""
    source = os.path.join(place, "share", "doc", "hark", "examples", "observer-host.c")
    program = os.path.join(folder, "observer-host")
    flags = unescape(pkg_config(place, "--cflags", "--libs", "hark-observer"))
    for compiler in ("clang", "cc"):
        code, text = run([compiler, "-std=gnu17", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags,
                          "-Wl,-rpath," + os.path.join(place, "lib")])
        tap.row("observer-host.c builds against what is installed (%s)" % compiler, code == 0, text)
    with open(program + ".cc", "w", encoding="utf-8") as f:
        f.write("#include <hark/observer.h>\n#include <hark/observer_host.h>\n"
                "int main() { hark_observer_host h = {};\nif (hark_observer_host_open_noop(&h)) return 1;\n"
                "hark_observer_host_close(&h); return sizeof(hark_event_record) != 128; }\n")
    code, text = run(["c++", "-Wall", "-Wextra", "-Werror", program + ".cc", "-o", program + "-cc", *flags,
                      "-Wl,-rpath," + os.path.join(place, "lib")])
    code, text = run([program + "-cc"]) if code == 0 else (code, text)
    tap.row("the same headers build and run from C++", code == 0, text)
    module = os.path.join(place, "share", "hark", "observers", "pg-events.wasm")
    with open(module, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    done = subprocess.run([program, module, "sha256:" + digest], input=EVENT, capture_output=True, text=True,
                          timeout=60)
    if "no WebAssembly engine" in done.stderr:
        tap.skip("observer-host.c runs", "this build has no engine")
        return
    tap.row("observer-host.c runs a module that is installed", done.returncode == 0 and done.stdout.startswith(
        'PgWrite {"event_index":7,') and done.stdout.count("\n") == 1, repr(done))


def check_page_examples(tap, place, folder):
    """The programs that pages of section 3 show, as a reader would copy them."""
    for library in LIBRARIES:
        with open(os.path.join(ROOT, "man", library + ".3.scd"), encoding="utf-8") as f:
            blocks = re.findall(r"```\n(.*?)```", f.read(), re.S)
        source = os.path.join(folder, library + ".3.c")
        with open(source, "w", encoding="utf-8") as f:
            f.write(re.sub(r"\\(.)", r"\1", next(b for b in blocks if "\nmain(" in b)))
        code, text = run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", source, "-o", source[:-2], *unescape(
            pkg_config(place, "--cflags", "--libs", library)), "-Wl,-rpath," + os.path.join(place, "lib")])
        tap.row("the example of %s(3) builds" % library, code == 0, text)
    code, text = run([os.path.join(folder, "hark-observer.3")])
    tap.row("the example of hark-observer(3) runs its module, or says that it has no engine",
            (code == 0 and text.startswith("no error")) or (code == 1 and "no WebAssembly engine" in text), text)


def hear_one(tap, program, folder):
    """It binds, hears one frame, and gives an envelope that a second reader verifies."""
    base = os.path.join(folder, "cell")
    seed = bytes(range(32))
    env = dict(os.environ, **{signed.PREFIX + "ALG": "ed25519", signed.PREFIX + "KID": "k",
                              signed.PREFIX + "ED25519_SK": signed.tobase64(seed)})
    with subprocess.Popen([program, base, "cell-a"], stdin=subprocess.DEVNULL, env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            said = child.stderr.readline()
            tap.row("supervisor.c says that it listens", "listens" in said, said)
            with socket.socket(socket.AF_UNIX) as guest:
                guest.connect(base + "_9001")
                guest.sendall(frames.frame(frames.encode(
                    {"content_version": 1, "probe_source": "process.spawned", "guest_pid": 7,
                     "guest_comm": "sh", "guest_monotonic_ns": 2 ** 64 - 1})))
                line = child.stdout.readline()
        finally:
            child.kill()
    try:
        event = signed.verify(line, {"k": signed.public_key(seed)}, {}, "2026-01-01T00:00:00Z")
        tap.same("its envelope verifies, and its event is stamped",
                 (event["data"]["cellId"], event["data"]["declared"]["guestMonotonicNs"]),
                 ("cell-a", str(2 ** 64 - 1)))
    except signed.Refused as refused:
        tap.row("its envelope verifies, and its event is stamped", False, refused.args[0] + line)


def main():
    tap = Tap()
    # The root's build is left as it was: its prefix is asked back in the end.
    with tempfile.TemporaryDirectory(prefix="hark-i-") as folder:
        try:
            place = check_install(tap, folder)
            check_exports(tap, place)
            check_nothing(tap, place, folder)
            check_static(tap, place, folder)
            check_supervisor(tap, place, folder)
            check_observer_host(tap, place, folder)
            check_page_examples(tap, place, folder)
        finally:
            run(["meson", "configure", "build/meson", "--prefix=/usr/local"], cwd=ROOT)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
