import {describe, expect, it} from 'vitest'
import {loadChecks} from '../../src/doctor/checks/index.js'
import {diagnose} from '../../src/doctor/diagnose.js'
import {tellLost} from '../../src/doctor/tell-lost.js'
import {formatNotify, NO_NOTIFY, notifyFile} from '../../src/notify/notify-file.js'
import type {FakeSystemd} from '../fakes/fake-systemd.js'
import {installed, SUPPORT} from '../fakes/scene.js'

const BUS = '/run/user/1000/bus'
const NODE = '/usr/bin/node'
const OPTIONS = {wedgeWindowMs: 1000, isNamed: false, anyScope: false}

/** What the one target of a service is told by runs of `doctor --notify`, the last run last. */
class Told {
  readonly kinds: string[] = []
  readonly whats: string[] = []

  private constructor(readonly machine: FakeSystemd) {
    const {host} = machine
    host.put(notifyFile(machine.home), {text: formatNotify({...NO_NOTIFY, targets: ['exec:/bin/tell']}), mode: 0o600})
    host.put('/proc/sys/kernel/hostname', 'box\n')
    const run = host.run.bind(host)
    host.run = async (argv, options) => {
      if (argv[0] !== '/bin/tell') return run(argv, options)
      const {type, data} = JSON.parse(options?.input ?? '') as {type: string; data: {what: string}}
      this.kinds.push(type.replace('hermes-svc.', ''))
      this.whats.push(data.what)
      return {argv, code: 0, signal: null, stdout: '', stderr: ''}
    }
  }

  static async ofWorking(): Promise<Told> {
    const machine = await installed()
    machine.comesUp()
    return new Told(machine)
  }

  async runs(count: number, ids?: readonly string[]): Promise<this> {
    for (let done = 0; done < count; done++) {
      await this.machine.host.sleep(300_000)
      for (const diagnosis of await diagnose([this.machine.target], await loadChecks(ids), OPTIONS)) {
        await tellLost(diagnosis.scene, AbortSignal.timeout(10_000))
      }
    }
    return this
  }
}

const LOST: readonly [string, (machine: FakeSystemd) => () => void, string][] = [
  [
    'the timer is stopped',
    ({timer}) => {
      timer.isActive = false
      return () => void (timer.isActive = true)
    },
    'hermes-svc-heartbeat.timer is not active',
  ],
  [
    'the heartbeat was turned off',
    ({host}) => {
      const file = `${SUPPORT}/settings.json`
      const text = host.texts()[file] ?? ''
      host.put(file, text.replace('"enabled": true', '"enabled": false'))
      return () => host.put(file, text)
    },
    'it is off in the settings of the service',
  ],
  [
    'the user manager does not run',
    ({host}) => {
      host.drop(BUS)
      return () => host.put(BUS, {kind: 'socket', uid: 1000, gid: 1000})
    },
    `The systemd user manager of user is not running: ${BUS} and /run/user/1000/systemd/private do not exist`,
  ],
  [
    'the node that runs the tick is gone',
    ({host}) => {
      host.drop(NODE)
      return () => host.put(NODE, {text: '', mode: 0o755})
    },
    `${NODE} is gone`,
  ],
  [
    'the program of the tick is gone',
    ({host}) => {
      const file = '/home/user/.config/hermes-svc/heartbeat.cjs'
      const text = host.texts()[file] ?? ''
      host.drop(file)
      return () => host.put(file, text)
    },
    '/home/user/.config/hermes-svc/heartbeat.cjs is gone',
  ],
]

/** What hides whether a tick runs. */
const UNTOLD: readonly [string, (machine: FakeSystemd) => () => void][] = [
  [
    'the unit of the gateway is masked',
    (machine) => {
      const {shown} = machine
      machine.shown = {...shown, LoadState: 'masked', UnitFileState: 'masked', FragmentPath: '/dev/null'}
      return () => (machine.shown = shown)
    },
  ],
  [
    'the recorded settings are damaged',
    ({host}) => {
      const file = `${SUPPORT}/settings.json`
      const text = host.texts()[file] ?? ''
      host.put(file, '{')
      return () => host.put(file, text)
    },
  ],
  [
    'systemd does not answer',
    ({host}) => {
      const read = host.read.bind(host)
      host.read = (argv, options) =>
        argv.includes('show') ? {argv, code: 1, signal: null, stdout: '', stderr: 'Connection timed out'} : read(argv, options)
      return () => void (host.read = read)
    },
  ],
]

describe('doctor --notify', () => {
  it.each(LOST)(
    'tells once that the heartbeat is lost if %s, with the reason, and once that it is back, whichever checks look',
    async (_name, harm, why) => {
      for (const ids of [undefined, ['notify']]) {
        const told = await Told.ofWorking()
        const mend = harm(told.machine)
        await told.runs(3, ids)
        expect(told.kinds).toEqual(['heartbeat-lost'])
        expect(told.whats).toEqual([`has lost its heartbeat: ${why}`])
        mend()
        await told.runs(3, ids)
        expect(told.kinds).toEqual(['heartbeat-lost', 'recovered'])
      }
    },
  )

  it.each(UNTOLD)('says neither that the heartbeat is lost nor that it is back while %s', async (_name, hide) => {
    const told = await Told.ofWorking()
    const show = hide(told.machine)
    await told.runs(3)
    show()
    expect(told.kinds).toEqual([])
    told.machine.timer.isActive = false
    await told.runs(1)
    hide(told.machine)
    told.machine.timer.isActive = true
    await told.runs(3)
    expect(told.kinds).toEqual(['heartbeat-lost'])
    show()
    await told.runs(2)
    expect(told.kinds).toEqual(['heartbeat-lost', 'recovered'])
  })

  it('does not say that the heartbeat is back if its user manager or its node is lost meanwhile', async () => {
    const told = await Told.ofWorking()
    told.machine.timer.isActive = false
    await told.runs(1)
    told.machine.host.drop(NODE)
    await told.runs(2)
    told.machine.host.drop(BUS)
    await told.runs(2)
    expect(told.kinds).toEqual(['heartbeat-lost'])
  })

  it('says nothing in the first three minutes after a boot, in which the user managers start', async () => {
    const told = await Told.ofWorking()
    told.machine.host.drop(BUS)
    const [diagnosis] = await diagnose([told.machine.target], await loadChecks(), OPTIONS)
    if (!diagnosis) throw new Error('nothing was observed')
    const after = async (monotonicMs: number) => {
      await tellLost({...diagnosis.scene, monotonicMs}, AbortSignal.timeout(10_000))
      return told.kinds
    }
    expect(await after(179_999)).toEqual([])
    expect(await after(180_000)).toEqual(['heartbeat-lost'])
  })

  it('tells nothing of a profile that another gateway serves, and of a service that is not of hermes-svc', async () => {
    const told = await Told.ofWorking()
    told.machine.host.drop(BUS)
    const [diagnosis] = await diagnose([told.machine.target], await loadChecks(), OPTIONS)
    if (!diagnosis) throw new Error('nothing was observed')
    await tellLost({...diagnosis.scene, servedBy: 'default'}, AbortSignal.timeout(10_000))
    told.machine.host.drop(`${SUPPORT}/settings.json`)
    await told.runs(2)
    expect(told.kinds).toEqual([])
  })
})
