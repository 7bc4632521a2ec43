# SPDX-License-Identifier: Apache-2.0
"""What examples/ and scripts/live promise, run as they stand against the simulator."""
import os
import pathlib
import subprocess

import pytest

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
