# SPDX-License-Identifier: Apache-2.0
"""Typing errors: one clear line that names the value, the documented exit code, nothing done."""
import pathlib

import pytest
from checks import Client, exit_error, expect
from conftest import Sim

TYPE = ("--type", "g4dn.xlarge")


@pytest.fixture(scope="module")
def one_sim(tmp_path_factory):
    """One simulator for the file: no test here makes anything."""
    folder = tmp_path_factory.mktemp("bad")
    one = Sim({"PATH": "/usr/bin:/bin", "HOME": str(folder)}, folder / "sim")
    one.start("--seed", "7")
    yield one
    try:
        state = one.state()
        assert state["resources"] == [], "bad input made something"
    finally:
        one.stop()


@pytest.fixture
def gc(one_sim, clean_env):
    return Client(clean_env, one_sim)


@pytest.mark.parametrize("bid", ["0%", "-5%", "1e9", "abc", "0", "-1", "1001%", "10001", "51%%",
                                 "%", "nan", "inf", "0x10", "5 %", "51,5%", "1e400", "٥%",
                                 "9" * 400, "0.00000000000000000001", "51%\n"])
def test_bids(gc, bid):
    for option in (f"--bid={bid}", "--bid"):
        args = (option,) if "=" in option else (option, bid)
        done = gc.fails(2, "launch", "--spot", *args, *TYPE, says="--bid")
        assert bid.strip()[:20].encode().isascii() is False or bid.strip()[:20] in done.stderr
    gc.fails(2, "history", "g4dn.xlarge", f"--bid={bid}", says="bid")


@pytest.mark.parametrize("code,says,args", [
    (2, "--bid", ("launch", "--bid", "51%", *TYPE)),  # without --spot
    (2, "empty", ("launch", "--spot", "--bid=", *TYPE)),
    (3, "'p9.huge'", ("launch", "--type", "p9.huge")),
    (3, "'p9.huge'", ("launch", "--spot", "--bid", "51%", "--type", "p9.huge")),
    (3, "p9.huge", ("history", "p9.huge")),
    (3, "", ("price", "p9.huge")),
    (3, "Z9000", ("launch", "--gpu", "Z9000")),
    (3, "us-east-1q", ("launch", *TYPE, "--zone", "us-east-1q")),
    (3, "mars-1a", ("launch", "--spot", *TYPE, "--zone", "mars-1a")),
    (3, "mars-1", ("launch", *TYPE, "--region", "mars-1")),
    (3, "mars-1", ("list", "--region", "mars-1")),
    (3, "us-east-1a", ("list", "--region", "us-east-1a")),  # a zone is not a region
    (2, "../../etc", ("list", "--region", "../../etc")),
    (2, "'Train'", ("launch", "--name", "Train")),
    (2, "'-x'", ("launch", "--name=-x")),
    (2, "a b", ("launch", "--name", "a b")),
    (2, "x" * 64, ("launch", "--name", "x" * 64)),
    (2, "é", ("launch", "--name", "é")),
    (2, "'0'", ("launch", "--port", "0")),
    (2, "'65536'", ("launch", "--port", "65536")),
    (2, "'80x'", ("launch", "--port", "80x")),
    (2, "'-1'", ("launch", "--port=-1")),
    (2, "0", ("launch", "--gpus", "0")),
    (2, "1e3", ("launch", "--disk", "1e3")),
    (2, "0", ("launch", "--timeout", "0")),
    (2, "'300.1.1.1/32'", ("launch", "--from", "300.1.1.1/32")),
    (2, "'10.0.0.0/33'", ("launch", "--from", "10.0.0.0/33")),
    (2, "'anywhere'", ("launch", "--from", "anywhere")),
    (2, "'soon'", ("launch", "--wait", "soon")),
    (2, "'luck'", ("launch", "--spot", "--zone-by", "luck")),
    (2, "--on-demand", ("launch", "--on-demand", "cheap")),
    (2, "--on-demand", ("launch", "--on-demand", "0")),
    (2, "leave out --gpu", ("launch", "--type", "g4dn.xlarge", "--gpu", "T4")),
    (3, "/nonexistent/key.pub", ("launch", "--ssh-key", "/nonexistent/key.pub")),
    (3, "/nonexistent/boot", ("launch", "--user-data", "/nonexistent/boot")),
    (1, "/dev", ("launch", "--user-data", "/dev")),
    (1, "/dev/null", ("launch", "--ssh-key", "/dev/null")),
    (2, "no OpenSSH public key", ("launch", "--ssh-key", __file__)),
    (2, "no/such", ("show", "no/such")),
    (2, "'a;b'", ("--yes", "terminate", "a;b")),
    (3, "i-0123456789abcdef0", ("show", "i-0123456789abcdef0")),
    (3, "i-0123456789abcdef0", ("--yes", "terminate", "i-0123456789abcdef0")),
    (3, "'nobody'", ("restart", "nobody")),
    (2, "argument is missing", ("show",)),
    (2, "'two'", ("show", "one", "two")),
    (2, "did you mean 'launch'", ("lanch",)),
    (2, "'frobnicate'", ("frobnicate",)),
    (2, "--spt", ("launch", "--spt")),
    (2, "did you mean '--spot'", ("launch", "--spt")),
    (2, "-Z", ("launch", "-Z")),
    (2, "--bid", ("launch", "--spot", "--bid")),
    (2, "'everything'", ("list", "everything")),
    (2, "'moon'", ("--provider", "moon", "list")),
    (4, "'nobody'", ("--profile", "nobody", "list")),
    (2, "'yesterday'", ("history", "g4dn.xlarge", "--since", "yesterday")),
    (2, "--since", ("history", "g4dn.xlarge", "--since", "2020-02-30")),
    (2, "--since is not before --until",
     ("history", "g4dn.xlarge", "--since", "2020-03-02", "--until", "2020-03-01")),
], ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else None)
def test_options(gc, code, says, args):
    gc.fails(code, *args, says=says)
    # The same in JSON: the last line on stderr says it once more, for programs.
    done = gc.run("--json", *args)
    error = exit_error(done)
    assert error["code"] == code and error["message"]
    assert done.stdout == "" or done.stdout.startswith('{"message_type":"plan"')


