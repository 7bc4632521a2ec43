# SPDX-License-Identifier: Apache-2.0
"""A machine's time limit is set anew: fleet/machine/renew.sh, and what counts down meanwhile.

Each `sleep` of the script is what the countdown does in that second: a line of sh per second.
"""
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "fleet" / "machine" / "renew.sh"
SLEEP = """#!/bin/sh
echo >>"$ROOT/seconds"
left=$ROOT/var/lib/gpucloud/ttl-left
seen=$ROOT/run/gpucloud/ttl-seen
nth=$(wc -l <"$ROOT/seconds")
eval "$(sed -n "${nth}p" "$ROOT/plan")"
"""
SUDO = """#!/bin/sh
[ -e "$ROOT/no-right" ] && exit 1
[ "$1 $2 $3" = "-n sh -c" ] && exec sh -c "$(printf '%s' "$4" | sed "s#/var/lib#$ROOT/var/lib#g")"
"""
TAKEN = 'echo "40 7200 7200" >"$seen"'
IF_THERE = '[ "$(cat "$left")" = 7200 ] && ' + TAKEN


@pytest.fixture
def renew(tmp_path):
    """Runs it with that plan: its exit status, what is on the disk then, and the seconds."""
    for folder in ("var/lib/gpucloud", "run/gpucloud", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    for name, text in (("sleep", SLEEP), ("sudo", SUDO)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    left = tmp_path / "var/lib/gpucloud/ttl-left"
    left.write_text("1800\n")
    (tmp_path / "run/gpucloud/ttl-seen").write_text("20 1800 1800\n")

    def run(*plan):
        (tmp_path / "plan").write_text("".join(line + "\n" for line in plan))
        done = subprocess.run(["/bin/sh", SCRIPT, "7200"], stdin=subprocess.DEVNULL, timeout=60,
                              capture_output=True, text=True,
                              env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "ROOT": str(tmp_path),
                                   "GPUCLOUD_TTL_ROOT": str(tmp_path)})
        assert done.stdout == "" and done.stderr == ""
        seconds = tmp_path / "seconds"
        return (done.returncode, left.read_text().strip() if left.exists() else None,
                len(seconds.read_text()) if seconds.exists() else 0)

    run.folder = tmp_path
    return run


def test_taken_up(renew):
    assert renew("", "", TAKEN) == (0, "7200", 3)


def test_what_is_lost_is_said_again(renew):
    """The countdown was putting its own in place at that very moment."""
    assert renew('echo 1790 >"$left"', IF_THERE) == (0, "7200", 2)


def test_a_little_was_counted_already(renew):
    assert renew('echo 7185 >"$left"; echo "60 7185 7185" >"$seen"') == (0, "7185", 1)


@pytest.mark.parametrize("plan", [(), ('echo 7000 >"$left"; echo "40 7000 7000" >"$seen"',),
                                  ('echo "40 7200 -" >"$seen"',), (': >"$seen"',)])
def test_nobody_takes_it_up(renew, plan):
    """Nothing answers, or with another limit, or with what is no number."""
    assert renew(*plan) == (3, "7200", 45)


def test_no_right_and_no_limit(renew):
    (renew.folder / "no-right").touch()
    assert renew() == (1, "1800", 0)
    (renew.folder / "var/lib/gpucloud/ttl-left").unlink()
    assert renew() == (2, None, 0)
