"""Every Eval Ever's files: as its schema says, and true to the run."""

import hashlib
import json
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner
from exported_runs import make, patchy
from validity_runs import ENGINE, Drawn

from reasonbench.cli.export import export as command
from reasonbench.exporting import export
from reasonbench.interchange.export_eee import SCHEMAS
from reasonbench.specs import SamplingSpec


def schema(name):
    found = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft7Validator.check_schema(found)
    return jsonschema.Draft7Validator(found)


AGGREGATE, INSTANCE = schema("eee_aggregate"), schema("eee_instance")


def read(done):
    """Return the aggregates and the instances, by task."""
    aggregates = [json.loads(p.read_text()) for p in done.paths if p.suffix == ".json"]
    files = [p.read_text().rstrip("\n") for p in done.paths if p.suffix == ".jsonl"]
    return aggregates, [[json.loads(line) for line in text.split("\n")] for text in files]


def objects(value):
    """Yield every subschema that describes an object."""
    if isinstance(value, dict):
        if value.get("type") == "object":
            yield value
        for part in value.values():
            yield from objects(part)
    elif isinstance(value, list):
        for part in value:
            yield from objects(part)


@pytest.mark.parametrize("validator", [AGGREGATE, INSTANCE])
def test_every_object_of_the_schemas_is_closed(validator):
    found = list(objects(validator.schema))
    assert len(found) > 5
    assert all("additionalProperties" in o for o in found)
    closed = [o for o in found if o["additionalProperties"] is False]
    free = [o["additionalProperties"] for o in found if o["additionalProperties"] is not False]
    assert validator.schema in closed
    assert all(isinstance(o, dict) and "string" in o["type"] for o in free)
    assert not validator.is_valid({"schema_version": "0.3.0"})


def test_the_files_are_as_the_schemas_say(tmp_path):
    make(tmp_path / "r", patchy, tasks=("a/b", "t"))
    aggregates, rows = read(export(tmp_path / "r", "eee"))
    for aggregate in aggregates:
        AGGREGATE.validate(aggregate)
        assert not AGGREGATE.is_valid({**aggregate, "extra": 1})
    for row in [*rows[0], *rows[1]]:
        INSTANCE.validate(row)
        assert not INSTANCE.is_valid({**row, "extra": 1})
        assert not INSTANCE.is_valid({k: v for k, v in row.items() if k != "evaluation"})
    assert len(aggregates) == 2


def test_instances_give_the_aggregates_score_back(tmp_path):
    make(tmp_path / "r", n=8, count=6)
    done = export(tmp_path / "r", "eee")
    (aggregate,), (rows,) = read(done)
    counts = {c.problem_id: (c.n, c.c) for c in done.run.result.tasks[0].problems}
    told = {}
    for row in rows:
        n, c = told.get(row["sample_id"], (0, 0))
        told[row["sample_id"]] = n + 1, c + row["evaluation"]["is_correct"]
    assert told == counts
    first = aggregate["evaluation_results"][0]
    assert first["metric_config"]["metric_parameters"] == {"k": 1}
    assert first["score_details"]["score"] == pytest.approx(
        sum(c / n for n, c in told.values()) / len(told)
    )
    assert [r["metric_config"]["metric_parameters"]["k"] for r in aggregate["evaluation_results"]] \
        == [1, 2, 4, 8]  # fmt: skip
    assert {row["evaluation_result_id"] for row in rows} == {first["evaluation_result_id"]}


def test_completions_without_a_verdict_are_no_instances_and_are_counted(tmp_path):
    make(tmp_path / "r", patchy)
    (aggregate,), (rows,) = read(export(tmp_path / "r", "eee"))
    assert len(rows) == 4 * 5
    details = aggregate["evaluation_results"][0]["score_details"]["details"]
    assert (details["ungraded"], details["owed"], details["truncated"]) == ("4", "8", "4")
    assert "INVALID" in details["caveats"]


