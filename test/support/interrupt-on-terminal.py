"""argv: how home file trigger program…. Runs the program on a pseudo-terminal of its own until the file `trigger` is there, and interrupts it: `key` types
Ctrl-C, `hangup` closes the terminal, `group` sends SIGTERM to its process group as timeout(1) does. From then on it tries to lock the home. Prints as
JSON how often it was refused, and whether `file` was there at the moment when the home was free."""
import fcntl, json, os, pty, signal, sys, threading, time

how, home, file, trigger, *program = sys.argv[1:]
pid, master = pty.fork()
if pid == 0:
    os.execvp(program[0], program)


def drain():
    try:
        while os.read(master, 65536):
            pass
    except OSError:
        pass


limit = time.monotonic() + 60
os.set_blocking(master, True)
reader = threading.Thread(target=drain, daemon=True)
if how != "hangup":
    reader.start()
while not os.path.exists(trigger):
    if time.monotonic() > limit:
        raise SystemExit(f"no {trigger} within 60 s")
    time.sleep(0.02)
if how == "key":
    os.write(master, b"\x03")
elif how == "hangup":
    os.close(master)
else:
    os.killpg(pid, signal.SIGTERM)
refused = 0
descriptor = os.open(os.path.join(home, ".hermes-svc.lock"), os.O_RDWR)
while True:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        break
    except BlockingIOError:
        refused += 1
        if time.monotonic() > limit:
            raise SystemExit("the home was not free within 60 s")
        time.sleep(0.01)
print(json.dumps({"refused": refused, "isLeft": os.path.exists(file)}))
