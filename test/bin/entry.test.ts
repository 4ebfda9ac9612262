import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {ExitStatus} from '../../src/errors.js'
import {commandModules} from '../../src/commands/index.js'
import {ENTRY, PACKAGE_ROOT, runBuilt} from '../support/built.js'
import {describeUnless} from '../support/describe-unless.js'
import {withoutReader} from '../support/python.js'

const {version} = JSON.parse(fs.readFileSync(path.join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {version: string}
let scratch: string

beforeAll(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-entry-'))
})
afterAll(() => fs.rmSync(scratch, {recursive: true}))

/** Runs the entry after a piece of JavaScript that changes what it finds. */
function runPrepared(preparation: string, args: readonly string[], entry = ENTRY) {
  const file = path.join(scratch, 'preparation.cjs')
  fs.writeFileSync(file, preparation)
  return spawnSync(process.execPath, ['-r', file, entry, ...args], {encoding: 'utf8'})
}

/** What the entry prints for help of commands, and oclif itself. In one process, since a hundred and fifty of them take half a minute. */
function helpOf(ids: readonly string[]): Record<string, {byFlag: string; byWord: string; byOclif: string}> {
  const program = `
const fs = require('fs')
const [file, entry, bundle, packageRoot, ...ids] = process.argv.slice(1)
let text = ''
const write = fs.writeSync
fs.writeSync = (fd, data, ...rest) => fd === 1 ? (text += data, data.length) : write(fd, data, ...rest)
process.stdout.write = (data) => ((text += data), true)
const taken = () => { const is = text; text = ''; return is }
const entered = (...args) => {
  process.argv = [process.execPath, entry, ...args]
  delete require.cache[entry]
  require(entry)
  return taken()
}
async function main() {
  const all = {}
  for (const id of ids) {
    const words = id.split(':')
    const [byFlag, byWord] = [entered(...words, '--help'), entered('help', ...words)]
    await require(bundle).run([...words, '--json', '--help'], {packageRoot})
    all[id] = {byFlag, byWord, byOclif: taken()}
  }
  fs.writeFileSync(file, JSON.stringify(all))
}
main()
`
  const file = path.join(scratch, 'help.json')
  const {stderr} = spawnSync(
    process.execPath,
    ['--no-warnings', '-e', program, file, ENTRY, path.join(PACKAGE_ROOT, 'dist', 'cli.cjs'), PACKAGE_ROOT, ...ids],
    {encoding: 'utf8'},
  )
  expect(stderr).toBe('')
  return JSON.parse(fs.readFileSync(file, 'utf8')) as ReturnType<typeof helpOf>
}

describe('the executable entry', () => {
  it.each([['--version'], ['-v']])('tells its version, platform and node for %s', (flag) => {
    expect(runBuilt([flag])).toEqual({
      status: 0,
      stdout: `hermes-svc/${version} ${process.platform}-${process.arch} node-${process.version}\n`,
      stderr: '',
    })
  })

  it('gives the help of the root for no arguments, help, -h and --help alike', () => {
    const help = runBuilt(['--help'])
    expect(help).toMatchObject({status: 0, stderr: ''})
    for (const args of [[], ['help'], ['-h']]) expect(runBuilt(args)).toEqual(help)
  })

  it('says in the help of the root, before all commands, with which ones to begin', () => {
    const {stdout} = runBuilt(['--help'])
    expect(stdout).toMatch(/\nSTART HERE\n {2}hermes-svc setup .*\n {2}hermes-svc status .*\n {2}hermes-svc doctor .*\n\nTOPICS\n/)
  })

  it('offers in no help a flag that the command refuses, and says of --probe that it goes with --profile', () => {
    const {apply, autocomplete, boot, health, run, smoke} = helpOf(['apply', 'autocomplete', 'boot', 'health', 'run', 'smoke'])
    for (const flag of ['--profile=', '--home=', '--scope=', '--run-as=']) expect(apply?.byFlag).not.toContain(flag)
    for (const flag of ['--json', '--manager=', '--scope=']) expect(run?.byFlag).not.toContain(flag)
    for (const help of [autocomplete, boot, smoke]) expect(help?.byFlag).not.toContain('--profile=')
    expect(autocomplete?.byFlag).not.toContain('--json')
    expect(run?.byFlag).toContain('--profile=')
    expect(health?.byFlag).toContain('$ hermes-svc health [PROFILE] [--probe liveness|readiness]')
  })

  it('names every command in the help of the root', () => {
    const {stdout} = runBuilt(['--help'])
    const topLevel = Object.keys(commandModules).map((id) => id.split(':')[0])
    for (const word of topLevel) expect(stdout).toMatch(new RegExp(`^ {2}${word} `, 'm'))
  })

  it('has help for each command, by flag and by word, and the same from oclif where it is not prepared', () => {
    const ids = Object.keys(commandModules)
    const all = helpOf(ids)
    expect(Object.keys(all)).toEqual(ids)
    const wrong = Object.entries(all).flatMap(([id, {byFlag, byWord, byOclif}]) => [
      ...(byFlag.includes(`$ hermes-svc ${id.replaceAll(':', ' ')}`) ? [] : [`${id}: --help shows no usage`]),
      ...(byWord === byFlag ? [] : [`${id}: help WORDS differs from --help`]),
      ...(byOclif.trimEnd() === byFlag.trimEnd() ? [] : [`${id}: what oclif makes differs from what is prepared`]),
    ])
    expect(wrong).toEqual([])
    // One of them as it is typed: nothing but this text, and a good end.
    expect(runBuilt(['fix', 'zombie-pid', '--help'])).toEqual({status: 0, stdout: all['fix:zombie-pid']?.byFlag, stderr: ''})
    expect(runBuilt(['status', '--json', '--help'])).toEqual({status: 0, stdout: all.status?.byOclif, stderr: ''})
  })

  it('has help of what is no command, and names it in the help of the root', () => {
    const names = [...runBuilt(['--help']).stdout.matchAll(/^ {2}help (\S+) /gm)].map(([, name = '']) => name)
    expect(names).toEqual(['exit-status', 'environment', 'files'])
    for (const name of names) expect(runBuilt(['help', name])).toMatchObject({status: 0, stderr: ''})
    const {stdout} = runBuilt(['help', 'exit-status'])
    for (const status of Object.values(ExitStatus)) expect(stdout).toMatch(new RegExp(`^ {2}${status}$`, 'm'))
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  it('has a manifest of its own version with every command', () => {
    const text = fs.readFileSync(path.join(PACKAGE_ROOT, 'oclif.manifest.json'), 'utf8')
    const manifest = JSON.parse(text) as {version: string; commands: object}
    expect(manifest.version).toBe(version)
    expect(Object.keys(manifest.commands).sort()).toEqual(Object.keys(commandModules).sort())
  })

  it('refuses a node that is too old, in one line', () => {
    const old = "Object.defineProperty(process, 'versions', {value: {...process.versions, node: '20.16.0'}})"
    const {status, stdout, stderr} = runPrepared(old, ['--version'])
    expect({status, stdout}).toEqual({status: 1, stdout: ''})
    expect(stderr).toMatch(/^hermes-svc: needs Node 20\.17 or newer; this is .*\n$/)
  })

  it('says how to build where it was not built', () => {
    const copy = path.join(scratch, 'unbuilt')
    fs.mkdirSync(path.join(copy, 'bin'), {recursive: true})
    fs.copyFileSync(ENTRY, path.join(copy, 'bin', 'hermes-svc.cjs'))
    const {status, stderr} = spawnSync(process.execPath, [path.join(copy, 'bin', 'hermes-svc.cjs'), 'status'], {encoding: 'utf8'})
    expect(status).toBe(1)
    expect(stderr).toMatch(/^hermes-svc: .*dist\/look\.cjs is missing; .*npm run build\n$/)
  })

  it.each([['--help'], ['status --json'], ['no-such-command']])('ends in good order when nobody reads what %s prints', (args) => {
    const read = runBuilt(args.split(' '))
    expect(withoutReader([process.execPath, ENTRY, ...args.split(' ')])).toMatchObject({stderr: '', status: read.status})
  })

  it('takes no word of the command line from standard input', () => {
    const run = (input: string) => spawnSync(process.execPath, [ENTRY, 'doctor', '--home', scratch], {encoding: 'utf8', input}).stdout
    expect(run('zzz\n')).toBe(run(''))
    expect(run('')).toContain('is not installed')
  })

  it.each(['status', 'doctor'])('%s loads nothing that only help or a change needs', (command) => {
    const record = `
const {Module} = require('module')
const load = Module._load
const loaded = []
Module._load = function (name, ...rest) { loaded.push(name); return load.call(this, name, ...rest) }
process.on('exit', () => require('fs').writeFileSync(process.env.RECORD, JSON.stringify({loaded, builtin: process.moduleLoadList})))
`
    const file = path.join(scratch, 'record.cjs')
    fs.writeFileSync(file, record)
    const result = path.join(scratch, 'record.json')
    spawnSync(process.execPath, ['-r', file, ENTRY, command, '--json'], {env: {...process.env, RECORD: result}})
    const {loaded, builtin} = JSON.parse(fs.readFileSync(result, 'utf8')) as {loaded: string[]; builtin: string[]}
    expect(loaded.filter((name) => name.includes('vendor/'))).toEqual([])
    const slow = ['readline', 'perf_hooks', 'crypto', 'worker_threads', 'http', 'internal/fs/streams', 'internal/fs/promises']
    expect(builtin.filter((name) => slow.includes(name.replace('NativeModule ', '')))).toEqual([])
  })
})

const python = spawnSync('python3', ['-c', '']).status === 0 ? undefined : 'there is no python3'

describeUnless(python, 'the executable entry with a pipe that does not block', () => {
  it('writes all that it has to say into a full pipe that does not block', () => {
    const writer = `
import fcntl, os, subprocess, sys, time
r, w = os.pipe()
fcntl.fcntl(w, fcntl.F_SETFL, os.O_NONBLOCK)
filled = 0
try:
    while True: filled += os.write(w, b'x' * 4096)
except BlockingIOError: pass
child = subprocess.Popen(sys.argv[2:], stdout=w)
while not os.path.exists(sys.argv[1]):
    if child.poll() is not None: sys.exit('it never met a full pipe')
    time.sleep(0.01)
os.close(w)
with os.fdopen(r, 'rb') as pipe: text = pipe.read()
sys.stdout.buffer.write(text[filled:])
`
    const [hook, met] = [path.join(scratch, 'full.cjs'), path.join(scratch, 'full')]
    fs.writeFileSync(
      hook,
      `const fs = require('fs')
const write = fs.writeSync
fs.writeSync = (...args) => {
  try { return write(...args) } catch (error) {
    if (error.code === 'EAGAIN') fs.closeSync(fs.openSync(${JSON.stringify(met)}, 'a'))
    throw error
  }
}
`,
    )
    const program = [process.execPath, '-r', hook, ENTRY, 'no-such-command', '--json']
    const {stdout, stderr} = spawnSync('python3', ['-c', writer, met, ...program], {encoding: 'utf8'})
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toMatchObject({schemaVersion: 1, ok: false})
  })
})
