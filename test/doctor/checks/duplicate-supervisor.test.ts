import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/duplicate-supervisor.js'
import {examined, fix, foreign, installed, kinds} from '../../fakes/scene.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'

const UNITS = '/home/user/.config/systemd/user'
const RIVAL = '[Service]\nExecStart=/usr/bin/hermes gateway run\nEnvironment=HERMES_HOME=/home/user/.hermes\n'

function addRival(machine: FakeSystemd, name: string, {folder = UNITS, enabled = true, text = RIVAL} = {}): void {
  machine.host.put(`${folder}/${name}`, text)
  const wants = `${folder}/${folder === UNITS ? 'default' : 'multi-user'}.target.wants/${name}`
  if (enabled) machine.host.put(wants, {link: `../${name}`})
}

describe('duplicate-supervisor', () => {
  it('says nothing of a service alone, nor of units for other homes or that neither run nor start', async () => {
    const machine = await installed()
    addRival(machine, 'hermes-gateway-work.service', {text: RIVAL.replace('.hermes\n', '.hermes/profiles/work\n')})
    addRival(machine, 'hermes-gateway-old.service', {enabled: false})
    expect(await kinds(machine, check)).toEqual([])
  })

  it.each<[string, string, string, string, string]>([
    ['another tool', 'my-bot.service', UNITS, 'other-service', 'systemctl --user disable --now my-bot.service'],
    [
      'the other scope',
      'hermes-gateway.service',
      '/etc/systemd/system',
      'other-scope',
      'sudo systemctl disable --now hermes-gateway.service',
    ],
  ])('finds the unit of %s, and leaves the choice to the operator', async (_name, unit, folder, kind, cure) => {
    const machine = await installed()
    addRival(machine, unit, {folder, text: folder === UNITS ? RIVAL : RIVAL.replace('[Service]', '[Service]\nUser=user')})
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind, severity: 'error', isFixable: false}])
    expect(findings[0]?.cure[0]).toMatch(
      new RegExp(`^${cure} {3}# or keep this service, and type: systemctl --user disable --now hermes-gateway.service$`),
    )
  })

  it('finds one that is not enabled and runs a gateway now', async () => {
    const machine = await installed()
    addRival(machine, 'my-bot.service', {enabled: false})
    machine.putProcess(
      {
        pid: 900,
        startTime: 9000,
        env: {HERMES_HOME: '/home/user/.hermes'},
        cgroup: '/user.slice/user@1000.service/app.slice/my-bot.service',
      },
      'running',
    )
    expect(await kinds(machine, check)).toEqual(['other-service error'])
  })

  it("stops upstream's legacy service and keeps it down", async () => {
    const machine = await installed()
    addRival(machine, 'hermes.service')
    expect((await examined(machine, check)).findings).toMatchObject([{kind: 'legacy', isFixable: true, isSafe: false}])
    await fix(machine, check)
    expect(machine.verbs.at(-1)).toBe('disable --now hermes.service')
  })

  it('finds a unit that starts its gateway with --replace, and starts it without', async () => {
    const machine = foreign({}, '/usr/bin/hermes gateway run --replace')
    expect(await kinds(machine, check)).toEqual(['replace warning'])
    await fix(machine, check)
    expect(machine.host.texts()[`${machine.unit}.d/10-hermes-svc.conf`]).toContain(
      'ExecStart=:"/usr/bin/hermes" "gateway" "run" "--profile=default"\n',
    )
  })
})
