"""Small trainings on the shipped models and traces."""

import io
import json
import sysconfig

import zstandard

from reasonbench import resources

SCRIPTS = sysconfig.get_path("scripts")
ROWS = 24
OBJECTIVES = {
    "sft": {},
    "on_policy": {"prefix": "student", "loss": "reverse_kl", "max_new_tokens": 16},
    "forward_kl": {"loss": "forward_kl"},
}


def shipped(count=ROWS):
    """Return the first traces that the shipped student was trained on."""
    with resources.embedded_traces().open("rb") as file:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        return [json.loads(line) for line, _ in zip(text, range(count), strict=False)]


def traces(folder, rows=None):
    """Write traces where there are none."""
    path = folder / "traces.jsonl"
    if not path.exists():
        path.write_text("".join(json.dumps(row) + "\n" for row in rows or shipped()))
    return path


def document(folder, objective="sft", *, steps=2, batch_size=4, processes=None, **fields):
    """Return a TrainSpec as plain data."""
    data = {
        "student": {"id": "embedded:base"},
        "traces": [str(traces(folder))],
        "view": {"correct_only": False},
        "objective": OBJECTIVES[objective],
        "hyper": {
            "steps": steps,
            "learning_rate": 1e-3,
            "batch_size": batch_size,
            **fields.pop("hyper", {}),
        },
        **fields,
    }
    if objective != "sft":
        data.setdefault("teacher", {"id": "embedded:teacher"})
    if processes:
        data["launch"] = {"processes": processes}
    return data


def write(folder, objective="sft", *, name="spec", **options):
    """Write a TrainSpec as TOML; what it holds is plain enough for JSON's values."""
    path = folder / f"{name}.toml"
    lines = [*_table("", document(folder, objective, **options))]
    path.write_text("\n".join(lines) + "\n")
    return path


def _table(prefix, data):
    tables = {key: value for key, value in data.items() if isinstance(value, dict)}
    for key, value in data.items():
        if key not in tables:
            yield f"{key} = {json.dumps(value)}"
    for key, value in tables.items():
        name = f"{prefix}{key}"
        yield f"[{name}]"
        yield from _table(f"{name}.", value)
