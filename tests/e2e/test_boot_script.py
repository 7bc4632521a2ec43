# SPDX-License-Identifier: Apache-2.0
"""The startup script: run for real by several shells, below a folder of its own, and on simulated machines.

GPUCLOUD_USERDATA_DUMP names the program made of tests/unit/userdata_dump.c.
"""
import json
import os
import pathlib
import shutil
import stat
import subprocess

import pytest
from conftest import program, wait_until
from machine_tools import Key, Shell
from test_sim_machine import make_machines, mine  # noqa: F401  (fixtures)

MARK = "# gpucloud startup script 1"
SHELLS = [("/bin/dash",), ("/bin/bash",), ("/bin/busybox", "sh")]
SHELLS = [pytest.param(shell, id=shell[0].rsplit("/", 1)[1]) for shell in SHELLS
          if os.access(shell[0], os.X_OK)]
TOOLS = ("cat", "chmod", "date", "mkdir", "mv", "rm", "sleep", "sync", "tail", "timeout")
TOLD = """#!/bin/sh
echo "$NAME $*" >>"$LOG"
[ ! -e "$LOG.fail-$NAME" ] && ! grep -qxF "$NAME $*" "$LOG.fail" 2>/dev/null
"""
HAS_USER = """#!/bin/sh
[ "$1" = passwd ] && cat "$LOG.passwd-$2" 2>/dev/null || exit 2
"""
LIMIT = "usr/local/lib/gpucloud/ttl"
LEFT = "var/lib/gpucloud/ttl-left"
UNIT = "etc/systemd/system/gpucloud-ttl.service"
HOST = "etc/ssh/ssh_host_ed25519_key"
KEYS = "home/paperspace/.ssh/authorized_keys"


