#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A verified shell, and bytes through it: remote_ssh against OpenSSH's own ssh, as ratios.

    bench_remote.py SSH_ONCE [RUNS]

Both talk to the same sshd (`sshd -i` for each connection, on loopback, never as root), with the same
key and a known host key; both run `true`, and both print 200 MB. Wall time is the median. Fails only
where a command fails, never on a figure.
"""
import glob
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

UID = 64123  # sshd's, where this runs as root


def keygen(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


class Sshd:
    """Debian's sshd behind a loopback port; login names come from nss_wrapper."""

    def __init__(self, folder):
        self.folder = folder
        self.uid = UID if os.geteuid() == 0 else os.geteuid()
        self.children = []
        for name in ("host", "login"):
            keygen(f"{folder}/{name}")
        os.mkdir(f"{folder}/home", 0o755)
        shutil.copy(f"{folder}/login.pub", f"{folder}/authorized")
        write(f"{folder}/passwd", f"tester:x:{self.uid}:{self.uid}::{folder}/home:/bin/sh\n"
                                  "sshd:x:64999:64999::/:/bin/false\n")
        write(f"{folder}/group", f"tester:x:{self.uid}:\n")
        write(f"{folder}/config", f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
              "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile none\n"
              "KbdInteractiveAuthentication no\nLogLevel ERROR\n")
        if os.geteuid() == 0:
            for name in ("host", "home"):
                os.chown(f"{folder}/{name}", self.uid, self.uid)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        wrapper = glob.glob("/usr/lib/*/libnss_wrapper.so")[0]
        env = {"LD_PRELOAD": wrapper, "NSS_WRAPPER_PASSWD": f"{self.folder}/passwd",
               "NSS_WRAPPER_GROUP": f"{self.folder}/group", "PATH": "/usr/bin:/bin"}
        drop = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
        argv = (drop if os.geteuid() == 0 else []) + ["/usr/sbin/sshd", "-i", "-e", "-f",
                                                      f"{self.folder}/config"]
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.start(argv, sock, env)
            sock.close()

    def start(self, argv, sock, env):
        self.children.append(subprocess.Popen(argv, stdin=sock, stdout=sock, env=env,
                                              stderr=subprocess.DEVNULL))

    def stop(self):
        self.listener.close()
        for child in self.children:
            child.kill()
            child.wait()


def measure(argv, runs):
    def once():
        start = time.perf_counter()
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    once()
    return statistics.median(once() for _ in range(runs))


def report(name, ours, theirs):
    print(f"{name:<16} ssh {theirs * 1e3:8.1f} ms   ours {ours * 1e3:8.1f} ms   {ours / theirs:.2f}x")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    folder = tempfile.mkdtemp(prefix="gpucloud-bench-")
    os.chmod(folder, 0o755)
    sshd = Sshd(folder)
    try:
        with open(f"{folder}/host.pub", encoding="utf-8") as f:
            host = f.read().strip()
        write(f"{folder}/known", f"[127.0.0.1]:{sshd.port} {host}\n")
        ssh = ["ssh", "-F", "none", "-i", f"{folder}/login", "-p", str(sshd.port),
               "-o", f"UserKnownHostsFile={folder}/known", "-o", "GlobalKnownHostsFile=none",
               "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes",
               "-o", "IdentityAgent=none", "tester@127.0.0.1"]
        once = [os.path.abspath(sys.argv[1]), "127.0.0.1", str(sshd.port), "tester",
                f"{folder}/login", host]
        for name, command, count in (("verified shell", "true", runs),
                                     ("200 MB out", "head -c 200000000 /dev/zero", 5)):
            report(name, measure(once + [command], count), measure(ssh + [command], count))
    finally:
        sshd.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
