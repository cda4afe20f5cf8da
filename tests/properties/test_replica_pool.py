"""Dealing requests to replicas that read ahead, end and die as they like."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbench.engines.rendering import Rendered, completion
from reasonbench.engines.replica_pool import BATCHES, Pool
from reasonbench.records import Message, Prompt, SampleRequest

PROMPTS = [
    Prompt(problem_id=str(i), task="t", messages=(Message(role="user", content=str(i)),))
    for i in range(40)
]


def requests(problems, n):
    return [
        SampleRequest(key=f"{p}-{i}", prompt=PROMPTS[p], sample_index=i, seed=1000 * p + i)
        for p in range(problems)
        for i in range(n)
    ]


def drawn(request):
    prompt = Rendered(text="", ids=(1,))
    return completion(request, prompt, text="", n_tokens=1, stopped=True, engine="e")


class Simulation:
    """Replicas that take turns at random; those that hold a fatal request die of it."""

    def __init__(self, asked, *, replicas, batch, fatal, seed, mortality=0.0):
        self.pool = Pool(iter(asked), batch)
        self.leases = [None] * replicas
        self.fatal, self.mortality, self.rng = fatal, mortality, random.Random(seed)
        self.completed, self.failed, self.deaths = [], [], 0
        self.batch = batch

    def run(self):
        for _ in range(100_000):
            index = self.rng.randrange(len(self.leases))
            if self.leases[index] is None:
                opened = self.pool.open(len(self.leases))
                if opened is not None:
                    self.leases[index] = opened[0]
                elif self.pool.empty and not any(self.leases):
                    return
            else:
                self.turn(index, self.leases[index])
            self.no_request_is_on_loan_twice()
        raise AssertionError("the simulation did not end")

    def turn(self, index, lease):
        doomed = 0.5 if any(key in self.fatal for key in lease.owed) else self.mortality
        if self.rng.random() < doomed:
            self.failed += [f.key for f in self.pool.lose(lease)]
            self.leases[index] = None
            self.deaths += 1
            return
        harmless = [r for r in lease.owed.values() if r.key not in self.fatal]
        for request in self.rng.sample(harmless, self.rng.randint(0, len(harmless))):
            self.pool.settle(lease, drawn(request))
            self.completed.append(request.key)
        if not lease.closed:
            self.pool.extend(lease, self.rng.randint(1, self.batch), len(self.leases))
        elif not lease.owed:
            self.pool.finish(lease, ())
            self.leases[index] = None

    def no_request_is_on_loan_twice(self):
        loans = [key for lease in self.leases if lease is not None for key in lease.owed]
        assert len(loans) == len(set(loans))


@settings(max_examples=150, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 40), st.integers(1, 12)),
    replicas=st.integers(1, 5),
    batch=st.integers(1, 16),
    mortality=st.sampled_from([0.0, 0.0, 0.1]),
    seed=st.integers(0, 2**32),
)
def test_every_request_ends_once_whoever_dies(shape, replicas, batch, mortality, seed):
    asked = requests(*shape)
    n_fatal = seed % 4
    keys = [r.key for r in asked]
    fatal = set(random.Random(seed).sample(keys, min(n_fatal, len(keys))))
    simulation = Simulation(
        asked, replicas=replicas, batch=batch, fatal=fatal, seed=seed, mortality=mortality
    )
    simulation.run()
    assert sorted(simulation.completed + simulation.failed) == sorted(keys)
    assert fatal <= set(simulation.failed)
    if mortality == 0:
        assert set(simulation.failed) == fatal


def test_one_fatal_request_costs_two_deaths_and_one_a_halving():
    asked = requests(40, 8)
    simulation = Simulation(asked, replicas=2, batch=16, fatal={"20-3"}, seed=1)
    simulation.run()
    assert simulation.failed == ["20-3"]
    assert simulation.deaths <= 2 + (BATCHES * 16).bit_length()


def test_requests_are_read_only_so_far_ahead():
    read = []

    def source():
        for request in requests(40, 100):
            read.append(request)
            yield request

    pool = Pool(source(), 4)
    first = pool.open(2)[1]
    assert len(first) <= 4 + 4
    assert len(read) <= 2 * BATCHES * 4 + len(first) + 1


def test_little_work_is_shared_evenly_however_far_an_engine_reads_ahead():
    pool = Pool(requests(10, 10), 512)
    leases = [pool.open(4)[0] for _ in range(4)]
    for lease in leases:
        while not lease.closed:
            pool.extend(lease, 512, 4)
    assert [len(lease.owed) for lease in leases] == [25] * 4
    assert pool.empty


def test_requests_of_one_prompt_stay_together():
    pool = Pool(requests(40, 8), 10)
    lease, first = pool.open(2)
    more = pool.extend(lease, 3, 2)
    assert [len(first), len(more)] == [16, 8]
