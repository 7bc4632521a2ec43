# SPDX-License-Identifier: Apache-2.0
"""The ways a run is disturbed: each knows its points, and how to strike at one."""
import json
import os
import random

import tracing
from cloud import Broken, program
from proxy import Proxy
from tracing import Point


class Traced:
    """At system calls, by strace."""

    def __init__(self, scene, args):
        self.scene, self.args = scene, args
        self.unreached = 0

    def baseline(self, home, args=None):
        base, done = tracing.baseline(home, args or self.scene.args)
        if done.returncode:
            raise Broken(f"the undisturbed run failed: {done.stderr}")
        self.unreached = base.unreached()
        return base

    def points(self, home):
        return self.baseline(home).kill_points()

    def parse(self, text):
        return Point.parse(text)

    def disturb(self, home, point):
        done = home.run(*self.scene.args, before=point.strace())
        return done, tracing.killed(done)

    def note(self):
        return f"; {self.unreached} calls of other threads come too late" if self.unreached else ""


class Errors(Traced):
    """Each call fails, once or from there on."""

    def points(self, home):
        return self.baseline(home).error_points()

    def disturb(self, home, point):
        return home.run(*self.scene.args, before=point.strace()), True


class Sigint(Traced):
    """Ctrl-C as that call begins."""

    def points(self, home):
        return self.baseline(home).kill_points("INT")

    def disturb(self, home, point):
        return home.run(*self.scene.args, before=point.strace()), True


class Pair:
    """A point, and a second one in what comes next."""

    def __init__(self, first, what, second):
        self.first, self.what, self.second = first, what, second

    def __str__(self):
        return f"{self.first}/{self.what}/{self.second}"


class Nested(Traced):
    """The run is killed, and so is the run that recovers from it: `list`, or the same again."""

    def points(self, home):
        first = self.baseline(home).kill_points()
        second = {"list": self.baseline(home, ("list",)).kill_points(), "again": first}
        dice = random.Random(self.args.seed)
        pairs = []
        for _ in range(self.args.sample or 500):
            what = dice.choice(("list", "again"))
            pairs.append(Pair(dice.choice(first), what, dice.choice(second[what])))
        return pairs

    def parse(self, text):
        first, what, second = text.split("/")
        return Pair(Point.parse(first), what, Point.parse(second))

    def disturb(self, home, pair):
        args = ("list",) if pair.what == "list" else self.scene.args
        first = home.run(*self.scene.args, before=pair.first.strace())
        second = home.run(*args, before=pair.second.strace())
        # What the judge is shown may be either; where neither was killed, both must be sound.
        done = first if tracing.killed(second) or pair.what == "list" else second
        return done, tracing.killed(first) and tracing.killed(second)


class Alloc:
    """Each allocation of our own fails: needs gpucloud_fail_alloc (GPUCLOUD_FAIL_BIN)."""

    def __init__(self, scene, args):
        self.scene = scene
        self.bin = program("GPUCLOUD_FAIL_BIN")

    def run(self, home, env):
        home.bin, whole = self.bin, home.bin
        try:
            return home.run(*self.scene.args, env=env)
        finally:
            home.bin = whole

    def points(self, home):
        count = home.folder / "count"
        done = self.run(home, {"GPUCLOUD_COUNT_ALLOC": str(count)})
        if done.returncode:
            raise Broken(f"the undisturbed run failed: {done.stderr}")
        return list(range(1, int(count.read_text()) + 1))

    def parse(self, text):
        return int(text)

    def disturb(self, home, point):
        done = self.run(home, {"GPUCLOUD_FAIL_ALLOC": str(point)})
        struck = "out of memory" in done.stderr
        if struck and (done.returncode != 1 or "gpucloud: out of memory\n" not in done.stderr):
            raise ValueError(f"exit {done.returncode}: {done.stderr}")
        return done, struck

    def note(self):
        return ""


class Cut(tuple):
    """One fault of the wire: action, which of them, kind, offset."""

    def __str__(self):
        return ":".join(map(str, self))


class Network:
    """Replies cut at a byte, late, twice, mixed up; requests carried out twice, or much later."""
    KINDS = ("held", "double", "late", "twice", "mixed")

    def __init__(self, scene, args):
        self.scene, self.args = scene, args
        self.offsets = 0

    def through(self, home, fault=None):
        """Runs it behind a proxy; what it gave, and the proxy's record."""
        host, port = home.sim.facts["endpoint"].rpartition("/")[2].split(":")
        proxy = Proxy(host, int(port), fault)
        folder = home.folder / "proxied"
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = dict(home.sim.facts, endpoint=f"http://{host}:{proxy.port}")
        with open(folder / "sim.json", "w", opener=lambda p, f: os.open(p, f, 0o600)) as out:
            json.dump(facts, out)
        try:
            done = home.run(*self.scene.args, env={"GPUCLOUD_SIMULATOR_DIR": str(folder)})
        finally:
            proxy.close()
        return done, proxy

    def points(self, home):
        done, proxy = self.through(home)
        if done.returncode:
            raise Broken(f"the undisturbed run failed: {done.stderr}")
        dice = random.Random(self.args.seed)
        replies = sorted(proxy.record)
        self.offsets = sum(size for _, _, size in replies)
        points = [Cut((action, nth, kind, 0)) for action, nth, _ in replies
                  for kind in self.KINDS]
        # Every reply alike, however long it is: what makes things has short ones.
        for _ in range(max(len(points), self.args.sample)):
            action, nth, size = dice.choice(replies)
            points.append(Cut((action, nth, "cut", dice.randrange(size))))
        return points

    def parse(self, text):
        action, nth, kind, offset = text.rsplit(":", 3)
        return Cut((action, int(nth), kind, int(offset)))

    def disturb(self, home, point):
        done, proxy = self.through(home, tuple(point))
        return done, proxy.struck

    def note(self):
        return f"; {self.offsets} bytes of replies"


MODES = {"kill": Traced, "errors": Errors, "sigint": Sigint, "nested": Nested, "alloc": Alloc,
         "network": Network}
TRACED = ("kill", "errors", "sigint", "nested")
PLAIN = ("network",)
