"""Timers, child processes and connections of the double, in one thread."""
import ctypes
import heapq
import itertools
import os
import selectors
import signal
import time

PR_SET_CHILD_SUBREAPER = 36


class Timer:
    def __init__(self, action):
        self.action = action

    def cancel(self):
        self.action = None


class Loop:
    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.timers, self.order = [], itertools.count()
        # {pid: what is called with its wait status}
        self.children = {}
        self.running = True
        # What a job leaves behind when it double-forks is reparented to the double, as to launchd on a Mac, so that the end of the
        # double finds it.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        wake_read, wake_write = os.pipe()
        for descriptor in (wake_read, wake_write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(wake_read, lambda: os.read(wake_read, 4096))

    def watch(self, file, action):
        self.selector.register(file, selectors.EVENT_READ, action)

    def unwatch(self, file):
        self.selector.unregister(file)

    def later(self, sec, action):
        timer = Timer(action)
        heapq.heappush(self.timers, (time.monotonic() + max(sec, 0), next(self.order), timer))
        return timer

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            action = self.children.pop(pid, None)
            if action:
                action(status)

    def run(self):
        while self.running:
            self.reap()
            while self.timers and self.timers[0][0] <= time.monotonic():
                action = heapq.heappop(self.timers)[2].action
                if action:
                    action()
            wait = max(self.timers[0][0] - time.monotonic(), 0) if self.timers else None
            for key, _ in self.selector.select(wait):
                key.data()

    def kill_descendants(self):
        """SIGKILL for every process below this one, until there is none. They are stopped first, so that few start another."""
        self.children.clear()
        while below := descendants(os.getpid()):
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in below:
                    try:
                        os.kill(pid, number)
                    except OSError:
                        pass
            time.sleep(0.002)
            self.reap()


def parents():
    """{pid: parent's pid} of all processes."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                pass
    return found


def descendants(root):
    of, below = parents(), {root}
    while True:
        more = {pid for pid, parent in of.items() if parent in below} - below
        if not more:
            return below - {root}
        below |= more
