// Run by bin/contract.mjs where a gateway is to be looked at: `node FILE REQUEST`. Prints a Report as JSON; what it is at goes to stderr.
import {execFileSync, spawnSync} from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import {GatewayVariable} from '../../src/gateway/contract.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {type Bench, judgeGroups, type Outcome} from './claim.js'
import {Contract, versionOf} from './contract-words.js'
import {GROUPS} from './index.js'
import {killLeftovers} from './life.js'
import {standInOf} from './stand-in.js'

/** What is asked for. */
interface Request {
  readonly command: readonly string[]
  /** Text of src/gateway/contract.ts. */
  readonly contract: string
  /** An existing folder that may be written in. */
  readonly folder: string
  readonly withSlow: boolean
  readonly only: readonly string[]
  readonly whyNoSystemd?: string
  /** The program is the stand-in, as a gateway of this version. */
  readonly standIn?: NonNullable<StandInConfig['version']>
}

export interface Report {
  readonly version: string
  /** On what, e.g. "systemd 252, Python 3.11.2". */
  readonly on: string
  readonly outcomes: readonly Outcome[]
}

const request = JSON.parse(fs.readFileSync(process.argv[2] ?? '', 'utf8')) as Request
process.stdout.write(`${JSON.stringify(await look(request))}\n`)

async function look({command, contract, folder, withSlow, only, whyNoSystemd, standIn}: Request): Promise<Report> {
  const version = standIn ?? saidVersion(command, folder)
  const bench: Bench = {
    ...{command, version: versionOf(version), contract: Contract.parse(contract), folder},
    whyNoSystemd: whyNoSystemd ?? whyNoUserManager(),
    prepare: (home, purpose) => {
      if (standIn !== undefined) fs.writeFileSync(path.join(home, 'stand-in.json'), JSON.stringify(standInOf(standIn, purpose)))
    },
  }
  const chosen = only.length === 0 ? GROUPS : GROUPS.filter(({name}) => only.includes(name))
  try {
    const outcomes = await judgeGroups(chosen, bench, {
      withSlow,
      begin: (name) => process.stderr.write(`${Math.round(performance.now() / 1000)} s: ${name}\n`),
    })
    return {version, on: `${bench.whyNoSystemd === undefined ? systemdVersion() : 'no systemd'}, ${pythonVersion()}`, outcomes}
  } finally {
    killLeftovers()
  }
}

/** What the program says of itself. Throws an Error if it cannot be run. */
function saidVersion([program = '', ...args]: readonly string[], folder: string): string {
  const home = path.join(folder, 'say-version')
  fs.mkdirSync(home, {recursive: true})
  const env = {PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, [GatewayVariable.home]: path.join(home, 'home')}
  const {stdout, stderr, status, error} = spawnSync(program, [...args, '--version'], {encoding: 'utf8', env, cwd: '/', timeout: 60_000})
  const [version] = /\d+\.\d+\.\d+/.exec(stdout ?? '') ?? []
  if (status === 0 && version !== undefined) return version
  throw new Error(`${program} --version does not say one: ${error?.message ?? (stderr.trim() || `exit ${status}`)}`)
}

function whyNoUserManager(): string | undefined {
  const {stdout} = spawnSync('systemctl', ['--user', 'is-system-running'], {encoding: 'utf8'})
  return /^(running|degraded|starting)$/m.test(stdout ?? '') ? undefined : 'systemctl --user does not answer'
}

function systemdVersion(): string {
  return /^systemd \d+/.exec(execFileSync('systemctl', ['--version'], {encoding: 'utf8'}))?.[0] ?? 'systemd'
}

function pythonVersion(): string {
  return spawnSync('python3', ['--version'], {encoding: 'utf8'}).stdout?.trim() || 'no Python'
}
