# SPDX-License-Identifier: Apache-2.0
"""Jobs on a simulated machine, over a real sshd: what outlives the connection, and what stays secret.

job_drive speaks fleet/job.h; Debian's ssh looks at the machine from the side.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest
from conftest import program, wait_until
from machine_tools import Key, MachineSim, Shell, user_data

PROBE = pathlib.Path(__file__).resolve().parents[2] / "fleet" / "machine" / "probe.sh"
ID = "20261123-141503-k3x9ma"
FAILED = 120


class Driver:
    """job_drive on one machine."""

    def __init__(self, sim, instance, key, host_key, env):
        self.sim, self.instance, self.env = sim, instance, env
        self.argv = [program("GPUCLOUD_JOB_DRIVE"), sim.address(instance), str(sim.port),
                     str(key.path), host_key.line]
        self.shell = Shell(sim, instance, key, host_key.line).wait()
        self.root = sim.root(instance)
        self.folder = self.root / "home/ubuntu/.gpucloud/jobs"

    def run(self, *args, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL if "input" not in kw else None)
        if kw["stdin"] is None:
            del kw["stdin"]
        return subprocess.run([*self.argv, *args], env=self.env, capture_output=True, text=True,
                              timeout=120, **kw)

    def ok(self, *args, **kw):
        done = self.run(*args, **kw)
        assert done.returncode == 0, (args, done.stdout, done.stderr)
        return done.stdout

    def popen(self, *args):
        return subprocess.Popen([*self.argv, *args], env=self.env, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def look(self, job=ID):
        return self.ok("look", job).split()[1:]

    def wait(self, *words, job=ID):
        wait_until(lambda: self.look(job)[:len(words)] == list(words), words)

    def job_says(self):
        """What `gpucloud idle` would learn of it."""
        text = self.shell.ok("sh -s", input=PROBE.read_text())
        return [line for line in text.splitlines() if line.startswith("job ")][0]

    def state(self, job=ID):
        return (self.folder / job / "state").read_text().split()


@pytest.fixture
def box(clean_env, tmp_path):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gpucloud-test-"))
    sim = MachineSim(clean_env, folder).start("--machines", "sshd")
    try:
        key, seed = Key(tmp_path, "login"), Key(tmp_path, "seed")
        one = sim.launch(user_data(
            ssh_authorized_keys=[key.public], ssh_deletekeys=True,
            ssh_keys={"ed25519_private": seed.private, "ed25519_public": seed.line}))
        driver = Driver(sim, one, key, seed, clean_env)
        wait_until(lambda: (driver.root / "run/cloud-init/result.json").exists(), "its boot")
        yield driver
    finally:
        sim.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_ends_are_told(box):
    """The exit status is the job's, for whoever follows."""
    for number, (command, end, code, shell) in enumerate((
            ("exit 0", "exit", 0, 0), ("exit 3", "exit", 3, 3), ("exit 137", "exit", 137, 137),
            ("kill -KILL $$", "signal", 9, 137), ("kill -SEGV $$", "signal", 11, 139))):
        job = f"20261123-14140{number}-k3x9ma"
        box.ok("start", job, command)
        done = box.run("follow", job)
        assert done.returncode == shell, (command, done)
        assert box.look(job)[:3] == ["done", end, str(code)]
    box.ok("start", ID, "echo never", "--setup", "echo no; exit 9")
    done = box.run("follow", ID)
    assert (done.returncode, done.stdout) == (9, "no\n")
    assert len(box.ok("list").splitlines()) == 6


def test_what_follows_sees_it_live_and_its_end_soon(box):
    box.ok("start", ID, "echo one; echo two >&2; while [ ! -e go ]; do sleep 0.02; done; "
           "printf '\\033]0;x\\007'; date +%s.%N >at")
    follow = box.popen("follow", ID)
    assert follow.stdout.readline() == "one\n"
    assert follow.stderr.readline() == "two\n"
    (box.root / "home/ubuntu/go").touch()
    rest, _ = follow.communicate(timeout=30)
    took = time.time() - float((box.root / "home/ubuntu/at").read_text())
    assert rest == "\033]0;x\007" and follow.returncode == 0
    print(f"the end was told after {took:.2f} s")


