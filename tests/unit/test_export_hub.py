"""The Hub's files of results: read by its own parser, and pushed only when a person said so."""

import base64
import json
import os
import subprocess
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import huggingface_hub.constants
import msgspec
import pytest
import yaml
from click.testing import CliRunner
from exported_runs import make, patchy
from huggingface_hub import parse_eval_result_entries
from validity_runs import ENGINE, Drawn

from reasonbench.cli.export import FORMATS as CHOICES
from reasonbench.cli.export import export as command
from reasonbench.errors import ReasonbenchError, SpecError, UnknownNameError
from reasonbench.exporting import FORMATS, export
from reasonbench.interchange import export_push
from reasonbench.interchange.export_hub import Board, write
from reasonbench.interchange.export_push import _merged, _off_scale, prepare

COMMIT = "c" * 40
TOKEN = "hf_secretsecretsecret"
NAME = ".eval_results/t.yaml"
OTHER = {"dataset": {"id": "cais/hle", "task_id": "default"}, "value": 20.9}


def entries(path):
    return parse_eval_result_entries(yaml.safe_load(path.read_text()))


def to_hub(directory, **board):
    writer = partial(write, board=Board(**{"datasets": {"t": "MathArena/aime_2026"}, **board}))
    return export(directory, "hub", writer=writer)


def test_the_hubs_own_parser_reads_the_score(tmp_path):
    make(tmp_path / "r", n=64)
    done = to_hub(tmp_path / "r")
    (entry,) = entries(done.paths[0])
    estimate = done.run.result.tasks[0].estimates[0]
    assert done.paths[0].parent.name == ".eval_results"
    assert entry.value == pytest.approx(100 * estimate.value, abs=0.005)
    assert (entry.dataset_id, entry.task_id) == ("MathArena/aime_2026", "MathArena/aime_2026")
    assert entry.date == "2026-03-17"
    assert entry.notes.startswith("pass@1 n=64 temperature=0.6 top_p=1 max_tokens=1000; 95% CI ")
    assert (entry.verify_token, entry.dataset_revision, entry.source_url) == (None, None, None)


def test_a_board_has_its_own_scale_task_id_and_page(tmp_path):
    make(tmp_path / "r")
    board = {"scale": "proportion", "task_ids": {"t": "main"}, "source_url": "https://x.org/r"}
    done = to_hub(tmp_path / "r", **board)
    (entry,) = entries(done.paths[0])
    value = done.run.result.tasks[0].estimates[0].value
    assert entry.value == pytest.approx(value, abs=5e-5)
    assert (entry.task_id, entry.source_url) == ("main", "https://x.org/r")


def test_an_invalid_run_says_so_in_its_notes(tmp_path):
    make(tmp_path / "r", patchy)
    (entry,) = entries(to_hub(tmp_path / "r").paths[0])
    assert "INVALID (" in entry.notes and "8 completions owed" in entry.notes


def test_a_task_that_names_no_dataset_is_refused(tmp_path):
    make(tmp_path / "r")
    with pytest.raises(SpecError, match="which dataset on the Hub") as refused:
        export(tmp_path / "r", "hub")
    assert "--dataset-id t=OWNER/NAME" in refused.value.hint


def test_a_run_without_a_grade_has_no_score_to_export(tmp_path):
    make(tmp_path / "r", lambda p, i: Drawn(graded=False))
    with pytest.raises(ReasonbenchError, match="no score to export"):
        to_hub(tmp_path / "r")


def test_other_benchmarks_entries_stay_and_a_change_of_scale_is_noticed():
    old = {**OTHER, "value": 0.4}
    ours = [{**OTHER, "value": 41.2}, {**OTHER, "dataset": {"id": "o/x", "task_id": "y"}}]
    kept = {"dataset": {"id": "cais/hle", "task_id": "tools"}, "value": 1}
    assert _merged(ours, [kept, old]) == [kept, *ours]
    assert [w for w in _off_scale(ours, [old]) if "0.4 to 41.2" in w]
    assert not list(_off_scale(ours, [{**OTHER, "value": 40.0}]))


