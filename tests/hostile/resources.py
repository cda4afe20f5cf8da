"""Programs that want more than they are given."""

from cases import SLEEPY, function, stdio

from reasonbench.sandbox import Limits

CASES = [
    stdio("fork bomb", "exception ok", "import os\nwhile True: os.fork()"),
    stdio("fork bomb that goes on", "tle_cpu", """
import os
while True:
    try: os.fork()
    except OSError: pass
"""),
    stdio("memory", "mle tle_cpu", "x = []\nwhile True: x.append(bytearray(1 << 24))"),
    stdio("memory in small pieces", "mle", "x = []\nwhile True: x.append([0] * 1000)",
          limits=Limits(cpu_s=10, memory_mb=128)),
    stdio("memory error caught", "mle tle_cpu ok signal", """
x = []
while True:
    try: x.append(bytearray(1 << 26))
    except MemoryError:
        pass
"""),
    stdio("one huge allocation", "mle", "x = 'a' * (1 << 40)"),
    stdio("disk fill", "ole exception", """
n = 0
while True:
    n += 1
    with open(f'/tmp/{n}', 'wb') as f: f.write(b'x' * 900_000)
"""),
    stdio("one huge file", "ole exception", "open('/tmp/x', 'wb').write(b'x' * (1 << 28))"),
    stdio("sparse file", "ole exception", "open('/tmp/x', 'wb').truncate(1 << 40)"),
    stdio("shared memory fill", "ole exception", """
n = 0
while True:
    n += 1
    with open(f'/dev/shm/{n}', 'wb') as f: f.write(b'x' * 900_000)
"""),
    stdio("inode fill", "exception", """
n = 0
while True:
    n += 1
    open(f'/tmp/{n}', 'w').close()
""", limits=Limits(cpu_s=10)),
    stdio("folders in folders", "exception tle_cpu", """
import os
while True:
    os.mkdir('d'); os.chdir('d')
""", limits=Limits(cpu_s=3)),
    stdio("spin", "tle_cpu", "while True: pass"),
    stdio("spin that ignores the warning", "tle_cpu", """
import signal
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
while True: pass
"""),
    stdio("spin that ignores everything", "tle_cpu", """
import signal
for n in range(1, 65):
    try: signal.signal(n, lambda *a: None)
    except (OSError, ValueError): pass
while True: pass
"""),
    stdio("spin in C", "tle_cpu", "print(len(str(3 ** 10 ** 8)))"),
    stdio("spin in a regular expression", "tle_cpu",
          "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')"),
    stdio("spin in threads", "tle_cpu", """
import threading
def spin():
    while True: pass
for _ in range(8): threading.Thread(target=spin).start()
"""),
    stdio("sleep", "tle_wall", "import time\ntime.sleep(1000)", limits=SLEEPY),
    stdio("sleep in a signal wait", "tle_wall", "import signal\nsignal.pause()", limits=SLEEPY),
    stdio("deadlock", "tle_wall", """
import threading
lock = threading.Lock()
lock.acquire(); lock.acquire()
""", limits=SLEEPY),
    stdio("a thread that never ends", "tle_wall", """
import threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
print('done')
""", limits=SLEEPY),
    stdio("a pipe that nobody writes to", "tle_wall",
          "import os\nr, w = os.pipe()\nos.read(r, 1)", limits=SLEEPY),
    stdio("flood of output", "ole", "while True: print('x' * 100_000)"),
    stdio("flood of errors", "ole", "import sys\nwhile True: sys.stderr.write('x' * 100_000)"),
    stdio("flood that ignores the signal", "ole tle_cpu", """
import os, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
while True:
    try: os.write(1, b'x' * 100_000)
    except OSError: pass
"""),
    stdio("flood without new lines", "ole", "while True: print('x', end='', flush=True)",
          limits=Limits(cpu_s=10, output_kb=64)),
    stdio("deep recursion", "exception", "def f(n): return f(n + 1)\nf(0)"),
    stdio("deep recursion without a limit", "signal mle exception tle_cpu", """
import sys
sys.setrecursionlimit(10 ** 9)
class A:
    def __repr__(self): return repr(self)
repr(A())
"""),
    stdio("crash", "signal", "import ctypes\nctypes.string_at(0)"),
    stdio("abort", "signal", "import os\nos.abort()"),
    stdio("printing a huge integer", "exception", "print(10 ** 100_000)"),
    stdio("a huge power", "tle_cpu mle", "x = 9 ** 9 ** 9"),
    stdio("thread bomb", "exception mle tle_wall", """
import threading, time
while True: threading.Thread(target=time.sleep, args=(1000,)).start()
""", limits=SLEEPY),
    stdio("descriptor bomb", "exception", """
x = []
while True: x.append(open('/dev/null'))
"""),
    stdio("pipe bomb", "exception tle_wall", """
import os, fcntl
while True:
    r, w = os.pipe()
    fcntl.fcntl(w, 1031, 1 << 20)
    os.write(w, b'x' * (1 << 19))
""", limits=SLEEPY),
    stdio("compiler bomb", "compile mle signal exception", "x = " + "(" * 50_000 + ")" * 50_000),
    stdio("syntax error", "compile", "def f(:"),
    stdio("null byte", "compile", "print(1)\0"),
    stdio("exit code", "exit", "import sys\nsys.exit(3)"),
    function("spin in a call", "tle_cpu", "def f(x):\n    while True: pass"),
    function("spin while defining", "tle_cpu", "while True: pass"),
    function("a huge result", "ok mle", "def f(x): return 'x' * (1 << 26)"),
    function("sleep in a call", "tle_wall", "import time\ndef f(x): time.sleep(1000)",
             limits=SLEEPY),
]  # fmt: skip
