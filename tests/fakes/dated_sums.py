"""Sums with dates: the first half of ``dated:N`` came out in 2024, the rest in 2026."""

import datetime

import msgspec
from reasonbench_fakes import Sums

EARLY, LATE = datetime.date(2024, 1, 1), datetime.date(2026, 1, 1)


class Dated(Sums):
    """Two families, even and odd; the last problem has no date where ``,undated,0`` follows N."""

    def problems(self):
        problems = list(super().problems())
        for i, problem in enumerate(problems):
            last = self.name == "undated" and i == len(problems) - 1
            yield msgspec.structs.replace(
                problem,
                published=None if last else EARLY if i < len(problems) / 2 else LATE,
                cluster=("even", "odd")[i % 2],
            )


class Aime24(Dated):
    """The same under the name of a benchmark that models were published with."""

    def __init__(self, argument=None):
        super().__init__("12,aime24,0")
