import {describe, expect, it} from 'vitest'
import {verboseHost} from '../../src/host/verbose-host.js'
import {type FakeCommand, FakeHost} from '../fakes/fake-host.js'

const ANN = {uid: 1001, gid: 1001, name: 'ann', home: '/home/ann'}

function verbose(...commands: FakeCommand[]) {
  const lines: string[] = []
  const host = new FakeHost({commands, account: {uid: 0, gid: 0, name: 'root', home: '/root'}, accounts: [ANN]})
  return {lines, host: verboseHost(host, (line) => lines.push(line))}
}

describe('a verbose host', () => {
  it('tells of each program that reads or changes, how it ended and how long it took', async () => {
    const {lines, host} = verbose(
      {argv: ['systemctl', 'show', 'a b.service'], via: 'read'},
      {argv: ['systemctl', 'start', 'x'], via: 'run', code: 5, effect: (machine) => void machine.sleep(1500)},
      {argv: ['systemctl', 'stop', 'x'], via: 'run', code: null, failure: 'TIMEOUT'},
      {argv: ['kill', 'me'], via: 'run', code: null, signal: 'SIGKILL'},
      {argv: ['tail', '-f'], via: 'attach', code: 1},
    )
    expect(host.read(['systemctl', 'show', 'a b.service']).code).toBe(0)
    expect((await host.run(['systemctl', 'start', 'x'])).code).toBe(5)
    await host.run(['systemctl', 'stop', 'x'])
    await host.run(['kill', 'me'])
    expect(await host.attach(['tail', '-f'])).toBe(1)
    expect(lines).toEqual([
      "+ systemctl show 'a b.service'  (exit 0, 0 ms)",
      '+ systemctl start x  (exit 5, 1.5 s)',
      '+ systemctl stop x  (TIMEOUT, 0 ms)',
      '+ kill me  (SIGKILL, 0 ms)',
      '+ tail -f  (exit 1, 0 ms)',
    ])
  })

  it('tells as whom a program is run, if not as ourselves', () => {
    const {lines, host} = verbose({argv: ['id'], as: 'ann'}, {argv: ['id'], as: 'root'})
    host.as(ANN).read(['id'])
    host.as(host.account).read(['id'])
    expect(lines).toEqual(['+ [as ann] id  (exit 0, 0 ms)', '+ id  (exit 0, 0 ms)'])
  })

  it('writes a line a program, whatever is in its arguments', () => {
    const script = 'echo "$1"\n\u001b[31mred'
    const {lines, host} = verbose({argv: ['sh', '-c', script]})
    host.read(['sh', '-c', script])
    expect(lines).toEqual([`+ sh -c 'echo "$1"\\n\\u001b[31mred'  (exit 0, 0 ms)`])
  })

  it('is the same host in all else', () => {
    const {lines, host} = verbose()
    expect([host.account.name, host.platform, host.readText('/none')]).toEqual(['root', 'linux', undefined])
    expect(lines).toEqual([])
  })
})
