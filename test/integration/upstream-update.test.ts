import fs from 'node:fs'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {inCampaign} from '../support/campaign.js'
import {doctor, settle} from '../support/doctor-row.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

// What upstream's own update does beside its new code, in its order, by a stand-in for its steps (hermes_cli/main.py of 0.16.0, update_cmd.py of 0.20.3).

const UPSTREAM_UNIT = fs.readFileSync(
  new URL('../fixtures/captures/hermes-0.16.0-systemd-252/unit-as-upstream-0.16.0-writes-it.service', import.meta.url),
  'utf8',
)

/** The code is new, with the mark that it leaves meanwhile, and the unit is written anew. `$1`: the checkout. `$2`: the unit's file. `$3`: its text. */
const REPLACE = `mkdir -p "$1" && touch "$1/pyproject.toml" && printf 'started=1\\npid=%d\\n' $$ >"$1/.update-incomplete"
printf %s "$3" >"$2" && systemctl --user daemon-reload
`
const WHOLE = 'rm -r "$1"\n'
/** Its way with a service: SIGUSR1 to the main process, its end waited for, then a start at once. `$4`: the unit. */
const RESTART = `pid=$(systemctl --user show --property=MainPID --value "$4")
kill -USR1 "$pid"
for i in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
systemctl --user reset-failed "$4"; systemctl --user start "$4"
`
/** Its way with a gateway that it takes for one of nobody's: a watcher starts it anew, in a session of its own, once it has ended. `$5`: the home. */
const DETACHED = `pid=$(systemctl --user show --property=MainPID --value "$4")
setsid sh -c 'while kill -0 "$1" 2>/dev/null; do sleep 0.05; done; cd /; HERMES_HOME="$2" exec ~/.hermes/bin/hermes gateway run' sh "$pid" "$5" >/dev/null 2>&1 &
kill -TERM "$pid"
`

await describeOnSystemd("upstream's own update", (machine) => {
  let user: Account

  beforeAll(async () => {
    user = await machine().addUser('alice')
  })

  const unitText = ({home, profile}: TestService) =>
    UPSTREAM_UNIT.replaceAll('/home/hermes/.hermes', home)
      .replace(/^ExecStart=.*$/m, `ExecStart=${user.home}/.hermes/bin/hermes --profile ${profile} gateway run`)
      .replace('RestartSec=', '# of the new version\nRestartSec=')
  const update = (service: TestService, steps: string) =>
    service.sh(steps, [`${user.home}/.hermes/hermes-agent`, service.unitFile, unitText(service), service.unit, service.home], {
      ...service.actor,
      timeoutMs: 30_000,
    })
  const isBack = async (service: TestService, pid: number) => {
    await waitFor(async () => {
      const {verdict, gatewayState} = await service.status()
      return verdict.state === 'alive' && verdict.pid !== pid && gatewayState === 'running'
    }, 'the next gateway')
    await settle()
  }

  // That the unit is kept as its owner has it is seen in existing-services, of an adopted one and of one of ours.
  const kinds: [string, boolean][] = [
    ['a service of ours', false],
    ['an adopted service', true],
  ]
  /** The service of ours, which each row leaves as it found it: running. */
  let service: TestService

  beforeAll(async () => {
    service = await TestService.make(machine(), user)
    await service.must('install')
  })

  describe.each(inCampaign(kinds, kinds.slice(0, 1)))('of %s', (_, isAdopted) => {
    it('writes the unit anew and restarts it: it has our policy still, is supervised, and nothing is found', async () => {
      const one = isAdopted ? await TestService.make(machine(), user) : service
      if (isAdopted) {
        await one.sh('mkdir -p "${1%/*}"', [one.unitFile], one.actor)
        await machine().writeText(one.unitFile, unitText(one).replace('# of the new version\n', ''), {user})
        await one.systemctl('daemon-reload')
        await one.systemctl('enable', '--now', one.unit)
        await one.comesUp()
        await one.must('install')
      }
      expect(await doctor(one)).toEqual({exit: 0, findings: []})
      const pid = await one.mainPid()
      const policy = await one.show('Restart', 'RestartUSec', 'TimeoutStopUSec', 'OOMPolicy')

      await update(one, REPLACE + WHOLE + RESTART)

      await isBack(one, pid)
      expect(await doctor(one)).toEqual({exit: 0, findings: []})
      expect(await one.status()).toMatchObject({installed: isAdopted ? 'adopted' : 'own', actual: 'running'})
      expect(await one.show('Restart', 'RestartUSec', 'TimeoutStopUSec', 'OOMPolicy')).toEqual(policy)
      expect((await one.must('install')).stdout).toContain('already up to date')
      expect(await machine().readText(one.unitFile)).toBe(unitText(one))
    })
  })

  it('is seen while it is at work, and no restart of ours ends the gateway meanwhile', async () => {
    const pid = await service.mainPid()
    // Its process goes on.
    await update(
      service,
      `sleep 600 >/dev/null 2>&1 & mkdir -p "$1" && touch "$1/pyproject.toml" && printf 'started=1\\npid=%d\\n' $! >"$1/.update-incomplete"`,
    )
    expect((await doctor(service)).findings).toMatchObject([{id: 'config', kind: 'update-running', severity: 'info'}])
    for (const command of ['restart', 'restart --when-idle'].map((text) => text.split(' '))) {
      const refused = await service.run(command[0] ?? '', command.slice(1))
      expect([refused.code, refused.stderr]).toEqual([
        expect.any(Number),
        expect.stringMatching(/an update of the gateway is running|cannot tell whether/),
      ])
      expect(refused.code).not.toBe(0)
    }
    expect(await service.mainPid()).toBe(pid)
    await service.sh('kill "$(sed -n s/^pid=//p "$1/.update-incomplete")"; rm -r "$1"', [`${user.home}/.hermes/hermes-agent`])
    expect((await doctor(service)).findings).toEqual([])
  })

  it('starts a gateway of its own in the place of the one of the service: it is found, and the fix gives the service its own again', async () => {
    // The watcher is quicker than the service.
    await service.must('install', ['--restart-delay', '3s'])
    const pid = await service.mainPid()

    await update(service, DETACHED)

    await isBack(service, pid)
    // The service tries to start again and again, and what has just changed is no finding yet.
    const found = await waitFor(async () => {
      const seen = await doctor(service)
      return seen.findings.length > 0 && seen
    }, 'a finding')
    expect(found.findings.map(({id, kind}) => `${id} ${kind}`)).toEqual(['orphan-gateway alone'])
    expect(found.exit).toBe(1)
    expect(await service.status()).toMatchObject({exit: 1, actual: 'orphaned'})
    const fixed = await waitFor(async () => {
      const done = await service.run('fix:orphan-gateway', ['--yes'])
      return !done.stdout.includes('finds nothing') && done
    }, 'something to fix')
    expect([fixed.code, fixed.stdout]).toEqual([0, expect.stringMatching(/^Fixed: /)])
    expect(await doctor(service)).toEqual({exit: 0, findings: []})
    expect(await service.status()).toMatchObject({exit: 0, actual: 'running'})
  })
})
