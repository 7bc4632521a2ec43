#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Push and pull against `scp -r`, `sftp` and `rsync -a`, over one sshd, as ratios of one run.

    bench_copy.py COPY_ONCE [--where loopback,slow] [--what file,tree] [--way push,again,pull]
                  [--size-mb 1000] [--files 20000] [--runs 3] [--nice N] [--folder DIR]
                  [--slow-size-mb N] [--each N]
    bench_copy.py --whole BUILD_FOLDER [--size-mb N]

COPY_ONCE drives ssh/sync alone, so no cloud is in its figures; --whole is `gpucloud push` against a
simulator, once. All talk to Debian's sshd (`sshd -i` for each connection, never as root) with the same
key and a known host key, read from a warm cache, and write to the same disk, into a target that is not
there yet. The tools take turns; the best of the runs counts, and what is dirty is written out before
each. The file is incompressible; of the tree's (10 KB each on average) half are text.

loopback: no delay. slow: two network namespaces, and slow_wire (found beside COPY_ONCE) between them
with 25 ms and 200 Mbit/s each way; needs root, else it says that it was left out. There scp and sftp
would take an hour for the tree: they copy --each of its files, and the time of all is computed from
that and from one file alone.

processor: of the client and of all that sshd started, user and system. Fails only where a command
fails or a copy differs, never on a figure.
"""
import argparse
import ctypes
import glob
import hashlib
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench_remote  # noqa: E402  the same sshd

DELAY_MS, RATE_MBIT = 25, 200  # each way
HERE, THERE = "10.213.77.1", "10.213.77.2"
CLONE_NEWNET, PR_SET_CHILD_SUBREAPER = 0x40000000, 36
TOOLS = ("ours", "scp", "sftp", "rsync", "rsync -z")
COMMANDS = {"scp": "scp -r", "rsync": "rsync -a", "rsync -z": "rsync -az"}


def quiet(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


class Namespaces:
    """Two namespaces and a wire between them; all three end with us."""

    def __init__(self, slow_wire):
        self.names = [f"gpucloud-bench-{os.getpid()}{end}" for end in "ab"]
        self.wire = None
        try:
            for name in self.names:
                quiet("ip", "netns", "add", name)
            first = ["nice", "-n", "-20"]  # so that it is no slower than it says
            self.wire = subprocess.Popen(
                first + [slow_wire] + [f"/run/netns/{name}" for name in self.names] + [
                    str(DELAY_MS), str(RATE_MBIT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if self.wire.stdout.readline() != b"ready\n":
                raise OSError("slow_wire did not start")
            for name, here, peer in zip(self.names, (HERE, THERE), (THERE, HERE)):
                quiet("ip", "-n", name, "address", "add", here, "peer", peer, "dev", "wire")
                quiet("ip", "-n", name, "link", "set", "wire", "up")
        except BaseException:
            self.stop()
            raise

    def listen(self):
        """A listening socket in the second one: a thread that has gone there makes it."""
        found = []

        def go():
            with open(f"/run/netns/{self.names[1]}", encoding="ascii") as f:
                if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET) < 0:
                    raise OSError(ctypes.get_errno(), "setns")
            found.append(socket.create_server((THERE, 0)))

        thread = threading.Thread(target=go)
        thread.start()
        thread.join()
        return found[0]

    def stop(self):
        if self.wire:
            self.wire.kill()
            self.wire.wait()
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], check=False,
                           stderr=subprocess.DEVNULL)


def children():
    """Of all threads; those of a thread that ends go to another one."""
    while True:
        found = set()
        try:
            for task in os.listdir("/proc/self/task"):
                with open(f"/proc/self/task/{task}/children", encoding="ascii") as f:
                    found.update(int(pid) for pid in f.read().split())
            return found
        except FileNotFoundError:
            continue


def reap_orphans(but):
    """What an sshd leaves when it goes, such as its sftp-server, becomes ours: see main()."""
    while left := children() - but:
        for pid in left:
            os.wait4(pid, 0)


def used_by_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Sshd(bench_remote.Sshd):
    """Tells when all that its connections started has ended."""

    def __init__(self, folder, nice, listener=None):
        self.prefix, self.given = nice, listener
        self.lock, self.open = threading.Condition(), 0
        self.pids = set()
        super().__init__(folder)
        with open(f"{folder}/config", "a", encoding="utf-8") as f:
            # as Debian has it, but for who the user is
            wrapper = glob.glob("/usr/lib/*/libnss_wrapper.so")[0]
            f.write(f"Subsystem sftp /usr/bin/env LD_PRELOAD={wrapper} "
                    f"NSS_WRAPPER_PASSWD={folder}/passwd NSS_WRAPPER_GROUP={folder}/group "
                    "/usr/lib/openssh/sftp-server\n")

    def serve(self):
        if self.given:
            self.listener.close()
            self.listener = self.given
        super().serve()

    def start(self, argv, sock, env):
        with self.lock:
            child = subprocess.Popen(self.prefix + argv, stdin=sock, stdout=sock, env=env,
                                     stderr=subprocess.DEVNULL)
            self.open += 1
            self.pids.add(child.pid)
        threading.Thread(target=self.wait, args=(child,), daemon=True).start()

    def wait(self, child):
        child.wait()
        with self.lock:
            self.open -= 1
            self.pids.discard(child.pid)
            self.lock.notify_all()

    def wait_all(self):
        with self.lock:
            self.lock.wait_for(lambda: self.open == 0, 30)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self.listener.close()
        with self.lock:
            for pid in self.pids:
                os.kill(pid, 15)
            self.lock.wait_for(lambda: self.open == 0, 10)


class Place:
    """A sshd, and how each tool reaches it."""

    def __init__(self, name, folder, args):
        self.name, self.folder, self.args = name, folder, args
        nice = ["nice", "-n", str(args.nice)] if args.nice else []
        os.mkdir(folder, 0o755)
        self.net = None
        if name == "slow":
            beside = os.path.dirname(os.path.abspath(args.copy_once))
            self.net = Namespaces(f"{beside}/slow_wire")
        self.address, self.client = "127.0.0.1", nice
        listener = None
        if self.net:
            self.address = THERE
            self.client = ["ip", "netns", "exec", self.net.names[0]] + nice
            listener = self.net.listen()
        self.sshd = Sshd(folder, nice, listener)
        self.port = listener.getsockname()[1] if listener else self.sshd.port
        with open(f"{folder}/host.pub", encoding="utf-8") as f:
            self.host = f.read().strip()
        bench_remote.write(f"{folder}/known", f"[{self.address}]:{self.port} {self.host}\n")
        self.options = ["-F", "none", "-i", f"{folder}/login",
                        "-o", f"UserKnownHostsFile={folder}/known",
                        "-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes",
                        "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
        self.login = f"tester@{self.address}"

    def stop(self):
        self.sshd.stop()
        if self.net:
            self.net.stop()

    def command(self, tool, way, local, there):
        """What is run, and what goes to its standard input."""
        push = way != "pull"
        remote = f"{self.login}:{there}"
        if tool == "ours":
            ends = ["push", local, there] if push else ["pull", there, local]
            return [os.path.abspath(self.args.copy_once), self.address, str(self.port), "tester",
                    f"{self.folder}/login", self.host] + ends, ""
        if tool == "scp":
            ends = [local, remote] if push else [remote, local]
            return ["scp", "-q", "-r", "-P", str(self.port)] + self.options + ends, ""
        if tool == "sftp":
            batch = f"put -r {local} {there}\n" if push else f"get -r {there} {local}\n"
            return ["sftp", "-q", "-b", "-", "-P", str(self.port)] + self.options + [
                self.login], batch
        slash = "/" if os.path.isdir(local) or there.endswith("tree") else ""
        ends = [local + slash, remote + slash] if push else [remote + slash, local + slash]
        shell = " ".join(["ssh", "-p", str(self.port)] + self.options)
        return ["rsync", "-az" if tool == "rsync -z" else "-a", "-e", shell] + ends, ""

    def once(self, tool, way, local, there):
        """Wall seconds, and the processor's of both sides."""
        argv, batch = self.command(tool, way, local, there)
        but = {self.net.wire.pid} if self.net else set()
        os.sync()
        before = used_by_children()
        with tempfile.TemporaryFile() as given:
            given.write(batch.encode())
            given.seek(0)
            begin = time.perf_counter()
            child = subprocess.Popen(self.client + argv, stdin=given, stdout=subprocess.DEVNULL,
                                     process_group=0)
            try:
                _, status, usage = os.wait4(child.pid, 0)
            except BaseException:
                os.killpg(child.pid, signal.SIGKILL)
                raise
            wall = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"{' '.join(argv)}: status {child.returncode}")
        self.sshd.wait_all()
        reap_orphans(but)
        client = usage.ru_utime + usage.ru_stime
        return wall, client, used_by_children() - before - client


