# SPDX-License-Identifier: Apache-2.0
"""The first login replaces the host key that user-data held: what is then believed, by whom, and what
happens when several do it at once, or are stopped in the middle."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from checks import Client, expect, sane
from conftest import wait_until

LAUNCH = ("--type", "g4dn.xlarge", "--region", "us-east-1", "--wait", "running")
ELSEWHERE = "another machine answers there"


@pytest.fixture
def machines(make_sim):
    return make_sim("--machines", "sshd", "--boot-ms", "200")


@pytest.fixture
def gc(machines, clean_env):
    return Client(clean_env, machines)


def data(home):
    return pathlib.Path(home.env["XDG_DATA_HOME"]) / "gpucloud"


def state(home):
    return pathlib.Path(home.env["XDG_STATE_HOME"]) / "gpucloud"


def folder(home, instance):
    return (home.sim.folder / "machines" / instance["id"]).resolve()


def record(home, instance):
    return (data(home) / "hosts" / instance["id"]).read_text().splitlines()


def seeds(home):
    there = state(home) / "hostkeys"
    return sorted(p.name for p in there.iterdir()) if there.exists() else []


def another_home(gc, path, whole=False):
    """Another computer of the same person's: the login key alone, or a copy of everything."""
    env = {"XDG_DATA_HOME": str(path / "data"), "XDG_STATE_HOME": str(path / "state")}
    home = Client({**gc.env, **env}, gc.sim, gc.owner)
    if whole:
        shutil.copytree(data(gc), data(home))
        shutil.copytree(state(gc), state(home))
        return home
    data(home).mkdir(parents=True, mode=0o700)
    for name in ("id_ed25519", "id_ed25519.pub"):
        shutil.copy(data(gc) / name, data(home) / name)
    return home


def shown(home, instance):
    """The public key that the machine's sshd shows."""
    key = folder(home, instance) / "sshd" / "host_key"
    end = time.monotonic() + 30
    while True:
        done = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", str(key)], capture_output=True,
                              text=True)
        if done.returncode == 0:
            return " ".join(done.stdout.split()[:2])
        # "running" comes before user-data has been carried out.
        assert time.monotonic() < end, done.stderr
        time.sleep(0.05)


def host_key_file(home, instance):
    return folder(home, instance) / "root" / "etc" / "ssh" / "ssh_host_ed25519_key"


def show_again(home, instance, private):
    """The machine, or somebody in its place, shows that key."""
    for path in (host_key_file(home, instance), folder(home, instance) / "sshd" / "host_key"):
        path.write_bytes(private)  # in place: it stays the machine's own


def auth_log(home, instance):
    return (folder(home, instance) / "sshd" / "auth.log").read_text().splitlines()


def tag_of(home, instance):
    found = home.sim.boto("ec2").describe_tags(
        Filters=[{"Name": "resource-id", "Values": [instance["id"]]},
                 {"Name": "key", "Values": ["gpucloud-hostkey"]}])["Tags"]
    return found[0]["Value"]


def set_tag(home, instance, value):
    home.sim.boto("ec2").create_tags(Resources=[instance["id"]],
                                     Tags=[{"Key": "gpucloud-hostkey", "Value": value}])


def heard_nothing(home, instance, before):
    since = auth_log(home, instance)[len(before):]
    assert any("Connection from" in line for line in since)
    for word in ("Accepted", "Failed", "publickey", "user "):
        assert not [line for line in since if word in line], since


def at_once(*calls):
    """Starts them all, then waits for all: (home, arguments) each."""
    running = [home.popen(*args) for home, args in calls]
    done = []
    for process in running:
        out, err = process.communicate(timeout=120)
        done.append(sane(subprocess.CompletedProcess(process.args, process.returncode, out, err)))
    return done


