# SPDX-License-Identifier: Apache-2.0
"""A proxy on loopback between gpucloud and one cloud of the simulator, which remembers every
exchange: http from the client, the simulator's https out. What it remembers has no token in it.

    with Recorder(sim.url + "/paperspace/v1", sim.ca, token) as recorder:
        ... PAPERSPACE_API_URL=recorder.url ...
    assert check(recorder.exchanges, Api.of("paperspace-v1")) == []
"""
import http.client
import http.server
import pathlib
import ssl
import sys
import threading
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "schemas"))
from checker import Api, Exchange, check  # noqa: E402, F401

HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
              "upgrade", "host", "content-length"}
MASK = "***"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *args):
        pass

    def body(self):
        """Of a Content-Length or in chunks."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            data += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return data

    def forward(self):
        recorder = self.server.recorder
        body = self.body()
        exchange = recorder.note(self.command, self.path, self.headers, body)
        try:
            reply, data = recorder.ask(self.command, self.path, self.headers, body)
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # as the cloud did
            return
        recorder.note_reply(exchange, reply, data)
        if recorder.on_reply:
            recorder.on_reply(exchange)
        self.send_response_only(reply.status)  # with the cloud's own Date, which tells its time
        for name, value in reply.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = forward


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """A client that was ended in the middle is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Recorder:
    def __init__(self, upstream, ca, token):
        self.upstream = urllib.parse.urlsplit(upstream)
        self.token = token
        self.tls = ssl.create_default_context(cafile=ca) if ca else None
        self.lock = threading.Lock()
        self.all = []
        self.on_reply = None  # called with an exchange before the client has its reply
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.recorder = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{self.upstream.path}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def exchanges(self):
        with self.lock:
            return list(self.all)

    def ask(self, method, path, headers, body):
        where = (self.upstream.hostname, self.upstream.port)
        connection = (http.client.HTTPSConnection(*where, timeout=60, context=self.tls)
                      if self.tls else http.client.HTTPConnection(*where, timeout=60))
        try:
            sent = {name: value for name, value in headers.items()
                    if name.lower() not in HOP_BY_HOP}
            if body or "Content-Length" in headers:
                sent["Content-Length"] = str(len(body))
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            reply = connection.getresponse()
            return reply, reply.read()
        finally:
            connection.close()

    def masked(self, value):
        if isinstance(value, bytes):
            return value.replace(self.token.encode(), MASK.encode())
        return value.replace(self.token, MASK)

    def bearer(self, header):
        if header is None:
            return "absent"
        kind, _, token = header.partition(" ")
        if kind != "Bearer":
            return "no bearer token"
        return "right" if token == self.token else "wrong"

    def note(self, method, target, headers, body):
        path, _, query = target.partition("?")
        lower = {name.lower(): value for name, value in headers.items()}
        authorization = lower.pop("authorization", None)
        leaked = [place for place, text in (("path", path), ("query", query),
                                            ("body", body.decode("latin-1")),
                                            ("other headers", str(lower)))
                  if self.token in urllib.parse.unquote(text)]
        if authorization is not None:
            lower["authorization"] = self.masked(authorization)
        base = self.upstream.path
        exchange = Exchange(
            method=method, query=self.masked(query), body=self.masked(body),
            path=self.masked(path[len(base):] if path.startswith(base + "/") else path),
            headers={name: self.masked(value) for name, value in lower.items()},
            bearer=self.bearer(authorization), leaked=tuple(leaked))
        with self.lock:
            self.all.append(exchange)
        return exchange

    def note_reply(self, exchange, reply, data):
        with self.lock:
            exchange.reply_headers = {name.lower(): value for name, value in reply.getheaders()}
            if self.token.encode() in data:
                exchange.leaked += ("reply",)
            exchange.reply = self.masked(data)
            exchange.status = reply.status
