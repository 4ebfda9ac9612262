"""A receiver of notifications: notes every request as a line of JSON, and answers as a file beside it says.

Usage: receiver.py PORT FOLDER. FOLDER/received has the requests; FOLDER/answer, where it is there: a status (redirects go to /elsewhere), or "hang".
"""

import http.server
import json
import os
import sys
import time

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]


class Receiver(http.server.BaseHTTPRequestHandler):
    def take(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode()
        try:
            with open(os.path.join(FOLDER, "answer"), encoding="utf-8") as file:
                answer = file.read().strip()
        except FileNotFoundError:
            answer = "200"
        if self.path == "/elsewhere":
            answer = "200"
        line = {"path": self.path, "method": self.command, "headers": dict(self.headers.items()), "body": body, "answer": answer, "at": time.time()}
        with open(os.path.join(FOLDER, "received"), "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if answer == "hang":
            time.sleep(120)
            return
        self.send_response(int(answer))
        if answer.startswith("3"):
            self.send_header("location", "/elsewhere" if answer == "307" else "https://example.org/")
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = take

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Receiver).serve_forever()
