"""A gateway that does nothing but write its state, as upstream does, and that notices whatever another writer does to it.

    python3 .../hermes gateway run    (a copy of this file; HERMES_HOME is its home)

It reads, changes and replaces gateway_state.json without a lock, and compares what it reads with what it wrote last: every field but
desired_state must be as it was. It reads .hermes-svc.json each time, too, which must be a whole record. RACE in its environment is JSON:
"desired_state" ("kept": the field must always be there; "absent": never; "dropped": it is removed with the last write of a life, and may be
there at any time), "rounds" (null: until SIGTERM; else it ends and lives again after so many), "pause_us" (at most, between two rounds and
two lives). The state must be {"gateway_state": "stopped"} at first, but for desired_state. On SIGTERM, or when it has found problems, it ends
and prints them, with the number of its writes and how often it saw desired_state changed or inserted.
"""
import fcntl
import json
import os
import random
import signal
import sys
import time

HOME = os.environ["HERMES_HOME"]
RACE = json.loads(os.environ["RACE"])
FIELD, WORDS = "desired_state", ("running", "stopped")
# What a search for the field must not mistake for it.
TRICKY = ['"desired_state":"running"', '\\"desired_state\\": \\"stopped\\"', "ü\u2028{", ',"desired_state":"stopped"}']
problems = []
ending = False
writes = mirrored = inserted = 0


def place(name):
    return os.path.join(HOME, name)


def read_json(name):
    with open(place(name), encoding="utf-8") as handle:
        return json.load(handle)


def replace_json(name, value):
    temporary = "%s.%d.tmp" % (place(name), os.getpid())
    with open(temporary, "w", encoding="utf-8") as handle:
        json.dump(value, handle, separators=(",", ":"))
    os.replace(temporary, place(name))


def own_fields(state):
    return {key: value for key, value in state.items() if key != FIELD}


def read_state(written):
    """The state as it is, and what is wrong with it."""
    try:
        state = read_json("gateway_state.json")
    except ValueError as error:
        problems.append("half-written state: %s" % error)
        return dict(written)
    if own_fields(state) != written:
        problems.append("lost: %s instead of %s" % (own_fields(state), written))
    if FIELD in state and state[FIELD] not in WORDS:
        problems.append("damaged: %r" % state[FIELD])
    if RACE[FIELD] == "kept" and FIELD not in state:
        problems.append("desired_state was lost")
    if RACE[FIELD] == "absent" and FIELD in state:
        problems.append("desired_state was inserted while a gateway runs")
    return state


def look_at_record():
    try:
        record = read_json(".hermes-svc.json")
        assert record["schemaVersion"] == 1 and record["desiredState"] in WORDS and record["since"] and record["by"]
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, AssertionError) as error:
        problems.append("half-written record: %r" % error)


def change(state):
    """A write of the gateway: a field counts, and others change their length, so that desired_state stands somewhere else each time."""
    state["count"] = state.get("count", 0) + 1
    state["note"] = "x" * random.randrange(300)
    state["platforms"] = {"telegram": {"state": "connected", FIELD: "running", "error": random.choice(TRICKY)}}
    if random.random() < 0.5:
        state = {key: state[key] for key in random.sample(sorted(state), len(state))}
    return state


def end(*_):
    global ending
    ending = True


def live(record, written):
    """One life, from the lock to its release; what was written last. The process may live again at once, as a new gateway."""
    global writes, mirrored, inserted
    lock = open(place("gateway.lock"), "a", encoding="utf-8")
    fcntl.flock(lock, fcntl.LOCK_EX)
    replace_json("gateway.pid", record)
    intent = None
    rounds = 0
    while not ending and not problems and rounds != RACE["rounds"]:
        state = read_state(written)
        inserted += rounds == 0 and RACE[FIELD] == "dropped" and FIELD in state
        mirrored += rounds > 0 and state.get(FIELD) != intent
        intent = state.get(FIELD)
        look_at_record()
        state = change(state)
        state.update(record, gateway_state="running")
        replace_json("gateway_state.json", state)
        written = own_fields(state)
        rounds += 1
        time.sleep(random.random() * RACE["pause_us"] / 1e6)
    state = read_state(written)
    if RACE[FIELD] == "dropped":
        # Nothing is to name this process until it lives again.
        state = {key: value for key, value in state.items() if key not in (FIELD, "pid", "start_time")}
    replace_json("gateway_state.json", {**state, "gateway_state": "stopped"})
    os.unlink(place("gateway.pid"))
    lock.close()
    writes += rounds
    return {**own_fields(state), "gateway_state": "stopped"}


def main():
    signal.signal(signal.SIGTERM, end)
    with open("/proc/self/stat", encoding="ascii") as handle:
        start_time = int(handle.read().rpartition(")")[2].split()[19])
    record = {"pid": os.getpid(), "kind": "hermes-gateway", "argv": sys.argv, "start_time": start_time}
    written = {"gateway_state": "stopped"}
    while not ending and not problems:
        written = live(record, written)
        time.sleep(random.random() * RACE["pause_us"] / 1e6)
    print(json.dumps({"writes": writes, "mirrored": mirrored, "inserted": inserted, "problems": problems}))


main()
