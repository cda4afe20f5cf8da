"""lm-eval's own verdict: a task's filters, then its ``process_results``.

The text after the thinking part is what lm-eval gets; an unclosed thought is no answer.
Which of several filters and metrics decides is said once, here, and in every grade's
detail: the filter that the task names under ``metadata.reasonbench.filter``, else
``flexible-extract`` where there is one, else the first; the metric likewise, else the
first that was measured.  1 is correct and 0 is not; a metric with values between
(BLEU, F1) gives no verdict.

``[invalid]`` is how lm-eval says that a filter found no answer.  A wrong text without a
filter, or without a box, that was cut off by the token limit is ``truncated``: what it
would have said is unknown.
"""

import importlib
import importlib.metadata
import numbers
from typing import Any

from reasonbench import lm_eval_tasks
from reasonbench.graders import judging
from reasonbench.graders.extraction import VERSION, ThinkingState, last_boxed, split_thinking
from reasonbench.records import Completion, FinishReason, Grade, Problem

INVALID = "[invalid]"
PREFERRED_FILTER = "flexible-extract"


class LmEvalGrader:
    """Judges as ``lm_eval run`` of the same task would."""

    def __init__(self) -> None:
        version = importlib.metadata.version("lm-eval")
        self.identity = f"lm_eval/1+lm-eval-{version}+{VERSION}"
        # Loaded now, so that no completion's time limit pays for it.
        importlib.import_module("lm_eval.tasks")
        self._tasks: dict[str, Any] = {}

    def grade(self, problem: Problem, completion: Completion) -> Grade:
        """Judge one completion; ``problem.metadata`` holds the document and its task."""
        if (withheld := judging.filtered(completion, self.identity)) is not None:
            return withheld
        thinking = split_thinking(completion.text, completion.thinking_prefilled)
        text = thinking.answer_text
        if thinking.state is ThinkingState.UNCLOSED or not text.strip():
            return judging.without_answer(completion, self.identity, thinking.state)
        if thinking.state is not ThinkingState.NONE:
            text = text.lstrip()
        about = problem.metadata["lm_eval"]
        doc = {key: value for key, value in problem.metadata.items() if key != "lm_eval"}
        task = self._task(about, doc)
        name, answer = self._filtered(task, about, doc, text)
        if answer == INVALID:
            return judging.without_answer(completion, self.identity, thinking.state)
        metric, value = self._measured(task, about, task.process_results(doc, [answer]))
        shown = answer if isinstance(answer, str) else repr(answer)
        detail = f"{metric},{name} = {value:g}"
        if value == 1:
            return judging.correct(completion, self.identity, shown, detail)
        if value != 0:
            return judging.ungraded(completion, self.identity, "not_binary", shown, detail)
        cut_off = completion.finish_reason is FinishReason.LENGTH
        reason = "truncated" if cut_off and last_boxed(text, truncated=True) is None else "wrong"
        return judging.incorrect(completion, self.identity, reason, shown, detail)

    def _task(self, about: dict[str, Any], doc: dict[str, Any]) -> Any:
        reference = about["task"]
        if reference not in self._tasks:
            path = lm_eval_tasks.yaml_of(reference)
            self._tasks[reference] = lm_eval_tasks.build_for_grading(
                path, doc, about["multiple_target"]
            )
        return self._tasks[reference]

    def _filtered(
        self, task: Any, about: dict[str, Any], doc: dict[str, Any], text: str
    ) -> tuple[str, Any]:
        """Return the name of the filter that decides and what it leaves of the text."""
        from lm_eval.api.instance import Instance

        filters = {ensemble.name: ensemble for ensemble in task._filters}
        name = about.get("filter") or (
            PREFERRED_FILTER if PREFERRED_FILTER in filters else next(iter(filters))
        )
        instance = Instance(
            request_type="generate_until",
            doc=doc,
            arguments=("", {}),
            idx=0,
            metadata=(about["task"], 0, 1),
            resps=[text],
        )
        filters[name].apply([instance])
        return name, instance.filtered_resps[name]

    def _measured(
        self, task: Any, about: dict[str, Any], results: dict[str, Any]
    ) -> tuple[str, float]:
        """Return the metric that decides and its value."""
        wanted = [about["metric"]] if about.get("metric") else [*task._metric_fn_list, *results]
        for metric in wanted:
            value: Any = results.get(metric)
            value = value.item() if hasattr(value, "item") else value
            if isinstance(value, numbers.Real):
                return metric, float(value)
        raise TypeError(f"the task measured no number for one completion, only {results!r:.200}")
