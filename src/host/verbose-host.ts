import {duration} from '../text/layout.js'
import {visible} from '../text/visible.js'
import {shellWord} from '../text/shell-quote.js'
import {type AccountHost, type Door, folderLock, type Host, HostError, type RunResult} from './host.js'

/** Says a line to whoever asked for --verbose. */
type Tell = (line: string) => void

/**
 * The same host, which tells of each program that it runs: the command line, as whom if not as ourselves, how long it took and how it ended.
 * `tell` gets one line a program, secrets included: it is to take them out.
 */
export function verboseHost(host: Host, tell: Tell): Host {
  return verboseDoor(host, tell, undefined)
}

function verboseDoor<D extends Host | AccountHost>(host: D, tell: Tell, actor: string | undefined): D {
  const whom = actor === undefined ? '' : `[as ${actor}] `
  const say = (argv: readonly string[], outcome: string, startMs: number) =>
    tell(`+ ${whom}${commandLine(argv)}  (${outcome}, ${took(host.monotonicMs() - startMs)})`)

  const told: Pick<Host, 'as'> & Pick<Door, 'read' | 'run' | 'attach' | 'tether' | 'launch' | 'lock' | 'lockWithin'> = {
    as(account) {
      if (!('as' in host)) throw new Error('an account has no door to another one')
      return verboseDoor(host.as(account), tell, account.uid === host.account.uid ? undefined : account.name)
    },
    read(argv, options) {
      const startMs = host.monotonicMs()
      const result = host.read(argv, options)
      say(argv, endOf(result), startMs)
      return result
    },
    async run(argv, options) {
      const startMs = host.monotonicMs()
      const result = await host.run(argv, options)
      say(argv, endOf(result), startMs)
      return result
    },
    async attach(argv, options) {
      const startMs = host.monotonicMs()
      try {
        const code = await host.attach(argv, options)
        say(argv, `exit ${code}`, startMs)
        return code
      } catch (error) {
        if (error instanceof HostError) say(argv, error.code, startMs)
        throw error
      }
    },
    tether(argv, options) {
      const startMs = host.monotonicMs()
      const tethered = host.tether(argv, options)
      say(argv, `pid ${tethered.pid}, still running`, startMs)
      return tethered
    },
    launch(argv, options) {
      const startMs = host.monotonicMs()
      const launched = host.launch(argv, options)
      say(argv, `pid ${launched.pid}, still running`, startMs)
      void launched.ended.then((end) => say(argv, endOf(end), startMs))
      return launched
    },
    async lock(file) {
      const startMs = host.monotonicMs()
      const lock = await host.lock(file)
      say(['flock', '-n', file], lock ? 'held' : 'held by another process', startMs)
      return lock
    },
    async lockWithin(folder) {
      const startMs = host.monotonicMs()
      const lock = await host.lockWithin(folder)
      say(['flock', '-n', folderLock(folder)], lock ? 'held' : 'held by another process', startMs)
      return lock
    },
  }
  // What the host runs in passing (getent, test) goes through here too: its own methods are not bound to it.
  return new Proxy(host, {
    get: (_, name, self) => Reflect.get(Object.hasOwn(told, name) ? told : host, name, self) as unknown,
  })
}

function endOf({code, signal, failure}: Pick<RunResult, 'code' | 'signal' | 'failure'>): string {
  return failure ?? (code === null ? String(signal) : `exit ${code}`)
}

/** As it could be typed, on one line. */
function commandLine(argv: readonly string[]): string {
  return argv.map((word) => visible(shellWord(word.replaceAll('\0', '')))).join(' ')
}

function took(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : duration(ms)
}
