#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The real, confined hark-projector at a real PostgreSQL by TCP: a password, TLS with an authority of the
test's own, what is refused of them; and a whole harkd, of which nothing says the password.

Prints TAP.  Nothing here waits for anything but an answer or an end.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import postgresql                                   # noqa: E402
import projector                                    # noqa: E402  (it finds tests/ref)
from daemon import BIN, Harkd, wait_for             # noqa: E402
from projector import PG                            # noqa: E402
from tapout import Tap                              # noqa: E402

# Where there is no network nobody waits long for it.
os.environ["RES_OPTIONS"] = "timeout:1 attempts:1"
USER = "sec"
PASSWORD = "sesame@open/100%"
SHOWN = (PASSWORD, urllib.parse.quote(PASSWORD, ""), "sesame")


class World:
    def __init__(self, tap, folder):
        self.tap = tap
        self.folder = folder
        os.mkdir(os.path.join(folder, "server"))
        os.mkdir(os.path.join(folder, "projector"))
        self.server = postgresql.Server(os.path.join(folder, "server"))
        self.server.ask("CREATE ROLE %s LOGIN PASSWORD '%s' SUPERUSER" % (USER, PASSWORD))
        self.authority = postgresql.Authority(folder, "authority")
        self.other = postgresql.Authority(folder, "other")
        self.certificate = self.authority.server()
        self.said = ""
        self.count = 0

    def uri(self, host="localhost", password=PASSWORD, port=None, **query):
        who = USER + (":" + urllib.parse.quote(password, "") if password else "")
        return "postgresql://%s@%s:%d/postgres?%s" % (who, host, port or self.server.port,
                                                     urllib.parse.urlencode(query))

    def start(self, uri):
        self.count += 1
        p = projector.Projector(os.path.join(self.folder, "projector"), observer="o%d" % self.count,
                                PROJECTION=uri, TOKENS=1 << PG, TABLE="kept",
                                CREATE="CREATE TABLE kept (n BIGINT, who TEXT)")
        with open("/proc/%d/cmdline" % p.child.pid, encoding="utf-8") as f:
            self.said += f.read()
        return p

    def end(self, p):
        self.said += repr(p.states) + repr(p.stop())

    def works(self, what, uri, tls):
        p = self.start(uri)
        self.tap.same(what + ": it is ready, with all of its confinement", p.first, ("READY", {}))
        p.begin()
        p.batch(1, [(PG, json.dumps({"n": self.count}).encode())])
        self.tap.same(what + ": its row is there, and TLS is " + tls, self.server.ask(
            "SELECT who, (SELECT coalesce(s.version, 'none') FROM pg_stat_ssl s JOIN pg_stat_activity a "
            "USING (pid) WHERE a.application_name = 'hark-projector') FROM kept WHERE n = %d" %
            self.count), [[None, tls]])
        self.end(p)

    def refused(self, what, uri, *words, code=75):
        """Nothing is sent, and the state says why, for as long as it is so."""
        p = self.start(uri)
        first = p.first if p.first[0] != "READY" else p.hear_harkd()
        text = first[1].get("TEXT", "")
        self.tap.row("refused: %s" % what, (first[1].get("STATE") == "away" or first[1].get("CODE") == code)
                     and all(word in text for word in words), first)
        self.said += repr(first)
        if first[0] == "FAILED":
            self.said += repr(p.wait())
        else:
            self.end(p)


def by_tls(w):
    w.server.listen(w.certificate)
    right, wrong = w.authority.certificate, w.other.certificate
    w.works("verify-full", w.uri(sslmode="verify-full", sslrootcert=right), "TLSv1.3")
    w.works("an older TLS", w.uri(sslmode="verify-full", sslrootcert=right,
                                  ssl_max_protocol_version="TLSv1.2"), "TLSv1.2")
    passfile = os.path.join(w.folder, "passfile")
    with open(passfile, "w", encoding="utf-8") as f:
        f.write("localhost:%d:*:%s:%s\n" % (w.server.port, USER, PASSWORD))
    os.chmod(passfile, 0o600)
    if os.geteuid() == 0:
        os.chown(passfile, projector.NOBODY, projector.NOBODY)
    w.works("a password in a file", w.uri(password=None, passfile=passfile, sslmode="verify-full",
                                          sslrootcert=right), "TLSv1.3")
    w.works("the second of two hosts", w.uri(host="127.0.0.1:1,localhost", sslmode="verify-full",
                                             sslrootcert=right), "TLSv1.3")
    w.refused("another authority", w.uri(sslmode="verify-full", sslrootcert=wrong),
              "certificate verify failed")
    w.refused("another name", w.uri(host="127.0.0.1", sslmode="verify-full", sslrootcert=right),
              "does not match host name")
    w.refused("an authority that is not there", w.uri(sslmode="verify-full", sslrootcert=right + "x"),
              "does not exist")
    w.refused("without TLS", w.uri(sslmode="disable"), "no pg_hba.conf entry")
    w.refused("another password", w.uri(password="sesame-not", sslmode="require"),
              "password authentication failed for user")
    w.refused("no password", w.uri(password=None, sslmode="require"), "no password supplied")
    w.refused("nobody listens", w.uri(port=1), "Connection refused")
    w.refused("a URI that cannot be read", w.uri() + "%zz", "no URI", code=78)
    w.refused("a service", w.uri(service="x"), "service", code=78)
    w.refused("a host that nobody knows", w.uri(host="no.such.host.invalid"), "no.such.host.invalid")


