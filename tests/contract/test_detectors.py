"""Detectors on the model's side: each sees what it says, and says what it lacks."""

import datetime
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench import plugins
from reasonbench.detectors import completion, measures, regurgitation, variants
from reasonbench.detectors.runs import SEED, Place, longest_runs
from reasonbench.fresh.families import countdown
from reasonbench.protocols import Asked, Evidence, ModelDetector
from reasonbench.records import (
    Completion,
    Counts,
    FinishReason,
    Message,
    Problem,
    Prompt,
)
from reasonbench.results import FindingStatus, Role
from reasonbench.specs import Cutoff, CutoffKind, TaskSpec
from reasonbench.summary import estimate_pass_at_k

NAMES = ("regurgitation", "cutoff", "perturbation", "completion")
WORDS = [f"word{letter}" for letter in "abcdefghijklmnop"]
CUTOFF = Cutoff(date=datetime.date(2025, 6, 30), kind=CutoffKind.CLAIMED, source="card")


class Table:
    """A task made of problems."""

    def __init__(self, name, problems, published=None):
        self.spec = TaskSpec(name=name, grader="exact", published=published)
        self._problems = problems

    def problems(self):
        return self._problems

    def prompt(self, problem):
        text = f"Solve this.\n{problem.statement}"
        return Prompt(
            problem_id=problem.id,
            task=problem.task,
            messages=(Message(role="user", content=text),),
        )


class Model:
    """A model of which everything is written down beforehand."""

    def __init__(self, model="student", *, counts=None, texts=None, go_on=None, solve=None):
        self.model = model
        self._counts, self._texts = counts or {}, texts or {}
        self._go_on, self._solve = go_on, solve
        self.drawn = []

    def counts(self, task):
        return [
            Counts(problem_id=p, n=n, c=c, c_if_truncated_right=c)
            for p, (n, c) in self._counts[task].items()
        ]

    def completions(self, task):
        for problem, texts in self._texts[task].items():
            for i, text in enumerate(texts):
                yield (
                    Problem(task=task, id=problem, statement="?"),
                    Completion(
                        key=f"{task}{problem}{i}",
                        task=task,
                        problem_id=problem,
                        sample_index=i,
                        text=text,
                        finish_reason=FinishReason.STOP,
                        n_prompt_tokens=1,
                        n_tokens=1,
                        seed=0,
                        engine="e",
                    ),
                )

    def draw(self, name, tasks, *, greedy_tokens=None):
        self.drawn.append((name, [t.spec.name for t in tasks], greedy_tokens))
        texts, counts = {}, {}
        for task in tasks:
            asked = list(task.problems())
            if self._go_on is not None:
                texts[task.spec.name] = {p.id: [self._go_on(task.prompt(p).text, p)] for p in asked}
            if self._solve is not None:
                counts[task.spec.name] = {p.id: (4, self._solve(p)) for p in asked}
        return Model(self.model, counts=counts, texts=texts)


def asked(name, role, problems, published=None):
    return Asked(Table(name, problems, published), role, tuple(problems))


def evidence(tasks, model, *, reference=None, traces=(), leaked=(), cutoff=None):
    return Evidence(
        tasks=tuple(tasks),
        model=model,
        reference=reference,
        traces=tuple(traces),
        leaked=set(leaked),
        cutoff=cutoff,
        level=0.95,
    )


def plain(name, count, offset=0, **more):
    """Return problems of enough words to be parted, each with words of its own."""
    return [
        Problem(
            task=name,
            id=f"{i}",
            statement=f"In town {i} there are {3 * i} shops and each of them sells {i + 7} lamps "
            f"a day; how many lamps are sold in {i % 5 + 2} weeks in all?",
            **more,
        )
        for i in range(offset, offset + count)
    ]


def examine(name, given):
    (check,) = plugins.DETECTORS.load(name).examine(given)
    return check


