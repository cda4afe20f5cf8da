"""Programs that want out."""

from cases import SLEEPY, attempts, stdio

I386 = """
import mmap, ctypes, platform
if platform.machine() != 'x86_64': raise SystemExit
code = bytes.fromhex('53b814000000cd805bc3')  # push rbx; mov eax, 20 (getpid); int 0x80; ...
page = mmap.mmap(-1, 4096, prot=7)
page.write(code)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
print('ESCAPED', ctypes.CFUNCTYPE(ctypes.c_long)(address)())
"""

OWNER = """
import fcntl, os, struct, time
r, w = os.pipe()
parent = os.getppid()
def tries():
    yield lambda: fcntl.fcntl(r, fcntl.F_SETOWN, parent)
    yield lambda: fcntl.fcntl(r, 15, struct.pack('ii', 1, parent))  # F_SETOWN_EX
    yield lambda: fcntl.ioctl(r, 0x8901, struct.pack('i', parent))  # FIOSETOWN
    yield lambda: fcntl.ioctl(r, 0x8902, struct.pack('i', parent))  # SIOCSPGRP
    yield lambda: fcntl.fcntl(r, 10, 9)  # F_SETSIG
    yield lambda: fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    yield lambda: fcntl.ioctl(r, 0x5452, struct.pack('i', 1))  # FIOASYNC
    yield lambda: fcntl.fcntl(os.open('/tmp', os.O_RDONLY), 1026, 2)  # F_NOTIFY
for n, attempt in enumerate(tries()):
    try:
        attempt()
        print('ESCAPED', n)
    except PermissionError: pass
    except OSError as error:
        if n in (2, 3): continue  # a pipe knows of no such request
        raise
for _ in range(100): os.write(w, b'x')
print('still here')
"""
CASES = [
    stdio("a signal that the kernel sends for one", "ok", OWNER, stdout="still here\n"),
    attempts("sockets", "socket.socket()", "socket.socket(socket.AF_UNIX)",
             "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
             "socket.create_connection(('127.0.0.1', 22), 1)"),
    attempts("names on the network", "socket.gethostbyname('localhost.example')"),
    attempts("other programs", "os.execv('/bin/true', ['true'])", "os.posix_spawn('/bin/true', "
             "['true'], {})", "os.fork()", "os.system('true') or -1 if False else -1"),
    stdio("subprocess", "exception", "import subprocess\nsubprocess.run(['/bin/true'])"),
    stdio("multiprocessing", "exception", """
import multiprocessing
multiprocessing.get_context('fork').Process(target=print, args=('ESCAPED',)).start()
"""),
    attempts("ptrace of the supervisor", "libc.ptrace(16, 1, 0, 0)"),
    attempts("memory of the supervisor", "open('/proc/1/mem', 'rb').read(1)",
             "open('/proc/1/maps').read()", "os.readlink('/proc/1/exe')",
             "os.listdir('/proc/1/fd')", "os.listdir('/proc/1/root')"),
    attempts("process_vm_readv", "libc.process_vm_readv(1, 0, 0, 0, 0, 0) or 'read'"),
    attempts("mount", "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) or 'mounted'"),
    attempts("remount", "libc.mount(None, b'/usr', None, 32 | 4096, None) or 'mounted'"),
    attempts("umount", "libc.umount2(b'/proc', 2) or 'unmounted'"),
    attempts("new mount calls", "libc.syscall(430, b'tmpfs', 0)"),
    attempts("unshare", "libc.unshare(0x10000000) or 'unshared'"),
    attempts("clone with namespaces", "libc.syscall(56 if os.uname().machine == 'x86_64' else 220,"
             " 0x10000000 | 17, 0, 0, 0, 0)"),
    attempts("clone3", "libc.syscall(435, ctypes.create_string_buffer(88), 88)"),
    attempts("setns", "libc.setns(os.open('/proc/self/ns/user', 0), 0) or 'joined'"),
    attempts("chroot", "os.chroot('/tmp') or 'changed root'"),
    attempts("pivot_root", "libc.syscall(155 if os.uname().machine == 'x86_64' else 41, b'/tmp', "
             "b'/tmp')  or 'pivoted'"),
    attempts("kernel settings", "open('/proc/sys/kernel/core_pattern', 'w')",
             "open('/proc/sys/kernel/hostname', 'w')", "open('/proc/sysrq-trigger', 'w')",
             "open('/sys/kernel/uevent_helper', 'w')", "os.listdir('/sys')"),
    attempts("hostname", "socket.sethostname('x') or 'named'"),
    attempts("setuid", "os.setuid(0) or 'root'", "os.setgid(0) or 'root'",
             "os.setgroups([0]) or 'root'"),
    attempts("capabilities", "libc.prctl(47, 2, 21, 0, 0) or 'raised'",
             "libc.prctl(23, 21, 0, 0, 0) if libc.prctl(23, 21, 0, 0, 0) > 0 else -1"),
    attempts("device nodes", "os.mknod('/tmp/sda', 0o60666, os.makedev(8, 0)) or 'made'"),
    attempts("devices", "open('/dev/mem', 'rb')", "open('/dev/kmsg')", "open('/dev/vda', 'rb')",
             "open('/dev/fuse')", "open('/dev/kvm')", "open('/dev/ptmx')", "open('/dev/tty')"),
    attempts("set-uid programs", "os.open('/usr/bin/su', os.O_RDWR)",
             "os.execv('/usr/bin/su', ['su', '-c', 'id'])"),
    attempts("read-only folders", "open('/x', 'w')", "open('/usr/x', 'w')", "open('/dev/x', 'w')",
             "open('/etc/x', 'w')", "os.mkdir('/home')", "open('/harness/boot.py', 'a')",
             "os.remove('/usr/bin/env') or 'removed'", "os.chmod('/', 0o777) or 'changed'"),
    attempts("signals to the supervisor", "os.kill(1, 0) if False else -1",
             "os.kill({pid}, 0) or 'seen'", "os.kill({pid}, 9) or 'killed'"),
    stdio("killing the supervisor", "ok", """
import os, signal
for n in range(1, 65):
    try: os.kill(1, n)
    except OSError: pass
print('still here')
""", stdout="still here\n"),
    stdio("killing everybody", "ok signal exception",
          "import os\nos.kill(-1, 9)\nprint('still here')"),
    stdio("killing the group", "signal", "import os\nos.killpg(0, 9)"),
    stdio("killing itself", "signal", "import os\nos.kill(os.getpid(), 9)"),
    stdio("stopping itself", "tle_wall", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
          limits=SLEEPY),
    attempts("limits of the supervisor",
        "resource.prlimit(1, resource.RLIMIT_CPU, (1, 1)) or 'limited'",
        "resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0)) or 'limited'",
        "libc.prctl(1, 0, 0, 0, 0) or 'changed'",
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 50, 1 << 50)) or 'raised'",
        "os.sched_setaffinity(1, [0]) or 'moved'",
        "os.setpriority(os.PRIO_PROCESS, 1, 19) or 'slowed'",
        "os.setpriority(os.PRIO_USER, 0, 19) or 'slowed'",
        setup="import resource"),
    attempts("io_uring", "libc.syscall(425, 8, ctypes.create_string_buffer(120))"),
    attempts("bpf", "libc.syscall(321 if os.uname().machine == 'x86_64' else 280, 0, 0, 0)"),
    attempts("keyrings", "libc.syscall(250 if os.uname().machine == 'x86_64' else 219, 0, -3, 0)"),
    attempts("userfaultfd", "libc.syscall(323 if os.uname().machine == 'x86_64' else 282, 1)"),
    attempts("perf", "libc.syscall(298 if os.uname().machine == 'x86_64' else 241, "
             "ctypes.create_string_buffer(128), 0, -1, -1, 0)"),
    attempts("memfd_create", "os.memfd_create('x')"),
    attempts("memfd_secret", "libc.syscall(447, 0)"),
    attempts("System V IPC", "libc.shmget(1, 4096, 0o1666)", "libc.semget(1, 1, 0o1666)",
             "libc.msgget(1, 0o1666)"),
    attempts("POSIX message queues", "libc.mq_open(b'/x', 66, 0o666, None)"),
    attempts("file handles", "libc.open_by_handle_at(-100, ctypes.create_string_buffer(64), 0)"),
    attempts("kernel modules", "libc.syscall(313 if os.uname().machine == 'x86_64' else 273, 0, "
             "b'', 0) or 'loaded'"),
    attempts("the clock", "__import__('time').clock_settime(0, 0.0) or 'set'"),
    attempts("a call that is not there yet", "libc.syscall(5000)"),
    stdio("the 32-bit door", "security signal ok", I386),
    attempts("the x32 door", "libc.syscall(0x40000000 + 39)"),
]  # fmt: skip