@contextlib.contextmanager
def slow_keygen(home, instance):
    """Root's ssh-keygen on the machine takes its time, and says that it was called."""
    fake = folder(home, instance) / "rootshims" / "ssh-keygen"
    called = folder(home, instance) / "root" / "tmp" / "keygen-called"
    fake.write_text(f"#!/bin/sh\ntouch {called}\nexec sleep 60\n")
    fake.chmod(0o755)
    yield called
    fake.unlink(missing_ok=True)


# --- what is believed afterwards -------------------------------------------------------------


def test_the_first_key_is_worth_nothing_afterwards(gc):
    one = gc.launch("s1", *LAUNCH)
    launch_id, = seeds(gc)
    private = (state(gc) / "hostkeys" / launch_id).read_bytes()
    first = shown(gc, one)
    gc.ok("exec", "s1", "--", "true")
    assert shown(gc, one) != first
    assert record(gc, one) == [shown(gc, one)]
    assert seeds(gc) == []

    # whoever read the user-data now answers in the machine's place
    log = auth_log(gc, one)
    show_again(gc, one, private)
    for args in (("exec", "s1", "--", "touch been-here"), ("ssh", "s1", "touch", "been-here")):
        gc.fails(125, *args, says=ELSEWHERE)
    heard_nothing(gc, one, log)
    assert not (folder(gc, one) / "root" / "home" / "ubuntu" / "been-here").exists()
    gc.ok("--yes", "terminate", "s1")


def test_one_that_was_cut_short_ends_alike(gc):
    """Killed when the new key was in place, before that was written down: the next login does."""
    one = gc.launch("s2", *LAUNCH)
    launch_id, = seeds(gc)
    private = (state(gc) / "hostkeys" / launch_id).read_bytes()
    first, tag = shown(gc, one), tag_of(gc, one)
    gc.ok("exec", "s2", "--", "true")
    new = shown(gc, one)
    # as it was in between
    (data(gc) / "hosts" / one["id"]).write_text(f"{new}\n{first}\n")
    kept = state(gc) / "hostkeys" / launch_id
    kept.write_bytes(private)
    kept.chmod(0o600)
    right = tag_of(gc, one)
    set_tag(gc, one, tag)
    gc.ok("exec", "s2", "--", "true")
    assert record(gc, one) == [new] and seeds(gc) == []
    assert tag_of(gc, one) == right != tag
    # without the seed nobody knows which of the two it was: the newest, once it was seen
    (data(gc) / "hosts" / one["id"]).write_text(f"{new}\n{first}\n")
    gc.ok("exec", "s2", "--", "true")
    assert record(gc, one) == [new]
    gc.ok("--yes", "terminate", "s2")


def test_a_second_home_follows_the_tag(gc, tmp_path):
    one = gc.launch("s3", *LAUNCH)
    other = another_home(gc, tmp_path / "other")
    other.ok("exec", "s3", "--", "true")
    old = record(other, one)
    gc.ok("exec", "s3", "--", "true")
    assert other.ok("exec", "s3", "--", "echo seen").stdout == "seen\n"
    line, = record(other, one)
    assert line.startswith(shown(gc, one)) and [line] != old
    assert other.ok("ssh", "s3", "echo", "by OpenSSH").stdout == "by OpenSSH\n"
    gc.ok("--yes", "terminate", "s3")


def test_the_tag_does_not_overrule_who_made_the_key(gc, tmp_path):
    """Whoever may set tags cannot put a machine of theirs in the place of ours."""
    one = gc.launch("s4", *LAUNCH)
    launch_id, = seeds(gc)
    private = (state(gc) / "hostkeys" / launch_id).read_bytes()
    theirs = tag_of(gc, one)
    gc.ok("exec", "s4", "--", "true")
    set_tag(gc, one, theirs)
    # ours is still there: its record counts, whatever the tag says
    gc.ok("exec", "s4", "--", "true")
    log = auth_log(gc, one)
    show_again(gc, one, private)
    done = gc.fails(125, "exec", "s4", "--", "true", says=(ELSEWHERE, "its tag", "rm '"))
    heard_nothing(gc, one, log)
    # what the hint says works, for those who did change it themselves
    command = done.stderr.split("  try: ")[1].splitlines()[0]
    subprocess.run(["sh", "-c", command[command.index("rm '"):]], check=True)
    gc.ok("exec", "s4", "--", "true")
    gc.ok("--yes", "terminate", "s4")


