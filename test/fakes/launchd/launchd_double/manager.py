"""Domains, the store of disabled services, and what each verb of launchctl does."""
import json
import os
import plistlib
import time

from . import definition, switches, texts
from .job import Job

# asid of every desktop session.
ASID = 100002
# What a verb ends with that this double does not know, so that a test fails instead of believing it.
NOT_MODELLED = 70
LEGACY = ("load", "unload")
NOT_MODELLED_VERBS = (
    "start", "stop", "submit", "remove", "setenv", "unsetenv", "getenv", "asuser", "bsexec", "attach", "debug", "blame", "reboot",
    "config", "examine", "limit", "procinfo", "hostinfo", "resolveport", "dumpstate", "dumpjpcategory", "plist", "userswitch",
    "uncache", "runstats", "version", "variant", "managerpid", "help",
)


class Failed(Exception):
    """A verb that ends with a code, and lines that it prints."""

    def __init__(self, code, *lines):
        super().__init__(code)
        self.code, self.lines = code, lines


class Domain:
    def __init__(self, manager, kind, uid):
        self.manager, self.kind, self.uid = manager, kind, uid
        self.name = kind if kind == "system" else "%s/%d" % (kind, uid)
        self.asid = ASID if kind == "gui" else 0
        self.jobs = {}
        # Set by a logout, until its jobs are gone.
        self.tearing_down = False

    def described(self):
        return "%s [%d]" % (self.name, self.asid) if self.kind == "gui" else self.name

    def inherited_environment(self):
        """SSH_AUTH_SOCK comes with a desktop session."""
        return {"SSH_AUTH_SOCK": "/private/tmp/com.apple.launchd.AbCdEf/Listeners"} if self.kind == "gui" else {}


def named(kind, number):
    """A domain as launchctl's messages name it."""
    words = {"system": "system", "gui": "user gui: %d", "user": "uid: %d", "login": "login: %d", "session": "asid: %d", "pid": "pid: %d"}
    return words[kind] % number if "%" in words[kind] else words[kind]


class Target:
    """`system[/label]`, `gui/<uid>[/label]` and so on. Failed(64) if it is not of that form."""

    def __init__(self, text):
        parts = text.split("/")
        self.kind, self.number = parts[0], 0
        if self.kind == "system":
            label = parts[1] if len(parts) > 1 else ""
        else:
            if self.kind not in ("gui", "user", "login", "session", "pid") or len(parts) < 2 or not parts[1].isdigit():
                raise Failed(64, texts.BAD_TARGET, texts.USAGE)
            self.number = int(parts[1])
            label = parts[2] if len(parts) > 2 else ""
        self.label = label or None
        self.named = named(self.kind, self.number)


class Request:
    """One launchctl: its caller, and a way to answer it."""

    def __init__(self, message, caller_uid, send):
        self.argv, self.cwd, self.tty = message["argv"], message["cwd"], message["tty"]
        self.uid = next(uid for uid in (message["as"], caller_uid, message["uid"]) if uid is not None)
        self.verb, self.words = (self.argv[0], self.argv[1:]) if self.argv else ("", [])
        self.send = send

    def path(self, word):
        return os.path.join(self.cwd, word)


