"""A round from one of drand's public HTTP relays.

A relay is trusted with nothing but its choice of the latest round: what it says is verified.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.fresh.beacon import CHAIN, MAX_ROUND, Beacon, verify

DEFAULT = "https://api.drand.sh"
TIMEOUT_SECONDS = 20.0
MAX_BYTES = 65_536
"""A relay's answer has some 300."""

_HINT = "name another relay with --relay, or give --round and --signature, which need no network"


def fetch(relay: str = DEFAULT, number: int | None = None) -> Beacon:
    """Return a round, or the latest one, and verify it.

    Raises:
        SpecError: the relay is no HTTP address.
        ReasonbenchError: it cannot be reached, or gives no round, or another one.
        TamperedError: what it gives is not genuine.
    """
    parts = urllib.parse.urlsplit(relay)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise SpecError(
            f"a relay is an address such as {DEFAULT}, got {relay!r}", hint="begin it with https://"
        )
    url = f"{relay.rstrip('/')}/{CHAIN}/public/{'latest' if number is None else number}"
    answer = _answer(url, relay)
    given, signature = answer.get("round"), answer.get("signature")
    if (
        not isinstance(given, int)
        or not isinstance(signature, str)
        or not 1 <= given <= MAX_ROUND
        or len(signature) != 96
    ):
        raise ReasonbenchError(f"the relay {relay} gave no round of quicknet", hint=_HINT)
    if number is not None and given != number:
        raise ReasonbenchError(
            f"the relay {relay} was asked for round {number} and gave round {given}", hint=_HINT
        )
    return verify(given, signature)


def _answer(url: str, relay: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as reply:
            raw = reply.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise ReasonbenchError(
            f"the relay {relay} answered with HTTP status {error.code}", hint=_HINT
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ReasonbenchError(
            f"the relay {relay} cannot be reached: {reason}", hint=_HINT
        ) from error
    try:
        answer = json.loads(raw) if len(raw) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ReasonbenchError(f"the relay {relay} gave something else than a round", hint=_HINT)
    return answer
