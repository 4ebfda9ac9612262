#!/usr/bin/env node
'use strict'
// The executable entry. It answers --version and --help by itself and runs everything else from one bundle through a V8 code cache:
// together that is most of the difference between 1.1 and 5 times the start-up of bare node.

const fs = require('fs')
const path = require('path')

const OLDEST_NODE = [20, 17]
const ROOT = path.dirname(__dirname)
/** Bundles of commands that are typed most, and that look: the less is in one, the sooner it runs. All others are in `cli`. */
const BUNDLE_OF = {status: 'look', list: 'look', health: 'look', doctor: 'doctor'}
/** How a run ends that did its work, be it that what it found is bad. Wrong usage, and what was broken off, has used next to nothing of it. */
const CACHED_AFTER = [0, 1, 3, 4]
const WRITABLE_BY_OTHERS = 0o022
const MOST_CACHE_FILES = 60

main(process.argv.slice(2))

function main(argv) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    return fail(`needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.version} (${process.execPath})`)
  }
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
    return print(`hermes-svc/${packageVersion()} ${process.platform}-${process.arch} node-${process.version}\n`)
  }
  // Asked by the scripts of templates/completion at each press of the Tab key: quick, silent, and without a cache, which would be written.
  if (argv[0] === '__complete') return complete(argv.slice(1))
  const help = preparedHelp(argv)
  if (help) return print(help)
  const file = path.join(ROOT, 'dist', `${(Object.hasOwn(BUNDLE_OF, argv[0]) && BUNDLE_OF[argv[0]]) || 'cli'}.cjs`)
  let stat
  try {
    stat = fs.statSync(file)
  } catch {
    return fail(`${file} is missing; in a clone, make it with: npm install && npm run build`)
  }
  loadThroughCache(file, stat, argv)
    .run(argv, {packageRoot: ROOT, ownsProcess: true})
    .then((status) => {
      process.exitCode = status
    })
}

function complete(argv) {
  try {
    require(path.join(ROOT, 'dist', 'complete.cjs')).main(argv, ROOT)
  } catch {
    // There is no place to tell of it.
  }
}

/** The help that the build has rendered, if nothing but help is asked for: of the root, or of the command or topic that is named. */
function preparedHelp(argv) {
  const last = argv[argv.length - 1]
  const words = argv[0] === 'help' ? argv.slice(1) : last === '--help' || last === '-h' ? argv.slice(0, -1) : argv
  if (words === argv && argv.length > 0) return undefined
  if (words.length === 0) return readIfPossible(path.join(ROOT, 'dist', 'help.txt'))
  if (words.length > 2 || !words.every((word) => /^[a-z][a-z-]*$/.test(word))) return undefined
  return readIfPossible(path.join(ROOT, 'dist', 'help', `${words.join('.')}.txt`))
}

function packageVersion() {
  return JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version
}

/** Loads the bundle as `require` would, but compiled from a cache, which is written after a run that had none and did its work. */
function loadThroughCache(bundleFile, stat, argv) {
  const vm = require('vm')
  const Module = module.constructor
  // The build makes sure that it is ASCII, which is read fastest so.
  const source = fs.readFileSync(bundleFile, 'latin1')
  const folder = cacheFolder()
  const file = folder && path.join(folder, cacheName(source, stat, argv))
  const cachedData = file && readCache(file)
  const script = new vm.Script(Module.wrap(source), {filename: bundleFile, cachedData})
  const bundle = new Module(bundleFile, module)
  bundle.filename = bundleFile
  bundle.paths = module.paths
  Module._cache[bundleFile] = bundle
  script.runInThisContext()(bundle.exports, Module.createRequire(bundleFile), bundle, bundleFile, path.dirname(bundleFile))
  if (file && (!cachedData || script.cachedDataRejected)) {
    process.on('exit', (status) => {
      if (CACHED_AFTER.includes(status)) writeCache(file, script)
    })
  }
  return bundle.exports
}

/**
 * One file a command, since a cache holds the functions that a run has used. V8 itself checks its own version and flags and the source's
 * length; the times say that it is the same source (npm gives every file of a package the same modification time, so that is not enough).
 */
