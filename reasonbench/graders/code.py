"""Whether a program passes the tests of its problem; it runs in ``reasonbench.sandbox``.

Extraction (``code_extraction``), the tests (``code_tests``), running them (``code_runs``) and
comparing (``code_compare``).  ``Grade.layer`` is the sandbox's backend, ``extraction`` or
``tests``; ``Grade.detail`` names the test that decided, what differed, and the cost.
``Grade.reason`` is one of

``ok``; ``wrong``; ``no_answer`` and ``truncated`` (see ``judging``);
``compile_error``, ``runtime_error``, ``timeout``, ``memory``, ``output_limit``
    what became of the program; ``timeout`` is judged by CPU time, or of a sleeper by the clock.
``security_violation``
    it did what only an attack does.
``too_big``
    more code than is ever run.
``infrastructure``, ``timeout_unconfirmed``
    no verdict: the sandbox failed, again when it was tried anew; or the machine was too busy to
    tell a sleeper from a program that had no processor.
``gold_unparsed``
    no verdict: there are no tests, or they cannot be run.

The environment variable ``REASONBENCH_SANDBOX`` names a backend (``unsafe_local`` among them);
without it the best that holds is taken.  Any but the default stands in the identity, so that
grades of two backends are never taken for one grader's.  So does the Python that runs the code.

Not covered: other languages, programs of several files, interactive problems.
"""

import os
import sys
import weakref

from reasonbench.graders import judging
from reasonbench.graders.code_extraction import VERSION, begins_indented, extract_code
from reasonbench.graders.code_runs import UNGRADED, Judged, run_tests
from reasonbench.graders.code_tests import CodeTests, UnusableTestsError, as_sentence, load_tests
from reasonbench.graders.extraction import VERSION as THINKING_VERSION
from reasonbench.records import Completion, FinishReason, Grade, Problem
from reasonbench.sandbox import SandboxPool
from reasonbench.sandbox.program import MAX_CODE_BYTES

RULES = "rules-2"
"""Part of the identity; raised whenever any program may be judged differently."""
DEFAULT_BACKEND = "zygote"
VARIABLE = "REASONBENCH_SANDBOX"
DETAIL_LIMIT = 300
MAX_PROGRAM_BYTES = MAX_CODE_BYTES // 8
"""Of the extracted code; what the tests put before it comes on top."""


class CodeGrader:
    """Runs programs in a sandbox and compares what they do.

    Args:
        pool: a sandbox to share; by default one worker of its own, started with the first
            program and ended with this object or its process.
    """

    isolated = True
    """Completions run in processes of their own, with limits of their own: a worker that dies or
    hangs is the machine's fault, never the completion's."""
    seconds = 3600.0
    """A hang guard; the tests' own limits end a completion long before."""

    def __init__(self, pool: SandboxPool | None = None) -> None:
        used = pool or SandboxPool(workers=1, backend=os.environ.get(VARIABLE) or "auto")
        self._pool = used
        self._closing = None if pool is not None else weakref.finalize(self, used.close)
        self.identity = identity_of(used.backend)

    def grade(self, problem: Problem, completion: Completion) -> Grade:
        """Judge one completion."""
        if (withheld := judging.filtered(completion, self.identity)) is not None:
            return withheld
        try:
            tests = load_tests(problem)
            return self._graded(tests, completion)
        except UnusableTestsError as error:
            said = as_sentence(error)[:DETAIL_LIMIT]
            return judging.ungraded(
                completion, self.identity, judging.GOLD_UNPARSED, None, said, layer="tests"
            )

    def _graded(self, tests: CodeTests, completion: Completion) -> Grade:
        found = extract_code(
            completion.text,
            prefilled=completion.thinking_prefilled,
            truncated=completion.finish_reason is FinishReason.LENGTH,
            entry_point=tests.entry_point,
            prefix=tests.prefix,
        )
        if found.code is None:
            return judging.without_answer(completion, self.identity, found.state)
        size = len(found.code.encode("utf-8", "surrogatepass"))
        if size > MAX_PROGRAM_BYTES:
            said = f"{size} bytes of code, above the limit of {MAX_PROGRAM_BYTES}"
            return judging.incorrect(
                completion, self.identity, "too_big", found.code, said, layer="extraction"
            )
        judged = run_tests(self._pool, tests, found.code, continues=found.continues)
        return self._grade_of(judged, completion, found.code)

    def _grade_of(self, judged: Judged, completion: Completion, code: str) -> Grade:
        detail, layer = judged.detail[:DETAIL_LIMIT], judged.backend
        if judged.reason == "ok":
            return judging.correct(completion, self.identity, code, detail, layer=layer)
        make = judging.ungraded if judged.reason in UNGRADED else judging.incorrect
        return make(completion, self.identity, judged.reason, code, detail, layer=layer)

    def close(self) -> None:
        """End the sandbox, unless it was the caller's."""
        if self._closing is not None:
            self._closing()

    def check_gold(self, problem: Problem) -> str | None:
        """Return in one sentence why a problem's tests cannot be graded against, or None.

        They must be as ``code_tests`` says, and the problem's own ``reference`` must pass them,
        where it has one.
        """
        try:
            tests = load_tests(problem)
            return self._check_reference(tests)
        except UnusableTestsError as error:
            return as_sentence(error)

    def _check_reference(self, tests: CodeTests) -> str | None:
        if not tests.reference:
            return None
        continues = begins_indented(tests.reference, tests.prefix)
        judged = run_tests(self._pool, tests, tests.reference, continues=continues)
        if judged.reason == "ok":
            return None
        return f"the tests' own reference does not pass: {judged.reason}, {judged.detail}"


def identity_of(backend: str) -> str:
    """Return the grader's identity on a backend."""
    python = f"python-{sys.version_info[0]}.{sys.version_info[1]}"
    name = f"code/1+{RULES}+{python}+{VERSION}+{THINKING_VERSION}"
    return name if backend == DEFAULT_BACKEND else f"{name}+sandbox-{backend}"


def check_reference(problem: Problem) -> str | None:
    """Return why a problem's tests fail their own reference, or None; in a sandbox of its own."""
    grader = CodeGrader()
    try:
        return grader.check_gold(problem)
    finally:
        grader.close()
