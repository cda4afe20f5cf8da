"""The table of presets, with what was read and where.

Two rows hold what no source says, and say so: s1's makers decode greedily, and gpt-oss's
name no length.  The GitHub pages were read themselves, the cards of the Hub in public
copies of them, in November 2026.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

BOXED = r"Please reason step by step, and put your final answer within \boxed{}."
INT_BOUND = 2**63


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """How the makers of a family of models sample it."""

    name: str
    """Name that a spec or ``--preset`` gives."""
    title: str
    """The models, as a person says it."""
    temperature: float
    """Softmax temperature."""
    top_p: float
    """Nucleus mass."""
    top_k: int | None = None
    """Most likely tokens kept; None where nothing is said."""
    min_p: float | None = None
    """Least relative probability; None where nothing is said."""
    max_tokens: int
    """Most new tokens in a completion."""
    system_prompt: Literal["allowed", "forbidden", "recommended"] = "allowed"
    """What the card says about a system message."""
    greedy_discouraged: bool = False
    """Whether the card warns of greedy decoding."""
    instruction: str = ""
    """What the card asks to add to the prompt of a mathematical problem."""
    card: str
    """Where that stands."""
    source: str
    """What was read there."""
    note: str = ""
    """What a user must do or know besides, for the preset does not."""
    match: str
    """Pattern of the models' names, in lower case, with hyphens for underscores."""
    makers: str
    """Pattern of the owner, which a copy's name may begin with."""
    model_type: str | None = None
    """model_type in config.json that alone tells the family."""

    @property
    def sampling(self) -> dict[str, float | int]:
        """Sampling fields that the preset sets."""
        names = ("temperature", "top_p", "top_k", "min_p", "max_tokens")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def words(self) -> str:
        """The same as a person says it."""
        return in_words(self.sampling)


def in_words(sampling: Mapping[str, Any]) -> str:
    """Return sampling fields as ``temperature 0.6, max_tokens 32,768``."""
    return ", ".join(f"{name} {_number(value)}" for name, value in sampling.items())


def _number(value: Any) -> str:
    if not isinstance(value, int):
        return str(value)
    return f"{value:,}" if abs(value) < INT_BOUND else "far too large"


_HUB = "https://huggingface.co"
_R1_ADVICE = "usage recommendations: temperature 0.5 to 0.7, no system prompt"
_ROOM = "; the context is 32,768, so 31,500 leaves room for the prompt"

