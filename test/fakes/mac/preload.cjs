'use strict'
/**
 * For `node --require`, on Linux: node as on a Mac. process.platform says so, there is no /proc and no systemd to be seen, and open(2) knows
 * O_EXLOCK. What ps, lsof, id and sysctl print there is made by the programs beside this file.
 */
const fs = require('node:fs')
const {spawnSync} = require('node:child_process')

Object.defineProperty(process, 'platform', {value: 'darwin'})

/** open(2) of macOS; Linux passes over it. */
const O_EXLOCK = 0x20
const FLOCK = '/opt/linux/flock'
const ABSENT = /^\/(?:proc|sys|run\/(?:systemd|s6))(?:\/|$)/

const absent = (name, file) =>
  Object.assign(new Error(`ENOENT: no such file or directory, ${name} '${file}'`), {code: 'ENOENT', path: file})

for (const name of ['accessSync', 'lstatSync', 'openSync', 'readFileSync', 'readdirSync', 'readlinkSync', 'realpathSync', 'statSync']) {
  const real = fs[name]
  fs[name] = Object.assign((file, ...rest) => {
    if (typeof file !== 'string' || !ABSENT.test(file)) return real(file, ...rest)
    if (rest[0]?.throwIfNoEntry === false) return undefined
    throw absent(name, file)
  }, real)
}

const open = fs.openSync
fs.openSync = (file, flags, mode) => {
  const fd = open(file, flags, mode)
  if (typeof flags !== 'number' || (flags & O_EXLOCK) === 0) return fd
  // The lock is the open file's, and stays when the program that took it has ended.
  if (spawnSync(FLOCK, ['-n', '3'], {stdio: ['ignore', 'ignore', 'inherit', fd]}).status === 0) return fd
  fs.closeSync(fd)
  throw Object.assign(new Error(`EAGAIN: resource temporarily unavailable, open '${file}'`), {code: 'EAGAIN', path: file})
}
