"""The command line as a user meets it: a child process, its output, its exit code.

Where what is imported is the point, or each command's first call, the process starts cold.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reasonbench.cli.options import default_out

FAKE = ["--engine", "fake", "--max-tokens", "100"]
HEAVY = ("numpy", "torch", "vllm", "datasets", "lm_eval", "transformers", "scipy", "rich")


def test_help_names_every_command_and_imports_nothing_heavy(cold_cli):
    done = cold_cli("--help")
    assert done.returncode == 0
    for name in ("demo", "audit", "run", "regrade", "report", "tasks", "plugins", "doctor"):
        assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE)
    code = (
        "import sys\nfrom reasonbench.cli.main import main\ntry:\n    main(['--help'])\n"
        "except SystemExit:\n"
        f"    print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    heavy = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy.stderr.strip() == "[]"


@pytest.mark.parametrize(
    "command", ["demo", "audit", "run", "regrade", "report", "plugins", "schema", "doctor"]
)
def test_every_command_has_help_with_an_example(cold_cli, command):
    done = cold_cli(command, "--help")
    assert done.returncode == 0
    assert f"Example: reasonbench {command}" in " ".join(done.stdout.split())


def test_version_is_one_line(cold_cli):
    done = cold_cli("--version")
    assert re.fullmatch(r"reasonbench, version \d+\.\d+\.\d+\n", done.stdout)


def test_run_prints_a_table_on_stdout_and_talk_on_stderr(cold_cli):
    done = cold_cli("run", "m", "--task", "sums:5", "-n", 4, *FAKE)
    assert done.returncode == 0, done.stderr
    assert "sums: 5 problems x 4" in done.stdout
    assert "run directory: runs/m" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_run_in_json_is_one_document_that_holds_the_estimates(cli):
    done = cli("run", "m", "--task", "sums:5", "-n", 4, *FAKE, "--format", "json")
    result = json.loads(done.stdout)
    assert [e["k"] for e in result["tasks"][0]["estimates"]] == [1, 2, 4]
    assert result["sampling"]["temperature"] == 1.0


def test_the_same_command_goes_on_after_a_kill_and_ends_with_exactly_n(cli):
    killed = cli("run", "m", "--task", "sums:50", "-n", 8, *FAKE, "--engine-arg", "kill_after=300")
    assert killed.returncode == -9
    done = cli("run", "m", "--task", "sums:50", "-n", 8, *FAKE, "--format", "json")
    assert done.returncode == 0
    (task,) = json.loads(done.stdout)["tasks"]
    assert {p["n"] for p in task["problems"]} == {8}
    assert task["n_unsampled"] == task["n_ungraded"] == 0


def test_an_incomplete_run_prints_its_numbers_and_exits_with_5(cli):
    done = cli("run", "m", "--task", "sums:5", "-n", 4, *FAKE, "--engine-arg", "fail_at=[1]")
    assert done.returncode == 5
    assert "sums: 5 problems x 4" in done.stdout
    assert "error: 5 completions are not sampled\n  5 x Timeout: no answer\n" in done.stderr
    assert done.stderr.endswith("hint: the same command goes on\n")


def test_an_audit_says_what_it_owes_as_a_run_does(cli):
    args = ["--engine-arg", "fail_at=[1]", "--grader", "raising"]
    run = cli("run", "m", "--task", "sums:5", "-n", 4, *FAKE, *args, "--out", "r")
    assert "error: 5 completions are not sampled, 15 not graded\n" in run.stderr
    assert "  15 x RuntimeError: this grader is broken\n" in run.stderr
    done = cli("audit", "m", "--public", "sums:5", "-n", 4, *FAKE, *args[:2], "--out", "a")
    assert done.returncode == 5
    assert "error: 5 completions are not sampled\n  5 x Timeout: no answer\n" in done.stderr


def test_ctrl_c_exits_with_130_and_says_how_to_go_on(cli):
    done = cli("run", "m", "--task", "sums:5", *FAKE, "--engine-arg", "interrupt_after=3")
    assert done.returncode == 130
    assert "the same command goes on" in done.stderr


def test_a_toml_file_is_a_spec_and_flags_win_over_it(cli, tmp_path):
    (tmp_path / "run.toml").write_text(
        'tasks = ["sums:3"]\nn = 2\n[model]\nid = "m"\n[engine]\nname = "fake"\n'
        "[sampling]\nmax_tokens = 100\ntemperature = 1\n"
    )
    done = cli("run", "run.toml", "-n", 3, "--temperature", 0.5, "--format", "json")
    result = json.loads(done.stdout)
    assert result["tasks"][0]["n"] == 3
    assert result["sampling"]["temperature"] == 0.5
    assert result["sampling"]["max_tokens"] == 100


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('tasks = ["a"]\nmodel = {id = "m"}\nn = 0\n', "run.toml: n must be"),
        ('tasks = ["a"]\nmodel = {id = "m"}\nnn = 3\n', "has no key 'nn'"),
        ('tasks = "a"\nmodel = {id = "m"}\n', "run.toml: tasks must be"),
        ('tasks = ["a"]\n', "model"),
        ('tasks = ["a"\n', "run.toml"),
    ],
)
def test_a_bad_toml_file_is_one_sentence_and_exit_code_2(cli, tmp_path, toml, message):
    (tmp_path / "run.toml").write_text(toml)
    done = cli("run", "run.toml")
    assert done.returncode == 2
    assert message in done.stderr
    assert "this is a bug" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["rnu"], 2, "did you mean 'run'?"),
        (["run", "m"], 2, "tasks"),
        (["run", "m", "--task", "summs", *FAKE], 2, "did you mean 'sums'?"),
        (["run", "m", "--task", "sums:2", "--engine", "fak"], 2, "did you mean 'fake'"),
        (["run", "m", "--task", "sums:2", "--engine-arg", "x"], 2, "KEY=VALUE"),
        (["run", "m", "--task", "sums:2", *FAKE, "--temperature", "-1"], 2, "temperature"),
        (["run", "missing", "--task", "sums:2", *FAKE], 5, "there is no model 'missing'"),
        (["regrade", "nowhere"], 5, "nowhere"),
        (["report", "nowhere"], 2, "nowhere"),
        (["schema", "AuditSpek"], 2, "did you mean 'AuditSpec'"),
        (["tasks", "show", "nonsense"], 2, "nonsense"),
    ],
)
def test_a_wrong_call_is_one_sentence_with_its_exit_code(cli, args, code, message):
    done = cli(*args)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "this is a bug" not in done.stderr


def test_audit_prints_the_verdict_and_writes_the_report(cold_cli, tmp_path):
    statement = "What do you get when you add the number 12 to the number 144?"
    (tmp_path / "t.jsonl").write_text(json.dumps({"text": statement}) + "\n")
    args = ["--public", "sums:24,public,10", "--heldout", "sums:24,heldout,60"]
    done = cold_cli("audit", "m", *args, "--traces", "t.jsonl", "-n", 8, *FAKE, "--out", "r")
    assert done.returncode == 0, done.stderr
    assert "1 of 24" in done.stdout
    report = (tmp_path / "r" / "report.md").read_text()
    assert statement in report
    again = cold_cli("report", "r")
    assert again.stdout == report
    other = cold_cli("report", "r/audit.json", "--md", "copy.md")
    assert other.returncode == 0
    assert (tmp_path / "copy.md").read_text() == report


def test_regrade_needs_no_model_and_changes_the_grader(cold_cli):
    cold_cli("run", "m", "--task", "sums:5", "-n", 4, *FAKE, "--grader", "raising")
    done = cold_cli("regrade", "runs/m", "--grader", "exact", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["grader_versions"]["sums"].startswith("exact/")


def test_every_schema_is_a_json_schema_with_every_field_described(cli):
    names = cli("schema").stdout.split()
    assert {"AuditSpec", "SamplingSpec", "Audit"} <= set(names)
    for name in names:
        schema = json.loads(cli("schema", name).stdout)
        for kind in schema["$defs"].values():
            for field in kind.get("properties", {}).values():
                assert field["description"]


def test_plugins_list_ours_and_a_strangers_with_their_origin(cli):
    listed = json.loads(cli("plugins", "--format", "json").stdout)
    origins = {(p["kind"], p["name"]): p["origin"] for p in listed}
    assert origins["engine", "vllm"] == "built into reasonbench"
    assert origins["engine", "fake"] == "reasonbench-fakes 1.0"


def test_doctor_says_what_can_run(cli):
    done = cli("doctor", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = {f["what"]: f for f in json.loads(done.stdout)}
    assert found["engine transformers"]["ok"]
    assert {"GPU", "sandbox zygote", "sandbox bwrap", "disk", "libraries"} <= set(found)


def test_a_task_is_shown_and_validated(cli):
    shown = cli("tasks", "show", "sums:3")
    assert "What do you get when you add" in shown.stdout
    done = cli("tasks", "validate", "sums:3")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "fit" in done.stdout


def test_a_task_whose_gold_is_not_graded_correct_is_complained_of(cli, tmp_path):
    rows = [{"question": "one?", "answer": "1"}, {"question": "one?", "answer": "2"}]
    (tmp_path / "bad.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    done = cli("tasks", "validate", "bad.jsonl")
    assert done.returncode == 5
    assert "2 problems ask" in done.stdout


@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_closed_pipe_is_no_error(tmp_path, reader):
    command = f"{sys.executable} -m reasonbench schema Audit | {reader}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0
    assert "error" not in done.stderr


def shell(tmp_path, rest, env=None):
    return subprocess.run(
        ["bash", "-c", f"{sys.executable} -m reasonbench {rest}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **(env or {})},
        check=False,
    )


RUN = f"run m --task sums:5 -n 4 {' '.join(FAKE)}"


@pytest.mark.parametrize("rest", ["schema Audit", "--help", "run --help", RUN])
def test_a_full_disk_behind_stdout_is_one_sentence_and_exit_code_5(tmp_path, rest):
    done = shell(tmp_path, f"{rest} > /dev/full")
    assert done.returncode == 5
    assert "error: stdout cannot be written: No space left on device\n" in done.stderr
    assert "this is a bug" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2> /dev/full"])
def test_a_closed_stdout_or_stderr_stops_nothing_and_harms_no_file(tmp_path, redirection):
    done = shell(tmp_path, f"{RUN} --out r {redirection}")
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    again = shell(tmp_path, f"{RUN} --out r")
    assert again.returncode == 0
    assert "sampling:" not in again.stderr


def test_an_error_ends_with_its_exit_code_where_stderr_is_closed(tmp_path):
    assert shell(tmp_path, "regrade nowhere 2>&-").returncode == 5
    assert shell(tmp_path, "regrade nowhere 2> /dev/full").returncode == 5
    assert shell(tmp_path, "nonsense 2> /dev/full").returncode == 2


def test_an_ascii_terminal_gets_what_it_cannot_show_spelt_out(tmp_path):
    rest = RUN.replace("sums:5", "sums:5,né,0")
    done = shell(tmp_path, rest, {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert r"n\xe9: 5 problems x 4" in done.stdout
    done = shell(tmp_path, rest.replace("fake", "né"), {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert "there is no engine named" in done.stderr


def test_an_argument_that_is_not_utf8_is_refused(tmp_path):
    done = shell(tmp_path, "run m --task $'s\\xff'")
    assert done.returncode == 2
    assert "is not UTF-8" in done.stderr


def test_no_name_reaches_the_terminal_raw(cli, tmp_path):
    evil = "m\x1b]0;title\x07\u202e\x9b31m"
    done = cli("audit", evil, "--public", "sums:5", "-n", 2, *FAKE, "--out", evil)
    assert done.returncode == 0, done.stderr
    again = cli("run", evil, "--task", f"nosuch{evil}", *FAKE)
    assert again.returncode == 2
    data = cli(
        "audit", evil, "--public", "sums:5", "-n", 2, *FAKE, "--out", evil, "--format", "json"
    )
    assert json.loads(data.stdout)["spec"]["model"]["id"] == evil
    wrong = cli("schema", "a", evil)
    assert wrong.returncode == 2
    for text in (done.stdout, done.stderr, again.stderr, data.stdout, wrong.stderr):
        assert not set("\x1b\x07\u202e\x9b") & set(text)
    assert "m<U+001B>]0;title<U+0007>" in done.stdout
    assert "<U+202E>" in done.stderr


@pytest.mark.parametrize("level", [0.9, 0.999])
def test_tables_name_the_level_of_their_intervals(cli, level):
    done = cli("audit", "m", "--public", "sums:5", "-n", 2, *FAKE, "--level", level)
    assert f"{100 * level:g}% interval" in done.stdout
    plain = cli("run", "m", "--task", "sums:5", "-n", 2, *FAKE)
    assert "95% other problems" in plain.stdout


def test_an_engine_argument_is_laid_over_the_files_not_in_place_of_them(cli, tmp_path):
    (tmp_path / "run.toml").write_text(
        'tasks = ["sums:3"]\nn = 2\n[model]\nid = "m"\n[engine]\nname = "fake"\n'
        '[engine.args]\ncontext = 77\nversion = "a"\n[sampling]\nmax_tokens = 80\n'
    )
    done = cli("run", "run.toml", "--engine-arg", "version=b")
    assert done.returncode == 5
    assert "the prompts do not fit" in done.stderr
    done = cli("run", "run.toml", "--engine-arg", "version=b", "--max-tokens", 77)
    assert done.returncode == 0, done.stderr


def test_the_same_k_given_twice_is_one_row(cli):
    args = ["-k", 4, "-k", 1, "-k", 4, "--format", "json"]
    done = cli("audit", "m", "--public", "sums:5", "-n", 4, *FAKE, *args)
    assert json.loads(done.stdout)["spec"]["ks"] == [1, 4]


def test_a_report_is_not_written_over_what_it_is_made_from(cli, tmp_path):
    args = ["audit", "m", "--public", "sums:5", "-n", 2, *FAKE, "--out", "r"]
    assert cli(*args).returncode == 0
    before = {p.name: p.read_bytes() for p in (tmp_path / "r").iterdir()}
    (tmp_path / "link").symlink_to("r/audit.json")
    (tmp_path / "hard").hardlink_to(tmp_path / "r" / "run.sqlite")
    for read, md in (
        ("r", "r/audit.json"),
        ("r", "r/run.sqlite"),
        ("r/audit.json", "r/../r/audit.json"),
        ("r/audit.json", "r/run.sqlite"),
        ("r", "link"),
        ("r", "hard"),
    ):
        done = cli("report", read, "--md", md)
        assert done.returncode == 2, (read, md)
        assert "would be written over" in done.stderr
    assert cli(*args, "--md", "r/audit.json").returncode == 2
    after = {p.name: p.read_bytes() for p in (tmp_path / "r").iterdir()}
    assert after == before


def test_two_models_never_share_a_default_folder():
    ids = ["m", "./m", "m/", "org/m", "org-m", "org:m", "embedded:student", "embedded-student"]
    ids += ["embedded:a/b", "embedded:a-b", "..", "/", "x" * 300, "x" * 301]
    folders = [str(default_out(name)) for name in ids]
    assert len(set(folders)) == len(ids)
    assert all(re.fullmatch(r"runs/[\w.-]{1,100}", folder) for folder in folders)
    assert str(default_out("embedded:student")) == "runs/embedded-student"
    assert str(default_out("m")) == "runs/m"


def test_no_color_holds_even_on_a_terminal(tmp_path):
    script = Path("/usr/bin/script")
    if not script.exists():
        pytest.skip("util-linux's script is needed to make a terminal")
    inner = f"{sys.executable} -m reasonbench run m --task sums:5 {' '.join(FAKE)}"
    env = {**os.environ, "NO_COLOR": "1", "TERM": "xterm"}
    env.pop("CI", None)
    done = subprocess.run(
        [script, "-qec", inner, "/dev/null"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=env,
        check=False,
    )
    assert "pass@k" in done.stdout
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", done.stdout)


def test_an_unknown_preset_is_one_sentence_and_exit_code_2(cli):
    done = cli("run", "m", "--task", "sums:2", *FAKE, "--preset", "bogus")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: there is no preset named 'bogus'\nhint: ")
    assert "r1-distill" in done.stderr


def test_a_preset_samples_as_its_card_says_and_stderr_names_it(cli):
    args = ["--task", "sums:2", "-n", 2, "--engine", "fake", "--max-tokens", 100]
    done = cli("run", "Qwen/Qwen3-8B", *args, "--preset", "auto", "--format", "json")
    assert done.returncode == 0, done.stderr
    sampling = json.loads(done.stdout)["sampling"]
    assert (sampling["temperature"], sampling["top_p"], sampling["top_k"]) == (0.6, 0.95, 20)
    assert sampling["max_tokens"] == 100
    assert "preset qwen3: temperature 0.6, top_p 0.95, top_k 20, min_p 0.0 (https" in done.stderr
    assert "max_tokens 100 as given, the preset says 38,912" in done.stderr


def test_presets_lists_each_with_its_values_and_source(cli):
    listed = {p["name"]: p for p in json.loads(cli("presets", "--format", "json").stdout)}
    assert listed["r1-distill"]["sampling"] == {
        "temperature": 0.6,
        "top_p": 0.95,
        "max_tokens": 32768,
    }
    assert listed["r1-distill"]["system_prompt"] == "forbidden"
    table = cli("presets").stdout
    assert all(name in table for name in listed)
    assert "Example: reasonbench presets" in " ".join(cli("presets", "--help").stdout.split())
