# SPDX-License-Identifier: MIT OR Apache-2.0
"""The suites: which programs each one runs, and what must be built before.

A suite is a function from Options to a list of jobs.  It is called when what it stands on has been
built, because what there is to run is asked of the build and never listed twice.
"""
import glob
import json
import os
import shutil
import subprocess
import sys

from .job import Job

# Seconds of fuzzing for each target, and the time in which tests/fuzz/run lets a twin be found.
FUZZ_S, FUZZ_LONG_S, TWIN_S = 5, 120, 60
PYTHON = sys.executable


class Options:
    def __init__(self, root, long=False, jobs=2):
        self.root = root
        self.long = long
        self.jobs = jobs

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def bin(self):
        return {"HARK_ROOT": self.root, "HARK_BIN": self.path("build", "bin"),
                "HARK_LONG": "1" if self.long else ""}


def configure(folder, compiler, *settings):
    """A shell line that sets a build folder up once, and again where its options have changed."""
    wanted = " ".join((compiler,) + settings)
    return ('test -f "{0}/build.ninja" && test "$(cat "{0}/.hark" 2>/dev/null)" = "{1}" || '
            '{{ rm -rf "{0}"; CC={2} meson setup "{0}" --prefix=/usr/local --libdir=lib {3} && '
            'printf %s "{1}" >"{0}/.hark"; }}').format(folder, wanted, compiler,
                                                       " ".join(settings))


def build_job(suite, name, folder, compiler, settings, options, after=(), target="all"):
    line = configure(folder, compiler, *settings) + " && ninja -C %s -j %d %s" % (
        folder, options.jobs, target)
    return Job(suite, name, ["sh", "-euc", line], kind="plain", timeout_s=900, after=after,
               weight=options.jobs)


# What the suites stand on.  "build" is what `make` builds: libraries, programs, the static agent.
BUILDS = {
    "build": lambda o: Job("build", "make all (cc, warnings are errors)",
                           ["make", "--no-print-directory", "all"], kind="plain", timeout_s=900,
                           weight=o.jobs),
    "clang": lambda o: build_job("clang", "everything builds with clang, warnings are errors",
                                 "build/clang", "clang", ["-Dbuildtype=debugoptimized"], o),
    "asan": lambda o: build_job("asan", "everything builds under ASan and UBSan", "build/asan",
                                "clang", ["-Db_sanitize=address,undefined", "-Db_lundef=false"],
                                o),
    "noengine": lambda o: Job("noengine", "everything but tests builds without an engine",
                              ["sh", "-euc", configure("build/noengine", "cc", "-Dwasm=off",
                                                       "-Dtests=false") +
                               " && ninja -C build/noengine -j %d && tools/stage build/noengine "
                               "build/musl build/noengine/stage" % o.jobs],
                              kind="plain", timeout_s=900, weight=o.jobs),
    "fuzz": lambda o: build_job("fuzz", "the fuzz targets build", "build/fuzz", "clang",
                                ["-Dfuzz=true", "-Dtests=false", "-Db_lundef=false"], o,
                                target="fuzz-all"),
}

ASAN = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


