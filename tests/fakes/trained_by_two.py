"""Trains the tiny student by each kind of trainer and prints what every step came to."""

import json
import os
import sys

import tiny_training as tiny

from reasonbench.specs import Loss, ObjectiveSpec, Prefix

KINDS = (
    (Prefix.TRACE, Loss.NLL),
    (Prefix.TRACE, Loss.REVERSE_KL),
    (Prefix.TEACHER, Loss.NLL),
    (Prefix.STUDENT, Loss.REVERSE_KL),
)
"""Draws are near greedy, so that it does not matter which process draws them."""


def steps():
    """Return loss, gradient norm and loss tokens of two steps a kind."""
    found = []
    for prefix, loss in KINDS:
        objective = ObjectiveSpec(prefix=prefix, loss=loss, temperature=1e-4, max_new_tokens=8)
        seen = tiny.Seen()
        asked = tiny.spec(objective, steps=2, device_batch_size=1)
        tiny.trainer_of(asked, seen=seen).train()
        found.append([(log["loss"], log["grad_norm"], log["loss_tokens"]) for log in seen.logs])
    return found


if __name__ == "__main__":
    result = steps()
    if os.environ["RANK"] == "0":
        sys.stdout.write(json.dumps(result) + "\n")
