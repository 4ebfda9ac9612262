"""The life of a loaded job: demand, KeepAlive, throttle, penalty box, and the way from SIGTERM to SIGKILL."""
import os
import signal
import time

from . import process

POLL_SEC = 0.05
# launchd.plist(5), Crashed: "a signal which is typically associated with a crash (SIGILL, SIGSEGV, etc.)".
CRASH_SIGNALS = {
    getattr(signal, name) for name in ("SIGILL", "SIGTRAP", "SIGABRT", "SIGFPE", "SIGBUS", "SIGSEGV", "SIGSYS")
}


class Job:
    def __init__(self, manager, domain, definition):
        self.manager, self.loop, self.domain, self.definition = manager, manager.loop, domain, definition
        self.label = definition.label
        self.pid = None
        self.runs = 0
        self.crashes = 0
        # Of the last run: its wait status, and a reason that takes the place of an exit code.
        self.last_status = None
        self.last_reason = None
        self.last_start = None
        self.spawn_failed = False
        self.penalty_box = False
        # What was sent to the running process: None, SIGTERM or SIGKILL.
        self.sent = None
        # The next spawn, the SIGKILL after ExitTimeOut, the next StartInterval.
        self.spawn_timer = self.kill_timer = self.interval_timer = None
        self.watching = False
        # Callbacks that wait for the next spawn, or for the removal.
        self.on_spawn, self.on_removed = [], []
        self.restart_now = False
        # When it was booted out; None while it is loaded. The label stays registered until the teardown is over.
        self.booted_out_at = None
        self.removed = False
        self.loaded_at = time.monotonic()
        self.identity = self.program_identity()

    # What it is

    @property
    def switches(self):
        return self.manager.switches

    def scaled(self, sec):
        return sec * self.switches["timeScale"]

    def exit_timeout_sec(self):
        """In unscaled seconds, as print shows it; 0 means for ever (launchd.plist(5))."""
        sec = self.definition.exit_timeout_sec
        if sec is None:
            sec = self.switches["defaultExitTimeOutSec"]
        clamp = self.switches["exitTimeOutClampSec"]
        return min(sec or clamp, clamp) if clamp and self.domain.kind != "system" else sec

    def program_identity(self):
        """Stands for the code signature of the program."""
        try:
            found = os.stat(process.find_program(self.definition.program))
            return found.st_ino, found.st_mtime_ns, found.st_size
        except OSError:
            return None

    def state(self):
        if self.pid:
            return {None: "running", signal.SIGTERM: "SIGTERMed", signal.SIGKILL: "SIGKILLed"}[self.sent]
        if self.penalty_box:
            return "spawn scheduled"
        if self.spawn_timer:
            return self.switches["spawningState"] if self.runs == 0 else "spawn scheduled"
        return self.switches["idleState"]

    def tell(self, text):
        self.manager.record("message", domain=self.domain.name, label=self.label, text=text)

    # Demand

    def load(self):
        interval = self.definition.interval_sec
        if interval:
            self.interval_timer = self.loop.later(self.scaled(interval), self.interval_over)
        if self.definition.wanted_at_load() or self.wanted():
            self.demand()
        self.watch()

    def interval_over(self):
        self.interval_timer = self.loop.later(self.scaled(self.definition.interval_sec), self.interval_over)
        if not self.pid and not self.penalty_box:
            self.demand()

    def watch(self):
        """Looks again and again at what lies outside the job: KeepAlive's conditions, and a missing program that appears."""
        outside = {"PathState", "OtherJobEnabled"} & set(self.definition.conditions)
        if not self.watching and (outside or self.penalty_box):
            self.watching = True
            self.loop.later(POLL_SEC, self.poll)

    def poll(self):
        self.watching = False
        if self.booted_out_at is not None:
            return
        if self.penalty_box:
            program = process.find_program(self.definition.program)
            if self.switches["penaltyBoxLeave"] == "executable-appears" and os.access(program, os.X_OK):
                self.penalty_box = False
                self.demand()
        elif not self.pid and not self.spawn_timer and self.watched():
            self.demand()
        self.watch()

    def watched(self):
        conditions = self.definition.conditions
        paths, others = conditions.get("PathState", {}), conditions.get("OtherJobEnabled", {})
        return any(os.path.exists(path) is wanted for path, wanted in paths.items()) or any(
            (label in self.domain.jobs) is wanted for label, wanted in others.items()
        )

    def demand(self, throttled=True):
        """Schedules a spawn: not before ThrottleInterval is over since the last start, if that counts."""
        if self.pid or self.booted_out_at is not None or self.spawn_timer and throttled:
            return
        if self.spawn_timer:
            self.spawn_timer.cancel()
        wait = self.switches["spawnDelayMs"] / 1000
        if throttled and self.last_start is not None:
            wait = max(wait, self.last_start + self.respawn_sec() - time.monotonic())
        self.spawn_timer = self.loop.later(wait, self.spawn)

    def respawn_sec(self):
        """Real seconds from one start to the next. How the exponential throttle grows is unverified: it doubles here."""
        limit = self.switches["successiveCrashLimit"]
        doublings = max(self.crashes - limit, 0) if limit else 0
        return self.scaled(self.definition.throttle_sec) * 2 ** min(doublings, 10)

    def throttled_exponentially(self):
        limit = self.switches["successiveCrashLimit"]
        return bool(limit) and self.crashes > limit

    # A run

    def environment(self, account):
        environment = {"PATH": process.DEFAULT_PATH, **self.domain.inherited_environment()}
        if self.switches["userEnvironment"] and self.domain.kind != "system":
            environment.update(HOME=account.home, USER=account.name, LOGNAME=account.name, SHELL=account.shell)
        environment.update(self.own_environment())
        environment.update(self.switches["extraEnvironment"], LAUNCHD_DOUBLE_STATE=self.manager.folder)
        return environment

    def own_environment(self):
        return {"OSLogRateLimit": "64", **self.definition.environment, "XPC_SERVICE_NAME": self.label}

    def account(self):
        """Whose process it is; UserName and GroupName count in the system domain only (launchd.plist(5))."""
        if self.switches["sameUser"]:
            return process.Account(os.geteuid())
        if self.domain.kind != "system":
            return process.Account(self.domain.uid)
        return process.Account(0, self.definition.user, self.definition.group)

    def has_another_program(self):
        return self.switches["lwcr"] and self.program_identity() not in (None, self.identity)

    def spawn(self):
        self.spawn_timer = None
        if self.pid or self.removed or self.booted_out_at is not None:
            return
        self.runs += 1
        self.last_start = time.monotonic()
        self.sent, self.spawn_failed, self.penalty_box = None, False, False
        if self.has_another_program():
            self.killed_for_signature()
            return
        try:
            account = self.account()
        except KeyError:
            self.failed(None, ("user", 0))
            return
        self.pid, failure = process.start(
            self.definition, self.environment(account), account, self.manager.readable,
        )
        if failure:
            self.failed(self.pid, failure)
            return
        self.manager.record("spawn", domain=self.domain.name, label=self.label, pid=self.pid)
        self.loop.children[self.pid] = self.exited
        self.answer_spawned()

    def answer_spawned(self):
        waiting, self.on_spawn = self.on_spawn, []
        for answer in waiting:
            answer(self.pid)

    def failed(self, pid, failure):
        """The process ended with 78 before the program ran: silent, and no proof of an error of the program's own."""
        step, number = failure
        if pid:
            os.waitpid(pid, 0)
        self.spawn_failed = True
        self.manager.record("spawn-failed", domain=self.domain.name, label=self.label, step=step, errno=number)
        if step == "exec" and number in process.MISSING and self.switches["missingProgram"] == "penalty-box":
            self.penalty_box = True
            self.watch()
        self.answer_spawned()
        self.exited(process.EX_CONFIG << 8)

    def killed_for_signature(self):
        self.manager.record("spawn-failed", domain=self.domain.name, label=self.label, step="signature", errno=0)
        self.answer_spawned()
        self.exited(int(signal.SIGKILL), reason="OS_REASON_CODESIGNING")

    def exited(self, status, reason=None):
        pid, self.pid = self.pid, None
        self.last_status, self.last_reason = status, reason
        ran = time.monotonic() - self.last_start
        if not self.spawn_failed and reason is None:
            self.manager.record("exit", domain=self.domain.name, label=self.label, pid=pid, status=status)
            if not self.definition.abandon_process_group:
                # "When a job dies, launchd kills any remaining processes with the same process group ID as the job."
                self.signal_group(pid)
        if self.kill_timer:
            self.kill_timer.cancel()
            self.kill_timer = None
        expected, self.sent = self.sent is not None, None
        self.crashes = 0 if status == 0 or expected or ran >= self.scaled(self.definition.throttle_sec) else self.crashes + 1
        if self.booted_out_at is not None:
            self.finish_teardown()
        elif self.restart_now:
            self.restart_now = False
            self.demand(throttled=self.switches["kickstartThrottled"])
        elif not self.penalty_box and self.wanted():
            self.tell_throttle(ran)
            self.demand()

    def signal_group(self, pid):
        try:
            os.killpg(pid, getattr(signal, self.switches["processGroupSignal"]))
        except OSError:
            pass

    def tell_throttle(self, ran):
        left = self.respawn_sec() - ran
        if left > 0:
            scale = self.switches["timeScale"]
            self.tell("Service only ran for %d seconds. Pushing respawn out by %d seconds." % (ran / scale, round(left / scale)))
        if self.throttled_exponentially():
            self.tell("service exceeded successive crash limit. launch will be throttled")

    def wanted(self):
        """Whether KeepAlive asks for another run now. "If multiple keys are provided, launchd ORs them." """
        if self.definition.keep_alive:
            return True
        conditions = self.definition.conditions
        if conditions.get("AfterInitialDemand") and self.runs == 0:
            return False
        if conditions.get("AfterInitialDemand") and set(conditions) == {"AfterInitialDemand"}:
            return True
        if self.watched():
            return True
        if self.last_status is None:
            return False
        status = self.last_status
        success = os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
        crashed = os.WIFSIGNALED(status) and os.WTERMSIG(status) in CRASH_SIGNALS
        return conditions.get("SuccessfulExit") is success or conditions.get("Crashed") is crashed

    # Its end

    def terminate(self, number=signal.SIGTERM):
        """SIGTERM, and SIGKILL once ExitTimeOut is over."""
        if not self.pid:
            return
        self.send(number)
        if number == signal.SIGTERM and not self.kill_timer and self.exit_timeout_sec():
            self.kill_timer = self.loop.later(self.scaled(self.exit_timeout_sec()), lambda: self.send(signal.SIGKILL))

    def send(self, number):
        if self.pid:
            self.sent = signal.SIGKILL if signal.SIGKILL in (number, self.sent) else signal.SIGTERM
            self.signal(number)

    def signal(self, number):
        self.manager.record("signal", domain=self.domain.name, label=self.label, pid=self.pid, signal=signal.Signals(number).name)
        os.kill(self.pid, number)

    def kickstart(self, kill, answer):
        """Runs it now, whatever its conditions are. `answer` is called with the pid, once there is one."""
        if self.penalty_box and self.switches["penaltyBoxLeave"] == "bootout":
            answer(None)
            return
        self.on_spawn.append(answer)
        if not self.pid:
            self.demand(throttled=self.switches["kickstartThrottled"])
        elif kill:
            self.restart_now = True
            self.terminate(getattr(signal, self.switches["kickstartSignal"]))
        else:
            self.answer_spawned()

    def boot_out(self):
        self.booted_out_at = time.monotonic()
        for timer in (self.spawn_timer, self.interval_timer):
            if timer:
                timer.cancel()
        self.spawn_timer = self.interval_timer = None
        self.answer_spawned()
        if self.pid:
            self.terminate()
        else:
            self.finish_teardown()

    def forget(self):
        """Does nothing more. What waits for it is answered."""
        self.booted_out_at, self.pid, self.removed = self.booted_out_at or time.monotonic(), None, True
        for timer in (self.spawn_timer, self.interval_timer, self.kill_timer):
            if timer:
                timer.cancel()
        self.answer_spawned()
        for answer in self.on_removed:
            answer()

    def finish_teardown(self):
        left = self.booted_out_at + self.switches["teardownMs"] / 1000 - time.monotonic()
        self.loop.later(left, self.remove)

    def remove(self):
        if self.removed:
            return
        self.removed = True
        self.domain.jobs.pop(self.label, None)
        self.manager.record("removed", domain=self.domain.name, label=self.label)
        for answer in self.on_removed:
            answer()
