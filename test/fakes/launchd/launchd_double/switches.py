"""The switches of the double. The TypeScript wrapper says the same as types; an unknown switch or value is refused here."""
import os

# What a bootstrap (unless the name says otherwise) that fails for this reason ends with. The first is the default: what was
# observed, most often the catch-all 5. The others stand in launchd's own table of errors, or were reported.
CODES = {
    # openclaw/openclaw #84721: 37 or 5; 17 is EEXIST, which the reimplementation in ProcursusTeam/launchctl expects.
    "alreadyLoaded": (5, 37, 17),
    "bootstrapInProgress": (37, 5),
    # openclaw/openclaw #136453, #116875: bootout is asynchronous, a bootstrap at once is refused.
    "tearingDown": (5, 37),
    # openclaw/openclaw #849: an earlier disable.
    "disabled": (5, 119),
    # launchd.plist(5), LimitLoadToSessionType.
    "sessionType": (134, 5),
    "malformed": (5, 109),
    # NousResearch/hermes-agent #31212.
    "missingPlist": (5, 2),
    "noLabel": (5, 110),
    "noProgram": (5, 111),
    # launchctl(1), load: ownership and mode.
    "ownership": (122, 5),
    # openclaw/openclaw #60398, Homebrew/homebrew-services #321, #861: a home or a plist on an external volume.
    "externalVolume": (5, 108),
    # `system` needs root.
    "notPermitted": (5, 1),
    # Switched off in System Settings: unknown with the plist present. 0: bootstrap does not even say so.
    "loginItemOff": (5, 0),
    # `kill` without a process to signal: the number is unverified.
    "killNoProcess": (3, 1),
    # A second `bootout`: 36 before macOS 12, silent since.
    "bootoutInProgress": (0, 36),
    # `kickstart` of a running service without -k: the reimplementation passes EALREADY on in silence.
    "kickstartRunning": (0, 37),
}

ONE_OF = {
    # What `managername` prints; None: System for root, Aqua for a user with a gui domain, else Background.
    "callerSession": (None, "Aqua", "Background", "LoginWindow", "StandardIO", "System"),
    # ExitTimeOut where the plist has none: prints show 5, launchd.plist(5) says 20.
    "defaultExitTimeOutSec": (5, 20),
    # A user's ExitTimeOut is reported to be clamped to 60 s (NousResearch/hermes-agent #119598).
    "exitTimeOutClampSec": (None, 60),
    # Whether kickstart waits for ThrottleInterval as a restart does.
    "kickstartThrottled": (False, True),
    # What `kickstart -k` sends; reports disagree.
    "kickstartSignal": ("SIGTERM", "SIGKILL"),
    # What the rest of the job's process group gets when the job ends.
    "processGroupSignal": ("SIGTERM", "SIGKILL"),
    # What comes after the program was found missing: the penalty box (macOS 26), or another try each ThrottleInterval.
    "missingProgram": ("penalty-box", "retry"),
    # How the penalty box is left; each includes those after it.
    "penaltyBoxLeave": ("executable-appears", "kickstart", "bootout"),
    # A log that cannot be opened: exit 78 before the program runs (hermes-agent #78129), or a bootstrap that fails.
    "unopenableLog": ("spawn", "bootstrap"),
    # macOS 26: a binary that changed under a loaded job is killed for its code signature.
    "lwcr": (False, True),
    # Whether print tells `needs LWCR update` once such a binary was killed, or as soon as it has changed.
    "lwcrTold": ("killed", "changed"),
    # Some macOS 26 refuse any plist with LimitLoadToSessionType (hermes-agent #42376).
    "rejectsSessionTypeKey": (False, True),
    # Whether HOME, USER, LOGNAME and SHELL are set for a user's jobs; not to be relied on.
    "userEnvironment": (False, True),
    # One study of macOS 26 has `bootout --wait`.
    "bootoutWait": (False, True),
    # `Bad request.` on a line before the text of error 113 of `print`; and of error 112, which is unverified.
    "badRequest": (True, False),
    "badRequestBeforeDomain": (False, True),
    # Where launchctl's messages go; the captures do not always say.
    "messageStream": ("stderr", "stdout"),
    # print-disabled: `=> disabled`, `=> true` on older systems, or macOS 26's blank first line and a tab before all.
    "disabledLayout": ("words", "booleans", "indented"),
    "emptyDisabled": ("block", "words"),
    # The words of `state` for a job at rest (`waiting` in older systems), and for the moment of a spawn.
    "idleState": ("not running", "waiting", "exited"),
    "spawningState": ("spawning", "xpcproxy", "spawn scheduled"),
    # Newer systems print `job state` too.
    "jobState": (True, False),
    # The double's own user stands for every user: for machines where a test has just one.
    "sameUser": (False, True),
}

