"""Each check fires on a run that is at fault and is silent on its honest neighbour."""

import dataclasses
import random
from datetime import UTC, datetime

import msgspec
import pytest
from validity_runs import (
    ENGINE,
    SAMPLING,
    Drawn,
    findings_of,
    honest,
    make_run,
    problems_of,
    result_of,
)

from reasonbench import presets
from reasonbench.records import FinishReason, Session, Verdict
from reasonbench.results import Severity
from reasonbench.specs import SamplingSpec
from reasonbench.validity import examine  # the name that run.py imports
from reasonbench.validity.gold import golds, stands_alone

replace = dataclasses.replace
sampled = msgspec.structs.replace

CUT = {
    "finish": FinishReason.LENGTH,
    "n_tokens": 1000,
    "verdict": Verdict.INCORRECT,
    "reason": "truncated",
    "answer": None,
    "text": "<think>\nand so on",
}
ANSWERLESS = {"verdict": Verdict.INCORRECT, "reason": "no_answer", "answer": None}
UNCLOSED = {**ANSWERLESS, "text": "<think>\nlet me think about it, so the"}


def sometimes(share, **fields):
    """Return a draw that is honest but for a share of the completions."""

    def draw(problem, index):
        drawn = honest(problem, index)
        rng = random.Random(ascii((problem.id, index)))
        return replace(drawn, **fields) if rng.random() < share else drawn

    return draw


def long(drawn, n_tokens):
    """Return a completion with a thought of so many tokens."""
    return replace(drawn, text=f"<think>\n{'so ' * n_tokens}{drawn.text[8:]}", n_tokens=n_tokens)


def only(directory, code):
    """Return the one finding of a run, which must be of ``code``."""
    (found,) = findings_of(directory)
    assert found.code == code
    return found


def test_an_honest_run_is_accused_of_nothing(tmp_path):
    assert findings_of(make_run(tmp_path, tasks=("t", "u"), count=40, n=16)) == []
    assert examine.__module__ == "reasonbench.validity"


def test_a_model_that_is_always_wrong_is_accused_of_nothing(tmp_path):
    def draw(problem, index):
        text = f"<think>\n{index} for {problem.id}\n</think>\n\\boxed{{{index}}}"
        wrong = {"verdict": Verdict.INCORRECT, "reason": "wrong", "answer": str(index)}
        return Drawn(text=text, **wrong)

    assert findings_of(make_run(tmp_path, draw)) == []


@pytest.mark.parametrize(
    ("share", "severity"),
    [(0.03, "note"), (0.15, "warning"), (0.45, "warning"), (0.6, "invalid")],
)
def test_truncation_weighs_by_its_share(tmp_path, share, severity):
    found = only(make_run(tmp_path, sometimes(share, **CUT), count=50), "truncation")
    assert found.severity == severity
    assert found.evidence["share"] == pytest.approx(share, abs=0.06)
    assert found.evidence["cut_before_an_answer"] == round(found.evidence["share"] * 400)
    assert len(found.evidence["examples"]) == 5
    assert "1000 tokens" in found.sentence


def test_a_single_truncated_completion_is_no_finding(tmp_path):
    def draw(problem, index):
        drawn = honest(problem, index)
        return replace(drawn, **CUT) if (problem.id, index) == ("p000", 0) else drawn

    assert findings_of(make_run(tmp_path, draw)) == []


def test_a_completion_that_answered_and_ran_on_is_not_lost(tmp_path):
    ran_on = {"finish": FinishReason.LENGTH, "n_tokens": 1000}
    assert findings_of(make_run(tmp_path, sometimes(1, **ran_on))) == []


def test_a_server_that_calls_its_cap_a_stop_is_seen_through(tmp_path):
    capped = {**CUT, "finish": FinishReason.STOP, "reason": "no_answer"}
    found = only(make_run(tmp_path, sometimes(0.6, **capped)), "truncation")
    assert found.severity is Severity.INVALID
    assert found.evidence["called_stop_at_the_limit"] == found.evidence["cut_before_an_answer"]


