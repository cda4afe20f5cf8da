"""A lock on the bar: what was moved afterwards is named, and the exit code is 3."""

import hashlib
import json
from types import SimpleNamespace

import pytest
import yaml

from reasonbench.cli.main import main
from reasonbench.run import execute
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec

POLICY = """
[[rules]]
name = "no worse"
task = "sums"
margin = 0.05

[[rules]]
task = "sums"
at_least = 0.2

[[rules]]
metric = "validity"
"""


def make_run(directory, tasks=("sums:10",)):
    spec = RunSpec(
        model=ModelSpec(id="a"),
        tasks=tasks,
        n=4,
        engine=EngineSpec(name="fake"),
        sampling=SamplingSpec(max_tokens=50, temperature=1.0),
    )
    execute(spec, directory)
    return directory


@pytest.fixture
def gate(capfd):
    """Run the command in this process; gives exit code, stdout and stderr together."""

    def invoke(*args):
        with pytest.raises(SystemExit) as ended:
            main(["gate", *map(str, args)])
        said = capfd.readouterr()
        return SimpleNamespace(exit_code=ended.value.code, output=said.out + said.err)

    return invoke


@pytest.fixture
def locked(gate, tmp_path):
    run = make_run(tmp_path / "run")
    policy = tmp_path / "gate.toml"
    policy.write_text(POLICY)
    done = gate("lock", run, "--policy", policy, "--out", tmp_path / "bar", "--producer", "us")
    assert done.exit_code == 0, done.output
    return run, policy, tmp_path / "bar"


@pytest.fixture
def verified(gate):
    def invoke(locked, lock=None):
        run, policy, bar = locked
        return gate("lock", run, "--policy", policy, "--verify", lock or bar)

    return invoke


def test_an_untouched_lock_verifies(verified, locked):
    done = verified(locked)
    assert done.exit_code == 0
    assert "unchanged since" in done.output


def test_manifests_are_canonical_and_carry_their_digest(locked):
    bar = locked[2]
    files = sorted(bar.glob("*.yaml"))
    assert [f.name for f in files] == ["01-no-worse.yaml", "02-pass-1-sums.yaml"]
    for file in files:
        text = file.read_text()
        held = yaml.safe_load(text)
        again = yaml.safe_dump(held, sort_keys=True, default_flow_style=False,
                               width=float("inf"), allow_unicode=True)  # fmt: skip
        assert again.rstrip() + "\n" == text
        sidecar = file.with_name(file.stem + ".prml.sha256").read_text().strip()
        assert sidecar == hashlib.sha256(text.encode()).hexdigest()
        assert held["version"] == "prml/0.1"
        assert held["producer"] == {"id": "us"}
        assert held["claim_id"][14] == "7"
        assert len(held["dataset"]["hash"]) == 64
    assert yaml.safe_load(files[1].read_text())["threshold"] == 0.2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("at_least = 0.2", "at_least = 0.1", "has at_least = 0.1, and 0.2 was locked"),
        ("margin = 0.05", "margin = 0.08", "has margin = 0.08, and 0.05 was locked"),
        ('[[rules]]\nmetric = "validity"\n', "", "has 2 rules, and 3 were locked"),
        ("[[rules]]\nname", "power = 0.5\n[[rules]]\nname", "has power = 0.5"),
    ],
)
def test_a_bar_that_was_moved_exits_with_3_and_says_which(verified, locked, old, new, said):
    policy = locked[1]
    text = policy.read_text()
    assert old in text
    policy.write_text(text.replace(old, new))
    done = verified(locked)
    assert done.exit_code == 3, done.output
    assert said in done.output


def test_a_gate_under_a_lock_that_was_moved_judges_nothing(gate, locked):
    run, policy, bar = locked
    assert gate(run, "--policy", policy, "--baseline", run, "--lock", bar).exit_code == 4
    policy.write_text(POLICY.replace("at_least = 0.2", "at_least = 0.1"))
    assert gate(run, "--policy", policy, "--baseline", run, "--lock", bar).exit_code == 3


def test_other_problems_exit_with_3(verified, locked, tmp_path):
    other = make_run(tmp_path / "other", tasks=("sums:11",))
    done = verified((other, *locked[1:]))
    assert done.exit_code == 3
    assert "are not those that were locked" in done.output


def damage_policy(bar):
    file = bar / "policy.json"
    held = json.loads(file.read_text())
    held["policy"]["rules"][1]["at_least"] = 0.1
    file.write_text(json.dumps(held))


def damage_manifest(bar):
    file = bar / "02-pass-1-sums.yaml"
    file.write_text(file.read_text().replace("0.2", "0.1"))


def damage_sidecar(bar):
    (bar / "02-pass-1-sums.prml.sha256").write_text("0" * 64 + "\n")


def lose_manifest(bar):
    (bar / "01-no-worse.yaml").unlink()


def leave_the_folder(bar):
    file = bar / "policy.json"
    held = json.loads(file.read_text())
    held["manifests"] = {"../../etc/passwd": "0" * 64}
    file.write_text(json.dumps(held))


@pytest.mark.parametrize(
    "damage", [damage_policy, damage_manifest, damage_sidecar, lose_manifest, leave_the_folder]
)
def test_a_damaged_lock_exits_with_3(verified, locked, damage):
    damage(locked[2])
    done = verified(locked)
    assert done.exit_code == 3, done.output


def test_a_lock_is_never_written_over(gate, locked):
    run, policy, bar = locked
    done = gate("lock", run, "--policy", policy, "--out", bar)
    assert done.exit_code == 2
    assert "is there already" in done.output


def test_a_lock_needs_no_run_where_the_rules_name_tasks(gate, tmp_path):
    policy = tmp_path / "tasks.toml"
    policy.write_text('[[rules]]\ntask = "countdown_public"\nat_least = 0.2\n')
    done = gate("lock", "--policy", policy, "--out", tmp_path / "early")
    assert done.exit_code == 0, done.output
    held = json.loads((tmp_path / "early" / "policy.json").read_text())
    assert list(held["data"]) == ["countdown_public"]


def test_there_is_no_lock_said_in_a_sentence(verified, locked, tmp_path):
    done = verified(locked, tmp_path / "nothing")
    assert done.exit_code == 2
    assert "there is no lock" in done.output
