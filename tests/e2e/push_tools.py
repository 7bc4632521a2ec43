# SPDX-License-Identifier: Apache-2.0
"""Trees to push, how two of them compare, and a way to a machine that is cut."""
import hashlib
import os
import random
import socket
import socketserver
import threading


def make_tree(root, files, size, seed=1):
    """So many files of so many bytes together, some folders deep; half of it can be compressed."""
    rng = random.Random(seed)
    root.mkdir()
    folders = [root]
    for i in range(max(1, files // 25)):
        folder = rng.choice(folders[-40:]) / f"d{i}"
        folder.mkdir()
        folders.append(folder)
    for i in range(files):
        n = max(1, int(rng.expovariate(1) * size / files))
        data = rng.randbytes(n) if i % 2 else (b"%d some text \n" % i) * (n // 14 + 1)
        path = rng.choice(folders) / f"file-{i}.dat"
        path.write_bytes(data[:n])
        os.utime(path, ns=(10**18 + i * 1001, 10**18 + i * 1001))
    return root


def tree_of(root):
    """Of all that is in a folder: type, permissions, time of files, and what is in it."""
    found = {}
    for folder, names, files in os.walk(os.fsencode(root)):
        for name in names + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            key = os.path.relpath(path, os.fsencode(root))
            if os.path.islink(path):
                found[key] = ("link", os.readlink(path))
            elif os.path.isdir(path):
                found[key] = ("folder", oct(st.st_mode))
            else:
                with open(path, "rb") as f:
                    found[key] = (oct(st.st_mode), st.st_mtime_ns,
                                  hashlib.sha256(f.read()).hexdigest())
    return found


class Cutter:
    """Stands at a machine's own address on another port, and cuts the first connections: each after
    so many bytes that came from us."""

    def __init__(self, address, port, cuts, after):
        self.to, self.left, self.after = (address, port), cuts, after
        self.cut = 0
        self.up = 0
        self.lock = threading.Lock()
        cutter = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                cutter.serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server((address, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def serve(self, client):
        with self.lock:
            doomed = self.left > 0
            self.left -= doomed
        with socket.create_connection(self.to) as machine:
            threading.Thread(target=self.pass_on, args=(machine, client), daemon=True).start()
            self.pass_on(client, machine, self.after if doomed else None)

    def pass_on(self, source, sink, limit=None):
        moved = 0
        try:
            while data := source.recv(1 << 16):
                moved += len(data)
                if limit is not None and moved >= limit:
                    with self.lock:
                        self.cut += 1
                    break
                sink.sendall(data)
        except OSError:
            pass
        with self.lock:
            self.up += moved if limit is not None else 0
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.server.shutdown()
        self.server.server_close()
