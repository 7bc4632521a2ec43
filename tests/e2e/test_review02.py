# SPDX-License-Identifier: Apache-2.0
"""Using a machine where something goes wrong: commands that are given up, copies that are cut off,
launches that are repeated, self-tests that cannot run."""
import os
import pathlib
import pty
import re
import signal
import subprocess
import time

import pytest

from checks import Client, kill_when

TYPE = ("--type", "g4dn.xlarge", "--region", "us-east-1")


@pytest.fixture
def machines(make_sim):
    return make_sim("--machines", "sshd", "--boot-ms", "300")


@pytest.fixture
def gc(machines, clean_env):
    return Client(clean_env, machines)


@pytest.fixture
def up(gc):
    gc.lines("launch", "--name", "m", *TYPE, "--wait", "ssh", "--selftest", "none")
    yield gc
    gc.ok("--yes", "terminate", "m")


def on_machine(gc, command):
    return gc.ok("exec", "m", "--", command).stdout


def running(number):
    """Processes of this computer whose command line holds that number: simulated machines are here."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            state = (path.parent / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if b"sleep" in words[0] and str(number).encode() in words and state != "Z":
            found.append(int(path.parent.name))
    return found


# --- commands that are given up --------------------------------------------------------------


def test_a_timeout_ends_the_command_there(up):
    for command in ("sleep 70001", "sleep 70001; true", "sleep 70001 | cat",
                    "timeout 90000 sleep 70001; true", "sudo sleep 70001; true",
                    "trap '' TERM HUP; while :; do sleep 70001; done"):
        done = up.fails(125, "exec", "--timeout", "1s", "m", "--", command, says="took too long")
        assert "it was ended there" in done.stderr, command
        assert running(70001) == [], command


def test_ctrl_c_ends_the_command_there(up):
    process = up.popen("exec", "m", "--", "echo begun; sleep 70002; true")
    code = kill_when(process, lambda: running(70002), "the command", signal.SIGINT)
    assert code == 130
    assert "it was ended there" in process.stderr.read()
    assert running(70002) == []


def test_a_reader_that_leaves_ends_the_command_there(up):
    with subprocess.Popen([up.bin, "exec", "m", "--",
                           "echo one; while sleep 0.1; do echo more; done & sleep 70003; true"],
                          env=up.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "one\n"
        process.stdout.close()
        assert process.wait(30) == 128 + signal.SIGPIPE
        assert process.stderr.read() == ""
    assert running(70003) == []


def test_the_self_test_is_ended_too(up, tmp_path):
    program = script(tmp_path, "sleep 70004; true")
    up.env["GPUCLOUD_SELFTEST"] = program
    process = up.popen("selftest", "m")
    assert kill_when(process, lambda: running(70004), "the self-test", signal.SIGINT) == 130
    assert running(70004) == []


def test_timeouts_are_said_alike(up):
    assert up.run("exec", "--timeout", "20", "m", "--", "exit 3").returncode == 3
    assert up.run("exec", "--timeout", "1m", "m", "--", "exit 3").returncode == 3
    up.fails(125, "exec", "--timeout", "1x", "m", "--", "true", says="--timeout '1x'")
    assert up.lines("launch", "--name", "m", *TYPE, "--wait", "running", "--timeout", "2m")
    assert up.lines("launch", "--name", "m", *TYPE, "--wait", "running", "--timeout", "120")
    up.fails(2, "launch", "--name", "m", *TYPE, "--timeout", "61m", says="between 1 s and 1 h")


def test_a_terminal_gets_whole_characters(up):
    """Cut into two by the network, and a NUL."""
    parent, child = pty.openpty()
    with subprocess.Popen([up.bin, "exec", "m", "--",
                           r"printf 'caf\303'; sleep 0.4; printf '\251 \000 \033[2J\n'"],
                          env=up.env, stdin=subprocess.DEVNULL, stdout=child,
                          stderr=subprocess.PIPE) as process:
        os.close(child)
        assert process.wait(60) == 0
        sent = os.read(parent, 4096)
    os.close(parent)
    assert sent.decode() == "caf\u00e9 ^@ ^[[2J\r\n"
    # anything else gets every byte
    done = subprocess.run([up.bin, "exec", "m", "--", r"printf 'caf\303\000\033'"], env=up.env,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.stdout == b"caf\xc3\x00\x1b"


# --- copies ----------------------------------------------------------------------------------


def test_a_folder_named_by_a_dot_keeps_its_name(up, tmp_path):
    project = tmp_path / "project"
    (project / ".ssh").mkdir(parents=True)
    (project / ".ssh" / "authorized_keys").write_text("nobody's\n")
    (project / "sub").mkdir()
    up.ok("push", "m", ".", cwd=project)
    up.ok("push", "m", "..", cwd=project / "sub")
    assert on_machine(up, "ls") == "project\n"  # and we are still let in
    assert on_machine(up, "cat project/.ssh/authorized_keys") == "nobody's\n"
    up.fails(2, "push", "m", "/", says="say where '/' is to be copied")


def test_what_is_no_name(gc, tmp_path):
    """Refused before anybody is asked for: there is no such machine."""
    for remote in ("~", ".", "..", "/", "~/"):
        gc.fails(2, "pull", "nobody", remote, says="say where", cwd=tmp_path)
    gc.fails(2, "pull", "nobody", "", says="is empty", cwd=tmp_path)
    gc.fails(2, "push", "nobody", "", says="is empty", cwd=tmp_path)
    gc.fails(2, "push", "nobody", ".", "", says="is empty", cwd=tmp_path)
    gc.fails(3, "push", "nobody", "nosuch", says="cannot read 'nosuch'", cwd=tmp_path)
    assert list(tmp_path.glob("~")) == []
    assert "DescribeInstances" not in gc.sim.state()["requests"]


def test_how_much_was_copied(up, tmp_path):
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "a").write_bytes(b"x" * 12)
    def told(*what):
        text = up.ok("push", "m", *what, cwd=tmp_path).stderr
        return re.sub(r"[0-9.]+ s\b", "T s", text)
    assert told("some/a") == "1 file, 12 bytes copied in T s: some/a -> a\n"
    (folder / "b").write_bytes(b"x" * 1500)
    assert told("some") == "2 files, 1.5 kB copied in T s: some -> some\n"
    (folder / "a").write_bytes(b"x" * 2_000_000)
    assert told("some") == "1 file, 2.0 MB copied in T s; 1 unchanged: some -> some\n"


# --- launches --------------------------------------------------------------------------------


def test_a_repeated_launch_is_made_ready(gc):
    """The first one was killed once its instance was made: the second is no less careful."""
    process = gc.popen("launch", "--name", "m", *TYPE, "--wait", "ssh")
    kill_when(process, lambda: gc.live("m"), "the instance")
    done = gc.ok("launch", "--name", "m", *TYPE, "--wait", "ssh")
    assert "'m' lives already: nothing was launched" in done.stderr
    for text in ("host key  verified", "self-test pass", "It ends by itself at about"):
        assert text in done.stdout
    again = gc.lines("launch", "--name", "m", *TYPE, "--wait", "ssh")[-1]
    assert again["existed"] and again["verified"] and again["selftest"]["verdict"] == "pass"
    assert len(gc.made("m")) == 1
    gc.ok("--yes", "stop", "m")
    gc.fails(1, "launch", "--name", "m", *TYPE, "--wait", "ssh", says="gpucloud start m")
    gc.ok("--yes", "terminate", "m")


def test_a_repeated_launch_whose_gpu_is_bad(gc, tmp_path):
    gc.lines("launch", "--name", "m", *TYPE, "--wait", "ssh", "--selftest", "none")
    gc.env["GPUCLOUD_SELFTEST"] = script(tmp_path, "exit 7")
    gc.fails(1, "launch", "--name", "m", *TYPE, "--wait", "ssh", says="reported nothing")
    gc.ok("--yes", "terminate", "m")


def script(folder, text):
    """A self-test of our own: what it was told, and then what the text does."""
    path = folder / "gpu-selftest"
    path.write_text(f'#!/bin/sh\necho "$*" > told\n{text}\n')
    path.chmod(0o755)
    return str(path)


def test_a_self_test_that_cannot_run(gc, tmp_path):
    nothing_made = gc.sim.state()["resources"]
    launch = ("launch", "--name", "m", "--region", "us-east-1", "--wait", "ssh")
    # the program here is for this computer
    done = gc.fails(4, *launch, "--type", "g5g.xlarge", says="--selftest none")
    assert "is built for x86_64, that machine is arm64" in done.stderr
    text = tmp_path / "text"
    text.write_text("not a program")
    for path, mode, says in ((text, 0o755, "is no program"), (text, 0o644, "cannot run"),
                             (tmp_path / "none", None, "cannot run")):
        if mode is not None:
            path.chmod(mode)
        gc.env["GPUCLOUD_SELFTEST"] = str(path)
        gc.fails(4, *launch, "--type", "g4dn.xlarge", says=(says, "--selftest none"))
    assert gc.sim.state()["resources"] == nothing_made
    # where it is not wanted it is not looked for
    gc.ok(*launch, "--type", "g4dn.xlarge", "--selftest", "none")
    gc.fails(4, "selftest", "m", says="cannot run")
    # on the machine itself the same is found out
    elf = bytearray(pathlib.Path(gc.bin).read_bytes()[:4096])
    elf[18:20] = b"\xb7\0"  # EM_AARCH64
    text.write_bytes(elf)
    text.chmod(0o755)
    gc.env["GPUCLOUD_SELFTEST"] = str(text)
    gc.fails(4, "selftest", "m", says="is built for arm64, that machine is x86_64")
    gc.ok("--yes", "terminate", "m")


def test_the_self_test_ends_before_its_deadline_here(up, tmp_path):
    """Each of its phases has a limit, and all of them together fit: a slow driver is told as such."""
    up.env["GPUCLOUD_SELFTEST"] = script(tmp_path, "exit 3")
    up.fails(1, "selftest", "m", says="reported nothing")
    assert on_machine(up, "cat told") == "--quick --deadline 60\n"


def test_user_data_of_ones_own_asks(make_sim, client, tmp_path):
    gc = client(to=make_sim("--boot-ms", "100"))
    data = tmp_path / "boot.sh"
    data.write_text("#!/bin/sh\n")
    launch = ("launch", "--name", "m", *TYPE, "--user-data", str(data))
    gc.fails(2, *launch, says=("takes the place of the time limit", "--yes"))
    assert gc.made() == []
    assert "no time limit is armed" in gc.ok("--yes", *launch).stdout
    gc.ok("--dry-run", *launch)
    gc.ok("--yes", "terminate", "m")


def test_nobody_logs_in_to_what_is_a_state_only(make_sim, client):
    gc = client(to=make_sim("--boot-ms", "100"))
    start = time.monotonic()
    gc.fails(1, "launch", "--name", "m", *TYPE, "--wait", "ssh",
             says=("nobody can log in", "--wait running"))
    assert gc.made() == [] and time.monotonic() - start < 20
    gc.ok("launch", "--name", "m", *TYPE, "--wait", "running")
    gc.ok("--yes", "terminate", "m")


def test_doctor_has_a_key(gc):
    (found,) = [c for c in gc.json("doctor")["checks"] if c["name"] == "ssh key"]
    assert found["status"] == "ok" and "logs in with its own" in found["detail"]


def test_exit_codes_are_told(gc):
    text = gc.ok("help", "exit-codes").stdout
    assert "125" in text and "130" in text
    assert "141" in gc.ok("help", "exec").stdout
