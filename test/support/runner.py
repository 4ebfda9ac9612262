"""Runs programs for the tests inside a machine or a container, so that not each of them has to be let in by four programs of its own.

argv: the path of a Unix socket, and the text of used-again.cjs. Each line that comes in there is a request, each answer is a line and the bytes of stdout and of
stderr. See runner.ts.
"""

import ctypes
import fcntl
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
LIBC = ctypes.CDLL(None)
# setgroups, setresgid and setresuid, which change the one thread; what libc has under these names changes all of them.
BECOME = {"x86_64": (116, 119, 117), "aarch64": (159, 149, 147)}.get(os.uname().machine)
TIMED_OUT = {"code": None, "signal": "SIGKILL", "failure": "TIMEOUT"}


def groups_of(uid, gid):
    try:
        return os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:
        return [gid]


def start(argv, request, **streams):
    """As whom the request names, where it says. Throws OSError."""
    uid, gid = request["uid"], request["gid"]
    groups = groups_of(uid, gid)

    def popen(**whom):
        common = {"cwd": request["cwd"], "env": request["env"], "start_new_session": True, "umask": 0o022}
        return subprocess.Popen(argv, **streams, **whom, **common)

    # What is started as whom the thread is need not be a copy of this process first (vfork), which is half of what a small program takes.
    if (os.getuid(), os.getgid(), os.getgroups()) == (uid, gid, sorted(groups)):
        return popen()
    program = started_as(uid, gid, groups, popen)
    return popen(user=uid, group=gid, extra_groups=groups) if program is None else program


def started_as(uid, gid, groups, popen):
    """What popen() starts in a thread that has become somebody else. None where it cannot: who it is then may not even enter the folder."""
    started = []

    def begin():
        ids = ((len(groups), (ctypes.c_uint32 * len(groups))(*groups)), (gid, gid, gid), (uid, uid, uid))
        for number, arguments in zip(BECOME, ids):
            if LIBC.syscall(number, *arguments) != 0:
                return
        try:
            started.append(popen())
        except OSError:
            pass

    if BECOME is not None:
        thread = threading.Thread(target=begin)
        thread.start()
        thread.join()
    return started[0] if started else None


def run(request):
    try:
        program = start(
            request["argv"],
            request,
            stdin=subprocess.PIPE if request["input"] else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        return refused(error)
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
        return TIMED_OUT, out, err
    return ended(code), out, err


class UsedAgain:
    """A process of node that runs one program after the other: used-again.cjs."""

    def __init__(self, text, request):
        self.outputs = [os.memfd_create(name) for name in ("stdout", "stderr")]
        for output in self.outputs:
            # Whoever writes there next begins where it ends, be it emptied.
            fcntl.fcntl(output, fcntl.F_SETFL, os.O_APPEND)
        requests, self.requests = os.pipe()
        answers, theirs = os.pipe()
        self.process = start(
            [request["argv"][0], "-", str(requests), str(theirs)],
            request,
            stdin=subprocess.PIPE,
            stdout=self.outputs[0],
            stderr=self.outputs[1],
            pass_fds=(requests, theirs),
        )
        os.close(requests)
        os.close(theirs)
        self.process.stdin.write(text.encode())
        self.process.stdin.close()
        self.answers = os.fdopen(answers, "rb")

    def run(self, request):
        """As run() does it; whether it can be used again; None where it was gone before it has begun."""
        if self.process.poll() is not None:
            return None
        line = json.dumps({name: request[name] for name in ("argv", "cwd", "env")}) + "\n"
        timed_out = threading.Event()

        def kill():
            timed_out.set()
            os.killpg(self.process.pid, signal.SIGKILL)

        limit = threading.Timer(request["limit"], kill)
        limit.start()
        try:
            os.write(self.requests, line.encode())
            if not self.answers.readline():
                return None
            answer = self.answers.readline()
        except BrokenPipeError:
            return None
        finally:
            limit.cancel()
        out, err = (self.taken(output) for output in self.outputs)
        if answer:
            answer = json.loads(answer)
            return ({"code": answer["code"], "signal": None}, out, err), not answer["isLast"]
        code = self.process.wait()
        if timed_out.is_set():
            return (TIMED_OUT, out, err), False
        return (ended(code), out, err), False

    def taken(self, output):
        size = os.fstat(output).st_size
        text = os.pread(output, size, 0)
        os.ftruncate(output, 0)
        return text

    def close(self):
        for descriptor in (*self.outputs, self.requests):
            os.close(descriptor)
        self.answers.close()
        self.process.wait()


class Pool:
    """Those that wait for a program, by whom and what they are."""

    def __init__(self, text):
        self.text = text
        self.idle = {}
        self.changing = threading.Lock()

    def run(self, request):
        groups = groups_of(request["uid"], request["gid"])
        key = json.dumps([request["again"], request["argv"][0], request["uid"], request["gid"], groups])
        while True:
            with self.changing:
                waiting = self.idle.get(key)
                program = waiting.pop() if waiting else None
            is_new = program is None
            if is_new:
                try:
                    program = UsedAgain(self.text, request)
                except OSError as error:
                    return refused(error)
            result = program.run(request)
            if result is not None and result[1]:
                with self.changing:
                    self.idle.setdefault(key, []).append(program)
                return result[0]
            program.close()
            if result is not None:
                return result[0]
            if is_new:
                return run(request)


def refused(error):
    # As a shell says it.
    return {"code": 126 if isinstance(error, PermissionError) else 127, "signal": None}, b"", f"{error}\n".encode()


def ended(code):
    if code < 0:
        return {"code": None, "signal": signal.Signals(-code).name}
    return {"code": code, "signal": None}


def main(path, used_again):
    os.setgroups(groups_of(os.getuid(), os.getgid()))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    connection, _ = listener.accept()
    # Nothing that is looked at inside has a trace of it.
    os.unlink(path)
    listener.close()
    writing = threading.Lock()

    pool = Pool(used_again)

    def serve(request):
        end, out, err = run(request) if request["again"] is None else pool.run(request)
        head = json.dumps({**end, "id": request["id"], "stdout": len(out), "stderr": len(err)})
        with writing:
            connection.sendall(head.encode() + b"\n" + out + err)

    for line in connection.makefile("rb"):
        threading.Thread(target=serve, args=(json.loads(line),), daemon=True).start()


main(*sys.argv[1:])
