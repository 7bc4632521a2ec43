# SPDX-License-Identifier: Apache-2.0
"""The whole line: a machine comes up, is verified, proven, used, and ends by itself if need be."""
import hashlib
import os
import pathlib
import subprocess

import pytest

from checks import Client
from conftest import wait_until

TYPE = ("--type", "g4dn.xlarge", "--region", "us-east-1")


@pytest.fixture
def machines(make_sim):
    return make_sim("--machines", "sshd", "--boot-ms", "500")


@pytest.fixture
def gc(machines, clean_env):
    return Client(clean_env, machines)


def up(gc, name, *args):
    done = gc.lines("launch", "--name", name, *TYPE, "--wait", "ssh", *args)[-1]
    return done


def test_the_whole_line(gc):
    done = up(gc, "train")
    assert done["verified"] is True and done["selftest"]["verdict"] == "pass"
    assert done["selftest"]["simulated"] is True
    assert done["instance"]["expires"]
    told = gc.ok("show", "train").stdout
    assert "by itself at about" in told
    assert "pass" in gc.ok("selftest", "train").stdout
    gc.ok("--yes", "terminate", "train")
    gc.nothing_left()
    hosts = pathlib.Path(gc.env["XDG_DATA_HOME"]) / "gpucloud" / "hosts"
    assert [p.name for p in hosts.iterdir() if not p.name.startswith(".")] == []
    seeds = pathlib.Path(gc.env["XDG_STATE_HOME"]) / "gpucloud" / "hostkeys"
    assert not seeds.exists() or [p for p in seeds.iterdir() if not p.name.startswith(".")] == []


def test_exit_codes_are_the_jobs(gc):
    up(gc, "job", "--selftest", "none")
    for command, code in (("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -KILL $$", 137),
                          ("kill -TERM $$", 143)):
        assert gc.run("exec", "job", "--", command).returncode == code, command
    done = gc.run("exec", "job", "--", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    # Several words stay what they are; one is a shell's line.
    assert gc.run("exec", "job", "--", "printf", "%s|", "a b", "$HOME", "it's").stdout == \
        "a b|$HOME|it's|"
    gc.fails(125, "exec", "nobody", "--", "true", says="there is no instance")
    assert gc.run("exec", "--timeout", "1s", "job", "--", "sleep 60").returncode == 125
    gc.ok("--yes", "terminate", "job")


def test_there_and_back(gc, tmp_path):
    up(gc, "files", "--selftest", "none")
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    for i in range(200):
        (tree / f"f{i}").write_bytes(os.urandom(i))
    (tree / "deep" / "with blank").write_text("x")
    (tree / "link").symlink_to("f1")
    gc.ok("push", "files", str(tree), "up")
    gc.ok("pull", "files", "up", str(tmp_path / "back"))

    def digest(folder):
        return {str(p.relative_to(folder)): p.readlink() if p.is_symlink() else
                hashlib.sha256(p.read_bytes()).hexdigest()
                for p in folder.rglob("*") if p.is_symlink() or p.is_file()}
    assert digest(tree) == digest(tmp_path / "back")
    gc.ok("--yes", "terminate", "files")


def test_another_home_verifies_by_the_tag(gc, tmp_path):
    up(gc, "shared", "--selftest", "none")
    home = tmp_path / "other"
    key = home / "data" / "gpucloud"
    key.mkdir(parents=True, mode=0o700)
    mine = pathlib.Path(gc.env["XDG_DATA_HOME"]) / "gpucloud"
    for name in ("id_ed25519", "id_ed25519.pub"):
        (key / name).write_bytes((mine / name).read_bytes())
        (key / name).chmod(0o600)
    env = {"XDG_DATA_HOME": str(home / "data"), "XDG_STATE_HOME": str(home / "state")}
    assert gc.ok("exec", "shared", "--", "echo seen", env=env).stdout == "seen\n"
    gc.ok("--yes", "terminate", "shared")


def test_a_swapped_host_key_is_refused(make_sim, clean_env):
    sim = make_sim("--machines", "sshd", "--boot-ms", "500", "--machine-fault", "swap-host-key")
    gc = Client(clean_env, sim)
    done = gc.fails(4, "launch", "--name", "evil", *TYPE, "--wait", "ssh",
                    says="another machine answers there")
    assert "host key" in done.stderr
    gc.ok("--yes", "terminate", "evil")
    gc.nothing_left()


def test_nobody_answers(make_sim, clean_env):
    sim = make_sim("--machines", "sshd", "--boot-ms", "500", "--machine-fault", "refuse")
    gc = Client(clean_env, sim)
    gc.fails(6, "launch", "--name", "deaf", *TYPE, "--wait", "ssh", "--timeout", "1",
             says="did not let us log in", timeout=120)
    gc.ok("--yes", "terminate", "deaf")


def test_it_ends_by_itself(gc):
    """Nobody watches: the machine's own timer ends it."""
    made = up(gc, "short", "--ttl", "1m", "--selftest", "none")["instance"]
    wait_until(lambda: not [r for r in gc.sim.live() if r["id"] == made["id"]],
               "its end by itself", 120)
    assert gc.listed() == {}
    gc.ok("--yes", "terminate", made["id"])
    gc.nothing_left()


def test_what_cannot_be_combined(gc, tmp_path):
    data = tmp_path / "user-data"
    data.write_text("#!/bin/sh\n")
    gc.fails(2, "launch", *TYPE, "--user-data", str(data), "--ttl", "1h", says="--user-data")
    gc.fails(2, "launch", *TYPE, "--wait", "running", "--selftest", "quick", says="--wait ssh")
    gc.fails(2, "launch", *TYPE, "--ttl", "59s", says="between 1m and 366d")
    gc.fails(2, "launch", *TYPE, "--ttl", "none", "--wait", "running", says="--yes")
    assert gc.sim.state()["resources"] == []


def test_a_rehearsal_leaves_no_key(gc):
    gc.ok("launch", *TYPE, "--dry-run")
    seeds = pathlib.Path(gc.env["XDG_STATE_HOME"]) / "gpucloud" / "hostkeys"
    assert not seeds.exists() or [p for p in seeds.iterdir() if not p.name.startswith(".")] == []
