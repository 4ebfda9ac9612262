import {describe, expect, it} from 'vitest'
import {type Boundary, violations} from './trace.js'

const boundary: Boundary = {
  uid: 1001,
  home: '/home/alice',
  theirs: ['/home/alice', '/run/user/1001'],
  ours: [/^\/etc\/systemd\/system\//, /^\/dev\/null$/],
  seen: [/^\/home\/alice\/seen$/],
  sockets: [/^\/run\/systemd\/private$/],
  secret: 'hunter2',
  unasked: ['/home/alice/node'],
}

const AT = 'AT_FDCWD</root>'
const TAKES_IDS = '7 setresuid(-1, 1001, -1) = 0'

const found = (...lines: string[]) => violations(lines.join('\n'), boundary).map(({kind, call}) => `${kind}: ${call}`)

describe('what a trace shows of a command of root', () => {
  it('has nothing against what is done with the ids of the account, thread by thread', () => {
    const opens = (thread: number) =>
      `${thread} openat(${AT}, "/home/alice/.hermes/gateway.pid", O_RDONLY|O_CLOEXEC) = 3</home/alice/.hermes/gateway.pid>`
    expect(found('7 clone(flags=CLONE_VM|CLONE_THREAD) = 8', TAKES_IDS, opens(7), '7 setresuid(-1, 0, -1) = 0')).toEqual([])
    expect(found('7 clone(flags=CLONE_VM|CLONE_THREAD) = 8', TAKES_IDS, opens(8))).toEqual([
      'root-opens: openat ~/.hermes/gateway.pid O_RDONLY|O_CLOEXEC',
    ])
  })

  it('sees what root opens, looks at and changes by a name in the home, and where that led', () => {
    expect(
      found(
        `7 statx(${AT}, "/home/alice/.hermes", AT_STATX_SYNC_AS_STAT, STATX_ALL, {stx_mask=STATX_ALL}) = 0`,
        `7 statx(${AT}, "/home/alice/seen", AT_STATX_SYNC_AS_STAT, STATX_ALL, {stx_mask=STATX_ALL}) = 0`,
        `7 openat(${AT}, "/tmp/x", O_RDONLY) = 4</home/alice/x>`,
        `7 openat(${AT}, "/home/alice/.hermes", O_RDONLY|O_CREAT|O_NOCTTY, 0666) = 5</etc/nologin>`,
        `7 rename("/home/alice/a", "/home/alice/b") = -1 ENOENT (No such file or directory)`,
        `7 chown("/etc", 1001, 1001) = 0`,
        `7 openat(4</home/alice/x>, "y", O_WRONLY|O_CREAT, 0666) = 6</home/alice/x/y>`,
      ),
    ).toEqual([
      'root-looks: statx ~/.hermes',
      'root-opens: openat /tmp/x ~/x O_RDONLY',
      'root-changes: openat ~/.hermes /etc/nologin O_RDONLY|O_CREAT|O_NOCTTY',
      'root-changes: rename ~/a ~/b (ENOENT)',
      'root-changes: chown /etc 1001, 1001',
      'root-changes: openat ~/x/y O_WRONLY|O_CREAT',
    ])
  })

  it('lets root walk there by descriptors, and give away what it came to, but nothing elsewhere', () => {
    const walk = (name: string, place: string) => [
      `7 openat(${AT}, "/home", O_RDONLY|O_NOFOLLOW|O_PATH) = 20</home>`,
      `7 openat(${AT}, "/proc/self/fd/20/${name}", O_RDONLY|O_NOFOLLOW|O_PATH) = 21<${place}>`,
      `7 chown("/proc/self/fd/21", 1001, 1001) = 0`,
    ]
    expect(found(...walk('alice/f', '/home/alice/f'))).toEqual([])
    expect(found(...walk('bob', '/home/bob'))).toEqual(['root-changes: chown /home/bob 1001, 1001'])
    expect(found(`7 openat(${AT}, "/home/alice/f", O_RDONLY|O_PATH) = 3</etc/f>`)).toHaveLength(1)
  })

  it('allows what is root’s own to change, and its own sockets', () => {
    expect(
      found(
        `7 openat(${AT}, "/etc/systemd/system/x.service", O_WRONLY|O_CREAT, 0644) = 3</etc/systemd/system/x.service>`,
        `7 openat(${AT}, "/dev/null", O_RDWR) = 3</dev/null>`,
        '7 connect(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="/run/systemd/private"}, 24) = 0',
      ),
    ).toEqual([])
    expect(found('7 connect(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="/run/other.sock"}, 24) = 0')).toEqual([
      'root-connects: connect /run/other.sock',
    ])
  })

  it("sees a program of the account in root's session, with what root's environment has, and one that nobody may ask", () => {
    const clone = '7 clone(flags=SIGCHLD) = 9'
    const ids = '9 setresuid(1001, 1001, 1001) = 0'
    const runs = (program: string, environment = '"LC_ALL=C"') => `9 execve("${program}", ["${program}", "-x"], [${environment}]) = 0`
    expect(found(clone, ids, runs('/usr/bin/test'))).toEqual(['in-root-session: execve "/usr/bin/test", "-x"'])
    expect(found(clone, '9 setsid() = 9', ids, runs('/usr/bin/test'))).toEqual([])
    expect(found(clone, '9 setsid() = 9', ids, runs('/usr/bin/test', '"SECRET=hunter2"'))).toEqual([
      'secret-handed: execve "/usr/bin/test", "-x"',
    ])
    expect(found(clone, '9 setsid() = 9', ids, runs('/home/alice/node'))).toEqual(['unasked-program: execve "~/node", "-x"'])
    expect(found(clone, runs('/home/alice/helper'))).toEqual(['root-runs: execve "~/helper", "-x"'])
    expect(found(runs('/home/alice/node').replace('= 0', '= -1 ENOENT (No such file or directory)'))).toEqual([])
  })

  it('knows the ids of a child whose first call is seen before its clone has returned', () => {
    expect(
      found(
        TAKES_IDS,
        '7 clone(flags=CLONE_VFORK <unfinished ...>',
        '9 execve("/usr/bin/true", ["true"], []) = 0',
        '7 <... clone resumed>) = 9',
      ),
    ).toEqual(['in-root-session: execve "true"'])
  })

  it('sees a signal to a process that it did not start', () => {
    expect(found('7 clone(flags=SIGCHLD) = 9', '9 setsid() = 9', '7 kill(-9, SIGKILL) = 0', '7 kill(1234, 0) = 0')).toEqual([])
    expect(found('7 kill(1234, SIGTERM) = 0')).toEqual(['root-signals: kill 1234, SIGTERM'])
  })
})
