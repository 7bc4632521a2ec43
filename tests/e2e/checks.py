# SPDX-License-Identifier: Apache-2.0
"""What every test of the command line looks at: exit codes, streams, shapes of JSON, leftovers."""
import json
import re
import signal
import subprocess

from conftest import program, wait_until

MONEY = re.compile(r"\d+\.\d{4,6}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehavior")
SANITIZER_EXIT = 99  # by ASAN_OPTIONS of the test run

MONEY_KEYS = {"price_now", "p95", "on_demand", "max_price", "usd_per_hour", "usd_total",
              "on_demand_per_hour", "on_demand_total", "spot", "last", "min", "median", "mean",
              "max", "std", "bid", "paid_under_bid"}
TIME_KEYS = {"launched", "ended", "since", "until", "on_demand_as_of", "spot_since", "began"}


def sane(done):
    """No sanitizer spoke, and no signal ended it."""
    assert not SANITIZER.search(done.stderr), done.stderr
    assert done.returncode not in (SANITIZER_EXIT,) and done.returncode >= 0, done.stderr
    return done


def expect(done, code, *texts):
    """It ended with that code; an error is one line on stderr that holds each of texts."""
    sane(done)
    assert done.returncode == code, f"exit {done.returncode}: {done.stdout}\n{done.stderr}"
    if code in (0, 8):
        return done
    errors = [line for line in done.stderr.splitlines() if line.startswith("gpucloud: ")]
    assert len(errors) == 1, done.stderr
    said = done.stderr[done.stderr.index(errors[0]):]
    for text in texts:
        assert text in said, f"{text!r} is not in: {said}"
    return done


def check_shapes(value, key=""):
    """Money is a string, times are RFC 3339 in UTC, wherever they stand."""
    if isinstance(value, dict):
        for name, inner in value.items():
            check_shapes(inner, name)
    elif isinstance(value, list):
        for inner in value:
            check_shapes(inner, key)
    elif key in MONEY_KEYS and not isinstance(value, bool):
        assert value is None or MONEY.fullmatch(value), (key, value)
    elif key in TIME_KEYS:
        assert value is None or TIME.fullmatch(value), (key, value)


def one_object(text):
    value = json.loads(text)
    assert value["schema_version"] == 1
    check_shapes(value)
    return value


def reachable(args):
    """Most tests launch what has no inside: they wait until it runs, and log in nowhere."""
    if "launch" not in args or "--dry-run" in args or any(
            a in ("-w", "-h", "--help", "--user-data") or a.startswith("--wait") for a in args):
        return args
    return (*args, "--wait", "running")


def json_lines(text):
    """JSON Lines of a long command: each typed, the last a summary."""
    values = [json.loads(line) for line in text.splitlines()]
    assert all(value["schema_version"] == 1 and value["message_type"] for value in values)
    check_shapes(values)
    return values


def exit_error(done):
    """The closing line of a failed command with --json."""
    value = json.loads(done.stderr.splitlines()[-1])
    assert value["message_type"] == "exit_error" and value["code"] == done.returncode
    return value


class Client:
    """gpucloud with a home of its own, pointed at one simulator by its built-in profile."""

    def __init__(self, env, sim, owner="tester"):
        self.bin = program("GPUCLOUD_BIN")
        self.sim = sim
        self.owner = owner
        self.env = dict(env, GPUCLOUD_SIMULATOR_DIR=str(sim.folder), GPUCLOUD_OWNER=owner,
                        GPUCLOUD_PROFILE="sim")
        self.home = env["HOME"]
        self.state_folder = env["XDG_STATE_HOME"] + "/gpucloud"

    def run(self, *args, env=None, timeout=90, cwd=None):
        return sane(subprocess.run([self.bin, *reachable(args)], env={**self.env, **(env or {})},
                                   stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                   timeout=timeout, cwd=cwd))

    def ok(self, *args, **kw):
        return expect(self.run(*args, **kw), 0)

    def fails(self, code, *args, says=(), **kw):
        return expect(self.run(*args, **kw), code, *([says] if isinstance(says, str) else says))

    def json(self, *args):
        return one_object(self.ok("--json", *args).stdout)

    def lines(self, *args):
        values = json_lines(self.ok("--json", *args).stdout)
        assert values[-1]["message_type"] == "summary"
        return values

    def launch(self, name, *args):
        """Launches and returns the instance of the summary."""
        return self.lines("launch", "--name", name, *args)[-1]["instance"]

    def listed(self, *args):
        """The instances that `list` shows of this owner, by name."""
        return {i["name"]: i
                for i in self.json("list", "--region", "us-east-1", "--mine", *args)["instances"]}

    def popen(self, *args):
        return subprocess.Popen([self.bin, *reachable(args)], env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def live(self, name=None, kind="instance"):
        """What lives in the simulator of this owner's, as the simulator itself sees it."""
        return [r for r in self.sim.live(kind) if r["tags"].get("gpucloud-owner") == self.owner
                and (name is None or r["tags"].get("gpucloud-name") == name)]

    def made(self, name=None, kind="instance"):
        """Everything ever made for this owner."""
        return [r for r in self.sim.state()["resources"] if r["kind"] == kind
                and r["tags"].get("gpucloud-owner") == self.owner
                and (name is None or r["tags"].get("gpucloud-name") == name)]

    def nothing_left(self):
        """Every thing ever made for this owner has ended, and none bills."""
        mine = [r for r in self.sim.state()["resources"]
                if r["tags"].get("gpucloud-owner") == self.owner]
        left = [(r["kind"], r["id"], r["state"]) for r in mine if r["ended"] is None]
        assert left == []
        assert all(r["usd_per_hour"] == "0.0000" for r in mine), mine


def kill_when(process, condition, what, signo=signal.SIGKILL):
    """Ends a client at the moment a condition holds; its exit status."""
    try:
        wait_until(lambda: condition() or process.poll() is not None, what)
        assert process.poll() is None, f"it ended before {what}: {process.communicate()}"
        process.send_signal(signo)
        return process.wait(30)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def requests(sim, action):
    return sim.state()["requests"].get(action, 0)