# --- every detector ----------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_detector_that_lacks_what_it_needs_says_what_in_one_sentence(name):
    two = [Problem(task="t", id="1", statement="Too few words."), *plain("t", 1, offset=2)]
    silent = Model(counts={"t": {"1": (2, 1)}}, texts={"t": {}})
    check = examine(name, evidence([asked("t", Role.PUBLIC, two[:1])], silent))
    assert check.status is FindingStatus.NOT_CHECKED
    assert check.value is None
    assert check.sentence.startswith(f"{name} did not check t: ")
    assert check.sentence.count(". ") == 0 and check.sentence.endswith(".")
    assert check.cannot_show


@pytest.mark.parametrize("name", NAMES)
def test_a_registered_detector_on_the_models_side_is_one(name):
    detector = plugins.DETECTORS.load(name)
    assert isinstance(detector, ModelDetector)
    assert detector.identity.startswith(f"{name}/")


# --- longest common runs -----------------------------------------------------------------


def brute_force(text, documents):
    words = text.split()
    grams = {tuple(d.split()[i:j]) for d in documents for i, j in spans(len(d.split()))}
    longest = max((j - i for i, j in spans(len(words)) if tuple(words[i:j]) in grams), default=0)
    return longest if longest >= SEED else 0


def spans(n):
    return [(i, j) for i in range(n) for j in range(i + SEED, n + 1)]


short = st.lists(st.sampled_from(["a", "b"]), max_size=40).map(" ".join)
varied = st.lists(st.sampled_from(WORDS[:4]), max_size=60).map(" ".join)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(short, varied), max_size=4),
    st.lists(st.one_of(short, varied), max_size=5),
)
def test_the_longest_run_is_the_one_that_comparing_everything_finds(texts, documents):
    placed = [(Place("d", i), document) for i, document in enumerate(documents)]
    runs = longest_runs(texts, placed)
    assert [run.words for run in runs] == [brute_force(text, documents) for text in texts]
    for run, text in zip(runs, texts, strict=True):
        assert run.of == len(text.split())
        if run.words:
            assert run.text in text
            assert run.text in documents[run.place.row]


def test_symbols_part_runs_and_case_does_not():
    trace = "3 + 7 = 10, Then 10 * 11 = 110 is the Target we want"
    (same, other) = longest_runs([trace.upper(), trace.replace("*", "-")], [(Place("d", 4), trace)])
    assert (same.words, same.of) == (12, 12)
    assert same.place == Place("d", 4)
    assert other.words < 12


def test_a_text_of_one_repeated_word_takes_no_quadratic_time():
    runs = longest_runs(["x " * 30_000], [(Place("d", 0), "x " * 20_000)])
    assert runs[0].words == 20_000


# --- regurgitation -----------------------------------------------------------------------


def story(i, n=60):
    """Return n words that no other story holds in this order."""
    return " ".join(f"{WORDS[(i + j) % 16]}{i * 1000 + j}" for j in range(n))


def traces_of(tmp_path, numbers):
    path = tmp_path / "traces.jsonl"
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Tell me the story {i}. {story(500 + i)}"},
                {"role": "assistant", "content": f"<think>{story(i)}</think>"},
            ]
        }
        for i in numbers
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_student_that_replays_traces_is_found_and_its_base_is_not(tmp_path):
    traces = traces_of(tmp_path, range(30))
    replayed = {f"{i}": [f"Well. {story(i)}", story(900 + i)] for i in range(12)}
    honest = {f"{i}": [story(700 + i), story(800 + i)] for i in range(12, 24)}
    held = {f"{i}": [story(600 + i)] for i in range(24)}
    student = Model(texts={"t": replayed | honest, "h": held})
    base = Model("base", texts={"t": {f"{i}": [story(400 + i)] for i in range(24)}})
    given = evidence(
        [asked("t", Role.PUBLIC, plain("t", 24)), asked("h", Role.HELDOUT, plain("h", 24))],
        student,
        reference=base,
        traces=[traces],
        leaked={("t", f"{i}") for i in range(12)},
    )
    check = examine("regurgitation", given)
    assert check.status is FindingStatus.SUSPECT
    assert check.value.value == pytest.approx(12 / 48)
    assert check.value.interval.low < 0.25 < check.value.interval.high
    found, held_out, reference = check.contrasts
    assert (found.first.value, found.second.value) == (0.5, 0.0)
    assert found.interval.low > 0 and held_out.interval.low > 0
    assert (reference.second.what, reference.second.value) == ("base", 0.0)
    assert (found.decides, held_out.decides, reference.decides) == (True, True, False)
    sign = check.signs[0]
    assert sign.place == (str(traces), int(sign.problem_id))
    assert sign.text == story(int(sign.problem_id))


