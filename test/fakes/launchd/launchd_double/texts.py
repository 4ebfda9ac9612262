"""What launchctl prints. Layouts follow captures of real Macs (macOS 15 to 26); what they leave open is a switch."""
import os
import signal

from . import definition

# strerror(3) of macOS below 107, launchd's own errors above.
ERRORS = {
    1: "Operation not permitted", 2: "No such file or directory", 3: "No such process", 5: "Input/output error",
    13: "Permission denied", 17: "File exists", 22: "Invalid argument", 36: "Operation now in progress",
    37: "Operation already in progress", 107: "Malformed bundle", 108: "Invalid path", 109: "Invalid property list",
    110: "Invalid or missing service identifier", 111: "Invalid or missing Program/ProgramArguments",
    112: "Could not find specified domain", 113: "Could not find specified service",
    114: "The specified username does not exist", 115: "The specified group does not exist",
    116: "Routine not yet implemented", 118: "Bad response from server", 119: "Service is disabled",
    120: "Bad subsystem destination for request", 121: "Path not searched for services",
    122: "Path had bad ownership/permissions", 123: "Path is whitelisted for domain", 124: "Domain is tearing down",
    125: "Domain does not support specified action", 126: "Request type is no longer supported",
    127: "The specified service did not ship with the operating system", 128: "The specified path is not a bundle",
    129: "The service was superseded by a later later version",
    130: "The system encountered a condition where behavior was undefined", 131: "Out of order requests",
    132: "Request for stale data", 133: "Multiple errors were returned; see stderr",
    134: "Service cannot load in requested session", 135: "Process is not managed",
    136: "Action not allowed on singleton service", 137: "Service does not support the specified action",
    138: "Service cannot be loaded on this hardware", 139: "Service cannot presently execute",
    140: "Service name is reserved or invalid", 144: "Requestor lacks required entitlement",
    146: "Domain is in on-demand-only mode", 150: "Operation not permitted while System Integrity Protection is engaged",
    152: "Service cannot load in current boot environment", 155: "Refusing to execute/trust quarantined program/file",
    156: "Domain creation with that UID is not allowed anymore",
    157: "System service is not in system service whitelist", 158: "Service cannot be loaded on current os variant",
    159: "Unknown error",
}

RICHER = "Try re-running the command as root for richer errors."
BAD_TARGET = (
    "Unrecognized target specifier. <service-target> takes a form of <domain-target>/<service-id>.\n"
    "Please refer to `man launchctl` for explanation of the <domain-target> specifiers."
)
USAGE = "Usage: launchctl <subcommand> ... | help [subcommand]"

# sysexits(3), as `last exit code` names them.
EXIT_NAMES = {
    64: "EX_USAGE", 65: "EX_DATAERR", 66: "EX_NOINPUT", 67: "EX_NOUSER", 68: "EX_NOHOST", 69: "EX_UNAVAILABLE",
    70: "EX_SOFTWARE", 71: "EX_OSERR", 72: "EX_OSFILE", 73: "EX_CANTCREAT", 74: "EX_IOERR", 75: "EX_TEMPFAIL",
    76: "EX_PROTOCOL", 77: "EX_NOPERM", 78: "EX_CONFIG",
}
# signal(3) of macOS: name, number and strsignal(3). Some numbers differ from Linux's.
SIGNALS = {
    "SIGHUP": (1, "Hangup"), "SIGINT": (2, "Interrupt"), "SIGQUIT": (3, "Quit"), "SIGILL": (4, "Illegal instruction"),
    "SIGTRAP": (5, "Trace/BPT trap"), "SIGABRT": (6, "Abort trap"), "SIGFPE": (8, "Floating point exception"),
    "SIGKILL": (9, "Killed"), "SIGBUS": (10, "Bus error"), "SIGSEGV": (11, "Segmentation fault"),
    "SIGSYS": (12, "Bad system call"), "SIGPIPE": (13, "Broken pipe"), "SIGALRM": (14, "Alarm clock"),
    "SIGTERM": (15, "Terminated"), "SIGURG": (16, "Urgent I/O condition"), "SIGSTOP": (17, "Suspended (signal)"),
    "SIGTSTP": (18, "Suspended"), "SIGCONT": (19, "Continued"), "SIGCHLD": (20, "Child exited"),
    "SIGXCPU": (24, "Cputime limit exceeded"), "SIGXFSZ": (25, "Filesize limit exceeded"),
    "SIGUSR1": (30, "User defined signal 1"), "SIGUSR2": (31, "User defined signal 2"),
}


def mac_signal(number):
    """(macOS number, text) of a signal of this machine."""
    return SIGNALS.get(signal.Signals(number).name, (number, "Unknown signal"))


def local_signal(text):
    """The signal that `launchctl kill` is asked for, by name or macOS number, as this machine's; None if there is none."""
    word = text.lstrip("-").upper()
    for name, (number, _) in SIGNALS.items():
        if word in (name, name[3:], str(number)):
            return getattr(signal, name)
    return None


