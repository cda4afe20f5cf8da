"""Programs that go for the harness around them."""

from cases import SLEEPY, asserts, function, stdio

from reasonbench.sandbox import Limits

FORGE = """
import json, os, struct
def f(x):
    body = {body}
    os.write(3, struct.pack('!BI', ord('D'), len(body)) + body)
    return 0
"""

HARNESS = """
import sys
frame, harness = sys._getframe(1), None
while frame and harness is None:
    harness = frame.f_globals.get('objects')
    frame = frame.f_back
"""
CASES = [
    function("os._exit(0)", "exit", "import os\ndef f(x): os._exit(0)"),
    function("os._exit while defining", "exit", "import os\nos._exit(0)"),
    function("sys.exit in a call", "exception", "import sys\ndef f(x): sys.exit(0)"),
    function("sys.exit while defining", "exception", "import sys\nsys.exit(0)"),
    function("raising what is no Exception", "exception",
             "class B(BaseException): pass\ndef f(x): raise B('x')"),
    function("KeyboardInterrupt", "exception", "def f(x): raise KeyboardInterrupt"),
    function("closing all descriptors", "exit exception security",
             "import os\ndef f(x): os.closerange(0, 256); return 1"),
    function("closing all descriptors while defining", "exit exception",
             "import os\nos.closerange(0, 256)"),
    function("writing to all descriptors", "security exit", """
import os
for fd in range(256):
    try: os.write(fd, b'x' * 100)
    except OSError: pass
def f(x): return 1
"""),
    function("a forged length", "security",
             "import os\ndef f(x): os.write(3, b'D' + b'\\xff' * 4); return 1"),
    function("a forged frame", "security exit", FORGE.replace("{body}", "b'{\"value\": 1}'")),
    function("many forged frames", "security exit", """
import os, struct
body = b'0' * 16 + b'{"value":1}'
for _ in range(1000): os.write(3, struct.pack('!BI', ord('D'), len(body)) + body)
def f(x): return 1
"""),
    function("descriptors sent to the supervisor", "security exit", """
import array, os, socket
channel = socket.socket(fileno=3)
fds = array.array('i', [0, 1, 2] * 20)
def f(x):
    for _ in range(1000):
        channel.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    return 7
"""),
    function("a channel shut down", "tle_wall", """
import socket, time
def f(x): socket.socket(fileno=3).shutdown(2); time.sleep(1000)
""", limits=SLEEPY),
    function("a large request that is never read", "tle_wall", """
import time
time.sleep(1000)
def f(x): return 7
""", limits=SLEEPY, calls=(("x" * 5_000_000,),)),
    function("half a frame", "tle_wall", """
import os, time
def f(x): os.write(3, b'D\\0\\0\\1\\0half'); time.sleep(1000)
""", limits=SLEEPY),
    function("reading the channel", "tle_wall tle_cpu exit",
             "import os\ndef f(x):\n    while True: os.read(3, 100)", limits=SLEEPY),
    function("the channel as standard output", "security exit", """
import os
os.dup2(3, 1)
def f(x):
    print('x' * 10_000, flush=True)
    return 1
"""),
    function("patched json", "ok exception", """
import json
json.dumps = lambda *a, **k: 'broken'
json.loads = lambda *a, **k: 1 / 0
def f(x): return 7
"""),
    function("patched builtins", "ok exception exit", """
import builtins
for name in ('len', 'isinstance', 'type', 'repr', 'str', 'dict', 'list', 'set', 'getattr', 'eval'):
    setattr(builtins, name, lambda *a, **k: 1 / 0)
def f(x): return 7
"""),
    function("patched sys.stdout", "ok exception", """
import sys
sys.stdout = sys.stderr = None
def f(x): return 7
"""),
    function("patched modules", "ok exception exit", """
import sys
for name in list(sys.modules): sys.modules[name] = None
def f(x): return 7
"""),
    function("exit handlers", "ok", """
import atexit, os
atexit.register(os._exit, 0)
class D:
    def __del__(self): os._exit(0)
keep = D()
def f(x): return 7
"""),
    function("threads after return", "ok", """
import threading, time
def f(x):
    threading.Thread(target=time.sleep, args=(1000,)).start()
    return 7
"""),
    function("signal handlers", "ok", """
import signal
for n in range(1, 65):
    try: signal.signal(n, lambda *a: 1 / 0)
    except (OSError, ValueError): pass
def f(x): return 7
"""),
    function("faulthandler", "ok signal", """
import faulthandler
faulthandler.dump_traceback_later(0.01, repeat=True)
def f(x): return 7
"""),
    function("tracing", "ok exception", """
import sys
sys.settrace(lambda *a: 1 / 0)
def f(x): return 7
"""),
    function("hostile repr", "ok exception exit", """
import os
class H:
    def __repr__(self): os._exit(0)
    __str__ = __hash__ = __len__ = __iter__ = __bool__ = __reduce__ = __repr__
    __eq__ = lambda self, other: True
    @property
    def __class__(self): os._exit(0)
def f(x): return [H()]
"""),
    function("hostile metaclass", "ok exception exit", """
import os
class M(type):
    __name__ = property(lambda c: os._exit(0))
    def mro(c): return [c, object]
    def __getattribute__(c, n): os._exit(0)
class H(metaclass=M): pass
def f(x): return H()
"""),
    function("hostile exception", "exception exit", """
import os
class E(Exception):
    def __str__(self): raise self
def f(x): raise E
"""),
    function("a subclass of int", "ok", "class I(int): pass\ndef f(x): return I(7)"),
    function("a subclass of str", "ok", "class S(str): pass\ndef f(x): return {S('x'): S('y')}"),
    function("a list 10^6 deep", "ok signal", """
def f(x):
    a = []
    for _ in range(10 ** 6): a = [a]
    return a
"""),
    function("a cyclic list", "ok", "def f(x):\n    a = []\n    a.append(a)\n    return a"),
    function("a list that doubles", "ok",
             "def f(x):\n    a = []\n    for _ in range(60): a = [a, a]\n    return a"),
    function("an integer of 10^5 digits", "ok", "def f(x): return 10 ** 100_000"),
    function("an integer of 10^7 digits", "ok tle_cpu", "def f(x): return 1 << 33_000_000"),
    function("keys that collide", "ok tle_cpu security",
             "def f(x): return {i * (2 ** 61 - 1): 0 for i in range(5000)}"),
    function("strange floats", "ok", "def f(x): return [float('nan'), float('inf'), -0.0]"),
    function("lone surrogates", "ok", "def f(x): return '\\ud800\\0'"),
    function("no such function", "exception", "def g(x): return 7"),
    function("not a function", "exception", "f = 7"),
    stdio("the exit code of the harness", "compile exit", "import os\nos._exit(97)"),
    stdio("a broken excepthook", "exception", "import sys\nsys.excepthook = 7\n1 / 0"),
    stdio("closed standard output", "ok exit exception", "import sys\nsys.stdout.close()"),
    stdio("exit in a thread at the end", "ok", """
import threading, time, os
threading.Thread(target=lambda: (time.sleep(0.05), os._exit(0))).start()
"""),
    function("large values, call after call", "ole", "def f(x): return 'x' * (7 << 20)",
             calls=((1,),) * 30),
    function("many values, call after call", "ole", "def f(x): return [[]] * 900_000",
             calls=((1,),) * 30),
    function("many large numbers", "ok", "def f(x): return [1 << 330_000] * 500"),
    function("fractions that would be long to reduce", "ole security", HARNESS + """
import json, random
from fractions import Fraction
def f(x):
    long = lambda: {'t': 'i', 'v': hex(random.getrandbits(332_000) | 1)}
    parts = json.dumps({'value': [{'t': 'q', 'v': [long(), long()]} for _ in range(100)]})
    harness.pack = lambda *a: parts.encode()
    return 1
"""),
    function("a range of everything", "ok", "def f(x): return range(10 ** 18)"),
    asserts("a callback that never ends", "tle_cpu tle_wall", "def f(g):\n    while True: g(1)",
            "assert f(lambda x: x) == 7", limits=Limits(cpu_s=1.0, wall_s=3.0)),
    asserts("callbacks within callbacks", "exception", "def f(g): return g(g)",
            "def h(g): return f(g)\nassert f(h) == 7"),
]  # fmt: skip