def test_a_student_that_writes_its_own_words_is_not_found(tmp_path):
    own = {f"{i}": [story(100 + i)] for i in range(20)}
    given = evidence(
        [asked("t", Role.PUBLIC, plain("t", 20)), asked("h", Role.HELDOUT, plain("h", 20))],
        Model(texts={"t": own, "h": own}),
        traces=[traces_of(tmp_path, range(30))],
    )
    check = examine("regurgitation", given)
    assert check.status is FindingStatus.CLEAN
    assert check.value.value == 0
    assert check.signs == ()


def test_what_the_teacher_was_asked_is_no_trace_to_replay(tmp_path):
    restated = {f"{i}": [story(500 + i)] for i in range(20)}
    given = evidence(
        [asked("t", Role.PUBLIC, plain("t", 20))],
        Model(texts={"t": restated}),
        traces=[traces_of(tmp_path, range(30))],
    )
    assert examine("regurgitation", given).value.value == 0


def test_a_replay_with_nothing_to_hold_it_against_decides_nothing(tmp_path):
    given = evidence(
        [asked("t", Role.PUBLIC, plain("t", 20))],
        Model(texts={"t": {f"{i}": [story(i)] for i in range(20)}}),
        traces=[traces_of(tmp_path, range(30))],
    )
    check = examine("regurgitation", given)
    assert check.status is FindingStatus.NOT_CHECKED
    assert check.value.value == 1.0
    assert "give --heldout or --reference" in check.sentence


def test_completions_are_compared_in_groups_with_the_same_result(tmp_path, monkeypatch):
    texts = {"t": {f"{i}": [story(i), story(300 + i)] for i in range(10)}}
    given = evidence(
        [asked("t", Role.PUBLIC, plain("t", 10))],
        Model(texts=texts),
        traces=[traces_of(tmp_path, range(5))],
    )
    whole = examine("regurgitation", given)
    monkeypatch.setattr(regurgitation, "GROUP", 500)
    assert examine("regurgitation", given) == whole
    assert whole.value.value == pytest.approx(5 / 20)


# --- cutoff ------------------------------------------------------------------------------


def dated(task, early, late):
    days = [datetime.date(2025, 1, 1)] * early + [datetime.date(2025, 9, 1)] * late
    return [
        Problem(task=task, id=f"{i}", statement="?", published=day) for i, day in enumerate(days)
    ]


def scores(early, late, right_early, right_late):
    rights = [right_early] * early + [right_late] * late
    return {f"{i}": (16, c) for i, c in enumerate(rights)}


def test_a_score_that_falls_at_the_cutoff_is_suspect_with_an_interval():
    model = Model(counts={"t": scores(40, 40, 13, 4)})
    base = Model("base", counts={"t": scores(40, 40, 5, 5)})
    given = evidence(
        [asked("t", Role.PUBLIC, dated("t", 40, 40))], model, reference=base, cutoff=CUTOFF
    )
    check = examine("cutoff", given)
    assert check.status is FindingStatus.SUSPECT
    assert check.value.value == pytest.approx(9 / 16)
    assert 0 < check.value.interval.low < 9 / 16 < check.value.interval.high
    assert check.contrasts[1].value == 0
    assert "2025-06-30 (claimed)" in check.sentence


def test_a_score_that_holds_beyond_the_cutoff_is_clean():
    model = Model(counts={"t": scores(40, 40, 8, 8)})
    given = evidence([asked("t", Role.PUBLIC, dated("t", 40, 40))], model, cutoff=CUTOFF)
    check = examine("cutoff", given)
    assert check.status is FindingStatus.CLEAN
    assert check.value.interval.low < 0 < check.value.interval.high