def write_words(f, size, rng):
    words = [b"loss", b"epoch", b"batch", b"train", b"model", b"0.%04d" % rng.randrange(10000)]
    f.write(b" ".join(rng.choices(words, k=size // 4))[:size])


def make_tree(path, count, rng):
    os.mkdir(path)
    for i in range(count):
        folder = f"{path}/part-{i // 100:03d}"
        if i % 100 == 0:
            os.mkdir(folder)
        size = rng.randrange(2000, 18001)
        with open(f"{folder}/sample-{i:05d}", "wb") as f:
            if i % 2:
                write_words(f, size, rng)
            else:
                f.write(rng.randbytes(size))


def make_file(path, size_mb, rng):
    with open(path, "wb") as f:
        for _ in range(size_mb):
            f.write(rng.randbytes(1000000))


def digest(path):
    """Of all contents and names below it."""
    total = hashlib.sha256()
    names = [""]
    if os.path.isdir(path):
        names = sorted(os.path.relpath(os.path.join(root, name), path)
                       for root, _, files in os.walk(path) for name in files)
    for name in names:
        total.update(name.encode() + b"\0")
        with open(os.path.join(path, name) if name else path, "rb") as f:
            total.update(hashlib.file_digest(f, "sha256").digest())
    return total.hexdigest()


def remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def size_of(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(root, name))
               for root, _, files in os.walk(path) for name in files)


class Bench:
    def __init__(self, place, folder):
        self.place, self.folder = place, folder
        self.home = f"{place.folder}/home"

    def ready(self, way, what, source):
        """Where from and to, the target not being there. Of a pull's source there is one copy."""
        there = f"target-{what}"
        local = source
        if way == "push":
            remove(f"{self.home}/{there}")
        elif way == "pull":
            local = f"{self.folder}/back-{what}"
            remove(local)
            if not os.path.exists(f"{self.home}/{there}"):
                quiet("cp", "-a", source, f"{self.home}/{there}")
                quiet("chown", "-R", f"{self.place.sshd.uid}:{self.place.sshd.uid}",
                      f"{self.home}/{there}")
        return local, there

    def best(self, way, what, source, tools, runs):
        """The best of each tool, the tools taking turns."""
        found, want = {}, digest(source)
        for run in range(runs):
            for tool in tools:
                local, there = self.ready(way, what, source)
                got = self.place.once(tool, way, local, there)
                target = local if way == "pull" else f"{self.home}/{there}"
                if run == 0 and digest(target) != want:
                    sys.exit(f"{tool}: what arrived is not what was sent")
                if tool not in found or got[0] < found[tool][0]:
                    found[tool] = got
        return found

    def again(self, what, source, runs):
        """Nothing changed; each tool finds what itself has left there."""
        found = {}
        for tool in ("ours", "rsync"):
            local, there = self.ready("push", what, source)
            self.place.once(tool, "push", local, there)
            for _ in range(runs):
                got = self.place.once(tool, "again", local, there)
                if tool not in found or got[0] < found[tool][0]:
                    found[tool] = got
        return found

    def many_slowly(self, way, what, source, tools, runs):
        """scp and sftp, by what they take for some of the tree."""
        args = self.place.args
        count = sum(len(files) for _, _, files in os.walk(source))
        few, one = f"{self.folder}/few-tree", f"{self.folder}/one-tree"
        found = {}
        for path, files in ((few, min(args.each, count)), (one, 1)):
            if not os.path.exists(path):
                make_tree(path, files, random.Random(3))
        some = {path: self.best(way, os.path.basename(path), path, tools, runs)
                for path in (few, one)}
        files = min(args.each, count)
        for tool in tools:
            first, rest = some[one][tool][0], some[few][tool][0] - some[one][tool][0]
            found[tool] = (first + rest / max(files - 1, 1) * (count - 1), 0, 0)
        return found


def report(place, way, what, found, size, computed=()):
    print(f"\n{place}, {way}, {what}: {size / 1e6:.0f} MB", flush=True)
    ours = found["ours"][0]
    for tool, (wall, client, server) in found.items():
        per_gb = (client + server) * 1e9 / size if size else 0
        used = (f"processor {client:6.2f} + {server:6.2f} s, {per_gb:6.2f} s/GB"
                if tool not in computed else "computed")
        print(f"  {COMMANDS.get(tool, tool):<10} {wall:9.2f} s {size / wall / 1e6:8.1f} MB/s   "
              f"ours takes {ours / wall:5.2f} of it   {used}", flush=True)


def measure(place, args, folder, sources):
    bench = Bench(place, folder)
    for what in args.what.split(","):
        source = sources[what]
        if place.name == "slow" and what == "file" and "slow" in sources:
            source = sources["slow"]
        size = size_of(source)
        for way in args.way.split(","):
            if way == "again":
                report(place.name, "push with nothing changed", what,
                       bench.again(what, source, args.runs), size)
                continue
            tools = [tool for tool in TOOLS if tool != "rsync -z" or what == "tree"]
            slowly = [tool for tool in tools if tool in ("scp", "sftp")
                      and place.name == "slow" and what == "tree"]
            found = bench.best(way, what, source, [t for t in tools if t not in slowly], args.runs)
            if slowly:
                found.update(bench.many_slowly(way, what, source, slowly, args.runs))
            report(place.name, way, what, found, size, slowly)


def whole(args):
    """`gpucloud push` as a user runs it; the simulator's sshd, and its cloud, on this computer."""
    build = os.path.abspath(args.whole)
    gpucloud, sim = f"{build}/gpucloud", f"{build}/gpucloud-sim"
    with tempfile.TemporaryDirectory(prefix="gpucloud-bench-") as home:
        env = {"HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
               "GPUCLOUD_SIMULATOR_DIR": f"{home}/sim", "GPUCLOUD_PROFILE": "sim"}

        def run(*argv):
            begin = time.perf_counter()
            done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, text=True,
                                  capture_output=True)
            if done.returncode:
                sys.exit(f"{' '.join(argv)}: {done.stderr}")
            return time.perf_counter() - begin

        run(sim, "start", "--detach", "--machines", "sshd")
        try:
            run(gpucloud, "--json", "launch", "--type", "g4dn.xlarge", "--name", "bench",
                "--selftest", "none")
            make_file(f"{home}/file", args.size_mb, random.Random(1))
            make_tree(f"{home}/tree", args.files, random.Random(2))
            for what in ("file", "tree"):
                os.sync()
                first = run(gpucloud, "push", "bench", f"{home}/{what}", f"target-{what}")
                again = run(gpucloud, "push", "bench", f"{home}/{what}", f"target-{what}")
                print(f"gpucloud push, {what}: {first:.2f} s, again with nothing changed "
                      f"{again:.2f} s")
        finally:
            run(sim, "stop")


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("copy_once", nargs="?")
    parser.add_argument("--whole")
    parser.add_argument("--where", default="loopback,slow")
    parser.add_argument("--what", default="file,tree")
    parser.add_argument("--way", default="push,again,pull")
    parser.add_argument("--size-mb", type=int, default=1000)
    parser.add_argument("--slow-size-mb", type=int)
    parser.add_argument("--files", type=int, default=20000)
    parser.add_argument("--each", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--folder")
    args = parser.parse_args()
    if not args.copy_once and not args.whole:
        parser.error("name copy_once or --whole")
    return args


def main():
    args = arguments()
    if args.whole:
        whole(args)
        return
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0:
        sys.exit("cannot count what the server uses")
    folder = tempfile.mkdtemp(prefix="gpucloud-bench-", dir=args.folder)
    os.chmod(folder, 0o755)
    place = None
    try:
        sources = {"file": f"{folder}/file", "tree": f"{folder}/tree"}
        make_file(sources["file"], args.size_mb, random.Random(1))
        make_tree(sources["tree"], args.files, random.Random(2))
        if args.slow_size_mb and args.slow_size_mb != args.size_mb:
            sources["slow"] = f"{folder}/slow"
            make_file(sources["slow"], args.slow_size_mb, random.Random(1))
        for name in args.where.split(","):
            try:
                place = Place(name, f"{folder}/{name}", args)
            except (subprocess.CalledProcessError, OSError) as error:
                if name != "slow":
                    raise
                print(f"slow: left out, no network namespaces here: {error}")
                continue
            measure(place, args, folder, sources)
            place.stop()
            place = None
            shutil.rmtree(f"{folder}/{name}")
    finally:
        if place:
            place.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
