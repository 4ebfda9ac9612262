"""Runs a program on a pseudo-terminal and types at it. argv: a JSON object; prints one too.

{"argv": [...], "columns": n, "rows": n, "env": {...}, "steps": [{"until": regex, "type": text}], "limit": seconds}
Each step waits until what was printed since the last one matches, without control sequences, and then types. In the end it waits for the
program. -> {"code": exit status or null, "signal": n or null, "missed": regex or null, "output": text}
"""

import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def main(order):
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(order.get("env", {}))
        # The size has to be there before the program asks for it.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", order["rows"], order["columns"], 0, 0))
        os.execvp(order["argv"][0], order["argv"])
    output = b""
    seen = 0
    missed = None
    end = time.monotonic() + order["limit"]

    def read(seconds):
        """Adds what is printed; False at the end."""
        nonlocal output
        if not select.select([terminal], [], [], seconds)[0]:
            return True
        try:
            data = os.read(terminal, 65536)
        except OSError:
            data = b""
        output += data
        return data != b""

    for step in order["steps"]:
        wanted = re.compile(step["until"])
        while not wanted.search(CONTROL.sub("", output[seen:].decode("utf-8", "replace"))):
            if time.monotonic() > end or not read(0.1):
                missed = step["until"]
                break
        if missed is not None:
            break
        seen = len(output)
        os.write(terminal, step["type"].encode())
    if missed is None:
        while time.monotonic() < end and read(0.1):
            pass
    ended, status = os.waitpid(pid, os.WNOHANG)
    limit = time.monotonic() + 5
    while ended == 0 and time.monotonic() < limit:
        time.sleep(0.02)
        ended, status = os.waitpid(pid, os.WNOHANG)
    if ended == 0:
        os.kill(pid, 9)
        _, status = os.waitpid(pid, 0)
        missed = missed or "the end of the program"
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    print(json.dumps({"code": code, "signal": signal, "missed": missed, "output": output.decode("utf-8", "replace")}))


main(json.loads(sys.argv[1]))
