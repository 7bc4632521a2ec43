# SPDX-License-Identifier: Apache-2.0
"""Where credentials come from, as AWS's own tools look for them; and that they stay secret."""
import base64
import json
import pathlib
import time

import pytest
from checks import exit_error, expect, one_object
from conftest import free_port

REGION = ("--region", "us-east-1")


@pytest.fixture
def gc(gpucloud, sim):
    """gpucloud with no credentials, on the way to the simulator as to any endpoint."""
    def run(*args, **env):
        return gpucloud(*args, env=dict({"AWS_ENDPOINT_URL": sim.url, "AWS_CA_BUNDLE": sim.ca},
                                        **env))

    return run


@pytest.fixture
def aws_files(clean_env):
    """aws_files(config=..., credentials=...) writes AWS's own two files."""
    folder = pathlib.Path(clean_env["HOME"]) / ".aws"

    def write(config="", credentials=""):
        folder.mkdir(exist_ok=True)
        (folder / "config").write_text(config)
        (folder / "credentials").write_text(credentials)

    return write


def source_of(done):
    checks = {c["name"]: c for c in json.loads(done.stdout)["checks"]}
    assert checks["credentials"]["status"] == "ok", checks["credentials"]
    return checks["credentials"]["detail"]


def test_environment(gc, sim):
    done = gc("--json", "doctor", *REGION, AWS_ACCESS_KEY_ID=sim.access_key,
              AWS_SECRET_ACCESS_KEY=sim.secret_key)
    assert "the environment" in source_of(done)


def test_profile_file(gc, sim, aws_files):
    aws_files(credentials=f"[work]\naws_access_key_id = {sim.access_key}\n"
                          f"aws_secret_access_key = {sim.secret_key}\n",
              config="[profile work]\nregion = eu-west-1\n")
    for args, env in ((("--profile", "work"), {}), ((), {"AWS_PROFILE": "work"})):
        done = gc(*args, "--json", "doctor", **env)
        assert "work" in source_of(done)
        region = next(c for c in one_object(done.stdout)["checks"] if c["name"] == "region")
        assert region["detail"] == "eu-west-1"
    # A profile that is named beats keys that lie around; one that is not there is an error.
    done = gc("--profile", "work", "--json", "doctor", AWS_ACCESS_KEY_ID="AKIAWRONG",
              AWS_SECRET_ACCESS_KEY="wrong")
    assert "work" in source_of(done)
    expect(gc("--profile", "wrok", "list", *REGION), 4, "'wrok'", "did you mean 'work'")


def test_credential_process(gc, sim, aws_files, tmp_path):
    helper = tmp_path / "helper"
    helper.write_text("#!/bin/sh\ncat <<'E'\n" + json.dumps(
        {"Version": 1, "AccessKeyId": sim.access_key, "SecretAccessKey": sim.secret_key,
         "Expiration": "2100-01-01T00:00:00Z"}) + "\nE\n")
    helper.chmod(0o755)
    aws_files(config=f"[profile ext]\ncredential_process = {helper} --for 'some one'\n")
    assert "2100-01-01" in source_of(gc("--profile", "ext", "--json", "doctor", *REGION))
    helper.write_text("#!/bin/sh\necho broken canary-stderr >&2\nexit 3\n")
    expect(gc("--profile", "ext", "list", *REGION), 4, "credential_process")
    helper.write_text("#!/bin/sh\necho '{\"Version\": 1}'\n")
    expect(gc("--profile", "ext", "list", *REGION), 4, "AccessKeyId")


def test_half_a_key(gc):
    expect(gc("list", *REGION, AWS_ACCESS_KEY_ID="AKIAHALF"), 4, "AWS_SECRET_ACCESS_KEY is not")


def test_wrong_key(gc, sim):
    for key, secret in ((sim.access_key, "w" * 40), ("AKIANOSUCHKEY0000000", sim.secret_key)):
        done = expect(gc("list", *REGION, AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret), 4,
                      "gpucloud doctor")
        assert secret not in done.stderr and done.stdout == ""


