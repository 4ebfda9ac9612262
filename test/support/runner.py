"""Runs programs for the tests inside a machine or a container, so that not each of them has to be let in by four programs of its own.

argv: the path of a Unix socket. Each line that comes in there is a request, each answer is a line and the bytes of stdout and of stderr. See runner.ts.
"""

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import threading

# How long whoever has left the program's group may keep its output open, once the program was killed.
LET_GO_SEC = 2


def groups_of(uid, gid):
    try:
        return os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:
        return [gid]


def run(request):
    try:
        program = subprocess.Popen(
            request["argv"],
            stdin=subprocess.PIPE if request["input"] else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=request["cwd"],
            env=request["env"],
            user=request["uid"],
            group=request["gid"],
            extra_groups=groups_of(request["uid"], request["gid"]),
            start_new_session=True,
            umask=0o022,
        )
    except OSError as error:
        # As a shell says it.
        return {"code": 126 if isinstance(error, PermissionError) else 127, "signal": None}, b"", f"{error}\n".encode()
    timed_out = False
    try:
        out, err = program.communicate(request["input"].encode(), timeout=request["limit"])
    except subprocess.TimeoutExpired:
        timed_out = True
        os.killpg(program.pid, signal.SIGKILL)
        try:
            out, err = program.communicate(timeout=LET_GO_SEC)
        except subprocess.TimeoutExpired as rest:
            out, err = rest.stdout or b"", rest.stderr or b""
    code = program.returncode
    if timed_out or code is None:
        return {"code": None, "signal": "SIGKILL", "failure": "TIMEOUT"}, out, err
    if code < 0:
        return {"code": None, "signal": signal.Signals(-code).name}, out, err
    return {"code": code, "signal": None}, out, err


def main(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    connection, _ = listener.accept()
    # Nothing that is looked at inside has a trace of it.
    os.unlink(path)
    listener.close()
    writing = threading.Lock()

    def serve(request):
        end, out, err = run(request)
        head = json.dumps({**end, "id": request["id"], "stdout": len(out), "stderr": len(err)})
        with writing:
            connection.sendall(head.encode() + b"\n" + out + err)

    for line in connection.makefile("rb"):
        threading.Thread(target=serve, args=(json.loads(line),), daemon=True).start()


main(sys.argv[1])
