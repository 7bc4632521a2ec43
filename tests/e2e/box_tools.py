# SPDX-License-Identifier: Apache-2.0
"""What a simulated machine shows of itself, set by a test; and time that passes for all of them."""
import os
import time

from conftest import wait_until
from sim_tools import code_of, run_one  # noqa: F401  (for the tests)

NET = """Inter-|   Receive | Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs
    lo: 9999999999 50 0 0 0 0 0 0 9999999999 50 0 0 0 0 0 0
  ens5: {0} 100 0 0 0 0 0 0 50000 100 0 0 0 0 0 0
"""
DISK = " 259 0 nvme0n1 1000 0 {0} 100 500 0 100000 50 0 50 150\n"


class Box:
    """The insides of one instance."""

    def __init__(self, sim, instance):
        self.sim, self.id = sim, instance
        self.folder = (sim.folder / "machines" / instance).resolve()
        self.root = self.folder / "root"
        wait_until(lambda: (self.root / "run/cloud-init/result.json").exists(), "its boot")

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".test")
        new.write_text(text)
        new.chmod(0o644)
        new.rename(path)

    def smi(self, mode="works", busy="", pids=""):
        (self.folder / "smi.sh").write_text(f"MODE={mode} BUSY='{busy}' PIDS='{pids}'\n")
        (self.folder / "smi.sh").chmod(0o644)

    def load(self, value):
        self.write("proc/loadavg", f"{value:.2f} 0.01 0.00 1/100 999\n")

    def net(self, total):
        self.write("proc/net/dev", NET.format(total))

    def disk(self, total):
        self.write("proc/diskstats", DISK.format(total // 512))

    def job(self, text):
        self.write("var/lib/gpucloud/job", text)

    def process(self, pid, cpu_ms, name="python3"):
        ticks = cpu_ms // 10
        self.write(f"proc/{pid}/stat",
                   f"{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 5 0 0\n")

    def typed(self, tty, ago):
        """Somebody is at that terminal, and typed so many seconds ago."""
        path = self.root / "dev/pts" / str(tty)
        path.touch()
        at = time.time() - ago
        os.utime(path, (at, at))

    def login_says(self, text):
        """Runs in every shell that sshd starts."""
        self.write("home/ubuntu/.bashrc", text)

    def console(self):
        return (self.folder / "console").read_text(errors="replace")

    def renew(self, seconds):
        """As root of the machine does: into the file that is there."""
        with open(self.root / "var/lib/gpucloud/ttl-left", "r+", encoding="ascii") as f:
            f.write(f"{seconds}\n")
            f.truncate()

    def outlive(self):
        """Its own limit is far off, whatever its tag says: only others can end it."""
        self.renew(1000000)
        wait_until(lambda: 900000 < self.left() < 1000000, "that it counts down from there")

    def left(self):
        return int((self.root / "var/lib/gpucloud/ttl-left").read_text())


def later(sim, seconds):
    """Time passes: for the cloud, on its servers' clocks, and on all machines."""
    sim.advance(seconds)