def dump(*options):
    done = subprocess.run([program("GPUCLOUD_USERDATA_DUMP"), *map(str, options)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pem(script):
    """Reading a key and writing it again does not give the same bytes."""
    return script.partition("<<'GPUCLOUD-END-OF-KEY'")[2].partition("\n")[2].partition("GPUCLOUD-")[0]


class Box:
    """A root folder as an image has it, and commands that only note that they were called."""

    def __init__(self, folder, shell):
        self.root = folder / "root"
        self.shell = shell
        self.log = folder / "log"
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in TOOLS:
            (self.bin / name).symlink_to(shutil.which(name))
        for name in ("systemctl", "systemd-run", "chown"):
            self.shim(name, TOLD.replace("$NAME", name))
        self.shim("getent", HAS_USER)
        self.user("paperspace", "/home/paperspace")
        for name in ("home/paperspace", "etc/ssh", "var/log"):
            (self.root / name).mkdir(parents=True)
        for name in ("rsa_key", "rsa_key.pub", "ed25519_key", "ed25519_key.pub", "ecdsa_key-cert.pub"):
            self.write(f"etc/ssh/ssh_host_{name}", "the image's\n")
        self.write("etc/ssh/sshd_config", "kept\n")

    def shim(self, name, text):
        (self.bin / name).write_text(text.replace("$LOG", str(self.log)))
        (self.bin / name).chmod(0o755)

    def user(self, name, home):
        pathlib.Path(f"{self.log}.passwd-{name}").write_text(f"{name}:x:1234:5678:A b,,,:{home}:/bin/sh\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name):
        return (self.root / name).read_text()

    def mode(self, name):
        return stat.S_IMODE((self.root / name).stat().st_mode)

    def run(self, script, code=0):
        path = self.root.parent / "script"
        path.write_text(script)
        self.log.write_text("")
        done = subprocess.run([*self.shell, str(path)], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, cwd="/",
                              env={"PATH": str(self.bin), "GPUCLOUD_TTL_ROOT": str(self.root),
                                   "GPUCLOUD_TTL_RETRY": "0"})
        assert done.returncode == code, (done.stdout, done.stderr, self.startup_log())
        assert (done.stdout, done.stderr) == ("", "")
        return self.called()

    def called(self):
        return [line for line in self.log.read_text().splitlines() if not line.startswith("chown")]

    def startup_log(self):
        path = self.root / "var/log/gpucloud-startup.log"
        return path.read_text() if path.exists() else ""

    def tree(self):
        """Everything but the log: path, mode, bytes."""
        return {str(p.relative_to(self.root)): (p.stat().st_mode, p.is_file() and p.read_bytes())
                for p in self.root.rglob("*") if p.name != "gpucloud-startup.log"}


@pytest.fixture
def seed(tmp_path):
    return Key(tmp_path, "seed")


@pytest.fixture
def login(tmp_path):
    return Key(tmp_path, "login")


@pytest.fixture
def options(seed, login):
    return ("--login", login.public, "--seed", seed.path, "--ttl", 43200)


@pytest.fixture
def script(options):
    return dump("--script", "paperspace", *options)


@pytest.fixture(params=SHELLS)
def box(request, tmp_path):
    return Box(tmp_path, request.param)


ARMED = ["systemctl daemon-reload", "systemctl enable --now gpucloud-ttl.service"]


def test_it_does_what_cloud_init_does(box, script, options):
    called = box.run(script)
    data = json.loads(dump(*options).partition("\n")[2])
    for entry in data["write_files"]:
        assert box.read(entry["path"][1:]) == entry["content"], entry["path"]
        assert box.mode(entry["path"][1:]) == int(entry["permissions"], 8), entry["path"]
    assert box.read(HOST) == pem(script) and pem(script).startswith("-----BEGIN OPENSSH")
    assert box.read(HOST + ".pub") == data["ssh_keys"]["ed25519_public"] + "\n"
    assert (box.mode(HOST), box.mode(HOST + ".pub")) == (0o600, 0o644)
    assert box.read(KEYS) == data["ssh_authorized_keys"][0] + "\n"
    assert (box.mode(KEYS), box.mode("home/paperspace/.ssh")) == (0o600, 0o700)
    # as ssh_deletekeys: nothing else of the image's is served
    assert sorted(p.name for p in (box.root / "etc/ssh").iterdir()) == \
        ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "sshd_config"]
    assert called == [*ARMED, "systemctl try-restart ssh.service"]
    owned = [line.split() for line in box.log.read_text().splitlines() if line.startswith("chown")]
    assert {words[1] for words in owned} == {"1234:5678"}
    assert {words[2] for words in owned} == {str(box.root / KEYS), str((box.root / KEYS).parent)}
    # others must be able to look where the limit and the marks are
    for name in ("usr/local/lib/gpucloud", "var/lib/gpucloud", "etc/systemd/system"):
        assert box.mode(name) == 0o755
    assert box.read("var/lib/gpucloud/booted") == script.split("launch='")[1][:32] + "\n"
    log = box.startup_log()
    assert log.endswith(" done\n") and "failed" not in log
    assert "PRIVATE" not in log and not list(box.root.rglob("*.new"))


def test_systemd_and_openssh_read_them(box, script, seed):
    box.run(script)
    done = subprocess.run(["ssh-keygen", "-y", "-f", box.root / HOST], capture_output=True, text=True)
    assert done.stdout.split()[:2] == seed.line.split(), done.stderr
    assert subprocess.run(["/bin/sh", "-n", box.root / LIMIT]).returncode == 0
    assert f"/gpucloud/ttl 43200\n" in box.read(UNIT)


def test_again_changes_nothing(box, script):
    box.run(script)
    before = box.tree()
    assert box.run(script) == ARMED
    assert box.tree() == before
    # what happened since the first boot: the first login, time, a renewal, a key taken away
    box.write(HOST, "rotated\n")
    box.write(HOST + ".pub", "rotated\n")
    box.write("etc/ssh/ssh_host_rsa_key", "made since\n")
    box.write(LEFT, "77\n")
    box.write(KEYS, "another's\n")
    before = box.tree()
    assert box.run(script) == ARMED
    assert box.tree() == before
    # and whoever wants no limit removes the unit
    (box.root / UNIT).unlink()
    assert box.run(script) == []
    assert not (box.root / UNIT).exists()


def test_another_launch_of_a_copied_disk(box, script, login, tmp_path):
    box.run(script)
    box.write(HOST, "rotated\n")
    box.write(LEFT, "0\n")
    other = Key(tmp_path, "other-seed")
    called = box.run(dump("--script", "paperspace", "--login", login.public, "--seed", other.path,
                          "--ttl", 3600))
    assert called == [*ARMED, "systemctl try-restart ssh.service"]
    assert box.read(HOST) not in ("rotated\n", pem(script))
    assert box.read(HOST + ".pub") == f"{other.line}\n" and box.read(LEFT) == "3600\n"
    assert box.read(KEYS).count(login.line) == 1
    assert box.run(script)[-1] == "systemctl try-restart ssh.service"  # the first one is the other now


@pytest.mark.parametrize("there,lines", [
    (None, []), ("", []), ("# none\n", ["# none"]), ("ssh-rsa AAAA me", ["ssh-rsa AAAA me"]),
    ("a\n\n b\\n \n", ["a", "", " b\\n "]),
], ids=["none", "empty", "comment", "no-end", "odd"])
def test_login_key_is_added(box, script, login, there, lines):
    if there is not None:
        box.write(KEYS, there)
    box.run(script)
    assert box.read(KEYS).splitlines() == [*lines, f"{login.line} gpucloud"]


@pytest.mark.parametrize("end", ["\n", "", "\nmore\n"])
def test_login_key_that_is_there(box, script, login, end):
    box.write(KEYS, f"first\n{login.line} gpucloud{end}")
    box.run(script)
    assert box.read(KEYS) == f"first\n{login.line} gpucloud{end}"


def test_root_logs_in(box, options, login):
    (box.root / "root").mkdir()
    box.user("root", "/root")
    box.run(dump("--script", "root", *options))
    assert box.read("root/.ssh/authorized_keys") == f"{login.line} gpucloud\n"
    assert not (box.root / KEYS).exists()


def test_what_was_not_asked_for_is_left_alone(box, login):
    before = box.tree()
    assert box.run(dump("--script", "paperspace")) == []
    booted = "var/lib/gpucloud/booted"
    assert {k: v for k, v in box.tree().items() if not k.startswith("var")} == \
        {k: v for k, v in before.items() if not k.startswith("var")}
    assert len(box.read(booted)) == 33
    assert box.run(dump("--script", "paperspace", "--login", login.public)) == []
    assert (box.root / KEYS).exists() and not (box.root / UNIT).exists()
    assert box.read(HOST) == "the image's\n"


def test_one_part_fails_and_the_others_do_not(box, script, login):
    # the limit: its folder cannot be made
    box.write("usr", "a file\n")
    assert box.run(script, 1) == ["systemctl try-restart ssh.service"]
    assert box.read(HOST) == pem(script) and login.line in box.read(KEYS)
    assert box.read("var/lib/gpucloud/booted").endswith(" failed: limit\n")
    assert "limit failed\n" in box.startup_log()
    # the next boot makes up for it, and does nothing twice
    box.write(HOST, "rotated\n")
    (box.root / "usr").unlink()
    assert box.run(script) == ARMED
    assert box.read(HOST) == "rotated\n" and box.read(LEFT) == "43200\n"
    assert "failed" not in box.read("var/lib/gpucloud/booted")


def test_host_key_fails(box, script, login):
    shutil.rmtree(box.root / "etc/ssh")
    box.write("etc/ssh", "a file\n")
    assert box.run(script, 1) == ARMED
    assert login.line in box.read(KEYS)
    assert box.read("var/lib/gpucloud/booted").endswith(" failed: host_key\n")


def test_host_key_needs_its_mark(box, script):
    """What could not be remembered must not be done: at the next boot it would be done again."""
    (box.root / "var/lib/gpucloud/startup-host-key.new").mkdir(parents=True)
    assert box.run(script, 1) == ARMED
    assert box.read(HOST) == "the image's\n"


def test_no_such_user(box, script):
    pathlib.Path(f"{box.log}.passwd-paperspace").unlink()
    assert box.run(script, 1) == [*ARMED, "systemctl try-restart ssh.service"]
    assert "there is no user 'paperspace'\n" in box.startup_log()
    box.user("paperspace", "/home/nowhere")
    box.run(script, 1)
    assert "has no folder" in box.startup_log()
    box.user("paperspace", "/home/paperspace")
    assert box.run(script) == ARMED and (box.root / KEYS).exists()


def test_systemd_that_is_not_ready(box, script, options):
    pathlib.Path(f"{box.log}.fail").write_text(
        "systemctl enable --now gpucloud-ttl.service\nsystemctl try-restart ssh.service\n")
    data = json.loads(dump(*options).partition("\n")[2])
    assert box.run(script) == [*ARMED, " ".join(data["bootcmd"][0]),
                               "systemctl try-restart ssh.service", "systemctl try-restart sshd.service"]
    pathlib.Path(f"{box.log}.fail-systemctl").touch()
    pathlib.Path(f"{box.log}.fail-systemd-run").touch()
    assert box.run(script, 1)[-1].startswith("systemd-run ")


def test_half_a_script_does_nothing(box, script):
    before = box.tree()
    whole = script.rindex("\nmain ")  # what is behind that calls it
    for cut in (*range(1, whole, max(1, len(script) // 40)), whole):
        path = box.root.parent / "script"
        path.write_text(script[:cut])
        subprocess.run([*box.shell, str(path)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                       env={"PATH": str(box.bin), "GPUCLOUD_TTL_ROOT": str(box.root)})
        assert box.tree() == before, cut


def test_a_disk_that_takes_nothing(box, script):
    shutil.rmtree(box.root / "var")
    box.write("var", "a file\n")
    path = box.root.parent / "script"
    path.write_text(script)
    box.log.write_text("")
    done = subprocess.run([*box.shell, str(path)], capture_output=True, text=True, timeout=60,
                          env={"PATH": str(box.bin), "GPUCLOUD_TTL_ROOT": str(box.root),
                               "GPUCLOUD_TTL_RETRY": "0"})
    assert done.returncode != 0 and "limit failed" in done.stdout
    assert "PRIVATE" not in done.stdout + done.stderr
    assert box.read(HOST) == "the image's\n"
    assert (box.root / KEYS).exists()  # it is no secret, and adding it twice does no harm


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck(script, tmp_path):
    path = tmp_path / "script"
    path.write_text(script)
    done = subprocess.run(["shellcheck", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# --- simulated machines ----------------------------------------------------------------------


def test_machine_boots_by_it(mine, seed, login, options):  # noqa: F811
    script = dump("--script", "ubuntu", *options)
    one = mine.launch(script)
    mine.wait_console(one, "startup script (simulated): ended with 0")
    shell = Shell(mine, one, login, seed.line).wait()
    root = mine.root(one)
    assert shell.ok("whoami; sudo cat /var/lib/gpucloud/booted").split()[0] == "ubuntu"
    assert shell.ok("systemctl is-enabled gpucloud-ttl; systemctl is-active gpucloud-ttl").split() == \
        ["enabled", "active"]
    left = root / "var/lib/gpucloud/ttl-left"
    mine.advance(3600)
    wait_until(lambda: 39000 < int(left.read_text() or 0) <= 39600, "time that passed")
    # a reboot does not run it again, and goes on counting
    shell.ok("sudo ssh-keygen -q -t ed25519 -N '' -C '' -f /etc/ssh/new && "
             "sudo mv /etc/ssh/new /etc/ssh/ssh_host_ed25519_key && "
             "sudo mv /etc/ssh/new.pub /etc/ssh/ssh_host_ed25519_key.pub")
    fresh = shell.ok("sudo cat /etc/ssh/ssh_host_ed25519_key.pub").strip()
    shell.run("sudo reboot; sleep 30")
    wait_until(lambda: mine.console(one).count("login:") == 2, "the reboot")
    shell = Shell(mine, one, login, fresh).wait()
    assert shell.ok("systemctl is-active gpucloud-ttl") == "active\n"
    assert int(left.read_text()) <= 39600
    text = mine.console(one)
    assert text.count("startup script (simulated)") == 1
    # the seeded private key was where sshd read it, and is nowhere now
    secret = pem(script).splitlines()[2]
    assert secret not in text
    assert [p for p in (mine.base / one).rglob("*") if p.is_file() and p.stat().st_size < 1 << 20
            and secret in p.read_text(errors="replace")] == []


def test_machine_shows_its_own_key_first(mine, seed, login, options):  # noqa: F811
    """As a real image: sshd is up before the script, and the console has what it showed then."""
    one = mine.launch(dump("--script", "ubuntu", *options))
    mine.wait_console(one, "ended with 0")
    own = mine.console(one).partition("HOST KEY KEYS-----\n")[2].partition("\n")[0]
    assert own.startswith("ssh-ed25519 ") and own.split()[1] != seed.line.split()[1]
    assert Shell(mine, one, login, " ".join(own.split()[:2])).run("true").returncode == 255
    Shell(mine, one, login, seed.line).wait()


@pytest.mark.parametrize("text", [
    "#!/bin/sh\ntouch {}\n", f"#!/bin/sh\n\n{MARK}\ntouch {{}}\n", "#!/bin/sh", "#!",
    f"#!/bin/sh\n {MARK}\ntouch {{}}\n", f"#!/bin/sh\n{MARK}2\ntouch {{}}\n", f"#!/bin/sh\n{MARK}",
], ids=["none", "late", "short", "shortest", "blank", "longer", "no-end"])
def test_no_other_script_is_run(mine, tmp_path, login, text):  # noqa: F811
    os.chmod(tmp_path, 0o777)
    one = mine.launch(text.format(tmp_path / "touched"))
    mine.wait_console(one, "login:")
    assert "the simulator runs no other on this computer" in mine.console(one)
    assert not (tmp_path / "touched").exists()
    assert Shell(mine, one, login).run("true").returncode == 255