# --- several at once -------------------------------------------------------------------------


def in_order(home, one, before):
    """One key, known everywhere, and nothing left of what was tried."""
    new = shown(home, one)
    assert new != before
    etc = folder(home, one) / "root" / "etc" / "ssh"
    assert [p.name for p in etc.iterdir() if p.name.startswith("gpucloud")] == []
    public = (etc / "ssh_host_ed25519_key.pub").read_text()
    assert " ".join(public.split()[:2]) == new
    return new


def test_first_logins_at_once(gc):
    one = gc.launch("s5", *LAUNCH)
    before = shown(gc, one)
    done = at_once(*[(gc, ("exec", "s5", "--", f"echo {i}")) for i in range(6)])
    assert [(d.returncode, d.stdout, d.stderr) for d in done] == \
        [(0, f"{i}\n", "") for i in range(6)]
    assert record(gc, one) == [in_order(gc, one, before)]
    assert seeds(gc) == []
    gc.ok("--yes", "terminate", "s5")


def test_two_homes_at_once(gc, tmp_path):
    one = gc.launch("s6", *LAUNCH)
    before = shown(gc, one)
    other = another_home(gc, tmp_path / "other")
    done = at_once(*[(home, ("exec", "s6", "--", "echo in")) for home in (gc, other) * 3])
    assert [(d.returncode, d.stdout, d.stderr) for d in done] == [(0, "in\n", "")] * 6
    new = in_order(gc, one, before)
    assert record(gc, one) == [new]
    assert other.ok("exec", "s6", "--", "echo in").stdout == "in\n"
    assert record(other, one) == [f"{new} tag"]
    gc.ok("--yes", "terminate", "s6")


def test_two_with_the_same_seed(gc, tmp_path):
    """A copy of a whole home: both would replace the key. One does, and the other follows it or, where
    it came too late to be told on the machine itself, is refused and says how to go on."""
    one = gc.launch("s7", *LAUNCH)
    before = shown(gc, one)
    other = another_home(gc, tmp_path / "other", whole=True)
    done = at_once(*[(home, ("exec", "s7", "--", "echo in")) for home in (gc, other) * 3])
    for each in done:
        if each.returncode != 0:  # the tag may not be there yet
            expect(each, 125, ELSEWHERE)
    new = in_order(gc, one, before)
    results = []
    for home in (gc, other):
        again = home.run("exec", "s7", "--", "echo in")
        results.append(again.returncode)
        if again.returncode == 0:
            assert record(home, one) == [new] and seeds(home) == []
            continue
        expect(again, 125, ELSEWHERE, "its tag", "rm '")
        command = again.stderr.split("  try: ")[1].splitlines()[0]
        subprocess.run(["sh", "-c", command[command.index("rm '"):]], check=True)
        assert home.ok("exec", "s7", "--", "echo in").stdout == "in\n"
    assert 0 in results
    gc.ok("--yes", "terminate", "s7")


# --- stopped in the middle -------------------------------------------------------------------


def test_interrupted_in_the_middle(gc):
    one = gc.launch("s8", *LAUNCH)
    before = shown(gc, one)
    with slow_keygen(gc, one) as called:
        process = gc.popen("exec", "s8", "--", "echo never")
        wait_until(called.exists, "ssh-keygen")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (130, ""), err
        assert f"interrupted during the command with {one['id']}" in err
        assert "could not be replaced" not in err and "console" not in err
    gc.ok("exec", "s8", "--", "true")
    assert shown(gc, one) != before and seeds(gc) == []
    gc.ok("--yes", "terminate", "s8")


