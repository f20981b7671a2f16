# SPDX-License-Identifier: MIT OR Apache-2.0
"""A PostgreSQL of the test's own: a cluster in its folder, a Unix socket and nothing else.

As root it runs as `nobody`, because the server refuses root.
"""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse

LIMIT_S = 60
USER = "hark"


def programs():
    """The folder of initdb and postgres, of the newest version that is here; None."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"),
                   key=lambda path: int(path.split("/")[4]))
    if found:
        return os.path.dirname(found[-1])
    path = shutil.which("initdb")
    return os.path.dirname(os.path.realpath(path)) if path else None


def identity():
    """How Popen becomes somebody whom the server takes."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Server:
    def __init__(self, folder, durable=False):
        self.bin = programs()
        self.folder = folder
        self.data = os.path.join(folder, "data")
        self.child = None
        # Who is killed leaves what it wrote to the kernel: only a power cut needs more.
        self.flags = [] if durable else ["-c", "fsync=off"]
        os.chmod(folder, 0o755)
        who = identity()
        if who:
            os.chown(folder, who["user"], who["group"])
        subprocess.run([os.path.join(self.bin, "initdb"), "-D", self.data, "-U", USER, "-A",
                        "trust", "-E", "UTF8", "--locale=C", "--no-sync"], check=True,
                       stdout=subprocess.DEVNULL, cwd=folder, **who)
        self.start()

    def uri(self, database="postgres", **more):
        query = {"host": self.folder, **more}
        return "postgresql://%s@/%s?%s" % (USER, database, urllib.parse.urlencode(query))

    def start(self):
        """Until it answers.  After a kill it takes a few tries: old children end first."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            with open(os.path.join(self.folder, "log"), "ab") as log:
                self.child = subprocess.Popen(
                    [os.path.join(self.bin, "postgres"), "-D", self.data, "-k", self.folder,
                     "-c", "listen_addresses=", "-c", "max_connections=20", *self.flags],
                    stdout=log, stderr=log, cwd=self.folder, **identity())
            while self.child.poll() is None:
                if self.answers():
                    return
                assert time.monotonic() < deadline, "PostgreSQL does not start"
            assert time.monotonic() < deadline, "PostgreSQL does not start"

    def answers(self):
        return subprocess.run([os.path.join(self.bin, "pg_isready"), "-q", "-h", self.folder],
                              check=False).returncode == 0

    def kill(self):
        """All of it at once, as by a machine that stops."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
            self.child.wait(LIMIT_S)

    def ask(self, sql, database="postgres"):
        """The rows of an answer, each a list of texts; None is NULL."""
        done = subprocess.run(
            [os.path.join(self.bin, "psql"), "-X", "-q", "-A", "-t", "-F", "\x1f", "-R", "\x1e",
             "-P", "null=\x1d", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", USER, database,
             "-c", sql], check=False, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode())
        text = done.stdout.decode()
        text = text[:-1] if text.endswith("\n") else text
        if not text:
            return []
        return [[None if c == "\x1d" else c for c in row.split("\x1f")]
                for row in text.split("\x1e")]


if __name__ == "__main__":
    sys.exit("this file is for tests")
