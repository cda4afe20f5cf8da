"""Programs that are unusual and right: each must come to exactly what it should."""

import sys

from cases import asserts, function, stdio

from reasonbench.sandbox import Limits

ROOMY = Limits(cpu_s=20.0, wall_s=120.0)


def right(name: str, code: str, stdin: str = "", stdout: str = "42\n"):
    return stdio(name, "ok", code, stdin=stdin, stdout=stdout, limits=ROOMY)


CASES = [
    right("input()", "print(int(input()) + int(input()))", "40\n2"),
    right("os.read", "import os\nprint(sum(map(int, os.read(0, 1000).split())))", "40 2"),
    right("open(0)", "print(sum(map(int, open(0).read().split())))", "40 2"),
    right("/dev/stdin", "print(sum(map(int, open('/dev/stdin').read().split())))", "40 2"),
    right("iterating sys.stdin.buffer",
          "import sys\nprint(sum(int(line) for line in sys.stdin.buffer))", "40\n2\n"),
    right("iterating sys.stdin", "import sys\nprint(sum(int(x) for x in sys.stdin))", "40\n2\n"),
    right("a second readline at the end", """
import sys
a = sys.stdin.readline()
assert sys.stdin.readline() == '' and sys.stdin.readline() == ''
print(a.strip())
""", "42"),
    right("input() to its end", """
try:
    while True: x = input()
except EOFError: print(x)
""", "1\n42\n"),
    right("fileinput",
          "import fileinput\nprint(sum(int(x) for x in fileinput.input()))", "40\n2\n"),
    right("mixed reading", """
import sys
n = int(sys.stdin.readline())
print(sum(map(int, sys.stdin.read().split())) + n)
""", "40\n1\n1\n"),
    right("dup'd standard output", """
import os, sys
out = os.fdopen(os.dup(1), 'w')
out.write('42'); out.flush()
print()
"""),
    right("os.write and print", "import os\nprint('4', end='', flush=True)\nos.write(1, b'2\\n')"),
    right("io.BytesIO as a buffer", """
import os, sys, io
sys.stdout = io.StringIO()
print(42)
os.write(1, sys.stdout.getvalue().encode())
"""),
    right("/dev/stdout", "open('/dev/stdout', 'w').write('42\\n')"),
    right("no end of line", "import sys\nsys.stdout.write('42')", stdout="42"),
    right("sys.exit()", "import sys\nprint(42)\nsys.exit()"),
    right("exit()", "print(42)\nexit(0)"),
    right("os._exit after a flush", "import os\nprint(42, flush=True)\nos._exit(0)"),
    right("atexit", "import atexit\natexit.register(print, 42)"),
    right("a destructor at the end", """
class D:
    def __del__(self): print(42)
d = D()
"""),
    right("a stack of 256 MiB in a thread", """
import sys, threading
sys.setrecursionlimit(10 ** 6)
threading.stack_size(256 << 20)
def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
def main(): print(depth(100_000) - 99_958)
t = threading.Thread(target=main); t.start(); t.join()
"""),
    right("a recursion limit of 10^6", """
import sys
sys.setrecursionlimit(10 ** 6)
def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
print(depth(100_000) - 99_958)
"""),
    right("a stack without a limit", """
import resource, sys
resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
sys.setrecursionlimit(10 ** 6)
def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
print(depth(50_000) - 49_958)
"""),
    right("threads with stacks of 512 MiB", """
import threading
threading.stack_size(512 << 20)
t = threading.Thread(target=print, args=(42,)); t.start(); t.join()
"""),
    right("an alarm", """
import signal, time
def ring(*args): print(42); raise SystemExit
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.01)
time.sleep(60)
"""),
    right("names of the machine", """
import platform, os, time, zoneinfo, locale, sqlite3
platform.platform(), os.cpu_count(), os.getcwd(), time.tzname, zoneinfo.ZoneInfo('Europe/Paris')
print(sqlite3.connect(':memory:').execute('select 42').fetchone()[0])
"""),
    right("its own source", "print(42 if 'print(42' in open(__file__).read() else 0)"),
    right("cached recursion", """
import sys
from functools import lru_cache
sys.setrecursionlimit(10 ** 6)
@lru_cache(None)
def f(n): return 0 if n == 0 else 1 + f(n - 1)
print(f(DEPTH) - DEPTH + 42)
""".replace("DEPTH", "20_000" if sys.version_info < (3, 12) else "200")),
    right("threads", """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool: print(sum(pool.map(int, ['6'] * 7)))
"""),
    right("asyncio", """
import asyncio
async def main():
    await asyncio.sleep(0)
    return 42
print(asyncio.run(main()))
"""),
    right("contest imports", """
import heapq, bisect, collections, itertools, functools, math, re, string, random, decimal
import fractions, statistics, operator, copy, array, struct, datetime, time, typing, json, queue
import cmath, sys, os, io, hashlib, dataclasses, enum, contextlib, textwrap, calendar, uuid
from collections import defaultdict, Counter, deque, OrderedDict
from heapq import heappush, heappop
h = []; heappush(h, 42); print(heappop(h) + bisect.bisect([1, 2], 0))
"""),
    right("__main__", "if __name__ == '__main__': print(42)"),
    right("pickling", """
import pickle
class P: x = 42
print(pickle.loads(pickle.dumps(P())).x)
"""),
    right("a dataclass", """
from __future__ import annotations
from dataclasses import dataclass
@dataclass
class P:
    x: int
print(P(42).x)
"""),
    right("a temporary file", """
import tempfile
with tempfile.TemporaryFile('w+') as f:
    f.write('42'); f.seek(0); print(f.read())
"""),
    right("a large input", "print(len(input()) - 4_999_958)", "x" * 5_000_000),
    right("a large output", "print('x' * 1_000_000)", stdout="x" * 1_000_000 + "\n"),
    right("unicode", "print(input()[::-1])", "é→\U0001f600", "\U0001f600→é\n"),
    right("many small prints", "for _ in range(20_000): print(1)", stdout="1\n" * 20_000),
    right("warnings", "import warnings\nwarnings.warn('x')\nprint(42)"),
    function("a function", "ok", "def f(x): return x + 1", calls=((1,), (41,)), values=(2, 42)),
    function("a method", "ok", "class Solution:\n    def g(self, x): return [x]",
             entry_point="Solution.g", values=([1],)),
    function("a main guard", "ok",
             "def f(x): return 7\nif __name__ == '__main__': raise SystemExit", values=(7,)),
    function("printing in a function", "ok", "def f(x): print(x); return 7", values=(7,)),
    function("all plain types", "ok", """
from collections import Counter, defaultdict, OrderedDict, namedtuple
P = namedtuple('P', 'x y')
def f(x):
    return [None, True, 10 ** 30, -1.5, 'é', (1, 2), {1, 2}, frozenset([3]), {(1, 2): [3]}, b'x',
            1j, Counter('aab'), defaultdict(int, a=1), OrderedDict(b=2), P(1, 2)]
""", values=([None, True, 10**30, -1.5, "é", (1, 2), {1, 2}, frozenset([3]), {(1, 2): [3]}, b"x",
              1j, {"a": 2, "b": 1}, {"a": 1}, {"b": 2}, (1, 2)],)),
    asserts("a suite", "ok", "def f(x): return x + 6",
            "def check(candidate):\n    assert candidate(1) == 7", check="check"),
    asserts("bare asserts", "ok", "def f(x): return x + 6", "assert f(1) == 7\nassert f(2) == 8"),
    asserts("an exception that is wanted", "ok", "def f(x): raise ValueError('bad')", """
try:
    f(1)
    assert False
except ValueError as error:
    assert str(error) == 'bad'
"""),
    asserts("unittest", "ok", "def f(x): return [][x]", """
import unittest
class T(unittest.TestCase):
    def test(self):
        with self.assertRaises(IndexError): f(1)
T('test').debug()
"""),
    asserts("a helper of the candidate's", "ok",
            "LIMIT = 3\ndef g(x): return x * 2\ndef f(x): return x // 2",
            "assert f(g(LIMIT)) == LIMIT"),
    asserts("objects of the candidate's", "ok", """
class Node:
    def __init__(self, v): self.v, self.left = v, None
def f(node): return node.v + (f(node.left) if node.left else 0)
""", "root = Node(3)\nroot.left = Node(4)\nassert f(root) == 7\nassert root.left.v == 4"),
    asserts("a generator", "ok", "def f(x):\n    yield x\n    yield x + 1",
            "assert list(f(1)) == [1, 2]"),
    asserts("a method in a suite", "ok",
            "class Solution:\n    def g(self, x): return x + 6",
            "assert Solution().g(1) == 7", entry_point="Solution"),
    *(asserts(name, "ok", code, suite, **more) for name, code, suite, more in (
        ("a function for an argument", "def f(g, x): return g(x)",
         "assert f(lambda x: x + 1, 3) == 4\nassert f(len, 'abc') == 3", {}),
        ("a function of the suite's that asks in turn", "def h(x): return x * 2\n"
         "def f(g, x): return g(g(x))", "assert f(lambda x: h(x) + 1, 3) == 15", {}),
        ("an iterator for an argument", "def f(xs): return sum(xs)",
         "assert f(x for x in range(4)) == 6\nassert f(iter([1, 2])) == 3", {}),
        ("an exception out of a function for an argument", "def f(g):\n"
         "    try: g()\n    except ValueError as e: return str(e)",
         "def g(): raise ValueError('x')\nassert f(g) == 'x'", {}),
        ("a decorator", "def f(g): return lambda *a: g(*a) * 2",
         "@f\ndef g(x): return x + 1\nassert g(2) == 6", {}),
        ("an argument changed in place", "def f(x): x.sort()",
         "a = [3, 1, 2]\nf(a)\nassert a == [1, 2, 3]", {}),
        ("an argument changed in place, and a length", "def f(x):\n    x[:] = [7]\n    return 1",
         "a = [3, 1]\nk = f(a)\nassert a[:k] == [7]", {}),
        ("rows changed in place", "def f(m): m[0][0] = 5; m.append([1])",
         "m = [[1, 2]]\nrow = m[0]\nf(m)\nassert m == [[5, 2], [1]] and row == [5, 2]", {}),
        ("a dict changed in place", "def f(d): d['b'] = d.pop('a')",
         "d = {'a': 1}\nf(d)\nassert d == {'b': 1}", {}),
        ("dates", "import datetime\ndef f(s): return datetime.date.fromisoformat(s)",
         "import datetime\nassert f('2020-01-02') == datetime.date(2020, 1, 2)", {}),
        ("dates that the suite does not import", "import datetime\n"
         "def f(s): return datetime.datetime.fromisoformat(s) + datetime.timedelta(days=1)",
         "assert f('2020-01-02') == datetime.datetime(2020, 1, 3)", {}),
        ("a deque", "from collections import deque\ndef f(x): return deque([x])",
         "from collections import deque\nassert f(1) == deque([1])", {}),
        ("a Counter, its methods and no import", "from collections import Counter\n"
         "def f(s): return Counter(s)",
         "assert f('aab') == Counter('aab') and f('aab').most_common(1) == [('a', 2)]", {}),
        ("a defaultdict for an argument", "def f(d):\n    d['x'].append(1)\n    return d",
         "from collections import defaultdict\nassert f(defaultdict(list)) == {'x': [1]}", {}),
        ("a range", "def f(n): return range(n)", "assert f(3) == range(3)", {}),
        ("a text of its own class", "class S(str): pass\ndef f(n): return S('a' * n)",
         "assert f(3) == 'aaa' and f(2).upper() == 'AA'", {}),
        ("equality of its own", "class P:\n    def __init__(s, a): s.a = a\n"
         "    def __eq__(s, o): return s.a == o.a\n    def __hash__(s): return hash(s.a)\n"
         "    def __repr__(s): return f'P({s.a})'",
         "assert P(1) == P(1) and P(1) != P(2)\nassert len({P(1), P(1)}) == 1\n"
         "assert repr(P(1)) == 'P(1)'", {"entry_point": "P"}),
        ("operators of its own", "class V:\n    def __init__(s, a): s.a = a\n"
         "    def __add__(s, o): return V(s.a + o.a)\n    def __mul__(s, k): return V(s.a * k)\n"
         "    def __lt__(s, o): return s.a < o.a\n    def __contains__(s, x): return x == s.a\n"
         "    def __eq__(s, o): return isinstance(o, V) and s.a == o.a",
         "assert V(1) + V(2) == V(3) and V(2) * 3 == V(6) and 2 in V(2) and 3 not in V(2)\n"
         "assert sorted([V(2), V(1)])[0].a == 1 and V(1) < V(2)", {"entry_point": "V"}),
        ("an exception of its own", "class MyErr(Exception):\n    code = 5\n"
         "class Worse(MyErr): pass\ndef f(n): raise Worse('neg')",
         "try:\n    f(1)\nexcept MyErr as e:\n    assert str(e) == 'neg' and e.code == 5\n"
         "    assert isinstance(e, MyErr)\nelse:\n    assert False", {}),
        ("a key error's text", "def f(n): return {}['x']",
         "try:\n    f(1)\nexcept KeyError as e:\n    assert e.args == ('x',)\n"
         "    assert str(e) == \"'x'\"", {}),
        ("an error of json", "import json\ndef f(n): return json.loads('{')",
         "import json\ntry:\n    f(1)\nexcept json.JSONDecodeError as e:\n    assert e.pos == 1\n"
         "else:\n    assert False", {}),
        ("the end of a generator", "def f(n): yield n",
         "g = f(1)\nassert next(g) == 1\ntry:\n    next(g)\n    assert False\n"
         "except StopIteration:\n    pass", {}),
        ("an instance of its class", "class Node: pass\nclass Leaf(Node): pass\n"
         "def f(n): return Leaf()",
         "assert isinstance(f(1), Node) and not isinstance(3, Node)\nassert issubclass(Leaf, Node)",
         {}),
        ("an enumeration", "import enum\nclass C(enum.Enum):\n    RED = 1\ndef f(x): return C(x)",
         "assert f(1) == C.RED and f(1) is C.RED and f(1).name == 'RED' and len(list(C)) == 1", {}),
        ("an enumeration of whole numbers", "import enum\nclass C(enum.IntEnum):\n    A = 2\n"
         "def f(x): return C.A", "assert f(1) == 2 and f(1) == C.A and f(1) + 1 == 3", {}),
        ("a named tuple", "from collections import namedtuple\nP = namedtuple('P', 'x y')\n"
         "def f(x): return P(x, 2)",
         "a, b = f(1)\nassert f(1) == (1, 2) and f(1).x == 1 and f(1) == P(1, 2)\n"
         "assert isinstance(f(1), tuple) and sorted([f(2), f(1)])[0].x == 1", {}),
        ("a stack that is a list", "class Stack(list):\n    def push(s, x): s.append(x)",
         "s = Stack()\nassert not s\ns.push(1)\nassert s == [1] and len(s) == 1 and s",
         {"entry_point": "Stack"}),
        ("a coroutine", "async def f(x): return x + 6",
         "import asyncio\nassert asyncio.run(f(1)) == 7", {}),
        ("a context", "class C:\n    def __enter__(s): return 7\n    def __exit__(s, *a): pass",
         "with C() as x:\n    assert x == 7", {"entry_point": "C"}),
        ("its own function for an argument", "def g(x): return x + 1\n"
         "def f(h, x): return h(x)", "assert f(g, 1) == 2 and sorted([2, 1], key=g) == [1, 2]", {}),
    )),
]  # fmt: skip
