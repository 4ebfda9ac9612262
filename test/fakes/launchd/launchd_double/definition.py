"""A job's property list: what launchd takes from it, ignores and refuses. Keys as in launchd.plist(5)."""
import os
import plistlib
import resource
import stat

# Taken. Everything else is ignored and told in the log: launchd says nothing either, but a test may want to know.
KNOWN = {
    "Label", "Program", "ProgramArguments", "WorkingDirectory", "EnvironmentVariables", "RunAtLoad", "KeepAlive",
    "ThrottleInterval", "ExitTimeOut", "StartInterval", "StandardInPath", "StandardOutPath", "StandardErrorPath",
    "ProcessType", "LimitLoadToSessionType", "Umask", "AbandonProcessGroup", "SoftResourceLimits",
    "HardResourceLimits", "Nice", "UserName", "GroupName", "Comment",
}
# NetworkState: "no longer implemented as it never acted how most users expected".
KEEP_ALIVE = {"SuccessfulExit", "Crashed", "PathState", "OtherJobEnabled", "AfterInitialDemand"}

SPAWN_TYPES = {
    "App": "app (1)", "Standard": "daemon (3)", "Interactive": "interactive (4)", "Background": "background (5)",
    "Adaptive": "adaptive (6)",
}
LIMITS = {
    "Core": resource.RLIMIT_CORE, "CPU": resource.RLIMIT_CPU, "Data": resource.RLIMIT_DATA,
    "FileSize": resource.RLIMIT_FSIZE, "NumberOfFiles": resource.RLIMIT_NOFILE, "Stack": resource.RLIMIT_STACK,
}
# launchd's own soft limit, where a plist has none.
NUMBER_OF_FILES = 256
MINIMUM_RUNTIME_SEC = 10


class Refused(Exception):
    """A plist that launchd does not load; `cause` is a name in switches.CODES, `number` the entry in launchd's table."""

    def __init__(self, cause, number):
        super().__init__(cause)
        self.cause, self.number = cause, number


class Definition:
    """What launchd keeps of a plist from bootstrap to bootout."""

    def __init__(self, path, values):
        self.path, self.values = path, values
        self.ignored = sorted(set(values) - KNOWN)
        self.label = values.get("Label")
        if not isinstance(self.label, str) or not self.label or "/" in self.label:
            raise Refused("noLabel", 110)
        arguments = values.get("ProgramArguments", [])
        program = values.get("Program")
        if not isinstance(arguments, list) or not all(isinstance(word, str) for word in arguments):
            raise Refused("noProgram", 111)
        if not arguments and not isinstance(program, str):
            raise Refused("noProgram", 111)
        self.inferred_program = not isinstance(program, str)
        self.program = arguments[0] if self.inferred_program else program
        self.arguments = arguments or [program]
        self.working_directory = self.text("WorkingDirectory")
        # "Non-string values are ignored."
        variables = values.get("EnvironmentVariables")
        self.environment = {
            name: value for name, value in (variables if isinstance(variables, dict) else {}).items() if isinstance(value, str)
        }
        self.stdin, self.stdout, self.stderr = map(self.text, ("StandardInPath", "StandardOutPath", "StandardErrorPath"))
        self.throttle_sec = self.number("ThrottleInterval", MINIMUM_RUNTIME_SEC)
        self.exit_timeout_sec = self.number("ExitTimeOut", None)
        self.interval_sec = self.number("StartInterval", None)
        self.process_type = self.text("ProcessType") or "Standard"
        sessions = values.get("LimitLoadToSessionType", "Aqua")
        self.sessions = sessions if isinstance(sessions, list) else [sessions]
        self.abandon_process_group = values.get("AbandonProcessGroup") is True
        self.user, self.group = self.text("UserName"), self.text("GroupName")
        self.umask = self.read_umask()
        keep_alive = values.get("KeepAlive", False)
        self.keep_alive = keep_alive is True
        self.conditions = {}
        if isinstance(keep_alive, dict):
            self.ignored += sorted("KeepAlive." + key for key in set(keep_alive) - KEEP_ALIVE)
            self.conditions = {key: value for key, value in keep_alive.items() if key in KEEP_ALIVE}
        self.run_at_load = values.get("RunAtLoad") is True
        self.limits = self.read_limits()

    def text(self, key):
        value = self.values.get(key)
        return value if isinstance(value, str) else None

    def number(self, key, default):
        value = self.values.get(key, default)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else default

    def read_umask(self):
        """"decimal if an integer; a string goes through strtoul(3) and may be octal"."""
        value = self.values.get("Umask")
        if isinstance(value, str):
            try:
                return int(value, 8 if value.startswith("0") else 10)
            except ValueError:
                return None
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def read_limits(self):
        """{resource: [soft, hard]}; None where nothing is asked for."""
        limits = {resource.RLIMIT_NOFILE: [NUMBER_OF_FILES, None]}
        for index, key in enumerate(("SoftResourceLimits", "HardResourceLimits")):
            asked = self.values.get(key)
            for name, value in (asked if isinstance(asked, dict) else {}).items():
                if name in LIMITS and isinstance(value, int):
                    limits.setdefault(LIMITS[name], [None, None])[index] = value
        return limits

    def wanted_at_load(self):
        """RunAtLoad; KeepAlive implies it, and so does SuccessfulExit: "the job needs to run at least once"."""
        return self.run_at_load or self.keep_alive or "SuccessfulExit" in self.conditions


def read(path, owner_uid, may_read, own_uid):
    """The definition in a file. `own_uid`: accepted as the owner too (None: nobody else is). Refused if launchd would not load it."""
    if not may_read(path):
        raise Refused("externalVolume", 108)
    try:
        found = os.stat(path)
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        raise Refused("missingPlist", 2)
    # launchctl(1): "must be owned by the user requesting the load (root for daemons) and not be group or world-writable".
    if found.st_uid not in (owner_uid, own_uid) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused("ownership", 122)
    try:
        values = plistlib.loads(content)
    except Exception:
        # plistlib raises whatever expat, struct or int() raised.
        raise Refused("malformed", 109)
    if not isinstance(values, dict):
        raise Refused("malformed", 109)
    return Definition(path, values)