# Milliseconds of real time, never scaled.
MILLISECONDS = {
    # Between the decision to start a job and its process: bootstrap does not wait for it.
    "spawnDelayMs": 20,
    # How long after a bootout a service stays there at least.
    "teardownMs": 200,
    # How long after a bootstrap another one of the same label counts as being in flight at the same time.
    "bootstrapMs": 0,
}

FAULT_KEYS = {"verb", "times", "signal", "hang", "code", "stdout", "stderr"}


def defaults():
    uid = os.geteuid() or 501
    return {
        **{name: allowed[0] for name, allowed in ONE_OF.items()},
        **MILLISECONDS,
        "codes": {name: allowed[0] for name, allowed in CODES.items()},
        # Users with a desktop session (gui/<uid>), and with any session (user/<uid>).
        "guiUids": [uid],
        "userUids": sorted({0, uid}),
        # Whom every launchctl is taken to be called by; None: its effective user.
        "callerUid": None,
        # Folders whose plists are loaded at login and at boot: {"501": [folder]}, [folder].
        "agentFolders": {},
        "daemonFolders": [],
        # Seconds of a plist are multiplied by it: ThrottleInterval, ExitTimeOut, StartInterval.
        "timeScale": 1.0,
        # After so many crashes in a row each restart waits twice as long as the one before; None: never.
        "successiveCrashLimit": None,
        # Path prefixes on a volume that launchd may not read.
        "externalVolumes": [],
        # Labels that are switched off as background items in System Settings.
        "loginItemsOff": [],
        # More environment for every job.
        "extraEnvironment": {},
        # Commands that go wrong: {"verb", "times" (default 1)} with "signal", "hang": true, or "code", "stdout", "stderr".
        "faults": [],
    }


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_list_of(check):
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def is_text(value):
    return isinstance(value, str)


def is_fault(value):
    return isinstance(value, dict) and set(value) <= FAULT_KEYS and is_text(value.get("verb"))


SHAPES = {
    "guiUids": is_list_of(is_int),
    "userUids": is_list_of(is_int),
    "callerUid": lambda value: value is None or is_int(value),
    "agentFolders": lambda value: isinstance(value, dict) and all(map(is_list_of(is_text), value.values())),
    "daemonFolders": is_list_of(is_text),
    "timeScale": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0,
    "successiveCrashLimit": lambda value: value is None or is_int(value) and value > 0,
    "externalVolumes": is_list_of(is_text),
    "loginItemsOff": is_list_of(is_text),
    "extraEnvironment": lambda value: isinstance(value, dict) and all(map(is_text, value.values())),
    "faults": is_list_of(is_fault),
}


def same(value, allowed):
    return any(type(value) is type(choice) and value == choice for choice in allowed)


def merge(current, change):
    """The switches with a change laid over them. ValueError names what is wrong; a test whose switch is misspelt must not pass."""
    merged = {**current, "codes": dict(current["codes"])}
    for name, value in change.items():
        if name == "codes":
            for cause, code in value.items():
                if not same(code, CODES.get(cause, ())):
                    raise ValueError("codes.%s cannot be %r" % (cause, code))
                merged["codes"][cause] = code
            continue
        if name in ONE_OF:
            fits = same(value, ONE_OF[name])
        elif name in MILLISECONDS:
            fits = is_int(value) and value >= 0
        else:
            fits = name in SHAPES and SHAPES[name](value)
        if not fits:
            raise ValueError("there is no switch %s = %r" % (name, value))
        merged[name] = value
    return merged