def test_a_launch_interrupted_in_the_middle(gc):
    process = gc.popen("launch", "--name", "s9", *LAUNCH[:-2], "--wait", "ssh")
    machine = wait_until(lambda: gc.live("s9"), "the instance")[0]
    fake = folder(gc, machine) / "rootshims"
    wait_until(fake.is_dir, "its folder")
    with slow_keygen(gc, machine) as called:
        wait_until(called.exists, "ssh-keygen")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "self-test" not in err
    gc.ok("--yes", "terminate", "s9")


def test_cut_in_the_middle(gc):
    """The connection goes while the key is made: once more, by itself."""
    one = gc.launch("s10", *LAUNCH)
    before = shown(gc, one)
    with slow_keygen(gc, one) as called:
        process = gc.popen("exec", "s10", "--", "echo in the end")
        wait_until(called.exists, "ssh-keygen")
        (folder(gc, one) / "rootshims" / "ssh-keygen").unlink()
        gc.sim.fault(kind="disconnect", instance=one["id"])
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "in the end\n"), err
    assert record(gc, one) == [in_order(gc, one, before)] and seeds(gc) == []
    gc.ok("--yes", "terminate", "s10")


def test_a_machine_without_sudo_keeps_its_key(gc):
    """No reason to refuse the login: it is told, and tried again the next time."""
    one = gc.launch("s11", *LAUNCH)
    before = shown(gc, one)
    sudo = folder(gc, one) / "shims" / "sudo"
    there = sudo.read_bytes()
    sudo.write_bytes(b"#!/bin/sh\nexit 1\n")
    done = gc.ok("exec", "s11", "--", "echo in")
    assert done.stdout == "in\n" and "the host key could not be replaced" in done.stderr
    assert shown(gc, one) == before
    sudo.write_bytes(there)
    assert gc.ok("exec", "s11", "--", "echo in").stderr == ""
    assert shown(gc, one) != before
    gc.ok("--yes", "terminate", "s11")


# --- the ways in -----------------------------------------------------------------------------


@pytest.fixture
def agent(tmp_path):
    """An agent with seven keys, none of which any machine knows."""
    said = subprocess.run(["ssh-agent", "-s", "-a", str(tmp_path / "agent")], capture_output=True,
                          text=True, check=True).stdout
    pid = int(said.split("SSH_AGENT_PID=")[1].split(";")[0])
    env = {"SSH_AUTH_SOCK": str(tmp_path / "agent")}
    for i in range(7):
        key = tmp_path / f"key{i}"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        subprocess.run(["ssh-add", "-q", str(key)], check=True, env={**os.environ, **env})
    yield env
    os.kill(pid, signal.SIGTERM)


def test_an_agent_full_of_keys(gc, agent):
    gc.launch("a1", *LAUNCH)
    assert gc.ok("exec", "a1", "--", "echo in", env=agent).stdout == "in\n"
    assert gc.ok("ssh", "a1", "echo", "in", env=agent).stdout == "in\n"
    gc.ok("--yes", "terminate", "a1")


def test_the_agents_key_alone_gets_in(gc, agent, tmp_path):
    """Where it is the agent that got in, OpenSSH may use it too."""
    public = " ".join((tmp_path / "key0.pub").read_text().split()[:2])
    one = gc.launch("a2", *LAUNCH)
    gc.ok("exec", "a2", "--", f"echo '{public}' > .ssh/authorized_keys")
    gc.fails(125, "exec", "a2", "--", "true", says="does not let 'ubuntu' in")
    assert gc.ok("exec", "a2", "--", "echo in", env=agent).stdout == "in\n"
    assert gc.ok("ssh", "a2", "echo", "in", env=agent).stdout == "in\n"
    gc.ok("--yes", "terminate", one["id"])


def test_folders_with_blanks_and_signs(machines, clean_env, tmp_path):
    odd = tmp_path / 'da ta %h "q" \\ $x'
    gc = Client({**clean_env, "XDG_DATA_HOME": str(odd)}, machines)
    gc.launch("odd", *LAUNCH)
    assert gc.ok("ssh", "odd", "echo", "in").stdout == "in\n"
    gc.ok("--yes", "terminate", "odd")