def run_cli(*arguments):
    done = CliRunner().invoke(command, [str(a) for a in arguments])
    if isinstance(done.exception, ReasonbenchError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def test_the_command_prints_the_files_and_says_that_nothing_was_sent(tmp_path):
    make(tmp_path / "r")
    done = run_cli(tmp_path / "r", "--to", "hub", "--dataset-id", "o/x", "--format", "json")
    told = json.loads(done.stdout)
    assert (told["format"], told["pull_request"], len(told["files"])) == ("hub", None, 1)
    assert "nothing was sent" in done.stderr and "--scale proportion" in done.stderr


def test_options_of_another_format_unknown_tasks_and_ids_without_a_task_are_refused(tmp_path):
    make(tmp_path / "r", tasks=("a", "b"))
    with pytest.raises(SpecError, match="--scale is for --to hub"):
        run_cli(tmp_path / "r", "--to", "eee", "--scale", "percent")
    with pytest.raises(SpecError, match="--push was not given"):
        run_cli(tmp_path / "r", "--to", "hub", "--yes")
    with pytest.raises(SpecError, match="does not say of which task"):
        run_cli(tmp_path / "r", "--to", "hub", "--dataset-id", "o/x")
    with pytest.raises(UnknownNameError, match="task in this run named 'c'"):
        run_cli(tmp_path / "r", "--to", "hub", "--dataset-id", "c=o/x")


def test_the_command_knows_every_format():
    assert tuple(FORMATS) == CHOICES


class Hub:
    """The Hub's endpoints that a pull request needs, on loopback."""

    def __init__(self, files=(), status=200):
        self.files, self.status, self.commits = dict(files), status, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self, b"")

            do_HEAD = do_GET  # noqa: N815

            def do_POST(self):
                outer.answer(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, request, body):
        parts = urlsplit(request.path)
        path = unquote(parts.path)
        headers, status, reply = {}, 200, b"{}"
        if path == "/api/models/o/m":
            reply = json.dumps({"id": "o/m", "_id": "1", "sha": COMMIT}).encode()
        elif path == f"/api/models/o/m/paths-info/{COMMIT}":
            reply = json.dumps(self._infos(body)).encode()
        elif path.startswith(f"/o/m/resolve/{COMMIT}/"):
            reply = self.files[path.partition(f"/{COMMIT}/")[2]].encode()
            headers = {"ETag": '"e"', "X-Repo-Commit": COMMIT}
        elif path == "/api/models/o/m/preupload/main":
            names = [f["path"] for f in json.loads(body)["files"]]
            infos = [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]
            reply = json.dumps({"files": infos}).encode()
        elif path == "/api/models/o/m/commit/main":
            status = self.status
            lines = [json.loads(line) for line in body.splitlines()]
            self.commits.append((parse_qs(parts.query), lines, request.headers["Authorization"]))
            reply = self.confirmation()
        else:
            status, headers = 404, {"X-Error-Code": "RepoNotFound"}
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(reply))}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(reply)

    def confirmation(self):
        commit, request = f"{self.url}/o/m/commit/{'d' * 40}", f"{self.url}/o/m/discussions/1"
        said = {"commitUrl": commit, "commitOid": "d" * 40, "pullRequestUrl": request}
        return json.dumps(said).encode()

    def _infos(self, body):
        asked = json.loads(body)["paths"] if body[:1] == b"{" else parse_qs(body.decode())["paths"]
        return [
            {"type": "file", "path": p, "size": len(self.files[p]), "oid": "0" * 40}
            for p in asked
            if p in self.files
        ]


class Unclear(Hub):
    """A Hub that takes a commit and says nothing that can be read."""

    def confirmation(self):
        return b"{}"


REGISTERED = (
    "from reasonbench.cli.main import COMMANDS, main\n"
    "COMMANDS['export'] = 'reasonbench.cli.export:export'\n"
    "main()"
)


