"""``reasonbench fresh`` as a user meets it, over the tiny families of the fakes."""

import datetime
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fresh_relay import said as answer
from fresh_relay import serving
from fresh_rounds import ROUNDS

from reasonbench.fresh import beacon

DRIVER = Path(__file__).resolve().parents[1] / "fakes" / "fresh_cli.py"
NUMBER, TIME, SIGNATURE = ROUNDS[0]
ROUND = ("--round", NUMBER, "--signature", SIGNATURE)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*args, env=None):
        return subprocess.run(
            [sys.executable, str(DRIVER), "fresh", *map(str, args)],
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call


def sentence(done, code):
    """Return the one sentence of an error."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.lower().startswith("error: ")]
    assert "Traceback" not in done.stderr
    return line


@pytest.mark.parametrize("command", ["mint", "verify", "commit", "list"])
def test_every_command_has_help_with_an_example(run, command):
    done = run(command, "--help")
    assert done.returncode == 0
    assert f"Example: reasonbench fresh {command}" in " ".join(done.stdout.split())


def test_a_set_is_minted_into_the_month_of_its_round_and_verifies(run):
    done = run("mint", *ROUND, "--format", "json")
    assert done.returncode == 0, done.stderr
    about = json.loads(done.stdout)
    assert about["path"] == "fresh_problems/2026-10"
    assert (about["round"], about["time"]) == (NUMBER, TIME)
    assert about["kinds"] == {"math": 9, "code": 9}
    folder = Path(about["path"])
    assert sorted(p.name for p in folder.iterdir()) == [
        "problems.jsonl",
        "receipt.json",
        "tests.jsonl.zst",
    ]
    assert sorted(p.name for p in folder.parent.iterdir()) == ["2026-10"]
    verified = run("verify", folder)
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.count("\n") == 1
    assert verified.stdout.startswith("proven: all 18 problems follow from drand quicknet round")
    found = json.loads(run("verify", folder / "receipt.json", "--format", "json").stdout)
    assert found["sentence"] + "\n" == verified.stdout
    assert found["merkle_root"] == about["merkle_root"]
    assert "is there already" in sentence(run("mint", *ROUND), 2)


def test_the_same_round_and_choice_give_the_same_bytes(run):
    choice = ("--family", "tiny_sums", "--level", 1, "--level", 0, "--count", 2)
    for out, seed in (("a", "1"), ("b", "2")):
        done = run("mint", *ROUND, *choice, "--out", out, env={"PYTHONHASHSEED": seed})
        assert done.returncode == 0, done.stderr
    for name in ("problems.jsonl", "receipt.json"):
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()
    assert len(Path("a/problems.jsonl").read_text().splitlines()) == 4


def test_a_changed_byte_ends_with_code_3_and_names_the_problem(run):
    assert run("mint", *ROUND, "--out", "s").returncode == 0
    path = Path("s/problems.jsonl")
    path.write_text(path.read_text().replace('"answer":"', '"answer":"9', 1))
    for end in ((), ("--format", "json")):
        said = sentence(run("verify", "s", *end), 3)
        assert "line 1 of s/problems.jsonl is not problem tiny_sums-0-0000" in said


def test_a_signature_of_another_round_ends_with_code_3_and_writes_nothing(run, tmp_path):
    done = run("mint", "--round", NUMBER + 1, "--signature", SIGNATURE)
    assert f"not that of round {NUMBER + 1}" in sentence(done, 3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("mint",), "either --round or --latest"),
        (("mint", "--latest", "--round", 5), "either --round or --latest"),
        (("mint", "--latest", "--signature", "ab"), "--signature goes with --round"),
        (("mint", "--round", 0, "--signature", SIGNATURE), "a round is a number from 1"),
        (("mint", "--round", 5, "--signature", "xyz"), "96 hex digits"),
        (("mint", *ROUND, "--family", "tiny_sum"), "no family named 'tiny_sum'"),
        (("mint", *ROUND, "--level", 9), "level 9"),
        (("mint", *ROUND, "--count", 0), "--count"),
        (("mint", *ROUND, "--count", 50), "gave only 10 different problems"),
        (("mint", *ROUND, "--commitment", "none.json"), "'none.json' cannot be read"),
        (("mint", "--latest", "--relay", "gopher://x"), "a relay is an address"),
        (("mint", "--round", 10**10), "will be signed at"),
        (("verify", "nowhere"), "there is no set at 'nowhere'"),
        (("list", "--sets", "nowhere"), "'nowhere' cannot be read"),
        (("commit", "embedded:student", "--round", 5), "a commitment must come before it"),
        (("commit", "embedded:student", "--round", -5), "a round is a number"),
        (("commit", "embedded:student", "--round", 10**10, "-n", 0), "n must be"),
        (("commit", "embedded:student", "--round", 10**10, "--policy", "no"), "does not exist"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_code_2(run, tmp_path, args, said):
    assert said in sentence(run(*args), 2)
    assert list(tmp_path.iterdir()) == []


def test_a_relay_that_is_not_there_is_one_sentence(run):
    said = sentence(run("mint", "--latest", "--relay", "http://127.0.0.1:9"), 5)
    assert "the relay http://127.0.0.1:9 cannot be reached" in said


def test_a_relay_gives_the_latest_round_and_a_named_one(run):
    with serving() as (address, answers, _):
        answers["latest"] = answers[str(NUMBER)] = answer(NUMBER, SIGNATURE)
        for out, which in (("a", ("--latest",)), ("b", ("--round", NUMBER))):
            done = run("mint", *which, "--relay", address, "--out", out)
            assert done.returncode == 0, done.stderr
            stale = f"note: the relay's latest round is of {TIME}" in done.stderr
            assert stale == (which == ("--latest",))
        answers["latest"] = answer(NUMBER + 1, SIGNATURE)
        assert "is not that of round" in sentence(run("mint", "--latest", "--relay", address), 3)
    assert Path("a/receipt.json").read_bytes() == Path("b/receipt.json").read_bytes()


def test_families_and_sets_are_listed(run):
    assert run("mint", *ROUND).returncode == 0
    found = json.loads(run("list", "--sets", "fresh_problems", "--format", "json").stdout)
    assert [(s["name"], s["round"], s["math"], s["code"]) for s in found["sets"]] == [
        ("2026-10", NUMBER, 9, 9)
    ]
    assert {f["name"] for f in found["families"]} == {"tiny_sums", "tiny_largest", "tiny_echo"}
    table = run("list", "--sets", "fresh_problems")
    assert "tiny_largest" in table.stdout
    assert "\x1b" not in table.stdout


def test_a_commitment_names_weights_sampling_and_policy_and_is_kept_in_the_receipt(run):
    policy = Path("gate.toml")
    policy.write_text('[[rules]]\ntask = "fresh_math"\nat_least = 0.5\n')
    later = beacon.round_at(datetime.datetime.now(datetime.UTC)) + 10_000
    done = run("commit", "embedded:student", "--round", later, "-n", 8, "--temperature", 0.6,
               "--count", 2, "--policy", policy, "--format", "json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert json.loads(Path("commitment.json").read_text()) == made
    assert re.fullmatch("[0-9a-f]{32}", made["weights_digest"])
    assert (made["n"], made["sampling"]["temperature"], made["config"]["count"]) == (8, 0.6, 2)
    assert re.fullmatch("[0-9a-f]{32}", made["policy"])
    assert f"before {made['round_time']}" in done.stderr
    # The round that it is for has no signature yet; to another it does not fit.
    said = sentence(run("mint", *ROUND, "--commitment", "commitment.json"), 3)
    assert f"its round is {later}, not {NUMBER}" in said
    assert "leave out" in sentence(
        run("mint", *ROUND, "--commitment", "commitment.json", "--count", 3), 2
    )
    assert "is there already" in sentence(run("commit", "embedded:student", "--round", later), 2)


def test_a_kill_at_any_sync_leaves_a_whole_set_or_none(run, tmp_path):
    ends = []
    for place in range(1, 8):
        done = run("mint", *ROUND, "--out", f"s{place}", env={"FRESH_DIE_AT": str(place)})
        ends.append(done.returncode)
        if done.returncode == 0 or Path(f"s{place}").exists():
            assert run("verify", f"s{place}").returncode == 0
        else:
            assert done.returncode == -signal.SIGKILL
    assert ends[0] == -signal.SIGKILL
    assert ends[-1] == 0
    listed = json.loads(run("list", "--sets", ".", "--format", "json").stdout)
    assert {s["name"] for s in listed["sets"]} == {p.name for p in tmp_path.glob("s*")}


def test_a_set_and_a_level_are_given_to_the_tasks_of_minted_problems_alone():
    import click
    import pytest

    from reasonbench.cli.options import with_fresh

    tasks = ("fresh_math", "countdown_public", "fresh_code:2025-08")
    assert with_fresh(tasks, None, None) == tasks
    assert with_fresh(tasks, "2026-04", "0-1") == (
        "fresh_math:2026-04,level=0-1",
        "countdown_public",
        "fresh_code:2025-08",
    )
    with pytest.raises(click.UsageError, match="fresh_math and fresh_code"):
        with_fresh(("countdown_public",), None, "0")
