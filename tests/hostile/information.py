"""Programs that want to know what they were not told."""

from cases import attempts, stdio

CASES = [
    attempts("files of the test", "open({canary!r}).read()", "os.stat({canary!r})",
             "os.listdir(os.path.dirname({canary!r}))"),
    attempts("files of root", "open('/etc/shadow').read()", "open('/root/.bashrc').read()",
             "os.listdir('/root/.ssh')", "open('/etc/passwd').read()", "os.listdir('/home')",
             "os.listdir('/var')"),
    attempts("installed targets", "__import__('reasonbench').__version__",
             "__import__('msgspec').__version__", "__import__('pytest').__version__"),
    stdio("environment", "ok", """
import os
known = {'PATH', 'HOME', 'TMPDIR', 'LANG', 'PYTHONHASHSEED', 'PYTHONDONTWRITEBYTECODE',
         'MALLOC_ARENA_MAX', 'OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'PWD', 'LC_CTYPE'}
print(*['ESCAPED ' + name for name in os.environ if name not in known])
"""),
    stdio("environments of others", "ok", """
import os
for pid in os.listdir('/proc'):
    if pid.isdigit() and int(pid) != os.getpid():
        try:
            if open(f'/proc/{pid}/environ').read(): print('ESCAPED', pid)
        except OSError: pass
"""),
    stdio("processes of others", "ok", """
import os
others = [pid for pid in os.listdir('/proc') if pid.isdigit()]
if len(others) > 2: print('ESCAPED', others)
"""),
    stdio("host name", "ok", """
import os
if os.uname().nodename != 'sandbox': print('ESCAPED', os.uname().nodename)
"""),
    stdio("the command line of the kernel", "exception",
          "print('ESCAPED', open('/proc/cmdline').read())"),
    stdio("open descriptors", "ok", """
import os, stat
for fd in range(3, 256):
    try: print('ESCAPED', fd, os.fstat(fd))
    except OSError: pass
"""),
    stdio("what the last program left", "ok", """
import os
for folder in ('/tmp', '/dev/shm'):
    for name in os.listdir(folder):
        if name != 'main.py': print('ESCAPED', folder, name)
    open(folder + '/left-behind', 'w').write('x')
"""),
    stdio("what the last program left, again", "ok", """
import os
for folder in ('/tmp', '/dev/shm', '/dev', '/'):
    if 'left-behind' in os.listdir(folder): print('ESCAPED', folder)
"""),
    stdio("the secret in memory", "ok", """
found = 0
needle = b'-expected-' + b'answer'
with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:
    for line in maps.read().splitlines():
        span, rights, *rest = line.split()
        if 'r' not in rights or '[v' in line: continue
        start, end = (int(x, 16) for x in span.split('-'))
        try: memory.seek(start); data = memory.read(end - start)
        except (OSError, ValueError, OverflowError): continue
        i = data.find(needle)
        while i >= 0:
            if data[i - 6:i] == b'7fe0' + b'c1': found += 1
            i = data.find(needle, i + 1)
if found: print('ESCAPED', found)
"""),
]  # fmt: skip
