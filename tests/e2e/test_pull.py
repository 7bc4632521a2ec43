# SPDX-License-Identifier: Apache-2.0
"""pull from simulated machines: whole trees, cut connections, machines that lie, disks that are full."""
import hashlib
import os
import pathlib
import signal
import subprocess
import time

import pytest

from checks import Client, kill_when
from conftest import wait_until

TYPE = ("--type", "g4dn.xlarge", "--region", "us-east-1", "--wait", "ssh", "--selftest", "none")
STAGE = ".{}.gpucloud-pull"


class Machine:
    """One running instance, seen from its inside."""

    def __init__(self, gc, name):
        self.gc, self.name = gc, name
        self.id = gc.launch(name, *TYPE)["id"]
        self.folder = (gc.sim.folder / "machines" / self.id).resolve()
        profile = next((self.folder / "root").glob("home/*/.profile"))
        self.home, stat = profile.parent, profile.stat()
        self.owner = stat.st_uid, stat.st_gid

    def own(self, path):
        if os.geteuid() == 0:
            for one in [path, *path.rglob("*")]:
                os.chown(one, *self.owner, follow_symlinks=False)

    def shim(self, tool, script):
        """A program of that name before the real one; "" takes it away again."""
        path = self.folder / "shims" / tool
        path.unlink(missing_ok=True)
        if script:
            path.write_text("#!/bin/sh\n" + script + "\n")
            path.chmod(0o755)

    def cut(self):
        """Kills what serves its connections."""
        for pid in servers_below(self.gc.sim.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def servers_below(top):
    """The sshd processes that a simulator has started."""
    parents, servers = {}, []
    for proc in pathlib.Path("/proc").iterdir():
        if proc.name.isdigit():
            try:
                parents[int(proc.name)] = int((proc / "stat").read_text().rpartition(")")[2].split()[1])
                if (proc / "exe").readlink().name == "sshd":
                    servers.append(int(proc.name))
            except OSError:
                continue

    def is_below(pid):
        while pid in parents and pid != top:
            pid = parents[pid]
        return pid == top
    return [pid for pid in servers if is_below(pid)]


def digest(folder):
    """Everything in a tree: kind, mode, time, content."""
    told = {}
    for path in folder.rglob("*"):
        stat = path.lstat()
        if path.is_symlink():
            what = path.readlink()
        elif path.is_file():
            what = stat.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            what = stat.st_mtime_ns
        told[str(path.relative_to(folder))] = oct(stat.st_mode), what
    return told


def noise(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))


@pytest.fixture
def m(make_sim, clean_env):
    gc = Client(clean_env, make_sim("--machines", "sshd", "--boot-ms", "200"))
    return Machine(gc, "m")