def test_an_answer_that_ends_on_the_last_token_is_no_truncation(tmp_path):
    assert findings_of(make_run(tmp_path, lambda p, i: long(honest(p, i), 1000))) == []


def test_answers_on_the_last_token_are_not_among_the_truncated(tmp_path):
    def draw(problem, index):
        drawn = honest(problem, index)
        cut = {**CUT, "text": f"<think>\nand so on {index}"}
        return replace(drawn, **cut) if index % 2 else long(drawn, 1000)

    found = only(make_run(tmp_path, draw), "truncation")
    assert found.evidence["cut_before_an_answer"] == 24 * 4
    assert found.evidence["cut_after_an_answer"] == 0


def test_tasks_that_the_limit_cuts_differently_are_not_to_be_compared(tmp_path):
    def draw(problem, index):
        return sometimes(0.4 if problem.task == "t" else 0.02, **CUT)(problem, index)

    (found,) = findings_of(make_run(tmp_path, draw, tasks=("t", "u")), "truncation_differs")
    assert (found.severity, found.task) == (Severity.WARNING, None)
    assert set(found.evidence["shares"]) == {"t", "u"}


def test_tasks_that_the_limit_cuts_alike_may_be_compared(tmp_path):
    run = make_run(tmp_path, sometimes(0.4, **CUT), tasks=("t", "u"))
    assert findings_of(run, "truncation_differs") == []
    assert len(findings_of(run, "truncation")) == 2


@pytest.mark.parametrize(("share", "severity"), [(0.2, "warning"), (0.7, "invalid")])
def test_thoughts_that_end_in_the_middle_are_told(tmp_path, share, severity):
    found = only(make_run(tmp_path, sometimes(share, **UNCLOSED)), "unclosed_thinking")
    assert found.severity == severity


def test_a_few_thoughts_that_end_in_the_middle_are_the_models_own(tmp_path):
    assert findings_of(make_run(tmp_path, sometimes(0.02, **UNCLOSED))) == []


def test_truncated_thoughts_are_truncation_and_nothing_else(tmp_path):
    only(make_run(tmp_path, sometimes(0.3, **CUT)), "truncation")


def markless(problem, index):
    drawn = honest(problem, index)
    text = f"first {index}, then {problem.id}.\n\n\\boxed{{{drawn.answer}}}"
    return replace(drawn, **ANSWERLESS, text=text, prefilled=True)


def test_stripped_marks_are_told_from_unclosed_thoughts(tmp_path):
    found = only(make_run(tmp_path, markless), "thinking_stripped")
    assert found.severity is Severity.INVALID
    assert found.evidence["without_marks"] == 24 * 8


def test_prefilled_thoughts_without_an_answer_are_unclosed_not_stripped(tmp_path):
    def draw(problem, index):
        return replace(
            markless(problem, index), text=f"let me see, {problem.id} is {index} and so the"
        )

    only(make_run(tmp_path, draw), "unclosed_thinking")


def test_prefilled_thoughts_that_are_closed_are_in_order(tmp_path):
    def draw(problem, index):
        drawn = honest(problem, index)
        return replace(drawn, text=drawn.text.removeprefix("<think>\n"), prefilled=True)

    assert findings_of(make_run(tmp_path, draw)) == []


def test_a_text_that_holds_less_than_was_generated_is_told(tmp_path):
    def draw(problem, index):
        drawn = honest(problem, index)
        return replace(drawn, text=f"{index} {problem.id} \\boxed{{7}}", n_tokens=900)

    found = only(make_run(tmp_path, draw), "thinking_stripped")
    assert found.severity is Severity.WARNING


def test_a_byte_level_tokenizer_is_not_taken_for_stripped_thinking(tmp_path):
    def draw(problem, index):
        drawn = honest(problem, index)
        text = f"<think>{'中' * 80}{index}{problem.id}</think>\\boxed{{{drawn.answer}}}"
        return replace(drawn, text=text, n_tokens=len(text.encode()))

    assert findings_of(make_run(tmp_path, draw)) == []


