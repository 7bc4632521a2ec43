# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests.

Each test has its own HOME, XDG folders and simulator; nothing of the caller's environment reaches
the programs under test but PATH and the sanitizers' options. GPUCLOUD_SIM_BIN and GPUCLOUD_BIN name
the programs; aws-cli and moto_server are those beside the running Python.
"""
import functools
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

PYTHON_BIN = pathlib.Path(sys.executable).parent
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
SHARED_DATA = pathlib.Path(
    os.environ.get("GPUCLOUD_SHARED_DATA",
                   pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"))


def program(variable):
    path = os.environ.get(variable)
    if not path or not os.access(path, os.X_OK):
        pytest.fail(f"{variable} must name the program to test (is: {path!r})", pytrace=False)
    return os.path.abspath(path)


def pid_is_gone(pid):
    """True once the process has ended to its last thread, reaped or not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    fields = stat.rpartition(")")[2].split()
    return fields[0] == "Z" and int(fields[17]) <= 1


def wait_until(condition, what, seconds=90):
    """Polls; a deadline, never a pause for luck."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def no_foreign_aws(monkeypatch):
    """boto3 in this process must not see the developer's own account."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def clean_env(tmp_path):
    """The whole environment of a program under test."""
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    env.update(LANG="C.UTF-8", HOME=str(tmp_path / "home"), TERM="dumb",
               GPUCLOUD_SIMULATOR_DIR=str(tmp_path / "sim"), AWS_EC2_METADATA_DISABLED="true")
    for name, folder in (("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"),
                         ("XDG_STATE_HOME", "state"), ("XDG_CACHE_HOME", "cache"),
                         ("XDG_RUNTIME_DIR", "run")):
        env[name] = str(tmp_path / folder)
        (tmp_path / folder).mkdir(mode=0o700)
    (tmp_path / "home").mkdir()
    return env


@functools.cache
def aws_session():
    """One for all clients of a test run: it keeps the models of the services, and reading EC2's takes
    longer than most tests. Clients have their keys, region and endpoint from their own arguments."""
    import boto3  # here: most files do without it
    return boto3.session.Session()


class Endpoint:
    """A cloud at some URL, with a key that works there."""
    url = access_key = secret_key = ca = None
    region = "us-east-1"
    env = {}

    def boto(self, service, region=None, attempts=1, **kw):
        """A boto3 client. No retries unless asked for, so that errors show."""
        from botocore.config import Config
        keys = {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret_key}
        keys.update(kw)
        return aws_session().client(
            service, region_name=region or self.region, endpoint_url=self.url,
            verify=self.ca or None,
            config=Config(retries={"total_max_attempts": attempts}, read_timeout=180), **keys)

    def aws_env(self):
        """What an AWS client's environment needs to reach this cloud."""
        env = dict(self.env, AWS_ENDPOINT_URL=self.url, AWS_ACCESS_KEY_ID=self.access_key,
                   AWS_SECRET_ACCESS_KEY=self.secret_key, AWS_DEFAULT_REGION=self.region,
                   AWS_REGION=self.region)
        if self.ca:
            env["AWS_CA_BUNDLE"] = self.ca
        return env

    def aws(self, *args, check=True, env=None):
        """Runs aws-cli; its JSON output, or the completed process with check=False."""
        done = subprocess.run([str(PYTHON_BIN / "aws"), *args, "--output", "json"],
                              env={**self.aws_env(), **(env or {})}, capture_output=True,
                              text=True, timeout=120)
        if not check:
            return done
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


