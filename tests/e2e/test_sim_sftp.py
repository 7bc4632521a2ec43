# SPDX-License-Identifier: Apache-2.0
"""Folders of a simulated machine over SFTP: everything in them once, as root and as a user."""
import hashlib
import os
import struct
import subprocess

from machine_tools import Shell
from test_sim_machine import host_key, key, make_machines, seeded, sim  # noqa: F401 (fixtures)


class SftpServer:
    """The subsystem itself, spoken to without a client in between (SFTP version 3)."""

    def __init__(self, shell):
        argv = shell.argv("sftp")
        self.process = subprocess.Popen([*argv[:1], "-s", *argv[1:]], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def __enter__(self):
        assert self.ask(1, struct.pack(">I", 3))[0] == 2
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)

    def ask(self, kind, body):
        self.process.stdin.write(struct.pack(">IB", len(body) + 1, kind) + body)
        self.process.stdin.flush()
        length, = struct.unpack(">I", self.process.stdout.read(4))
        reply = self.process.stdout.read(length)
        return reply[0], reply[5:]

    @staticmethod
    def text(data):
        return struct.pack(">I", len(data)) + data

    def opened(self, path):
        kind, body = self.ask(3, bytes(4) + self.text(path.encode()) + struct.pack(">II", 1, 0))
        assert kind == 102, body

    def listed(self, path):
        kind, handle = self.ask(11, bytes(4) + self.text(path.encode()))
        assert kind == 102, handle
        names = []
        while True:
            kind, body = self.ask(12, bytes(4) + handle)
            if kind != 104:
                break
            count, at = struct.unpack(">I", body[:4])[0], 4
            for _ in range(count):  # name, long name, attributes: flags, size, owner, mode, times
                size, = struct.unpack_from(">I", body, at)
                names.append(body[at + 4:at + 4 + size].decode())
                at += 4 + size
                at += 4 + struct.unpack_from(">I", body, at)[0]
                assert struct.unpack_from(">I", body, at)[0] == 15
                at += 4 + 8 + 8 + 4 + 8
        assert (kind, body[:4]) == (101, struct.pack(">I", 1)), body  # the end, and no error
        return names


def test_many_files_up_and_down(sim, key, host_key, tmp_path):
    """2,000 files of one folder through OpenSSH's own client: each there once, and equal."""
    one = sim.launch(seeded(key, host_key))
    shell = Shell(sim, one, key, host_key.line).wait()
    digests = {}
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    for i in range(2000):
        name = f"file-{i:04}" if i % 100 else f"deep/file {i:04}"
        (tmp_path / "tree" / name).write_bytes(os.urandom(i % 300))
        digests[name] = hashlib.sha256((tmp_path / "tree" / name).read_bytes()).hexdigest()
    shell.sftp(f"put -r {tmp_path}/tree up")
    there = shell.ok("cd up && find . -type f -exec sha256sum {} +")
    assert {line[66:].removeprefix("./"): line[:64] for line in there.splitlines()} == digests
    told = shell.sftp("ls -1 up", f"get -r up {tmp_path}/down").splitlines()
    flat = [f"up/{name}" for name in digests if "/" not in name]
    assert sorted(line for line in told if line.startswith("up/file-")) == sorted(flat)
    down = tmp_path / "down"
    assert {str(p.relative_to(down)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in down.rglob("*") if p.is_file()} == digests
    # and while files are open, whatever number that gives the folder's descriptor in the server
    for held in range(5):
        with SftpServer(shell) as sftp:
            for _ in range(held):
                sftp.opened("up/file-0001")
            assert sorted(sftp.listed("up")) == sorted([".", "..", "deep", *(n[3:] for n in flat)])