def away_and_back(w):
    p = w.start(w.uri(sslmode="verify-full", sslrootcert=w.authority.certificate))
    p.begin()
    p.batch(1, [(PG, b'{"n":1000}')])
    w.server.kill()
    p.send(1, 2, [(PG, b'{"n":1001}')])
    state = p.wait_state("away")
    w.server.start()
    w.tap.same("the server is killed and comes back: the batch", p.hear("COMMITTED"), 2)
    w.tap.same("is there once", w.server.ask("SELECT n FROM kept WHERE n >= 1000 ORDER BY n"),
               [["1000"], ["1001"]])
    w.tap.row("and it was said why", "PostgreSQL: " in state["TEXT"], state)
    w.end(p)


def without_tls(w):
    w.server.listen()
    w.works("plain TCP, as the URI allows", w.uri(), "none")
    w.refused("a server that has no TLS", w.uri(sslmode="require"), "server does not support SSL")
    w.refused("the same, with an authority", w.uri(sslmode="verify-full",
                                                   sslrootcert=w.authority.certificate),
              "server does not support SSL")


CONFIG = """data: {data}
run: {run}
observers:
  - name: events
    module: %s
    digest: %s
    engine: noop
    grants: [PgWrite]
    projection: %s
    pg: {{table: kept}}
"""


def module_of(w):
    """The path and digest of a module that does nothing."""
    path = os.path.join(w.folder, "nothing.wasm")
    with open(path, "wb") as f:
        f.write(b"\0asm\1\0\0\0")
    with open(path, "rb") as f:
        return path, "sha256:" + hashlib.sha256(f.read()).hexdigest()


def unknown_host(w):
    """harkd says why."""
    config = CONFIG % (*module_of(w), "postgresql://no.such.host.invalid/db")
    with Harkd(config=config) as d:
        d.start()

        def observer():
            done = subprocess.run([os.path.join(BIN, "hark"), "observer", "ls", "--json"], check=True,
                                  capture_output=True, text=True,
                                  env={**os.environ, "HARK_CONTROL": d.socket})
            return json.loads(done.stdout)

        o = wait_for(lambda: observer()["state"] == "away" and observer(), "it is away")
        w.tap.row("a host that nobody knows is named, as a database that is away",
                  "\"no.such.host.invalid\" is not found" in o["text"], o)
        d.stop()


def whole(w):
    """Nothing that people see of a daemon, and nothing that it keeps for others, has the password."""
    w.server.listen(w.certificate)
    uri = w.uri(sslmode="verify-full", sslrootcert=w.authority.certificate)
    with Harkd(config=CONFIG % (*module_of(w), uri)) as d:
        d.command()
        os.chmod(os.path.join(d.dir, "hark.yaml"), 0o600)

        def hark(*words):
            done = subprocess.run([os.path.join(BIN, "hark"), *words], check=False, capture_output=True,
                                  text=True, env={**os.environ, "HARK_CONTROL": d.socket})
            return done.stdout + done.stderr

        def state():
            return json.loads(hark("observer", "ls", "--json"))["state"]

        def all_of_it():
            out = d.err()
            for words in (["observer", "show", "events"], ["observer", "ls"], ["status"],
                          ["tail", "--ledger", "operations"], ["tail"]):
                out += hark(*words) + hark(*words, "--json")
            _, items, _ = d.ask("ASK_STATUS")
            for pid in [d.process.pid] + [f["PID"] for name, f in items if name == "ITEM_ROLE"]:
                for part in ("cmdline", "comm"):
                    with open("/proc/%d/%s" % (pid, part), encoding="utf-8") as f:
                        out += f.read()
            for folder, _, files in os.walk(os.path.join(d.data, "operations")):
                for name in files:
                    with open(os.path.join(folder, name), "rb") as f:
                        out += f.read().decode("utf-8", "replace")
            return out

        d.start()
        wait_for(lambda: state() == "running", "it runs: " + hark("observer", "ls", "--json"))
        out = all_of_it()
        w.server.ask("ALTER ROLE %s PASSWORD 'another'" % USER)
        d.kill_role("projector", "events")
        wait_for(lambda: state() == "away", "it is away")
        shown = hark("observer", "show", "events")
        out += all_of_it()
        d.stop()
        out += d.err()
        w.server.ask("ALTER ROLE %s PASSWORD '%s'" % (USER, PASSWORD))
        w.tap.row("hark observer show says why it is away", "password authentication failed" in shown, shown)
        w.tap.row("a manifest is shown without its password", "%s:***@localhost" % USER in out, out[:3000])
        w.tap.same("no word of harkd, its ledger or its processes has the password",
                   [word for word in SHOWN if word in out], [])


def main():
    tap = Tap()
    if postgresql.programs() is None or shutil.which("openssl") is None:
        tap.skip("PostgreSQL by TCP", "PostgreSQL or openssl is not installed")
        return tap.end()
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    w = World(tap, folder)
    try:
        by_tls(w)
        away_and_back(w)
        without_tls(w)
        tap.same("no word of a projector, and no command line, has the password",
                 [word for word in SHOWN if word in w.said.replace("sesame-not", "")], [])
        whole(w)
        unknown_host(w)
    finally:
        w.server.stop()
        shutil.rmtree(folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
