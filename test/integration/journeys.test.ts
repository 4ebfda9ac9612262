import fs from 'node:fs'
import {constants} from 'node:os'
import path from 'node:path'
import {beforeAll, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE} from '../../src/smoke/machine.js'
import {PACKAGE_ROOT} from '../support/built.js'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {packPackage} from '../support/packed.js'
import {CTRL_C, onTerminal, terminalEnd, type Typed} from '../support/terminal.js'

/** What a user follows: the README, and the page on doctor. */
const PAGES = ['README.md', 'docs/doctor.md'].map((file) => fs.readFileSync(path.join(PACKAGE_ROOT, file), 'utf8')).join('\n')
const TOKEN = '123456:not-to-be-seen'

/** The commands of a block of a page that is marked `<!-- journey: NAME -->`, without their comments. */
function commandsOf(journey: string): string[] {
  const block = new RegExp(`<!-- journey: ${journey} -->\\n\`\`\`sh\\n([^]*?)\`\`\``).exec(PAGES)?.[1]
  if (block === undefined) throw new Error(`no page has a block for the journey ${journey}`)
  return block.split('\n').flatMap((line) => (line === '' ? [] : [line.replace(/\s+#.*$/, '')]))
}

/** What must come of a command of the README: in stdout, and as exit status (default 0). */
interface Outcome {
  readonly says: RegExp
  readonly exit?: number
  /** It goes on until it is interrupted, as it is on a terminal once it has said that. */
  readonly goesOn?: boolean
}

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  'sudo npm install -g ./hermes-svc-*.tgz': {says: /^\s*added 1 package in /},
  'hermes-svc install': {says: /^hermes-gateway\.service is (installed and running|already up to date; nothing was changed)$/m},
  'hermes-svc status': {says: /^hermes-gateway is running, as it should be, and online [^]*\n {2}gateway +alive, pid \d+, up /},
  'hermes-svc logs -f': {says: /gateway/i, goesOn: true},
  'hermes-svc restart': {says: /^hermes-gateway\.service is running under a new pid$/m},
  'hermes-svc stop': {says: /^hermes-gateway\.service is stopped$/m},
  'hermes-svc start': {says: /^hermes-gateway\.service is running$/m},
  'hermes-svc doctor': {says: /^✓ hermes-gateway\.service: \d+ checks, no findings \(should be running, is running, starts at boot\)$/m},
  'hermes-svc fix missing-heartbeat --yes': {says: /^Fixed: hermes-gateway\.service is running under a new pid$/m},
  'hermes-svc doctor --fix': {says: /, no findings \(/},
  'hermes-svc install -p work --env TELEGRAM_BOT_TOKEN': {says: /^hermes-gateway-work\.service is installed and running$/m},
  'hermes-svc install -p work --heartbeat-interval 30s --dry-run': {says: /^ *\+.*"intervalSec": 30/m},
  'hermes-svc list': {says: /default[^]*running[^]*work[^]*running/},
  'sudo hermes-svc install --run-as hermes': {says: /^hermes-gateway\.service is installed and running$/m},
  'hermes-svc uninstall': {says: /^hermes-gateway\.service is uninstalled; its home \S+ is kept$/m},
  'sudo npm uninstall -g hermes-svc': {says: /^\s*removed 1 package in /},
}
const FOUND: Outcome = {says: /is stopped by a signal[^]*missing-heartbeat[^]*What to type:\n {6}hermes-svc fix missing-heartbeat/, exit: 1}

const packed = packPackage()

/** Makes the machine one with node, npm that reaches no registry, and sudo for alice. */
const PREPARE = `set -e
if ! command -v npm >/dev/null; then
  mkdir -p /usr/local/lib/node_modules
  cp ${MACHINE_NODE} /usr/local/bin/node
  cp -r /opt/npm /usr/local/lib/node_modules/npm
  ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
fi
rm -rf /root/.npmrc /root/.npm
prefix=$(npm prefix -g)
mkdir -p "$prefix/etc"
printf 'offline=true\\naudit=false\\nfund=false\\nupdate-notifier=false\\n' >"$prefix/etc/npmrc"
echo 'alice ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/alice
chmod 440 /etc/sudoers.d/alice
! command -v hermes-svc
`
/** For a machine that has none. */
const NPM = path.join(fs.realpathSync(process.execPath), '../../lib/node_modules/npm')
const STAND_IN = path.join(PACKAGE_ROOT, 'src/smoke/stand-in')

it('of each command of the pages it is said what must come of it', () => {
  const commands = ['install', 'use', 'flags', 'repair', 'removal'].flatMap(commandsOf)
  expect(commands.filter((command) => OUTCOMES[command] === undefined)).toEqual([])
})

await describeOnSystemd(
  'the README, followed on a machine that has only Node',
  (machine: () => Machine) => {
    let alice: Account
    let hermes: Account

    beforeAll(async () => {
      alice = await machine().addUser('alice', {linger: false})
      hermes = await machine().addUser('hermes', {linger: false})
      const {code, stderr} = await machine().exec(['sh', '-c', PREPARE])
      expect({code, stderr}).toMatchObject({code: 0})
      // The Hermes Agent is there already, with an idle gateway to its name.
      const agent = 'mkdir -p ~/.hermes/bin ~/.hermes/profiles/work && install -m 755 "$1" ~/.hermes/bin/hermes'
      for (const user of [alice, hermes]) await machine().exec(['sh', '-c', agent, 'sh', '/opt/stand-in/hermes'], {user})
    })

    /** `reader`: who types; root if nobody is named. */
    async function type(reader: Account | undefined, command: string, outcome = OUTCOMES[command]): Promise<void> {
      if (!outcome) throw new Error(`nobody has said what must come of this command of the README: ${command}`)
      // The file lies where it was made.
      const place = command.includes('.tgz') ? 'cd /opt/packed && ' : ''
      const options = {...(reader ? {user: reader} : {}), env: {TELEGRAM_BOT_TOKEN: TOKEN}, timeoutMs: 90_000}
      if (outcome.goesOn) {
        const says: Typed = [`(?i:${outcome.says.source})`, CTRL_C]
        const end = await machine().exec(onTerminal(['sh', '-c', `exec ${command}`], [says]), options)
        const {code, signal, output} = await terminalEnd(end.stdout)
        // Of its own accord, or by the signal.
        expect(['0', '130', 'SIGINT'], `${command}: ${output}`).toContain(signal === constants.signals.SIGINT ? 'SIGINT' : String(code))
        expect(output).not.toContain(TOKEN)
        return
      }
      const {code, stdout, stderr} = await machine().exec(['sh', '-c', place + command], options)
      expect({command, code, stdout, stderr}).toMatchObject({
        command,
        code: outcome.exit ?? 0,
        stdout: expect.stringMatching(outcome.says) as string,
      })
      expect(stdout + stderr).not.toContain(TOKEN)
    }

    const sh = async (program: string, user?: Account) => (await machine().exec(['sh', '-c', program], user ? {user} : {})).stdout

    const repairs = async (reader: Account | undefined, gatewayUser: Account) => {
      const [look = '', fix = '', fixAll = ''] = commandsOf('repair')
      await sh('kill -STOP "$(python3 -c "import json; print(json.load(open(\'.hermes/gateway.pid\'))[\'pid\'])")"', gatewayUser)
      await type(reader, look, FOUND)
      await type(reader, fix)
      await sh('echo "{}" >.hermes/.drain_request.json && touch -d "2 hours ago" .hermes/.drain_request.json', gatewayUser)
      // Of a gateway that has just come up nothing is said yet.
      await waitFor(async () => (await sh('hermes-svc doctor', reader)).includes('stale-marker'), 'the marker to be a finding')
      await type(reader, fixAll)
      expect(await sh('ls .hermes/.drain_request.json', gatewayUser)).toBe('')
      await type(reader, look)
    }

    it('as a user: installs it, and the service', async () => {
      for (const command of commandsOf('install')) await type(alice, command)
    })

    it('as a user: uses it, command by command', async () => {
      for (const command of commandsOf('use')) await type(alice, command)
    })

    it('as a user: installs by flags: another profile with a secret, a service of the machine for another user', async () => {
      for (const command of commandsOf('flags')) await type(alice, command)
      expect(await sh('grep -rl 123456 ~/.config ~/.hermes', alice)).toBe(
        '/home/alice/.config/hermes-svc/hermes-gateway-work/gateway.env\n',
      )
      expect(await sh('systemctl is-active hermes-gateway')).toBe('active\n')
      expect(await sh('ps -o user= -p "$(systemctl show --value -p MainPID hermes-gateway)"')).toBe('hermes\n')
    })

    // What each command does with a service of the machine, as root: user-scope.test.ts.
    itInCampaign('as root: uses the service of the machine, command by command', async () => {
      for (const command of commandsOf('use')) await type(undefined, command)
    })

    it('as a user: repairs a broken service', () => repairs(alice, alice))

    // What doctor finds and fix cures of a service of the machine: doctor-state.test.ts.
    itInCampaign('as root: repairs a broken service', () => repairs(undefined, hermes))

    it('removes the services, as root and as a user, then the package; what is left is the home of the gateway', async () => {
      const [uninstall = '', removePackage = ''] = commandsOf('removal')
      await type(undefined, uninstall)
      await type(alice, `${uninstall} -p work`, {says: /^hermes-gateway-work\.service is uninstalled/m})
      await type(alice, uninstall)
      await type(alice, removePackage)
      expect(await sh('command -v hermes-svc')).toBe('')
      // Root's own empty folder, whose lock keeps two commands apart, is there until the next boot.
      expect(
        await sh(
          'find /etc /usr/lib/node_modules /usr/local/lib/node_modules /run /home -name "*hermes*" ! -path "*/.hermes*" ! -path "*/.cache/*" ! -path /run/hermes-svc',
        ),
      ).toBe('/home/hermes\n')
      for (const user of [alice, hermes]) expect(await sh('ls -d ~/.hermes', user)).toContain('.hermes')
    })
  },
  {
    // All other suites have the host's.
    versions: inCampaign(['host', '257'], ['257']),
    binds: [
      {source: packed.folder, target: '/opt/packed'},
      {source: STAND_IN, target: '/opt/stand-in'},
      {source: NPM, target: '/opt/npm'},
    ],
  },
)
