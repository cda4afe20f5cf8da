"""A server with OpenAI's API on loopback that fails as it is told to.

It answers the sums of ``reasonbench_fakes`` as a function of the prompt and the seed, so a test
can say what every stored completion must be.  ``fault`` is called for each draw (not for the
one-token requests of the preflight) and may answer in the server's place.
"""

import json
import random
import re
import signal
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "served-model"
THINK = "<think>\n"


@dataclass
class Draw:
    """One request for a completion, as it arrived."""

    path: str
    body: dict
    headers: dict
    number: int
    """0-based, over all draws."""
    attempt: int
    """0-based, among the tries with this prompt and seed."""

    @property
    def seed(self):
        return self.body.get("seed", 0)

    @property
    def prompt(self):
        messages = self.body.get("messages")
        return messages[-1]["content"] if messages else self.body["prompt"]


def expected(prompt, seed):
    """Return the text that the server gives, and the number of its tokens."""
    rng = random.Random(f"{seed}/{prompt}")
    numbers = [int(n) for n in re.findall(r"\d+", prompt)] or [0]
    answer = sum(numbers) + (0 if rng.random() < 0.6 else 1)
    text = f"{THINK}adding {rng.random()}\n</think>\n\\boxed{{{answer}}}"
    return text, len(text.split()) + 1


class HostileServer:
    """The server; ``with`` it, or ``close`` it."""

    def __init__(self, fault=None, *, key=None, models=None, version=None, tokenizer=None):
        self.fault = fault
        self.key = key
        self.models = [{"id": MODEL}] if models is None else models
        self.version = version
        self.tokenizer = tokenizer
        """Renders messages as vLLM's /tokenize and /detokenize do; None has neither."""
        self.pages = {}
        """Answers in place of the usual ones, by path: functions of the handler."""
        self.probe_fault = None
        """What ``fault`` is to draws, for requests for one token."""
        self.draws = []
        self.probes = []
        self.stopping = threading.Event()
        self.in_flight = self.most_in_flight = 0
        self.changed = threading.Condition()
        self._tries = Counter()
        self._ids = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        self.open = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Go away: listen no more, and cut every connection."""
        if self.open:
            self.open = False
            self.stopping.set()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server.cut()

    def wait_for(self, condition, timeout=20):
        with self.changed:
            assert self.changed.wait_for(condition, timeout)

    def new_draw(self, path, body, headers):
        with self.changed:
            draw = Draw(path, body, headers, len(self.draws), 0)
            draw.attempt = self._tries[draw.prompt, draw.seed]
            self._tries[draw.prompt, draw.seed] += 1
            self.draws.append(draw)
            self.changed.notify_all()
            return draw

    def flying(self, step):
        with self.changed:
            self.in_flight += step
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.changed.notify_all()

    def reply(self, body, *, chat, prompt, **fields):
        """Return the reply that an honest server gives."""
        text, n_tokens = expected(prompt, body.get("seed", 0))
        limit = body.get("max_tokens", body.get("max_completion_tokens"))
        words = text.split(" ")
        cut = n_tokens > limit
        text = " ".join(words[:limit]) if cut else text
        with self.changed:
            self._ids += 1
            number = self._ids
        choice = {"index": 0, "finish_reason": "length" if cut else "stop"}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        return {
            "id": f"reply-{number}",
            "model": body["model"],
            "system_fingerprint": "fp-1",
            "choices": [choice],
            "usage": {
                "prompt_tokens": len(prompt.split()),
                "completion_tokens": min(n_tokens, limit),
            },
        } | fields


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, *args):
        super().__init__(*args)
        self.sockets = set()

    def process_request(self, request, client_address):
        self.sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.sockets.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """Say nothing: clients that go away are part of the tests."""

    def cut(self):
        for connection in list(self.sockets):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    @property
    def owner(self):
        return self.server.owner

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, body):
        owner = self.owner
        if self.path in owner.pages:
            owner.pages[self.path](self)
        elif owner.key and self.headers["Authorization"] != f"Bearer {owner.key}":
            self.send_json({"error": {"message": f"bad key {self.headers['Authorization']}"}}, 401)
        elif self.path == "/v1/models":
            self.send_json({"data": owner.models})
        elif self.path == "/version" and owner.version:
            self.send_json({"version": owner.version})
        elif self.path == "/tokenize" and owner.tokenizer:
            tokens = list(owner.tokenizer(body).encode())
            self.send_json({"count": len(tokens), "max_model_len": 1, "tokens": tokens})
        elif self.path == "/detokenize" and owner.tokenizer:
            self.send_json({"prompt": bytes(body["tokens"]).decode()})
        elif self.path in ("/v1/chat/completions", "/v1/completions"):
            self.complete(body)
        else:
            self.send_json({"detail": "Not Found"}, 404)

    def complete(self, body):
        owner = self.owner
        headers = dict(self.headers)
        chat = "chat" in self.path
        if body.get("max_tokens", body.get("max_completion_tokens")) == 1:
            probe = Draw(self.path, body, headers, len(owner.probes), 0)
            owner.probes.append(probe)
            good = owner.reply(body, chat=chat, prompt=probe.prompt)
            fault = owner.probe_fault(probe) if owner.probe_fault else None
            fault(self, good) if fault else self.send_json(good)
            return
        draw = owner.new_draw(self.path, body, headers)
        owner.flying(1)
        try:
            good = owner.reply(body, chat=chat, prompt=draw.prompt)
            fault = owner.fault(draw) if owner.fault else None
            if fault is None:
                self.send_json(good)
            else:
                fault(self, good)
        finally:
            owner.flying(-1)

    def send_json(self, value, status=200, headers=()):
        self.send(json.dumps(value).encode(), status, headers=headers)

    def send(self, data, status=200, kind="application/json", headers=(), length=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def status(status, message="no", headers=(), **error):
    """Refuse."""
    return lambda handler, good: handler.send_json(
        {"error": {"message": message, **error}}, status, headers
    )


def raw(data, kind="application/json"):
    """Send these bytes as a good reply."""
    return lambda handler, good: handler.send(data, kind=kind)


def edited(edit):
    """Send the good reply as ``edit`` changes it."""

    def act(handler, good):
        edit(good)
        handler.send_json(good)

    return act


def without(*path):
    """Leave a field out of the good reply."""

    def edit(reply):
        place = reply
        for name in path[:-1]:
            place = place[name]
        del place[path[-1]]

    return edited(edit)


def with_value(value, *path):
    """Put a value into a field of the good reply."""

    def edit(reply):
        place = reply
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    return edited(edit)


def half_json(handler, good):
    """Send the first half of the reply, as if it were all."""
    data = json.dumps(good).encode()
    handler.send(data[: len(data) // 2])


def cut_off(handler, good):
    """Announce the whole reply, send half of it, and reset the connection."""
    data = json.dumps(good).encode()
    handler.send(data[: len(data) // 2], length=len(data))
    handler.wfile.flush()
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.close_connection = True


def no_answer(handler, good):
    """Close the connection without a word."""
    handler.close_connection = True


def hang(handler, good):
    """Say nothing until the server goes away."""
    handler.close_connection = True
    handler.owner.stopping.wait()


def trickle(handler, good):
    """Send a byte now and then, for ever."""
    handler.send(b"", length=10_000_000)
    handler.close_connection = True
    while not handler.owner.stopping.wait(0.02):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def endless(handler, good):
    """Send a body without an end."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    handler.close_connection = True
    while not handler.owner.stopping.is_set():
        handler.wfile.write(b'"' + b"a" * 65536)


def interrupt_main():
    """Do to this process's main thread what Ctrl-C does."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
