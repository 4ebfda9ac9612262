"""Runs a program and prints every change below a folder until it has ended, one line each. argv: the folder, the program's command line."""
import ctypes
import os
import select
import struct
import subprocess
import sys

# inotify(7)
EVENTS = {0x2: "modify", 0x4: "attrib", 0x8: "close-write", 0x40: "moved-from", 0x80: "moved-to", 0x100: "create", 0x200: "delete",
          0x400: "delete-self", 0x800: "move-self"}
IN_ONLYDIR = 0x01000000


def watch(top):
    """A descriptor that tells of changes, and the folders by their numbers there."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_NONBLOCK)
    folders = {}
    for folder, _, _ in os.walk(top):
        number = libc.inotify_add_watch(fd, os.fsencode(folder), sum(EVENTS) | IN_ONLYDIR)
        if number < 0:
            sys.exit("cannot watch %s: %s" % (folder, os.strerror(ctypes.get_errno())))
        folders[number] = folder
    return fd, folders


def show(data, folders):
    while data:
        number, mask, _, length = struct.unpack_from("iIII", data)
        name = os.fsdecode(data[16:16 + length].rstrip(b"\0"))
        data = data[16 + length:]
        words = [word for bit, word in EVENTS.items() if mask & bit]
        print("%s %s" % (" ".join(words), os.path.join(folders.get(number, "?"), name)), flush=True)


def main():
    fd, folders = watch(sys.argv[1])
    program = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=sys.stderr)
    while True:
        # Asked first: what was changed before the end is seen after it.
        has_ended = program.poll() is not None
        while select.select([fd], [], [], 0 if has_ended else 0.05)[0]:
            show(os.read(fd, 65536), folders)
        if has_ended:
            sys.exit(program.returncode)


main()
