import fs from 'node:fs'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {BootReport} from '../../src/lifecycle/boot-report.js'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {settle} from '../support/doctor-row.js'
import {Home, Namespace, whyNoNamespace} from '../support/foreground.js'
import {waitFor} from '../support/machines.js'
import {describeInContainer, S6Container, type Volume, Volumes} from '../support/s6-container.js'

/** The files of a gateway that a reader must never touch, with their inodes and contents. */
const FILES = ['gateway.pid', 'gateway.lock', 'gateway_state.json']

function snapshot(file: (name: string) => string): string[] {
  return FILES.map((name) => `${name} ${fs.statSync(file(name)).ino} ${fs.readFileSync(file(name), 'utf8')}`)
}

interface Health {
  readonly alive: boolean | null
  readonly details: {readonly reason?: string; readonly state: string}
}

describeUnless(whyNoNamespace(), 'two containers on one home, without a service manager', () => {
  let home: Home
  let reader: Namespace
  let gateway: Namespace

  beforeAll(async () => {
    home = new Home()
    home.configure({})
    // The reader is there first, and has a process under every number that the gateway can have: by its pid and its time of start it could be of here.
    const busy = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do sleep 1000 & done; wait'
    reader = Namespace.start(['tini', '--', 'sh', '-c', `${busy}; ${busy}`])
    await waitFor(async () => (await reader.states().catch(() => '')).length > 30, 'the processes of the reader')
    gateway = Namespace.run(home)
    expect(await home.runs()).toBeLessThan(30)
  })
  afterAll(async () => {
    await Promise.all([gateway.kill(), reader.kill()])
    home.drop()
  })

  it('takes the word of the files for a gateway that cannot be seen from here', async () => {
    const {stdout, code} = await reader.hermesSvc(['health', '--home', home.path])
    const {alive, details} = JSON.parse(stdout) as Health
    expect({alive, reason: details.reason, code}).toEqual({alive: true, reason: 'cross_container_freshness', code: 0})
    // What the probes make of the same verdict: test/commands/health.test.ts.
    for (const probe of inCampaign(['liveness', 'readiness'], []))
      expect((await reader.hermesSvc(['health', '--home', home.path, '--probe', probe])).code).toBe(0)
  })

  it('sweeps nothing when a second gateway is started beside it by mistake', async () => {
    const before = snapshot((name) => home.file(name)).slice(0, 2)
    const second = reader.hermesSvc(['run', '--home', home.path, '--command', `${process.cwd()}/dist/stand-in/hermes`])
    await waitFor(() => home.starts().length > 1, 'the second one to be tried')
    await waitFor(async () => (await reader.exec(['pkill', '-TERM', '-f', 'hermes-svc.cjs run'])).code === 0, 'the signal')
    expect((await second).stderr).toContain('gateway.pid stays as it is')
    expect(snapshot((name) => home.file(name)).slice(0, 2)).toEqual(before)
    expect((await gateway.states()).length).toBeGreaterThan(2)
  })

  it('says that it is down once the files have said nothing new for too long', async () => {
    await gateway.kill()
    const state = home.json('gateway_state.json')
    fs.writeFileSync(home.file('gateway_state.json'), JSON.stringify({...state, updated_at: '2020-01-01T00:00:00+00:00'}))
    const {stdout, code} = await reader.hermesSvc(['health', '--home', home.path])
    expect((JSON.parse(stdout) as Health).alive).toBe(false)
    expect(code).toBe(1)
  })
})

describeInContainer('two containers with s6 on one volume', () => {
  let volumes: Volumes
  let volume: Volume
  let gateway: S6Container
  let reader: S6Container

  beforeAll(async () => {
    volumes = await Volumes.make()
    volume = volumes.volume()
    volume.profile('default')
    reader = await S6Container.boot(volume)
    await reader.sh('for i in $(seq 300); do /bin/true; done')
    gateway = await S6Container.boot(volume)
    await gateway.must(['boot'])
    await gateway.comesUp()
  })
  afterAll(async () => {
    await volumes.drop()
  })

  const files = () => snapshot((name) => volume.path(name))

  describe('the reader', () => {
    it('has no verdict, and says why', async () => {
      const {verdict, actual, exit} = await reader.status()
      expect({state: verdict.state, actual, exit}).toEqual({state: 'unknown', actual: 'not-installed', exit: 4})
      expect(verdict.evidence.join('\n')).toContain('is not visible from here')
    })

    // As the one without a service manager, above.
    itInCampaign('has health from the files', async () => {
      const result = await reader.hermesSvc(['health'])
      expect(result.json<Health>()).toMatchObject({alive: true, details: {reason: 'cross_container_freshness'}})
    })

    it('has a doctor that cannot tell, and a --fix that touches nothing, a marker and a token lock included that name pids of the gateway’s container', async () => {
      const lock = '.local/state/hermes/gateway-locks/telegram-bot-token-0123456789abcdef.lock'
      volume.write(lock, {pid: 290, kind: 'hermes-gateway', start_time: 1, scope: 'telegram-bot-token', hermes_home: '/opt/data'})
      volume.write('.gateway-takeover.json', {target_pid: 290, target_start_time: 1, written_at: new Date().toISOString()})
      // What was written a moment ago is left alone in any case.
      fs.utimesSync(volume.path(lock), Date.now() / 1000 - 10, Date.now() / 1000 - 10)
      fs.utimesSync(volume.path('.gateway-takeover.json'), Date.now() / 1000 - 10, Date.now() / 1000 - 10)
      const before = files()
      const checks = 'stale-state,stale-marker,stale-token-lock,zombie-pid'
      // What was written a moment ago is no finding yet.
      await settle()
      const doctor = await reader.hermesSvc(['doctor', '--only', checks, '--json'])
      expect([doctor.code, doctor.stdout]).toEqual([4, expect.stringContaining('pid-elsewhere')])
      await reader.hermesSvc(['doctor', '--fix', '--json'])
      expect(files()).toEqual(before)
      expect([volume.exists(lock), volume.exists('.gateway-takeover.json')]).toEqual([true, true])
      volume.remove(lock)
      volume.remove('.gateway-takeover.json')
    })

    it('boots, and starts a second gateway in vain, with every file of the first one left', async () => {
      const before = files().slice(0, 2)
      const report = (await reader.must(['boot', '--json'])).json<BootReport>()
      expect(report.profiles[0]).toMatchObject({swept: [], notSwept: 'a process elsewhere holds gateway.lock'})
      await waitFor(async () => (await reader.svstat('up')).length > 0, 'the slot')
      await waitFor(() => volume.events('.').filter(({event}) => event === 'start').length > 1, 'the second one to be tried')
      const {verdict} = await reader.status()
      expect(verdict.evidence.join('\n')).not.toContain('but no process holds it')
      expect(verdict.evidence.join('\n')).toContain('when this container booted, a gateway elsewhere held it')
      await waitFor(async () => (await reader.status()).failuresInARow >= 4, 'failures in a row')
      expect((await reader.hermesSvc(['doctor'])).stdout).toContain('only one gateway can use a home')
      await reader.hermesSvc(['doctor', '--fix', '--json'])
      expect(files().slice(0, 2)).toEqual(before)
      expect((await gateway.status()).actual).toBe('running')
    })
  })
})