def test_the_aggregate_names_its_instances_and_their_checksum(tmp_path):
    make(tmp_path / "r")
    done = export(tmp_path / "r", "eee")
    (aggregate,), (rows,) = read(done)
    detailed = aggregate["detailed_evaluation_results"]
    path = tmp_path / "r" / "exports" / "eee" / detailed["file_path"]
    assert path == next(p for p in done.paths if p.suffix == ".jsonl")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == detailed["checksum"]
    assert detailed["total_rows"] == len(rows) == 32
    assert {row["evaluation_id"] for row in rows} == {aggregate["evaluation_id"]}


def test_an_instance_holds_text_thinking_answer_and_hash(tmp_path):
    make(tmp_path / "r", count=1, n=1)
    _, ((row,),) = read(export(tmp_path / "r", "eee"))
    assert row["output"]["raw"][0].startswith("<think>\n0.")
    assert re.fullmatch(r"\n0\.\d+\n", row["output"]["reasoning_trace"][0])
    assert row["input"] == {"raw": "Problem number 0?", "reference": ["1000"]}
    text = '{"raw":"Problem number 0?","reference":["1000"]}'
    assert row["sample_hash"] == hashlib.sha256(text.encode()).hexdigest()
    assert row["answer_attribution"][0]["extracted_value"] in ("1000", "10009")
    usage = row["token_usage"]
    assert usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"]
    assert row["metadata"]["rep"] == "0"


def test_tokens_that_nobody_counted_are_left_out(tmp_path):
    make(tmp_path / "r", lambda p, i: Drawn(n_prompt=0, n_tokens=0), count=1, n=1)
    _, ((row,),) = read(export(tmp_path / "r", "eee"))
    assert row["token_usage"] is None
    INSTANCE.validate(row)


def test_what_the_closed_arguments_have_no_field_for_stands_beside_them(tmp_path):
    sampling = SamplingSpec(temperature=0.6, min_p=0.05, seed=3, max_tokens=99, stop=("a", '"'))
    make(tmp_path / "r", sampling=sampling)
    (aggregate,), _ = read(export(tmp_path / "r", "eee"))
    config = aggregate["evaluation_results"][0]["generation_config"]
    assert config["generation_args"] == {
        "temperature": 0.6, "top_p": 1.0, "top_k": 0, "max_tokens": 99
    }  # fmt: skip
    more = config["additional_details"]
    assert (more["n"], more["seed"], more["min_p"]) == ("8", "3", "0.05")
    assert json.loads(more["stop"]) == ["a", '"']


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        (
            {"engine": "transformers", "model": "Qwen/QwQ-32B", "revision": "a" * 40},
            ("Qwen/QwQ-32B", "self_deployed", "open_weights"),
        ),
        (
            {"engine": "transformers", "model": "/home/me/secret/m"},
            ("unknown/m", "self_deployed", "unknown"),
        ),
        (
            {"engine": "transformers", "model": "runs/m"},
            ("unknown/m", "self_deployed", "unknown"),
        ),
        ({"engine": "openai_server", "model": "o/m"}, ("o/m", "unknown", "unknown")),
        (
            {"engine": "transformers", "model": "embedded:student"},
            ("reasonbench/student", "self_deployed", "open_weights"),
        ),
    ],
)
def test_what_is_unknown_of_a_model_is_called_so(tmp_path, engine, expected):
    identity = msgspec.structs.replace(ENGINE, **engine)
    make(tmp_path / "r", engine=identity)
    (aggregate,), _ = read(export(tmp_path / "r", "eee"))
    AGGREGATE.validate(aggregate)
    info = aggregate["model_info"]
    details = info["additional_details"]
    found = info["id"], details["deployment_type"], details["model_availability"]
    assert found == expected
    assert "/home/me" not in json.dumps(aggregate)


def test_the_command_says_who_evaluated(tmp_path):
    make(tmp_path / "r")
    done = CliRunner().invoke(
        command,
        [str(tmp_path / "r"), "--to", "eee", "--organization", "Lab", "--relationship",
         "third_party", "--format", "json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    paths = json.loads(done.stdout)["files"]
    aggregate = json.loads(Path(next(p for p in paths if p.endswith(".json"))).read_text())
    source = aggregate["source_metadata"]
    assert source["source_organization_name"] == "Lab"
    assert source["evaluator_relationship"] == "third_party"
