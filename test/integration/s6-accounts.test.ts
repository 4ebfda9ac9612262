import fs from 'node:fs'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {BootReport} from '../../src/lifecycle/boot-report.js'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {CONTAINER_PROGRAM, describeInContainer, HERMES_ID, S6Container, Volumes} from '../support/s6-container.js'
import {PUSHED, PUSHER, pushersSeen, SEEN, TAKE_PLACES, UNTIL_PUSHED} from '../support/pusher.js'
import {onTerminal, terminalEnd} from '../support/terminal.js'

const SLOT = '/run/service/gateway-default'
/** A name that s6-supervise takes for a subscriber's FIFO. */
const SUBSCRIBER = 'ftrig1:@400000006b0b9ff502e3ebd3:hERnIL'

/** As upstream's image has it (its 02-reconcile-profiles). */
const GIVEN_AWAY = (fresh: S6Container) =>
  fresh.sh('chmod 755 /run/service/.s6-svscan && chown hermes:hermes /run/service /run/service/.s6-svscan/control')

describeInContainer('root in a slot whose user is hostile', () => {
  let volumes: Volumes

  beforeAll(async () => {
    volumes = await Volumes.make()
  })
  afterAll(async () => {
    await volumes.drop()
  })

  /** A container that has booted, with its gateway up, and files that only root may change. */
  async function booted(prepare?: (container: S6Container) => Promise<unknown>): Promise<S6Container> {
    const volume = volumes.volume()
    volume.profile('default')
    const container = await S6Container.boot(volume)
    await container.sh('mkdir -m 700 /etc/victim; echo victim >/etc/victim/file; chmod 600 /etc/victim/file')
    await prepare?.(container)
    await container.must(['boot'])
    await container.comesUp()
    return container
  }

  const victim = async (container: S6Container) =>
    (await container.sh('stat -c "%U:%G %a" /etc/victim /etc/victim/file; cat /etc/victim/file; ls -A /etc/victim')).stdout
  const UNTOUCHED = 'root:root 700\nroot:root 600\nvictim\nfile\n'

  /** A command of root's that meets what its user has put in its way: it ends in good order, as itself. What it says. */
  async function endsWell(container: S6Container, args: readonly string[]): Promise<string> {
    // One that is held up is killed (137), one that meets what it does not know says that it is a bug.
    const {code, stdout, stderr} = await container.hermesSvc(args)
    expect([0, 1, 3, 4], `${args.join(' ')}: ${code} ${stderr}`).toContain(code)
    expect(stderr).not.toContain('bug')
    return stdout + stderr
  }

  const asUser = (container: S6Container, program: string) => container.sh(program, {uid: HERMES_ID})

  /** A slot as older versions and upstream made them: its supervision folders are the user's, and a supervisor is at work in them. */
  const OPENED = `cd ${SLOT} && chown hermes:hermes supervise event supervise/event supervise/control log/supervise log/event log/supervise/event`

  /** What the user puts there, and the commands before the boot that meet it. Of the first, s6-supervise itself is led astray by each command, until it is gone. */
  const PLACES: readonly (readonly [where: string, attack: string, commands: readonly string[]])[] = [
    [
      'event, of a subscriber and of status.new',
      `mv supervise/event event.x 2>/dev/null; rmdir supervise/event; ln -s /etc/victim supervise/event
        ln -s /etc/victim/file event/${SUBSCRIBER}; ln -s /etc/victim/file supervise/status.new`,
      [],
    ],
    [
      'control, of the slot and of its logger',
      `for folder in supervise log/supervise; do mv $folder/control $folder/x && ln -s /etc/victim/file $folder/control; done`,
      ['stop'],
    ],
    ['status', 'rm -f supervise/control supervise/status; mkfifo supervise/status; ln -s /etc/victim/file supervise/control', ['stop']],
  ]
  /** What the user can put in a slot that boot has made, or has taken back: nothing. */
  async function leadsNowhere(container: S6Container): Promise<void> {
    const tried = await asUser(
      container,
      `cd ${SLOT}; for name in supervise/status.new supervise/death_tally.new event/${SUBSCRIBER} supervise/event/${SUBSCRIBER} log/event/${SUBSCRIBER}; do
        ln -s /etc/victim/file "$name" 2>/dev/null && echo "made $name"; done
      mv supervise/control supervise/x 2>/dev/null && echo moved; rm -f supervise/status 2>/dev/null && echo removed; true`,
    )
    expect(tried.stdout).toBe('')
    await asUser(container, `s6-svc -t ${SLOT}`)
    await container.must(['restart', '--force'])
    await container.must(['stop'], {uid: HERMES_ID})
    await container.must(['start'])
    await container.must(['boot'])
    expect(await victim(container)).toBe(UNTOUCHED)
  }

  /** Opens a slot, has its user put something in a place of it, and boot take it back, which leaves it to the next attack as it was. */
  async function isTakenBack(container: S6Container, attack: string, commands: readonly string[]): Promise<void> {
    expect(await container.sh(OPENED)).toMatchObject({code: 0, stderr: ''})
    expect(await asUser(container, `cd ${SLOT} && { ${attack}; }`)).toMatchObject({code: 0, stderr: ''})
    // Commands before it work with the user's ids. doctor reads all that status does.
    for (const command of inCampaign(['status', 'doctor'], ['doctor']))
      expect(await endsWell(container, [command])).toContain('gateway-default')
    for (const command of commands) expect(await endsWell(container, [command, '--timeout', '5s'])).toContain('gateway-default')
    expect(await victim(container)).toBe(UNTOUCHED)
    const report = (await container.must(['boot', '--json'])).json<BootReport>()
    expect(report.profiles[0]?.action).not.toBe('failed')
    await container.hermesSvc(['start'])
    await container.comesUp()
    const owners = await container.sh(
      `cd ${SLOT} && stat -c '%n %U %a %F' . supervise supervise/event event supervise/control log/supervise`,
    )
    expect(owners.stdout).toBe(
      ['. root 755 directory', 'supervise root 755 directory', 'supervise/event root 3730 directory', 'event root 3730 directory']
        .concat(['supervise/control hermes 660 fifo', 'log/supervise root 755 directory', ''])
        .join('\n'),
    )
    expect((await asUser(container, `s6-svc -t ${SLOT} && s6-svstat ${SLOT}`)).code).toBe(0)
    expect(await victim(container)).toBe(UNTOUCHED)
  }

  // One after the other they share a container, and each command the process that runs it.
  describe('of his own slot', () => {
    let container: S6Container
    beforeAll(async () => {
      container = await booted()
    })

    it('boot, and install also where all else is up to date, take back a slot that its user owns without an end of the gateway that runs in it', async () => {
      await container.must(['install'])
      expect((await container.must(['install'])).stdout).toContain('up to date')
      await container.sh(OPENED)
      await asUser(container, `cd ${SLOT} && ln -s /etc/victim/file supervise/status.new`)
      const {pid} = (await container.status()).verdict
      expect((await container.must(['install'])).stdout).not.toContain('up to date')
      const owners = await container.sh(`cd ${SLOT} && stat -c '%U' supervise supervise/event event log/supervise`)
      expect(owners.stdout).toBe('root\n'.repeat(4))
      expect((await container.must(['install'])).stdout).toContain('up to date')
      expect((await container.status()).verdict.pid).toBe(pid)
      expect(await victim(container)).toBe(UNTOUCHED)
      await container.sh(OPENED)
      await container.must(['boot'])
      expect((await container.status()).verdict.pid).toBe(pid)
      expect((await container.sh(`stat -c %U ${SLOT}/supervise`)).stdout).toBe('root\n')
    })

    it('a slot leads nowhere else by what is new, as nothing that s6 opens by name is the user’s, and boot takes one back whose user has put something in the place of its event, of its and its logger’s control, and of its status', async () => {
      await leadsNowhere(container)
      for (const [place, attack, commands] of PLACES) {
        await isTakenBack(container, attack, commands).catch((error: unknown) => {
          throw new Error(`in the place of ${place}`, {cause: error})
        })
      }
    })

    it('an end of the gateway is not held up by a FIFO or a link in its memory, and the log’s run script gives nothing away where its folder is a link or lies behind one, and somebody reads what the slot prints', async () => {
      const memory = '/run/hermes-svc/gateway-default'
      for (const attack of [
        'mkfifo started group failed',
        // To what only root may read.
        'for name in started group failed; do ln -sf /etc/victim/file $name; done',
      ]) {
        const pid = await container.comesUp()
        await asUser(container, `cd ${memory} && rm -f started stopping group failed && ${attack}`)
        await container.sh(`rm -f ${memory}/failures; kill -KILL ${pid}`)
        await container.comesUp('default', pid)
        // s6-supervise kills a finish script that has not ended after 30 s: then nobody would have counted.
        const count = fs.readFileSync(container.path(`${memory}/failures`), 'utf8').trim()
        expect([attack, count]).toEqual([attack, '1'])
        expect(await victim(container)).toBe(UNTOUCHED)
      }
      for (const attack of [
        'rm -rf gateways/default && ln -s /etc/victim gateways/default',
        'rm -rf gateways && mkdir /opt/data/own && ln -s /etc/victim /opt/data/own/default && ln -s /opt/data/own gateways',
      ]) {
        expect(await asUser(container, `cd /opt/data/logs && { ${attack}; }`)).toMatchObject({code: 0})
        await container.sh(`s6-svc -wr -t ${SLOT}/log; until pgrep -f 's6-log 1$'; do sleep 0.05; done`)
        expect(await victim(container)).toBe(UNTOUCHED)
        const {stdout} = await container.hermesSvc(['doctor', '--only', 'logger', '--json'])
        expect(stdout).toContain('console-only')
        const before = container.log.length
        await container.must(['restart'])
        expect(container.log.slice(before)).toContain('a planned restart, so it starts again at once')
      }
    })
  })

  it('what upstream’s image leaves to the user is done with that user’s ids, and is information of doctor’s, to root and to the user himself', async () => {
    const container = await booted(GIVEN_AWAY)
    for (const uid of [0, HERMES_ID]) {
      const {code, stdout} = await container.hermesSvc(['doctor', '--only', 'helper-missing', '--json'], {uid})
      expect({code, stdout}).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('hermes can become root in this container') as string,
      })
      expect(stdout).toMatch(/"kind":\s*"given-away",\s*"severity":\s*"info"/)
    }
    expect((await container.sh(`stat -c %U ${SLOT} ${SLOT}/run ${SLOT}/supervise`)).stdout).toBe('hermes\nhermes\nhermes\n')
    // He has the whole folder, so he can put another in its place; no command of root's is led elsewhere by it.
    await asUser(
      container,
      `cd /run/service && mv gateway-default .mine && mkdir -p gateway-default/supervise && ln -s /etc/victim/file gateway-default/supervise/control &&
        ln -s /etc/victim gateway-default/helpers && cp .mine/run gateway-default/`,
    )
    for (const args of [
      ['status'],
      ['stop', '--timeout', '3s'],
      ['install', '--timeout', '3s'],
      ['boot'],
      ['uninstall', '--yes', '--timeout', '3s'],
    ]) {
      // To the last one the slot of the ticks is in the way first.
      expect(await endsWell(container, args), args[0]).toMatch(/gateway-default|hermes-svc-heartbeat/)
    }
    expect(await victim(container)).toBe(UNTOUCHED)
    await container.sh('chown root:root /run/service')
    await container.must(['boot'])
    expect((await container.must(['doctor', '--only', 'helper-missing', '--json'])).stdout).not.toContain('given-away')
  })

  it('what its user has put in the place of a slot’s files is not read with root’s ids', async () => {
    const container = await booted(GIVEN_AWAY)
    const SETTINGS = 'gateway-default/settings.json gateway-work/settings.json'
    const put = (how: string) =>
      asUser(
        container,
        `cd /run/service && mkdir -p gateway-work && for file in ${SETTINGS} hermes-svc-heartbeat/run; do rm -f $file; ${how}; done`,
      )
    const forget = () => container.sh('touch -a -d @0 /etc/victim/file')
    const whenRead = async () => (await container.sh('stat -c %X /etc/victim/file')).stdout
    // One that reads all slots, one that reads all of one, and one that writes it.
    const commands = [...[['list'], ['doctor'], ['install', '--timeout', '20s']], ...inCampaign([['status'], ['diff'], ['heartbeat']], [])]

    // Links are followed here, and a read shows.
    expect(await put('ln -s /etc/victim/file $file')).toMatchObject({code: 0, stderr: ''})
    await forget()
    await container.sh('cat /run/service/gateway-work/settings.json')
    expect(await whenRead()).not.toBe('0\n')
    for (const command of commands) {
      await put('ln -s /etc/victim/file $file')
      await forget()
      await container.hermesSvc(command)
      expect([command, await whenRead()]).toEqual([command, '0\n'])
    }
    for (const how of ['mkfifo -m 755 $file', 'truncate -s 400M $file; chmod 755 $file']) {
      // All of them read by the same door (test/managers/s6/slots-door.test.ts).
      for (const command of inCampaign(commands, commands.slice(0, 2))) {
        await put(how)
        await endsWell(container, command)
      }
    }
    expect(await victim(container)).toBe(UNTOUCHED)
  })

  // As under systemd, where root's doctor starts programs of the user's in the same way, and by the same door as those of s6: test/support/hostile-terminal-suite.ts.
  itInCampaign('no program of the user’s has the terminal of root’s status, doctor and logs', async () => {
    const container = await booted()
    fs.copyFileSync(PUSHER, container.path('/opt/push-at-terminal.py'))
    const programs = ['sh', 'cat', 'tail', 'test', 's6-svstat']
    const placed = await container.exec(['sh', '-c', TAKE_PLACES, 'sh', '/opt/push-at-terminal.py', String(HERMES_ID), ...programs])
    expect(placed).toMatchObject({code: 0, stderr: ''})
    const onRootsTerminal = async (argv: readonly string[]) => {
      await container.sh(`umask 0; : >${SEEN}`)
      const {stdout, stderr} = await container.exec(onTerminal(['sh', '-c', UNTIL_PUSHED, 'sh', ...argv], []))
      expect(stdout, stderr).not.toBe('')
      return {output: (await terminalEnd(stdout)).output, seen: pushersSeen(fs.readFileSync(container.path(SEEN), 'utf8'))}
    }
    const unguarded = await onRootsTerminal(['s6-setuidgid', 'hermes', 'cat', '/dev/null'])
    expect(unguarded.output).toContain(PUSHED)
    expect(unguarded.seen.map(({pushed, isLate}) => [pushed > 0, isLate])).toEqual([
      [true, false],
      [true, true],
    ])
    for (const args of inCampaign([['status'], ['doctor'], ['logs']], [['doctor']])) {
      const {output, seen} = await onRootsTerminal([...CONTAINER_PROGRAM, ...args])
      expect(output).not.toBe('')
      // The others start none of the user's programs.
      const startsSome = args[0] === 'doctor'
      expect([seen.length > 0, seen.some(({isLate}) => isLate)], output).toEqual([startsSome, startsSome])
      expect(seen.filter(({reached, pushed}) => reached > 0 || pushed > 0)).toEqual([])
      expect(output).not.toContain(PUSHED)
    }
  })

  it('boot needs few capabilities, and says which one is missing', async () => {
    const volume = volumes.volume()
    volume.profile('default')
    const container = await S6Container.boot(volume)
    const with_ = (capabilities: string) => container.hermesSvc(['boot', '--json'], {capabilities})
    const without = (await with_('+setuid,+setgid,+dac_override,+kill')).json<BootReport>()
    expect(without.profiles[0]).toMatchObject({action: 'failed', reason: expect.stringMatching(/capabilities CHOWN here/) as string})
    // Twice: the second one finds a slot whose FIFO is its user's.
    for (const expected of ['start', 'start']) {
      const {profiles} = (await with_('+chown,+setuid,+setgid,+dac_override,+kill')).json<BootReport>()
      expect(profiles[0]?.action).toBe(expected)
      await container.comesUp()
    }
  })
})
