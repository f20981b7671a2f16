# SPDX-License-Identifier: MIT OR Apache-2.0
"""A PostgreSQL of the test's own: a cluster in its folder and a Unix socket; by TCP where it is told to.

As root it runs as `nobody`, because the server refuses root.
"""
import glob
import os
import pwd
import shutil
import signal
import socket
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
        self.port = 5432                            # of the socket's name, and of TCP
        self.network = ["-c", "listen_addresses="]
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
        query = {"host": self.folder, "port": self.port, **more}
        return "postgresql://%s@/%s?%s" % (USER, database, urllib.parse.urlencode(query))

    def listen(self, certificate=None):
        """Starts anew on 127.0.0.1 too, where a password is asked for, as TCP has it; with TLS where a
        certificate is given: its path, beside which its key is."""
        self.stop()
        with open(os.path.join(self.data, "pg_hba.conf"), "w", encoding="utf-8") as f:
            f.write("local all all trust\n%s all all 127.0.0.1/32 scram-sha-256\n" %
                    ("hostssl" if certificate else "host"))
        # Nobody else gets this port so soon: the kernel gives the next ones first.
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.network = ["-c", "listen_addresses=127.0.0.1", "-c", "password_encryption=scram-sha-256"]
        if certificate:
            self.network += ["-c", "ssl=on", "-c", "ssl_cert_file=" + certificate,
                             "-c", "ssl_key_file=" + certificate.replace(".crt", ".key")]
        self.start()

    def start(self):
        """Until it answers.  After a kill it takes a few tries: old children end first."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            with open(os.path.join(self.folder, "log"), "ab") as log:
                self.child = subprocess.Popen(
                    [os.path.join(self.bin, "postgres"), "-D", self.data, "-k", self.folder,
                     "-p", str(self.port), "-c", "max_connections=20", *self.network, *self.flags],
                    stdout=log, stderr=log, cwd=self.folder, **identity())
            while self.child.poll() is None:
                if self.answers():
                    return
                assert time.monotonic() < deadline, "PostgreSQL does not start"
            assert time.monotonic() < deadline, "PostgreSQL does not start"

    def answers(self):
        return subprocess.run([os.path.join(self.bin, "pg_isready"), "-q", "-h", self.folder,
                               "-p", str(self.port)], check=False).returncode == 0

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
             "-P", "null=\x1d", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", str(self.port),
             "-U", USER, database,
             "-c", sql], check=False, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode())
        text = done.stdout.decode()
        text = text[:-1] if text.endswith("\n") else text
        if not text:
            return []
        return [[None if c == "\x1d" else c for c in row.split("\x1f")]
                for row in text.split("\x1e")]


class Authority:
    """A certificate authority of the test's own, and what it says of the server: `localhost`."""

    def __init__(self, folder, name):
        self.folder = folder
        self.certificate = self.path(name, "crt")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-days", "2", "-subj", "/CN=" + name, "-keyout", self.path(name, "key"),
                     "-out", self.certificate)
        self.key = self.path(name, "key")

    def path(self, name, end):
        return os.path.join(self.folder, "%s.%s" % (name, end))

    def openssl(self, *words):
        done = subprocess.run(["openssl", *words], check=False, capture_output=True, cwd=self.folder)
        assert done.returncode == 0, done.stderr.decode()

    def server(self, name="server"):
        request, extra = self.path(name, "csr"), self.path(name, "ext")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", "/CN=localhost", "-keyout", self.path(name, "key"), "-out", request)
        with open(extra, "w", encoding="utf-8") as f:
            f.write("subjectAltName=DNS:localhost\n")
        self.openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                     "-CAcreateserial", "-days", "2", "-extfile", extra, "-out", self.path(name, "crt"))
        os.chmod(self.path(name, "key"), 0o600)
        who = identity()
        if who:
            os.chown(self.path(name, "key"), who["user"], who["group"])
        return self.path(name, "crt")


if __name__ == "__main__":
    sys.exit("this file is for tests")
