# SPDX-License-Identifier: Apache-2.0
"""Secrets are where they belong and nowhere else.

The whole line is gone through, and what goes wrong too, with secrets that can be recognised; then
they are looked for in the arguments and the environment of everything that was started, in every
byte that was written to a file (so also in what was gone again afterwards: the journal's log, the
parts of files), on both streams, in requests, and on the machine.
"""
import base64
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import threading
import urllib.parse

import pytest

from between import Between
from canary_tools import Canaries, private_part, traced
from checks import SANITIZER, expect, sane
from conftest import program, wait_until

REGION = ("--region", "us-east-1")
TYPE = ("--type", "g4dn.xlarge", *REGION)
ROLE = "arn:aws:iam::123456789012:role/canary"
VAULT = "vault-canary-0123456789abcdef"  # of the user's, for his helper
WRONG = "wrong/canary+secret/0123456789abcdefghij"
NO_TOKEN = "no/canary+token/0123456789/abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def sim(make_sim):
    return make_sim("--machines", "sshd", "--boot-ms", "200", "--seed", "7")


@pytest.fixture
def cloud(sim):
    server = Between(sim)
    yield server
    server.close()


class Person:
    """gpucloud under strace, in a home of its own; keeps all that was seen of it."""

    def __init__(self, sim, cloud, env, folder):
        self.folder, self.canaries = folder, Canaries()
        self.env = dict(env, AWS_ENDPOINT_URL=cloud.url, GPUCLOUD_OWNER="canary")
        # leaks cannot be looked for while somebody traces
        self.env["ASAN_OPTIONS"] = self.env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        del self.env["GPUCLOUD_SIMULATOR_DIR"]
        port = json.loads((sim.folder / "sim.json").read_text())["ssh_port"]
        config = pathlib.Path(env["XDG_CONFIG_HOME"]) / "gpucloud" / "config"
        config.parent.mkdir(exist_ok=True)
        config.write_text(f"[default]\nssh_port = {port}\n")
        self.data = pathlib.Path(env["XDG_DATA_HOME"]) / "gpucloud"
        self.state = pathlib.Path(env["XDG_STATE_HOME"]) / "gpucloud"
        self.traces, self.said = [], []

    def run(self, *args, **env):
        argv = [program("GPUCLOUD_BIN"), *args]
        done, trace = traced(argv, self.folder / f"trace-{len(self.traces)}",
                             env={**self.env, **env}, stdin=subprocess.DEVNULL, timeout=180)
        self.traces.append(trace)
        self.said.append((args, done.stdout + done.stderr))
        assert not SANITIZER.search(done.stderr), done.stderr
        return sane(done)

    def ok(self, *args, **env):
        return expect(self.run(*args, **env), 0)

    def fails(self, code, *args, says, **env):
        return expect(self.run(*args, **env), code, says)


@pytest.fixture
def person(sim, cloud, clean_env, tmp_path):
    return Person(sim, cloud, clean_env, tmp_path)


