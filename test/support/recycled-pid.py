"""Gives the pid of a gateway that has ended to another process. To be run in a PID namespace of its own, as its first process.

argv[1]: JSON {"mode", "home", "gateway", "successor", "successor_home", "observer"}; the middle three are command lines.
mode "later": the gateway is started in its home, killed once it runs, and its pid is given away more than a clock tick later. "same-tick": a
process leaves a gateway's record in the home and ends within the very clock tick in which its pid is given away, so that both have the same
start time. Then the observer is run, and prints what it sees.
"""
import json
import os
import signal
import subprocess
import sys
import time

PID = 500
TICK_SEC = 1 / os.sysconf("SC_CLK_TCK")


def start_time(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as handle:
        return int(handle.read().rpartition(")")[2].split()[19])


def command_line(pid):
    with open("/proc/%d/cmdline" % pid, "rb") as handle:
        return handle.read()


def fork_as_pid(command, home):
    """A process of that pid, and a function that has it execute the command."""
    read_end, write_end = os.pipe()
    with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as handle:
        handle.write(str(PID - 1))
    child = os.fork()
    if child == 0:
        os.close(write_end)
        if os.read(read_end, 1) == b"":
            os._exit(0)
        if home is None:
            os.environ.pop("HERMES_HOME", None)
        else:
            os.environ["HERMES_HOME"] = home
        os.execv(command[0], command)
    os.close(read_end)
    assert child == PID, "got pid %d" % child

    def execute():
        before = command_line(child)
        os.write(write_end, b"x")
        while command_line(child) in (before, b""):
            time.sleep(0.001)
    return execute


def end():
    os.kill(PID, signal.SIGKILL)
    os.waitpid(PID, 0)


def recycle_later(spec):
    fork_as_pid(spec["gateway"], spec["home"])()
    state = os.path.join(spec["home"], "gateway_state.json")
    while not (os.path.exists(state) and json.load(open(state, encoding="utf-8"))["gateway_state"] == "running"):
        time.sleep(0.01)
    former = start_time(PID)
    end()
    time.sleep(2 * TICK_SEC)
    fork_as_pid(spec["successor"], spec["successor_home"])()
    assert start_time(PID) > former


def recycle_within_tick(spec):
    for _ in range(500):
        fork_as_pid(spec["gateway"], spec["home"])
        former = start_time(PID)
        end()
        execute = fork_as_pid(spec["successor"], spec["successor_home"])
        if start_time(PID) == former:
            break
        end()
    else:
        sys.exit("two processes never had the same start time")
    record = {"pid": PID, "kind": "hermes-gateway", "argv": ["/opt/hermes_cli/main.py", "gateway", "run"], "start_time": former}
    for name, more in (("gateway.pid", {}), ("gateway_state.json", {"gateway_state": "running"})):
        with open(os.path.join(spec["home"], name), "w", encoding="utf-8") as handle:
            json.dump({**record, **more}, handle)
    execute()
    assert start_time(PID) == former


def main():
    spec = json.loads(sys.argv[1])
    {"later": recycle_later, "same-tick": recycle_within_tick}[spec["mode"]](spec)
    sys.exit(subprocess.run(spec["observer"], check=False).returncode)


main()
