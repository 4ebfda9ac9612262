import {afterAll, beforeAll, expect, it} from 'vitest'
import {inCampaign, isCampaign, itInCampaign} from '../support/campaign.js'
import {nearlyFullDisk} from '../support/doctor-disk-rows.js'
import {homeRows} from '../support/doctor-home-rows.js'
import {doctor, type DoctorRow, DoctorRows, seen, settle} from '../support/doctor-row.js'
import {waitFor} from '../support/machines.js'
import {describeInContainer, S6Container, Volumes} from '../support/s6-container.js'
import {HERMES, S6Service} from '../support/s6-service.js'

/** A gateway that somebody starts from a shell. `$1`: the home. */
const BY_HAND = 'cd /; HERMES_HOME="$1" setsid hermes gateway run >/dev/null 2>&1 &'

const isDown = (service: S6Service) =>
  waitFor(async () => (await service.s6('s6-svstat', '-o', 'up')).stdout === 'false\n', `${service.unit} to be down`)

const rows: DoctorRow<S6Service>[] = [
  {...nearlyFullDisk, seenIn: 'test/support/doctor-disk-rows.ts'},
  {
    id: 'desired-state',
    kind: 'down',
    severity: 'error',
    how: '`s6-svc -d` of one that should run',
    seenIn: 'test/integration/doctor-state.test.ts',
    what: /the service should be running, but is stopped/,
    break: async (service) => {
      await service.s6('s6-svc', '-d')
      await isDown(service)
      await settle()
    },
  },
  {
    id: 'desired-state',
    kind: 'up',
    severity: 'warning',
    how: '`s6-svc -u` of one that should be stopped',
    seenIn: 'test/integration/doctor-state.test.ts',
    what: /the service should be stopped, but is running/,
    break: async (service) => {
      await service.must('stop')
      // While its finish script runs, that would say once more that it is to stay down.
      await service.s6('s6-svwait', '-D')
      await service.s6('s6-svc', '-u')
      await service.comesUp()
      await settle()
    },
    ends: 'stopped',
  },
  {
    id: 'not-enabled',
    kind: 'disabled',
    severity: 'warning',
    how: 'a `down` file in the slot of one that runs',
    seenIn: 'test/integration/doctor-state.test.ts',
    what: /should be running, but does not start at boot/,
    break: async (service) => {
      await service.sh('touch "$1/down"', [service.slot])
    },
  },
  {
    id: 'definition-drift',
    kind: 'file-missing',
    severity: 'warning',
    how: 'the finish script of a slot is removed',
    seenIn: 'test/support/doctor-definition-suite.ts',
    what: /finish is gone/,
    break: async (service) => {
      await service.sh('rm "$1/finish"', [service.slot])
    },
  },
  {
    id: 'helper-missing',
    kind: 'missing',
    severity: 'warning',
    how: 'the service helper of a slot is removed',
    seenIn: 'test/support/doctor-definition-rows.ts',
    what: /service-helper\.sh is gone/,
    break: async (service) => {
      await service.sh('rm "$1/helpers/service-helper.sh"', [service.slot])
    },
  },
  {
    id: 'helper-missing',
    kind: 'writable',
    severity: 'warning',
    how: 'the service helper of a slot is given to the user of the gateway',
    seenIn: 'test/support/doctor-definition-rows.ts',
    what: /users other than root can change what .* runs: .*service-helper\.sh/,
    break: async (service) => {
      await service.sh('chown hermes "$1/helpers/service-helper.sh"', [service.slot])
    },
  },
  {
    id: 'file-access',
    kind: 'secrets-open',
    severity: 'warning',
    how: '`chmod 644` of the variables in the home',
    seenIn: 'test/support/doctor-machine-rows.ts',
    what: /gateway\.env has mode 644/,
    install: ['--env', 'COLOUR=blue'],
    break: async (service) => {
      await service.sh('chmod 644 "$1/.hermes-svc/gateway.env"', [service.home])
    },
  },
  {
    id: 'stop-timeout',
    kind: 'too-short',
    severity: 'warning',
    leaves: 'a longer drain',
    how: 'a drain of 260 s is configured after the slot was made',
    seenIn: 'test/support/doctor-definition-rows.ts',
    what: /is cut off after 250 s, but the gateway may need 290 s/,
    break: async (service) => {
      await service.machine.writeText(`${service.home}/config.yaml`, 'agent:\n  restart_drain_timeout: 260\n', {user: service.user})
    },
  },
  {
    id: 'logger',
    kind: 'console-only',
    severity: 'warning',
    how: "another logger holds the lock of the log's folder",
    provedBy: 'test/managers/s6/checks/logger.test.ts',
    what: /the logger of gateway-.* cannot write to .*logs\/gateways/,
    break: async (service) => {
      const folder = `/opt/data/logs/gateways/${service.profile}`
      await service.sh('s6-svc -wD -d "$1/log"', [service.slot])
      const other = 'sleep 1000 | s6-setuidgid hermes s6-log T "$1"'
      await service.sh(`setsid sh -c '${other}' sh "$1" >/dev/null 2>&1 </dev/null & until pgrep -f "^s6-log T $1"; do sleep 0.05; done`, [
        folder,
      ])
      await service.sh('s6-svc -u "$1/log"; until pgrep -f "s6-log 1$"; do sleep 0.05; done', [service.slot])
      await settle()
    },
    fix: null,
    cureByHand: async (service) => {
      const again = 'pkill -f "^s6-log T $1"; s6-svc -t "$2/log"; until pgrep -f "s6-log 1 .* $1"; do sleep 0.05; done'
      await service.sh(again, [`/opt/data/logs/gateways/${service.profile}`, service.slot])
    },
  },
  {
    id: 'logger',
    kind: 'down',
    severity: 'error',
    how: '`s6-svc -d` of the logger of a slot',
    what: /the logger of gateway-.* does not run/,
    break: async (service) => {
      await service.sh('s6-svc -wd -d "$1/log"', [service.slot])
    },
  },
  {
    id: 'definition-broken',
    kind: 'home-missing',
    severity: 'error',
    how: 'the home of a slot is moved away',
    seenIn: 'test/support/doctor-definition-rows.ts',
    what: /the home of .* is gone/,
    break: async (service) => {
      await service.sh('mv "$1" "$1.away"', [service.home], {user: service.user})
    },
    fix: null,
    cureByHand: async (service) => {
      await service.sh('rm -rf "$1" && mv "$1.away" "$1"', [service.home], {user: service.user})
    },
  },
  {
    id: 'orphan-gateway',
    kind: 'alone',
    severity: 'error',
    how: 'a gateway from a shell instead of the slot, which should run',
    seenIn: 'test/support/doctor-process-rows.ts',
    what: /the gateway of this home \(pid \d+\) runs outside its service/,
    break: async (service) => {
      await service.s6('s6-svc', '-d')
      await isDown(service)
      await service.sh(BY_HAND, [service.home], {user: service.user})
      await settle()
    },
  },
  {
    id: 'missing-heartbeat',
    kind: 'wedged',
    severity: 'error',
    how: '`kill -STOP` of the gateway of a slot',
    seenIn: 'test/support/doctor-process-rows.ts',
    what: /the gateway \(pid \d+\) is stopped by a signal and cannot answer/,
    break: async (service) => {
      await service.s6('s6-svc', '-p')
    },
  },
  {
    id: 'crash-loop',
    kind: 'failing',
    severity: 'error',
    how: 'the gateway of a slot ends with 1 four times in a row',
    seenIn: 'test/support/doctor-process-rows.ts',
    what: /the gateway fails again and again: [4-9] failures in a row/,
    install: ['--restart-delay', '100ms', '--restart-delay-max', '1s'],
    break: async (service) => {
      await service.configure({exit_on_start: {code: 1}})
      await service.s6('s6-svc', '-k')
      await waitFor(async () => (await service.status()).failuresInARow >= 4, 'four failures')
      await service.configure({})
    },
  },
  {
    id: 'fatal-config',
    kind: 'exit-78',
    severity: 'error',
    how: 'the gateway of a slot ends with 78',
    seenIn: 'test/support/doctor-process-rows.ts',
    what: /the gateway ended with 78: its configuration is wrong/,
    break: async (service) => {
      await service.configure({exit_on_start: {code: 78, exit_reason: 'no platforms'}})
      expect((await service.run('restart')).code).toBe(1)
      // Not mended yet.
      expect((await service.run('fix:fatal-config', ['--yes'])).code).toBe(1)
      await service.configure({})
    },
  },
]

