"""What is taken from TRL 1.16, but for its on-policy trainers (`drawing.py`).

TRL warns of its experimental part; its version is pinned, and the losses are tested.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from trl import SFTConfig, SFTTrainer
    from trl.experimental.gkd import GKDConfig, GKDTrainer
    from trl.models import prepare_deepspeed
    from trl.models.utils import _ForwardRedirection as ForwardRedirection
    from trl.models.utils import unwrap_model_for_generation
    from trl.trainer.utils import pad

__all__ = [
    "ForwardRedirection",
    "GKDConfig",
    "GKDTrainer",
    "SFTConfig",
    "SFTTrainer",
    "pad",
    "prepare_deepspeed",
    "unwrap_model_for_generation",
]
