import {spawn} from 'node:child_process'
import {once} from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import {beforeAll, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {STATE_PREFIX} from '../../src/smoke/machine-keeper.js'
import {MACHINE_NODE, MACHINE_PACKAGE, whyNoMachine} from '../../src/smoke/machine.js'
import {type SmokeStep, STEPS} from '../../src/smoke/steps.js'
import {PACKAGE_ROOT} from '../support/built.js'
import {describeUnless} from '../support/describe-unless.js'
import {inCampaign, isCampaign} from '../support/campaign.js'
import {schemaErrors} from '../support/json-schemas.js'
import {junitComplaints} from '../support/junit.js'
import {describeOnSystemd, hermesSvc, testHost, waitFor} from '../support/machines.js'
import {UserPool} from '../support/user-pool.js'

/** What of the self-test is still there: files, units and processes of its user (`$1`). */
const LEFT = `cd "/home/$1"
find . -path './.[cl]o*/*'
find /etc/systemd/system /etc/hermes-svc -name 'hermes*' 2>/dev/null
export XDG_RUNTIME_DIR="/run/user/$(id -u "$1")"
systemctl list-units --all --plain --no-legend 'hermes*'
setpriv --reuid="$1" --regid="$1" --init-groups systemctl --user list-units --all --plain --no-legend 'hermes*'
ps -o pid=,stat=,args= -U "$1" | grep -e smoke -e hermes -e defunct | grep -v grep || :
`

/**
 * sh program. $1: signal. $2: what the output has when it is sent. $3...: the self-test. Prints how that ended, then what it printed.
 */
const INTERRUPT = `signal=$1 line=$2
shift 2
"$@" >out 2>&1 &
until grep -q "$line" out; do kill -0 $! 2>/dev/null || exit 99; sleep 0.05; done
kill -s "$signal" $!
wait $!
echo "exit $?"
cat out
rm out
`

await describeOnSystemd('smoke', (machine) => {
  const users = new UserPool()
  beforeAll(() => users.fill(machine(), ['ann', 'bob']))

  const left = async (user: Account) => (await machine().exec(['sh', '-c', LEFT, 'sh', user.name])).stdout
  const smoke = (user: Account, ...flags: string[]) => hermesSvc(machine(), ['smoke', '--scope', 'user', ...flags], {user})
  const interrupt = async (user: Account, signal: string, line: string, ...flags: string[]) => {
    const argv = [MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, 'smoke', '--scope', 'user', ...flags]
    return (await machine().exec(['sh', '-c', INTERRUPT, 'sh', signal, line, ...argv], {user, timeoutMs: 60_000})).stdout
  }

  it.concurrent('tries the life cycle, doctor and fix, tells it as JUnit XML too, and leaves nothing', () =>
    users.with(async (user) => {
      const document = (await smoke(user, '--json', '--junit', 'report.xml')).json<{ok: boolean; isolated: boolean; steps: SmokeStep[]}>()
      expect(schemaErrors('smoke', document)).toEqual([])
      const {ok, isolated, steps} = document
      expect(isolated).toBe(false)
      expect(steps.filter(({outcome}) => outcome !== 'passed')).toEqual([])
      expect(ok).toBe(true)
      expect(steps.map(({id}) => id)).toEqual(STEPS.map(({id}) => id))
      const seen = steps.filter(({group}) => group === 'doctor').map(({id, detail}) => `${id}: ${detail.replace(/pid \d+/, 'pid N')}`)
      expect(seen).toEqual([
        'missing-heartbeat: the gateway (pid N) is stopped by a signal and cannot answer; fixed',
        'desired-state: the service should be running, but somebody stopped it without hermes-svc; fixed',
        'stale-state: gateway.pid names a process that is gone (pid N), and gateway_state.json says running; fixed',
        'zombie-pid: gateway.pid names a zombie: pid N has ended, but its parent has not reaped it; fixed',
      ])
      const xml = (await machine().readText(`${user.home}/report.xml`)) ?? ''
      expect(junitComplaints(xml)).toBe('')
      expect(xml).toContain(`<testsuite name="hermes-svc smoke" tests="${STEPS.length}" failures="0" errors="0" skipped="0" `)
      expect(await left(user)).toBe('')
    }))

  it.concurrent(`tries ${inCampaign('a group', 'a step')} as a service of the machine, with what it needs, and leaves nothing`, () =>
    users.with(async (user) => {
      // What doctor finds is the same in both scopes.
      const only = inCampaign('zombie-pid,stale-state', 'alive')
      const result = await hermesSvc(machine(), ['smoke', '--scope', 'system', '--run-as', user.name, '--only', only])
      expect(result.stdout).toMatch(
        inCampaign(/zombie: found and fixed: .*; fixed\nAll 6 steps passed in/, /alive: .*\nAll 2 steps passed in/),
      )
      expect(await left(user)).toBe('')
    }))

  // What is said: test/smoke/steps.test.ts; that it is the end of it: automation.test.ts.
  if (isCampaign)
    it.concurrent('refuses a step that there is not, before it does anything', () =>
      users.with(async (user) => {
        const {code, stderr} = await smoke(user, '--only', 'zombie-pdi')
        expect([code, stderr]).toEqual([2, expect.stringContaining('(did you mean zombie-pid?)')])
        expect(await left(user)).toBe('')
      }))

  it.concurrent('ends with 1 at its time limit, says at which step, and leaves nothing', () =>
    users.with(async (user) => {
      const result = await smoke(user, '--json', '--timeout', '2', '--junit', 'report.xml')
      const document = result.json<{ok: boolean; steps: SmokeStep[]}>()
      expect(schemaErrors('smoke', document)).toEqual([])
      const {ok, steps} = document
      expect([result.code, ok]).toEqual([1, false])
      const failed = steps.findIndex(({outcome}) => outcome === 'failed')
      expect(steps[failed]).toMatchObject({outcome: 'failed', detail: 'the test did not end within 2 s, its time limit (--timeout)'})
      expect(steps.slice(failed + 1).every(({outcome}) => outcome === 'not-reached')).toBe(true)
      expect(steps).toHaveLength(STEPS.length)
      const xml = (await machine().readText(`${user.home}/report.xml`)) ?? ''
      expect(junitComplaints(xml)).toBe('')
      expect(xml).toContain('<failure message="the test did not end within')
      expect(await left(user)).toBe('')
    }))

  const isCancelled = async (user: Account, signal: string, line: string) => {
    const output = await interrupt(user, signal, line, '--only', 'stays-stopped')
    expect(output).toMatch(/^exit 130\n/)
    expect(output).toContain('Cancelled: removing everything that the test made.')
    expect(output).toContain('hermes-svc: cancelled')
    expect(await left(user)).toBe('')
  }

  // Both signals take one way, and so does each step: SIGINT is with what comes after a SIGKILL.
  if (isCampaign)
    it.concurrent('leaves nothing after SIGTERM, at " stop: "', () => users.with((user) => isCancelled(user, 'TERM', ' stop: ')))

  const whatIsLeft = inCampaign('a gateway that runs, a stopped one and a zombie with its parent', 'a service and a zombie with its parent')
  it.concurrent(`takes away what one that was killed has left, ${whatIsLeft}, and leaves nothing itself after SIGINT`, () =>
    users.with(async (user) => {
      const killed = async (line: string, step: string) => {
        expect(await interrupt(user, 'KILL', line, '--only', step)).toMatch(/^exit 137\n/)
        const names: readonly string[] = (await left(user)).match(/(?<=smoke\/user\/)[^/\s]+/g) ?? []
        expect(names).not.toEqual([])
        return names
      }
      // A gateway that runs goes with its service, as after SIGINT.
      const ofGateway = isCampaign ? await killed('the gateway is alive', 'planned-restart') : []
      const ofZombie = await killed('the gateway stays stopped', 'zombie-pid')
      expect(ofZombie.filter((name) => ofGateway.includes(name))).toEqual([])
      await isCancelled(user, 'INT', 'the gateway is alive')
    }))
})

describeUnless(whyNoMachine(testHost), 'smoke --isolated', () => {
  it('takes its machine down again after SIGINT', async () => {
    const child = spawn(process.execPath, [path.join(PACKAGE_ROOT, 'bin/hermes-svc.cjs'), 'smoke', '--isolated'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()))
    const [, name] = await waitFor(() => /boot a throw-away machine: hermes-svc-(\S+)/.exec(output) ?? undefined, 'the machine')
    child.kill('SIGINT')
    const [code] = (await once(child, 'close')) as [number | null]
    expect([code, output]).toEqual([130, expect.stringContaining('hermes-svc: cancelled')])
    expect(fs.existsSync(`${STATE_PREFIX}${name}`)).toBe(false)
  })
})
