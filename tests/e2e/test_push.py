# SPDX-License-Identifier: Apache-2.0
"""push to a simulated machine, through Debian's own sshd: what arrives, what is not sent again."""
import json
import os
import pathlib
import shutil
import signal

import pytest

from checks import Client, kill_when
from push_tools import Cutter, make_tree, tree_of

TYPE = ("--type", "g4dn.xlarge", "--region", "us-east-1")
FULL = os.environ.get("GPUCLOUD_TEST_FULL_PUSH")  # 20,000 files, 200 MB; else a tenth of both
FILES, SIZE = (20000, 200_000_000) if FULL else (2000, 20_000_000)


@pytest.fixture
def gc(make_sim, clean_env):
    return Client(clean_env, make_sim("--machines", "sshd", "--boot-ms", "300"))


@pytest.fixture
def up(gc):
    gc.lines("launch", "--name", "m", *TYPE, "--wait", "ssh", "--selftest", "none")
    yield gc
    gc.ok("--yes", "terminate", "m")


def home(gc):
    (root,) = pathlib.Path(gc.sim.folder, "machines").glob("*/root")
    (profile,) = root.glob("home/*/.profile")
    return profile.parent


def on_machine(gc, command):
    return gc.ok("exec", "m", "--", command).stdout


def test_only_what_changed(up, tmp_path):
    tree = make_tree(tmp_path / "tree", FILES, SIZE)
    first = up.json("push", "m", str(tree), "work")
    assert first["files"] == FILES and first["same_files"] == 0 and first["turns"] == 1
    assert first["method"] == "tar+zstd"
    assert first["wire_bytes"] < 0.7 * first["bytes"]
    assert tree_of(tree) == tree_of(home(up) / "work")

    again = up.json("push", "m", str(tree), "work")
    assert (again["files"], again["same_files"], again["wire_bytes"]) == (0, FILES, 0)

    (tree / "file-new.dat").write_text("new\n")
    one = next(tree.rglob("file-7.dat"))
    one.write_bytes(one.read_bytes() + b"more")
    told = up.ok("push", "m", str(tree), "work").stderr
    assert told.startswith("2 files, ") and f"; {FILES - 1:,} unchanged" in told
    assert tree_of(tree) == tree_of(home(up) / "work")
    assert "gpucloud-push" not in on_machine(up, "ls -A")