def test_stop_strings_that_cut_the_thought_are_blamed(tmp_path):
    stop = sampled(SAMPLING, stop=("\n\n",))
    found = only(make_run(tmp_path, sometimes(0.2, **UNCLOSED), sampling=stop), "stop_in_thinking")
    assert found.severity is Severity.WARNING
    assert found.evidence["stop"] == ["\n\n"]


def test_stop_strings_that_cut_no_thought_are_left_alone(tmp_path):
    assert findings_of(make_run(tmp_path, sampling=sampled(SAMPLING, stop=("Question:",)))) == []


@pytest.mark.parametrize(("every", "severity"), [(24, "warning"), (2, "invalid")])
def test_missing_completions_are_counted_by_problem(tmp_path, every, severity):
    def draw(problem, index):
        missing = int(problem.id[1:]) % every == 0 and index >= 6
        return replace(honest(problem, index), exists=not missing)

    found = only(make_run(tmp_path, draw), "n_mismatch")
    assert found.severity == severity
    assert found.evidence["missing"] == 2 * found.evidence["problems_short"] == 2 * 24 // every
    assert found.evidence["examples"][0] == "t/p000: 6 of 8"


def test_a_run_without_any_completion_is_incomplete_and_breaks_nothing(tmp_path):
    found = only(make_run(tmp_path, lambda p, i: Drawn(exists=False)), "n_mismatch")
    assert (found.severity, found.evidence["share"]) == (Severity.INVALID, 1.0)


def test_completions_that_have_no_grade_yet_are_told(tmp_path):
    run = make_run(tmp_path, lambda p, i: replace(honest(p, i), graded=False))
    assert {f.code for f in findings_of(run)} == {"n_mismatch", "ungraded"}


def test_a_problem_that_its_successes_stopped_is_complete_with_fewer(tmp_path):
    def draw(problem, index):
        drawn = honest(problem, index)
        before = [honest(problem, i) for i in range(index)]
        done = sum(d.verdict is Verdict.CORRECT for d in before) >= 2
        return replace(drawn, exists=not done)

    run = make_run(tmp_path, draw, n=16, stop_after_successes=2)
    assert findings_of(run) == []
    assert any(c.stopped and c.n < 16 for c in result_of(run).tasks[0].problems)


@pytest.mark.parametrize(("share", "severity"), [(0.05, "warning"), (0.3, "invalid")])
def test_completions_without_a_verdict_are_told(tmp_path, share, severity):
    timeout = {"verdict": Verdict.UNGRADED, "reason": "timeout", "answer": None}
    found = only(make_run(tmp_path, sometimes(share, **timeout)), "ungraded")
    assert found.severity == severity
    assert found.evidence["reasons"] == {"timeout": found.evidence["without_verdict"]}


def test_one_completion_without_a_verdict_in_200_is_no_finding(tmp_path):
    def draw(problem, index):
        drawn = honest(problem, index)
        lost = (problem.id, index) == ("p003", 3)
        return replace(drawn, verdict=Verdict.UNGRADED, reason="timeout") if lost else drawn

    assert findings_of(make_run(tmp_path, draw)) == []


def test_many_completions_without_an_answer_are_a_warning(tmp_path):
    empty = {**ANSWERLESS, "text": "<think>\nhm\n</think>\nI cannot say."}
    found = only(make_run(tmp_path, sometimes(0.6, **empty)), "no_answer")
    assert found.severity is Severity.WARNING


def test_a_few_completions_without_an_answer_are_no_finding(tmp_path):
    empty = {**ANSWERLESS, "text": "<think>\nhm\n</think>\nI cannot say."}
    assert findings_of(make_run(tmp_path, sometimes(0.05, **empty))) == []


def in_the_tail(share):
    def draw(problem, index):
        drawn = honest(problem, index)
        if random.Random(f"{problem.id}|{index}").random() >= share:
            return drawn
        text = f"<think>\n{index}\n</think>\nSo we end up with {problem.target} apples in all"
        return replace(drawn, **ANSWERLESS, text=text)

    return draw


