# SPDX-License-Identifier: MIT OR Apache-2.0
"""A real guest: QEMU without KVM, Debian's kernel, an initramfs of our own, and vhost-device-vsock
between the guest's AF_VSOCK and the Unix socket of whoever listens on the host.
"""
import gzip
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BIN = os.path.abspath(os.environ.get("HARK_BIN", "build/bin"))
CACHE = os.path.join(os.environ.get("HARK_CACHE") or os.path.expanduser("~/.cache/hark"), "vm")
KERNEL = os.path.join(CACHE, "kernel")
DEVICE = os.path.join(CACHE, "cargo", "bin", "vhost-device-vsock")
LIMIT_S = 90            # an emulated guest on a busy machine boots in 3 to 20 s

# Process 1.  The work before the agent's start is not the agent's to report.
INIT = """#!/bin/sh
/bin/busybox mkdir -p /proc /dev /sys /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for m in %(modules)s; do /bin/busybox insmod /modules/$m || echo "insmod $m failed"; done
echo "boot_id $(/bin/busybox cat /proc/sys/kernel/random/boot_id)"
%(start)s
"""
# As a child of process 1, which outlives it and turns the machine off.
CHILD = """%(agent)s
code=$?
read -r up rest </proc/uptime
echo "agent ended with $code at $up"
/bin/busybox poweroff -f"""
FIRST = "exec %(agent)s"


def equal(got, want, what):
    if got != want:
        raise AssertionError("%s: got %r, want %r" % (what, got, want))


def true(value, what):
    if not value:
        raise AssertionError(what)


def cpio(files):
    """A `newc` archive of (name, mode, content)."""
    out = []
    for number, (name, mode, content) in enumerate(files + [("TRAILER!!!", 0, b"")], 1):
        raw = name.encode() + b"\0"
        head = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0]
        entry = b"070701" + b"".join(b"%08X" % n for n in head) + raw
        entry += bytes(-len(entry) % 4)
        out.append(entry + content + bytes(-len(content) % 4))
    return b"".join(out)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def initramfs(work, options, first, before):
    """What the guest runs: `work` is the workload's script, `before` the lines before the agent."""
    modules = read(os.path.join(KERNEL, "modules")).decode().split()
    agent = "/bin/hark-agent %s -- /bin/work" % options
    start = before + "\n" + (FIRST if first else CHILD) % {"agent": agent}
    files = [(name, 0o40755, b"") for name in ("bin", "modules", "dev")]
    files += [("dev/console", 0o20600, b"")]
    files += [("modules/" + m, 0o100644, read(os.path.join(KERNEL, m))) for m in modules]
    files += [("bin/busybox", 0o100755, read(shutil.which("busybox"))),
              ("bin/hark-agent", 0o100755, read(os.path.join(BIN, "hark-agent"))),
              ("bin/work", 0o100755, b"#!/bin/sh\n" + work.encode() + b"\n"),
              ("init", 0o100755, (INIT % {"modules": " ".join(modules), "start": start}).encode())]
    files += [("bin/" + name, 0o120777, b"busybox") for name in ("sh", "true", "cat", "sleep")]
    return gzip.compress(cpio(files), 1)


