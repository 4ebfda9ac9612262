import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {errnoError, errnoOf} from './errno.js'
import {withExactly} from './exact-place.js'
import {
  type Account,
  type FilePart,
  type FileStat,
  type FreeSpace,
  HostError,
  type InPlaceWrite,
  MAX_OWN_TEXT_BYTES,
  MAX_TEXT_BYTES,
  type TemporaryFolder,
} from './host.js'
import {openPlain, readWhole} from './plain-file.js'
import {addLine, makeFolderWhole, replaceFile} from './whole-write.js'

const IN_PLACE_TRIES = 5

/** The files of this machine, as an account sees them and may change them. See Host. */
export abstract class NodeFiles {
  private actorGroups: readonly number[] | undefined
  /** The actor's ids are taken on at this moment. */
  private hasIds = false

  /**
   * `actor`: the account whose ids are used; undefined means the process's own. `isAccounts`: this is the door of an account, be it the process's own,
   * so what is read was written by others.
   */
  constructor(
    protected readonly actor: Account | undefined,
    protected readonly isAccounts: boolean,
  ) {}

  atOnce<T>(work: () => T): T {
    return this.withActorIds(() => {
      const before = this.hasIds
      this.hasIds = true
      try {
        return work()
      } finally {
        this.hasIds = before
      }
    })
  }

  readText(file: string, maxBytes = this.isAccounts ? MAX_TEXT_BYTES : MAX_OWN_TEXT_BYTES): string | undefined {
    return this.absentIsUndefined('cannot read', file, () => {
      const opened = openPlain(file, this.isAccounts)
      try {
        return readWhole(opened, maxBytes).toString('utf8')
      } finally {
        fs.closeSync(opened.fd)
      }
    })
  }

  readStdin(maxBytes: number): string {
    try {
      return readWhole({fd: 0, size: 0}, maxBytes).toString('utf8')
    } catch (error) {
      throw new HostError(errnoOf(error), 'standard input', 'cannot read')
    }
  }

  list(folder: string): string[] | undefined {
    return this.absentIsUndefined('cannot list', folder, () => fs.readdirSync(folder))
  }

  stat(file: string): FileStat | undefined {
    // An error for each file that is not there would cost more than all else.
    return this.absentIsUndefined('cannot look at', file, () => fileStat(fs.statSync(file, {throwIfNoEntry: false})))
  }

  lstat(file: string): FileStat | undefined {
    return this.absentIsUndefined('cannot look at', file, () => fileStat(fs.lstatSync(file, {throwIfNoEntry: false})))
  }

  freeSpace(file: string): FreeSpace | undefined {
    return this.absentIsUndefined('cannot look at the file system of', file, () => {
      const {blocks, bfree, bavail, bsize, files, ffree} = fs.statfsSync(file)
      const isCounted = files > 0
      return {
        bytes: bavail * bsize,
        rootBytes: bfree * bsize,
        totalBytes: (blocks - bfree + bavail) * bsize,
        files: isCounted ? ffree : undefined,
        totalFiles: isCounted ? files : undefined,
      }
    })
  }

  readLink(file: string): string | undefined {
    if (this.lstat(file)?.kind !== 'link') return undefined
    return this.absentIsUndefined('cannot read the link', file, () => fs.readlinkSync(file))
  }

  realPath(file: string): string | undefined {
    return this.absentIsUndefined('cannot resolve', file, () => fs.realpathSync(file))
  }

  writeAtomic(file: string, text: string, mode: number): void {
    this.guard('cannot write', file, () => replaceFile(file, text, mode))
  }

