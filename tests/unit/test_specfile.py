"""Spec files: what is read, what is refused, and with which sentence."""

import enum
import inspect
import math
import os
from datetime import date, datetime

import msgspec
import pytest

from reasonbench import records, results, specs
from reasonbench.errors import SpecError
from reasonbench.specfile import MAX_BYTES, convert, describe_schema, documented, load_toml
from reasonbench.specs import AuditSpec, GatePolicy, ModelSpec, RunSpec

LEAST = {"model": {"id": "m"}, "public": ["t"]}


def refusal(spec_type=AuditSpec, **changes):
    with pytest.raises(SpecError) as caught:
        convert({**LEAST, **changes}, spec_type, source="audit.toml")
    return caught.value


def test_a_file_is_read_whole(tmp_path):
    file = tmp_path / "audit.toml"
    file.write_text(
        'public = ["gsm8k"]\nheldout = ["fresh"]\nks = [1, 4]\nlevel = 0.9\n'
        '[model]\nid = "m"\nreleased = 2025-01-31\n'
        '[[model.claims]]\ntask = "gsm8k"\nmetric = "pass@1"\nvalue = 1\n'
        '[engine.args]\nanything = { goes = [1, "x"] }\n'
    )
    spec = load_toml(file, AuditSpec)
    assert spec.model.released == date(2025, 1, 31)
    assert spec.model.claims[0].value == 1
    assert spec.ks == (1, 4)
    assert spec.engine.args == {"anything": {"goes": [1, "x"]}}


@pytest.mark.parametrize(
    "encode", [lambda t: t.encode("utf-8-sig"), lambda t: t.encode().replace(b"\n", b"\r\n")]
)
def test_files_from_other_editors_are_read(tmp_path, encode):
    file = tmp_path / "m.toml"
    file.write_bytes(encode('id = "m"\nfamily = "ü"\n'))
    assert load_toml(file, ModelSpec) == ModelSpec(id="m", family="ü")


WHOLE = "must be a whole number of at least"
LIST = "must be a list with at least 1 item, each a string"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sampling": {"temperature": "hot"}},
            "sampling.temperature must be a float between 0 and 100, got 'hot'",
        ),
        (
            {"sampling": {"temperature": 101}},
            "sampling.temperature must be a float between 0 and 100, got 101",
        ),
        (
            {"sampling": {"top_p": 0}},
            "sampling.top_p must be a float above 0 and at most 1, got 0",
        ),
        ({"sampling": {"seed": -1}}, f"sampling.seed {WHOLE} 0, got -1"),
        ({"sampling": {"max_tokens": "x"}}, f"sampling.max_tokens {WHOLE} 1, got 'x'"),
        ({"sampling": {"stop": [""]}}, "sampling.stop[0] must be a non-empty string, got ''"),
        ({"sampling": []}, "sampling must be a table, got an empty list"),
        ({"n": True}, f"n {WHOLE} 1, got true"),
        ({"n": 2.5}, f"n {WHOLE} 1, got 2.5"),
        ({"ks": [1, 0]}, f"ks[1] {WHOLE} 1, got 0"),
        ({"public": []}, f"public {LIST}, got an empty list"),
        ({"public": {"a": 1}}, f"public {LIST}, got a table"),
        ({"model": 3}, "model must be a table, got 3"),
        ({"engine": {"args": []}}, "engine.args must be a table, got an empty list"),
        (
            {"level": "x" * 99},
            f"level must be a float above 0 and below 1, got '{'x' * 59}...",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_what_is(changes, message):
    assert refusal(**changes).message == f"audit.toml: {message}"


def cutoff(**changes):
    return {
        "id": "m",
        "cutoff": {"date": "2025-01-31", "kind": "claimed", "source": "s", **changes},
    }


@pytest.mark.parametrize("got", ["2025", datetime(2025, 1, 31), 2025])  # noqa: DTZ001
def test_a_date_is_shown_by_example(got):
    message = refusal(model=cutoff(date=got)).message
    assert "model.cutoff.date must be a date such as 2025-01-31, got" in message


def test_a_word_out_of_a_list_is_shown_with_the_list_and_the_nearest():
    error = refusal(model=cutoff(kind="climed"))
    assert error.message == (
        "audit.toml: model.cutoff.kind must be one of 'claimed', 'bounded', got 'climed'"
    )
    assert error.hint == "did you mean 'claimed'?"
    assert refusal(model=cutoff(kind="xyz")).hint.startswith("kind: Whether the date was claimed")


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        (
            {"sampling": {"temprature": 1}},
            "audit.toml: sampling has no key 'temprature'",
            "did you mean 'temperature'?",
        ),
        (
            {"temperature": 1},
            "audit.toml has no key 'temperature'",
            "'temperature' belongs into [sampling]",
        ),
        ({"zzz": 1}, "audit.toml has no key 'zzz'", "allowed: model, public,"),
        (
            {"model": {"id": "m", "claims": [{"q `q": 1}]}},
            "audit.toml: model.claims[0] has no key 'q `q'",
            "allowed: task,",
        ),
        ({"model": {}}, "audit.toml: model.id is missing", "id: Hub id, local folder"),
    ],
)
def test_a_key_that_is_unknown_or_missing_is_named_with_a_hint(changes, message, hint):
    error = refusal(**changes)
    assert error.message == message
    assert error.hint.startswith(hint)


def test_a_refused_value_is_explained_by_its_docstring():
    assert refusal(n=0).hint == "n: Completions a problem."