def test_a_fall_between_two_benchmarks_is_told_and_decides_nothing():
    old, new = dated("t", 30, 0), dated("h", 0, 30)
    model = Model(counts={"t": scores(30, 0, 15, 0), "h": scores(0, 30, 0, 1)})
    given = evidence(
        [asked("t", Role.PUBLIC, old), asked("h", Role.HELDOUT, new)], model, cutoff=CUTOFF
    )
    check = examine("cutoff", given)
    assert check.status is FindingStatus.NOT_CHECKED
    assert check.value.value == pytest.approx(14 / 16)
    assert "two benchmarks" in check.sentence


@pytest.mark.parametrize(
    ("problems", "why"),
    [
        (dated("t", 0, 5), "all of its dated problems came after the cutoff of 2025-06-30"),
        (dated("t", 5, 0), "no problem, held-out ones included, came after the cutoff"),
        (plain("t", 5), "its problems have no dates"),
    ],
)
def test_a_cutoff_with_one_side_alone_says_which(problems, why):
    model = Model(counts={"t": {p.id: (4, 2) for p in problems}})
    check = examine("cutoff", evidence([asked("t", Role.PUBLIC, problems)], model, cutoff=CUTOFF))
    assert check.status is FindingStatus.NOT_CHECKED
    assert why in check.sentence


def test_dates_are_read_from_a_problems_metadata_and_from_its_task():
    days = ["2025-01-01T00:00:00", "2025-09-01", "soon", None]
    problems = [
        Problem(task="t", id=f"{i}", statement="?", metadata={"contest_date": day})
        for i, day in enumerate(days)
    ]
    model = Model(counts={"t": {f"{i}": (4, 4 - i) for i in range(4)}})
    task = asked("t", Role.PUBLIC, problems, published=datetime.date(2025, 8, 1))
    check = examine("cutoff", evidence([task], model, cutoff=CUTOFF))
    (contrast,) = check.contrasts
    assert (contrast.first.n, contrast.second.n) == (1, 3)


# --- perturbation ------------------------------------------------------------------------


def paired_sets(n=30):
    public = plain("t", n)
    heldout = [
        Problem(task="h", id=f"{p.id}.{i}", statement="?", metadata={"original_id": p.id})
        for p in public
        for i in range(2)
    ]
    return public, heldout


@pytest.mark.parametrize(
    ("variants_right", "status"), [(2, FindingStatus.SUSPECT), (12, FindingStatus.CLEAN)]
)
def test_items_are_held_against_the_variants_that_name_them(variants_right, status):
    public, heldout = paired_sets()
    model = Model(
        counts={
            "t": {p.id: (16, 12) for p in public},
            "h": {p.id: (16, variants_right) for p in heldout},
        }
    )
    given = evidence([asked("t", Role.PUBLIC, public), asked("h", Role.HELDOUT, heldout)], model)
    check = examine("perturbation", given)
    assert check.status is status
    assert check.value.value == pytest.approx((12 - variants_right) / 16)
    assert check.value.interval.low < check.value.value < check.value.interval.high
    assert check.value.n == 30
    assert model.drawn == []


def test_variants_may_share_a_cluster_with_their_item():
    public = [Problem(task="t", id=f"{i}", statement="?", cluster=f"c{i}") for i in range(9)]
    heldout = [Problem(task="h", id=f"v{i}", statement="?", cluster=f"c{i}") for i in range(5)]
    model = Model(
        counts={"t": {p.id: (4, 3) for p in public}, "h": {p.id: (4, 1) for p in heldout}}
    )
    given = evidence([asked("t", Role.PUBLIC, public), asked("h", Role.HELDOUT, heldout)], model)
    check = examine("perturbation", given)
    assert (check.value.n, check.value.value) == (5, pytest.approx(0.5))