def test_escapes_do_not_reach_the_terminal(gc):
    done = gc.fails(2, "launch", "--name", "a\x1b[31mred\x07")
    assert "\x1b" not in done.stderr and "\x07" not in done.stderr


def test_user_data_too_large(gc, tmp_path):
    path = tmp_path / "boot"
    path.write_bytes(b"x" * 16385)
    done = gc.run("launch", "--user-data", str(path), *TYPE)
    assert done.returncode in (1, 2) and "16" in done.stderr
    path.write_bytes(b"x" * 16384)
    gc.ok("--dry-run", "launch", "--user-data", str(path), *TYPE)


def test_private_key_is_no_public_key(gc, tmp_path):
    path = tmp_path / "id_ed25519"
    path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0LWNhbmFyeQ==\n"
                    "-----END OPENSSH PRIVATE KEY-----\n")
    done = gc.fails(2, "launch", "--ssh-key", str(path), *TYPE, says=[str(path), ".pub"])
    assert "c2VjcmV0" not in done.stderr


@pytest.mark.parametrize("text,says", [
    ("[default]\nregoin = us-east-1\n", "did you mean 'region'"),
    ("region us-east-1\n", ":1"),
    ("[default]\nsecret_access_key = abc\n", "does not belong here"),
    ("[default]\nregion = us-east-1\n\0", "config"),
])
def test_config_file(gpucloud, clean_env, text, says):
    folder = clean_env["XDG_CONFIG_HOME"] + "/gpucloud"
    pathlib.Path(folder).mkdir()
    (pathlib.Path(folder) / "config").write_text(text)
    expect(gpucloud("list"), 4, folder, says)


def test_no_home(gpucloud):
    expect(gpucloud("list", env={"HOME": ""}), 4, "HOME is not set")


def test_no_region(gpucloud):
    keys = {"AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST", "AWS_SECRET_ACCESS_KEY": "s" * 40}
    expect(gpucloud("launch", "--type", "g4dn.xlarge", env=keys), 4, "no region")


@pytest.mark.parametrize("url", ["ftp://x", "https://", "http://example.com", "x", "https://a b",
                                 "https://u:p@localhost"])
def test_endpoint(gpucloud, url):
    keys = {"AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST", "AWS_SECRET_ACCESS_KEY": "s" * 40}
    done = gpucloud("--endpoint-url", url, "list", "--region", "us-east-1", env=keys)
    expect(done, done.returncode, "")
    assert done.returncode in (2, 4), done.stderr
