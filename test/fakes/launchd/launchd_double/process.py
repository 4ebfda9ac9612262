"""One run of a job: a process started as launchd starts it."""
import errno
import grp
import os
import pwd
import resource
import shutil
import signal

DEFAULT_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
# The exit status of a job whose process could not be set up: EX_CONFIG of sysexits(3).
EX_CONFIG = 78
MISSING = (errno.ENOENT, errno.ENOTDIR, errno.EACCES)


class Account:
    """Whose process it is. KeyError: no such user or group."""

    def __init__(self, uid, user=None, group=None):
        entry = pwd.getpwnam(user) if user else next((one for one in pwd.getpwall() if one.pw_uid == uid), None)
        self.uid = entry.pw_uid if entry else uid
        self.gid = grp.getgrnam(group).gr_gid if group else entry.pw_gid if entry else uid
        self.name = entry.pw_name if entry else str(uid)
        self.home = entry.pw_dir if entry else "/"
        self.shell = entry.pw_shell if entry else "/bin/sh"
        self.groups = os.getgrouplist(self.name, self.gid) if entry else [self.gid]


def find_program(program):
    """As execvp(3) finds it with launchd's own PATH; the name itself if it is nowhere."""
    return program if "/" in program else shutil.which(program, path=DEFAULT_PATH) or program


def open_log(path, descriptor):
    """launchd appends, creates missing parents, and never rotates."""
    if path is None:
        path = os.devnull
    else:
        os.makedirs(os.path.dirname(path) or "/", exist_ok=True)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(opened, descriptor)


def prepare(definition, account, readable, step):
    """Everything between fork and exec. `step` is told what is about to be done, so that a failure has a name."""
    os.setsid()
    # Python ignores some signals, which a program would inherit.
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022 if definition.umask is None else definition.umask)
    nice = definition.values.get("Nice")
    if isinstance(nice, int) and not isinstance(nice, bool):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    step("limits")
    for kind, (soft, hard) in definition.limits.items():
        now_soft, now_hard = resource.getrlimit(kind)
        hard = now_hard if hard is None else hard
        soft = now_soft if soft is None else soft
        if hard != resource.RLIM_INFINITY and soft > hard:
            soft = hard
        resource.setrlimit(kind, (soft, hard))
    step("user")
    if account and os.geteuid() == 0:
        os.setgroups(account.groups)
        os.setgid(account.gid)
        os.setuid(account.uid)
    step("log")
    os.dup2(os.open(definition.stdin or os.devnull, os.O_RDONLY), 0)
    for path, descriptor in ((definition.stdout, 1), (definition.stderr, 2)):
        if path and not readable(path):
            raise OSError(errno.EPERM, "on a volume that launchd may not read")
        open_log(path, descriptor)
    step("directory")
    os.chdir(definition.working_directory or "/")


def start(definition, environment, account, readable):
    """(pid, failed): `failed` is (step, errno) if the process ended with EX_CONFIG before the program ran, else None."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        now = ["start"]
        try:
            prepare(definition, account, readable, lambda name: now.__setitem__(0, name))
            now[0] = "exec"
            program = find_program(definition.program)
            if not readable(program):
                raise OSError(errno.EPERM, "on a volume that launchd may not read")
            # execv(3) and not a shell: a script without a `#!` line is ENOEXEC.
            os.execve(program, definition.arguments, environment)
        except OSError as error:
            os.write(write_end, b"%s %d" % (now[0].encode(), error.errno or 0))
        finally:
            os._exit(EX_CONFIG)
    os.close(write_end)
    told = b""
    while part := os.read(read_end, 100):
        told += part
    os.close(read_end)
    if not told:
        return pid, None
    step, number = told.decode().split()
    return pid, (step, int(number))