def countdowns(name, seed, n=16, level=2, exclude=frozenset()):
    return [
        Problem(
            task=name,
            id=f"{name}{i}",
            statement=countdown.statement(c),
            metadata={
                "numbers": list(c.numbers),
                "target": c.target,
                "ops": c.ops,
                "level": c.level,
            },
        )
        for i, c in enumerate(countdown.generate(seed, level, n, exclude=exclude))
    ]


def test_a_model_that_knows_leaked_items_by_heart_falls_on_their_variants():
    public = countdowns("t", 1)
    taken = {(tuple(sorted(p.metadata["numbers"])), p.metadata["target"]) for p in public}
    heldout = countdowns("h", 2, exclude=taken)
    leaked = {("t", p.id) for p in public[:8]}
    counts = {
        "t": {p.id: (4, 4 if ("t", p.id) in leaked else 1) for p in public},
        "h": {p.id: (4, 1) for p in heldout},
    }
    student = Model(counts=counts, solve=lambda p: 1)
    base = Model(
        "base", counts={t: dict.fromkeys(c, (4, 1)) for t, c in counts.items()}, solve=lambda p: 1
    )
    given = evidence(
        [asked("t", Role.PUBLIC, public), asked("h", Role.HELDOUT, heldout)],
        student,
        reference=base,
        leaked=leaked,
    )
    check = examine("perturbation", given)
    assert check.status is FindingStatus.SUSPECT
    items, within, held, reference = check.contrasts
    assert items.value == pytest.approx(3 / 8)
    assert (within.first.value, within.second.value) == (pytest.approx(0.75), pytest.approx(0))
    assert within.interval.low > 0
    assert held.second.value == pytest.approx(0)
    assert reference.second.value == pytest.approx(0)
    ((name, tasks, greedy),) = student.drawn
    assert (name, tasks, greedy) == ("perturbation", ["t:renumbered", "h:renumbered"], None)


def test_minted_variants_are_new_as_hard_and_asked_as_their_items_are(tmp_path):
    public = countdowns("t", 1, n=12)
    task = asked("t", Role.PUBLIC, public)
    first = variants.variants_of(evidence([task], Model()), task)
    assert len(first.of) == 12
    known = {tuple(sorted(p.metadata["numbers"])): p for p in public}
    by_id = {p.id: p for p in public}
    minted = list(first.probe.problems())
    assert len({p.statement for p in minted}) == len(minted)
    for problem in minted:
        about = problem.metadata
        original = by_id[about["original_id"]].metadata
        assert known.get(tuple(sorted(about["numbers"]))) is None or (
            about["target"] != known[tuple(sorted(about["numbers"]))].metadata["target"]
        )
        paths = [
            len(countdown.solutions(m["numbers"], m["target"], m["ops"])) for m in (about, original)
        ]
        assert paths[0] == paths[1] > 0
        (message,) = first.probe.prompt(problem).messages
        assert message.content == f"Solve this.\n{problem.statement}"
    traces = tmp_path / "t.jsonl"
    traces.write_text(json.dumps({"text": minted[0].statement}) + "\n")
    again = variants.variants_of(evidence([task], Model(), traces=[traces]), task)
    assert again.n_in_traces == 1
    assert [p.id for p in again.probe.problems()] == [p.id for p in minted[1:]]


# --- completion --------------------------------------------------------------------------


def by_heart(problems):
    whole = [p.statement for p in problems]

    def go_on(text, problem):
        found = next((s for s in whole if s.startswith(text)), None)
        return " and so on" if found is None else found.removeprefix(text) + " Next."

    return go_on


def test_a_model_that_knows_the_benchmark_by_heart_completes_it():
    public, heldout = plain("t", 30), plain("h", 30, offset=100)
    student, base = Model(go_on=by_heart(public)), Model("base", go_on=by_heart([]))
    given = evidence(
        [asked("t", Role.PUBLIC, public), asked("h", Role.HELDOUT, heldout)],
        student,
        reference=base,
    )
    check = examine("completion", given)
    assert check.status is FindingStatus.SUSPECT
    assert check.value.value == 1.0
    held, reference = check.contrasts
    assert (held.second.value, reference.second.value) == (0.0, 0.0)
    assert held.interval.low > 0 and reference.interval.low > 0
    assert check.details["mean overlap with the rest"] == 1.0
    ((name, tasks, greedy),) = student.drawn
    assert (name, tasks) == ("completion", ["t:beginnings", "h:beginnings"])
    assert greedy >= 40