def test_nobody_sees_the_secret(box, tmp_path):
    """It is in the environment of the job's processes, and nowhere else at all."""
    secret = "hunter2-0fdd5c"
    in_base64 = "aHVudGVyMi0wZmRkNWM"
    box.ok("start", ID, "sleep 61 & echo $$ $! >pids; wait", "--secret", "TOKEN",
           "--setup", "test \"$TOKEN\" = hunter2-\"0fdd5c\"", "--env", "A=1", input=secret)
    box.wait("running")
    pids = wait_until(lambda: (box.root / "home/ubuntu/pids").exists() and
                      (box.root / "home/ubuntu/pids").read_text().split(), "the job's processes")
    holders = []
    for proc in pathlib.Path("/proc").iterdir():
        if not proc.name.isdigit() or int(proc.name) == os.getpid():
            continue
        try:
            argv, environ = (proc / "cmdline").read_bytes(), (proc / "environ").read_bytes()
        except OSError:
            continue
        if secret.encode() in environ or in_base64.encode() in environ:
            holders.append(proc.name)
        assert in_base64.encode() not in argv and secret.encode() not in argv, argv
    assert sorted(holders) == sorted(pids)
    for folder in (box.sim.base, tmp_path):
        for path in pathlib.Path(folder).rglob("*"):
            if path.is_file() and not path.is_symlink():
                text = path.read_bytes()
                assert secret.encode() not in text and in_base64.encode() not in text, path
    assert "TOKEN" in (box.folder / ID / "job.json").read_text()
    box.ok("cancel", ID, "2")


def test_it_outlives_who_started_it(box):
    """sshd and all it started are gone; the job goes on."""
    box.ok("start", ID, "grep SigIgn /proc/self/status; "
           "while [ ! -e go ]; do sleep 0.05; done; echo over")
    assert int(box.state()[1]) > 1
    session = box.shell.ok("ps -o sid= -p " + box.state()[1]).strip()
    assert session == box.state()[1]
    box.sim.run("fault", '{"kind": "disconnect"}')
    box.sim.run("fault", '{"kind": "heal"}')
    assert box.look()[0] == "running"
    assert box.job_says() == "job running"
    (box.root / "home/ubuntu/go").touch()
    done = box.run("follow", ID)
    # No signal is ignored but HUP: what a person sends it arrives.
    assert (done.returncode, done.stdout.split()) == (0, ["SigIgn:", f"{1:016x}", "over"])
    assert box.job_says() == "job done"


def test_cut_ten_times_nothing_is_lost(box, tmp_path):
    """And nothing is told twice."""
    box.ok("start", ID, "for i in $(seq 3000); do echo line $i; echo err $i >&2; "
           "[ $((i % 50)) -ne 0 ] || sleep 0.1; done")
    out = tmp_path / "out"
    with open(out, "w", encoding="ascii") as f:
        follow = subprocess.Popen([*box.argv, "follow", ID], env=box.env, stdout=f,
                                  stderr=subprocess.PIPE, text=True)
    wait_until(lambda: out.stat().st_size > 0, "its first line")
    for _ in range(10):
        time.sleep(0.15)
        box.sim.run("fault", '{"kind": "disconnect"}')
    err = follow.communicate(timeout=100)[1]
    assert follow.returncode == 0, err[-300:]
    assert out.read_text() == "".join(f"line {i}\n" for i in range(1, 3001))
    lines = err.splitlines(keepends=True)
    assert lines.count("cut\n") >= 3
    assert [line for line in lines if line != "cut\n"] == [f"err {i}\n" for i in range(1, 3001)]


def test_a_follower_that_dies_leaves_nothing(box):
    box.ok("start", ID, "echo x; sleep 60")
    follow = box.popen("follow", ID)
    assert follow.stdout.readline() == "x\n"
    tails = "pgrep -f 'tail -s 0.05 -c' || true"
    assert box.shell.ok(tails)
    follow.kill()
    follow.wait()
    box.ok("cancel", ID, "2")
    follow.communicate()
    wait_until(lambda: not [p for p in box.shell.ok(tails).split() if
                            str(box.root).encode() in environ_of(p)], "the tails' end")


def environ_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def test_cancel_takes_the_whole_tree(box):
    box.ok("start", ID, "trap '' TERM; (trap '' TERM; echo $$ >>pids; sleep 61) & "
           "setsid sh -c 'echo $$ >>pids; exec sleep 62' & "
           "sudo sh -c 'sleep 63' & sleep 64 & echo $! >>pids; wait; sleep 65")
    pids = box.root / "home/ubuntu/pids"
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 3, "its processes")
    assert box.ok("cancel", ID, "1") == "was running\n"
    for pid in pids.read_text().split():
        assert not pathlib.Path(f"/proc/{pid}").exists() or \
            pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    assert box.look()[:2] == ["done", "cancelled"]
    assert box.ok("cancel", ID, "1") == "had ended\n"
    assert box.run("follow", ID).returncode == 130


def test_the_machine_reboots(box):
    box.ok("start", ID, "echo before; sleep 600")
    box.wait("running")
    box.sim.boto("ec2").reboot_instances(InstanceIds=[box.instance])
    wait_until(lambda: box.run("look", ID).stdout.split()[1:2] == ["lost"], "its loss", 60)
    assert box.look()[-1] == "rebooted"
    done = box.run("follow", ID)
    assert (done.returncode, done.stdout) == (119, "before\n")
    assert box.job_says() == "job done"
    # Another one may run there.
    box.ok("start", "20261123-151503-k3x9ma", "echo after")
    assert box.run("follow", "20261123-151503-k3x9ma").stdout == "after\n"