class Manager:
    def __init__(self, loop, folder):
        self.loop, self.folder = loop, folder
        with open(os.path.join(folder, "switches.json")) as file:
            self.switches = switches.merge(switches.defaults(), json.load(file))
        self.domains = {}
        # Connections that are never answered, kept open.
        self.hanging = []

    # Its files

    def record(self, event, **values):
        with open(os.path.join(self.folder, "log.jsonl"), "a") as file:
            file.write(json.dumps({"event": event, "ms": round(time.monotonic() * 1000), **values}) + "\n")

    def store_path(self, domain):
        """As /var/db/com.apple.xpc.launchd: one file for a user, whatever the domain, and one for the system."""
        return os.path.join(self.folder, "disabled%s.plist" % ("" if domain.kind == "system" else ".%d" % domain.uid))

    def disabled(self, domain):
        try:
            with open(self.store_path(domain), "rb") as file:
                return plistlib.load(file)
        except FileNotFoundError:
            return {}

    def readable(self, path):
        """Whether launchd may read there: not on an external or unreadable volume."""
        real = os.path.realpath(path)
        return not any(os.path.commonpath((os.path.realpath(prefix), real)) == os.path.realpath(prefix)
                       for prefix in self.switches["externalVolumes"])

    # Its domains

    def exists(self, kind, uid):
        if kind == "system":
            return True
        return uid in self.switches["guiUids" if kind == "gui" else "userUids"]

    def domain(self, target):
        """
        The domain of a target. Failed(112): no such domain. Failed(125): a gui domain of a user without a desktop session, also
        root's gui/0 (openclaw/openclaw #46466, #13795).
        """
        kind, uid = target.kind, target.number
        if kind not in ("system", "gui", "user") or not self.exists(kind, uid):
            if kind == "gui" and uid in self.switches["userUids"]:
                raise Failed(125, texts.ERRORS[125])
            text = "Could not find domain for " + target.named
            raise Failed(112, *(["Bad request."] if self.switches["badRequestBeforeDomain"] else []), text)
        return self.known(kind, uid)

    def known(self, kind, uid):
        return self.domains.setdefault((kind, uid), Domain(self, kind, uid))

    def may_change(self, domain, uid):
        return uid == 0 or domain.kind != "system" and domain.uid == uid or self.switches["sameUser"] and uid == os.geteuid()

    def job(self, target):
        domain = self.domain(target)
        found = domain.jobs.get(target.label)
        if found is None:
            raise Failed(113, 'Could not find service "%s" in domain for %s' % (target.label, target.named))
        return found

    def own_domain(self, uid):
        """The only one that `list` looks at: under SSH not the one with the desktop session."""
        if self.session(uid) == "System":
            return self.known("system", 0)
        return self.known("gui" if self.session(uid) == "Aqua" else "user", uid)

    def session(self, uid):
        chosen = self.switches["callerSession"]
        return chosen or ("System" if uid == 0 else "Aqua" if uid in self.switches["guiUids"] else "Background")

    # Requests

    def handle(self, message, send):
        request = Request(message, self.switches["callerUid"], send)

        def answer(code, out="", *lines):
            err = "".join(line + "\n" for line in lines)
            if self.switches["messageStream"] == "stdout":
                out, err = out + err, ""
            self.record("launchctl", argv=request.argv, uid=request.uid, code=code, stdout=out, stderr=err)
            send({"code": code, "stdout": out, "stderr": err})

        if self.goes_wrong(request):
            return
        request.answer = answer
        verb = getattr(self, "verb_" + request.verb.replace("-", "_"), None)
        try:
            if request.verb in LEGACY or request.verb in NOT_MODELLED_VERBS:
                text = "launchd double: `%s` must not be used here: %s" % (
                    request.verb, "legacy, and it ends with 0 when it fails" if request.verb in LEGACY else "it is not modelled",
                )
                self.record("violation", text=text, argv=request.argv)
                raise Failed(NOT_MODELLED, text)
            if verb is None:
                raise Failed(1, "Unrecognized subcommand: " + request.verb, texts.USAGE)
            verb(request)
        except Failed as failed:
            answer(failed.code, "", *failed.lines)

    def goes_wrong(self, request):
        """A launchctl that is killed, hangs, or says what nobody understands, as a switch asks for it."""
        faults = self.switches["faults"]
        for fault in faults:
            if fault["verb"] == request.verb and fault.get("times", 1) > 0:
                self.switches["faults"] = [
                    {**one, "times": one.get("times", 1) - 1} if one is fault else one for one in faults
                ]
                self.record("fault", argv=request.argv, uid=request.uid, fault=fault)
                if fault.get("hang"):
                    self.hanging.append(request.send)
                else:
                    reply = {"code": fault.get("code", 0), "stdout": fault.get("stdout", ""), "stderr": fault.get("stderr", "")}
                    request.send({**reply, "signal": fault["signal"]} if "signal" in fault else reply)
                return True
        return False

    def service_target(self, request):
        if len(request.words) < 1:
            raise Failed(64, texts.USAGE)
        target = Target(request.words[0])
        if target.label is None:
            raise Failed(64, texts.BAD_TARGET, texts.USAGE)
        return target

    # bootstrap

    def verb_bootstrap(self, request):
        if len(request.words) < 2:
            # Without a path it boots a whole domain.
            raise Failed(64, texts.USAGE)
        target = Target(request.words[0])
        if target.label is not None:
            raise Failed(64, texts.BAD_TARGET, texts.USAGE)
        try:
            domain = self.domain(target)
        except Failed as failed:
            raise Failed(125, *self.bootstrap_failed(request, 125)) if failed.code == 125 else failed
        for path in map(request.path, request.words[1:]):
            refusal = self.bootstrap(domain, path, request.uid)
            if refusal is not None:
                cause, number, richer = refusal
                # Some causes have one code only.
                code = self.switches["codes"].get(cause, number)
                if code == 0:
                    continue
                raise Failed(code, *self.bootstrap_failed(request, code, "%s: %s" % (path, richer)))
        request.answer(0)

    def bootstrap_failed(self, request, code, richer=None):
        """Root is told the true error of each path as well; others only that root would be."""
        text = "Bootstrap failed: %d: %s" % (code, texts.ERRORS[code])
        if request.uid != 0:
            return [text, texts.RICHER]
        return [richer, text] if richer else [text]

    def bootstrap(self, domain, path, uid):
        """Loads a plist. None, or why not: the name of the cause, the error of launchd's table, and the text that root sees."""

        def refused(cause, number, richer=None):
            return cause, number, richer or texts.ERRORS[number]

        if domain.tearing_down:
            return refused("domainTearingDown", 124)
        if not self.may_change(domain, uid):
            return refused("notPermitted", 1)
        owner = domain.uid if domain.kind != "system" else 0
        try:
            wanted = definition.read(path, owner, self.readable, os.geteuid() if self.switches["sameUser"] else None)
        except definition.Refused as refusal:
            return refused(refusal.cause, refusal.number)
        found = domain.jobs.get(wanted.label)
        if found:
            # The first definition stays, also when the second has another path.
            if found.booted_out_at is not None:
                return refused("tearingDown", 37)
            if (time.monotonic() - found.loaded_at) * 1000 < self.switches["bootstrapMs"]:
                return refused("bootstrapInProgress", 37)
            return refused("alreadyLoaded", 17, "service already bootstrapped")
        if self.disabled(domain).get(wanted.label):
            return refused("disabled", 119)
        if domain.kind != "system":
            if self.switches["rejectsSessionTypeKey"] and "LimitLoadToSessionType" in wanted.values:
                return refused("sessionTypeKey", 5, texts.ERRORS[134])
            if {"gui": "Aqua", "user": "Background"}[domain.kind] not in wanted.sessions:
                return refused("sessionType", 134)
        if wanted.label in self.switches["loginItemsOff"]:
            return refused("loginItemOff", 5)
        if "/" in wanted.program and not self.readable(wanted.program):
            return refused("externalVolume", 108)
        if self.switches["unopenableLog"] == "bootstrap" and not self.logs_open(wanted):
            return refused("unopenableLog", 5)
        if wanted.ignored:
            self.record("ignored-keys", domain=domain.name, label=wanted.label, keys=wanted.ignored)
        job = Job(self, domain, wanted)
        domain.jobs[wanted.label] = job
        self.record("loaded", domain=domain.name, label=wanted.label, path=path)
        job.load()
        return None

    def logs_open(self, wanted):
        """A guess from outside: the true test is the open(2) of the job's own user."""
        for path in filter(None, (wanted.stdout, wanted.stderr)):
            folder = os.path.dirname(path) or "/"
            while not os.path.lexists(folder):
                folder = os.path.dirname(folder)
            if not self.readable(path) or not os.path.isdir(folder) or os.path.isdir(path):
                return False
        return True

    # bootout

    def verb_bootout(self, request):
        words = [word for word in request.words if word != "--wait"]
        wait = len(words) < len(request.words)
        if not words or wait and not self.switches["bootoutWait"]:
            raise Failed(64, texts.USAGE)
        target = Target(words[0])
        try:
            domain = self.domain(target)
        except Failed as failed:
            raise Failed(125, self.boot_out_failed(125)) if failed.code == 125 else failed
        if not self.may_change(domain, request.uid):
            raise Failed(1, self.boot_out_failed(1))
        if target.label is not None:
            found = domain.jobs.get(target.label)
            if found is None:
                raise Failed(3, self.boot_out_failed(3))
        elif len(words) == 1:
            text = "launchd double: bootout of a whole domain is not modelled; use the wrapper's logout"
            self.record("violation", text=text, argv=request.argv)
            raise Failed(NOT_MODELLED, text)
        else:
            found = domain.jobs.get(self.label_in(request.path(words[1])))
            if found is None:
                raise Failed(5, self.boot_out_failed(5))
        if found.booted_out_at is not None:
            code = self.switches["codes"]["bootoutInProgress"]
            if code:
                raise Failed(code, self.boot_out_failed(code))
        else:
            found.boot_out()
        # Asynchronous: the label is still registered, and the process may still run.
        if wait:
            found.on_removed.append(lambda: request.answer(0))
        else:
            request.answer(0)

    def boot_out_failed(self, code):
        return "Boot-out failed: %d: %s" % (code, texts.ERRORS[code])

    def label_in(self, path):
        try:
            with open(path, "rb") as file:
                return plistlib.load(file).get("Label")
        except Exception:
            # plistlib raises whatever expat, struct or int() raised.
            return None

    # enable, disable

    def verb_enable(self, request, off=False):
        target = self.service_target(request)
        verb = "disable" if off else "enable"

        def failed(code):
            return Failed(code, "Could not %s service: %d: %s" % (verb, code, texts.ERRORS[code]))

        try:
            domain = self.domain(target)
        except Failed as failure:
            raise failed(125) if failure.code == 125 else failure
        if not self.may_change(domain, request.uid):
            raise failed(1)
        # Neither starts or stops anything, nor asks whether there is such a service; no verb removes an entry.
        store = {**self.disabled(domain), target.label: off}
        with open(self.store_path(domain), "wb") as file:
            plistlib.dump(store, file)
        request.answer(0)

    def verb_disable(self, request):
        self.verb_enable(request, off=True)

    def verb_print_disabled(self, request):
        if len(request.words) != 1:
            raise Failed(64, texts.USAGE)
        request.answer(0, texts.disabled_services(self.disabled(self.domain(Target(request.words[0]))), self.switches))

    # print, list

    def verb_print(self, request):
        if len(request.words) != 1:
            raise Failed(64, texts.USAGE)
        target = Target(request.words[0])
        if target.label is None:
            domain = self.domain(target)
            request.answer(0, texts.domain(domain, self.disabled(domain)))
            return
        try:
            found = self.job(target)
        except Failed as failed:
            if failed.code == 113 and self.switches["badRequest"]:
                raise Failed(113, "Bad request.", *failed.lines)
            raise
        request.answer(0, texts.service(found))

    def verb_list(self, request):
        domain = self.own_domain(request.uid)
        if not request.words:
            request.answer(0, texts.listing(domain.jobs.values()))
            return
        found = domain.jobs.get(request.words[0])
        if found is None:
            raise Failed(113, 'Could not find service "%s" in domain for port' % request.words[0])
        request.answer(0, texts.list_service(found))

    # kickstart, kill

    def verb_kickstart(self, request):
        flags = set("".join(word[1:] for word in request.words if word.startswith("-")))
        request.words = [word for word in request.words if not word.startswith("-")]
        if flags - set("kp"):
            raise Failed(64, texts.USAGE)
        target = self.service_target(request)

        def failed(code):
            return Failed(code, 'Could not kickstart service "%s": %d: %s' % (target.label, code, texts.ERRORS[code]))

        try:
            found = self.job(target)
        except Failed as failure:
            raise failed(125) if failure.code == 125 else failure
        if not self.may_change(found.domain, request.uid):
            raise failed(1)
        if found.booted_out_at is not None:
            # As the reimplementation passes EALREADY on; nobody has captured it.
            raise Failed(37)
        running = found.pid is not None and "k" not in flags

        def spawned(pid):
            told = "" if "p" not in flags else "service spawned with pid: %d\n" % (pid or 0) if request.tty else "%d\n" % (pid or 0)
            request.answer(self.switches["codes"]["kickstartRunning"] if running else 0, told)

        found.kickstart("k" in flags, spawned)

    def verb_kill(self, request):
        if len(request.words) != 2:
            raise Failed(64, texts.USAGE)
        number = texts.local_signal(request.words[0])
        if number is None:
            raise Failed(64, "Invalid signal.", texts.USAGE)
        request.words = request.words[1:]
        found = self.job(self.service_target(request))
        if not self.may_change(found.domain, request.uid):
            raise Failed(1, "Not privileged to signal service.")
        if found.pid is None:
            raise Failed(self.switches["codes"]["killNoProcess"], "No process to signal.")
        found.signal(number)
        request.answer(0)

    # The caller's session, errors

    def verb_managername(self, request):
        request.answer(0, self.session(request.uid) + "\n")

    def verb_manageruid(self, request):
        request.answer(0, "%d\n" % request.uid)

    def verb_error(self, request):
        code = request.words[-1] if request.words else ""
        if not code.isdigit():
            raise Failed(64, texts.USAGE)
        request.answer(0, "%s: %s\n" % (code, texts.ERRORS.get(int(code), "unknown error code")))

    # What the wrapper asks for

    def control(self, message, send):
        try:
            done = getattr(self, "control_" + message["control"])
            done(message, send)
        except ValueError as error:
            send({"error": str(error)})

    def control_configure(self, message, send):
        was = {name: self.switches.get(name) for name in message["switches"]}
        self.switches = switches.merge(self.switches, message["switches"])
        send({"was": was})

    def control_clear(self, message, send):
        """Forgets all jobs and all that was disabled, and kills every process."""
        for domain in self.domains.values():
            for job in domain.jobs.values():
                job.forget()
        self.domains, self.hanging = {}, []
        self.loop.kill_descendants()
        for name in os.listdir(self.folder):
            if name.startswith("disabled"):
                os.unlink(os.path.join(self.folder, name))
        send({})

    def control_logout(self, message, send):
        """Tears down the gui domain of a user."""
        uid = message["uid"]
        self.leave([self.known("gui", uid)], lambda: (self.forget_session("guiUids", uid), send({})))

    def control_login(self, message, send):
        """Brings up the gui and user domains of a user and loads the agents, except those that are disabled or switched off."""
        uid = message["uid"]
        for name in ("guiUids", "userUids"):
            self.switches[name] = sorted({*self.switches[name], uid})
        self.load_folders(self.known("gui", uid), self.switches["agentFolders"].get(str(uid), []))
        send({})

    def control_reboot(self, message, send):
        """Ends everything and loads the daemons; nobody is logged in then."""

        def boot():
            self.domains = {}
            self.switches.update(guiUids=[], userUids=[0])
            self.load_folders(self.known("system", 0), self.switches["daemonFolders"])
            send({})

        self.leave(list(self.domains.values()), boot)

    def forget_session(self, name, uid):
        self.switches[name] = [one for one in self.switches[name] if one != uid]

    def load_folders(self, domain, folders):
        for folder in folders:
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
                path = os.path.join(folder, name)
                if not name.endswith(".plist"):
                    continue
                refusal = self.bootstrap(domain, path, 0)
                if refusal:
                    self.record("not-loaded", domain=domain.name, path=path, cause=refusal[0])

    def leave(self, domains, gone):
        """Boots out all jobs of some domains, which refuse new ones with 124 meanwhile; then calls `gone`."""
        left = {job for domain in domains for job in domain.jobs.values()}
        for domain in domains:
            domain.tearing_down = True

        def one_less(job):
            left.discard(job)
            finish()

        def finish():
            if not left:
                for domain in domains:
                    domain.tearing_down = False
                gone()

        for job in list(left):
            job.on_removed.append(lambda job=job: one_less(job))
            if job.booted_out_at is None:
                job.boot_out()
        if not left:
            finish()
