#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Disturbs gpucloud at every system call that matters, and lets the cloud's ledger judge.

GPUCLOUD_BIN and GPUCLOUD_SIM_BIN name the programs. Exit 0: no duplicate, no leak, nothing wrong;
1: there was some, each with the command that shows it again; 2: nothing could be swept.
"""
import argparse
import concurrent.futures
import os
import queue
import random
import signal
import sys
import time

import modes
from cloud import Broken, Home, Simulator, scratch
from clouds import CLOUD, CLOUDS
from judge import Verdict, judge
from scenes import SCENES
from tracing import check

WITHOUT_MACHINES = tuple(name for name, scene in SCENES.items() if scene.machines == "none")


class Workers:
    """Threads, each with a simulator of its own that serves one point after another."""

    def __init__(self, nr, machines, plain):
        self.folder = scratch()
        self.sims = queue.Queue()
        self.all = []
        self.nr = nr
        for i in range(nr):
            sim = Simulator(self.folder / f"sim{i}", machines=machines, plain=plain,
                            boot_ms=1 if machines == "none" else 200)
            self.all.append(sim.start())
            self.sims.put(sim)

    def close(self):
        for sim in self.all:
            sim.stop()
        os.rmdir(self.folder)

    def home(self, owner):
        sim = self.sims.get()
        sim.fresh()
        return Home(sim, owner)

    def give(self, home):
        self.sims.put(home.sim)
        home.close()


class Sweep:
    def __init__(self, args, scene):
        self.args, self.scene = args, scene
        self.reaper = None
        self.mode = modes.MODES[args.mode](scene, args)
        self.workers = Workers(args.jobs, scene.machines, plain=args.mode in modes.PLAIN)

    def point(self, nth, point):
        """One run: prepared, disturbed, judged."""
        verdict = Verdict()
        began = time.monotonic()
        home = self.workers.home(f"o{nth}")
        try:
            self.scene.prepare(home)
            done, verdict.reached = self.mode.disturb(home, point)
            judge(home, self.scene, done, self.first_again(point), self.reaper, verdict)
        except Exception as e:  # a time limit, or a bug of the harness: told with its point
            verdict.wrong.append(f"{type(e).__name__}: {e}")
        finally:
            self.workers.give(home)
        verdict.seconds = time.monotonic() - began
        return point, verdict

    def first_again(self, point):
        """Half of the points are recovered by `list`, half by the same command once more."""
        if self.args.recover != "mixed":
            return self.args.recover == "again"
        return random.Random(str(point)).random() < 0.5

    def choose(self):
        home = self.workers.home("baseline")
        try:
            self.scene.prepare(home)
            self.reaper = reaper_of(home)
            points = self.mode.points(home)
        finally:
            self.workers.give(home)
        if not points:
            raise Broken(f"{self.scene.name}: no point to disturb it at")
        self.possible = len(points)
        if self.args.point:
            return [self.mode.parse(text) for text in self.args.point]
        if self.args.sample and self.args.sample < len(points):
            points = random.Random(self.args.seed).sample(points, self.args.sample)
        return points

    def run(self):
        self.began = time.monotonic()
        totals = {"points": 0, "reached": 0, "dup": 0, "leak": 0, "wrong": 0}
        try:
            points = self.choose()
            pool = concurrent.futures.ThreadPoolExecutor(self.workers.nr)
            try:
                for point, verdict in pool.map(lambda p: self.point(*p), enumerate(points)):
                    self.tell(point, verdict)
                    totals["points"] += 1
                    totals["reached"] += verdict.reached
                    totals["dup"] += bool(verdict.duplicates)
                    totals["leak"] += bool(verdict.leaks)
                    totals["wrong"] += bool(verdict.wrong)
            except BaseException:  # what was seen until Ctrl-C is told, too
                self.sum_up(totals, ", then stopped")
                raise
            finally:  # what has not begun is not begun
                pool.shutdown(cancel_futures=True)
        finally:
            self.workers.close()
        self.sum_up(totals)
        return totals

    def sum_up(self, totals, how=""):
        seconds = time.monotonic() - self.began
        print(f"{CLOUD.name} {self.args.mode} {self.scene.name}: {totals['points']} of {self.possible} points "
              f"({totals['reached']} struck), {totals['dup']} duplicates, {totals['leak']} leaks, "
              f"{totals['wrong']} wrong; {seconds:.0f} s, "
              f"{1000 * seconds / max(totals['points'], 1):.0f} ms each{self.mode.note()}{how}",
              flush=True)

    def tell(self, point, verdict):
        if self.args.verbose:
            print(f"  {point} {verdict.seconds:.1f} s{'' if verdict.reached else ' not reached'}",
                  flush=True)
        problems = verdict.problems()
        for kind, text in problems:
            print(f"{kind.upper()} {self.scene.name} {point}: {text}", flush=True)
        if problems:
            print(f"  again: {sys.argv[0]} --provider {CLOUD.name} --mode {self.args.mode} --scene {self.scene.name} "
                  f"--recover {'again' if self.first_again(point) else 'list'} --point {point}",
                  flush=True)


def reaper_of(home):
    """What ends leftovers: `reap` where there is one, else `sweep`."""
    if home.run("help", "reap").returncode == 0:
        return ("reap",)
    return ("--yes", "sweep", "--delete", "--region", CLOUD.region)


def exists(scene):
    """A command that this gpucloud does not have cannot be killed."""
    command = next(a for a in scene.args if not a.startswith("-"))
    folder = scratch()
    os.rmdir(folder)
    sim = Simulator(folder)
    home = Home(sim, "help")
    try:
        return home.run("help", command).returncode == 0
    finally:
        home.close()


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=sorted(modes.MODES), default="kill")
    parser.add_argument("--scene", action="append", choices=sorted(SCENES),
                        help="what is disturbed (all without machines)")
    parser.add_argument("--provider", choices=sorted(CLOUDS), default=CLOUD.name,
                        help="the cloud (aws)")
    parser.add_argument("--sample", type=int, default=40, help="so many points of each scene")
    parser.add_argument("--all", dest="sample", action="store_const", const=0,
                        help="every point there is")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--point", action="append", help="this point only, as it was printed")
    parser.add_argument("--recover", choices=("mixed", "list", "again"), default="mixed",
                        help="what comes after it first")
    parser.add_argument("--jobs", type=int, default=4, help="runs at once (4)")
    parser.add_argument("-v", "--verbose", action="store_true")
    return parser.parse_args()


def main():
    args = options()
    for signo in (signal.SIGINT, signal.SIGTERM):  # ctest's time limit, too: no simulator stays
        signal.signal(signo, lambda *_: sys.exit(2))
    problem = check() if args.mode in modes.TRACED else None
    if problem:
        print(f"killsweep: {problem}", file=sys.stderr)
        return 2
    sums = {"points": 0, "reached": 0, "dup": 0, "leak": 0, "wrong": 0}
    try:
        for name in args.scene or WITHOUT_MACHINES:
            if not exists(SCENES[name]):
                print(f"{args.mode} {name}: this gpucloud has no such command", flush=True)
                continue
            for key, value in Sweep(args, SCENES[name]).run().items():
                sums[key] += value
    except Broken as e:
        print(f"killsweep: {e}", file=sys.stderr)
        return 2
    print(" ".join(f"{key}={value}" for key, value in sums.items()))
    return 1 if sums["dup"] or sums["leak"] or sums["wrong"] or not sums["reached"] else 0


if __name__ == "__main__":
    sys.exit(main())
