"""A gateway that does nothing but write its state, again and again, as upstream does: it reads, changes and writes without a lock.

    python3 .../hermes gateway run    (a copy of this file; HERMES_HOME is its home)

state-writer.json in the home says how: "mode" ("rename", or "in-place" as the gateways of early 2026 did), "stamp" ("now", "old", an integer
"epoch", or "zulu"), "pause_ms", and "rest_ms" after every 50 writes. On SIGTERM it writes state-writer.result.json: how often it wrote, and
"lost" and "broken": what it read that was not what it had written before, but for updated_at.
"""
import fcntl
import json
import os
import random
import select
import signal
import sys
import time
from datetime import datetime, timezone

home = os.environ["HERMES_HOME"]
path = os.path.join(home, "gateway_state.json")
with open(os.path.join(home, "state-writer.json"), encoding="utf-8") as handle:
    how = json.load(handle)
with open("/proc/self/stat", encoding="ascii") as handle:
    start_time = int(handle.read().rpartition(")")[2].split()[19])
record = {"pid": os.getpid(), "kind": "hermes-gateway", "argv": sys.argv, "start_time": start_time}
lock = open(os.path.join(home, "gateway.lock"), "w", encoding="utf-8")
fcntl.flock(lock, fcntl.LOCK_EX)
for name in ("gateway.lock", "gateway.pid"):
    with open(os.path.join(home, name), "w", encoding="utf-8") as handle:
        handle.write(json.dumps(record))


def stamp():
    now = datetime.now(timezone.utc)
    return {"now": now.isoformat(), "old": "2026-01-01T00:00:00.000001+00:00", "epoch": int(now.timestamp()),
            "zulu": now.strftime("%Y-%m-%dT%H:%M:%SZ")}[how["stamp"]]


def read():
    with open(path, encoding="utf-8") as handle:
        return json.loads(handle.read())


def write(state):
    text = json.dumps(state, separators=(",", ":"))
    if how["mode"] == "in-place":
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(text)
        return
    with open(path + ".tmp", "w", encoding="utf-8") as handle:
        handle.write(text)
    os.replace(path + ".tmp", path)


def without_stamp(state):
    return {key: value for key, value in state.items() if key != "updated_at"}


result = {"writes": 0, "lost": [], "broken": [], "ticks": 0}
ended = False


def end(*_):
    global ended
    ended = True


signal.signal(signal.SIGTERM, end)
epoll = select.epoll()
written = {**record, "gateway_state": "running", "platforms": {}, "updated_at": stamp(), "desired_state": "running"}
write(written)
while not ended:
    try:
        state = read()
    except ValueError as error:
        result["broken"].append(str(error))
        state = dict(written)
    if without_stamp(state) != without_stamp(written):
        result["lost"].append([state, written])
    if state.get("updated_at") != written["updated_at"]:
        result["ticks"] += 1
    # Fields come, go and change their length, so updated_at stands somewhere else each time.
    state.pop("note", None)
    if random.random() < 0.5:
        state = {"note": "x" * random.randrange(200), **state}
    state["count"] = state.get("count", 0) + 1
    state["platforms"] = {"telegram": {"state": "connected", "updated_at": stamp(), "error": "ü" * random.randrange(9)}}
    state["updated_at"] = stamp()
    write(state)
    written = state
    result["writes"] += 1
    rest = how.get("rest_ms", 0) if result["writes"] % 50 == 0 else 0
    epoll.poll((how["pause_ms"] * random.random() + rest) / 1000)
with open(os.path.join(home, "state-writer.result.json"), "w", encoding="utf-8") as handle:
    json.dump(result, handle)
