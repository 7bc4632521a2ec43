# SPDX-License-Identifier: Apache-2.0
"""What examples/ and scripts/live promise, run as they stand against the simulator."""
import os
import pathlib
import shlex
import shutil
import subprocess

import pytest

from box_tools import Box, later
from checks import Client

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def gc(make_sim, clean_env, tmp_path):
    gc = Client(clean_env, make_sim("--machines", "sshd", "--boot-ms", "500"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gpucloud").symlink_to(gc.bin)
    gc.env["PATH"] = f"{tmp_path}/bin:{os.environ['PATH']}"
    return gc


def script(gc, *argv):
    return subprocess.run([str(ROOT / argv[0]), *argv[1:]], env=gc.env, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=180)


def test_cheapest(gc):
    done = script(gc, "examples/cheapest.sh", "V100")
    assert done.returncode == 0, done.stderr
    kind, region, zone, usd, market = done.stdout.split()
    assert kind == "p3.2xlarge" and market == "spot" and zone.startswith(region)
    assert 0 < float(usd) < 3.06


def test_spot_session(gc):
    done = script(gc, "examples/spot-session.sh", "T4", "51%", "--",
                  "gpucloud exec $GPU_NAME -- 'echo $SSH_CONNECTION; exit 9'")
    assert done.returncode == 9, done.stderr
    assert "is terminated, confirmed by the cloud" in done.stdout
    assert not gc.sim.live()
    # The launch's own exit code comes through, and nothing is left.
    done = script(gc, "examples/spot-session.sh", "T4", "1%", "--", "true")
    assert done.returncode == 5, done.stderr
    assert not gc.sim.live()


def test_live_against_the_simulator(gc):
    gc.env.update(GPUCLOUD_BIN=gc.bin, GPUCLOUD_LIVE_YES="1")
    done = script(gc, "scripts/live", "aws", "--max-usd", "1", "--region", "us-east-1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing of 'live-" in done.stdout
    assert not gc.sim.live()
    assert script(gc, "scripts/live", "aws").returncode == 2
    done = script(gc, "scripts/live", "aws", "--max-usd", "0.001", "--region", "us-east-1")
    assert done.returncode == 1 and "nothing was launched" in done.stderr


def ends_by(gc, name, run):
    """An instance over its time is ended by that command."""
    one = Box(gc.sim, gc.launch(name, "--type", "g4dn.xlarge", "--region", "us-east-1", "--ttl",
                                "1h")["id"])
    one.outlive()
    later(gc.sim, 3700)
    done = run()
    assert done.returncode == 0, done.stderr
    assert not gc.live(name), done.stdout + done.stderr


def test_crontab(gc):
    lines = (ROOT / "examples/reap.crontab").read_text().splitlines()
    (job,) = [line for line in lines if line.startswith("*")]
    assert job.split()[:5] == ["*/5", "*", "*", "*", "*"]
    command = job.split(None, 5)[5].replace("--jitter 30", "--jitter 1")
    assert "%" not in command  # a newline to cron
    # cron's environment, with the way to the simulator; its PATH holds what is tested.
    env = {name: gc.env[name] for name in (
        "HOME", "PATH", "GPUCLOUD_SIMULATOR_DIR", "GPUCLOUD_PROFILE", "GPUCLOUD_OWNER",
        "ASAN_OPTIONS") if name in gc.env}
    ends_by(gc, "cron", lambda: subprocess.run(
        ["/bin/sh", "-c", command], env=env, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120))
    log = pathlib.Path(gc.env["HOME"]) / "gpucloud-reap.log"
    assert " terminate cron " in log.read_text()


def values(unit, key):
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(key + "=")]


def test_systemd_units(gc, tmp_path):
    folder = ROOT / "examples"
    unit = (folder / "gpucloud-reap@.service").read_text()
    (start,) = values(unit, "ExecStart")
    argv = shlex.split(start)
    assert argv[0] == "/usr/bin/gpucloud"
    env = {k: v for k, v in gc.env.items() if k not in ("PATH", "LANG", "TERM")}
    ends_by(gc, "timer", lambda: subprocess.run(
        [gc.bin, *argv[1:]], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=120))

    # A folder that may be written must be there: on a fresh computer it is made first.
    home = tmp_path / "fresh"
    home.mkdir()
    (before,) = values(unit, "ExecStartPre")
    (path,) = values(unit, "ReadWritePaths")
    assert before.startswith("+/usr/sbin/runuser -u %i -- ")
    make = shlex.split(before.partition(" -- ")[2].replace("/home/%i", str(home)))
    subprocess.run(make, check=True, umask=0o077)
    state = pathlib.Path(path.removeprefix("-").replace("/home/%i", str(home)))
    assert state.is_dir()
    env = {k: v for k, v in env.items() if not k.startswith("XDG_")}
    done = subprocess.run([gc.bin, *argv[1:]], env={**env, "HOME": str(home)}, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    # Where it really writes, and nowhere else at home.
    assert list(state.iterdir()) and list(home.iterdir()) == [home / ".local"]
    assert [p.name for p in (home / ".local").iterdir()] == ["state"]

    if not shutil.which("systemd-analyze"):
        return
    name = "gpucloud-reap@daemon.service"
    (tmp_path / name).write_text(unit.replace("/usr/bin/gpucloud", gc.bin).replace("%i", "daemon"))
    done = subprocess.run(["systemd-analyze", "verify", str(tmp_path / name)], capture_output=True,
                          text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", str(tmp_path / name)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    score = float(done.stdout.split(f"Overall exposure level for {name}: ")[1].split()[0])
    assert score <= 2.0, done.stdout