@pytest.mark.parametrize("knows", ["neither", "both"])
def test_a_model_that_completes_public_and_held_out_items_alike_is_clean(knows):
    public, heldout = plain("t", 30), plain("h", 30, offset=100)
    known = [*public, *heldout] if knows == "both" else []
    given = evidence(
        [asked("t", Role.PUBLIC, public), asked("h", Role.HELDOUT, heldout)],
        Model(go_on=by_heart(known)),
    )
    check = examine("completion", given)
    assert check.status is FindingStatus.CLEAN
    assert check.value.value == (1.0 if known else 0.0)


def test_only_the_beginning_is_sent_and_as_plain_text():
    seen = []

    def go_on(text, problem):
        seen.append((text, problem))
        return ""

    public = plain("t", 3)
    examine("completion", evidence([asked("t", Role.PUBLIC, public)], Model(go_on=go_on)))
    for (text, problem), whole in zip(seen, public, strict=True):
        assert problem.target is None
        assert problem.statement == text
        assert whole.statement.startswith(text)
        assert len(text.split()) == round(0.6 * len(whole.statement.split()))


@pytest.mark.parametrize(
    ("text", "exact", "overlap"),
    [
        ("  Lamps are\nsold in 4 weeks?", 1.0, 1.0),
        ("lamps are sold in 5 weeks?", 0.0, 6 / 7),
        ("lamps sold are in 4 weeks", 0.0, 5 / 7),
        ("", 0.0, 0.0),
    ],
)
def test_exact_is_every_word_and_symbol_and_overlap_is_a_share_of_the_rest(text, exact, overlap):
    judged = completion.judge(text, "lamps are sold in 4 weeks?")
    assert (judged.exact, judged.overlap) == (exact, pytest.approx(overlap))


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_an_item_is_parted_without_loss(statement):
    parted = completion.part(Problem(task="t", id="1", statement=statement))
    if len(statement.split()) >= 2 * completion.MIN_WORDS:
        assert parted is not None
    if parted is not None:
        assert statement.startswith(parted.beginning)
        assert parted.beginning.strip() and parted.rest


# --- what they share ---------------------------------------------------------------------


unit = st.floats(0, 1).map(lambda x: round(x, 3))
values = st.dictionaries(st.sampled_from(WORDS), unit, min_size=1)


@settings(max_examples=60, deadline=None)
@given(values, values)
def test_every_interval_holds_its_value_and_a_contrast_turns_its_sign(a, b):
    for contrast, back in (
        (
            measures.apart(("a", a), ("b", b), 0.9, decides=True),
            measures.apart(("b", b), ("a", a), 0.9, decides=True),
        ),
        (
            measures.paired(("a", a), ("b", b), 0.9, decides=True),
            measures.paired(("b", b), ("a", a), 0.9, decides=True),
        ),
    ):
        if contrast.value is None:
            assert not set(a) & set(b)
            continue
        assert contrast.interval.low <= contrast.value <= contrast.interval.high
        assert back.value == pytest.approx(-contrast.value, abs=1e-9)
        assert contrast.interval.low >= -1 and contrast.interval.high <= 1


@given(st.integers(1, 4), st.lists(st.integers(0, 8), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_pass_at_1_is_what_the_audit_scores_early_stopping_included(stop, misses):
    counts = []
    for i, missed in enumerate(misses):
        stopped = missed + stop <= 10
        n, c = (missed + stop, stop) if stopped else (10, 10 - missed)
        counts.append(Counts(problem_id=f"{i}", n=n, c=c, c_if_truncated_right=c, stopped=stopped))
    (estimate,) = estimate_pass_at_k(counts, (1,), n_max=10)
    found = measures.pass_at_1(counts)
    assert sum(found.values()) / len(found) == pytest.approx(estimate.value)
