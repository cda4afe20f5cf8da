"""A policy applied to an audit or a run: PASS, FAIL or INCONCLUSIVE, with the numbers.

``subject`` reads what is judged, ``metrics`` turns it into one number a problem, ``rules``
decides, ``sequential`` samples in rounds, ``lock`` keeps the bar where it was; ``outputs`` write
for CI systems.
"""

from reasonbench.gate.rules import judge
from reasonbench.gate.subject import Subject, load_subject

__all__ = ["Subject", "judge", "load_subject"]
