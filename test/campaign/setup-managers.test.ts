import {afterAll, beforeAll, expect, it} from 'vitest'
import {MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {describeOnLaunchd} from '../support/launchd-machine.js'
import {LaunchdService} from '../support/launchd-service.js'
import {CONTAINER_PROGRAM, describeInContainer, S6Container, Volumes} from '../support/s6-container.js'
import {ENTER, onTerminal, terminalEnd, type Typed} from '../support/terminal.js'

// In npm test: what is asked in a container and under launchd, and what is told there: test/setup/find.test.ts and questions.test.ts; a terminal, and what comes of the answers:
// test/integration/setup.test.ts; the installation itself: s6-lifecycle and launchd-lifecycle there.
const answers: Typed[] = [
  ['Use the heartbeat\\?', ENTER],
  ['Use the watchdog\\?', ENTER],
  ['hermes-svc notify about problems', ENTER],
  ['Do this\\?', ENTER],
]

describeInContainer('setup in a container', () => {
  let volumes: Volumes
  beforeAll(async () => {
    volumes = await Volumes.make()
  })
  afterAll(() => volumes.drop())

  it('asks only for heartbeat, watchdog and whom to tell: all else is as the container has it', async () => {
    const volume = volumes.volume()
    volume.profile('default')
    const container = await S6Container.boot(volume)
    const {stdout, stderr} = await container.exec(onTerminal([...CONTAINER_PROGRAM, 'setup'], answers), {timeoutSec: 100})
    const end = await terminalEnd(stdout || stderr)
    expect(end.screen).toMatch(
      /^Manager +s6\nRuns as +hermes\nProfile +default, \/opt\/data\nScope +this service manager has only one scope\n[^]*Starts +at boot\n/,
    )
    expect(end.screen).toMatch(/\ngateway-default is installed and running\n\n[^]*gateway +alive, pid \d+/)
    expect(end.code).toBe(0)
    expect(await container.status()).toMatchObject({manager: 's6', actual: 'running', account: 'hermes', exit: 0})
  })
})

describeOnLaunchd('setup', (there) => {
  it('installs an agent that starts when its user logs in', async () => {
    const alice = await there().addUser('alice')
    const service = await LaunchdService.make(there(), alice, {profile: 'default'})
    const argv = onTerminal([MACHINE_NODE, `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`, 'setup'], answers)
    const {stdout, stderr} = await there().machine.exec(argv, {user: alice, timeoutMs: 110_000})
    const end = await terminalEnd(stdout || stderr)
    expect(end.screen).toMatch(/^Manager +launchd\n[^]*Service +ai.hermes.gateway, launchd \(gui\/\d+\): not installed yet\n/)
    expect(end.screen).toMatch(
      /\nStarts +when alice logs in\n[^]*\nai.hermes.gateway is installed and running\n\n[^]*gateway +alive, pid \d+/,
    )
    expect(end.code).toBe(0)
    expect(await service.isLoaded()).toBe(true)
    expect(await service.status()).toMatchObject({manager: 'launchd', actual: 'running', domain: service.domain})
  })
})