def raw_status(status):
    """A wait status as macOS has it: `list LABEL` prints that."""
    return mac_signal(os.WTERMSIG(status))[0] if os.WIFSIGNALED(status) else status


def decoded_status(status):
    """The Status column of `list`: an exit code, or a signal as a negative number."""
    return -mac_signal(os.WTERMSIG(status))[0] if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def last_exit(job):
    """`last terminating signal` takes the place of `last exit code`, and `last exit reason` is told of a run that the kernel ended."""
    if job.last_reason:
        return ["last exit reason = " + job.last_reason]
    if job.last_status is None:
        return ["last exit code = (never exited)"]
    if os.WIFSIGNALED(job.last_status):
        number, text = mac_signal(os.WTERMSIG(job.last_status))
        return ["last terminating signal = %s: %d" % (text, number)]
    code = os.WEXITSTATUS(job.last_status)
    return ["last exit code = %s" % ("%d: %s" % (code, EXIT_NAMES[code]) if code in EXIT_NAMES else code)]


def block(name, lines, separator=" = "):
    """A block, its lines one tab deeper. Values are printed raw, so those with newlines look like lines of the layout."""
    return [name + separator + "{", *("\t" + line if line else line for line in lines), "}"]


def pairs(values):
    return ["%s => %s" % pair for pair in values.items()]


def coalition(job, kind, number):
    """A nested block that repeats `state` and `active count`, and is active whatever the job does."""
    return block(
        kind + " coalition",
        ["ID = %d" % number, "type = " + kind, "state = active", "active count = 1", "name = " + job.label],
    )


def triggers(job):
    """A missing program is waited for by com.apple.launchd.helper."""
    descriptor = ['"Executable" => "%s"' % job.definition.program, '"SkipImmediatePoll" => false']
    trigger = [
        "keepalive = 0", "service = " + job.label, "stream = com.apple.launchd.helper",
        "monitor = com.apple.UserEventAgent-Aqua", *block("descriptor", descriptor),
    ]
    channel = ["port = 0x0", "active = 0", "managed = 1", "reset = 0", "hide = 0", "watching = 0"]
    return [
        *block("event triggers", block(job.label, trigger, " => ")), "",
        *block("event channels", block('"com.apple.launchd.helper"', channel)), "",
    ]


def semaphores(job):
    """`successful exit => 0` is captured; the others are written alike."""
    names = {"SuccessfulExit": "successful exit", "Crashed": "crashed", "AfterInitialDemand": "after initial demand"}
    lines = ["%s => %d" % (names[key], value) for key, value in job.definition.conditions.items() if key in names]
    return [*block("semaphores", lines), ""] if lines else []


def properties(job):
    kept = job.definition
    told = {
        "keepalive": kept.keep_alive,
        "runatload": kept.run_at_load or "SuccessfulExit" in kept.conditions,
        "penalty box": job.penalty_box,
        "exponential throttling": job.throttled_exponentially(),
        "abandon process group": kept.abandon_process_group,
        "inferred program": kept.inferred_program,
        "needs LWCR update": job.last_reason == "OS_REASON_CODESIGNING"
        or job.switches["lwcrTold"] == "changed" and job.has_another_program(),
        "managed LWCR": job.switches["lwcr"],
    }
    return " | ".join(name for name, holds in told.items() if holds)


def service(job):
    """`print <service-target>`. The disabled override is never shown here."""
    kept, domain = job.definition, job.domain
    state = job.state()
    lines = [
        "active count = %d" % bool(job.pid),
        "path = " + kept.path,
        "type = " + ("LaunchDaemon" if domain.kind == "system" else "LaunchAgent"),
        "state = " + state,
        "",
        "program = " + kept.program,
        *block("arguments", kept.arguments),
        "",
    ]
    if kept.working_directory:
        lines += ["working directory = " + kept.working_directory, ""]
    for name, path in (("stdin", kept.stdin), ("stdout", kept.stdout), ("stderr", kept.stderr)):
        if path:
            lines.append("%s path = %s" % (name, path))
    if domain.inherited_environment():
        lines += [*block("inherited environment", pairs(domain.inherited_environment())), ""]
    lines += [
        *block("default environment", ["PATH => /usr/bin:/bin:/usr/sbin:/sbin"]), "",
        *block("environment", pairs(job.own_environment())), "",
        "domain = " + domain.described(),
    ]
    if domain.kind == "gui":
        lines.append("asid = %d" % domain.asid)
    if domain.kind == "system" and kept.user:
        lines.append("username = " + kept.user)
    if domain.kind == "system" and kept.group:
        lines.append("group = " + kept.group)
    if kept.umask is not None:
        lines.append("umask = %o" % kept.umask)
    lines += ["minimum runtime = %d" % kept.throttle_sec]
    if "ThrottleInterval" in kept.values:
        lines.append("base minimum runtime = %d" % kept.throttle_sec)
    lines += ["exit timeout = %d" % job.exit_timeout_sec(), "runs = %d" % job.runs]
    if job.crashes:
        lines.append("successive crashes = %d" % job.crashes)
    if job.pid:
        lines += [
            "pid = %d" % job.pid, "immediate reason = speculative", "forks = 0", "execs = 1", "initialized = 1",
            "trampolined = 1", "started suspended = 0", "proxy started suspended = 0",
            "checked allocations = 0 (queried = 1)", "checked allocations reason = no host", "checked allocations flags = 0x0",
        ]
    lines += [*last_exit(job), "", *semaphores(job)]
    if job.penalty_box:
        lines += triggers(job)
    lines += [*coalition(job, "resource", 1234), "", *coalition(job, "jetsam", 1235), ""]
    lines += [
        "spawn type = " + definition.SPAWN_TYPES.get(kept.process_type, definition.SPAWN_TYPES["Standard"]),
        "jetsam priority = 40", "jetsam memory limit (active) = (unlimited)", "jetsam memory limit (inactive) = (unlimited)",
        "jetsamproperties category = daemon", "jetsam thread limit = 32", "cpumon = default",
    ]
    if job.switches["jobState"] and job.runs:
        lines.append("job state = " + ("spawn failed" if job.spawn_failed else "running" if job.pid else "exited"))
    if kept.interval_sec:
        lines.append("run interval = %d seconds" % kept.interval_sec)
    # The two values are examples.
    lines += block("probabilistic guard malloc policy", ["activation rate = 1/1000", "sample rate = 1/0"])
    lines += ["", "properties = " + properties(job)]
    return "\n".join(block("%s/%s" % (domain.name, job.label), lines)) + "\n"


