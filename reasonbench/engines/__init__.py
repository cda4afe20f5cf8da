"""Engines: the same prompt and seed in, the same completion out.

``transformers`` samples in this process; ``vllm`` drives vLLM's offline engine.  Both
read a model's files through ``weights``, and turn prompts into tokens through
``rendering``, so that they see the same text.  Nothing heavy is imported here: a library
is loaded only when the engine that needs it is.
"""

import os

# Torch's threads spin while they wait for one another; where graders want the same cores,
# that made sampling ten times slower.  OpenMP reads this once, when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
