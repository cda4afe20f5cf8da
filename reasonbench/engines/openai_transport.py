"""HTTP to a server that may be slow, broken or hostile: bounded bodies, our own retries.

Nothing here raises for what a server does: a call gives what was read of the reply, or a
``Trouble``.  Redirects are not followed, since they could carry the key to another host.
Proxies of the environment are used, but never for an address on this machine.
"""

import asyncio
import datetime
import email.utils
import ipaddress
import json
import math
import random
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import openai

from reasonbench.engines.openai_args import Secrets, ServerArgs
from reasonbench.engines.openai_replies import ReplyError, sentence

T = TypeVar("T")

MAX_BODY = 8 * 2**20
"""Bytes of a reply that are read; 131,072 tokens are rarely more than one million."""
CONNECT_SECONDS = 10.0
ASIDE_SECONDS = 60.0
"""Most seconds of one try of what draws nothing."""
RETRIED = frozenset({408, 409, 425, 429})
"""Refusals that pass; so do all of 500 and above, but 501."""
HOPELESS = {
    401: "set OPENAI_API_KEY, or name another variable: --engine-arg api_key_env=NAME",
    402: "the account behind the API key must be paid for",
    403: "the API key may not use this model",
    404: "check base_url, which mostly ends in /v1, and the model's name",
    405: "check base_url, which mostly ends in /v1",
    410: "check base_url and the model's name",
}
"""Refusals that every further request would meet, and what helps."""
_HEADERS_OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no reply that can be used."""

    kind: str
    """Class of the trouble, as a Failure names it."""
    message: str
    """What happened, without secrets."""
    retry: bool = False
    """Whether another try may go better."""
    fatal: bool = False
    """Whether every other request would end like this one."""
    hint: str | None = None
    """What helps."""
    unreachable: bool = False
    """Whether no connection came about."""
    wait: float | None = None
    """Seconds that the server asked for before another try."""
    status: int = 0
    """HTTP status; 0 where there was none."""
    body: bytes = field(default=b"", repr=False)
    """Body of a refusal, with whatever secrets it echoes."""


class _TooLarge(openai.OpenAIError):
    """A body beyond ``MAX_BODY``."""


class BoundedClient(openai.DefaultAsyncHttpxClient):
    """The openai client's HTTP client, reading at most ``MAX_BODY`` bytes of any reply."""

    async def send(self, request: Any, **options: Any) -> Any:
        """Send a request; return its reply, read to its end."""
        response = await super().send(request, **{**options, "stream": True})
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BODY:
                    raise _TooLarge
        finally:
            await response.aclose()
        headers = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name.lower() not in _HEADERS_OF_THE_WIRE
        ]
        return type(response)(
            response.status_code, headers=headers, content=bytes(body), request=request
        )


