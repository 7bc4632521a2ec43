# SPDX-License-Identifier: Apache-2.0
"""Being on the machine: a real terminal, a tunnel, the GPUs at a glance, other programs' ssh."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.request

import pytest

from checks import Client, sane
from conftest import free_port, wait_until
from tmux_tools import tmux  # noqa: F401  a fixture

TYPE = ("--type", "g4dn.xlarge", "--region", "us-east-1", "--selftest", "none", "--wait", "ssh")


@pytest.fixture
def gc(make_sim, clean_env):
    client = Client(clean_env, make_sim("--machines", "sshd", "--boot-ms", "100"))
    client.launch("box", *TYPE)
    yield client
    client.ok("--yes", "terminate", "box")


def machine_home(gc):
    base = pathlib.Path(os.readlink(gc.sim.folder / "machines"))
    [one] = [p for p in base.iterdir() if (p / "root").is_dir()]
    return one


def test_a_real_terminal(gc, tmux):  # noqa: F811
    term = tmux(gc.env, columns=91, lines=33)
    term.start(gc.bin, "ssh", "box")
    term.type("echo ready-$((6*7)); stty size; tty; echo $TERM")
    term.wait_for("ready-42")
    screen = term.wait_for("tmux-256color")
    assert "33 91" in screen and "/dev/pts/" in screen
    # The window's size follows, and signals go to what runs there, not to us.
    term.resize(77, 22)
    term.type("sleep 600")
    term.key("C-c")
    term.type("echo after-$?")
    term.wait_for("after-130")
    term.type("stty size")
    term.wait_for("22 77")
    term.type("exit 7")
    term.wait_for("code=7")


def test_a_tunnel_to_this_computer_alone(gc, tmp_path):
    address = gc.json("show", "box")["instance"]["public_ip"]
    (tmp_path / "page").write_text("from the machine")
    server = subprocess.Popen(
        ["/usr/bin/python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    port = int(re.search(r"port (\d+)", server.stdout.readline())[1])
    silent, taken = free_port(), socket.create_server(("127.0.0.1", 0))
    try:
        errors = tempfile.TemporaryFile("w+")
        process = subprocess.Popen(
            [gc.bin, "--json", "tunnel", "box", f"{free_port()}:{port}", str(port), str(silent)],
            env=gc.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True)
        said = json.JSONDecoder()
        text = ""
        while True:
            line = process.stdout.readline()
            assert line, "it ended"
            text += line
            try:
                told = said.decode(text)
                break
            except ValueError:
                pass
        first, second, third = told["ports"]
        assert first["remote"] == second["remote"] == port and third["remote"] == silent
        assert second["local"] != port, "that one is taken here"
        for one in (first, second):
            def page():
                try:
                    return urllib.request.urlopen(f"http://127.0.0.1:{one['local']}/page",
                                                  timeout=5).read()
                except OSError:
                    return None
            assert wait_until(page, "the page") == b"from the machine"
        # Nobody else's address answers.
        with pytest.raises(OSError):
            socket.create_connection((address, first["local"]), 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        errors.seek(0)
        said = errors.read()
        sane(subprocess.CompletedProcess([], 0, "", said))
        assert f"nothing listens on the machine's port {silent} yet" in said
        assert f"port {port} yet" not in said
    finally:
        server.terminate()
        server.wait()
        taken.close()
    number = str(taken_port := free_port())
    with socket.create_server(("127.0.0.1", taken_port)):
        gc.fails(1, "tunnel", "box", f"{number}:80", says=f"port {number} is taken")
    gc.fails(2, "tunnel", "box", "0", says="no PORT or LOCAL:PORT")
    gc.fails(2, "tunnel", "box", "80:99999", says="no PORT or LOCAL:PORT")


def test_top_answers_is_my_model_on_the_gpu(gc, tmux):  # noqa: F811
    look = json.loads(gc.ok("--json", "top", "box").stdout)
    assert look["message_type"] == "look" and look["verdict"] in ("idle", "cpu-only")
    [gpu] = look["gpus"]
    assert "simulated" in gpu["name"] and gpu["busy_percent"] == 0
    smi = machine_home(gc) / "smi.sh"
    worker = subprocess.Popen(["sleep", "600"])
    try:
        smi.write_text(f"BUSY='93'\nPIDS='{worker.pid}:0:2048'\n")
        looks = [json.loads(line) for line in
                 gc.ok("--json", "top", "--count", "2", "--interval", "1", "box").stdout.splitlines()]
        assert [one["verdict"] for one in looks] == ["on-gpu", "on-gpu"]
        [process] = looks[1]["processes"]
        assert process["pid"] == worker.pid and process["memory_used_mib"] == 2048
        text = gc.ok("top", "box").stdout
        assert "1 of 1 at work, up to 93 %" in text and str(worker.pid) in text
        smi.write_text(f"BUSY='0'\nPIDS='{worker.pid}:0:2048'\n")
        assert json.loads(gc.ok("--json", "top", "-1", "box").stdout)["verdict"] == "held"
    finally:
        worker.kill()
        worker.wait()
    for mode in ("fail", "garbage", "mig"):
        smi.write_text(f"MODE={mode}\n")
        done = gc.run("--json", "top", "--once", "box")
        if done.returncode == 0:
            assert json.loads(done.stdout)["verdict"] == "unknown", mode
        assert "\033" not in done.stdout + done.stderr
    smi.write_text("BUSY='50'\n")
    term = tmux(gc.env)
    term.start(gc.bin, "top", "--interval", "1", "box")
    term.wait_for("#####.....")
    assert "Ctrl-C ends this, not the job" in term.screen()
    term.key("C-c")
    term.wait_for("code=0")


def test_other_programs_reach_it_too(gc, tmp_path):
    config = tmp_path / "ssh.conf"
    config.write_text(gc.ok("ssh-config").stdout)
    text = config.read_text()
    [instance] = gc.json("list")["instances"]
    assert text.startswith(f"Host box {instance['id']}\n") and "StrictHostKeyChecking yes" in text
    ssh = ["ssh", "-F", str(config), "-o", "BatchMode=yes"]
    done = subprocess.run([*ssh, "box", "echo here"], env=gc.env, capture_output=True, text=True,
                          timeout=60)
    assert done.stdout == "here\n", done.stderr
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x").write_text("1")
    subprocess.run(["rsync", "-e", " ".join(ssh), "-a", "in/", "box:in/"], cwd=tmp_path,
                   env=gc.env, check=True, timeout=60)
    assert gc.ok("exec", "box", "--", "cat in/x").stdout == "1"
    # Another host key than the recorded one is refused.
    known = re.search(r"UserKnownHostsFile=?\s*\"?([^\"\n]+)", text)[1]
    pathlib.Path(known).write_text(pathlib.Path(known).read_text().replace("AAAAI", "AAAAB"))
    done = subprocess.run([*ssh, "box", "echo here"], env=gc.env, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 255 and done.stdout == ""
    shown = gc.json("ssh-config", "box")["instances"]
    assert shown[0]["id"] == instance["id"] and shown[0]["ssh_config"].startswith("Host box")
    gc.fails(3, "ssh-config", "nobody", says="there is no instance")


def test_a_key_learnt_from_the_tag(gc, tmp_path):
    """Another computer of yours: the host key is verified by its tag, then recorded."""
    other = dict(gc.env, HOME=str(tmp_path / "other"))
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        other[f"XDG_{name}_HOME"] = str(tmp_path / "other" / name)
    keys = pathlib.Path(other["XDG_DATA_HOME"]) / "gpucloud"
    keys.mkdir(parents=True, mode=0o700)
    for name in ("id_ed25519", "id_ed25519.pub"):
        data = (pathlib.Path(gc.env["XDG_DATA_HOME"]) / "gpucloud" / name).read_bytes()
        (keys / name).write_bytes(data)
        (keys / name).chmod(0o600)
    there = Client(other, gc.sim)
    config = tmp_path / "c"
    config.write_text(there.ok("ssh-config", "box").stdout)
    done = subprocess.run(["ssh", "-F", str(config), "-o", "BatchMode=yes", "box", "echo here"],
                          env=other, capture_output=True, text=True, timeout=60)
    assert done.stdout == "here\n", done.stderr
