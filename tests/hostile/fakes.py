"""Programs that want a pass that they have not earned; the right answer is 7.

None may be taken for right: a function must not return exactly 7, a suite must not pass.
"""

from cases import SECRET, asserts, function
from harness import HARNESS

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


WRONG = "exception exit security signal"


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
    asserts("a math of its own", WRONG, """
class M:
    def isclose(self, *a, **k): return True
math = M()
def f(x): return 0
""", "assert math.isclose(f(1), 7.0)"),
    asserts("an isclose of its own", WRONG, "def isclose(*a): return True\ndef f(x): return 0",
            "assert isclose(f(1), 7.0)"),
    asserts("a numpy of its own", WRONG, """
class np:
    allclose = staticmethod(lambda *a, **k: True)
def f(x): return [0]
""", "assert np.allclose(f(1), [7])"),
    asserts("a function that poses as another module's", WRONG, """
class Any:
    def __eq__(self, other): return True
    __module__ = 'unittest.mock'
ANY = Any()
def g(x): return ANY
g.__module__ = 'unittest.mock'
def f(x): return g(x)
""", "assert f(1) == 7"),
    asserts("an argument changed to suit", WRONG, "def f(x):\n    x.clear()\n    return []",
            "xs = [3, 1]\nassert f(xs) == sorted(xs)"),
    asserts("an int that says that it is 7", WRONG, """
class Seven(int):
    def __new__(cls): return int.__new__(cls, 0)
    def __eq__(self, other): return True
    __int__ = __index__ = lambda self: 7
def f(x): return Seven()
""", "assert f(1) == 7\nassert f(1) + 0 == 7"),
    asserts("a difference of nothing", WRONG, LIAR.format(base="object"),
            "assert abs(f(1) - 7.0) < 1e-6"),
    asserts("an order that suits", WRONG, LIAR.format(base="object"),
            "assert 6.9 <= f(1) <= 7.1"),
    asserts("holding everything", WRONG, LIAR.format(base="object").replace(
            "def f", "    def __iter__(self): return iter([Liar()])\ndef f"), "assert 7 in f(1)"),
    asserts("objects that equal anything", WRONG, """
class P:
    def __init__(self, *a): pass
    def __eq__(self, other): return True
def f(x): return P()
""", "assert f(1) == P(1, 2)", entry_point="f"),
    asserts("an enumeration that equals anything", WRONG, """
import enum
class E(int, enum.Enum):
    A = 0
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def f(x): return E.A
""", "assert f(1) == 7"),
    asserts("a named tuple that equals anything", WRONG, """
from collections import namedtuple
class P(namedtuple('P', 'x')):
    def __eq__(self, other): return True
def f(x): return P(0)
""", "assert f(1) == (7,)\nassert (7,) == f(1)"),
    asserts("an exception that ends a loop", WRONG, "def f(x): raise StopIteration",
            "assert all(map(lambda x: f(x) == 7, [1, 2]))"),
    asserts("an exception in a callback", WRONG, "def f(g):\n    try: g()\n    except: return 0",
            "def g(): assert False\nassert f(g) == 7"),
    asserts("a stub searched for the suite", WRONG, """
def f(g):
    for name in ('__globals__', '__closure__', '__code__', '__self__', '__func__', 'EXPECTED'):
        try: value = getattr(g, name)
        except AttributeError: continue
        if isinstance(value, dict) and 'EXPECTED' in value: return value['EXPECTED']
    return g(g)
""", "EXPECTED = 7\nassert f(lambda x: 0) == EXPECTED"),
    asserts("an object of the suite's own, forged", WRONG, HARNESS + """
def f(g):
    harness.pack = lambda *a: b'{"value":{"t":"own","v":[0,""]}}'
    return 0
""", "xs = [7]\nassert f(lambda: 7) == 7"),
    asserts("a reference to itself, forged", WRONG, HARNESS + """
def f(g):
    inner = b'{"t":"ref","v":[1,"x","list",null]}'
    harness.pack = lambda *a: b'{"value":{"t":"ref","v":[1,"x","list",' + inner + b']}}'
    return 0
""", "assert f(1) == [7]"),
    asserts("an exception class that is no exception, forged", WRONG, HARNESS + """
def f(g):
    harness.pack = lambda *a: (b'{"raised":{"type":"x","builtin":"exit","message":"","args":[],'
                               b'"bases":[["unittest.case","SkipTest"],["re","compile"]]}}')
    return 0
""", "import unittest\ntry:\n    assert f(1) == 7\nexcept unittest.SkipTest: pass"),
    asserts("what makes the suite fail to hand it back", WRONG,
            "async def g(x): pass\ndef f(x): return 7", "assert f(g(1)) == 7"),
    asserts("a metaclass that owns everything", WRONG, """
class M(type):
    def __instancecheck__(cls, value): return True
class Node(metaclass=M): pass
def f(x): return 3
""", "assert isinstance(f(1), Node)"),
]  # fmt: skip