/**
 * Of what is broken in a home, and is the same under every manager: what is found is replayed from what s6 said (test/doctor/home-replay.test.ts),
 * and that a fix reaches the files, and a restart renews them, is seen under systemd (doctor-state.test.ts).
 */
const rowsOfHomes = inCampaign(homeRows, [])

describeInContainer('doctor under s6', () => {
  let volumes: Volumes
  let container: S6Container
  const services = new DoctorRows<S6Service>((row) => S6Service.make(container, row.standIn))

  beforeAll(async () => {
    volumes = await Volumes.make()
    container = await S6Container.boot(volumes.volume())
    // The heartbeat of all of them goes on while they come and go.
    if (isCampaign) await (await S6Service.make(container)).must('install')
  })
  afterAll(async () => {
    await volumes.drop()
  })

  // Side by side each has a service of its own; one after the other they share one.
  const test = inCampaign(it.concurrent, it)

  test.each(seen(rows))('under s6 doctor names $id ($kind) alone, and finds nothing after its cure: $how', (row) =>
    services.see(row, HERMES),
  )

  test.each(rowsOfHomes)('under s6 as under systemd, doctor names $id ($kind) alone, and finds nothing after its cure: $how', (row) =>
    services.see(row, HERMES),
  )

  it('a slot that s6-svscan has not taken up is told as that, and as down, and one command cures both', async () => {
    const service = await S6Service.make(container)
    await service.must('install')
    await service.sh(
      'mv "$1" /run/service/.aside && s6-svscanctl -an /run/service; while s6-svok /run/service/.aside; do sleep 0.05; done; mv /run/service/.aside "$1"',
      [service.slot],
    )
    await settle()
    const {findings, exit} = await doctor(service)
    expect(findings.map(({id, kind, severity}) => [id, kind, severity])).toEqual([
      ['definition-drift', 'not-loaded', 'warning'],
      ['desired-state', 'down', 'error'],
    ])
    expect(exit).toBe(1)
    await service.must('doctor', ['--fix'])
    expect(await doctor(service)).toEqual({exit: 0, findings: []})
    expect(await service.status()).toMatchObject({actual: 'running', exit: 0})
  })

  // As its own limit is judged, and read: test/doctor/checks/stop-timeout.test.ts, test/managers/s6/evidence.test.ts.
  itInCampaign('stop-timeout: a container whose S6_KILL_GRACETIME is not set', async () => {
    const service = await S6Service.make(container)
    await service.must('install')
    const variable = '/run/s6/container_environment/S6_KILL_GRACETIME'
    await service.sh('mv "$1" /run/kept', [variable])
    await settle()
    const {findings, exit} = await doctor(service)
    await service.sh('mv /run/kept "$1"', [variable])
    expect(findings).toMatchObject([{id: 'stop-timeout', kind: 'container-too-short', severity: 'warning'}])
    expect(exit).toBe(1)
    expect(await doctor(service)).toEqual({exit: 0, findings: []})
  })

  // What is found is judged in memory (test/managers/s6/evidence.test.ts), and such a slot taken over by a boot (s6-boot.test.ts).
  itInCampaign('start-limit: the slot of another tool storms, until it is replaced', async () => {
    const service = await S6Service.make(container)
    const run = '#!/bin/sh\nexec s6-setuidgid hermes env HOME=/opt/data HERMES_HOME="$1" /opt/hermes/bin/hermes gateway run\n'.replace(
      '$1',
      service.home,
    )
    await service.sh('mkdir "$1" && printf %s "$2" >"$1/run" && chmod 755 "$1/run" && s6-svscanctl -a /run/service', [service.slot, run])
    await service.comesUp()
    const {findings} = await doctor(service)
    expect(findings).toMatchObject([{id: 'start-limit', kind: 'storms', severity: 'warning'}])
    await service.must('fix:start-limit', ['--yes'])
    expect(await doctor(service)).toEqual({exit: 0, findings: []})
    expect(await service.status()).toMatchObject({installed: 'own', actual: 'running'})
  })
})
