# SPDX-License-Identifier: Apache-2.0
"""Between gpucloud and a simulator that speaks plain HTTP: loses, cuts, holds back and mixes up."""
import re
import socket
import socketserver
import threading
import time

ACTION = re.compile(rb"(?:^|[&?])Action=([A-Za-z]+)")
TARGET = re.compile(rb"(?im)^x-amz-target: *[A-Za-z0-9_]+\.([A-Za-z]+)")
LENGTH = re.compile(rb"(?im)^content-length: *(\d+)")
# What a run makes anew: ids and names of things, in paths.
MADE = re.compile(r"(ps|sc|ev)\w{6,}|\d{5,}|[0-9a-f-]{36}|\d+(\.\d+){3}|gpucloud[-.:].*")
LATE_S = 1.0


def read_message(stream):
    """One request or reply, head and body, as it stood on the wire; None at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline(65536)
        if not line:
            return None
        head += line
    length = LENGTH.search(head)
    return head + (stream.read(int(length.group(1))) if length else b"")


def action_of(message):
    found = ACTION.search(message.partition(b"\r\n\r\n")[2]) or TARGET.search(message) or \
        ACTION.search(message.split(b"\r\n")[0])
    return found.group(1).decode() if found else route_of(message)


def route_of(message):
    """Method and path, without what differs from run to run: "PATCH machines/{}/stop"."""
    method, url = message.split(b" ", 2)[:2]
    segments = url.decode("latin-1").partition("?")[0].split("/")[3:]
    return method.decode() + " " + "/".join("{}" if MADE.fullmatch(s) else s for s in segments)


class Proxy:
    """fault: (action, nth, kind, offset), or None: then it only keeps a record."""

    def __init__(self, host, port, fault=None):
        self.to, self.fault = (host, port), fault
        self.seen, self.record, self.last = {}, [], {}
        self.struck = False
        self.lock = threading.Lock()
        self.late = []
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = 60

            def handle(self):
                try:
                    while proxy.serve(self.rfile, self.wfile):
                        pass
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 64

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        for thread in self.late:
            thread.join()
        self.server.shutdown()
        self.server.server_close()

    def forward(self, request):
        with socket.create_connection(self.to, timeout=60) as upstream:
            upstream.sendall(request)
            with upstream.makefile("rb") as stream:
                return read_message(stream) or b""

    def turn(self, action):
        """Is it this one's turn? The kind and the offset, or None."""
        with self.lock:
            self.seen[action] = self.seen.get(action, 0) + 1
            if self.fault and self.fault[0] == action and self.fault[1] == self.seen[action]:
                self.struck = True
                return self.fault[2:]
        return None

    def serve(self, client, out):
        """One request; False: the connection is to close."""
        request = read_message(client)
        if request is None:
            return False
        action = action_of(request)
        kind, offset = self.turn(action) or (None, 0)
        if kind == "held":  # it arrives when nobody expects it any more
            thread = threading.Thread(target=self.deliver_late, args=(request,))
            self.late.append(thread)
            thread.start()
            return False
        if kind == "double":
            self.forward(request)
        reply = self.forward(request)
        with self.lock:
            self.record.append((action, self.seen[action], len(reply)))
            before, self.last[action] = self.last.get(action, self.last.get("*")), reply
            self.last["*"] = reply
        if kind == "late":
            time.sleep(LATE_S)
        elif kind == "cut":
            reply = reply[:offset]
        elif kind == "twice":
            reply += reply
        elif kind == "mixed" and before:
            reply = before
        out.write(reply)
        out.flush()
        return kind != "cut"

    def deliver_late(self, request):
        time.sleep(LATE_S)
        self.forward(request)
