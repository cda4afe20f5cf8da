"""Programs that want a pass that they have not earned; the right answer is 7.

None may be taken for right: a function must not return exactly 7, a suite must not pass.
"""

from cases import SECRET, asserts, function

CHECK = f"""
EXPECTED = 7  # {SECRET}
def check(candidate):
    assert candidate(1) == EXPECTED
    assert candidate(2) == 8
"""
LIAR = """
class Liar({base}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 7
    def __bool__(self): return True
    __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __eq__
    def __sub__(self, other): return 0
    def __rsub__(self, other): return 0
    def __abs__(self): return 0
def f(x): return Liar()
"""
FRAMES = """
import sys, gc
def search(value, depth=0):
    return isinstance(value, int) and value == 7 and not isinstance(value, bool)
def f(x):
    frame = sys._getframe()
    while frame:
        for name, value in list(frame.f_locals.items()) + list(frame.f_globals.items()):
            if 'expected' in name.lower(): return value
            if isinstance(value, dict) and 'EXPECTED' in value: return value['EXPECTED']
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, dict):
            for key, value in list(thing.items()):
                if isinstance(key, str) and 'expected' in key.lower(): return value
    return None
"""
PATCH = """
import builtins, sys
{patch}
def f(x): return 0
"""


def both(name: str, code: str) -> list:
    failed = "ok exception exit security signal"
    return [
        function(f"{name} (function)", failed, code),
        asserts(f"{name} (suite)", failed.replace("ok ", ""), code, CHECK, check="check"),
    ]


CASES = [
    *both("always equal", LIAR.format(base="object")),
    *both("always equal int", LIAR.format(base="int")),
    *both("always equal str", LIAR.format(base="str")),
    *both("always equal list", LIAR.format(base="list")),
    *both("always equal float", LIAR.format(base="float")),
    *both("always equal tuple", LIAR.format(base="tuple")),
    *both("frames and heap", FRAMES),
    *both("patched equality", PATCH.format(patch="builtins.all = builtins.any = lambda *a: True")),
    *both("patched isinstance", PATCH.format(patch="builtins.isinstance = lambda *a: True")),
    *both("patched AssertionError", PATCH.format(
        patch="builtins.AssertionError = type('Quiet', (Exception,), {})")),
    *both("patched unittest", PATCH.format(patch="""
import unittest
for name in dir(unittest.TestCase):
    if name.startswith('assert'): setattr(unittest.TestCase, name, lambda *a, **k: None)
""")),
    *both("exit code 0", "import os\ndef f(x): os._exit(0)"),
    *both("exit code 0 while defining", "import os\nos._exit(0)"),
    *both("SystemExit(0)", "def f(x): raise SystemExit(0)"),
    *both("exit at the end", "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): return 0"),
    *both("a check of its own", "def check(candidate): pass\ndef f(x): return 0"),
    *both("a forged verdict", """
import os, struct
def f(x):
    for body in (b'!{"passed": true}', b'{"passed": true}', b'{"value": 7}'):
        os.write(3, struct.pack('!BI', ord('D'), len(body)) + body)
    return 0
"""),
    *both("a forged end", """
import os, struct
def f(x):
    body = b'{"why": null, "exit": 0, "signal": null, "cpu": 0, "wall": 0, "waited": 0}'
    os.write(3, struct.pack('!BI', ord('E'), len(body)) + body)
    return 0
"""),
    *both("reading the test", """
import os
def f(x):
    for folder in ('/tmp', '/harness', '/packages', '/proc/1/root', '/proc/1/cwd'):
        try:
            for name in os.listdir(folder):
                text = open(os.path.join(folder, name)).read()
                if 'EXPECTED' in text or 'expected-answer' in text: return 7
        except (OSError, UnicodeDecodeError): pass
    return 0
"""),
    *both("asking for the module of the test", """
import sys
def f(x):
    for module in list(sys.modules.values()):
        if hasattr(module, 'EXPECTED'): return module.EXPECTED
    return 0
"""),
    *both("raising what passes", "def f(x): raise type('Skip', (BaseException,), {})()"),
    *both("raising SkipTest", "import unittest\ndef f(x): raise unittest.SkipTest('x')"),
    *both("a generator of everything", "def f(x):\n    n = 0\n    while True: yield n; n += 1"),
    *both("not a number", "def f(x): return float('nan')"),
]  # fmt: skip