  editInPlace(file: string, edit: (content: Buffer) => InPlaceWrite | undefined): boolean {
    const {O_RDWR, O_NOFOLLOW, O_NONBLOCK} = fs.constants
    const edited = this.absentIsUndefined('cannot write', file, () => {
      for (let attempt = 0; attempt < IN_PLACE_TRIES; attempt++) {
        const fd = fs.openSync(file, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
        try {
          const before = fs.fstatSync(fd, {bigint: true})
          if (!before.isFile()) throw errnoError('EINVAL')
          const write = edit(readWhole({fd, size: Number(before.size)}, MAX_TEXT_BYTES))
          if (!write) return true
          const now = fs.statSync(file, {bigint: true})
          if (now.ino !== before.ino || now.dev !== before.dev || now.size !== before.size || now.ctimeNs !== before.ctimeNs) continue
          const {offset, bytes} = write
          if (fs.writeSync(fd, bytes, 0, bytes.length, offset) < bytes.length) throw errnoError('ENOSPC')
          return true
        } finally {
          fs.closeSync(fd)
        }
      }
      throw errnoError('EBUSY')
    })
    return edited ?? false
  }

  appendLine(file: string, line: string, mode: number): void {
    this.guard('cannot append to', file, () => addLine(file, line, mode))
  }

  setMode(file: string, mode: number): void {
    this.guard('cannot set the mode of', file, () => withExactly(file, {mode}))
  }

  setOwner(file: string, account: Account, within?: string): void {
    this.guard('cannot set the owner of', file, () => withExactly(file, {owner: account, within}))
  }

  readTail(file: string, bytes: number): string | undefined {
    return this.absentIsUndefined('cannot read', file, () => {
      const {fd, size} = openPlain(file, this.isAccounts)
      try {
        const start = Math.max(0, size - bytes)
        const buffer = Buffer.alloc(size - start)
        const text = buffer.toString('utf8', 0, fs.readSync(fd, buffer, 0, buffer.length, start))
        return start === 0 ? text : text.slice(text.indexOf('\n') + 1)
      } finally {
        fs.closeSync(fd)
      }
    })
  }

  readPart(file: string, offset: number, bytes: number): FilePart | undefined {
    return this.absentIsUndefined('cannot read', file, () => {
      const {fd} = openPlain(file, this.isAccounts)
      try {
        const {size, ino: inode, dev: device, mtimeMs: modifiedMs} = fs.fstatSync(fd)
        const buffer = Buffer.alloc(Math.max(0, Math.min(bytes, size - offset)))
        return {bytes: buffer.subarray(0, fs.readSync(fd, buffer, 0, buffer.length, offset)), size, inode, device, modifiedMs}
      } finally {
        fs.closeSync(fd)
      }
    })
  }

  makeFolder(folder: string, mode: number): boolean {
    return this.guard('cannot create', folder, () => makeFolderWhole(folder, mode))
  }

  temporaryFolder(links: ReadonlyMap<string, string>): TemporaryFolder {
    // Another account has its own; TMPDIR is about this process.
    const place = this.actor ? '/tmp' : os.tmpdir()
    const folder = this.guard('cannot create a folder in', place, () => {
      const made = fs.mkdtempSync(path.join(place, 'hermes-svc-'))
      for (const [name, target] of links) fs.symlinkSync(target, path.join(made, name))
      return made
    })
    const remove = () => {
      try {
        this.withActorIds(() => fs.rmSync(folder, {recursive: true, force: true}))
      } catch {
        // What a program still writes into it keeps it from going.
      }
    }
    return {path: folder, remove}
  }

  removeFile(file: string): boolean {
    return this.absentIsUndefined('cannot remove', file, () => (fs.unlinkSync(file), true)) ?? false
  }

  removeFolder(folder: string): boolean {
    return this.guard('cannot remove', folder, () => {
      try {
        fs.rmdirSync(folder)
        return true
      } catch (error) {
        if (['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(error))) return false
        throw error
      }
    })
  }

  /** Runs a file operation with the actor's ids. It must not await: the ids are the whole process's. */
  protected withActorIds<T>(operation: () => T): T {
    const {actor} = this
    if (!actor || this.hasIds) return operation()
    const groups = process.getgroups?.() ?? []
    const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0]
    this.takeGroups(actor)
    process.setegid?.(actor.gid)
    process.seteuid?.(actor.uid)
    try {
      return operation()
    } finally {
      process.seteuid?.(uid)
      process.setegid?.(gid)
      process.setgroups?.(groups)
    }
  }

  /** Looking the groups up reads the user database, which is much for each file of many. */
  private takeGroups({name, gid}: Account): void {
    if (this.actorGroups) {
      process.setgroups?.([...this.actorGroups])
      return
    }
    ;(process as unknown as {initgroups(user: string, group: number): void}).initgroups(name, gid)
    this.actorGroups = process.getgroups?.() ?? []
  }

  protected guard<T>(what: string, subject: string, operation: () => T): T {
    try {
      return this.withActorIds(operation)
    } catch (error) {
      throw new HostError(errnoOf(error), subject, what)
    }
  }

  protected absentIsUndefined<T>(what: string, subject: string, operation: () => T): T | undefined {
    try {
      return this.withActorIds(operation)
    } catch (error) {
      // ESRCH: a file of a process under /proc whose process ended in between.
      // ENAMETOOLONG: there can be nothing of such a name.
      if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ESRCH'].includes(errnoOf(error))) return undefined
      throw new HostError(errnoOf(error), subject, what)
    }
  }
}

function fileStat(stat: fs.Stats | undefined): FileStat | undefined {
  if (!stat) return undefined
  const kind = stat.isFile()
    ? 'file'
    : stat.isDirectory()
      ? 'folder'
      : stat.isSymbolicLink()
        ? 'link'
        : stat.isSocket()
          ? 'socket'
          : 'other'
  return {
    kind,
    uid: stat.uid,
    gid: stat.gid,
    mode: stat.mode & 0o7777,
    size: stat.size,
    inode: stat.ino,
    device: stat.dev,
    modifiedMs: stat.mtimeMs,
  }
}
