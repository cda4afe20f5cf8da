"""GRPO's reward is what the tasks' graders say."""

import pytest
import tiny_training as tiny

from reasonbench.errors import SpecError, UnknownNameError
from reasonbench.records import Problem
from reasonbench.specs import Loss, ObjectiveSpec, Prefix
from reasonbench.training.rewards import UNJUDGED, GraderReward
from reasonbench.training.rows import TraceRow

END = 484
OBJECTIVE = ObjectiveSpec(prefix=Prefix.STUDENT, loss=Loss.REWARD, group_size=2, max_new_tokens=8)


def row(problem, name="row"):
    return TraceRow(id=name, messages=tiny.rows()[0].messages, completion="", problem=problem)


@pytest.fixture(scope="module")
def reward():
    easy = tiny.countdown()
    other = Problem(
        task="countdown_train",
        id="other",
        statement="",
        metadata={
            "numbers": [10, 11, 12],
            "target": 33,
            "ops": ["+", "-", "*"],
        },
    )
    found = GraderReward([row(easy), row(other)], tiny.tokenizer(), [END])
    yield found
    found.close()


def ids(text, *, ended=True):
    return tiny.tokenizer()(text, add_special_tokens=False)["input_ids"] + [END] * ended


def test_right_answers_to_one_s_own_problem_are_rewarded(reward):
    completions = [
        ids("<think>\n</think>\n\\boxed{3*(1+2)}"),
        ids("<think>\n</think>\n\\boxed{3*(1+2)}"),
        ids("<think>\n</think>\n\\boxed{10+11+12}"),
        ids("<think>\n</think>\n\\boxed{1+2+3}"),
        ids("<think>\n1 + 2"),
        ids("<think>\n1 + 2", ended=False),
        ids(""),
        [],
    ]
    metrics = {}
    found = reward(
        prompts=[], completions=[], completion_ids=completions, row=[0, 1, 1, 0, 0, 0, 0, 0],
        log_metric=metrics.__setitem__,
    )  # fmt: skip
    assert found == [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert metrics == {UNJUDGED: 0.0}


def test_what_the_grader_cannot_judge_has_no_reward():
    broken = Problem(task="countdown_train", id="broken", statement="")
    reward = GraderReward([row(broken)], tiny.tokenizer(), [END])
    metrics = {}
    try:
        found = reward(
            completion_ids=[ids("<think>\n</think>\n\\boxed{1+2}")],
            row=[0],
            log_metric=metrics.__setitem__,
        )
    finally:
        reward.close()
    assert found == [None]
    assert metrics == {UNJUDGED: 1.0}


def test_a_closed_reward_starts_anew(reward):
    completion = ids("<think>\n</think>\n\\boxed{3*(1+2)}")
    reward.close()
    assert reward(completion_ids=[completion], row=[0]) == [1.0]


def test_a_row_without_its_problem_is_refused_by_name():
    with pytest.raises(SpecError, match="the problem of every row, and bank/7 has none"):
        GraderReward([row(tiny.countdown()), row(None, "bank/7")], tiny.tokenizer(), [END])


def test_a_task_that_is_not_here_is_refused():
    with pytest.raises(UnknownNameError, match="no_such_task"):
        GraderReward(
            [row(Problem(task="no_such_task", id="a", statement=""))], tiny.tokenizer(), [END]
        )


def test_grpo_is_rewarded_by_the_grader_and_ends_its_processes():
    traces = [row(tiny.countdown((1, 2, 3), target), f"row/{target}") for target in (6, 9)]
    asked = tiny.spec(OBJECTIVE, batch_size=4, teacher=False)
    trainer = tiny.trainer_of(asked, traces=traces)
    reward, calls = trainer.reward_funcs[0], []
    right = ids("<think>\n</think>\n\\boxed{3*(1+2)}")

    def prompted(**told):
        calls.append(told["row"])
        return reward(**{**told, "completion_ids": [right] * len(told["row"])})

    trainer.reward_funcs[0] = prompted
    seen = tiny.Seen()
    trainer.add_callback(seen)
    trainer.train()
    # One prompt, two problems: the first row's problem stands for it.
    assert calls == [[0, 0, 0, 0]]
    assert seen.logs[0]["reward"] == 0.0
    assert not reward._pools
