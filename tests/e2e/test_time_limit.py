# SPDX-License-Identifier: Apache-2.0
"""The time limit on a machine, run for real: fleet/machine/ttl.sh with a root folder of its own.

Time is simulated where seconds would only be waited for: `sleep N` adds N to the machine's
/proc/uptime at once. Nothing but the commands named here is in PATH.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import pytest
from conftest import wait_until

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "fleet" / "machine" / "ttl.sh"
YEAR = 366 * 86400

SLEEP = """#!/bin/sh
read up rest <"$GPUCLOUD_TTL_ROOT/proc/uptime" || up=
echo "sleep $1 ${up%.*} $(cat "$GPUCLOUD_TTL_ROOT/var/lib/gpucloud/ttl-left" 2>/dev/null)" \\
	>>"$GPUCLOUD_TTL_ROOT/log"
while [ -e "$GPUCLOUD_TTL_ROOT/hold" ]; do
	echo >"$GPUCLOUD_TTL_ROOT/held"
	/bin/sleep 0.01
done
[ -z "$up" ] && exit
echo "$((${up%.*} + $1)).37 1.00" >"$GPUCLOUD_TTL_ROOT/proc/uptime.new"
mv "$GPUCLOUD_TTL_ROOT/proc/uptime.new" "$GPUCLOUD_TTL_ROOT/proc/uptime"
"""
TOLD = """#!/bin/sh
read up rest <"$GPUCLOUD_TTL_ROOT/proc/uptime"
echo "$NAME ${up%.*} $*" >>"$GPUCLOUD_TTL_ROOT/log"
[ ! -e "$GPUCLOUD_TTL_ROOT/fail-$NAME" ]
"""


class Machine:
    """A root folder, the commands in PATH, and the script as systemd would run it."""

    def __init__(self, root, shell="/bin/sh", simulated=True):
        self.root = root
        self.shell = shell
        self.state = root / "var/lib/gpucloud/ttl-left"
        self.seen = root / "run/gpucloud/ttl-seen"
        self.log = root / "log"
        self.process = None
        self.bin = root / "bin"
        self.bin.mkdir(parents=True)
        (root / "proc").mkdir()
        for name in ("ln", "mkdir", "mv", "rm", "sync", "timeout"):
            (self.bin / name).symlink_to(shutil.which(name))
        if simulated:
            # The shims of this file need more than the script does; they call it by its path.
            self.shim("sleep", SLEEP.replace("$(cat ", "$(/bin/cat "))
        else:
            (self.bin / "sleep").symlink_to("/bin/sleep")
        for name in ("shutdown", "poweroff"):
            self.shim(name, TOLD.replace("$NAME", name))
        self.shim("wall", TOLD.replace("$NAME", "wall").replace('$*"', '$(/bin/cat)"'))
        self.uptime(35)

    def shim(self, name, text):
        path = self.bin / name
        path.unlink(missing_ok=True)  # never through a link, into what the whole machine runs
        path.write_text(text)
        path.chmod(0o755)

    def uptime(self, seconds):
        new = self.root / "proc/uptime.test"
        new.write_text(f"{seconds}.37 1.00\n")
        new.rename(self.root / "proc/uptime")

    def up(self):
        return int((self.root / "proc/uptime").read_text().split(".")[0])

    def write_left(self, text):
        """As root renews it: `echo N >ttl-left`."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        self.state.write_text(text)

    def left(self):
        try:
            return int(self.state.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def start(self, limit, **env):
        assert self.process is None
        self.process = subprocess.Popen(
            [self.shell, str(SCRIPT), str(limit)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            env={"PATH": str(self.bin), "GPUCLOUD_TTL_ROOT": str(self.root), **env})

    def kill(self, signum=signal.SIGKILL):
        """The script and what it runs; what it said."""
        if self.process is None:
            return ""
        os.killpg(self.process.pid, signum)
        said = self.process.communicate(timeout=30)[0].decode()
        self.process = None
        return said

    def reboot(self, seconds=5):
        self.kill()
        shutil.rmtree(self.root / "run")
        self.uptime(seconds)

    def lines(self, name):
        """[[uptime, words...], ...] of each call of a command."""
        if not self.log.exists():
            return []
        split = [line.split(" ") for line in self.log.read_text().splitlines()]
        return [words[1:] for words in split if words[0] == name]

    def hold(self, held=True):
        """Stops the simulated time in the next sleep."""
        if not held:
            (self.root / "hold").unlink()
            return
        (self.root / "held").unlink(missing_ok=True)
        (self.root / "hold").touch()
        wait_until((self.root / "held").exists, "the next sleep")

    def wait_shutdown(self):
        wait_until(lambda: self.lines("shutdown"), "shutdown", 60)
        return int(self.lines("shutdown")[0][0])


@pytest.fixture
def make_machine(tmp_path):
    made = []

    def make(**kw):
        made.append(Machine(tmp_path / f"machine{len(made)}", **kw))
        return made[-1]

    yield make
    for machine in made:
        machine.kill()


@pytest.fixture
def machine(make_machine):
    return make_machine()


SHELLS = [path for path in ("/bin/dash", "/bin/bash") if os.access(path, os.X_OK)]


@pytest.mark.parametrize("shell", SHELLS)
def test_fires_on_time(make_machine, shell):
    machine = make_machine(shell=shell)
    machine.write_left("700\n")
    machine.start(700)
    # 35 s after boot when it started: those count.
    assert machine.wait_shutdown() == 700
    assert machine.kill() == ""
    assert machine.lines("shutdown")[0][1:] == ["-h", "now"]
    for nap, up, left in machine.lines("sleep"):
        if int(left) > 0:
            assert int(up) + int(left) == 700 and 1 <= int(nap) <= 20
    assert machine.lines("poweroff") == []
    # Warned once, five minutes before, with the time and the way out.
    (warning,) = machine.lines("wall")
    assert warning[0] in ("400", "420")  # told beside the counting, which goes on
    assert "300 s" in " ".join(warning) and "gpucloud hold NAME TIME" in " ".join(warning)
    # Nothing half-written.
    assert sorted(path.name for path in machine.state.parent.iterdir()) == ["ttl-left"]
    assert sorted(path.name for path in machine.seen.parent.iterdir()) == ["ttl-seen"]


def test_limit_without_a_file(machine):
    machine.start(600)
    assert machine.wait_shutdown() == 600


def test_short_limit_warns_at_once(machine):
    machine.start(60)
    assert machine.wait_shutdown() == 60
    (warning,) = machine.lines("wall")
    assert warning[0] == "35"


def test_goes_on_after_a_kill(machine):
    """Restart=always: however often, not a second is lost, nor those in which it was dead."""
    machine.start(900)
    for at in (800, 600, 400):
        wait_until(lambda: (machine.left() or 1000) < at, "time to pass")
        machine.hold()
        machine.kill()
        machine.uptime(machine.up() + 33)
        machine.hold(False)
        machine.start(900)
    assert machine.wait_shutdown() == 900


def test_killed_again_and_again(machine):
    """Dead within each step: it would never end if a start began a new step."""
    for _ in range(100):
        machine.start(200)
        machine.hold()
        machine.kill()
        machine.hold(False)
        machine.uptime(machine.up() + 7)
        if machine.lines("shutdown"):
            break
    assert 200 <= machine.wait_shutdown() <= 207


@pytest.mark.parametrize("run_is_cleared", [True, False])
def test_goes_on_after_a_reboot(machine, run_is_cleared):
    machine.start(900)
    wait_until(lambda: (machine.left() or 1000) < 600, "time to pass")
    machine.hold()
    left = machine.left()
    if run_is_cleared:
        machine.reboot(25)
    else:
        machine.kill()
        machine.uptime(25)
    machine.hold(False)
    machine.log.unlink()
    machine.start(900)
    assert machine.wait_shutdown() == left


def test_the_clock_is_not_read(machine):
    """There is no `date` in PATH, and the times of its files mean nothing."""
    machine.start(900)
    for when in (0, 2**31 + 5):
        machine.hold()
        for path in (machine.state, machine.seen, machine.root / "proc/uptime"):
            os.utime(path, (when, when))
        machine.hold(False)
    assert machine.wait_shutdown() == 900
    assert machine.kill() == ""


@pytest.mark.parametrize("written,left", [
    ("5000\n", 5000), ("5000", 5000), ("0005000\n", 5000), ("  5000 please\n", 5000),
    ("090\n", 90), (f"{YEAR}\n", YEAR), (f"{YEAR + 1}\n", YEAR), ("999999999\n", YEAR), ("0\n", 0)])
def test_renewed(machine, written, left):
    machine.start(900)
    machine.hold()
    machine.write_left(written)
    renewed_at = machine.up() + int(machine.lines("sleep")[-1][0])
    machine.hold(False)
    if left > 5000:
        # Counting down again, from a year.
        wait_until(lambda: 900 < (machine.left() or 0) < YEAR, "the renewal")
        assert machine.left() > YEAR - 50000
    else:
        assert machine.wait_shutdown() == renewed_at + left


@pytest.mark.parametrize("command, file", [("sync", "ttl-left.new"), ("mv", "ttl-left.new"),
                                           ("ln", "ttl-left.was")])
def test_renewed_at_the_very_moment(machine, command, file):
    """Between its look at what is there and its own writing: never lost."""
    path = shutil.which(command)
    machine.shim(command, '#!/bin/sh\ncase $*:$(/bin/cat "$GPUCLOUD_TTL_ROOT/go" 2>/dev/null) in '
                 f'*{file}*:yes)\n'
                 'echo 9000 >"$GPUCLOUD_TTL_ROOT/var/lib/gpucloud/ttl-left"\n'
                 'echo done >"$GPUCLOUD_TTL_ROOT/go" ;;\nesac\n'
                 f'exec {path} "$@"\n')
    machine.start(3600)
    wait_until(lambda: (machine.left() or 9999) < 3000, "that it counts")
    (machine.root / "go").write_text("yes")
    wait_until(lambda: (machine.left() or 0) > 3600, "the renewal")
    assert machine.wait_shutdown() > 9000


@pytest.mark.parametrize("written", ["", "\n", "never\n", "-5\n", "1e3\n", "0x10\n", "12h\n",
                                     "1.5\n", "$(touch x)\n", "9999999999\n", "9" * 5000,
                                     "\x1b[2J\n", "\u0663\n"])
def test_nonsense_does_not_move_it(machine, written):
    machine.start(900)
    machine.hold()
    machine.write_left(written)
    machine.hold(False)
    assert machine.wait_shutdown() == 900
    assert machine.kill() == ""
    assert not (machine.root / "x").exists()


def test_state_removed(machine):
    machine.start(900)
    wait_until(lambda: (machine.left() or 1000) < 600, "time to pass")
    machine.hold()
    machine.state.unlink()
    machine.kill()
    machine.hold(False)
    machine.start(900)
    assert machine.wait_shutdown() == 900


@pytest.mark.parametrize("found", ["", "abc\n", "\0\0\0\0"])
def test_damaged_file_at_boot(machine, found):
    """The limit counts anew: neither none at all, nor an end at once."""
    machine.write_left(found)
    machine.start(600)
    assert machine.wait_shutdown() == 600


@pytest.mark.parametrize("limit", ["", "x", "99999999999999999999"])
def test_wrong_argument_is_not_no_limit(machine, limit):
    machine.start(limit)
    machine.hold()
    assert machine.left() + machine.up() == 43200


def test_renewed_while_stopped(machine):
    """`systemctl stop`, later a new rest and a start: what passed between does not count."""
    machine.start(900)
    machine.hold()
    machine.kill(signal.SIGTERM)
    machine.uptime(5000)
    machine.write_left("700\n")
    machine.hold(False)
    machine.start(900)
    assert machine.wait_shutdown() == 5700


def test_started_again_after_its_end(machine):
    """A machine that was only stopped can be renewed when it is started again."""
    machine.write_left("0\n")
    machine.start(900)
    assert machine.wait_shutdown() == 300
    (warning,) = machine.lines("wall")
    assert "gpucloud hold NAME TIME" in " ".join(warning)
    # But a restart of the service in its last moment is no second chance.
    machine.kill()
    machine.log.unlink()
    at = machine.up()
    machine.start(900)
    assert machine.wait_shutdown() == at


def test_shutdown_that_fails(machine):
    (machine.root / "fail-shutdown").touch()
    (machine.root / "fail-poweroff").touch()
    machine.start(60)
    wait_until(lambda: len(machine.lines("poweroff")) >= 4, "poweroff", 60)
    assert [words for words in machine.lines("shutdown")] == [
        [str(60 + 30 * i), "-h", "now"] for i in range(10)]
    assert machine.lines("poweroff")[:4] == [["360", "-f"], ["360", "-f", "-f"],
                                             ["390", "-f"], ["390", "-f", "-f"]]
    assert machine.left() == 0


def test_nothing_can_be_written(machine):
    (machine.root / "var").write_text("a file, not a folder")
    (machine.root / "run").write_text("a file, not a folder")
    machine.start(600)
    assert machine.wait_shutdown() == 600
    assert machine.kill() == ""


def test_disk_gets_full(machine):
    """What the file still says is no renewal, not even to a restarted service."""
    machine.write_left("900\n")
    machine.start(900)
    machine.hold()
    (machine.bin / "mv").unlink()
    machine.shim("mv", '#!/bin/sh\ncase $* in *ttl-left*) exit 1 ;; esac\nexec /bin/mv "$@"\n')
    stuck = machine.left()
    for _ in range(2):
        machine.hold(False)
        wait_until(lambda: machine.up() > 300, "time to pass")
        machine.hold()
        machine.kill()
        machine.start(900)
    machine.hold(False)
    assert machine.wait_shutdown() == 900
    assert machine.left() == stuck


def test_hostile_files_in_place(machine):
    """A FIFO without a writer, a folder: not waited for, not fallen over."""
    machine.state.parent.mkdir(parents=True)
    os.mkfifo(machine.state)
    machine.seen.mkdir(parents=True)
    machine.start(600)
    assert machine.wait_shutdown() == 600


def test_uptime_cannot_be_read(machine):
    """Then what it slept is what it counts."""
    (machine.root / "proc/uptime").unlink()
    machine.start(600)
    machine.shim("shutdown", '#!/bin/sh\necho "shutdown 0" >>"$GPUCLOUD_TTL_ROOT/log"\n')
    wait_until(lambda: machine.lines("shutdown"), "shutdown", 60)
    machine.kill()
    end = machine.log.read_text().splitlines().index("shutdown 0")
    assert sum(int(line.split()[1]) for line in machine.log.read_text().splitlines()[:end]
               if line.startswith("sleep")) == 600


def test_in_real_time(make_machine):
    """Nothing simulated but the machine's boot: three seconds from it, and not before."""
    machine = make_machine(simulated=False)
    machine.uptime(0)
    begin = time.monotonic()
    stop = threading.Event()

    def tick():
        while not stop.wait(0.05):
            machine.uptime(int(time.monotonic() - begin))

    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        machine.start(3, GPUCLOUD_TTL_STEP="1")
        machine.wait_shutdown()
        assert time.monotonic() - begin >= 3
    finally:
        stop.set()
        ticking.join()
