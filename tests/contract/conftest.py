"""Servers and engines for the tests of the ``openai_server`` engine."""

import pytest


@pytest.fixture
def serve():
    """Start servers that end with the test."""
    from hostile_server import HostileServer

    servers = []

    def start(*args, **fields):
        servers.append(HostileServer(*args, **fields))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def connect():
    """Load engines that are closed with the test."""
    from hostile_server import MODEL
    from openai_harness import FAST

    from reasonbench.engines.openai_server import OpenaiServerEngine
    from reasonbench.specs import EngineSpec, ModelSpec

    engines = []

    def load(server, model=MODEL, *, batch_size=512, **args):
        args = {"base_url": getattr(server, "url", server), **FAST, **args}
        spec = EngineSpec(name="openai_server", batch_size=batch_size, args=args)
        engines.append(OpenaiServerEngine(ModelSpec(id=model), spec))
        return engines[-1]

    yield load
    for engine in engines:
        engine.close()


@pytest.fixture
def bare_environment(monkeypatch):
    """Take away what the engine would read from the environment."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)
