import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {FakeHost, USER} from '../../fakes/fake-host.js'
import {systemdManager} from '../../fakes/managers.js'
import {SERVICE} from '../../fakes/settings.js'

const of = (scope: 'user' | 'system') => systemdManager(new FakeHost(), scope, USER).chronicle
const AT = 1_795_974_361_141
/** As a systemd 252 writes them. */
const line = (id: string, more: object = {}) => JSON.stringify({MESSAGE_ID: id, __REALTIME_TIMESTAMP: `${AT}977`, ...more})
const EXITED = '98e322203f7a4ed290d09fe03c09fe15'

describe("systemd's own record", () => {
  it('is asked for its messages about the unit, and no more of them', () => {
    const query = {sinceMs: 1500, lines: 7}
    const [user, system] = [of('user')?.command(SERVICE, query), of('system')?.command(SERVICE, query)]
    expect(user?.slice(0, 3)).toEqual(['journalctl', '_UID=1000', 'USER_UNIT=hermes-gateway.service'])
    expect(system?.slice(0, 3)).toEqual(['journalctl', '_PID=1', 'UNIT=hermes-gateway.service'])
    expect(user?.slice(-3)).toEqual(['--reverse', '--lines=7', '--since=@1.500'])
  })

  it.each<[string, string, object]>([
    ['a start', line('39f53479d3a045ac8e11786248231fbf'), {kind: 'started', atMs: AT + 1}],
    ['a stop', line('de5b426a63be47a7b6ac3eaac82e2f6f'), {kind: 'stopping', atMs: AT + 1}],
    [
      'what it makes of an end',
      line('d9b373ed55a64feb8242e02dbe79a49c', {UNIT_RESULT: 'oom-kill'}),
      {kind: 'result', atMs: AT + 1, result: 'oom-kill'},
    ],
    ['what the kernel killed', line('fe6faa94e7774663a0da52717891d8ef'), {kind: 'oom-kill', atMs: AT + 1}],
    ['an end in good order', line('7ad2d189f7e94e70a38c781354912448'), {kind: 'result', atMs: AT + 1, result: 'success'}],
    [
      'an exit status',
      line(EXITED, {
        COMMAND: 'ExecStart',
        EXIT_CODE: 'exited',
        EXIT_STATUS: '1',
        MESSAGE: 'x: Main process exited, code=exited, status=1/FAILURE',
      }),
      {kind: 'ended', atMs: AT + 1, how: 'exited', status: '1'},
    ],
    [
      'a signal',
      line(EXITED, {
        COMMAND: 'ExecStart',
        EXIT_CODE: 'killed',
        EXIT_STATUS: '9',
        MESSAGE: 'x: Main process exited, code=killed, status=9/KILL',
      }),
      {kind: 'ended', atMs: AT + 1, how: 'killed', status: 'KILL'},
    ],
  ])('tells of %s', (_, printed, fact) => {
    expect(of('user')?.factOf(printed)).toEqual(fact)
  })

  it('tells nothing of other programs of the unit, and of what is not understood', () => {
    expect(of('user')?.factOf(line(EXITED, {COMMAND: 'ExecStartPre', EXIT_CODE: 'exited', EXIT_STATUS: '1'}))).toBeUndefined()
    expect(of('user')?.factOf(line('c772d24e9a884cbeb9ea12625c306c01'))).toBeUndefined()
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void expect(of('user')?.factOf(text)).toBeUndefined()))
  })

  it('tells of boots, in µs; an older journalctl prints a table', () => {
    const boots = '[{"index":0,"boot_id":"4a43","first_entry":1795974356824097,"last_entry":1795974364509518}]'
    expect(of('system')?.bootsOf(boots)).toEqual([{atMs: 1_795_974_356_824.097, lastMs: 1_795_974_364_509.518}])
    expect(of('system')?.bootsOf(' 0 4a43 Sun 2026-11-29 17:45:56 UTC—Sun 2026-11-29 17:46:04 UTC')).toEqual([])
    fc.assert(fc.property(fc.json(), (text) => void expect(of('system')?.bootsOf(text)).toEqual([])))
  })
})