def test_what_idle_sees(box):
    """Setting up and running are work; what has ended is not; what cannot be read is not known."""
    assert box.job_says() == "job none"
    box.ok("start", ID, "while [ ! -e two ]; do sleep 0.05; done", "--setup",
           "while [ ! -e one ]; do sleep 0.05; done")
    wait_until(lambda: box.job_says() == "job setup", "its set-up")
    (box.root / "home/ubuntu/one").touch()
    wait_until(lambda: box.job_says() == "job running", "its command")
    kept = (box.folder / ID / "state").read_text()
    word, pid, start, boot, phase = kept.split()
    # The same number, but another process: begun at another time, or before the last boot.
    for other in (f"{word} {pid} {int(start) + 1} {boot} {phase}\n",
                  f"{word} {pid} {start} {boot[::-1]} {phase}\n",
                  f"{word} 4194999 {start} {boot} {phase}\n"):
        (box.folder / ID / "state").write_text(other)
        assert box.job_says() == "job done", other
    for odd in ("", "\n", "maybe\n", "\0\n"):
        (box.folder / ID / "state").write_text(odd)
        assert box.job_says() == "job failed", repr(odd)
    # Work decides, whoever tells of it.
    (box.root / "var/lib/gpucloud/job").write_text("running\n")
    assert box.job_says() == "job running"
    (box.root / "var/lib/gpucloud/job").write_text("done\n")
    assert box.job_says() == "job failed"
    (box.folder / ID / "state").write_text(kept)
    assert box.job_says() == "job running"
    (box.root / "home/ubuntu/two").touch()
    wait_until(lambda: box.job_says() == "job done", "its end")


def test_the_machine_ends_sooner_when_the_job_has(box):
    left = box.root / "var/lib/gpucloud/ttl-left"
    limit = "sudo sh -c 'echo 7200 >/var/lib/gpucloud/ttl-left'"
    box.shell.ok(limit)
    box.ok("start", ID, "exit 1", "--linger", "900")
    assert box.run("follow", ID).returncode == 1
    assert left.read_text() == "900\n"
    assert box.look() == ["done", "exit", "1", "set"]
    # While another one works there, nothing is changed; the last one does it.
    box.shell.ok(limit)
    first, second = "20261123-151503-k3x9ma", "20261123-151504-k3x9ab"
    box.ok("start", first, "sleep 600", "--linger", "900")
    assert box.run("start", second, "exit 0").returncode == FAILED
    box.ok("start", second, "exit 0", "--linger", "900", "--beside")
    assert box.run("follow", second).returncode == 0
    assert (box.look(second)[3], left.read_text()) == ("other", "7200\n")
    box.ok("cancel", first, "2")
    wait_until(lambda: box.look(first)[3] == "set", "the limit")
    assert left.read_text() == "900\n"


def test_cancel_leaves_alone_what_brings_the_limit_down(box):
    """It comes after the job's end, beside a `cancel` that may still be looking at processes."""
    left = box.root / "var/lib/gpucloud/ttl-left"
    box.shell.ok("sudo sh -c 'echo 7200 >/var/lib/gpucloud/ttl-left'")
    box.ok("start", ID, "sleep 600", "--linger", "900")
    box.wait("running")
    sudo = box.root.parent / "shims/sudo"
    real = sudo.with_name("sudo-of-the-machine")
    sudo.rename(real)
    sudo.write_text(f"#!/bin/sh\nsleep 1.5\nexec {real} \"$@\"\n")
    sudo.chmod(0o755)
    began = time.monotonic()
    assert box.ok("cancel", ID, "1") == "was running\n"
    # What is the runner's own is not waited for, as it never ends the job.
    assert time.monotonic() - began < 30
    assert box.look()[3] == "set"
    assert left.read_text() == "900\n"


def test_a_hundred_megabytes_a_moment(box):
    """Followed in bounded memory, to the last byte."""
    size = 300_000_000
    box.ok("start", ID, f"yes 'a line of some length, as programs print them' | head -c {size}")
    began = time.monotonic()
    with subprocess.Popen([*box.argv, "follow", ID], env=box.env, stdout=subprocess.PIPE) as follow:
        count, peak = 0, 0
        while chunk := follow.stdout.read(1 << 20):
            count += len(chunk)
            if count % (16 << 20) < (1 << 20):
                status = pathlib.Path(f"/proc/{follow.pid}/status").read_text()
                peak = max(peak, int(status.split("VmHWM:")[1].split()[0]))
    assert follow.returncode == 0 and count == size
    print(f"{count / (time.monotonic() - began) / 1e6:.0f} MB/s, {peak / 1024:.0f} MiB")
    assert peak < 300 * 1024  # the sanitizers' own share included
