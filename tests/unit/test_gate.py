"""A policy, a run, a decision: what passes, what fails, and what the samples do not decide."""

import copy
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from lxml import etree

from reasonbench.cli.main import main
from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.gate import judge, load_subject, outputs
from reasonbench.gate.sequential import judge_in_rounds
from reasonbench.results import GateDecision, GateReport
from reasonbench.run import execute
from reasonbench.specs import EngineSpec, GatePolicy, ModelSpec, RunSpec, SamplingSpec
from reasonbench.stats.gate import least_difference, mean_against
from reasonbench.store import Store

PASS, FAIL, INCONCLUSIVE = GateDecision.PASS, GateDecision.FAIL, GateDecision.INCONCLUSIVE
DATA = Path(__file__).parents[1] / "data"
ALL = [f"{i:03d}" for i in range(30)]


def run(directory, *, model="a", tasks=("sums:30",), n=8, seed=1, args=None, **more):
    spec = RunSpec(
        model=ModelSpec(id=model),
        tasks=tasks,
        n=n,
        engine=EngineSpec(name="fake", args=args or {}),
        sampling=SamplingSpec(max_tokens=50, temperature=1.0, seed=seed),
        **more,
    )
    execute(spec, directory)
    return directory


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A run, and one of a model that knows every problem by heart."""
    root = tmp_path_factory.mktemp("gate")
    return run(root / "a"), run(root / "b", model="b", args={"leak": ALL})


def policy(*rules, **fields):
    return msgspec.convert({"rules": rules, **fields}, GatePolicy)


def decided(pair, rule, *, reverse=False, **fields):
    base, new = reversed(pair) if reverse else pair
    return judge(policy(rule, **fields), load_subject(new), load_subject(base)).results[0]


@pytest.mark.parametrize(
    ("rule", "decision"),
    [
        ({"at_least": 0.5}, PASS),
        ({"at_least": 0.999}, INCONCLUSIVE),
        ({"at_most": 0.5}, FAIL),
        ({"at_least": 0.0}, PASS),
        ({"metric": "pass@8", "at_least": 0.8}, PASS),
        ({"metric": "maj@4", "at_least": 0.5}, PASS),
        ({"metric": "truncated", "at_most": 0.2}, PASS),
        ({"metric": "no_answer", "at_most": 0.2}, PASS),
        ({"metric": "validity"}, PASS),
        ({"margin": 0.05}, PASS),
        ({"better_by": 0.05}, PASS),
        ({"better_by": 0.99}, FAIL),
        ({"metric": "distinct@4", "at_most": 0.1}, FAIL),
    ],
)
def test_a_model_that_knows_everything_is_judged_by_every_metric(pair, rule, decision):
    assert decided(pair, rule).decision is decision


def test_a_model_that_forgot_everything_fails_against_its_former_self(pair):
    found = decided(pair, {"margin": 0.05}, reverse=True)
    assert found.decision is FAIL
    assert found.value < -0.2
    assert found.interval.high < -0.05


def test_a_margin_below_what_can_be_seen_is_refused(pair, tmp_path):
    other = run(tmp_path / "c", model="c", seed=2)
    found = decided((pair[0], other), {"margin": 0.002})
    assert found.decision is INCONCLUSIVE
    assert found.mde > 0.002
    assert "Refused" in found.sentence
    assert "needs at least" in found.sentence
    assert "problems x 8 samples" in found.sentence


def test_rules_of_an_incomplete_run_decide_nothing(tmp_path):
    directory = run(tmp_path / "r", tasks=("sums:30",))
    with Store.create(directory) as store:
        plan = store.latest_plan()
    more = msgspec.structs.replace(plan.spec, n=9)
    execute(more, directory)
    subject = load_subject(directory)
    task = msgspec.structs.replace(subject.audit.run.tasks[0], n_unsampled=3)
    owed = msgspec.structs.replace(subject.audit.run, tasks=(task,))
    subject.audit = msgspec.structs.replace(subject.audit, run=owed)
    found = judge(policy({"at_least": 0.01}), subject).results[0]
    assert found.decision is INCONCLUSIVE
    assert "incomplete: 3 completions" in found.sentence


def test_tiers_weigh_as_they_say(pair):
    subject = load_subject(pair[0])
    hopeless = {"at_least": 0.9999}
    undecided = {"at_least": round(subject.audit.run.tasks[0].estimates[0].value, 3)}
    for tier, wanted in (("critical", FAIL), ("supporting", FAIL), ("advisory", PASS)):
        rules = policy({"at_least": 0.01}, {**hopeless, "tier": tier})
        assert judge(rules, subject).decision is wanted
    for tier, wanted in (("critical", INCONCLUSIVE), ("supporting", PASS), ("advisory", PASS)):
        rules = policy({"at_least": 0.01}, {**undecided, "tier": tier})
        assert judge(rules, subject).decision is wanted


def test_an_undecided_gate_counts_as_the_policy_says(pair):
    subject = load_subject(pair[0])
    rule = {"at_least": round(subject.audit.run.tasks[0].estimates[0].value, 3)}
    codes = {
        how: judge(policy(rule, on_inconclusive=how), subject).exit_code
        for how in ("inconclusive", "pass", "fail")
    }
    assert codes == {"inconclusive": 4, "pass": 0, "fail": 1}
    report = judge(policy(rule, on_inconclusive="fail"), subject)
    assert (report.decision, report.counts_as) == (INCONCLUSIVE, FAIL)
    assert "counts this as FAIL" in report.sentence


def test_holm_asks_more_of_several_rules_than_of_one(pair):
    subject = load_subject(pair[1])
    rules = [{"at_least": 0.3, "name": f"r{i}"} for i in range(20)]
    one = judge(policy(rules[0]), subject).results[0]
    many = judge(policy(*rules), subject).results[0]
    assert many.p_pass == one.p_pass
    assert many.p_pass_holm >= 20 * one.p_pass * 0.999
    advisory = [{**rule, "tier": "advisory"} for rule in rules[1:]]
    alone = judge(policy(rules[0], *advisory), subject).results[0]
    assert alone.p_pass_holm == one.p_pass_holm


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"metric": "pass@"}, "there is no metric"),
        ({"metric": "speed"}, "there is no metric"),
        ({"metric": "truncated@3", "at_most": 0.1}, "there is no metric"),
        ({}, "needs one of at_least"),
        ({"at_least": 0.1, "margin": 0.1}, "needs one of at_least"),
        ({"metric": "pass@64", "at_least": 0.1}, "needs 64 completions a problem"),
        ({"task": "chess", "at_least": 0.1}, "has no task 'chess'"),
        ({"metric": "validity", "at_most": 0.1}, "does not know"),
        ({"metric": "verdict", "allowed": ("GOOD",)}, "names the verdict 'GOOD'"),
        ({"metric": "clean_delta@1"}, "has no bound"),
        ({"metric": "findings", "kinds": ("verbatm",)}, "names the kind 'verbatm'"),
        ({"metric": "validity", "codes": ("truncated",)}, "names the code 'truncated'"),
        ({"metric": "maj@2", "at_least": 0.1, "max_tokens": 5}, "no token budget"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_said_in_a_sentence(pair, rule, said):
    with pytest.raises(SpecError, match=said):
        judge(policy(rule), load_subject(pair[0]))


def test_a_margin_without_a_baseline_is_refused(pair):
    with pytest.raises(SpecError, match="needs a baseline"):
        judge(policy({"margin": 0.1}), load_subject(pair[0]))


def test_what_was_not_searched_for_cannot_pass(pair):
    found = decided(pair, {"metric": "findings"})
    assert found.decision is INCONCLUSIVE
    assert "no traces were searched" in found.sentence


def test_a_token_budget_counts_only_short_completions(pair):
    whole = decided(pair, {"at_least": 0.5})
    short = decided(pair, {"at_least": 0.5, "max_tokens": 1})
    assert short.value < whole.value


def test_equal_models_fail_at_most_at_the_level_and_pass_at_the_planned_power():
    rng = np.random.default_rng(5)
    m, n, margin, alpha = 200, 64, 0.03, 0.05
    failed = passed = 0
    power = []
    for seed in range(500):
        p = rng.beta(2, 2, m)
        d = (rng.binomial(n, p) - rng.binomial(n, p)) / n
        test = mean_against(d, -margin, low=-1.0, alpha=alpha, seed=seed, draws=2000)
        failed += test.p_below <= alpha
        passed += test.p_above <= alpha
        power.append(least_difference(test.standard_error, alpha, 0.8) <= margin)
    assert failed <= 500 * alpha
    assert np.mean(power) > 0.9  # the MDE lies below the margin in nearly all of them
    assert passed / 500 >= 0.8 - 2 * (0.8 * 0.2 / 500) ** 0.5


def test_a_model_worse_by_the_margin_passes_at_most_at_the_level():
    rng = np.random.default_rng(6)
    passed = 0
    for seed in range(500):
        p = rng.beta(2, 2, 60) * 0.8 + 0.1
        d = (rng.binomial(16, p - 0.05) - rng.binomial(16, p)) / 16
        passed += mean_against(d, -0.05, low=-1.0, seed=seed, draws=2000).p_above <= 0.05
    assert passed <= 500 * 0.05 + 2 * (500 * 0.05 * 0.95) ** 0.5


def test_a_bound_at_the_end_of_the_range_needs_no_test():
    assert mean_against([1.0, 1.0], 1.0).p_above == 1.0
    assert mean_against([0.5, 1.0], 0.0).p_above == 0.0
    assert mean_against([0.0, 0.0], 0.0).p_above == 1.0
    with pytest.raises(ValueError, match="Got 2 NaN"):
        mean_against([np.nan, np.nan], 0.5)


def test_clusters_count_as_one_problem():
    values = [1.0] * 30
    alone = mean_against(values, 0.8)
    together = mean_against(values, 0.8, clusters=["a"] * 15 + ["b"] * 15)
    assert alone.p_above < 0.01 < together.p_above


# Rounds.


def sequential(**fields):
    plan = {"n_max": 8, "step": 2, **fields}
    rule = {"rules": [{"margin": 0.1}], "sequential": plan}
    return msgspec.convert(rule, GatePolicy)


def test_rounds_stop_when_they_are_decided_and_keep_their_samples(tmp_path):
    base = run(tmp_path / "a", n=2)
    new = run(tmp_path / "b", model="b", n=2, args={"leak": ALL})
    report = judge_in_rounds(sequential(n_max=32), new, base)
    assert report.decision is PASS
    used = report.results[0].n
    assert used < 32
    with Store.read(new) as store:
        assert used <= store.latest_plan().spec.n < 32
    again = judge_in_rounds(sequential(n_max=32), new, base)
    assert again.results == report.results


def test_rounds_that_end_undecided_do_not_pass(tmp_path):
    base, new = run(tmp_path / "a", n=1), run(tmp_path / "b", model="b", n=1)
    report = judge_in_rounds(
        msgspec.convert(
            {"rules": [{"margin": 0.001}], "sequential": {"n_max": 3, "step": 2}}, GatePolicy
        ),
        new,
        base,
    )
    assert report.decision is INCONCLUSIVE
    assert report.exit_code == 4
    assert "the rounds are over" in report.results[0].sentence
    with Store.read(new) as store:
        assert store.latest_plan().spec.n == 3


def test_rounds_are_for_pass_at_1_with_a_margin(tmp_path):
    bad = msgspec.convert({"rules": [{"at_least": 0.1}], "sequential": {"n_max": 4}}, GatePolicy)
    with pytest.raises(SpecError, match="cannot be decided in rounds"):
        judge_in_rounds(bad, tmp_path, tmp_path)


# Files for CI.


@pytest.fixture(scope="module")
def mixed(pair):
    rules = policy(
        {"at_least": 0.01, "name": "holds"},
        {"at_least": 0.9999, "name": "fails <&> \x1b[31m ]]> \u202e"},
        {"at_least": 0.9999, "name": "advice", "tier": "advisory"},
        {"metric": "findings", "name": "open", "tier": "supporting"},
    )
    return judge(rules, load_subject(pair[0]))


def test_junit_has_a_case_a_rule_and_adds_up(mixed):
    root = ET.fromstring(outputs.junit(mixed))
    (suite,) = root
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.get("tests")) == 4
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures")) == 1
    assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped")) == 2
    assert cases[0].get("name") == "holds"
    assert "<U+001B>" in cases[1].get("name")
    for case in cases:
        assert set(case.attrib) == {"classname", "name", "time"}
    said = suite.findtext("system-out").split("\n")
    assert [line.partition(": ")[0] for line in said] == [r.decision.value for r in mixed.results]
    assert all(r.sentence in line for r, line in zip(mixed.results, said, strict=True))


def schema(name):
    return etree.XMLSchema(etree.parse(str(DATA / f"junit_{name}.xsd")))


@pytest.mark.parametrize("name", ["ant", "jenkins"])
def test_junit_is_as_the_public_schemas_say(mixed, name):
    rules, report = schema(name), etree.fromstring(outputs.junit(mixed).encode())
    rules.assertValid(report)
    for change in (
        lambda suite: suite.attrib.pop("failures"),
        lambda suite: suite.set("model", "m"),
        lambda suite: suite[1].attrib.pop("name"),
        lambda suite: suite[1].set("tier", "advisory"),
        lambda suite: etree.SubElement(suite[1], "decision"),
        lambda suite: suite[0][0].attrib.pop("value"),
        lambda suite: suite.set("time", "soon"),
    ):
        broken = copy.deepcopy(report)
        change(broken[0])
        assert not rules.validate(broken)


def test_ants_schema_wants_a_time_without_zone_and_output_of_the_suite_alone(mixed):
    rules, report = schema("ant"), etree.fromstring(outputs.junit(mixed).encode())
    for change in (
        lambda root: root.set("tests", "4"),
        lambda root: root[0].set("timestamp", mixed.created.isoformat()),
        lambda root: etree.SubElement(root[0][1], "system-out"),
        lambda root: root[0].remove(root[0].find("system-err")),
        lambda root: root[0].attrib.pop("hostname"),
    ):
        broken = copy.deepcopy(report)
        change(broken)
        assert not rules.validate(broken)
        assert schema("jenkins").validate(broken)


def test_annotations_cannot_be_broken_out_of(mixed):
    lines = list(outputs.annotations(mixed))
    assert [line.split(" ", 1)[0] for line in lines] == ["::error", "::warning", "::notice"]
    for line in lines:
        assert "\n" not in line
        assert "\x1b" not in line
        assert line.count("::") >= 2


@pytest.mark.parametrize("limit", [900, 5000])
def test_markdown_keeps_to_its_limit_and_says_what_it_left_out(mixed, limit):
    text = outputs.markdown(mixed, limit=limit)
    assert len(text.encode()) <= limit
    assert "FAIL" in text
    assert ("cut short" in text) == (limit == 900)
    assert "<&>" not in text


def test_the_badge_says_what_the_exit_code_does(mixed):
    assert outputs.badge(mixed)["message"] == "FAIL"
    assert mixed.exit_code == 1


# The command.


def write(path, text):
    path.write_text(text)
    return path


@pytest.fixture
def gate(capfd):
    """Run the command in this process; gives exit code, stdout and stderr."""

    def invoke(*args):
        with pytest.raises(SystemExit) as ended:
            main(["gate", *map(str, args)])
        said = capfd.readouterr()
        return SimpleNamespace(exit_code=ended.value.code, stdout=said.out, stderr=said.err)

    return invoke


def test_the_command_prints_what_it_exits_with(gate, pair, tmp_path):
    file = write(tmp_path / "gate.toml", '[[rules]]\nmetric = "pass@1"\nat_least = 0.9999\n')
    files = {name: tmp_path / name for name in ("junit", "markdown", "badge", "sarif", "summary")}
    given = [arg for name, path in files.items() for arg in (f"--{name}", path)]
    done = gate(pair[0], "--policy", file, "--format", "json", *given)
    assert done.exit_code == 1
    report = msgspec.json.decode(done.stdout, type=GateReport)
    assert report.exit_code == 1
    assert report.decision is FAIL
    assert all(path.stat().st_size for path in files.values())
    assert json.loads(files["sarif"].read_text())["version"] == "2.1.0"
    table = gate(pair[0], "--policy", file, "--annotations")
    assert "FAIL: 1 of 1 rules fail" in table.stdout
    assert "::error title=" in table.stdout


def test_the_exit_code_of_an_undecided_gate_can_be_chosen(gate, pair, tmp_path):
    value = load_subject(pair[0]).audit.run.tasks[0].estimates[0].value
    file = write(tmp_path / "gate.toml", f"[[rules]]\nat_least = {value:.3f}\n")
    assert gate(pair[0], "--policy", file).exit_code == 4
    assert gate(pair[0], "--policy", file, "--on-inconclusive", "pass").exit_code == 0
    assert gate(pair[0], "--policy", file, "--on-inconclusive", "fail").exit_code == 1


def test_a_summary_is_appended_to(gate, pair, tmp_path):
    file = write(tmp_path / "gate.toml", "[[rules]]\nat_least = 0.01\n")
    summary = write(tmp_path / "summary.md", "before\n")
    assert gate(pair[1], "--policy", file, "--summary", summary).exit_code == 0
    assert summary.read_text().startswith("before\n## ")


def test_others_logs_are_judged_like_a_run(gate, tmp_path):
    rows = "".join(f"t,p{i},8,{6 + i % 3}\n" for i in range(40))
    log = write(tmp_path / "counts.csv", "task,problem_id,n,c\n" + rows)
    file = write(tmp_path / "gate.toml", "[[rules]]\nat_least = 0.5\n")
    done = gate(log, "--policy", file)
    assert done.exit_code == 0, done.stderr
    assert "over 40 problems x 8" in " ".join(done.stdout.split())
    worse = "".join(f"t,p{i},8,{1 + i % 3}\n" for i in range(40))
    other = write(tmp_path / "worse.csv", "task,problem_id,n,c\n" + worse)
    file = write(tmp_path / "margin.toml", "[[rules]]\nmargin = 0.1\n")
    assert gate(other, "--policy", file, "--baseline", log).exit_code == 1


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"metric": "truncated", "at_most": 0.5}, "without finish reasons"),
        ({"metric": "no_answer", "at_most": 0.5}, "without texts"),
        ({"metric": "maj@2", "at_least": 0.1}, "without texts"),
        ({"metric": "distinct@2", "at_least": 0.1}, "without texts"),
        ({"at_least": 0.1, "max_tokens": 100}, "do not tell their tokens"),
    ],
)
def test_what_a_log_does_not_tell_is_refused_and_not_taken_for_none(tmp_path, rule, said):
    log = write(tmp_path / "counts.csv", "problem_id,n,c\np0,8,6\np1,8,7\n")
    with pytest.raises(SpecError, match=said):
        judge(policy(rule), load_subject(log))


def test_another_formats_schema_version_makes_no_audit_of_a_log(tmp_path):
    log = write(tmp_path / "x.jsonl", '{"schema_version": "9.9", "evaluation_id": "a"}\n')
    with pytest.raises(ReasonbenchError) as caught:
        load_subject(log)
    assert "audit" not in str(caught.value)


def test_an_audits_file_whose_run_went_on_is_judged_by_itself(tmp_path):
    from reasonbench.audit import write_audit

    directory = run(tmp_path / "r", n=4)
    write_audit(load_subject(directory).audit, directory)
    run(directory, n=8)
    subject = load_subject(directory / "audit.json")
    assert judge(policy({"at_least": 0.01}), subject).results[0].n == 4
    with pytest.raises(SpecError, match="needs the completions themselves"):
        judge(policy({"metric": "maj@2", "at_least": 0.1}), subject)


def test_an_unsound_rule_lends_nothing_to_the_others(pair):
    subject = load_subject(pair[1])
    rules = [{"at_least": 0.3}, {"at_least": 0.31, "name": "other"}]
    sound = judge(policy(*rules), subject).results[0]
    task = msgspec.structs.replace(subject.audit.run.tasks[0], n_unsampled=1)
    subject.audit = msgspec.structs.replace(
        subject.audit, run=msgspec.structs.replace(subject.audit.run, tasks=(task,))
    )
    for result in judge(policy(*rules), subject).results:
        assert (result.decision, result.p_pass, result.p_fail) == (INCONCLUSIVE, 1.0, 1.0)
    assert sound.decision is PASS
