import {execFileSync, spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import ts from 'typescript'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {itInCampaign} from '../support/campaign.js'
import {PACKAGE_ROOT} from '../support/built.js'

const TEXT = fs.readFileSync(path.join(PACKAGE_ROOT, 'CONTRIBUTING.md'), 'utf8')
/** What is no part of the tree, and what the build makes. */
const LEFT_OUT = ['.git', 'coverage', 'dist', 'node_modules']

/** A text that is to be put into a file: as its whole, or as a line before the one that begins with `before`. */
interface Sample {
  readonly file: string
  readonly before: string | undefined
  readonly text: string
}

function samples(): Sample[] {
  const block = /^ *<!-- sample(?: line)?: (\S+?)(?:, before: (.*))? -->\n( *)```\w+\n([^]*?)^ *```$/gm
  return [...TEXT.matchAll(block)].map(([, file = '', before, indent = '', body = '']) => ({
    file,
    before,
    text: body
      .split('\n')
      .map((line) => line.slice(indent.length))
      .join('\n'),
  }))
}

/** The toy keeps its services in a file: what runs is what it says. */
const TOY_LINE = `  toy: {detect: () => import('./toy/detect.js'), load: () => import('./toy/index.js'), paths: () => import('./toy/paths.js')},`
const TOY: Readonly<Record<string, string>> = {
  'detect.ts': `import type {Host} from '../../host/host.js'

export function isHere(host: Host, isNamed: boolean): boolean {
  return isNamed && host.stat('/') !== undefined
}
`,
  'paths.ts': `import type {Host} from '../../host/host.js'
import type {TickPlaces} from '../tick-places.js'

export function tickPlaces(_host: Host, folder: string): TickPlaces {
  return {supportFolder: folder, serviceName: (name) => name, runtimeFolder: () => folder, isOwn: () => false}
}
`,
  'index.ts': `import type {Service} from '../../service/service.js'
import type {CreateManager, Manager, ManagerObservation} from '../manager.js'

const observation = (service: Service): ManagerObservation => ({
  ...{service, installed: 'no', broken: undefined, enabled: undefined, activity: 'stopped', mainPid: undefined, startedAtMs: undefined},
  ...{changedAtMs: undefined, restarts: 0, lastExit: undefined, failuresInARow: 0, controlGroup: undefined, home: undefined},
  ...{environment: [], accountName: undefined, definitionPaths: [], needsReload: false, settings: undefined, directives: {}},
})

export const create: CreateManager = (host) => {
  const places = {settings: '/nowhere/settings.json', restartDue: '/nowhere/due', memory: '/nowhere/memory'}
  const manager: Manager = {
    kind: 'toy',
    scope: 'system',
    title: 'toy (a manager of nothing)',
    byHand: (act, name) => \`toy \${act} \${name}\`,
    inScope: () => manager,
    placement: {
      serviceFor: (profile, account) => ({profile, account, name: \`toy-\${profile.name}\`}),
      defaultAccount: () => host.account,
      owner: () => undefined,
      placesOf: () => places,
      sharedPlaces: () => [],
    },
    observer: {observe: (services) => services.map(observation), isOnDisk: () => false, notInstalled: observation},
    definition: {
      noun: 'service file',
      render: () => Promise.resolve([]),
      readEnvironment: () => new Map(),
      unitEnvironment: () => ({}),
      evidence: () => ({
        ...{restartRisk: {kind: 'sound', arithmetic: ''}, startFailure: undefined, stopTimeoutMs: undefined, programs: []},
        ...{commandLine: '', command: [], requiredFolder: undefined, searchPath: undefined},
      }),
      ownFiles: () => [],
    },
    installer: {folderSteps: () => [], leftovers: () => [], removeSteps: () => [], traces: () => []},
    control: {
      ...{enable: () => [], disable: () => [], start: () => [], stop: () => [], restart: () => [], abort: () => [], settle: () => []},
    },
    rivals: {definitions: () => []},
    tick: {heartbeat: () => Promise.resolve({files: [], steps: [], faults: []}), files: () => Promise.resolve([]), programs: () => []},
    logs: {of: () => []},
  }
  return manager
}
`,
}

/** In a file of test: the names of all checks and managers, which it is that what is added adds to. */
const KNOWS_IDS = /\b(CheckId|ManagerKind)\b/
/** What tsc says of these files of a tree, by its tsconfig.json. */
function complaints(root: string, files: readonly string[]): string[] {
  const {config} = ts.readConfigFile(path.join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {config: object}
  const {options} = ts.parseJsonConfigFileContent({...config, include: [], files}, ts.sys, root)
  const program = ts.createProgram(files, options)
  const found = [
    ...program.getOptionsDiagnostics(),
    ...program.getSyntacticDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...files.flatMap((file) => program.getSemanticDiagnostics(program.getSourceFile(file))),
  ]
  return found.map((one) =>
    ts.formatDiagnostic(one, {getCurrentDirectory: () => root, getCanonicalFileName: (name) => name, getNewLine: () => '\n'}),
  )
}

describe('what is written as CONTRIBUTING.md says', () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-contributing-'))
  afterAll(() => fs.rmSync(root, {recursive: true, force: true}))

  beforeAll(() => {
    for (const name of fs.readdirSync(PACKAGE_ROOT).filter((entry) => !LEFT_OUT.includes(entry))) {
      fs.cpSync(path.join(PACKAGE_ROOT, name), path.join(root, name), {recursive: true})
    }
    fs.symlinkSync(path.join(PACKAGE_ROOT, 'node_modules'), path.join(root, 'node_modules'))
  })

  const run = (...args: string[]) => {
    const {status, stdout, stderr} = spawnSync(process.execPath, args, {cwd: root, encoding: 'utf8'})
    return {status, output: stdout + stderr}
  }

  const all = samples()
  /** Passes in the copy. */
  const passes = (test: string) => {
    const vitest = 'node_modules/vitest/vitest.mjs'
    // The copy would fill the cache with what nobody asks for again.
    const {status, output} = run(vitest, 'run', '--experimental.fsModuleCache=false', '--project', 'unit', test)
    expect({status, output}).toMatchObject({status: 0})
  }

  it('is, as a check, put where it says, and passes its test', () => {
    expect(all.map(({file}) => file)).toEqual([
      'src/doctor/checks/core-dump.ts',
      'src/doctor/checks/index.ts',
      'docs/doctor.md',
      'test/doctor/checks/core-dump.test.ts',
    ])
    const put = ({file, before, text}: Sample) => {
      const place = path.join(root, file)
      if (before === undefined) return fs.writeFileSync(place, text)
      const lines = fs.readFileSync(place, 'utf8').split('\n')
      const at = lines.findIndex((line) => line.startsWith(before))
      expect({file, before, found: at >= 0}).toMatchObject({found: true})
      lines.splice(at, 0, /^ */.exec(lines[at] ?? '')?.[0] + text.trimEnd())
      return fs.writeFileSync(place, lines.join('\n'))
    }
    for (const sample of all) put(sample)
    const toy = path.join(root, 'src/managers/toy')
    fs.mkdirSync(toy)
    for (const [name, text] of Object.entries(TOY)) fs.writeFileSync(path.join(toy, name), text)
    put({file: 'src/managers/index.ts', before: '  systemd: {', text: TOY_LINE.trimStart()})

    passes('test/doctor/checks/core-dump.test.ts')
  })

  // A build of the tree takes as long as dozens of commands: that what is in the tables of checks and of managers is built and asked like the rest is said anew
  // before a release.
  itInCampaign('is, as a check, a command of fix, and has its rows in the tables; as a manager it is asked like the others', () => {
    execFileSync(process.execPath, ['bin/build/index.mjs'], {cwd: root, stdio: ['ignore', 'ignore', 'inherit']})
    expect(run('bin/hermes-svc.cjs', 'fix', 'core-dump', '--help').output).toMatch(/Fix a core dump that a crash left in the home/)

    const home = fs.mkdtempSync(path.join(root, 'home-'))
    const asked = (...words: string[]) => run('bin/hermes-svc.cjs', ...words, '--manager', 'toy', '--home', home)
    expect(asked('status')).toMatchObject({status: 4, output: expect.stringContaining('toy-default') as string})
    expect(asked('doctor').output).toContain('no service is installed for profile default (toy (a manager of nothing))')
    expect(run('bin/docs.mjs')).toMatchObject({status: 0})
    passes('test/readme.test.ts')
    expect(fs.readFileSync(path.join(root, 'docs/doctor.md'), 'utf8')).toContain('\n### core-dump\n\n**What it means:** a core dump')
    expect(run('bin/hermes-svc.cjs', 'fix', '--help').output).toContain('fix core-dump')
    expect(asked('list').output).toMatch(/^default +no .* not-installed /m)
    const sources = ['src', 'test'].flatMap((folder) =>
      fs
        .readdirSync(path.join(root, folder), {recursive: true, encoding: 'utf8'})
        .filter((file) => file.endsWith('.ts'))
        .map((file) => path.join(root, folder, file)),
    )
    const written = [...all.map(({file}) => file), ...Object.keys(TOY).map((name) => `src/managers/toy/${name}`)]
    const isSeen = (file: string) => {
      const name = path.relative(root, file)
      if (written.includes(name)) return true
      return name.startsWith('src/') || KNOWS_IDS.test(fs.readFileSync(file, 'utf8'))
    }
    expect(complaints(root, sources.filter(isSeen))).toEqual([])
  })
})
