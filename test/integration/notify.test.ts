import {beforeAll, describe, expect, it} from 'vitest'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import type {Account} from '../../src/host/host.js'
import type {Scope} from '../../src/service/service.js'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {hermesSvc} from '../support/hermes-svc.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {Receiver} from '../support/receiver.js'
import {TestService} from '../support/test-service.js'

const heartbeatUnit = ({scope, user}: TestService) => `hermes-svc-heartbeat${scope === 'system' ? `-${user.name}` : ''}.service`
const SECRET = 'swordfish7361'

await describeOnSystemd('who is told', (machine) => {
  /** Of the ticks: seldom enough that the commands of a test take longer than they do. */
  const OFTEN = inCampaign('1s', '2s')
  let ports = 8100
  let users = 0

  /** A service that ticks so often, and a receiver that is told of it. */
  async function told(standIn: StandInConfig = {}, flags: readonly string[] = [], scope: Scope = 'user', interval = OFTEN, of?: Account) {
    const user = of ?? (await machine().addUser(`told-${users++}`, {linger: scope === 'user'}))
    const receiver = await Receiver.start(machine(), user, ports++)
    const service = await TestService.make(machine(), user, {scope, standIn})
    const target = `http://127.0.0.1:${receiver.port}/${SECRET}`
    await service.must('install', ['--heartbeat-interval', interval, '--notify', target, ...flags])
    return {service, receiver, user}
  }

  /** Two ticks may fall between a kill and the next start, and one is down then. */
  const others = async (receiver: Receiver) => (await receiver.told()).filter((kind) => kind !== 'down')

  /** Waits until so many more ticks have begun. */
  async function ticks(service: TestService, count: number): Promise<void> {
    const last = async () =>
      (await service.systemctl('show', '--property=ExecMainStartTimestampMonotonic', '--value', heartbeatUnit(service))).stdout.trim()
    for (let seen = 0; seen < count; seen++) {
      const before = await last()
      await waitFor(async () => (await last()) !== before, 'a tick', 60_000)
    }
  }

  describe.concurrent('of a service that is ticked often', () => {
    it('a crash loop is told once, and its end; a stop, a restart and a planned restart never', async () => {
      const {service, receiver} = await told()
      await service.must('restart')
      const pid = await service.mainPid()
      await service.systemctl('kill', '--signal=SIGUSR1', '--kill-whom=main', service.unit)
      await service.comesUp(pid)
      await service.must('stop')
      await ticks(service, 3)
      await service.must('start')
      await ticks(service, 3)
      expect(await receiver.told()).toEqual([])
      await service.configure({exit_on_start: {code: 1}})
      await service.systemctl('kill', '--signal=SIGKILL', service.unit)
      await receiver.until('crash-looping')
      await service.configure({})
      await service.must('restart')
      await receiver.until('recovered')
      expect(await others(receiver)).toEqual(['crash-looping', 'recovered'])
      await service.must('uninstall')
      expect(await service.sh('ls -A "$1" | grep notify || :', [service.home])).toBe('')
    })

    // As that of root's tick is: heartbeat.test.ts.
    itInCampaign('a frozen gateway is told as wedged, then as restarted by the watchdog, then as well', async () => {
      const {service, receiver} = await told()
      // The watchdog leaves a young one alone.
      const pid = await service.mainPid()
      await waitFor(async () => Number(await service.sh('ps -o etimes= -p "$1"', [String(pid)])) > 30, 'its age', 60_000)
      await service.sh('kill -STOP "$1"', [String(pid)])
      await receiver.until('recovered')
      expect(await others(receiver)).toEqual(['wedged', 'watchdog-restart', 'recovered'])
      await service.must('uninstall')
    })

    // Of a manager that is held as of a machine that sleeps: test/tick/notify.test.ts, watchdog.test.ts and awake.test.ts.
    itInCampaign(
      'a machine that has slept: nothing is told, counted or killed of a gateway that needs a moment longer than the tick to go on',
      async () => {
        const {service, receiver, user} = await told({}, ['--watchdog', '2'], 'user', '5s')
        const pid = await service.mainPid()
        // The second one remembers the first.
        await ticks(service, 2)
        // All that the user's manager runs, itself and the tick among them, is held for longer than two ticks can be late.
        const held = `for pid in $(find /sys/fs/cgroup -path "*/user@$1.service*" -name cgroup.procs -exec cat {} +); do [ "$pid" = "$3" ] || kill -s "$2" "$pid" || :; done`
        await service.sh(`${held}; sleep 45`, [String(user.uid), 'STOP', ''], {timeoutMs: 90_000})
        await service.sh(held, [String(user.uid), 'CONT', String(pid)])
        await ticks(service, 2)
        expect((await service.status()).verdict.state).toBe('wedged')
        await service.sh('kill -CONT "$1"', [String(pid)])
        await ticks(service, 4)
        expect(await service.mainPid()).toBe(pid)
        expect(await receiver.told()).toEqual([])
        expect(await service.sh('grep -c wedged "$1/logs/hermes-svc.jsonl" || :', [service.home])).toBe('0\n')
        // Awake, it is told as ever.
        await service.sh('kill -STOP "$1"', [String(pid)])
        await receiver.until('recovered')
        expect((await others(receiver)).toSorted()).toEqual(['recovered', 'watchdog-restart', 'wedged'])
        await service.must('uninstall')
      },
    )

    it('a restart and a stop are never told; an exit with 78 is told as what it is, in system scope too, with the log and without its secrets, and to the ping, which is fetched while it lives', async () => {
      const {service, receiver} = await told({}, [], 'system')
      await service.must('config:set', [`ping=http://127.0.0.1:${receiver.port}/ping/key/name`])
      const pings = async () => (await receiver.taken()).filter(({method}) => method === 'GET').map(({path}) => path)
      await waitFor(async () => (await pings()).length > 1, 'pings')
      await service.must('restart')
      await service.must('stop')
      await ticks(service, 3)
      await service.must('start')
      await ticks(service, 2)
      expect(await receiver.told()).toEqual([])
      await service.configure({exit_on_start: {code: 78}})
      await service.sh('mkdir -p "$1/logs" && echo "cannot log in with token=abcdefghijklmnop" >>"$1/logs/gateway.log"', [service.home])
      await service.systemctl('kill', '--signal=SIGKILL', service.unit)
      await receiver.until('fatal-config')
      await waitFor(async () => (await pings()).includes('/ping/key/name/fail'), 'a ping that says so')
      expect(new Set(await pings())).toEqual(new Set(['/ping/key/name', '/ping/key/name/fail']))
      const [taken] = (await receiver.taken()).filter(({body}) => body.includes('fatal-config'))
      expect(JSON.parse(taken?.body ?? '')).toMatchObject({
        specversion: '1.0',
        subject: service.profile,
        data: {service: service.unit, next: `sudo hermes-svc doctor -p ${service.profile}`},
      })
      expect(taken?.body).toContain('cannot log in with token=<hidden>')
      expect(taken?.body).not.toContain('abcdefghijklmnop')
      await service.configure({})
      await service.must('start')
      await receiver.until('recovered')
      expect(await others(receiver)).toEqual(['fatal-config', 'recovered'])
      await service.must('uninstall')
      expect(await service.sh('ls -A "$1" | grep notify || :', [service.home])).toBe('')
    })

    // What a tick asks of its manager then, and says: test/tick/notify.test.ts; that systemd says it: restart-states.test.ts.
    itInCampaign('a start limit, which another drop-in has set, is told as what it is', async () => {
      const {service, receiver} = await told()
      await machine().writeText(`${service.unitFile}.d/20-limit.conf`, '[Unit]\nStartLimitIntervalSec=300\nStartLimitBurst=3\n')
      await service.systemctl('daemon-reload')
      await service.configure({exit_on_start: {code: 1}})
      await service.systemctl('kill', '--signal=SIGKILL', service.unit)
      await receiver.until('start-limit')
      await service.sh('rm "$1"', [`${service.unitFile}.d/20-limit.conf`])
      await service.systemctl('daemon-reload')
      await service.configure({})
      await service.must('restart')
      await receiver.until('recovered')
      expect((await receiver.told()).slice(-2)).toEqual(['start-limit', 'recovered'])
      await service.must('uninstall')
    })

    // Judged by the state file alone: test/notify/conditions.test.ts.
    itInCampaign('a platform that is given up is told by its name, and that it is connected again', async () => {
      const platforms = {slack: {state: 'fatal', error_message: 'invalid_auth'}, telegram: {state: 'connected'}}
      const later = {after_ms: 8000, platforms: {slack: {state: 'connected'}}}
      const {service, receiver} = await told({platforms, platforms_later: later})
      await receiver.until('recovered')
      expect(await receiver.told()).toEqual(['platform-down', 'recovered'])
      const bodies = (await receiver.taken()).map(({body}) => body)
      expect(bodies[0]).toContain('has no connection to slack and no longer tries to connect: invalid_auth')
      expect(bodies[1]).toContain('is connected to slack again')
      await service.must('uninstall')
    })

    // That it has no more of a tick: test/notify/deliver-all.test.ts; that all is kept, and told in order: test/tick/notify.test.ts.
    itInCampaign('a receiver that hangs keeps no tick waiting, and is told in order once it answers', async () => {
      // What has failed is tried again a minute later.
      const {service, receiver} = await told({}, [], 'user', '5s')
      await receiver.answers('hang')
      await service.configure({exit_on_start: {code: 78}})
      await service.systemctl('kill', '--signal=SIGKILL', service.unit)
      const noted = async () => (await machine().readText(`${service.home}/logs/hermes-svc.jsonl`)) ?? ''
      await waitFor(async () => (await noted()).includes('"fatal-config"') && (await receiver.taken()).length > 0, 'the first try')
      await service.configure({})
      await service.must('start')
      await ticks(service, 2)
      await receiver.answers('200')
      await receiver.until('recovered')
      expect(await others(receiver)).toEqual(['fatal-config', 'recovered'])
      const keys = (await receiver.taken()).filter(({answer}) => answer === '200').map(({headers}) => headers['idempotency-key'])
      expect(new Set(keys).size).toBe(keys.length)
      await service.must('uninstall')
    })
  })

  // Of one user, and whatever ticks.
  describe('whom somebody asks about', () => {
    let user: Account
    /** Both rows that follow are about one service. */
    let asked: Awaited<ReturnType<typeof told>>
    beforeAll(async () => {
      user = await machine().addUser('asks')
      asked = await told({}, ['--ping', `http://127.0.0.1:${ports}/${SECRET}`], 'user', '90s', user)
    })

    // What a command is given: test/notify/deliver.test.ts; that a tick runs one: doctor-memory.test.ts.
    itInCampaign('apprise, as a command, brings the text to its own services', async () => {
      const receiver = await Receiver.start(machine(), user, ports++)
      const service = await TestService.make(machine(), user)
      const apprise = `apprise -t "$HERMES_SVC_TITLE" -b "$HERMES_SVC_TEXT" json://127.0.0.1:${receiver.port}`
      await service.must('notify:add', [`exec:sh -c '${apprise}'`])
      const answer = (await service.must('notify:test')).stdout
      expect(answer).toContain('exec sh: told (exit 0)')
      const [taken] = await receiver.taken()
      expect(JSON.parse(taken?.body ?? '')).toMatchObject({
        title: expect.stringContaining(`${service.unit} on `) as string,
        message: expect.stringContaining(`Type: hermes-svc notify list -p ${service.profile}`) as string,
      })
    })

    it('targets are shown as kind and host only: not in units, settings, command lines, logs, reports, and JSON', async () => {
      const {service, receiver} = asked
      expect((await service.must('notify:list')).stdout).toContain(`cloudevents 127.0.0.1:${receiver.port}`)
      expect((await service.must('notify:test')).stdout).toContain('told (HTTP 200)')
      const shown = await Promise.all(
        [
          ['config'],
          ['config', '--json'],
          ['notify:list', '--json'],
          ['status', '--json'],
          ['install', '--dry-run', '--json', '--notify-on', 'down'],
        ].map(async ([command = '', ...args]) => (await service.run(command, args)).stdout),
      )
      await service.run('doctor', ['--report', `${service.home}/report.json`])
      const report = await machine().readText(`${service.home}/report.json`)
      const places = await service.sh('grep -rl "$1" "$2" "$3" /run/user /etc/systemd 2>/dev/null || :', [
        SECRET,
        user.home,
        service.support,
      ])
      expect(shown.join('\n') + report).not.toContain(SECRET)
      expect(
        places
          .trim()
          .split('\n')
          .filter((file) => !file.includes('/receiver-')),
      ).toEqual([`${service.home}/.hermes-svc-notify.json`])
      expect(await service.sh('stat -c %a "$1"', [`${service.home}/.hermes-svc-notify.json`])).toMatch(/^600\s*$/)
      expect((await machine().exec(['sh', '-c', `journalctl -o cat | grep -c ${SECRET} || :`])).stdout.trim()).toBe('0')
    })

    it('doctor says that nobody would be told where the timer is stopped, and doctor --notify tells of it once', async () => {
      const {service, receiver} = asked
      const before = (await receiver.told()).length
      const since = async () => (await receiver.told()).slice(before)
      await service.systemctl('stop', 'hermes-svc-heartbeat.timer')
      const found = await service.run('doctor', ['--only', 'notify'])
      expect(found.stdout).toContain('nobody is notified of a failure: the heartbeat of')
      for (let run = 0; run < 2; run++) await service.run('doctor', ['--notify', '--only', 'notify'])
      expect(await since()).toEqual(['heartbeat-lost'])
      await service.must('fix:notify', ['--yes'])
      for (let run = 0; run < 2; run++) await service.must('doctor', ['--notify', '--only', 'notify'])
      expect(await since()).toEqual(['heartbeat-lost', 'recovered'])
    })

    it('doctor --all --notify tells that the heartbeat is lost where the user manager has ended, says nothing more where the tick cannot run then, and that it is back once it runs', async () => {
      const {service, receiver} = asked
      const before = (await receiver.told()).length
      const runs = async () => {
        for (let run = 0; run < 2; run++) await hermesSvc(machine(), ['doctor', '--all', '--notify'], {user})
        return (await receiver.told()).slice(before)
      }
      const manager = `user@${user.uid}.service`
      await service.sh('systemctl stop "$1" && mv "$2" "$2.away"', [manager, `${user.home}/.config/hermes-svc/heartbeat.cjs`])
      expect(await runs()).toEqual(['heartbeat-lost'])
      await service.sh('systemctl start "$1"', [manager])
      await waitFor(async () => (await service.systemctl('is-active', 'hermes-svc-heartbeat.timer')).stdout === 'active\n', 'the timer')
      // Each tick ends at once, and the timer goes on.
      expect(await runs()).toEqual(['heartbeat-lost'])
      await service.must('fix:helper-missing', ['--yes'])
      expect(await runs()).toEqual(['heartbeat-lost', 'recovered'])
      await service.must('uninstall')
    })
  })
})