class Lines:
    """The lines that come over a pipe, and waiting for one that says a thing."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.rest = b""
        self.ended = False
        self.all = []

    def take(self, limit_s):
        if self.ended or not select.select([self.pipe], [], [], max(0, limit_s))[0]:
            return
        got = os.read(self.pipe.fileno(), 1 << 16)
        self.ended = not got
        *whole, self.rest = (self.rest + got).split(b"\n")
        self.all += whole

    def until(self, fact, what, limit_s=LIMIT_S):
        end = time.monotonic() + limit_s
        while not fact(self.all):
            if self.ended or time.monotonic() > end:
                tail = b"\n".join(self.all[-6:]).decode("utf-8", "replace")
                raise AssertionError("%s did not come; the last lines were:\n%s" % (what, tail))
            self.take(min(1, end - time.monotonic()))


class Machine:
    """A folder, and the processes that a test starts in it; paths are short because they are
    relative to it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="hark-vm-")
        self.children = []

    def start(self, argv, **more):
        p = subprocess.Popen(argv, cwd=self.dir, stdin=subprocess.DEVNULL, **more)
        self.children.append(p)
        return p

    def path(self, name):
        return os.path.join(self.dir, name)

    def device(self, *names):
        """One process for all guests; a group for each, or they could speak to one another."""
        argv = [DEVICE]
        for cid, name in enumerate(names, 3):
            argv += ["--vm", "guest-cid=%d,socket=%s.vhu,uds-path=%s.sock,groups=only-%s"
                     % (cid, name, name, name)]
        with open(self.path("device.log"), "wb") as log:
            p = self.start(argv, stdout=log, stderr=log)
        self.wait(lambda: all(os.path.exists(self.path(n + ".vhu")) for n in names),
                  "vhost-device-vsock's sockets", p)

    def image(self, name, work, options="", first=False, before="", reboots=False):
        """Writes what the guest will run; gives the command that boots it.  Without reboots a
        guest's restart is QEMU's end."""
        with open(self.path(name + ".initramfs"), "wb") as f:
            f.write(initramfs(work, options, first, before))
        return ["qemu-system-x86_64", "-M", "q35,memory-backend=mem0",
                "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", "128M",
                "-object", "memory-backend-memfd,id=mem0,size=128M,share=on",
                "-nodefaults", "-no-user-config", "-display", "none",
                "-serial", "file:%s.console" % name, *([] if reboots else ["-no-reboot"]),
                "-kernel", os.path.join(KERNEL, "vmlinuz"), "-initrd", name + ".initramfs",
                "-append", "console=ttyS0 quiet no_timer_check panic=-1 reboot=t",
                "-chardev", "socket,id=vc0,path=%s.vhu" % name,
                "-device", "vhost-user-vsock-pci,chardev=vc0",
                "-qmp", "unix:%s.qmp,server=on,wait=off" % name]

    def boot(self, name, *what, **more):
        argv = self.image(name, *what, **more)
        with open(self.path(name + ".qemu"), "wb") as log:
            return self.start(argv, stdout=log, stderr=log)

    def console(self, name):
        try:
            return read(self.path(name + ".console")).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def word_after(self, name, word):
        """What a guest's console says behind a word."""
        words = self.console(name).split()
        return words[words.index(word) + 1]

    def boot_id(self, name):
        return self.word_after(name, "boot_id")

    def wait(self, fact, what, process, limit_s=LIMIT_S):
        """For facts that no descriptor tells of."""
        end = time.monotonic() + limit_s
        while not fact():
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(what + " did not come")
            select.select([], [], [], 0.02)

    def qmp(self, name, *commands):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(LIMIT_S)
            here = os.open(self.dir, os.O_PATH)
            try:
                s.connect("/proc/self/fd/%d/%s.qmp" % (here, name))
            finally:
                os.close(here)
            with s.makefile("rw", encoding="utf-8") as f:
                for command in ("qmp_capabilities",) + commands:
                    f.write(json.dumps({"execute": command}) + "\n")
                    f.flush()
                    answer = {}
                    while "return" not in answer:
                        answer = json.loads(f.readline())
                        true("error" not in answer, "QMP %s: %r" % (command, answer))

    def trouble(self):
        """What the guests and their machine said, for a test that failed."""
        out = []
        for name in sorted(os.listdir(self.dir)):
            if name.endswith((".console", ".qemu", ".log")):
                tail = read(self.path(name))[-1500:].decode("utf-8", "replace")
                out.append("%s:\n%s" % (name, tail))
        return "\n".join(out)

    def close(self):
        for p in reversed(self.children):
            if p.poll() is None:
                p.kill()
            p.wait()
            for pipe in (p.stdout, p.stderr):
                if pipe:
                    pipe.close()
        shutil.rmtree(self.dir)
