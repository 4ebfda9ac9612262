import {type Host, HostError} from '../../src/host/host.js'

const CHANGING = [
  'writeAtomic',
  'editInPlace',
  'appendLine',
  'setMode',
  'setOwner',
  'makeFolder',
  'removeFile',
  'removeFolder',
  'run',
] as const
export type Changing = (typeof CHANGING)[number]

/** Which of a host's changes fail, and how. */
export interface Faults {
  /** `nth`: how manieth change it is, from 1 on. */
  readonly hits: (nth: number, what: Changing) => boolean
  /** Fails when it has been done, as an fsync of a folder after a rename does. */
  readonly isLate?: boolean
  /** errno name; default EIO. */
  readonly code?: string
}

/** The same host, some of whose changes fail. Those that are made through `as` are counted too. */
export function faultyHost(host: Host, {hits, isLate = false, code = 'EIO'}: Faults): Host {
  let nth = 0
  const wrap = (real: Host): Host =>
    new Proxy(real, {
      get: (target, name, self) => {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        const method = value as (...args: unknown[]) => unknown
        const what = CHANGING.find((one) => one === name)
        if (name === 'as')
          return (...args: unknown[]) => {
            const other = method.apply(target, args) as Host
            return other === target ? (self as Host) : wrap(other)
          }
        if (what === undefined) return method.bind(target)
        return (...args: unknown[]) => {
          nth += 1
          if (!hits(nth, what)) return method.apply(target, args)
          if (isLate) method.apply(target, args)
          throw new HostError(code, String(args[0]), `cannot ${what}`)
        }
      },
    })
  return wrap(host)
}
