# SPDX-License-Identifier: Apache-2.0
"""Simulated machines with a real sshd, as root and as an ordinary user, and what they leave."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest
from conftest import pid_is_gone, wait_until
from machine_tools import (USER, Key, MachineSim, Shell, listeners, nothing_left, processes_of,
                           user_data)

TTL = pathlib.Path(__file__).resolve().parents[2] / "fleet" / "machine"


@pytest.fixture
def key(tmp_path):
    return Key(tmp_path, "login")


@pytest.fixture
def host_key(tmp_path):
    return Key(tmp_path, "seed")


@pytest.fixture
def make_machines(clean_env):
    """make_machines(*start_arguments, uid=None): a simulator with sshd machines."""
    made = []

    def make(*args, uid=None):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="gpucloud-test-"))
        made.append(MachineSim(clean_env, folder, uid))
        return made[-1].start("--machines", "sshd", *args)

    yield make
    try:
        for one in made:
            one.stop()
    finally:
        for one in made:
            shutil.rmtree(one.folder.parent, ignore_errors=True)


# Who starts the simulator: whoever runs the tests and, where that is root, an ordinary user too.
@pytest.fixture(params=["self", "user"] if os.geteuid() == 0 else ["self"])
def sim(request, make_machines):
    return make_machines(uid=USER if request.param == "user" else None)


@pytest.fixture
def mine(make_machines):
    """For what does not depend on who started it."""
    return make_machines()


def seeded(key, host_key, **more):
    return {"ssh_authorized_keys": [key.public], "ssh_deletekeys": True,
            "ssh_keys": {"ed25519_private": host_key.private, "ed25519_public": host_key.line},
            **more}


def file_of(path, content, mode="0644"):
    return {"path": path, "owner": "root:root", "permissions": mode, "content": content}


# --- logging in ------------------------------------------------------------------------------


def test_log_in_and_run(sim, key, host_key):
    one = sim.launch(seeded(key, host_key))
    shell = Shell(sim, one, key, host_key.line).wait()
    assert shell.address.startswith("127.") and not shell.address.startswith("127.0.")
    assert sim.described(one)["PublicDnsName"] == shell.address
    assert shell.ok("echo out; echo err >&2") == "out\n"
    assert shell.run("echo err >&2; exit 7").returncode == 7
    assert shell.ok("cat", input="\0\xff\n".encode(), text=False) == "\0\xff\n".encode()
    assert shell.ok("echo $HOME; pwd").split() == [f"{sim.base}/{one}/root/home/ubuntu"] * 2
    assert shell.ok("whoami; id -un").split() == ["ubuntu", "ubuntu"]
    uid = int(shell.ok("id -u"))
    assert uid != 0 and (uid == os.geteuid() or os.geteuid() == 0)
    # a terminal, as a person has one
    done = subprocess.run(shell.argv("-tt"), input="tty; exit 3\n", capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 3 and "/dev/pts/" in done.stdout
    for user in ("ec2-user", "admin", "debian"):
        assert Shell(sim, one, key, host_key.line, user).ok("echo yes") == "yes\n"


def test_who_has_no_key_stays_out(mine, key, host_key, tmp_path):
    one = mine.launch(seeded(key, host_key))
    Shell(mine, one, key, host_key.line).wait()
    done = Shell(mine, one, Key(tmp_path, "other"), host_key.line).run("true")
    assert done.returncode == 255 and "Permission denied" in done.stderr
    for user in ("root", "nobody"):
        assert Shell(mine, one, key, host_key.line, user).run("true").returncode == 255


def test_files_up_and_down(sim, key, host_key, tmp_path):
    one = sim.launch(seeded(key, host_key))
    shell = Shell(sim, one, key, host_key.line).wait()
    data = os.urandom(3 << 20)
    (tmp_path / "up").write_bytes(data)
    shell.sftp("mkdir job", f"put {tmp_path}/up job/d",
               f"get job/d {tmp_path}/down")
    assert (tmp_path / "down").read_bytes() == data
    assert shell.ok("sha256sum job/d").split()[0] == hashlib.sha256(data).hexdigest()


def test_key_pair_of_the_cloud(mine, key):
    mine.boto("ec2").import_key_pair(KeyName="mine", PublicKeyMaterial=key.public.encode())
    one = mine.launch(KeyName="mine")
    shell = Shell(mine, one, key).wait()
    assert shell.ok("echo yes") == "yes\n"


def test_console_shows_the_host_key(mine, key, host_key):
    one = mine.launch(seeded(key, host_key))
    Shell(mine, one, key, host_key.line).wait()
    text = mine.console(one)
    begin, end = "-----BEGIN SSH HOST KEY KEYS-----\n", "\n-----END SSH HOST KEY KEYS-----"
    assert text.partition(begin)[2].partition(end)[0] == host_key.line
    mine.wait_console(one, "login:")
    assert host_key.private.splitlines()[2] not in mine.console(one)
    # without a seed it makes one, and the console is where to learn it
    other = mine.launch({"ssh_authorized_keys": [key.public]})
    mine.wait_console(other, end)
    own = mine.console(other).partition(begin)[2].partition(end)[0]
    assert own.startswith("ssh-ed25519 ")
    assert Shell(mine, other, key, " ".join(own.split()[:2])).wait().ok("echo yes") == "yes\n"


def test_gpu_is_simulated_and_says_so(mine, key, host_key):
    one = mine.launch(seeded(key, host_key), InstanceType="p3.8xlarge")
    shell = Shell(mine, one, key, host_key.line).wait()
    assert "simulated" in shell.ok("nvidia-smi")
    assert shell.ok("nvidia-smi -L").count("V100") == 4
    rows = shell.ok("nvidia-smi --query-gpu=index,memory.total --format=csv,noheader,nounits")
    assert rows.split("\n")[3] == "3, 16384"
    assert shell.run("nvidia-smi --query-gpu=colour --format=csv").returncode != 0
    bare = mine.launch(seeded(key, host_key), InstanceType="c3.xlarge")
    done = Shell(mine, bare, key, host_key.line).wait().run("nvidia-smi")
    assert done.returncode == 9


# --- root of a machine is nobody outside -----------------------------------------------------


def test_sudo_stays_below_the_root(sim, key, host_key):
    one = sim.launch(seeded(key, host_key))
    shell = Shell(sim, one, key, host_key.line).wait()
    assert shell.ok("sudo -n id -u; sudo whoami; sudo -u ubuntu A=b sh -c 'echo $A'").split() == \
        ["0", "root", "b"]
    name = f"gpucloud-test-{os.getpid()}"
    shell.ok(f"echo 'a  b' | sudo tee /etc/{name} >/dev/null")
    shell.ok(f"sudo sh -c 'cp /etc/{name} /var/lib/{name} && mkdir -p /opt/x /root/y'")
    shell.ok(f"sudo install -m 600 -o root -g root /dev/stdin /etc/ssh/{name}", input="secret\n")
    shell.ok(f"sudo chown root:root /etc/{name}")
    for real in ("/etc", "/var/lib", "/etc/ssh"):
        assert not os.path.exists(f"{real}/{name}")
    assert (sim.root(one) / "var/lib" / name).read_text() == "a  b\n"
    assert (sim.root(one) / "etc/ssh" / name).stat().st_mode & 0o777 == 0o600
    assert shell.ok(f"sudo cat /etc/ssh/{name}") == "secret\n"
    # words that only look like it are left as they are
    assert shell.ok("sudo printf '%s|' a/etc/b https://x/var/y '' 'two  blanks' '*'") == \
        "a/etc/b|https://x/var/y||two  blanks|*|"
    # what runs there can gain no rights, whatever it starts
    assert shell.ok("grep NoNewPrivs /proc/self/status").split() == ["NoNewPrivs:", "1"]
    for proc, _ in processes_of(sim.base / one):
        assert os.stat(f"/proc/{proc}").st_uid != 0


def test_ending_it_needs_sudo(mine, key, host_key):
    one = mine.launch(seeded(key, host_key))
    shell = Shell(mine, one, key, host_key.line).wait()
    for command in ("shutdown -h now", "poweroff", "reboot", "systemctl restart ssh"):
        done = shell.run(command)
        assert done.returncode == 1 and "sudo" in done.stderr, command
    assert shell.run("sudo shutdown -h someday").returncode == 1
    shell.ok("sudo shutdown -h +10; sudo shutdown -c")
    assert mine.described(one)["State"]["Name"] == "running"


def test_rotated_host_key(sim, key, host_key):
    one = sim.launch(seeded(key, host_key))
    shell = Shell(sim, one, key, host_key.line).wait()
    shell.ok("sudo rm -f /etc/ssh/new /etc/ssh/new.pub && "
             "sudo ssh-keygen -q -t ed25519 -N '' -C '' -f /etc/ssh/new")
    fresh = shell.ok("sudo cat /etc/ssh/new.pub").strip()
    shell.ok("sudo mv /etc/ssh/new /etc/ssh/ssh_host_ed25519_key && "
             "sudo mv /etc/ssh/new.pub /etc/ssh/ssh_host_ed25519_key.pub")
    shell.ok("true")  # the old one is in use until sshd is restarted
    shell.ok("sudo systemctl restart ssh")
    assert shell.run("true").returncode == 255
    shell = Shell(sim, one, key, fresh)
    shell.ok("true")
    # one that is no key is not taken
    shell.ok("echo nonsense | sudo tee /etc/ssh/ssh_host_ed25519_key")
    assert shell.run("sudo systemctl restart sshd").returncode == 1
    assert shell.ok("echo still there") == "still there\n"


# --- user-data -------------------------------------------------------------------------------


def test_files_and_commands(mine, key, host_key):
    name = f"gpucloud-test-{os.getpid()}"
    one = mine.launch(seeded(
        key, host_key,
        write_files=[file_of(f"/etc/{name}", "written\n", "0640"),
                     file_of("/usr/local/bin/hello", "#!/bin/sh\necho hello \"$@\"\n", "0755")],
        # in cloud-init's order: bootcmd comes before write_files, runcmd after
        bootcmd=[f"ls /etc/{name} || echo boot-first", "x=kept", "echo boot-$x >>/var/log/boots"],
        runcmd=[["/usr/local/bin/hello", "a b", "$HOME", "it's"],
                f"cat /etc/{name}; id -u; exit 3; echo never"]))
    mine.wait_console(one, "runcmd ended with 3")
    text = mine.console(one)
    assert "boot-first\n" in text and "hello a b $HOME it's\nwritten\n0\n" in text
    assert "never" not in text and not os.path.exists(f"/etc/{name}")
    root = mine.root(one)
    assert (root / "etc" / name).stat().st_mode & 0o777 == 0o640
    assert (root / "var/log/boots").read_text() == "boot-kept\n"


@pytest.mark.parametrize("data,says", [
    (user_data(packages=["x"]), "unknown key 'packages'"),
    (user_data(ssh_keys={"rsa_private": "x"}), "unknown key 'rsa_private'"),
    (user_data(write_files=[{"path": "/x", "content": "", "encoding": "b64"}]), "'encoding'"),
    (user_data(write_files=[file_of("/etc/../../x", "")]), "bad path"),
    (user_data(write_files=[file_of("etc/x", "")]), "bad path"),
    (user_data(write_files=[file_of("/etc/x", "", "0999")]), "bad permissions"),
    (user_data(runcmd="true"), "runcmd: expected a list"),
    (user_data(bootcmd=[["a", 1]]), "bootcmd"),
    (user_data(ssh_deletekeys="yes"), "ssh_deletekeys"),
    (user_data(ssh_authorized_keys=["a\nb"]), "ssh_authorized_keys"),
    ("# !/bin/sh\ntrue\n", "#cloud-config"),
    ("#cloud-config\nruncmd:\n - true\n", "user-data"),
    ("#cloud-config\n[]", "expected an object"),
    ("#cloud-config\n{\"runcmd\":[],\"runcmd\":[]}", "runcmd"),
])
def test_bad_user_data(make_machines, data, says):
    sim = make_machines()
    one = sim.launch(data)
    sim.wait_console(one, "does not boot")
    assert says in sim.console(one)
    assert listeners(sim.port) == []
    assert sim.described(one)["State"]["Name"] == "running"  # as with the real one


def test_time_limit_fires_while_nobody_looks(sim, key, host_key):
    unit = (TTL / "gpucloud-ttl.service").read_text().replace("@SECONDS@", "3600")
    ttl = "gpucloud-ttl.service"
    one = sim.launch(seeded(
        key, host_key,
        write_files=[file_of("/usr/local/lib/gpucloud/ttl", (TTL / "ttl.sh").read_text(), "0755"),
                     file_of("/var/lib/gpucloud/ttl-left", "3600\n"),
                     file_of(f"/etc/systemd/system/{ttl}", unit)],
        bootcmd=[["systemd-run", "--no-block", "--unit=arm", "--property=Restart=on-failure",
                  "--property=RestartSec=5", "systemctl", "enable", "--now", ttl]],
        runcmd=[["systemctl", "enable", "--now", ttl]]))
    shell = Shell(sim, one, key, host_key.line).wait()
    wait_until(lambda: shell.run(f"systemctl is-active {ttl}").returncode == 0, "the unit")
    left = sim.root(one) / "var/lib/gpucloud/ttl-left"
    sim.advance(3000)
    wait_until(lambda: 500 < int(left.read_text() or 9999) <= 600, "time that passed")
    # a reboot goes on counting, as the unit is enabled
    shell.run("sudo reboot")
    wait_until(lambda: sim.console(one).count("login:") == 2, "the reboot")
    assert shell.ok(f"systemctl is-enabled {ttl}; systemctl is-active {ttl}").split() == \
        ["enabled", "active"]
    sim.advance(400)
    wait_until(lambda: 100 < int(left.read_text() or 9999) <= 200, "time that passed")
    sim.advance(200)
    base = sim.base / one
    wait_until(lambda: not processes_of(base), "the end")  # nobody asked the cloud anything
    sim.wait_for(one, "shutting-down", "terminated")
    assert sim.described(one)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert "reaches its time limit" in sim.console(one)


# --- off and on ------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", [
    {"InstanceInitiatedShutdownBehavior": "terminate"},
    {"InstanceInitiatedShutdownBehavior": "terminate", "spot": True}], ids=["on-demand", "spot"])
def test_shutdown_terminates(sim, key, host_key, behaviour):
    one = sim.launch(seeded(key, host_key), **behaviour)
    shell = Shell(sim, one, key, host_key.line).wait()
    shell.ok("setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo started")
    shell.run("sudo shutdown -h now; sleep 30")  # it does not survive its own word
    sim.wait_for(one, "shutting-down", "terminated")
    wait_until(lambda: not (sim.base / one).exists(), "its folder's end")
    assert processes_of(sim.base / one) == [] and listeners(sim.port) == []
    assert "Power down" in sim.console(one)


def test_stop_and_start(mine, key, host_key):
    data = seeded(key, host_key, bootcmd=["echo b >>/var/log/boots"],
                  runcmd=["echo r >>/var/log/runs"])
    one = mine.launch(data, InstanceInitiatedShutdownBehavior="stop")
    shell = Shell(mine, one, key, host_key.line).wait()
    mine.wait_console(one, "login:")
    shell.ok("echo kept >file")
    shell.run("sudo poweroff")
    mine.wait_for(one, "stopped")
    assert processes_of(mine.base / one) == [] and listeners(mine.port) == []
    mine.boto("ec2").start_instances(InstanceIds=[one])
    mine.wait_for(one, "running")
    shell = Shell(mine, one, key, host_key.line).wait()
    assert shell.ok("cat file") == "kept\n"
    assert shell.ok("sudo cat /var/log/boots /var/log/runs").split() == ["b", "b", "r"]
    mine.boto("ec2").stop_instances(InstanceIds=[one])
    mine.wait_for(one, "stopped")
    assert processes_of(mine.base / one) == []


def test_reboot(sim, key, host_key):
    one = sim.launch(seeded(key, host_key))
    shell = Shell(sim, one, key, host_key.line).wait()
    shell.ok("setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo kept >file")
    for nth, reboot in enumerate((
            lambda: sim.boto("ec2").reboot_instances(InstanceIds=[one]),
            lambda: shell.run("sudo reboot; sleep 30"),
            lambda: shell.run("sudo systemctl reboot; sleep 30")), 2):
        sim.wait_console(one, "login:")
        reboot()
        wait_until(lambda: sim.console(one).count("login:") == nth, "the reboot")
        assert shell.ok("cat file") == "kept\n"  # under the same host key
        assert b"sleep" not in b"".join(text for _, text in processes_of(sim.base / one))
    assert sim.described(one)["State"]["Name"] == "running"


def test_terminated_one_leaves_nothing(sim, key, host_key):
    one = sim.launch(seeded(key, host_key))
    two = sim.launch(seeded(key, host_key))
    shell = Shell(sim, one, key, host_key.line).wait()
    other = Shell(sim, two, key, host_key.line).wait()
    # what tries to get away, and a folder nobody may enter
    shell.ok("(setsid sh -c 'setsid sleep 1000 & sleep 1000' >/dev/null 2>&1 </dev/null &); "
             "mkdir -p a/b && chmod 0 a")
    session = subprocess.Popen(shell.argv("sleep 1000"), stdin=subprocess.DEVNULL)
    sim.boto("ec2").terminate_instances(InstanceIds=[one])
    assert session.wait(30) == 255
    wait_until(lambda: not (sim.base / one).exists(), "its folder's end")
    assert processes_of(sim.base / one) == []
    assert listeners(sim.port) == [other.address]
    assert other.ok("echo unharmed") == "unharmed\n"
    assert host_key.line in sim.console(one)


def test_killed_simulator_leaves_nothing(sim, key, host_key):
    one = sim.launch(seeded(key, host_key))
    shell = Shell(sim, one, key, host_key.line).wait()
    shell.ok("setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo started")
    os.kill(sim.pid, signal.SIGKILL)
    wait_until(lambda: pid_is_gone(sim.pid) and not sim.base.exists(), "the end of it all")
    nothing_left(sim.base, sim.port)
    sim.start("--machines", "sshd")  # and it is replaced as before
    Shell(sim, sim.launch(seeded(key, host_key)), key, host_key.line).wait()


def test_killed_machine_is_off(mine, key, host_key):
    one = mine.launch(seeded(key, host_key))
    shell = Shell(mine, one, key, host_key.line).wait()
    shell.ok("setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo started")
    facts = (mine.base / one / "machine.sh").read_text()
    init = int(facts.partition("INIT=")[2].split()[0])
    os.kill(init, signal.SIGKILL)
    mine.wait_for(one, "shutting-down", "terminated")
    assert processes_of(mine.base / one) == []


def test_killed_supervisor_and_simulator(sim, key, host_key):
    """What nobody was left to remove, the next start in the same folder does."""
    one = sim.launch(seeded(key, host_key))
    Shell(sim, one, key, host_key.line).wait()
    children = pathlib.Path(f"/proc/{sim.pid}/task/{sim.pid}/children").read_text().split()
    base, port = sim.base, sim.port
    os.kill(sim.pid, signal.SIGSTOP)
    for pid in [*map(int, children), sim.pid]:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: pid_is_gone(sim.pid) and not processes_of(base), "their end")
    assert base.exists()
    sim.start("--machines", "sshd")
    assert sim.base != base
    nothing_left(base, port)


# --- broken on purpose -----------------------------------------------------------------------


def test_swapped_host_key(mine, key, host_key):
    one = mine.launch(seeded(key, host_key))
    two = mine.launch(seeded(key, host_key))
    shell = Shell(mine, one, key, host_key.line).wait()
    Shell(mine, two, key, host_key.line).wait()
    mine.fault(kind="swap-host-key", instance=one)
    wait_until(lambda: shell.run("true").returncode == 255, "the other key")
    assert "changed" in shell.run("true").stderr.lower()
    assert host_key.line in mine.console(one)
    assert Shell(mine, two, key, host_key.line).ok("echo itself") == "itself\n"
    mine.fault(kind="heal", instance=one)
    wait_until(lambda: shell.run("true").returncode == 0, "its own key")


def test_hang_refuse_disconnect(mine, key, host_key):
    one = mine.launch(seeded(key, host_key))
    shell = Shell(mine, one, key, host_key.line).wait()
    session = subprocess.Popen(shell.argv("sleep 1000"), stdin=subprocess.DEVNULL)
    wait_until(lambda: any(b"sleep" in t for _, t in processes_of(mine.base / one)), "a session")
    mine.fault(kind="disconnect")
    assert session.wait(30) == 255
    assert shell.ok("echo again") == "again\n"
    mine.fault(kind="hang")
    wait_until(lambda: shell.banner(1) is None, "silence")
    mine.fault(kind="refuse", instance=one)
    wait_until(lambda: listeners(mine.port) == [], "nobody")
    with pytest.raises(ConnectionRefusedError):
        shell.banner()
    mine.fault(kind="heal")
    wait_until(lambda: listeners(mine.port), "health")
    assert shell.ok("echo well") == "well\n"


@pytest.mark.parametrize("kind", ["swap-host-key", "hang", "refuse"])
def test_broken_from_the_start(make_machines, key, host_key, kind):
    sim = make_machines("--machine-fault", kind)
    one = sim.launch(seeded(key, host_key))
    sim.wait_console(one, "login:")
    shell = Shell(sim, one, key, host_key.line)
    if kind == "swap-host-key":
        assert "changed" in shell.run("true").stderr.lower()
    elif kind == "hang":
        assert shell.banner(1) is None
    else:
        assert listeners(sim.port) == []


def test_unknown_words(make_machines):
    sim = make_machines()
    done = sim.run("fault", json.dumps({"kind": "hang", "zone": "us-east-1a"}))
    assert done.returncode == 2 and "zone" in done.stderr
    for args in (["--machines", "real"], ["--machine-fault", "disconnect"],
                 ["--machine-addresses", "0"]):
        done = sim.run("start", "--detach", *args)
        assert done.returncode == 2 and args[1] in done.stderr


# --- side by side ----------------------------------------------------------------------------


def test_reused_address(make_machines, key, host_key, tmp_path):
    sim = make_machines("--machine-addresses", "1")
    one = sim.launch(seeded(key, host_key))
    first = Shell(sim, one, key, host_key.line).wait()
    sim.boto("ec2").terminate_instances(InstanceIds=[one])
    wait_until(lambda: listeners(sim.port) == [], "its end")
    other_key = Key(tmp_path, "another")
    two = sim.launch(seeded(key, other_key))
    second = Shell(sim, two, key, other_key.line).wait()
    assert second.address == first.address
    assert first.run("true").returncode == 255  # the same place, but not whom it knew


def test_two_simulators(make_machines, key, host_key):
    uids = [None, USER] if os.geteuid() == 0 else [None, None]
    one, two = [make_machines("--seed", "7", uid=uid) for uid in uids]
    assert one.port != two.port and one.base != two.base
    shells = [Shell(s, s.launch(seeded(key, host_key)), key, host_key.line).wait()
              for s in (one, two)]
    shells[0].ok("echo one >file")
    shells[1].ok("echo two >file")
    assert [s.ok("cat file") for s in shells] == ["one\n", "two\n"]
    one.stop()
    assert shells[1].ok("cat file") == "two\n"


def test_many_machines(make_machines, key, host_key):
    sim = make_machines()
    count = 6
    launched = sim.boto("ec2").run_instances(
        ImageId=sim.described(sim.launch(seeded(key, host_key)))["ImageId"],
        InstanceType="g5.xlarge", MinCount=count, MaxCount=count,
        SecurityGroupIds=[sim.open_group()],
        UserData=user_data(**seeded(key, host_key)))["Instances"]
    ids = [i["InstanceId"] for i in launched]
    for one in ids:
        sim.wait_for(one, "running")
    shells = [Shell(sim, one, key, host_key.line).wait() for one in ids]
    assert len({s.address for s in shells}) == count


# --- machines that are less ------------------------------------------------------------------


def test_fake_machines(clean_env, tmp_path, key, host_key):
    sim = MachineSim(clean_env, tmp_path)
    sim.start("--machines", "fake")
    try:
        one = sim.launch(seeded(key, host_key))
        assert host_key.line in sim.console(one) and "simulated" in sim.console(one)
        assert sim.address(one).startswith("198.18.") and sim.port is None
        bad = sim.launch(user_data(packages=[]))
        assert "unknown key 'packages'" in sim.console(bad)
    finally:
        sim.stop()


def test_no_machines(clean_env, tmp_path, key, host_key):
    sim = MachineSim(clean_env, tmp_path)
    sim.start("--machines", "none")
    try:
        one = sim.launch(seeded(key, host_key))
        assert sim.console(one) == ""
        assert sim.address(one).startswith("198.18.") and sim.port is None
    finally:
        sim.stop()