def test_none_at_all(gpucloud):
    """Off EC2 the answer comes at once."""
    began = time.monotonic()
    done = gpucloud("list", *REGION, env={
        "AWS_EC2_METADATA_DISABLED": "false",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{free_port()}"})
    expect(done, 4, "no aws credentials", "aws configure")
    assert time.monotonic() - began < 10


def test_web_identity(gc, tmp_path):
    token = tmp_path / "token"
    claims = base64.urlsafe_b64encode(json.dumps(
        {"sub": "test", "exp": 4102444800, "iss": "https://ci.example",
         "aud": "sts.amazonaws.com"}).encode()).decode().rstrip("=")
    token.write_text(f"eyJhbGciOiJub25lIn0.{claims}.canary-token")
    env = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_SESSION_NAME": "ci",
           "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/ci"}
    done = gc("--json", "doctor", *REGION, "-vv", **env)
    assert "assumed-role/ci/ci" in source_of(done)
    assert "canary-token" not in done.stderr + done.stdout
    expect(gc("list", *REGION, **env), 0)


def test_assumed_role(gc, sim, aws_files):
    aws_files(credentials=f"[base]\naws_access_key_id = {sim.access_key}\n"
                          f"aws_secret_access_key = {sim.secret_key}\n",
              config="[profile role]\nrole_arn = arn:aws:iam::123456789012:role/trainer\n"
                     "source_profile = base\nrole_session_name = me\nregion = us-east-1\n")
    done = gc("--profile", "role", "--json", "doctor")
    assert "assumed-role/trainer/me" in source_of(done)
    launched = gc("--profile", "role", "launch", "--name", "role", "--type", "g4dn.xlarge",
                  "--wait", "accepted")
    expect(launched, 0)
    expect(gc("--profile", "role", "--yes", "terminate", "role"), 0)
    assert sim.live() == []


def test_secrets_are_not_shown(gc, sim, tmp_path):
    """-v names every request, -vv shows its headers: masked."""
    env = {"AWS_ACCESS_KEY_ID": sim.access_key, "AWS_SECRET_ACCESS_KEY": sim.secret_key}
    boot = tmp_path / "boot"
    boot.write_text("canary-user-data")
    outputs = []
    for args in (("-vvv", "list", *REGION),
                 ("-vv", "--yes", "launch", "--type", "g4dn.xlarge", "--name", "s", "--user-data",
                  str(boot), "--wait", "accepted", *REGION),
                 ("-vv", "--json", "doctor", *REGION), ("-vv", "--yes", "terminate", "s")):
        done = expect(gc(*args, AWS_REGION="us-east-1", **env), 0)
        outputs.append(done.stdout + done.stderr)
    said = "".join(outputs)
    assert "http:" in said and "aws: us-east-1 RunInstances 200 " in said  # it did show something
    for secret in (sim.secret_key, "canary-user-data", "Y2FuYXJ5LXVzZXItZGF0YQ"):
        assert secret not in said
    for file in pathlib.Path(tmp_path / "state").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert sim.secret_key.encode() not in content and b"canary" not in content


def test_sso_without_login(gc, aws_files):
    aws_files(config="[profile sso]\nsso_start_url = https://example.awsapps.com/start\n"
                     "sso_region = us-east-1\nsso_account_id = 123456789012\n"
                     "sso_role_name = Admin\nregion = us-east-1\n")
    expect(gc("--profile", "sso", "list"), 4, "aws sso login")


# --- doctor ----------------------------------------------------------------------------------


def test_doctor_is_content(gc, sim, clean_env):
    key = pathlib.Path(clean_env["HOME"]) / ".ssh"
    key.mkdir()
    (key / "id_ed25519.pub").write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRlYWRiZWVmZGVhZ"
                                        "GJlZWZkZWFkYmVlZmRlYWRiZWVm x\n")
    done = gc("--json", "doctor", GPUCLOUD_PROFILE="sim")
    expect(done, 0)
    out = one_object(done.stdout)
    assert out["healthy"] is True
    assert {c["status"] for c in out["checks"]} == {"ok"}, out["checks"]
    assert {"journal", "ssh key", "region", "credentials", "clock", "permission"} <= {
        c["name"] for c in out["checks"]}
    secret = [c for c in out["config"] if c["name"] == "secret_access_key"]
    assert secret[0]["value"] == "***" and sim.secret_key not in done.stdout
    text = expect(gc("doctor", GPUCLOUD_PROFILE="sim"), 0).stdout
    assert text.splitlines()[-1] == "ready to launch"
    assert sim.state()["resources"] == []


def test_doctor_without_credentials(gc):
    done = gc("doctor", *REGION)
    assert done.returncode == 4
    lines = done.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("fail  credentials"))
    assert lines[at + 1].lstrip().startswith("try: ") and "aws configure" in lines[at + 1]
    assert lines[-1] == "a launch would fail"
    done = gc("--json", "doctor", *REGION)
    out = one_object(done.stdout)
    assert out["healthy"] is False
    failed = next(c for c in out["checks"] if c["status"] == "fail")
    error = exit_error(done)
    assert failed["detail"] in error["message"] and error["hint"] == failed["repair"]
    assert error["kind"] == "config" and error["code"] == 4
    assert all(c["repair"] for c in out["checks"] if c["status"] == "fail")


def test_doctor_without_a_region(gc, sim):
    done = gc("--json", "doctor", AWS_ACCESS_KEY_ID=sim.access_key,
              AWS_SECRET_ACCESS_KEY=sim.secret_key)
    assert done.returncode == 4 and one_object(done.stdout)["healthy"] is False
    assert "region" in exit_error(done)["message"]


def test_doctor_with_a_key_that_is_none(gc, sim, tmp_path):
    key = tmp_path / "key.pub"
    key.write_text("no key\n")
    done = gc("--json", "doctor", *REGION, AWS_ACCESS_KEY_ID=sim.access_key,
              AWS_SECRET_ACCESS_KEY=sim.secret_key, GPUCLOUD_SSH_KEY=str(key))
    assert done.returncode == 2 and one_object(done.stdout)["healthy"] is False
    assert "ssh key" in exit_error(done)["message"]


def test_doctor_without_a_simulator(gpucloud):
    done = gpucloud("--profile", "sim", "doctor")
    assert done.returncode == 4
    assert "gpucloud-sim start" in done.stdout + done.stderr
