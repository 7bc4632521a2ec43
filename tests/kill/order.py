#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What makes something is written down, and on the disk, before its first byte is sent.

Launches under strace against a simulator without TLS, and reads the calls in their order: for each
request that makes something, a write to the journal's log that names it, then a sync of that log,
then the send. GPUCLOUD_BIN and GPUCLOUD_SIM_BIN name the programs. Exit 1: something came too soon.
"""
import re
import sys

import clouds
import scenes
import tracing
from cloud import Broken, Home, Simulator, scratch
from clouds import CLOUD

CALL = re.compile(r"^\d+ +(\w+)\((.*)$")
BEGINS = re.compile(r'"(GET|POST|PUT|PATCH|DELETE) /')
FD = re.compile(r"^(\d+)<([^>]*)>")
# What makes something, how its request is known, and the word of it that the journal must know.
MAKES = {action: (mark, re.compile(word)) for action, (mark, word) in CLOUD.makes.items()}
MAKER = clouds.MAKER[CLOUD.name]


class Order:
    """Reads the calls one by one."""

    def __init__(self):
        self.written = []   # to the journal's log, not synced yet
        self.durable = ""   # synced
        self.keys = set()   # host keys that are whole and in their place
        self.synced = set() # files
        self.moved = False  # a host key's name is set, but its folder not synced
        self.began = {}     # per connection: what was durable when its request began
        self.problems, self.seen = [], []

    def call(self, name, rest):
        found = FD.match(rest)
        fd, path = found.groups() if found else ("", "")
        if name == "pwrite64" and path.endswith("journal.db-wal"):
            self.written.append(rest)
        elif name in ("fdatasync", "fsync") and path.endswith("journal.db-wal"):
            self.durable += "".join(self.written)
            self.written = []
        elif name in ("fdatasync", "fsync"):
            self.synced.add(path)
            self.moved = self.moved and not path.endswith("/hostkeys")
        elif name.startswith("rename") and "/hostkeys/" in rest:
            temporary, to = re.findall(r'"([^"]+)"', rest)[:2]
            if temporary not in self.synced:
                self.problems.append(f"the host key {to} was put in its place before its sync")
            self.keys.add(to)
            self.moved = True
        elif name in ("sendto", "sendmsg", "write") and "TCP" in path:
            self.sent(fd, rest)

    def sent(self, fd, rest):
        begins = BEGINS.search(rest)
        if begins:  # only POST makes anything
            self.began[fd] = (self.durable, set(self.keys), self.moved) \
                if begins.group(1) == "POST" else None
        if not self.began.get(fd):
            return
        for action, (mark, word) in MAKES.items():
            if mark not in rest:
                continue
            self.seen.append(action)
            durable, keys, moved = self.began[fd]
            named = word.search(rest)
            if not named or named.group(1) not in durable:
                self.problems.append(f"{action}: sent before the journal knew "
                                     f"{named.group(1) if named else 'its name'} for good")
            if action == MAKER and (not keys or moved):
                self.problems.append(f"{MAKER}: sent before the host key was kept for good")


def look(home, args):
    trace = home.folder / "trace"
    done = home.run(*args, before=[
        "strace", "-f", "-qq", "-yy", "-s", "65536", "-o", str(trace), "-e",
        "trace=pwrite64,fdatasync,fsync,rename,renameat,renameat2,sendto,sendmsg,write"])
    if done.returncode:
        raise Broken(f"{' '.join(args)}: {done.stderr}")
    order = Order()
    for line in trace.read_text(errors="replace").splitlines():
        found = CALL.match(line)
        if found:
            order.call(*found.groups())
    return order


def main():
    problem = tracing.check()
    if problem:
        print(f"order: {problem}", file=sys.stderr)
        return 2
    folder = scratch()
    sim = Simulator(folder / "sim", plain=True).start()
    home = Home(sim, "order")
    key = home.folder / "id.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRlYWRiZWVmZGVhZGJlZWZkZWFkYmVlZmRlYWRi"
                   "ZWVm x\n")
    bad = 0
    try:
        if CLOUD.spot:  # no room in the first zone: two attempts, each with a token of its own
            sim.fault(kind="error", action="RunInstances", count=1, status=500,
                      code="InsufficientInstanceCapacity")
        for args in (scenes.TRY_TWO, scenes.launch("--ssh-key", str(key), name="other")):
            order = look(home, args)
            print(f"{' '.join(args)}: {', '.join(order.seen)}")
            for text in order.problems:
                print(f"  TOO SOON: {text}")
            bad += len(order.problems) + (MAKER not in order.seen)
    except Broken as e:
        print(f"order: {e}", file=sys.stderr)
        return 2
    finally:
        home.close()
        sim.stop()
        folder.rmdir()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
