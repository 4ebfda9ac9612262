"""Listens on a Unix socket, and answers whoever comes without an end: drip (a byte each half second) or flood. Says "up" once it listens."""
import socket
import sys
import threading
import time

path, kind = sys.argv[1:3]
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
print('up', flush=True)


def answer(connection):
    try:
        while True:
            if kind == 'drip':
                connection.sendall(b'{')
                time.sleep(0.5)
            else:
                connection.sendall(b'x' * 65536)
    except OSError:
        pass


while True:
    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
