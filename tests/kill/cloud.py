# SPDX-License-Identifier: Apache-2.0
"""One simulator, asked over its own admin requests, and one home for each run of gpucloud."""
import json
import os
import pathlib
import shutil
import sqlite3
import ssl
import subprocess
import tempfile
import time
import urllib.request

from clouds import CLOUD

PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "UBSAN_OPTIONS")
TIMEOUT_S = 180
ENDING = ("terminated", "shutting-down")
NEIGHBOUR = "neighbour"


class Broken(Exception):
    """The harness itself cannot go on."""


def program(variable):
    path = os.environ.get(variable, "")
    if not os.access(path, os.X_OK):
        raise Broken(f"{variable} must name the program to test (is: {path!r})")
    return os.path.abspath(path)


def scratch():
    """In memory where that is possible: thousands of syncs would only wear the disk."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return pathlib.Path(tempfile.mkdtemp(prefix="gpucloud-kill-", dir=base))


def clean_env(folder):
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    # What is killed cannot tell leaks; a traced process could not either.
    env.update(LANG="C.UTF-8", TERM="dumb", HOME=str(folder),
               ASAN_OPTIONS="detect_leaks=0:abort_on_error=0:exitcode=99",
               AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE=os.devnull,
               AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    return env


class Simulator:
    """Restarted now and then: what it ever made stays in its ledger, and would slow it down."""

    def __init__(self, folder, machines="none", plain=False, boot_ms=1):
        self.bin = program("GPUCLOUD_SIM_BIN")
        self.folder = pathlib.Path(folder)
        self.args = ["--machines", machines, "--boot-ms", str(boot_ms), "--seed", "7"]
        if plain:
            self.args.append("--plain-http")
        self.env = dict(clean_env(folder), GPUCLOUD_SIMULATOR_DIR=str(self.folder))
        self.runs = 0
        self.facts = None

    def run(self, *args):
        done = subprocess.run([self.bin, *args], env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=TIMEOUT_S)
        if done.returncode:
            raise Broken(f"gpucloud-sim {args[0]}: {done.stderr}")
        return done.stdout

    def start(self):
        self.run("start", "--detach", *self.args)
        self.facts = json.loads((self.folder / "sim.json").read_text())
        tls = self.facts["endpoint"].startswith("https:")
        self.context = ssl.create_default_context(cafile=self.facts["ca_bundle"]) if tls else None
        self.runs = 0
        neighbour = Home(self, NEIGHBOUR)
        try:
            neighbour.ok("--yes", "launch", "--name", "theirs", "--type", CLOUD.type, "--wait",
                         "accepted")
        finally:
            neighbour.close()
        return self

    def neighbour_lives(self):
        """Somebody else's instance in the same account: nothing we do may end it."""
        return len(billing(self.ledger(NEIGHBOUR))) == 1

    def stop(self):
        if self.facts:
            self.facts = None
            self.run("stop")

    def fresh(self, most=100):
        """Ready for one more run."""
        self.runs += 1
        if self.runs > most:
            self.stop()
            self.start()

    def ask(self, path, body=None):
        request = urllib.request.Request(
            self.facts["endpoint"] + "/_sim/" + path,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": "Bearer " + self.facts["admin_token"]})
        with urllib.request.urlopen(request, context=self.context, timeout=60) as reply:
            return json.loads(reply.read())

    def fault(self, **fault):
        self.ask("fault", fault)

    def ledger(self, owner):
        """Everything ever made for that owner, as the cloud itself knows it."""
        return [r for r in map(CLOUD.resource, self.ask("state")["resources"])
                if CLOUD.is_of(r, owner)]


class Home:
    """A computer of its own: nothing is shared with the run before but the cloud."""

    def __init__(self, sim, owner, sim_folder=None):
        self.bin = program("GPUCLOUD_BIN")
        self.sim, self.owner = sim, owner
        self.folder = scratch()
        self.env = dict(clean_env(self.folder), GPUCLOUD_OWNER=owner, GPUCLOUD_PROFILE="sim",
                        GPUCLOUD_PROVIDER=CLOUD.name, **CLOUD.env,
                        GPUCLOUD_SIMULATOR_DIR=str(sim_folder or sim.folder))
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            self.env[f"XDG_{name}_HOME"] = str(self.folder / name.lower())
            (self.folder / name.lower()).mkdir(mode=0o700)
        self.journal = self.folder / "state" / "gpucloud" / "journal.db"

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *args, before=(), env=None):
        """gpucloud with those arguments; `before`: what it is started by."""
        return subprocess.run([*before, self.bin, *args], env={**self.env, **(env or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=TIMEOUT_S)

    def ok(self, *args):
        done = self.run(*args)
        if done.returncode:
            raise Broken(f"gpucloud {' '.join(args)}: exit {done.returncode}: {done.stderr}")
        return done

    def ledger(self):
        return self.sim.ledger(self.owner)

    def age(self, seconds=1000):
        """As if so much time had passed since everything on this disk."""
        if self.journal.exists():
            db = sqlite3.connect(self.journal, timeout=10)
            try:
                with db:
                    db.execute("UPDATE step SET began = began - ?", (seconds,))
                    db.execute("UPDATE launch SET began = began - ?", (seconds,))
            except sqlite3.OperationalError as e:
                if "no such table" not in str(e):
                    raise
            finally:
                db.close()
        then = time.time() - seconds
        for seed in self.seeds():
            os.utime(seed, (then, then))

    def open_launches(self):
        if not self.journal.exists():
            return []
        db = sqlite3.connect(self.journal, timeout=10)
        try:
            return [row[0] for row in db.execute("SELECT id FROM launch WHERE state = 0")]
        except sqlite3.OperationalError:
            return []
        finally:
            db.close()

    def labels(self, launch):
        """What the journal keeps as tags of that launch."""
        db = sqlite3.connect(self.journal, timeout=10)
        try:
            return dict(db.execute("SELECT key, value FROM label WHERE launch = ?", (launch,)))
        finally:
            db.close()

    def seeds(self):
        """Private host keys that lie around."""
        folder = self.journal.parent / "hostkeys"
        return sorted(folder.iterdir()) if folder.exists() else []


def alive(ledger, kind="instance"):
    return [r for r in ledger if r["kind"] == kind and not r["ended"]]


def billing(ledger):
    """What costs money, or soon will; one that is shutting down does neither."""
    return [r for r in alive(ledger) if r["state"] not in ENDING]
