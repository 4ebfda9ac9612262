import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/active-profile.js'
import {examined, fix, foreign, installed, kinds} from '../../fakes/scene.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'

const ROOT = '/home/user/.hermes'
const use = (machine: FakeSystemd, profile: string) => machine.host.put(`${ROOT}/active_profile`, `${profile}\n`)

describe('active-profile', () => {
  it('says nothing of a command that names its profile, nor where the default profile is the one in use', async () => {
    const own = await installed()
    use(own, 'work')
    expect(await kinds(own, check)).toEqual([])
    for (const [command, profile] of [
      ['/usr/bin/hermes -p default gateway run', 'work'],
      ['/usr/bin/hermes gateway run', 'default'],
      ['/usr/bin/hermes gateway run', ''],
    ] as const) {
      const machine = foreign({}, command)
      use(machine, profile)
      expect(await kinds(machine, check)).toEqual([])
    }
    expect(await kinds(foreign(), check)).toEqual([])
  })

  it("finds a unit of another tool's whose next start is in another home, and gives it a command that names the profile", async () => {
    const machine = foreign({}, '/usr/bin/env hermes gateway run --replace')
    use(machine, 'work')
    const {findings, interrupts} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'followed', severity: 'warning', isFixable: true, isSafe: false}])
    expect(findings[0]?.what).toBe(
      'hermes-gateway.service will start its next gateway in the home of profile "work": its command names no profile, and "hermes profile use" has set this one',
    )
    expect(interrupts).toBe(true)
    await fix(machine, check)
    expect(machine.host.texts()[`${machine.unit}.d/10-hermes-svc.conf`]).toContain(
      'ExecStart=:"/usr/bin/env" "hermes" "gateway" "run" "--profile=default"\n',
    )
    machine.shown.DropInPaths = `${machine.unit}.d/10-hermes-svc.conf`
    expect(await kinds(machine, check)).toEqual([])
  })

  it('is an error once it runs there', async () => {
    const machine = foreign()
    use(machine, 'work')
    machine.host.drop(`${ROOT}/gateway.pid`)
    machine.host.drop(`${ROOT}/gateway.lock`)
    machine.host.drop(`${ROOT}/gateway_state.json`)
    expect(await kinds(machine, check)).toEqual(['followed error'])
  })

  it.each(['/usr/bin/bash -lc "exec hermes gateway run"', '/opt/%b/hermes gateway run', '/usr/bin/hermes gateway run --verbose'])(
    'leaves %s to a person',
    async (command) => {
      const machine = foreign({}, command)
      use(machine, 'work')
      const {findings} = await examined(machine, check)
      expect(findings).toMatchObject([{kind: 'followed', isFixable: false}])
      expect(findings[0]?.cure).toEqual([
        `"\${EDITOR:-vi}" ${machine.unit}   # add --profile=default after: gateway run`,
        'systemctl --user daemon-reload',
        'hermes profile use default   # or do this instead',
      ])
    },
  )
})