def status_column(job):
    return "-" if job.last_status is None else str(decoded_status(job.last_status))


def domain(found, disabled):
    """`print <domain-target>`."""
    jobs = found.jobs.values()
    session = {"gui": "Aqua", "user": "Background"}.get(found.kind)
    lines = [
        "type = " + {"gui": "login"}.get(found.kind, found.kind),
        "handle = %d" % {"gui": found.asid, "user": found.uid, "system": 0}[found.kind],
        "active count = %d" % (len(jobs) + 1),
        "service count = %d" % len(jobs),
        "active service count = %d" % sum(1 for job in jobs if job.pid),
        *(["session = " + session] if session else []),
        *block("security context", ["uid = %d" % found.uid if session else "uid unset", "asid = %d" % found.asid]),
        "",
        *block("services", ["%8d %6s \t%s" % (job.pid or 0, status_column(job), job.label) for job in jobs]),
        "",
        *block("unmanaged processes", []),
        "",
        *block("disabled services", ['"%s" => %s' % (label, word(off)) for label, off in disabled.items()]),
        "",
        "properties = " + {"gui": "gui | gui login"}.get(found.kind, ""),
    ]
    return "\n".join(block(found.name, lines)) + "\n"


def word(off):
    return "disabled" if off else "enabled"


def disabled_services(store, switches):
    """`print-disabled`, in the three layouts that were captured."""
    layout = switches["disabledLayout"]
    if not store and switches["emptyDisabled"] == "words":
        text = "(no disabled services)\n"
    else:
        value = (lambda off: "true" if off else "false") if layout == "booleans" else word
        lines = block("disabled services", ['"%s" => %s' % (label, value(off)) for label, off in store.items()])
        if layout != "booleans":
            lines += ["", *block("login item associations", [])]
        text = "\n".join(lines) + "\n"
    if layout == "indented":
        text = "\n" + "".join("\t" + line if line != "\n" else line for line in text.splitlines(True))
    return text


def listing(jobs):
    rows = ["%s\t%s\t%s" % (job.pid or "-", decoded_status(job.last_status or 0), job.label) for job in jobs]
    return "\n".join(["PID\tStatus\tLabel", *rows]) + "\n"


def quoted(text):
    return '"%s"' % text


def list_service(job):
    """`list LABEL`: LastExitStatus is the raw wait status (hermes-agent #44612: 19968 is 78), PID is there only while it runs."""
    kept = job.definition
    lines = ["%s = %s;" % (quoted(key), quoted(path)) for key, path in (("StandardOutPath", kept.stdout),) if path]
    lines.append('"LimitLoadToSessionType" = %s;' % quoted({"system": "System", "gui": "Aqua"}.get(job.domain.kind, "Background")))
    if kept.stderr:
        lines.append('"StandardErrorPath" = %s;' % quoted(kept.stderr))
    lines += [
        '"Label" = %s;' % quoted(job.label),
        '"OnDemand" = %s;' % ("false" if kept.keep_alive or kept.conditions else "true"),
        '"LastExitStatus" = %d;' % raw_status(job.last_status or 0),
    ]
    if job.pid:
        lines.append('"PID" = %d;' % job.pid)
    lines += ['"Program" = %s;' % quoted(kept.program), '"ProgramArguments" = (']
    lines += ["\t%s;" % quoted(argument) for argument in kept.arguments] + [");"]
    return "{\n%s};\n" % "".join("\t%s\n" % line for line in lines)
