# SPDX-License-Identifier: Apache-2.0
"""Counting a program's system calls, and disturbing one of them, with strace.

Counting is per call name and per traced thread: `when=N` strikes whichever thread or process gets
to its own N-th call first. So every name is swept by itself, as far as the busiest thread counts,
and what a run of gpucloud does is known from a baseline of the same run in the same surroundings.
"""
import collections
import os
import re
import signal
import subprocess

# What sends, receives, writes, renames or syncs; openat and open where they create.
SENDS = ("sendto", "sendmsg", "connect")
RECEIVES = ("recvfrom", "recvmsg", "poll", "ppoll")
WRITES = ("write", "writev", "pwrite64", "ftruncate", "fallocate")
SYNCS = ("fsync", "fdatasync")
NAMES = ("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "link", "symlink")
CREATES = ("openat",)
PROCESSES = ("kill", "exit_group")
SWEPT = SENDS + RECEIVES + WRITES + SYNCS + NAMES + CREATES + PROCESSES

LINE = re.compile(r"^(\d+) +([a-z_0-9]+)\((.*)$")

# What a call may fail with; for ever, too, unless it is EINTR: a signal comes and goes.
ERRNOS = {
    "sendto": ("ECONNRESET", "ETIMEDOUT", "EPIPE", "EINTR"),
    "sendmsg": ("ECONNRESET", "EINTR"),
    "connect": ("ETIMEDOUT", "ECONNRESET", "EINTR"),
    "recvfrom": ("ECONNRESET", "ETIMEDOUT", "EINTR", "EIO"),
    "recvmsg": ("ECONNRESET", "EINTR"),
    "poll": ("EINTR",),
    "socket": ("EMFILE",),
    "write": ("EIO", "ENOSPC", "EINTR"),
    "pwrite64": ("EIO", "ENOSPC", "EINTR"),
    "pread64": ("EIO", "EINTR"),
    "read": ("EIO", "EINTR"),
    "ftruncate": ("EIO", "ENOSPC"),
    "fallocate": ("ENOSPC",),
    "fsync": ("EIO", "ENOSPC", "EINTR"),
    "fdatasync": ("EIO", "ENOSPC", "EINTR"),
    "rename": ("EIO", "ENOSPC"),
    "unlink": ("EIO",),
    "mkdir": ("EIO", "ENOSPC"),
    "openat": ("EIO", "ENOSPC", "EMFILE", "EINTR"),
    "flock": ("EINTR", "EIO"),
}


class Point(collections.namedtuple("Point", "call nth how")):
    """One disturbance: how is "KILL", "INT", "EIO" (once) or "EIO+" (from there on)."""

    def __str__(self):
        return f"{self.call}:{self.nth}:{self.how}"

    @classmethod
    def parse(cls, text):
        call, nth, how = text.split(":")
        return cls(call, int(nth), how)

    def strace(self):
        """What to start the program by."""
        if self.how in ("KILL", "INT", "TERM"):
            what = f"signal={self.how}:when={self.nth}"
        else:
            what = f"error={self.how.rstrip('+')}:when={self.nth}" + \
                ("+" if self.how.endswith("+") else "")
        return ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={self.call}",
                "-e", f"inject={self.call}:{what}"]


def check():
    """strace is there and may trace; a sweep that silently did nothing would be worse than none."""
    try:
        done = subprocess.run(["strace", "-f", "-qq", "-o", os.devnull, "true"],
                              capture_output=True, text=True)
    except FileNotFoundError:
        return "strace is not installed: scripts/install-deps build test"
    if done.returncode:
        return f"strace may not trace here (ptrace is not permitted?): {done.stderr.strip()}"
    return None


class Baseline:
    """How often each thread made each call, and which of its openat calls create."""

    def __init__(self, text):
        lines = [found.groups() for found in map(LINE.match, text.splitlines()) if found]
        self.threads = collections.OrderedDict()
        self.loader = collections.Counter()  # what the dynamic loader did before main()
        creates = collections.defaultdict(set)
        loaded = max((i for i, (_, call, rest) in enumerate(lines)
                      if call == "openat" and ".so" in rest and i < 500), default=-1)
        for i, (tid, call, rest) in enumerate(lines):
            counts = self.threads.setdefault(tid, collections.Counter())
            counts[call] += 1
            if i <= loaded + 1:
                self.loader[call] += 1
            if call not in CREATES or "O_CREAT" in rest:
                creates[call].add(counts[call])
        self.most = collections.Counter()
        for counts in self.threads.values():
            self.most |= counts
        self.wanted = {call: sorted(creates[call]) for call in self.most}

    def kill_points(self, how="KILL"):
        return [Point(call, n, how) for call in SWEPT for n in self.wanted.get(call, ())]

    def error_points(self):
        """Every call of the matrix, failing once and failing from there on."""
        return [Point(call, n, errno + plus)
                for call, errnos in ERRNOS.items() if call in self.most
                for n in range(self.loader[call] + 1, self.most[call] + 1) for errno in errnos
                for plus in (("",) if errno == "EINTR" else ("", "+"))]

    def unreached(self):
        """Calls that no point strikes: another thread of the run gets to that count first."""
        return sum(counts[call] for counts in self.threads.values() for call in SWEPT) - \
            sum(self.most[call] for call in SWEPT)


def baseline(home, args):
    """Runs it once, undisturbed."""
    path = home.folder / "trace"
    names = ",".join(sorted(set(SWEPT) | set(ERRNOS)))
    done = home.run(*args, before=["strace", "-f", "-qq", "-s", "64", "-o", str(path), "-e",
                                   f"trace={names}"])
    text = path.read_text(errors="replace")
    path.unlink()
    return Baseline(text), done


def killed(done):
    return done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