def session(sim, name):
    """Credentials that end, as AWS's environment variables have them."""
    made = sim.boto("sts").assume_role(RoleArn=ROLE, RoleSessionName=name)["Credentials"]
    return {"AWS_ACCESS_KEY_ID": made["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
            "AWS_SESSION_TOKEN": made["SessionToken"]}


def saying(text, ends="exit 0"):
    """A helper that starts nothing itself: what it starts would be its own business."""
    return f"#!/bin/sh\nprintf '%s\\n' '{text}'\n{ends}\n"


@pytest.fixture
def ways(sim, person, clean_env, tmp_path):
    """Three ways to credentials: the environment, a profile in a file, a helper; and wrong ones."""
    in_env, of_helper = session(sim, "in-env"), session(sim, "of-helper")
    folder = pathlib.Path(clean_env["HOME"]) / ".aws"
    helper = tmp_path / "helper"
    folder.mkdir()
    (folder / "credentials").write_text(f"[file]\naws_access_key_id = {sim.access_key}\n"
                                        f"aws_secret_access_key = {sim.secret_key}\n")
    (folder / "config").write_text(f"[profile ext]\ncredential_process = {helper} --some 'one'\n")
    helper.write_text(saying(json.dumps(
        {"Version": 1, "AccessKeyId": of_helper["AWS_ACCESS_KEY_ID"],
         "SecretAccessKey": of_helper["AWS_SECRET_ACCESS_KEY"],
         "SessionToken": of_helper["AWS_SESSION_TOKEN"],
         "Expiration": "2100-01-01T00:00:00Z"}), "[ \"$VAULT_TOKEN\" ]"))
    helper.chmod(0o755)
    add = person.canaries.add
    add("secret in the environment", in_env["AWS_SECRET_ACCESS_KEY"])
    add("token in the environment", in_env["AWS_SESSION_TOKEN"])
    add("secret of the file", sim.secret_key)
    add("secret of the helper", of_helper["AWS_SECRET_ACCESS_KEY"])
    add("token of the helper", of_helper["AWS_SESSION_TOKEN"])
    add("wrong secret", WRONG)
    add("token that is none", NO_TOKEN)
    add("vault", VAULT)
    return {"env": dict(in_env, VAULT_TOKEN=VAULT), "file": {"AWS_PROFILE": "file"},
            "helper": {"AWS_PROFILE": "ext", "VAULT_TOKEN": VAULT}}


# --- what is looked at -----------------------------------------------------------------------


def seeds_of(cloud):
    """The private host keys that the cloud was sent, as the machines would read them."""
    found = []
    for exchange in cloud.exchanges:
        if "UserData" in exchange.asked:
            text = base64.b64decode(exchange.asked["UserData"]).decode()
            found.append(json.loads(text.partition("\n")[2])["ssh_keys"]["ed25519_private"])
    return found


def check_started(person, helper):
    """Arguments and environment of all that was started."""
    started = [program for trace in person.traces for program in trace.programs()]
    for path, argv, env in started:
        assert person.canaries.within(argv) == [], (path, argv)
        # OpenSSH is the user's own and keeps what is not a cloud's credential
        mine = {helper: person.canaries.named, "ssh": ("vault",)}
        allowed = mine.get(path if path == helper else path.rpartition("/")[2], ())
        assert person.canaries.within(env, allowed) == [], (path, env)
    return started


def check_written(person):
    """Every byte written to a file: a private key into its own file, nothing else anywhere."""
    part = r"(\.tmp\.\w+)?"  # a file is written beside itself, and renamed
    own = {re.escape(str(person.data / "id_ed25519")) + part: "login key",
           re.escape(str(person.state / "hostkeys")) + r"/\w+" + part: "host key"}
    files = set()
    for trace in person.traces:
        for path, line in trace.written:
            allowed = [name for pattern, name in own.items() if re.fullmatch(pattern, path)]
            assert person.canaries.within(line, allowed) == [], path
            files.add(path)
    return files


def check_requests(person, cloud):
    """A secret key signs and is not sent; a token and a seed have their one place."""
    for exchange in cloud.exchanges:
        headers = dict(exchange.headers)
        token = headers.pop("X-Amz-Security-Token", "")
        asked = dict(exchange.asked)
        if asked.pop("UserData", None) is None:
            assert person.canaries.within(exchange.body) == [], exchange.action
        assert person.canaries.within(json.dumps(headers)) == [], exchange.action
        assert person.canaries.within("\n".join(asked.values())) == [], exchange.action
        assert all(name.startswith("token ") for name in person.canaries.within(token))


def check_all(person, cloud, helper):
    for args, text in person.said:
        assert person.canaries.within(text) == [], (args, text)
    check_requests(person, cloud)
    return check_started(person, helper), check_written(person)


# --- the tests -------------------------------------------------------------------------------


def test_the_whole_line(sim, cloud, person, ways, clean_env, tmp_path):
    env, helper = ways["env"], str(tmp_path / "helper")
    (tmp_path / "work").write_text("for the machine\n")
    done = person.ok("-vv", "launch", "--spot", "--bid", "51%", "--wait", "ssh", "--selftest",
                     "quick", "--name", "train", *TYPE, **env)
    assert "aws: us-east-1 RunInstances 200 " in done.stderr
    person.canaries.add("login key", *private_part((person.data / "id_ed25519").read_text()))
    (seed,) = seeds_of(cloud)
    person.canaries.add("host key", *private_part(seed))

    # the seed has done its work: the machine has another key, and we have forgotten it
    instance = json.loads(person.ok("--json", "show", "train", **env).stdout)["instance"]["id"]
    machine = (sim.folder / "machines" / instance).resolve()
    own = (machine / "root/etc/ssh/ssh_host_ed25519_key").read_text()
    assert own.strip() != seed.strip()
    person.canaries.add("the machine's key", *private_part(own))
    assert list((person.state / "hostkeys").iterdir()) == []

    assert person.ok("-v", "exec", "train", "--", "env; echo; cat /proc/self/cmdline", **env).stdout
    person.ok("-v", "push", "train", str(tmp_path / "work"), "work", **env)
    person.ok("-vv", "pull", "train", "work", str(tmp_path / "back"), **env)
    person.ok("-v", "selftest", "train", **env)
    person.ok("ssh", "train", "true", **env)
    person.ok("selftest", **env)
    person.ok("-vv", "list", *REGION, **ways["file"])
    person.ok("-vv", "--json", "doctor", *REGION, **ways["helper"])
    person.ok("exec", "train", "--", "true", **ways["helper"])
    person.ok("-vv", "launch", "--dry-run", "--wait", "ssh", *TYPE, **env)
    hosts_key = lambda path: ["the machine's key"] if path.name in (  # noqa: E731
        "ssh_host_ed25519_key", "host_key") else ()
    assert person.canaries.within_files(machine, allowed=hosts_key) == []
    person.ok("-vv", "--yes", "terminate", "train", **env)

    started, files = check_all(person, cloud, helper)
    # the checks above had something to look at
    names = [path.rpartition("/")[2] for path, _, _ in started]
    assert {"helper", "ssh", "gpu-selftest"} <= set(names)
    assert any(b'"gpucloud-ssh-worker"' in argv for _, argv, _ in started)
    assert any(path.endswith("journal.db-wal") for path in files)
    assert {"id_ed25519", "hostkeys"} <= {part for path in files
                                          for part in path.replace(".tmp", "/").split("/")}
    for path, argv, helper_env in started:
        if path == helper:  # as AWS specifies it: words split, and the user's environment
            assert argv.endswith(b'"--some", "one"')
            assert f'"VAULT_TOKEN={VAULT}"'.encode() in helper_env
            assert b'"AWS_PROFILE=ext"' in helper_env and b'"HOME=' in helper_env
    # and nothing but the files that are meant to hold a secret does so
    meant = {str(person.data / "id_ed25519"): ["login key"]}
    folders = [clean_env[name] for name in clean_env if name.startswith("XDG_")]
    assert dict(person.canaries.within_files(*folders)) == meant
    assert (person.data / "id_ed25519").stat().st_mode & 0o777 == 0o600


def test_what_goes_wrong(sim, cloud, person, ways, tmp_path):
    env, helper = ways["env"], tmp_path / "helper"
    person.ok("launch", "--wait", "ssh", "--selftest", "none", "--name", "train", *TYPE, **env)
    person.canaries.add("login key", *private_part((person.data / "id_ed25519").read_text()))
    person.canaries.add("host key", *(part for seed in seeds_of(cloud)
                                      for part in private_part(seed)))
    # credentials: wrong, unknown, half a set, and a token that is none
    for verbose in ((), ("-v",), ("-vv", "--json")):
        person.fails(4, *verbose, "list", *REGION, says="credentials",
                     AWS_ACCESS_KEY_ID=sim.access_key, AWS_SECRET_ACCESS_KEY=WRONG)
        person.fails(4, *verbose, "launch", *TYPE, says="credentials",
                     **{**env, "AWS_SECRET_ACCESS_KEY": WRONG})
    person.fails(4, "-vv", "list", *REGION, says="credentials",
                 **{**env, "AWS_SESSION_TOKEN": NO_TOKEN})
    person.run("-vv", "doctor", *REGION, **{**env, "AWS_SECRET_ACCESS_KEY": WRONG})
    person.fails(4, "list", *REGION, says="AWS_ACCESS_KEY_ID", AWS_SECRET_ACCESS_KEY=WRONG)
    # files and helpers that are broken just where the secret is
    good = helper.read_text()
    for broken in ("{\"Version\": 1, \"SecretAccessKey\": \"" + WRONG,
                   json.dumps({"Version": 1, "SecretAccessKey": WRONG}),
                   json.dumps({"Version": WRONG}), WRONG):
        helper.write_text(saying(broken))
        person.fails(4, "-vv", "list", *REGION, says="credential_process", **ways["helper"])
    helper.write_text(saying(WRONG * 2000))
    person.fails(1, "-vv", "list", *REGION, says="more than 65536 bytes", **ways["helper"])
    helper.write_text(saying(WRONG, "exit 3"))
    person.fails(4, "-vv", "list", *REGION, says="status 3", **ways["helper"])
    helper.write_text(good)
    credentials = pathlib.Path(person.env["HOME"]) / ".aws" / "credentials"
    kept = credentials.read_text()
    for broken in (f"[file]\naws_access_key_id = AKIA\naws_secret_access_key {WRONG}\n",
                   f"[file\naws_secret_access_key = {WRONG}\n",
                   f"[file]\naws_secret_access_key = {WRONG}\n"):
        credentials.write_text(broken)
        assert person.run("-vv", "list", *REGION, **ways["file"]).returncode == 4
    credentials.write_text(kept)
    # machines: another key answers, our key is not known there, nobody answers
    sim.fault(kind="swap-host-key")
    person.fails(125, "-vv", "exec", "train", "--", "true", says="another machine answers", **env)
    sim.fault(kind="heal")
    stranger = dict(env, XDG_DATA_HOME=str(tmp_path / "stranger"))
    person.fails(125, "-vv", "exec", "train", "--", "true", says="does not let", **stranger)
    key = (tmp_path / "stranger/gpucloud/id_ed25519").read_text()
    person.canaries.add("stranger's key", *private_part(key))
    person.data.joinpath("id_ed25519").write_text(
        "\n".join(line[::-1] if len(line) < 70 else line for line in
                  (person.data / "id_ed25519").read_text().splitlines()))
    assert person.run("-vv", "exec", "train", "--", "true", **env).returncode == 125
    sim.fault(kind="refuse")
    person.fails(125, "-vv", "exec", "train", "--", "true", says="did not let us log in",
                 **stranger)
    person.ok("--yes", "terminate", "train", **env)
    sim.fault(kind="skew", skew_s=7200)  # what was lent has ended
    person.fails(4, "-vv", "list", *REGION, says="expired", **env)
    person.fails(4, "-vv", "list", *REGION, says="expired", **ways["helper"])
    for trace in person.traces:  # two homes: each key file may hold its own key
        trace.written = [(path, line) for path, line in trace.written
                         if "/stranger/gpucloud/id_" not in path]
    check_all(person, cloud, str(helper))


def test_a_crash_leaves_no_core(sim, cloud, person, ways, tmp_path):
    """Killed by SIGABRT while it holds credentials, where core files are asked for."""
    folder = tmp_path / "crash"
    folder.mkdir()
    env = dict(person.env, ASAN_OPTIONS="detect_leaks=0:disable_coredump=0", **ways["env"])

    def crashed(argv, held):
        process = subprocess.Popen(argv, env=env, cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=lambda: resource.setrlimit(
                                       resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
        wait_until(lambda: held(process), "the moment")
        limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
        os.kill(process.pid, signal.SIGABRT)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == -signal.SIGABRT
        return os.WCOREDUMP(status), limits

    # any other program leaves one: the check below can fail
    dumped, _ = crashed(["sleep", "1000"], lambda process: True)
    assert dumped
    for core in folder.iterdir():
        core.unlink()
    over = threading.Event()
    cloud.answer = lambda exchange: over.wait(60) and (500, {"Content-Type": "x", "Date": "x"}, b"")
    before = len(cloud.exchanges)
    dumped, limits = crashed([program("GPUCLOUD_BIN"), "list", *REGION],
                             lambda process: len(cloud.exchanges) > before)
    over.set()
    assert not dumped and list(folder.iterdir()) == []
    (limit,) = [line for line in limits.splitlines() if "core file" in line]
    assert limit.split()[4:6] == ["1", "1"]  # nothing to a file, and nothing to a handler


def test_the_scanner_finds_them(person, tmp_path):
    """Planted in each place it looks at, in each form it knows."""
    canary = "planted/canary+0123456789=abcdef"
    person.canaries.add("planted", canary)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    seed, *lines = private_part(key.read_text())
    person.canaries.add("a key", seed, *lines)
    assert person.canaries.within(key.read_text()) == ["a key"]
    assert person.canaries.within((tmp_path / "key.pub").read_text()) == []
    assert person.canaries.within(b"\0" + seed + b"\0") == ["a key"]
    for before in ("", "a", "ab", "abc"):
        text = before + canary + "after"
        for form in (text, urllib.parse.quote(text, safe=""), text.encode().hex(),
                     base64.b64encode(text.encode()).decode(),
                     urllib.parse.quote(base64.b64encode(text.encode()).decode(), safe="")):
            assert person.canaries.within(form) == ["planted"], form
    assert person.canaries.within(canary[:-1]) == []

    def planted(*argv, **env):
        done, trace = traced(argv, tmp_path / "trace", env={**person.env, **env}, timeout=60)
        assert done.returncode == 0, done.stderr
        person.traces = [trace]

    shell = ("sh", "-c")
    planted(*shell, "/bin/true; true")
    check_started(person, "")
    (tmp_path / "script").write_text(f"/bin/true '{canary}'; true\n")
    planted("sh", str(tmp_path / "script"))
    with pytest.raises(AssertionError, match="/bin/true"):
        check_started(person, "")
    planted(*shell, "/bin/true; true", CANARY=canary)
    with pytest.raises(AssertionError, match="/bin/true"):
        check_started(person, "")
    for what in ("$(cat key)", "$CANARY"):
        planted(*shell, f"cd {tmp_path}; printf '%s' \"{what}\" >copy; rm copy", CANARY=canary)
        with pytest.raises(AssertionError):
            check_written(person)
    (tmp_path / "deep").mkdir()
    shutil.copy(key, tmp_path / "deep" / "file")
    assert person.canaries.within_files(tmp_path / "deep") == [
        (str(tmp_path / "deep" / "file"), ["a key"])]