@pytest.mark.parametrize(("share", "severity"), [(0.06, "warning"), (0.5, "invalid")])
def test_gold_answers_that_were_not_extracted_are_found(tmp_path, share, severity):
    run = make_run(tmp_path, in_the_tail(share), count=40)
    (found,) = findings_of(run, "answer_not_extracted")
    assert found.severity == severity
    assert found.evidence["in_tail_by_chance"] == 0
    assert found.evidence["pass_at_1_could_rise_by"] == pytest.approx(share, abs=0.05)


def test_a_gold_answer_where_the_limit_cut_is_truncation_not_a_missed_answer(tmp_path):
    def draw(problem, index):
        drawn = in_the_tail(0.5)(problem, index)
        return long(drawn, 1000) if drawn.answer is None else drawn

    only(make_run(tmp_path, draw, count=40), "truncation")


@pytest.mark.parametrize(
    ("token", "text", "alone"),
    [
        ("7", "so it is 7.", True),
        ("7", "(7)", True),
        ("7", "17", False),
        ("7", "7.5 or 0.7 or 7,5", False),
        ("7", "x7 and -7 and 1/7 and 7/2", False),
        ("7", "77, then 7", True),
        ("1234", "that makes 1,234 in all", True),
        ("yes", "YES!", True),
        ("yes", "yesterday", False),
        ("", "anything", False),
    ],
)
def test_a_gold_answer_stands_alone_or_it_is_none(token, text, alone):
    assert stands_alone(token, text) is alone


def test_the_control_is_another_gold_answer_or_none():
    def controls(*targets):
        problems = problems_of("t", len(targets), target=lambda i: targets[i])
        return [gold.control for _, gold in golds(problems)]

    assert controls("50", "50") == ["", ""]
    assert controls("50", "50", "60") == ["60", "60", "50"]
    assert controls("50", None) == ["", "50"]


def test_gold_answers_that_stand_there_by_chance_are_not(tmp_path):
    problems = problems_of("t", 40, target=lambda i: str(i % 5))
    rambling = "<think>\n?\n</think>\nIt may be 0 or 1 or 2 or 3, perhaps 4, I do not know"

    def draw(problem, index):
        some = random.Random(f"{problem.id},{index}")
        words = rambling.split()
        some.shuffle(words)
        text = f"<think>\n{index}\n</think>\n{' '.join(words[3:12])} {problem.id}"
        return Drawn(**ANSWERLESS, text=text)

    assert findings_of(make_run(tmp_path, draw, problems=problems), "answer_not_extracted") == []


def test_a_gold_answer_that_the_problem_itself_names_is_not_looked_for(tmp_path):
    problems = [
        msgspec.structs.replace(p, statement=f"Reach {p.target}.") for p in problems_of("t", 40)
    ]
    run = make_run(tmp_path, in_the_tail(0.5), problems=problems)
    assert findings_of(run, "answer_not_extracted") == []


@pytest.mark.parametrize(
    ("said", "answer"),
    [("\\boxed{ 1,003 }", "1,003"), ("The answer is $1003$.", "The answer is $1003$.")],
)
def test_an_answer_that_is_the_gold_one_but_was_graded_wrong_is_found(tmp_path, said, answer):
    def draw(problem, index):
        drawn = honest(problem, index)
        if problem.id != "p003":
            return drawn
        text = f"<think>\n{index}\n</think>\n{said}"
        return replace(drawn, text=text, answer=answer, verdict=Verdict.INCORRECT, reason="wrong")

    found = only(make_run(tmp_path, draw), "answer_not_extracted")
    assert found.evidence["missed"] == 8
    assert found.evidence["pass_at_1_could_rise_by"] == pytest.approx(1 / 24)
    assert found.severity is Severity.WARNING
    assert found.evidence["examples"][0] == "t/p003#0"


def copies(of, n_tokens=300):
    """Return a draw in which index i repeats the text of index ``of(i)``."""

    def draw(problem, index):
        return long(honest(problem, of(index)), n_tokens)

    return draw


@pytest.mark.parametrize(
    ("n_tokens", "severity"), [(5, "note"), (100, "warning"), (300, "invalid")]
)
def test_all_completions_alike_weigh_by_their_length(tmp_path, n_tokens, severity):
    found = only(make_run(tmp_path, copies(lambda i: 0, n_tokens)), "duplicates")
    assert found.severity == severity
    assert found.evidence["problems_alike"] == 24