def unit_jobs(suite, folder, options, env):
    """One job for each program that the build has registered as a test."""
    text = subprocess.run(["meson", "introspect", "--tests", folder], cwd=options.root, check=True,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    jobs = []
    for test in json.loads(text):
        jobs.append(Job(suite, test["name"], test["cmd"], timeout_s=test["timeout"] or 120,
                        env={**options.bin(), **test["env"], **env}, cwd=test["workdir"]))
    return jobs


def unit(options):
    return unit_jobs("unit", "build/meson", options, {})


def clang(options):
    return []


def asan(options):
    damaged = Job("asan", "41-verify-damaged.py",
                  [PYTHON, options.path("tests", "system", "41-verify-damaged.py")], timeout_s=600,
                  env={**options.bin(), **ASAN, "HARK_BIN": options.path("build", "asan",
                                                                         "programs")})
    # Below their filters there is neither a symbolizer nor a look for leaks.
    confined = {**ASAN, "ASAN_OPTIONS": "detect_leaks=0:symbolize=0:allocator_may_return_null=1"}
    replay = Job("asan", "88-replay.py",
                 [PYTHON, options.path("tests", "system", "88-replay.py")], timeout_s=1800,
                 env={**options.bin(), **confined, "HARK_BIN": options.path("build", "asan", "programs"),
                      "HARK_REPLAY": options.path("build", "asan", "tests", "tools", "notary-replay")})
    return unit_jobs("asan", "build/asan", options, ASAN) + [damaged] + [replay] * options.long


def fuzz(options):
    """Each fuzz-<name> over tests/fuzz/corpus/<name>/, together with fuzz-<name>-twin, whose planted
    fault must be found; one result for the pair."""
    seconds = FUZZ_LONG_S if options.long else FUZZ_S
    folder = options.path("build", "fuzz", "tests", "fuzz")
    jobs = []
    for program in sorted(glob.glob(os.path.join(folder, "fuzz-*"))):
        name = program_name(program)[len("fuzz-"):]
        if os.path.isdir(program) or name.endswith("-twin"):
            continue
        jobs.append(Job("fuzz", program_name(program) + " and its twin",
                        [options.path("tests", "fuzz", "run"), str(seconds), program,
                         program + "-twin", options.path("tests", "fuzz", "corpus", name)],
                        kind="plain", timeout_s=seconds + TWIN_S + 60, env=ASAN))
    return jobs or [Job("fuzz", "there is a target", ["false"], kind="plain")]


def program_name(path):
    return os.path.basename(path)


def ref(options):
    files = sorted(glob.glob(options.path("tests", "ref", "check_*.py")))
    return [Job("ref", program_name(f), [PYTHON, f], timeout_s=240,
                env={**options.bin(), "HARK_BUILD": options.path("build", "meson")})
            for f in files]


def system(options):
    jobs = []
    for f in sorted(glob.glob(options.path("tests", "system", "*.bats"))):
        jobs.append(Job("system", program_name(f), ["bats", "--tap", f], timeout_s=300,
                        env=options.bin()))
    for f in sorted(glob.glob(options.path("tests", "system", "*.py"))):
        with open(f, encoding="utf-8") as text:
            if not text.readline().startswith("#!"):
                continue        # a helper of the others, not a test
        jobs.append(Job("system", program_name(f), [PYTHON, f], timeout_s=300, env=options.bin()))
    return sorted(jobs, key=lambda job: job.name)


def campaign(options):
    """Hundreds of kills take minutes of waiting and little of the processors."""
    return [Job("campaign", name, [PYTHON, options.path("tests", "campaign", name)],
                timeout_s=5400 if options.long else 900, env=options.bin())
            for name in ("kills.py", "observers.py")]


def crates(options):
    return [Job("crates", "published crates", [PYTHON, options.path("tests", "crates", "check.py")],
                timeout_s=900, env=options.bin())]


def go(options):
    return [Job("go", "Go's note and tlog packages",
                [PYTHON, options.path("tests", "go", "check.py")], timeout_s=600,
                env={**options.bin(), "HARK_BUILD": options.path("build", "meson")})]


def vm(options):
    """Real guests: they take all processors, so nothing else runs beside them."""
    return [Job("vm", name, [PYTHON, options.path("tests", "vm", name)], timeout_s=1800,
                env=options.bin(), weight=options.jobs) for name in ("guest.py", "harkd.py")]


def install(options):
    return [Job("install", "installed tree",
                [PYTHON, options.path("tests", "install", "check.py")], timeout_s=300,
                env=options.bin())]


def observers(options):
    return [Job("observers", name, [PYTHON, options.path("tests", "observers", script)],
                timeout_s=300, env=options.bin())
            for name, script in (("modules and examples", "check.py"),
                                 ("the tutorial", "tutorial.py"))]


def noengine(options):
    env = {**options.bin(), "HARK_BIN": options.path("build", "noengine", "stage", "bin"),
           "HARK_ENGINE": "none"}
    return [Job("noengine", name, [PYTHON, options.path("tests", "system", name)], timeout_s=300,
                env=env) for name in ("80-observer.py", "84-observers.py")]


def lint(options):
    jobs = []
    for f in sorted(glob.glob(options.path("tests", "lint", "*.py"))):
        # Minutes of one core alone: a limit against what never ends, not against a busy machine.
        jobs.append(Job("lint", program_name(f), [PYTHON, f],
                        timeout_s=5400 if options.long else 1500, env=options.bin()))
    for f in sorted(glob.glob(options.path("tools", "check-*"))):
        name = program_name(f)
        jobs.append(Job("lint", name, [PYTHON, f], kind="plain", timeout_s=180,
                        env=options.bin()))
        jobs.append(Job("lint", name + " refuses broken samples", [PYTHON, f, "--selftest"],
                        kind="tap", timeout_s=180, env=options.bin()))
    runner = options.path("tests", "runner", "selftest.py")
    jobs.append(Job("lint", "the test runner itself", [PYTHON, runner], timeout_s=120))
    return jobs


# Name, what it stands on, and the function.  The order is the order of the report.
SUITES = [
    ("build", ["build"], lambda options: []),
    ("unit", ["build"], unit),
    ("ref", ["build"], ref),
    ("system", ["build"], system),
    ("install", ["build"], install),
    ("observers", ["build"], observers),
    ("noengine", ["build", "noengine"], noengine),
    ("clang", ["clang"], clang),
    ("asan", ["asan"], asan),
    ("lint", ["build", "clang"], lint),
    ("fuzz", ["fuzz"], fuzz),
    ("campaign", ["build"], campaign),
    ("crates", ["build"], crates),
    ("go", ["build"], go),
    ("vm", ["build"], vm),
]

# What runs with --long, or when it is asked for by its name.
LONG_ONLY = ("vm", "noengine")


def programs_missing(names):
    return [name for name in names if not shutil.which(name)]