def test_trees(m, tmp_path):
    """All of it, then what changed, then without what is gone."""
    gc, tree, here = m.gc, m.home / "out", tmp_path / "here"
    for i in range(400):
        noise(tree / f"d{i % 9}" / f"f {i}", i * 7)
    noise(tree / "evil\x1b[2J\nname", 3)
    noise(tree / os.fsdecode(b"bad \xff utf-8"), 3)
    noise(tree.joinpath(*[str(i) for i in range(63)], "leaf"), 3)
    (tree / "link").symlink_to("d1/f 1")
    (tree / "away").symlink_to("../../../../etc/passwd")
    (tree / "d3" / "f 3").chmod(0o700)
    (tree / "d8").chmod(0o711)
    m.own(tree)
    gc.ok("pull", "m", "out", str(here))
    assert digest(tree) == digest(here)
    assert [p.name for p in tmp_path.glob(".*")] == []

    noise(tree / "d3" / "f 3", 30000)
    m.own(tree)
    (here / "mine").write_text("m")
    (here / "d4" / "f 4").unlink()
    (here / "d4" / "f 4").symlink_to(tmp_path / "outside")
    told = gc.ok("-v", "pull", "m", "out", str(here)).stderr
    assert "2 files, 30.0 kB" in told and "\x1b" not in told
    assert not (tmp_path / "outside").exists()
    (here / "mine").unlink()
    assert digest(tree) == digest(here)
    assert "0 files" in gc.ok("pull", "m", "out", str(here)).stderr

    (tree / "d5" / "f 5").unlink()
    (here / "mine").write_text("m")
    gc.ok("pull", "m", "out", str(here), "--dry-run")
    assert (here / "mine").exists()
    gc.ok("--yes", "pull", "m", "out", str(here), "--delete")
    assert digest(tree) == digest(here)

    # one file, under another name, into a folder, over a folder
    gc.ok("pull", "m", "out/d3/f 3", str(tmp_path / "one"))
    gc.ok("pull", "m", "out/d3/f 3", str(tmp_path / "run") + "/")
    for got in (tmp_path / "one", tmp_path / "run" / "f 3"):
        assert got.read_bytes() == (tree / "d3" / "f 3").read_bytes()
    (tmp_path / "run" / "f 3").unlink()
    (tmp_path / "run" / "f 3").mkdir()
    gc.fails(1, "pull", "m", "out/d3/f 3", str(tmp_path / "run"), says="is a folder here")
    gc.fails(1, "pull", "m", "out", str(tmp_path / "one"), says="is a file here")
    gc.fails(3, "pull", "m", "out/\x1b[2J", str(tmp_path / "none"), says="^[[2J")
    assert not (tmp_path / "none").exists()


def test_cuts(m, tmp_path):
    """Ten cut connections, Ctrl-C, a killed client: nothing shows itself before all of it is there."""
    gc, tree, here = m.gc, m.home / "out", tmp_path / "here"
    for i in range(300):
        noise(tree / f"d{i % 9}" / f"f{i}", 1000 + i)
    noise(tree / "big", 120 << 20)
    m.own(tree)
    stage = tmp_path / STAGE.format("here")

    def arrived():
        try:
            return sum(p.stat().st_size for p in stage.iterdir())
        except OSError:
            return 0

    process = gc.popen("pull", "m", "out", str(here))
    assert kill_when(process, lambda: arrived() > 9 << 20, "some of it", signal.SIGINT) == 130
    assert not here.exists()
    kept = arrived()
    assert kept > 9 << 20
    kill_when(gc.popen("pull", "m", "out", str(here)), lambda: arrived() > kept + (4 << 20),
              "some more", signal.SIGKILL)
    assert not here.exists()
    kept = arrived()
    assert kept > 13 << 20

    process = gc.popen("pull", "m", "out", str(here))
    cuts, end = 0, time.monotonic() + 240
    while process.poll() is None and time.monotonic() < end:
        if cuts < 10 and arrived() > kept + (2 << 20):
            assert not here.exists()
            kept = arrived()
            m.cut()
            cuts += 1
        time.sleep(0.005)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (out, err)
    assert cuts >= 3
    assert digest(tree) == digest(here)
    assert not stage.exists()


LIES = [  # a tool, what it does instead, exit code, what is said
    ("find", "yes", 1, "list"),
    ("find", r"printf 'd 755 0 1.0 \0\0f 644 5 1.0 ../../evil\0\0'", 1, "../../evil"),
    ("find", r"printf 'd 755 0 1.0 \0\0l 777 0 1.0 a\0/tmp\0f 644 5 1.0 a/evil\0\0'", 1, "no folder"),
    ("find", r"printf 'd 755 0 1.0 \0\0f 644 60000000000000 1.0 a\0\0'", 1, "no room"),
    ("tar", "yes", 1, "refused"),
    ("tar", "cat /dev/zero", 1, "refused"),
    ("tar", "cd /; exec /bin/tar -c -P --format=posix ../../etc/passwd", 1, "was not asked for"),
    ("tar", "mkdir -p q; ln -sfn /tmp q/a; exec /bin/tar -c --format=ustar -C q ./a", 1, "is a link"),
    ("tar", "ln -f a hard; exec /bin/tar -c --format=posix ./hard ./a", 1, "was not asked for"),
    ("tar", "truncate -s 10G huge; exec /bin/tar -c --format=posix --transform s/huge/a/ ./huge", 1,
     "10737418240"),
    ("tar", "printf '\\033[2J\\033]0;x\\007' >&2; exit 9", 1, "^[[2J"),
    ("zstd", "exec cat", 1, "no zstd frame"),
]