class _RecordingLoop(asyncio.SelectorEventLoop):
    """An event loop that knows its connections.

    The HTTP client forgets a connection that the server cuts while its request is cancelled.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        transport, protocol = await super().create_connection(*args, **options)
        self._made.add(transport)
        return transport, protocol

    async def abort_all(self) -> None:
        """Close every connection that is still open, without a farewell."""
        for transport in list(self._made):
            transport.abort()
        await asyncio.sleep(0)


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = _RecordingLoop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="reasonbench-openai", daemon=True
        )
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Begin some work there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do some work there and wait for it; an interrupt here cancels it there."""
        future = self.submit(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the loop and its thread, and close what connections are left."""
        self.run(self._loop.abort_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Transport:
    """The way to one server.  Everything but the constructor runs in the event loop."""

    def __init__(
        self, base_url: str, args: ServerArgs, secrets: Secrets, *, connections: int
    ) -> None:
        self._args = args
        self._secrets = secrets
        self._jitter = random.Random()  # when to try again, never what is drawn
        self._root = base_url.removesuffix("/v1")
        timeout = openai.Timeout(args.timeout, connect=min(CONNECT_SECONDS, args.timeout))
        limits = openai.DEFAULT_CONNECTION_LIMITS
        self._http = BoundedClient(
            timeout=timeout,
            limits=type(limits)(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            trust_env=not is_loopback(base_url),
            headers={"Accept-Encoding": "identity"},
        )
        self.client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=secrets.key,
            max_retries=0,
            timeout=timeout,
            http_client=self._http,
        )

    async def close(self) -> None:
        """Cancel whatever is in flight, and close all connections."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.client.close()

    async def get(self, path: str, read: Callable[[bytes], T]) -> T | Trouble:
        """Fetch an address beside the API, such as ``/version``."""
        return await self.fetch(
            lambda: self._http.get(self._root + path, headers=self._authorization()),
            read,
            timeout=ASIDE_SECONDS,
        )

    async def post(
        self, path: str, body: dict[str, Any], read: Callable[[bytes], T]
    ) -> T | Trouble:
        """Post JSON to an address beside the API, such as ``/tokenize``."""
        return await self.fetch(
            lambda: self._http.post(self._root + path, json=body, headers=self._authorization()),
            read,
            timeout=ASIDE_SECONDS,
        )

    async def fetch(
        self,
        call: Callable[[], Awaitable[Any]],
        read: Callable[[bytes], T],
        tries: int = 0,
        timeout: float = math.inf,
    ) -> T | Trouble:
        """Call, and call again as long as that may help; return what ``read`` makes of the reply.

        Args:
            call: sends the request.
            read: reads the body; what it raises as ReplyError counts as a failed try.
            tries: most tries; 0 for as many as the arguments say.
            timeout: most seconds of one try, within what the arguments say.
        """
        left = tries or self._args.tries
        attempt = 0
        while True:
            result = await self._once(call, read, min(timeout, self._args.timeout))
            left -= 1
            if not isinstance(result, Trouble) or not result.retry or not left:
                return result
            await asyncio.sleep(self._pause(attempt, result.wait))
            attempt += 1

    async def _once(
        self, call: Callable[[], Awaitable[Any]], read: Callable[[bytes], T], timeout: float
    ) -> T | Trouble:
        try:
            async with asyncio.timeout(timeout):
                response = await call()
        except openai.APIStatusError as error:
            return self._refusal(error.status_code, error.response)
        except Exception as error:
            return self._breakdown(error, timeout)
        if response.status_code >= 300:
            return self._refusal(response.status_code, response)
        try:
            return read(bytes(response.content))
        except ReplyError as error:
            return Trouble(
                error.kind,
                self._clean(str(error)),
                retry=error.retry,
                fatal=error.hint is not None,
                hint=error.hint,
            )
        except RecursionError:
            return Trouble("BadReply", "the server's reply is nested too deeply", retry=True)

    def _breakdown(self, error: Exception, timeout: float) -> Trouble:
        """Name what went wrong before there was a whole reply."""
        wrapped = isinstance(error, openai.APIConnectionError)
        root = (error.__cause__ or error) if wrapped else error
        names = {kind.__name__ for kind in type(root).__mro__}
        what = self._clean(f"{type(root).__name__}: {root}".rstrip(": "))
        if "_TooLarge" in names:
            return Trouble("ReplyTooLarge", f"the server's reply is longer than {MAX_BODY:,} bytes")
        if names & {"ConnectError", "ConnectTimeout", "ProxyError"}:
            message = f"the server cannot be reached ({what})"
            return Trouble("Unreachable", message, retry=True, unreachable=True)
        if names & {"TimeoutError", "TimeoutException"}:
            message = f"the server did not answer within {timeout:g} seconds"
            return Trouble("Timeout", message, retry=True)
        if "TransportError" in names or wrapped:
            message = f"the connection broke before the reply was complete ({what})"
            return Trouble("ConnectionLost", message, retry=True)
        return Trouble(type(root).__name__, f"the request could not be sent ({what})")

    def _refusal(self, status: int, response: Any) -> Trouble:
        body = bytes(response.content)
        message = f"the server refused with status {status}: {self._clean(error_text(body))}"
        if 300 <= status < 400:
            return Trouble(
                "Redirected",
                f"the server redirects to another address (status {status}), which could "
                f"receive the key",
                fatal=True,
                hint="give the final address as base_url",
                status=status,
            )
        hint = HOPELESS.get(status)
        if status == 429 and b"insufficient_quota" in body:
            hint = "the account behind the API key has no quota left"
        wait = retry_after(response.headers.get("retry-after"))
        passing = status in RETRIED or (status >= 500 and status != 501)
        return Trouble(
            f"Status{status}",
            message,
            retry=passing and hint is None,
            fatal=hint is not None,
            hint=hint,
            wait=wait,
            status=status,
            body=body,
        )

    def _pause(self, attempt: int, asked: float | None) -> float:
        """Return the seconds before the next try: doubling, spread, and at least as asked."""
        longest = self._args.max_wait
        floor = min(longest, asked or 0.0)
        own = self._args.backoff * 2.0 ** min(attempt, 30)
        return floor + min(longest - floor, own) * self._jitter.uniform(0.5, 1.0)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secrets.key}"}

    def _clean(self, text: str) -> str:
        # Redacted first: a cut could leave half a key.
        return sentence(self._secrets.redact(text))


def error_text(body: bytes) -> str:
    """Return what the body of a refusal says, in whichever of the usual shapes."""
    text = body.decode("utf-8", "replace") or "nothing more"
    try:
        found: Any = json.loads(text)
        if not isinstance(found, dict):
            return text
        inner = found.get("error")
        places = (inner if isinstance(inner, dict) else {"message": inner}, found)
        said = [place[n] for place in places for n in ("message", "detail") if place.get(n)]
        return (said[0] if isinstance(said[0], str) else json.dumps(said[0])) if said else text
    except (ValueError, RecursionError):
        return text


def retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for; None if it makes no sense."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(value)
            if when.tzinfo is None:
                when = when.replace(tzinfo=datetime.UTC)
            seconds = (when - datetime.datetime.now(datetime.UTC)).total_seconds()
        except (ValueError, OverflowError):
            return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
