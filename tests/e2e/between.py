# SPDX-License-Identifier: Apache-2.0
"""Someone in the middle: passes a client's requests on to a simulator as they were signed, and lets
a test keep them, hold them up, or answer in the cloud's place. Plain http, on loopback."""
import http.server
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request


class Exchange:
    """One request, and what came of it."""

    def __init__(self, handler):
        self.body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.path, self.headers = handler.path, dict(handler.headers.items())
        self.asked = dict(urllib.parse.parse_qsl(self.body.decode()))
        self.action = self.asked.get("Action")
        signed = self.headers.get("Authorization", "").split("/")
        self.region = signed[2] if len(signed) > 2 else None
        self.reply = None  # status, headers, body


class Between(http.server.ThreadingHTTPServer):
    """`answer(exchange)` may give a reply of its own; None passes the request on."""

    daemon_threads = True

    def __init__(self, sim):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.target, self.context = sim.url, ssl.create_default_context(cafile=sim.ca)
        self.exchanges = []
        self.answer = lambda exchange: None
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def pass_on(self, exchange):
        request = urllib.request.Request(self.target + exchange.path, data=exchange.body,
                                         headers=exchange.headers)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=60) as reply:
                return reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        exchange = Exchange(self)
        self.server.exchanges.append(exchange)
        exchange.reply = self.server.answer(exchange) or self.server.pass_on(exchange)
        status, headers, body = exchange.reply
        try:
            self.send_response_only(status)
            for name in ("Content-Type", "Date"):
                self.send_header(name, headers[name])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # the client was killed meanwhile