def test_lies(m, tmp_path):
    """Bounded, refused and clear; nothing is written anywhere but in the staging folder."""
    gc, here = m.gc, tmp_path / "here"
    here.mkdir()
    (here / "mine").write_text("m")
    before = {p.name for p in pathlib.Path("/tmp").iterdir() if "evil" in p.name}
    for tool, script, code, says in LIES:
        tree = m.home / "out"
        subprocess.run(["rm", "-rf", tree], check=True)
        noise(tree / "a", 5)
        noise(tree / "b", 5)
        m.own(tree)
        if tool == "find":
            script = 'case "$*" in *maxdepth*) printf x; exit;; esac\n' + script
        elif tool == "tar":
            script = 'case "$*" in *--version*) echo "tar (GNU tar) 1"; exit;; esac\n' + script
        m.shim(tool, script)
        done = gc.fails(code, "pull", "m", "out", str(here), says=says)
        m.shim(tool, "")
        assert "\x1b" not in done.stderr
        assert [p.name for p in here.iterdir()] == ["mine"], script
        assert {p.name for p in tmp_path.iterdir()
                if p.name.startswith(".")} <= {STAGE.format("here")}
    assert {p.name for p in pathlib.Path("/tmp").iterdir() if "evil" in p.name} == before
    gc.ok("pull", "m", "out", str(here))
    assert sorted(p.name for p in here.iterdir()) == sorted(["mine", *os.listdir(m.home / "out")])

    # a machine without tar or find
    for tool in ("tar", "find"):
        m.shim(tool, "exit 1")
        gc.ok("pull", "m", "out", str(tmp_path / f"no {tool}"))
        assert (tmp_path / f"no {tool}" / "b").read_bytes() == (m.home / "out" / "b").read_bytes()
        noise(m.home / "out" / "c", 5)
        gc.fails(1, "--yes", "pull", "m", "out", str(here), "--delete",
                 says="needs GNU find and tar")
        assert (here / "mine").exists()
        m.shim(tool, "")


def test_full_disk(m, tmp_path):
    """Said before anything is fetched."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk],
                                            capture_output=True).returncode == 0:
        size = 3 << 20
    else:
        size = 15 << 40  # a hole: more than any disk here has
    try:
        big = m.home / "big"
        with big.open("wb") as f:
            f.truncate(size)
        m.own(big)
        m.gc.fails(1, "pull", "m", "big", str(disk), says="no room")
        assert [p for p in disk.iterdir() if not p.name.startswith(".")] == []
        big.write_bytes(b"fits")
        m.gc.ok("pull", "m", "big", str(disk))
        assert [p.read_bytes() for p in disk.iterdir()] == [b"fits"]
    finally:
        subprocess.run(["umount", disk], capture_output=True)


def test_another_machine_answers(make_sim, clean_env, tmp_path):
    """Its host key is not ours: nothing comes from it."""
    gc = Client(clean_env, make_sim("--machines", "sshd", "--boot-ms", "200", "--machine-fault",
                                    "swap-host-key"))
    gc.run("launch", "--name", "evil", *TYPE)
    wait_until(lambda: gc.live("evil"), "the instance")
    gc.fails(4, "pull", "evil", ".profile", str(tmp_path / "got"), says="another machine answers")
    assert not (tmp_path / "got").exists()