def test_ten_cuts(up, tmp_path):
    tree = make_tree(tmp_path / "tree", FILES // 2, SIZE // 2)
    large = max(SIZE, 80_000_000)
    (tree / "large.bin").write_bytes(os.urandom(large))
    (instance,) = up.json("list", "--region", "us-east-1", "--mine")["instances"]
    # the same simulator, whose machines are reached by another port
    facts = json.loads((up.sim.folder / "sim.json").read_text())
    other = tmp_path / "other"
    shutil.copytree(up.sim.folder, other, symlinks=True)
    whole = large + 0.3 * SIZE
    cutter = Cutter(instance["public_ip"], facts["ssh_port"], 10, int(whole / 12))
    try:
        (other / "sim.json").write_text(json.dumps({**facts, "ssh_port": cutter.port}))
        env = {"GPUCLOUD_SIMULATOR_DIR": str(other)}
        done = up.ok("--json", "push", "m", str(tree), "work", env=env, timeout=300)
    finally:
        cutter.close()
    result = json.loads(done.stdout)
    assert cutter.cut == 10 and result["turns"] == 11
    assert tree_of(tree) == tree_of(home(up) / "work")
    # what had arrived was not sent again, but for what was on its way at each cut: sshd's own
    # window holds 2 MB, and what of it the command has not got by then is lost
    assert result["resumed_bytes"] > 0.3 * result["bytes"]
    assert result["wire_bytes"] < 1.8 * whole


def test_killed_half_way(up, tmp_path):
    """The machine has the old tree until the new one is there; then the push goes on."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a").write_text("old")
    up.ok("push", "m", str(tree), "work")
    before = tree_of(home(up) / "work")
    (tree / "a").write_text("newer")
    with open(tree / "big", "wb") as f:
        for _ in range(12):
            f.write(os.urandom(8 << 20))
    staged = home(up) / ".work.gpucloud-push" / "new" / "big"

    for signo, code, there in ((signal.SIGKILL, -9, 8 << 20), (signal.SIGINT, 130, 24 << 20)):
        assert kill_when(up.popen("push", "m", str(tree), "work"),
                         lambda size=there: staged.exists() and staged.stat().st_size > size,
                         "half a file", signo) == code
        assert tree_of(home(up) / "work") == before
    result = up.json("push", "m", str(tree), "work")
    assert result["resumed_bytes"] > (8 << 20)
    assert tree_of(tree) == tree_of(home(up) / "work")
    assert "gpucloud-push" not in on_machine(up, "ls -A")


def test_odd_things(up, tmp_path):
    tree = tmp_path / "tree"
    (tree / "empty" / "er").mkdir(parents=True)
    (tree / "-rf").mkdir()
    for name in ("new\nline", "quote's \"$HOME`x`", "--checkpoint=1", "ä", "*", "x" * 255, " "):
        (tree / "-rf" / name).write_text(name)
    with open(os.path.join(os.fsencode(tree), b"latin-\xe9"), "w") as f:
        f.write("x")
    (tree / "run").write_text("#!/bin/sh\n")
    (tree / "run").chmod(0o750)
    (tree / "link").symlink_to("../../nowhere")
    (tree / "shut").mkdir()
    (tree / "shut" / "in").write_text("x")
    (tree / "shut").chmod(0o555)
    on_machine(up, "mkdir 'a b'")
    up.ok("push", "m", str(tree), "a b/it's")
    assert tree_of(tree) == tree_of(home(up) / "a b" / "it's")
    os.mkfifo(tree / "pipe")
    up.fails(1, "push", "m", str(tree), "a b/it's", says="neither file, folder nor link")
    (tree / "pipe").unlink()
    (tree / "shut").chmod(0o755)


def test_what_is_left_out(up, tmp_path):
    tree = tmp_path / "tree"
    (tree / ".git").mkdir(parents=True)
    (tree / ".git" / "HEAD").write_text("x")
    (tree / "data").mkdir()
    (tree / "data" / "big").write_text("x")
    (tree / "src").mkdir()
    (tree / "src" / "a.o").write_text("x")
    (tree / "src" / "a.c").write_text("x")
    (tree / ".gitignore").write_text("*.o\n/data/\n")
    (tree / ".gpucloudignore").write_text("!/data/\n*.c\n")
    up.ok("push", "m", str(tree), "work", "--exclude", ".gpucloudignore")
    assert sorted(tree_of(home(up) / "work")) == [b".gitignore", b"data", b"data/big", b"src"]
    up.ok("push", "m", str(tree), "work", "--no-ignore")
    assert b"src/a.o" in tree_of(home(up) / "work")
    assert b".git" not in tree_of(home(up) / "work")


def test_delete(up, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a").write_text("a")
    up.ok("push", "m", str(tree), "work")
    on_machine(up, "mkdir work/old; echo 1 > work/old/x; echo 1 > work/y; echo keep > other")
    dry = up.json("push", "m", str(tree), "work", "--delete", "--dry-run")
    assert {(c["what"], c["path"]) for c in dry["changes"]} == {
        ("remove", "old"), ("remove", "old/x"), ("remove", "y")}
    assert up.ok("push", "m", str(tree), "work", "--delete", "--dry-run").stdout.splitlines() == \
        ["remove y", "remove old/x", "remove old"]
    # more than half of it: asked for
    up.fails(2, "push", "m", str(tree), "work", "--delete", says="2 of the 3 files in 'work'")
    assert on_machine(up, "ls work") == "a\nold\ny\n"
    up.ok("--yes", "push", "m", str(tree), "work", "--delete")
    assert on_machine(up, "ls work") == "a\n"
    for remote in ("~", "/", "work/.."):
        up.fails(2, "--yes", "push", "m", str(tree), remote, "--delete",
                 says="nothing there is removed")
    assert on_machine(up, "cat other") == "keep\n"
    up.fails(3, "push", "m", str(tree), "no/where", says="is not on the machine")


@pytest.mark.parametrize("without,method", [("zstd", "tar+gzip"), ("zstd gzip", "tar"),
                                            ("tar", "sftp")])
def test_a_machine_with_less(up, tmp_path, without, method):
    tree = make_tree(tmp_path / "tree", 60, 300_000)
    (instance,) = (p for p in pathlib.Path(up.sim.folder, "machines").glob("*/shims"))
    for name in without.split():
        shim = instance / name
        shim.write_text("#!/bin/sh\nexit 127\n")
        shim.chmod(0o755)
    hide = " ".join(without.split())
    result = up.json("push", "m", str(tree), "work")
    assert result["method"] == method, hide
    assert result["files"] == 60
    assert tree_of(tree).keys() == tree_of(home(up) / "work").keys()
    assert {k: v[-1] for k, v in tree_of(tree).items()} == \
        {k: v[-1] for k, v in tree_of(home(up) / "work").items()}