def test_all_completions_alike_at_a_temperature_near_zero_are_to_be_expected(tmp_path):
    cold = sampled(SAMPLING, temperature=0.01)
    assert findings_of(make_run(tmp_path, copies(lambda i: 0), sampling=cold)) == []


@pytest.mark.parametrize(
    ("of", "copied", "severity"),
    [
        (lambda i: 0 if i == 5 else i, 1, "warning"),
        (lambda i: i % 4, 4, "invalid"),
        (lambda i: i // 2, 4, "invalid"),
        (lambda i: i % 2, 6, "invalid"),
    ],
    ids=["one pair", "period", "neighbours", "short period"],
)
def test_seeds_that_were_used_again_are_caught(tmp_path, of, copied, severity):
    found = only(make_run(tmp_path, copies(of), count=20), "duplicates")
    assert found.severity == severity
    assert found.evidence["copies"] == copied
    assert found.evidence["problems"] == 20


def test_greedy_decoding_with_several_completions_is_invalid(tmp_path):
    for name, sampling in {
        "cold": SamplingSpec(temperature=0, max_tokens=1000),
        "top": SamplingSpec(temperature=1, top_k=1, max_tokens=1000),
    }.items():
        found = only(make_run(tmp_path / name, copies(lambda i: 0), sampling=sampling), GREEDY)
        assert found.severity is Severity.INVALID


GREEDY = "greedy_repeated"


def test_greedy_decoding_with_one_completion_is_in_order(tmp_path):
    assert findings_of(make_run(tmp_path, n=1, sampling=sampled(SAMPLING, temperature=0))) == []


R1 = "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
CARD = SamplingSpec(**presets.preset_named("r1-distill").sampling)


def test_a_system_prompt_that_the_card_forbids_is_told(tmp_path):
    run = make_run(tmp_path, model=R1, sampling=CARD, system_prompts=("t",))
    found = only(run, "system_prompt")
    assert found.severity is Severity.WARNING
    assert found.source.startswith("https://huggingface.co/deepseek-ai/")
    assert found.evidence["tasks"] == ["t"]


def test_a_system_prompt_is_anybodys_own_choice_elsewhere(tmp_path):
    assert findings_of(make_run(tmp_path, system_prompts=("t",), system_prompt="Be brief.")) == []


def test_a_system_prompt_that_the_card_asks_for_is_missed(tmp_path):
    phi = SamplingSpec(**presets.preset_named("phi-4-reasoning").sampling)
    model = "microsoft/Phi-4-reasoning"
    found = only(make_run(tmp_path / "a", model=model, sampling=phi), "system_prompt")
    assert found.severity is Severity.NOTE
    assert not findings_of(
        make_run(tmp_path / "b", model=model, sampling=phi, system_prompts=("t",))
    )


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ({"temperature": 1.0}, "note"),
        ({"max_tokens": 30_000}, "note"),
        ({"max_tokens": 4_000}, "warning"),
        ({"temperature": 0.0}, "warning"),
    ],
)
def test_sampling_that_is_not_the_cards_is_told(tmp_path, fields, severity):
    run = make_run(tmp_path, model=R1, sampling=sampled(CARD, **fields), n=1)
    found = only(run, "sampling_differs_from_preset")
    assert found.severity == severity
    assert list(found.evidence["differing"]) == list(fields)


def test_the_cards_own_sampling_and_a_larger_limit_are_in_order(tmp_path):
    longer = sampled(CARD, max_tokens=100_000)
    for name, sampling in {"card": CARD, "longer": longer}.items():
        assert findings_of(make_run(tmp_path / name, model=R1, sampling=sampling)) == []


def test_parameters_that_could_not_be_sent_are_told(tmp_path):
    engine = sampled(ENGINE, settings={"not_sent": ["top_k", "repetition_penalty"]})
    found = only(make_run(tmp_path / "a", engine=engine), "parameters_not_sent")
    assert found.severity is Severity.WARNING
    assert found.evidence["asked_for"] == {"top_k": 0, "repetition_penalty": 1.0}
    nothing = sampled(ENGINE, settings={"not_sent": []})
    assert findings_of(make_run(tmp_path / "b", engine=nothing)) == []


