"""The API key stands in no file, no output and no error, whatever a server echoes."""

import json
import os

import pytest
from hostile_server import MODEL, edited, raw, status, with_value
from hypothesis import given
from hypothesis import strategies as st
from openai_harness import (
    KEY,
    draw,
    requests,
)

from reasonbench.engines.openai_args import REDACTED, Secrets
from reasonbench.errors import ReasonbenchError
from reasonbench.store import Store

pytestmark = pytest.mark.usefixtures("bare_environment")


# The key.


def echo_everywhere(server):
    """Make a server put its key into whatever is recorded or said."""
    server.models = [{"id": MODEL, "root": f"/models/{KEY}"}, {"id": f"m-{KEY}"}]
    server.version = f"1.0-{KEY}"
    names = {"model": f"m {KEY}", "system_fingerprint": f"fp {KEY}"}
    server.probe_fault = lambda probe: edited(lambda r: r.update(names))
    faults = (
        status(400, f"your key {KEY} is bad"),
        status(503, f"{'x' * 285}{KEY}"),
        raw(f"<html>{KEY}".encode(), "text/html"),
        with_value(f"it is {KEY}", "choices", 0, "message", "content"),
        with_value(KEY, "choices", 0, "finish_reason"),
        lambda h, good: h.send(json.dumps({"error": f"\ud800{KEY}"}).encode(), 400),
    )
    count = len(faults) + 1

    def fault(d):
        kind = d.seed % count
        return edited(lambda r: r.update(names)) if kind == count - 1 else faults[kind]

    server.fault = fault


def everything_in(directory):
    return b"\n".join(p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file())


def test_the_key_is_sent_and_stands_in_no_file_and_no_output(serve, cli, tmp_path):
    server = serve(key=KEY)
    echo_everywhere(server)
    command = (
        "run", MODEL, "--task", "sums:5", "-n", "8", "--engine", "openai_server",
        "--max-tokens", "60", "--out", tmp_path / "r",
        "--engine-arg", f"base_url={server.url}", "--engine-arg", "deployment=one",
        "--engine-arg", "tries=2", "--engine-arg", "backoff=0.001", "--engine-arg", "max_wait=0.01",
    )  # fmt: skip
    done = cli(*command, env={"OPENAI_API_KEY": KEY})
    said = (done.stdout + done.stderr).encode()
    written = everything_in(tmp_path)
    assert server.draws
    assert all(d.headers["authorization"] == f"Bearer {KEY}" for d in server.draws)
    with Store.read(tmp_path / "r") as store:
        plan = store.latest_plan()
        kinds = {f.error_type for f in store.failures(plan.digest())}
    assert {"Status400", "Status503", "BadReply", "KeyEchoed", "Unfinished"} <= kinds
    assert REDACTED in plan.engine.settings["fingerprint"]
    assert REDACTED.encode() in written
    for piece in (KEY, KEY[:14], KEY[-14:]):
        assert piece.encode() not in said
        assert piece.encode() not in written
    denied = cli(*command, env={"OPENAI_API_KEY": KEY[:-1] + "yz"})
    assert denied.returncode == 5
    assert "status 401" in denied.stderr
    refused = cli(*command, "--engine-arg", f"api_key={KEY}", env={"OPENAI_API_KEY": KEY})
    assert refused.returncode == 2
    assert "api_key cannot be set" in refused.stderr
    for result in (denied, refused):
        assert KEY[:14] not in result.stdout + result.stderr
    assert KEY[:14].encode() not in everything_in(tmp_path)


def test_no_error_holds_the_key(serve, connect, monkeypatch):
    import traceback

    monkeypatch.setenv("MY_KEY", KEY)
    server = serve(key=KEY)
    engine = connect(server, api_key_env="MY_KEY")
    server.fault = lambda d: status(403, f"{KEY} may not")
    with pytest.raises(ReasonbenchError) as caught:
        draw(engine, requests(1))
    assert REDACTED in caught.value.message
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in repr(engine.identity)


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_redacted_text_holds_no_spelling_of_the_key(before, behind):
    secrets = Secrets(KEY)
    for spelling in (KEY, json.dumps(KEY)[1:-1]):
        assert spelling not in secrets.redact(before + spelling + behind)
        assert secrets.held_by(before + spelling + behind)


def test_headers_of_the_environment_are_kept_secret_too(serve, connect, monkeypatch):
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway: gateway-secret-0123456789")
    server = serve(lambda d: status(400, f"no {d.headers.get('X-Gateway', 'header')}"))
    (failure,) = draw(connect(server), requests(1))
    assert "gateway-secret" not in failure.message
    assert os.environ["OPENAI_CUSTOM_HEADERS"].endswith("0123456789")
