"""What the tests of the ``openai_server`` engine share."""

from hostile_server import MODEL, expected
from reasonbench_fakes import Sums

from reasonbench.identity import base_seed
from reasonbench.records import FinishReason, Message, Prompt, SampleRequest
from reasonbench.specs import EngineSpec, ModelSpec, RunSpec, SamplingSpec
from reasonbench.store import Store

KEY = "sk-secret-0123456789abcdef/+'x"
SAMPLING = SamplingSpec(max_tokens=60)
FAST = {"backoff": 0.001, "max_wait": 0.02, "tries": 3}


def prompt(problem="p", content="Add 1 and 2.", **fields):
    messages = (Message(role="user", content=content),)
    return Prompt(problem_id=problem, task="t", **({"messages": messages} | fields))


def requests(n, *, base=0, **fields):
    asked = prompt(**fields)
    return [
        SampleRequest(
            key=f"{asked.problem_id}-{base + i}", prompt=asked, sample_index=i, seed=base + i
        )
        for i in range(n)
    ]


def draw(engine, asked, sampling=SAMPLING):
    found = {outcome.key: outcome for outcome in engine.sample(iter(asked), sampling)}
    assert found.keys() == {request.key for request in asked}
    return [found[request.key] for request in asked]


def run_spec(server, n=4, **args):
    return RunSpec(
        model=ModelSpec(id=MODEL),
        tasks=("sums:5",),
        n=n,
        engine=EngineSpec(
            name="openai_server",
            args={"base_url": server.url, "deployment": "one", **FAST, **args},
        ),
        sampling=SAMPLING,
    )


def stored(directory):
    """Return the stored texts; each must be what an honest server draws for its seed."""
    task = Sums("5")
    texts = {}
    with Store.read(directory) as store:
        for problem, completion in store.completions(store.latest_plan().digest()):
            content = task.prompt(problem).messages[0].content
            text, n_tokens = expected(content, completion.seed)
            assert completion.text == text
            assert completion.finish_reason is FinishReason.STOP
            assert completion.n_tokens == n_tokens
            texts[problem.id, completion.sample_index] = text
    return texts


def failures(directory):
    with Store.read(directory) as store:
        return store.failures(store.latest_plan().digest())


def expected_seeds(*, index):
    return {base_seed(SAMPLING.seed, "sums", f"{i:03d}") + index for i in range(5)}
