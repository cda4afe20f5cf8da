"""A Hub on loopback that knows a few models, and counts what it is asked."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c" * 40
LATER = "d" * 40


class Hub:
    """A server of models: ``{id: {commit: {"files": {path: (date, text)}, ...}}}``."""

    def __init__(self, models):
        self.models, self.asked = models, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, request):
        parts = urlsplit(request.path)
        path = unquote(parts.path)
        self.asked.append(path)
        for model_id, revisions in self.models.items():
            for revision, model in revisions.items():
                names = [revision, *model.get("names", ())]
                if path == f"/api/models/{model_id}" and "main" in names:
                    return self._info(request, model_id, revision, model, parts.query)
                if any(path == f"/api/models/{model_id}/revision/{name}" for name in names):
                    return self._info(request, model_id, revision, model, parts.query)
                if any(path == f"/api/models/{model_id}/tree/{name}" for name in names):
                    return self._json(request, self._tree(model))
                for name in names:
                    for file, (_, text) in model["files"].items():
                        if path == f"/{model_id}/resolve/{name}/{file}":
                            return self._file(request, revision, text)
            if path.startswith((f"/api/models/{model_id}/revision/", f"/{model_id}/resolve/")):
                code = "RevisionNotFound" if "revision" in path else "EntryNotFound"
                return self._refuse(request, code)
        return self._refuse(request, "RepoNotFound")

    def _info(self, request, model_id, revision, model, query):
        if model.get("raw") is not None:
            return self._send(request, 200, model["raw"], {"Content-Type": "application/json"})
        data = {"id": model_id, "_id": "1", "sha": revision}
        if "evalResults" in query:
            data["evalResults"] = model.get("results", [])
        else:
            data |= {
                "lastModified": model["modified"],
                "createdAt": model["created"],
                "siblings": [{"rfilename": file} for file in model["files"]],
                "cardData": model.get("card", {}),
            }
        return self._json(request, data)

    def _tree(self, model):
        return [
            {
                "type": "file",
                "path": file,
                "size": len(text),
                "oid": "0" * 40,
                "lastCommit": {"id": "e" * 40, "title": "upload", "date": date},
            }
            for file, (date, text) in model["files"].items()
        ]

    def _file(self, request, revision, text):
        headers = {"ETag": '"abc"', "X-Repo-Commit": revision, "Content-Type": "text/plain"}
        self._send(request, 200, text.encode(), headers)

    def _json(self, request, data):
        body = json.dumps(data).encode()
        self._send(request, 200, body, {"Content-Type": "application/json"})

    def _refuse(self, request, code):
        self._send(request, 404, b"{}", {"X-Error-Code": code, "X-Error-Message": "no"})

    def _send(self, request, status, body, headers):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body)


CARD = """---
base_model: Qwen/Qwen2.5-7B-Instruct
model-index:
- name: pupil
  results:
  - task: {type: text-generation}
    dataset: {type: HuggingFaceH4/MATH-500, name: MATH-500}
    metrics:
    - {type: pass@1, value: 91.5}
---
# Pupil
"""


def pupil():
    """Return a model whose weights came before its card, and again later at another commit."""
    early = {
        "names": ["main"],
        "created": "2025-02-03T10:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "card": {"base_model": "Qwen/Qwen2.5-7B-Instruct"},
        "files": {
            "README.md": ("2026-01-01T00:00:00.000Z", CARD),
            "config.json": ("2025-02-03T10:00:00.000Z", "{}"),
            "model-00001-of-00002.safetensors": ("2025-02-03T23:30:00.000Z", "w"),
            "model-00002-of-00002.safetensors": ("2025-02-04T00:10:00.000Z", "w"),
        },
        "results": [
            {
                "filename": ".eval_results/aime.yaml",
                "data": {
                    "dataset": {"id": "MathArena/aime_2026", "task_id": "MathArena/aime_2026"},
                    "value": 0.4125,
                    "notes": "pass@1 n=64 T=0.6",
                    "source": {"url": "https://example.org/aime"},
                },
            }
        ],
    }
    late = {
        **early,
        "names": [],
        "files": {"model.safetensors": ("2025-06-30T12:00:00.000Z", "w")},
    }
    return {COMMIT: early, LATER: late}