def push(tmp_path, *arguments, hub=None, **environment):
    """Call the command in a process of its own, which alone reads HF_ENDPOINT."""
    if not (tmp_path / "r").exists():
        make(tmp_path / "r", n=8, count=24)
    given = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_TOKEN": TOKEN, **environment}
    given["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if hub is not None:
        given |= {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", REGISTERED, "export", "r", "--to", "hub", "--push",
         "--dataset-id", "MathArena/aime_2026", *arguments],
        cwd=tmp_path, env=given, capture_output=True, text=True, check=False, timeout=120,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert TOKEN not in done.stdout + done.stderr
    return done


def test_a_push_shows_the_change_and_waits_for_a_yes(tmp_path):
    with Hub() as hub:
        asked = push(tmp_path, "--repo", "o/m", hub=hub)
        assert asked.returncode == 2, asked.stderr
        assert "+++ b/.eval_results/t.yaml" in asked.stderr
        assert "+- dataset:" in asked.stderr and "--yes" in asked.stderr
        assert hub.commits == []


def test_a_push_opens_a_pull_request_with_other_entries_kept(tmp_path):
    old = yaml.safe_dump([OTHER, {"dataset": {"id": "MathArena/aime_2026", "task_id":
                                              "MathArena/aime_2026"}, "value": 0.5}])  # fmt: skip
    with Hub({NAME: old}) as hub:
        done = push(tmp_path, "--repo", "o/m", "--yes", "--format", "json", hub=hub)
        assert done.returncode == 0, done.stderr
        ((query, lines, authorization),) = hub.commits
        assert json.loads(done.stdout)["pull_request"] == f"{hub.url}/o/m/discussions/1"
    assert query == {"create_pr": ["1"]}
    assert authorization == f"Bearer {TOKEN}"
    assert lines[0]["value"]["parentCommit"] == COMMIT
    (sent,) = [line["value"] for line in lines if line["key"] == "file"]
    first, second = parse_eval_result_entries(yaml.safe_load(base64.b64decode(sent["content"])))
    assert (sent["path"], first.dataset_id, second.dataset_id) == (
        NAME, "cais/hle", "MathArena/aime_2026"
    )  # fmt: skip
    assert second.value > 1
    assert "-  value: 0.5" in done.stderr and "see whether --scale" in done.stderr


@pytest.fixture
def reached(monkeypatch, tmp_path):
    """Return what makes a server the Hub of this process."""

    def reach(url):
        for name, value in (
            ("ENDPOINT", url),
            ("HUGGINGFACE_CO_URL_TEMPLATE", f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"),
            ("HF_HUB_OFFLINE", False),
            ("HF_HUB_CACHE", str(tmp_path / "cache")),
        ):
            monkeypatch.setattr(huggingface_hub.constants, name, value)

    return reach


@pytest.fixture
def files(tmp_path):
    make(tmp_path / "r")
    return to_hub(tmp_path / "r").paths


@pytest.mark.parametrize(
    ("hub", "said"),
    [
        (lambda: Hub(status=403), "status 403"),
        (lambda: Hub(status=500), "status 500"),
        (Unclear, "did not confirm"),
        (lambda: Hub({NAME: "a: [b"}), "is not written over"),
        (lambda: Hub({NAME: "- 5"}), "is not written over"),
        (lambda: Hub({NAME: "5"}), "is not written over"),
        (lambda: Hub({NAME: "#" * 1_000_001}), "larger than"),
    ],
)
def test_a_push_that_cannot_be_made_ends_in_one_sentence(reached, files, hub, said):
    with hub() as server:
        reached(server.url)
        with pytest.raises(ReasonbenchError, match=said) as refused:
            prepare("o/m", files, TOKEN).send("title")
    assert TOKEN not in f"{refused.value.message} {refused.value.hint}"
    assert "\n" not in refused.value.message


def test_results_that_are_there_already_are_not_sent_again(reached, files):
    with Hub({NAME: files[0].read_text()}) as server:
        reached(server.url)
        change = prepare("o/m", files, TOKEN)
    assert (change.files, change.diff, change.warnings) == ({}, "", ())


def test_a_repository_that_is_none_or_not_there_is_refused(reached, files):
    with Hub() as server:
        reached(server.url)
        with pytest.raises(SpecError, match="no repository"):
            prepare("embedded:student", files, TOKEN)
        with pytest.raises(ReasonbenchError, match="is not there"):
            prepare("o/other", files, TOKEN)


def test_without_a_network_or_a_token_nothing_is_asked(tmp_path, reached, files):
    with pytest.raises(ReasonbenchError, match="the network is off"):
        prepare("o/m", files, TOKEN)
    reached("http://127.0.0.1:9")
    with pytest.raises(ReasonbenchError, match="cannot be reached"):
        prepare("o/m", files, TOKEN)
    with Hub() as hub:
        done = push(tmp_path, "--repo", "o/m", "--yes", hub=hub, HF_TOKEN="")
    assert done.returncode == 2 and "needs a token" in done.stderr


def test_scores_that_are_none_are_never_pushed(tmp_path, monkeypatch):
    make(tmp_path / "r", patchy)
    monkeypatch.setattr(export_push, "prepare", None)
    with pytest.raises(ReasonbenchError, match="its scores are none"):
        run_cli(tmp_path / "r", "--to", "hub", "--dataset-id", "o/x", "--push", "--repo", "o/m")


def test_a_folder_of_weights_has_no_repository_to_push_to(tmp_path):
    folder = msgspec.structs.replace(ENGINE, engine="transformers", model="runs/m")
    make(tmp_path / "r", engine=folder, count=24)
    with pytest.raises(SpecError, match="no repository on the Hub") as refused:
        run_cli(tmp_path / "r", "--to", "hub", "--dataset-id", "o/x", "--push")
    assert "--repo" in refused.value.hint


def test_a_run_that_is_not_complete_is_never_pushed(tmp_path, monkeypatch):
    make(tmp_path / "r", lambda p, i: Drawn(exists=i > 0))
    monkeypatch.setattr(export_push, "prepare", None)
    with pytest.raises(ReasonbenchError, match="is not pushed"):
        run_cli(tmp_path / "r", "--to", "hub", "--dataset-id", "o/x", "--push", "--repo", "o/m")
