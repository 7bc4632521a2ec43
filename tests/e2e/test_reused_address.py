# SPDX-License-Identifier: Apache-2.0
"""An address is used again by another machine: whoever knew the first one is refused, and the
second one hears nothing of it.

Both machines would let the same login key in, so that nothing but the host key stands between.
"""
import json
import pathlib
import shutil

import pytest

from between import Between
from checks import Client
from conftest import wait_until

LAUNCH = ("launch", "--type", "g4dn.xlarge", "--region", "us-east-1", "--wait", "ssh",
          "--selftest", "none", "--timeout", "30")
SPOKE = ("Accepted", "Failed", "publickey", "user ")


class LateCloud(Between):
    """Once `late` is set, it describes instances as it last did: a cloud not consistent yet."""

    def __init__(self, sim):
        super().__init__(sim)
        self.late, self.answer = False, self.as_told

    def as_told(self, exchange):
        if not self.late or exchange.action != "DescribeInstances":
            return None
        told = [e.reply for e in self.exchanges if e.reply and e.body == exchange.body
                and e.region == exchange.region]
        return told[-1] if told else None


@pytest.fixture
def sim(make_sim):
    return make_sim("--machines", "sshd", "--boot-ms", "200", "--machine-addresses", "1")


@pytest.fixture
def cloud(sim):
    server = LateCloud(sim)
    yield server
    server.close()


@pytest.fixture
def homes(sim, cloud, clean_env, tmp_path):
    """Two people's homes with one login key; the first one sees the cloud as it was."""
    def home(name, endpoint):
        env = dict(clean_env, AWS_ENDPOINT_URL=endpoint, AWS_CA_BUNDLE=sim.ca,
                   AWS_ACCESS_KEY_ID=sim.access_key, AWS_SECRET_ACCESS_KEY=sim.secret_key,
                   GPUCLOUD_OWNER=name)
        for variable in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
            env[variable] = str(tmp_path / name / variable)
        client = Client(env, sim, name)
        client.env = env
        return client
    config = pathlib.Path(clean_env["XDG_CONFIG_HOME"]) / "gpucloud" / "config"
    config.parent.mkdir()
    port = json.loads((sim.folder / "sim.json").read_text())["ssh_port"]
    config.write_text(f"[default]\nssh_port = {port}\n")
    return home("ann", cloud.url), home("bob", sim.url)


def data(home):
    return pathlib.Path(home.env["XDG_DATA_HOME"]) / "gpucloud"


def auth_log(sim, instance):
    return (sim.folder / "machines" / instance / "sshd" / "auth.log").read_text().splitlines()


@pytest.fixture
def replaced(sim, homes):
    """The first one's machine, known and used, is gone; the second one's has its address."""
    ann, bob = homes
    first = ann.lines(*LAUNCH, "--name", "train")[-1]["instance"]
    assert ann.ok("exec", "train", "--", "echo mine").stdout == "mine\n"
    ann.ok("exec", first["id"], "--", "true")
    sim.boto("ec2").terminate_instances(InstanceIds=[first["id"]])
    wait_until(lambda: not [r for r in sim.live() if r["id"] == first["id"]], "its end")
    data(bob).mkdir(parents=True, mode=0o700)
    for name in ("id_ed25519", "id_ed25519.pub"):
        shutil.copy(data(ann) / name, data(bob) / name)
    second = bob.lines(*LAUNCH, "--name", "other")[-1]["instance"]
    assert second["public_ip"] == first["public_ip"] and second["id"] != first["id"]
    yield first, second
    bob.ok("--yes", "terminate", "other")


def every_way_in(target, tmp_path):
    (tmp_path / "secret").write_text("not for strangers")
    return (("exec", target, "--", "touch been-here"),
            ("push", target, str(tmp_path / "secret"), "x"),
            ("pull", target, ".profile", str(tmp_path / "got")), ("selftest", target),
            ("ssh", target, "touch", "been-here"))


def heard_nothing(sim, machine, before, connections):
    """It was reached that often, and told neither a user's name nor a key."""
    since = auth_log(sim, machine["id"])[len(before):]
    assert len([line for line in since if "Connection from" in line]) == connections, since
    assert not [line for line in since for word in SPOKE if word in line], since
    home = sim.folder / "machines" / machine["id"] / "root" / "home" / "ubuntu"
    assert not (home / "been-here").exists() and not (home / "x").exists()


def test_a_cloud_that_is_late(sim, cloud, homes, replaced, tmp_path):
    """The cloud still says that the first one runs there: its host key says otherwise."""
    ann, _ = homes
    first, second = replaced
    cloud.late = True
    # what the test looks for is there when somebody does log in
    log = auth_log(sim, second["id"])
    assert any("Accepted publickey for ubuntu" in line for line in log)
    reached = 0
    for target in ("train", first["id"]):
        for args in every_way_in(target, tmp_path):
            done = ann.run(*args)
            assert done.returncode in (4, 125), done.stderr
            assert "another machine answers there" in done.stderr
            assert f"{first['id']} at {first['public_ip']}" in done.stderr
            reached += 1
    assert not (tmp_path / "got").exists()
    heard_nothing(sim, second, log, reached)
    # nothing was learned from it either: neither its key nor that the first one's is another
    known = (data(ann) / "hosts" / first["id"]).read_text()
    ann.fails(125, "exec", "train", "--", "true", says="another machine answers there")
    assert (data(ann) / "hosts" / first["id"]).read_text() == known
    # who has lost all records goes by the tag, and is refused as well
    shutil.rmtree(data(ann) / "hosts")
    shutil.rmtree(pathlib.Path(ann.env["XDG_STATE_HOME"]) / "gpucloud")
    ann.fails(125, "exec", "train", "--", "touch been-here", says="another machine answers there")
    heard_nothing(sim, second, log, reached + 2)


def test_a_cloud_that_knows(sim, homes, replaced, tmp_path):
    """The cloud says that the first one has ended: nobody is called at all."""
    ann, _ = homes
    first, second = replaced
    log = auth_log(sim, second["id"])
    for target in ("train", first["id"]):
        for args in every_way_in(target, tmp_path):
            done = ann.run(*args)
            assert done.returncode in (1, 3, 125), done.stderr
            assert "there is no instance" in done.stderr or "gone, not running" in done.stderr
    heard_nothing(sim, second, log, 0)


def test_its_new_owner_gets_in(homes, replaced):
    """The same address, key and user: it is the host key that makes the difference."""
    ann, bob = homes
    _, second = replaced
    assert bob.ok("exec", "other", "--", "echo mine").stdout == "mine\n"
    assert ann.ok("exec", second["id"], "--", "echo by its tag").stdout == "by its tag\n"