function cacheName(source, stat, argv) {
  const help = argv.some((word) => word === '--help' || word === '-h')
  const word = help || !/^[a-z]{1,20}$/.test(argv[0] || '') ? 'other' : argv[0]
  // The build puts name and version on the first line.
  const version = /^\/\/ \S+ ([\w.-]+)\n/.exec(source)
  const identity = [stat.size, stat.mtimeMs, stat.ctimeMs].map((number) => Math.round(number).toString(36))
  return [version ? version[1] : 'unknown', process.version, process.arch, ...identity, word].join('-') + '.bin'
}

/**
 * The folder of the cache, created if need be; undefined if there is none that only we can write. A code cache is code: what another
 * account can write there it could run as us. So root uses only a place of root's, whatever the environment says.
 */
function cacheFolder() {
  if (process.env.HERMES_SVC_NO_CACHE === '1' || !process.geteuid) return undefined
  const uid = process.geteuid()
  try {
    if (uid === 0) {
      const isSafe = ['/', '/var', '/var/cache'].every((folder) => ownFolder(folder, uid))
      return isSafe ? makeOwnFolder('/var/cache/hermes-svc', uid) : undefined
    }
    const {HOME, XDG_CACHE_HOME} = process.env
    const inHome = !XDG_CACHE_HOME
    const base = inHome ? HOME && path.join(HOME, '.cache') : XDG_CACHE_HOME
    if (!base || !path.isAbsolute(base)) return undefined
    // After `sudo -u` HOME may still be another user's.
    if (inHome && !ownFolder(HOME, uid)) return undefined
    return makeOwnFolder(path.resolve(base), uid) && makeOwnFolder(path.join(base, 'hermes-svc'), uid)
  } catch {
    return undefined
  }
}

/** The folder if it is a real one, of this user, that nobody else can write; undefined if it is not. Throws if it does not exist. */
function ownFolder(folder, uid) {
  const stat = fs.lstatSync(folder)
  return stat.isDirectory() && stat.uid === uid && !(stat.mode & WRITABLE_BY_OTHERS) ? folder : undefined
}

function makeOwnFolder(folder, uid) {
  try {
    return ownFolder(folder, uid)
  } catch {
    // Not recursive: below /proc and the like node's recursive mkdir never returns.
    fs.mkdirSync(folder, 0o700)
    return ownFolder(folder, uid)
  }
}

function readCache(file) {
  let fd
  try {
    fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK)
    const stat = fs.fstatSync(fd)
    const ours = stat.isFile() && stat.uid === process.geteuid() && stat.nlink === 1 && !(stat.mode & WRITABLE_BY_OTHERS)
    return ours ? fs.readFileSync(fd) : undefined
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) fs.closeSync(fd)
  }
}

function writeCache(file, script) {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    makeRoom(path.dirname(file))
    fs.writeFileSync(temporary, script.createCachedData(), {flag: 'wx', mode: 0o600})
    fs.renameSync(temporary, file)
  } catch {
    // Only slower: a full disk or a read-only file system is no reason to fail.
    removeIfPossible(temporary)
  }
}

/** Old versions leave their files behind, so the folder is emptied once it holds many. */
function makeRoom(folder) {
  const names = fs.readdirSync(folder)
  if (names.length < MOST_CACHE_FILES) return
  for (const name of names) removeIfPossible(path.join(folder, name))
}

function removeIfPossible(file) {
  try {
    fs.unlinkSync(file)
  } catch {
    // It is gone already, or was never there.
  }
}

function readIfPossible(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** Writes to stdout without the streams of process.stdout, which take longer to load than the rest of this file to run. */
function print(text) {
  const bytes = Buffer.from(text)
  let done = 0
  try {
    while (done < bytes.length) done += fs.writeSync(1, bytes, done)
  } catch (error) {
    // EPIPE: nobody reads on (`| head`). EAGAIN: stdout is a pipe that does not block, which the stream knows how to wait for.
    if (error.code === 'EAGAIN') process.stdout.write(bytes.subarray(done))
    else if (error.code !== 'EPIPE') fail(`cannot write to stdout: ${error.code}`)
  }
}

function fail(reason) {
  process.exitCode = 1
  try {
    fs.writeSync(2, `hermes-svc: ${reason}\n`)
  } catch {
    // What cannot be told is told by the exit status.
  }
}
