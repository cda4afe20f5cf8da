"""Trainings that die of SIGKILL at a stated moment, however fast the machine is.

Importing this makes every training of the process look at ``TRAIN_DIES``, ``WHAT STEP``:

- ``logged``: the step's line is in the log, nothing else is yet;
- ``saving``: half of the trainer's state is written;
- ``saved``: all of it is, without its mark;
- ``exporting``: the step's weights are written beside the checkpoint, which is not there yet;
- ``ended``: everything is there but train.json.

With ``TRAIN_ROOM`` set, no file may become larger than so many bytes: a disk that is full for
what is large.
"""

import os
import resource
import signal

from transformers import Trainer

from reasonbench.training import checkpoints, folder
from reasonbench.training.log import Log

DIES = "TRAIN_DIES"
ROOM = "TRAIN_ROOM"


def due(what, step):
    wanted = os.environ.get(DIES, "").split()
    if wanted == [what, str(step)]:
        os.kill(os.getpid(), signal.SIGKILL)


def after(owner, name, what, step_of):
    whole = getattr(owner, name)

    def then_die(*arguments, **options):
        found = whole(*arguments, **options)
        due(what, step_of(*arguments))
        return found

    setattr(owner, name, then_die)


def before(owner, name, what, step_of):
    whole = getattr(owner, name)

    def die_first(*arguments, **options):
        due(what, step_of(*arguments))
        return whole(*arguments, **options)

    setattr(owner, name, die_first)


def bound():
    if os.environ.get(ROOM):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ[ROOM]),) * 2)
    return 0


def exported(path):
    return int(path.name[6:12]) if path.name.startswith(".step-") else 0


after(Log, "add", "logged", lambda log, step, *_: step)
before(Trainer, "_save_optimizer_and_scheduler", "saving", lambda t, *_: t.state.global_step)
before(checkpoints, "mark", "saved", lambda _, step: step)
after(checkpoints, "_sync", "exporting", exported)
before(folder, "write_json", "ended", lambda path, *_: int(path.name == "train.json"))
before(Log, "__init__", "begun", lambda *_: bound())
