"""Exchanges two paths, again and again, until it is killed: renameat2(2) with RENAME_EXCHANGE, so that there is always something at both."""
import ctypes, sys, time

AT_FDCWD, RENAME_EXCHANGE = -100, 2
libc = ctypes.CDLL(None, use_errno=True)
one, other = (path.encode() for path in sys.argv[1:3])
print("swapping", flush=True)
while True:
    libc.renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)
    time.sleep(0.0005)