def test_a_missing_table_at_the_top_is_named():
    with pytest.raises(SpecError, match=r"^a\.toml: model is missing$"):
        convert({"public": ["t"]}, AuditSpec, source="a.toml")
    with pytest.raises(SpecError, match=r"^a\.json must be a table, got a list$"):
        convert([1], AuditSpec, source="a.json")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("level", lambda x: {"level": x}),
        ("engine.args.deep[1].x", lambda x: {"engine": {"args": {"deep": [1, {"x": x}]}}}),
    ],
)
def test_numbers_that_are_not_finite_are_refused_wherever_they_stand(number, key, place):
    message = refusal(**place(number)).message
    assert message == f"audit.toml: {key} must be a finite number, got {number}"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**99])
def test_numbers_beyond_64_bits_are_refused(number):
    assert refusal(n=number).message.startswith("audit.toml: n must fit 64 bits, got ")


def test_a_value_in_a_free_table_is_named_by_the_table():
    class Free(msgspec.Struct):
        counts: dict[str, int]

    with pytest.raises(SpecError, match=r"x: counts\[\.\.\.\] does not fit: Expected `int`"):
        convert({"counts": {"a": "b"}}, Free, source="x")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"id = ", "not valid TOML: Invalid value (at "),
        (b"a = 1\nid = 'x\n", "line 2"),
        (b"id = 'x'\nid = 'y'", "Cannot overwrite a value (at the end, line 2)"),
        (b"a = " + b"[" * 5000, "nested too deeply"),
        (b"a = " + b"9" * 5000, "not valid TOML"),
        (b"id = 'x'\n# \xff", "not UTF-8: byte 0xff in line 2"),
        (b"\x00", "not valid TOML"),
        (b"#" * (MAX_BYTES + 1), "larger than 1,000,000 bytes"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_the_place(tmp_path, raw, said):
    file = tmp_path / "m.toml"
    file.write_bytes(raw)
    with pytest.raises(SpecError) as caught:
        load_toml(file, ModelSpec)
    assert caught.value.message.startswith(str(file))
    assert said in caught.value.message


def test_an_empty_file_lacks_its_first_key(tmp_path):
    (tmp_path / "m.toml").touch()
    with pytest.raises(SpecError, match="id is missing"):
        load_toml(tmp_path / "m.toml", ModelSpec)


def test_a_missing_file_is_named_with_its_neighbour(tmp_path):
    (tmp_path / "audit.toml").touch()
    with pytest.raises(SpecError, match="does not exist") as caught:
        load_toml(tmp_path / "audti.toml", ModelSpec)
    assert caught.value.hint == f"did you mean {tmp_path / 'audit.toml'}?"
    with pytest.raises(SpecError, match="does not exist"):
        load_toml(tmp_path / "none" / "x.toml", ModelSpec)


def test_what_is_no_readable_file_is_refused(tmp_path):
    with pytest.raises(SpecError, match="is a directory"):
        load_toml(tmp_path, ModelSpec)
    for name in ("nul\0byte", "x" * 300):
        with pytest.raises(SpecError, match="cannot be read"):
            load_toml(tmp_path / name, ModelSpec)
    with pytest.raises(SpecError, match="larger than"):
        load_toml(type(tmp_path)("/dev/zero"), ModelSpec)


def test_a_pipe_can_be_read(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, b"id = 'm'\n")
    os.close(writing)
    assert load_toml(type(tmp_path)(f"/dev/fd/{reading}"), ModelSpec).id == "m"
    os.close(reading)


MODULES = (specs, records, results)


def _is_of(found, module):
    return f"{found.__module__}.".startswith(f"{module.__name__}.")


def members(kind):
    return [
        found
        for module in MODULES
        for found in vars(module).values()
        if inspect.isclass(found) and _is_of(found, module) and kind(found)
    ]


STRUCTS = members(lambda c: issubclass(c, msgspec.Struct) or hasattr(c, "_fields"))
ENUMS = members(lambda c: issubclass(c, enum.Enum))


def test_there_are_structs_and_enums_to_look_at():
    assert len(STRUCTS) > 30
    assert len(ENUMS) > 5


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda c: c.__name__)
def test_every_field_has_a_docstring_and_every_type_too(kind):
    fields = getattr(kind, "__struct_fields__", None) or getattr(kind, "_fields", ())
    assert kind.__doc__
    assert [name for name in fields if not documented(kind).get(name, "").endswith(".")] == []


@pytest.mark.parametrize("kind", ENUMS, ids=lambda c: c.__name__)
def test_every_enum_member_has_a_docstring(kind):
    docs = documented(kind)
    assert [member.name for member in kind if not docs.get(member.name)] == []


@pytest.mark.parametrize(
    "kind", [AuditSpec, RunSpec, GatePolicy, results.Audit], ids=lambda c: c.__name__
)
def test_the_schema_describes_every_field_of_every_part(kind):
    schema = describe_schema(kind)
    for part in schema["$defs"].values():
        for fragment in part.get("properties", {}).values():
            assert fragment["description"]
        assert part["description"]


def test_the_schema_explains_the_members_of_an_enum():
    part = describe_schema(ModelSpec)["$defs"]["CutoffKind"]
    assert sorted(part["enum"]) == ["bounded", "claimed"]
    assert "claimed: Its makers said so." in part["description"]


def test_every_named_schema_can_be_made():
    for kind in (*specs.SPECS.values(), *results.RESULTS.values()):
        assert describe_schema(kind)["$ref"] == f"#/$defs/{kind.__name__}"


def test_types_without_source_have_no_docstrings_and_still_a_schema():
    namespace = {"msgspec": msgspec}
    exec("class Made(msgspec.Struct):\n    x: int\n    'never seen'\n", namespace)
    made = namespace["Made"]
    assert documented(made) == {}
    assert describe_schema(made)["$defs"]["Made"]["properties"] == {"x": {"type": "integer"}}
