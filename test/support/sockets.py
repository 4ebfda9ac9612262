"""Listens on a Unix socket, in the background. argv: what it does with who connects (drip, flood, record), the path. `dead`: nobody
listens, at any of the paths."""
import os, socket, sys, threading, time

what, path = sys.argv[1:3]
if what == "dead":
    for each in sys.argv[2:]:
        # At once: a gateway that comes up makes its own.
        socket.socket(socket.AF_UNIX).bind(each + ".new")
        os.rename(each + ".new", each)
    sys.exit(0)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(50)
if os.fork():
    sys.exit(0)
os.setsid()
null = os.open("/dev/null", os.O_RDWR)
for fd in (0, 1, 2):
    os.dup2(null, fd)


def serve(connection):
    try:
        while what == "drip":
            connection.send(b"x")
            time.sleep(0.5)
        while what == "flood":
            connection.send(b"x" * 65536)
        while connection.recv(4096):
            pass
    except OSError:
        pass


while True:
    connection = server.accept()[0]
    if what == "record":
        with open(path + ".seen", "a") as seen:
            seen.write("connected\n")
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