def test_completions_that_ended_before_the_limit_for_their_length_are_told(tmp_path):
    early = {**CUT, "n_tokens": 700}
    run = make_run(tmp_path, sometimes(0.03, **early))
    (found,) = findings_of(run, "context_cut")
    assert found.severity is Severity.WARNING
    assert 0 < found.evidence["ended_early"] < 20
    full = make_run(tmp_path / "full", sometimes(0.03, **CUT), context_length=1005)
    assert findings_of(full, "context_cut") == []


def test_prompts_that_leave_no_room_for_the_limit_are_told(tmp_path):
    found = only(make_run(tmp_path, context_length=1004), "context_cut")
    assert (found.severity, found.evidence["without_room"]) == (Severity.NOTE, 24 * 8)


def test_completions_of_another_engine_are_invalid(tmp_path):
    found = only(make_run(tmp_path, sometimes(0.02, engine="other")), "mixed_engines")
    assert found.severity is Severity.INVALID
    assert set(found.evidence["completions_by_engine"]) == {"other"}


def session(command="run", **versions):
    return lambda plan: Session(
        plan=plan,
        command=("reasonbench", command),
        versions={"python": "3", **versions},
        platform="p",
        pid=1,
        started=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_sessions_with_another_library_are_a_note(tmp_path):
    sessions = (session(torch="2.12"), session(torch="2.13"))
    found = only(make_run(tmp_path, sessions=sessions), "mixed_engines")
    assert (found.severity, found.task) == (Severity.NOTE, None)
    assert found.evidence["versions"] == {"torch": ["2.12", "2.13"]}


def test_sessions_that_drew_with_another_engine_are_not_this_plans(tmp_path):
    make_run(tmp_path, sessions=(session(torch="2.12"),))
    other = sampled(ENGINE, versions={"fake": "2"})
    assert findings_of(make_run(tmp_path, engine=other, sessions=(session(torch="2.13"),))) == []


def test_sessions_that_only_graded_may_have_any_library(tmp_path):
    sessions = (session(torch="2.12"), session("regrade", torch="2.13"))
    assert findings_of(make_run(tmp_path, sessions=sessions)) == []


def later_is_worse(problem, index):
    right = random.Random(f"{problem.id}-{index}").random() < (0.8 if index < 8 else 0.4)
    verdict = Verdict.CORRECT if right else Verdict.INCORRECT
    return replace(honest(problem, index), verdict=verdict, answer="x", text=f"\\boxed{{x{index}}}")


def test_a_success_that_depends_on_the_index_is_told(tmp_path):
    found = only(make_run(tmp_path, later_is_worse, n=16, count=40), "depends_on_n")
    assert found.severity is Severity.INVALID
    assert found.evidence["first_half"] > found.evidence["second_half"] + 0.2
    assert found.evidence["p_value"] < 1e-4


def test_a_success_that_depends_on_the_index_needs_20_problems(tmp_path):
    assert findings_of(make_run(tmp_path, later_is_worse, n=16, count=15)) == []


def test_the_gravest_findings_come_first(tmp_path):
    def draw(problem, index):
        return sometimes(0.1, **CUT)(problem, index)

    found = findings_of(
        make_run(
            tmp_path,
            lambda p, i: replace(draw(p, i), exists=i < 4),
            model=R1,
            sampling=sampled(CARD, max_tokens=1000, temperature=0.5),
            context_length=900,
        )
    )
    order = [Severity.INVALID, Severity.WARNING, Severity.NOTE]
    ranks = [order.index(f.severity) for f in found]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == 3


def test_findings_can_be_written_as_json_whatever_the_names(tmp_path):
    strange = "\ud800 \u202e\n| `x` " + "y" * 5000
    problems = [msgspec.structs.replace(p, id=strange + p.id) for p in problems_of("t", 24)]
    (found,) = findings_of(make_run(tmp_path, sometimes(0.6, **CUT), problems=problems))
    assert len(msgspec.json.encode(found)) < 3000
