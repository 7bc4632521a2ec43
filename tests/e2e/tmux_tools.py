# SPDX-License-Identifier: Apache-2.0
"""A program inside a real terminal: Debian's tmux, with a server of its own."""
import shlex
import shutil
import subprocess

import pytest

from conftest import wait_until


class Tmux:
    def __init__(self, env, folder, columns=100, lines=40):
        self.env = {k: v for k, v in env.items() if k != "TMUX"}
        self.env["TERM"] = "xterm-256color"
        self.bin = shutil.which("tmux")
        if not self.bin:
            pytest.fail("tmux is not installed", pytrace=False)
        self.socket = str(folder / "tmux.sock")
        self.call("-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", str(columns), "-y",
                  str(lines), "/bin/sh")

    def call(self, *args, check=True):
        done = subprocess.run([self.bin, "-S", self.socket, *args], env=self.env,
                              capture_output=True, text=True, timeout=30)
        if check:
            assert done.returncode == 0, done.stderr
        return done.stdout

    def type(self, text, enter=True):
        self.call("send-keys", "-t", "t", "-l", text)
        if enter:
            self.key("Enter")

    def key(self, name):
        self.call("send-keys", "-t", "t", name)

    def start(self, *args):
        """Starts a program there; its exit code is printed behind "code=" once it has ended."""
        self.type(" ".join(shlex.quote(str(a)) for a in args) + "; echo code=$?")

    def screen(self):
        return self.call("capture-pane", "-p", "-t", "t")

    def history(self):
        return self.call("capture-pane", "-p", "-S", "-", "-J", "-t", "t")

    def wait_for(self, text, seconds=40):
        try:
            wait_until(lambda: text in self.history(), text, seconds)
        except BaseException:
            print(self.history())
            raise
        return self.history()

    def resize(self, columns, lines):
        self.call("resize-window", "-t", "t", "-x", str(columns), "-y", str(lines))

    def close(self):
        self.call("kill-server", check=False)


@pytest.fixture
def tmux(clean_env, tmp_path):
    made = []

    def make(env=None, **kw):
        made.append(Tmux(env or clean_env, tmp_path, **kw))
        return made[-1]

    yield make
    for one in made:
        one.close()