class Sim(Endpoint):
    """One gpucloud-sim in a runtime folder of its own."""

    def __init__(self, env, folder):
        self.bin = program("GPUCLOUD_SIM_BIN")
        self.folder = pathlib.Path(folder)
        self.env = dict(env, GPUCLOUD_SIMULATOR_DIR=str(folder))
        self.pid = None

    def run(self, *args, timeout=60):
        return subprocess.run([self.bin, *args], env=self.env, capture_output=True, text=True,
                              timeout=timeout)

    def start(self, *args):
        if "--machines" not in args:
            args += ("--machines", "none")
        done = self.run("start", "--detach", *args)
        assert done.returncode == 0, done.stderr
        facts = json.loads((self.folder / "sim.json").read_text())
        self.pid = facts["pid"]
        self.url, self.ca, self.region = facts["endpoint"], facts["ca_bundle"], facts["region"]
        self.access_key, self.secret_key = facts["access_key_id"], facts["secret_access_key"]
        self.admin_token = facts["admin_token"]
        return self

    def stop(self):
        """Stops it and checks that nothing is left: no process, no file."""
        if self.pid is None:
            return
        done = self.run("stop")
        pid, self.pid = self.pid, None
        assert done.returncode == 0, done.stderr
        assert pid_is_gone(pid)
        assert not self.folder.exists()

    def state(self):
        done = self.run("state", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def live(self, kind="instance"):
        return [r for r in self.state()["resources"] if r["kind"] == kind and not r["ended"]]

    def fault(self, **fault):
        done = self.run("fault", json.dumps(fault))
        assert done.returncode == 0, done.stderr

    def advance(self, seconds):
        done = self.run("advance", str(seconds))
        assert done.returncode == 0, done.stderr


@pytest.fixture
def make_sim(clean_env, tmp_path):
    """make_sim(*start_arguments) starts another simulator; all are stopped at the end."""
    made = []

    def make(*args):
        folder = tmp_path / ("sim" if not made else f"sim{len(made) + 1}")
        made.append(Sim(clean_env, folder))
        return made[-1].start(*args)

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def sim(make_sim):
    """A simulator with the synthetic market and quick machines."""
    return make_sim("--boot-ms", "100", "--seed", "7")


@pytest.fixture
def gpucloud(clean_env):
    """gpucloud(*args, env=None): runs the program; the completed process."""
    binary = program("GPUCLOUD_BIN")

    def run(*args, env=None, timeout=120, stdin=""):
        return subprocess.run([binary, *args], env={**clean_env, **(env or {})}, input=stdin,
                              capture_output=True, text=True, timeout=timeout)

    return run


# --- moto ------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def post(url, body=b""):
    request = urllib.request.Request(url, data=body, method="POST",
                                     headers={"Content-Type": "text/plain"})
    with urllib.request.urlopen(request, timeout=180) as reply:
        return reply.read()


@pytest.fixture(scope="session")
def moto_process():
    """The URL of one moto_server for the whole session."""
    server = PYTHON_BIN / "moto_server"
    if not server.exists():
        pytest.fail("moto_server is not installed beside this Python", pytrace=False)
    port = free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    process = subprocess.Popen([str(server), "-H", "127.0.0.1", "-p", str(port)], env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def answers():
        assert process.poll() is None, "moto_server ended"
        try:
            urllib.request.urlopen(url + "/moto-api/data.json", timeout=5).close()
            return True
        except (urllib.error.URLError, OSError):
            return False

    try:
        wait_until(answers, "moto_server", 90)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


@pytest.fixture
def moto(moto_process, clean_env):
    """An empty moto with IAM authentication on, and a user who may do everything."""
    cloud = Endpoint()
    cloud.url, cloud.env = moto_process, clean_env
    cloud.access_key, cloud.secret_key = "AKIAANYTHINGGOES0000", "before authentication"
    post(cloud.url + "/moto-api/reset-auth", b"inf")
    post(cloud.url + "/moto-api/reset")
    iam = cloud.boto("iam")
    iam.create_user(UserName="tester")
    iam.put_user_policy(UserName="tester", PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17",
         "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    key = iam.create_access_key(UserName="tester")["AccessKey"]
    cloud.access_key, cloud.secret_key = key["AccessKeyId"], key["SecretAccessKey"]
    post(cloud.url + "/moto-api/reset-auth", b"0")
    yield cloud
    post(cloud.url + "/moto-api/reset-auth", b"inf")


# --- gpucloud against one simulator ----------------------------------------------------------


@pytest.fixture
def client(sim, clean_env):
    """client(owner="tester"): gpucloud with this test's home, pointed at its simulator."""
    from checks import Client

    def make(owner="tester", to=None):
        return Client(clean_env, to or sim, owner)

    return make
