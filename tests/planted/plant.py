#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one bug after the other in a copy of the tree, and sees whether the tests notice.

Builds what is needed once, runs every test on the sound copy, then for each bug: changes the text,
builds again, runs the tests meant for it until one fails. Exit 0: all were caught; 1: one was
missed, or a test fails without any bug; 2: a bug can no longer be planted (its text has changed),
or does not build.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from bugs import BUGS

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_S = 600
# Names that are no cmocka program: a script of tests/kill and its arguments.
SCRIPTS = {
    "order": ("order.py",),
    "sweep-terminate": ("killsweep.py", "--scene", "terminate", "--sample", "16", "--seed", "3"),
    "sweep-terminate-all": ("killsweep.py", "--scene", "terminate-all", "--sample", "4"),
    "sweep-paperspace": ("killsweep.py", "--provider", "paperspace", "--scene", "launch",
                         "--sample", "6"),
}


class Spoiled(Exception):
    """The experiment itself cannot be made."""


class Copy:
    """The tree and a build of it, elsewhere."""

    def __init__(self, folder, jobs):
        self.folder, self.jobs = pathlib.Path(folder), jobs
        self.source, self.build = self.folder / "source", self.folder / "build"
        names = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "-co",
                                "--exclude-standard"], check=True, capture_output=True)
        for name in names.stdout.decode().split("\0"):
            if name and (ROOT / name).is_file():
                (self.source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.source / name, follow_symlinks=False)
        data = os.environ.get("GPUCLOUD_SHARED_DATA", str(ROOT.parent / "shared" / "data"))
        self.must(["cmake", "-S", str(self.source), "-B", str(self.build), "-G", "Ninja",
                   "-DCMAKE_BUILD_TYPE=Debug", f"-DGPUCLOUD_SHARED_DATA={data}"], "cmake")

    def must(self, command, what):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Spoiled(f"{what}: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def make(self, tests):
        targets = {"gpucloud", "gpucloud-sim"} if any(t in SCRIPTS for t in tests) else set()
        targets |= {t for t in tests if t not in SCRIPTS}
        self.must(["ninja", "-C", str(self.build), f"-j{self.jobs}", *sorted(targets)], "ninja")

    def run(self, test):
        """True: it passed."""
        env = dict(os.environ, GPUCLOUD_SEEDS="1-150", PYTHONDONTWRITEBYTECODE="1",
                   GPUCLOUD_BIN=str(self.build / "gpucloud"),
                   GPUCLOUD_SIM_BIN=str(self.build / "gpucloud-sim"))
        if test in SCRIPTS:
            script, *args = SCRIPTS[test]
            command = [sys.executable, str(self.source / "tests" / "kill" / script), *args]
        else:
            command = [str(self.build / test)]
        try:
            done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return False
        if test in SCRIPTS and done.returncode == 2:  # it could not even begin: no verdict
            raise Spoiled(f"{test}: {done.stderr}")
        return done.returncode == 0

    def plant(self, bug):
        """Changes the text; what to put back."""
        before = {}
        for name, old, new in bug.changes:
            path = self.source / name
            text = path.read_text()
            before.setdefault(path, text)
            if text.count(old) != 1:
                self.restore(before)
                raise Spoiled(f"{bug.name}: {name} holds its text {text.count(old)} times")
            path.write_text(text.replace(old, new))
        return before

    @staticmethod
    def restore(before):
        for path, text in before.items():
            path.write_text(text)


def sound(copy, bugs):
    """Without a bug every test passes: else a failure would say nothing."""
    tests = sorted({test for bug in bugs for test in bug.tests})
    copy.make(tests)
    failed = [test for test in tests if not copy.run(test)]
    if failed:
        print(f"fails without any bug: {', '.join(failed)}")
    return not failed


def plant(copy, bug):
    """'caught by X', or None."""
    before = copy.plant(bug)
    try:
        copy.make(bug.tests)
        for test in bug.tests:
            if not copy.run(test):
                return test
        return None
    finally:
        copy.restore(before)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bug", nargs="*", help="these only")
    parser.add_argument("--list", action="store_true", help="which there are")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="of the compiler")
    args = parser.parse_args()
    bugs = [bug for bug in BUGS if not args.bug or bug.name in args.bug]
    if args.list or not bugs:
        for bug in bugs or BUGS:
            print(f"{bug.name:28} {bug.why}")
        return 0 if bugs else 2
    began, missed, spoiled = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="gpucloud-planted-") as folder:
        try:
            copy = Copy(folder, args.jobs)
            if not sound(copy, bugs):
                return 1
        except Spoiled as e:
            print(f"plant: {e}", file=sys.stderr)
            return 2
        for bug in bugs:
            start = time.monotonic()
            try:
                test = plant(copy, bug)
            except Spoiled as e:
                print(f"SPOILED  {e}", flush=True)
                spoiled += 1
                continue
            missed += test is None
            print(f"{'caught' if test else 'MISSED':8} {bug.name:28} "
                  f"{'by ' + test if test else bug.why} ({time.monotonic() - start:.0f} s)",
                  flush=True)
    print(f"planted={len(bugs)} caught={len(bugs) - missed - spoiled} missed={missed} "
          f"spoiled={spoiled} in {(time.monotonic() - began) / 60:.1f} minutes")
    return 1 if missed else 2 if spoiled else 0


if __name__ == "__main__":
    sys.exit(main())
