"""A relay of drand on loopback, honest or not."""

import contextlib
import http.server
import json
import threading


@contextlib.contextmanager
def serving():
    """Serve on loopback; gives the address, the answers by end of path, and the paths asked."""
    answers, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, body = answers.get(self.path.rpartition("/")[2], (404, b"no"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", answers, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def said(number, signature):
    return 200, json.dumps({"round": number, "signature": signature, "randomness": "x"}).encode()