PRESETS: tuple[Preset, ...] = (
    Preset(
        name="r1-distill",
        title="DeepSeek-R1-Distill",
        temperature=0.6,
        top_p=0.95,
        max_tokens=32_768,
        system_prompt="forbidden",
        greedy_discouraged=True,
        instruction=BOXED,
        card=f"{_HUB}/deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        source=f"evaluation: 0.6, 0.95, 32,768 tokens, 64 samples; {_R1_ADVICE}",
        match=r"deepseek-r1-distill-(?:qwen|llama)-[\d.]+b",
        makers="deepseek(?:-ai)?",
    ),
    Preset(
        name="r1",
        title="DeepSeek-R1, DeepSeek-R1-Zero",
        temperature=0.6,
        top_p=0.95,
        max_tokens=32_768,
        system_prompt="forbidden",
        greedy_discouraged=True,
        instruction=BOXED,
        card=f"{_HUB}/deepseek-ai/DeepSeek-R1",
        source=f"evaluation: 0.6, 0.95, 32,768 tokens, 64 samples; {_R1_ADVICE}",
        match=r"deepseek-r1(?:-zero)?",
        makers="deepseek(?:-ai)?",
    ),
    Preset(
        name="r1-0528",
        title="DeepSeek-R1-0528, DeepSeek-R1-0528-Qwen3-8B",
        temperature=0.6,
        top_p=0.95,
        max_tokens=65_536,
        card=f"{_HUB}/deepseek-ai/DeepSeek-R1-0528",
        source="evaluation: 0.6, 0.95, 64K tokens, 16 samples; a system prompt is supported now",
        match=r"deepseek-r1-0528(?:-qwen3-8b)?",
        makers="deepseek(?:-ai)?",
    ),
    Preset(
        name="qwen3",
        title="Qwen3, thinking mode",
        temperature=0.6,
        top_p=0.95,
        top_k=20,
        min_p=0.0,
        max_tokens=38_912,
        greedy_discouraged=True,
        instruction=BOXED,
        card=f"{_HUB}/Qwen/Qwen3-8B",
        source="best practices: never greedy; 32,768 tokens for most queries, 38,912 to benchmark",
        match=r"qwen3-(?:(?:0\.6|1\.7|4|8|14|32)b|30b-a3b|235b-a22b)",
        makers="qwen",
    ),
    Preset(
        name="qwen3-2507",
        title="Qwen3-Thinking-2507, Qwen3-Next-Thinking",
        temperature=0.6,
        top_p=0.95,
        top_k=20,
        min_p=0.0,
        max_tokens=81_920,
        instruction=BOXED,
        card=f"{_HUB}/Qwen/Qwen3-235B-A22B-Thinking-2507",
        source="best practices, as on the card of Qwen3-Next-80B-A3B-Thinking: 32,768 tokens for "
        "most queries, 81,920 to benchmark",
        match=r"qwen3-(?:(?:4b|30b-a3b|235b-a22b)-thinking-2507|next-80b-a3b-thinking)",
        makers="qwen",
    ),
    Preset(
        name="qwq",
        title="QwQ-32B",
        temperature=0.6,
        top_p=0.95,
        top_k=40,
        min_p=0.0,
        max_tokens=32_768,
        greedy_discouraged=True,
        instruction=BOXED,
        card=f"{_HUB}/Qwen/QwQ-32B",
        source="usage guidelines: never greedy, top_k between 20 and 40; 32,768 as in its example",
        match="qwq-32b",
        makers="qwen",
    ),
    Preset(
        name="openthinker",
        title="OpenThinker, OpenThinker2, OpenThinker3",
        temperature=0.7,
        top_p=1.0,
        max_tokens=31_500,
        card="https://github.com/mlfoundations/evalchemy",
        source="its scores were made with Evalchemy, whose AIME24 asks for temperature 0.7 and "
        f"32,768 tokens and sends no top_p{_ROOM}",
        match=r"openthinker[23]?-[\d.]+b(?:-unverified)?",
        makers="open-thoughts",
    ),
    Preset(
        name="s1",
        title="s1, s1.1",
        temperature=0.6,
        top_p=0.95,
        max_tokens=31_500,
        card="https://github.com/simplescaling/s1",
        source="its makers decode greedily, which is one completion a problem; 0.6 and 0.95 are "
        f"those of DeepSeek-R1, the teacher of s1.1; 32,768 tokens{_ROOM}",
        note="its makers' scores are greedy and with budget forcing, which is not done here",
        match=r"s1(?:\.1)?-[\d.]+b",
        makers="simplescaling",
    ),
    Preset(
        name="limo",
        title="LIMO, LIMO-v2",
        temperature=0.7,
        top_p=0.95,
        max_tokens=31_500,
        system_prompt="recommended",
        instruction=BOXED,
        card="https://github.com/GAIR-NLP/LIMO",
        source=f"quick start: 0.7, 0.95, 32,768 tokens, with a system prompt{_ROOM}; its own "
        "evaluation script is greedy",
        note="it was trained with the instruction as the system prompt: give it by --system-prompt",
        match=r"limo(?:-v2)?",
        makers="gair",
    ),
    Preset(
        name="phi-4-reasoning",
        title="Phi-4-reasoning, Phi-4-reasoning-plus",
        temperature=0.8,
        top_p=0.95,
        top_k=50,
        max_tokens=31_500,
        system_prompt="recommended",
        greedy_discouraged=True,
        card=f"{_HUB}/microsoft/Phi-4-reasoning-plus",
        source=f"usage: 0.8, 0.95, top_k 50, sampled, 32,768 tokens for hard queries{_ROOM}",
        note="the card's system prompt belongs before every prompt: see that the chat template "
        "or --system-prompt puts it there",
        match=r"phi-4-reasoning(?:-plus)?",
        makers="microsoft",
    ),
    Preset(
        name="gpt-oss",
        title="gpt-oss-20b, gpt-oss-120b",
        temperature=1.0,
        top_p=1.0,
        max_tokens=65_536,
        card="https://github.com/openai/gpt-oss",
        source="recommended sampling: 1.0, 1.0; no length is named: half of the context, as "
        "32K is known to cut off hard problems (tenstorrent/tt-inference-server#2825)",
        note="its reasoning effort is set by the chat template, not here; published scores "
        "are at high",
        match=r"gpt-oss-(?:20|120)b",
        makers="openai",
        model_type="gpt_oss",
    ),
)
"""Every preset; at most one matches a name."""
