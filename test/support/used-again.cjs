// Runs the program of each request in this one process of node, one after the other: the file that is executed, as it is built, up to the end of all that it
// has begun. What a process of its own has besides is node's start, which is two thirds of what a status takes of a processor. See runner.ts and runner.py.
//
// node - REQUESTS ANSWERS <used-again.cjs: two open descriptors. A request is a line with {argv, cwd, env}, which is answered by a line with {begun} and one with
// {code}; after the last request this process ends. stdout and stderr are whatever this process was given.
'use strict'

const fs = require('node:fs')
const Module = require('node:module')
const path = require('node:path')
const vm = require('node:vm')

const [requests, answers] = process.argv.slice(-2).map(Number)
const ids = [process.geteuid(), process.getegid()].join()
/** Listeners that no program has left. */
let own
/** By its path, with the text it was compiled from. */
const compiled = new Map()
let asked = Buffer.alloc(0)
let isRunning = false

// It is emitted each time that nothing is left to do or to wait for, which is when a process of its own would end.
process.on('beforeExit', () => {
  if (isRunning) answer()
  const line = nextLine()
  if (line === undefined) return
  isRunning = true
  tell({begun: true})
  begin(JSON.parse(line))
  // Whatever has nothing to wait for ends at once.
  setImmediate(() => undefined)
})
own = listeners()

// What is compiled here is at hand the next time. The entry writes a cache for the next process, one for each command, which is a quarter of what the first
// runs of a user take; where it cannot make one it does without.
vm.Script.prototype.createCachedData = () => {
  throw new Error('no other process is to use it')
}

/** As `node FILE WORD…` does it, in an environment of its own. */
function begin({argv: [node, file, ...words], cwd, env}) {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(env, name)) delete process.env[name]
  Object.assign(process.env, env)
  process.chdir(cwd)
  process.exitCode = undefined
  process.argv = [node, file, ...words]
  // No module of the one before is left.
  for (const name of Object.keys(Module._cache)) delete Module._cache[name]
  const text = fs.readFileSync(file, 'utf8').replace(/^#!.*/, '')
  if (compiled.get(file)?.text !== text) compiled.set(file, {text, script: new vm.Script(Module.wrap(text), {filename: file})})
  const module = new Module(file)
  module.filename = file
  module.paths = Module._nodeModulePaths(path.dirname(file))
  compiled.get(file).script.runInThisContext()(module.exports, Module.createRequire(file), module, file, path.dirname(file))
}

function answer() {
  const code = process.exitCode ?? 0
  for (const [name, ofProcess] of listeners()) {
    const left = ofProcess.filter((listener) => !own.get(name)?.includes(listener))
    if (name === 'exit') for (const listener of left) listener.call(process, code)
    for (const listener of left) process.off(name, listener)
  }
  isRunning = false
  // Of whoever is not itself any more no other program is to be run.
  const isLast = [process.geteuid(), process.getegid()].join() !== ids
  tell({code, isLast})
  if (isLast) process.exit(0)
}

function listeners() {
  return new Map(process.eventNames().map((name) => [name, process.listeners(name)]))
}

/** Waits for it without a look at anything else. Undefined where there will be none. */
function nextLine() {
  for (;;) {
    const end = asked.indexOf(10)
    if (end !== -1) {
      const line = asked.toString('utf8', 0, end)
      asked = asked.subarray(end + 1)
      return line
    }
    const more = Buffer.alloc(65_536)
    const length = fs.readSync(requests, more)
    if (length === 0) return undefined
    asked = Buffer.concat([asked, more.subarray(0, length)])
  }
}

function tell(what) {
  const bytes = Buffer.from(`${JSON.stringify(what)}\n`)
  let done = 0
  while (done < bytes.length) done += fs.writeSync(answers, bytes, done)
}