def test_what_is_wrong_here_is_told_alone(gc):
    one = gc.launch("w1", *LAUNCH)
    gc.ok("exec", "w1", "--", "true")
    key = data(gc) / "id_ed25519"
    key.chmod(0o644)
    before = gc.sim.state()["requests"].get("GetConsoleOutput", 0)
    done = gc.fails(125, "exec", "w1", "--", "true", says="others may use it")
    assert "console" not in done.stderr
    assert gc.sim.state()["requests"].get("GetConsoleOutput", 0) == before
    key.chmod(0o600)
    # a home that cannot be written to: its key is good all the same
    lock = data(gc) / ".id_ed25519.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    assert gc.ok("exec", "w1", "--", "echo in").stdout == "in\n"
    # an agent nobody could reach by that name
    long = {"SSH_AUTH_SOCK": "/tmp/" + "a" * 120}
    assert gc.ok("exec", "w1", "--", "echo in", env=long).stdout == "in\n"
    # nobody lets us in: who asked, with which key, and what to do
    home = folder(gc, one) / "root" / "home" / "ubuntu" / ".ssh"
    (home / "authorized_keys").write_text("")
    done = gc.fails(125, "exec", "w1", "--", "true",
                    says=(one["id"], "does not let 'ubuntu' in", str(key), "ssh_user"))
    assert "the last lines of its console" in done.stderr
    gc.ok("--yes", "terminate", "w1")


def test_another_key_is_named_as_openssh_does(gc, tmp_path):
    one = gc.launch("w2", *LAUNCH)
    gc.ok("exec", "w2", "--", "true")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "k")],
                   check=True)
    known = subprocess.run(["ssh-keygen", "-l", "-f", str(tmp_path / "k")], capture_output=True,
                           text=True, check=True).stdout.split()[1]
    show_again(gc, one, (tmp_path / "k").read_bytes())
    done = gc.fails(125, "exec", "w2", "--", "true", says=(known, ELSEWHERE))
    assert f"  try: gpucloud show {one['id']}" in done.stderr and "console" not in done.stderr
    gc.ok("--yes", "terminate", "w2")


def test_one_that_is_still_pending_is_waited_for(make_sim, clean_env):
    sim = make_sim("--machines", "sshd", "--boot-ms", "4000")
    gc = Client(clean_env, sim)
    gc.ok("launch", "--name", "soon", *LAUNCH[:-2], "--wait", "accepted")
    assert {r["state"] for r in gc.live("soon")} == {"pending"}
    assert gc.ok("exec", "soon", "--", "echo in").stdout == "in\n"
    gc.ok("--yes", "terminate", "soon")


# --- whose options they are ------------------------------------------------------------------


def test_what_stands_behind_the_name_is_the_commands(gc):
    gc.launch("o1", *LAUNCH)
    gc.ok("exec", "o1", "--", "touch .here")
    for args in (("ssh", "o1", "ls", "-la"), ("ssh", "o1", "--", "ls", "-la"),
                 ("exec", "o1", "ls", "-la"), ("exec", "o1", "--", "ls", "-la"),
                 ("exec", "o1", "--timeout", "30s", "ls", "-la"),
                 ("exec", "--timeout", "30s", "o1", "--", "ls", "-la")):
        assert " .here\n" in gc.ok(*args).stdout, args
    # OpenSSH's own option, and no -v of ours
    assert "debug1" in gc.ok("ssh", "o1", "-v", "true").stderr
    # words that would be ours elsewhere
    for word in ("--help", "-h", "--version", "--json"):
        assert gc.ok("exec", "o1", "echo", word).stdout == word + "\n"
        assert gc.ok("ssh", "o1", "echo", word).stdout == word + "\n"
    gc.fails(125, "exec", "nobody", "echo", "--json", says="there is no instance")
    assert json.loads(gc.run("--json", "exec", "nobody", "x").stderr.splitlines()[-1])["code"] == 125
    gc.ok("--yes", "terminate", "o1")
