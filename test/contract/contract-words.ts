import fs from 'node:fs'
import path from 'node:path'

/** A version of the gateway, by its first two numbers: 0.16 is [0, 16]. */
export type Version = readonly [number, number]

/** Throws an Error for a text that names none. */
export function versionOf(text: string): Version {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(text) ?? []
  if (major === undefined || minor === undefined) throw new Error(`no version of a gateway: ${text}`)
  return [Number(major), Number(minor)]
}

function isAtLeast([major, minor]: Version, [otherMajor, otherMinor]: Version): boolean {
  return major === otherMajor ? minor >= otherMinor : major > otherMajor
}

/** From which version on, and to which, an entry of the contract holds; undefined for one that was seen in none. */
type Range = {readonly from: Version; readonly to: Version | undefined} | undefined

/** What src/gateway/contract.ts says of each of its entries in `@holds`, by names such as `HomeFile.pid`. */
export class Contract {
  private constructor(private readonly ranges: ReadonlyMap<string, Range>) {}

  /** Reads the contract of the project at `root`. */
  static of(root: string): Contract {
    return Contract.parse(fs.readFileSync(path.join(root, 'src/gateway/contract.ts'), 'utf8'))
  }

  static parse(text: string): Contract {
    const ranges = new Map<string, Range>()
    let group = ''
    let holds: RegExpExecArray | null = null
    for (const line of text.split('\n')) {
      const [, opened, isGroup] = /^export (?:const|enum) (\w+)[^={]*(?:= )?(\{$)?/.exec(line) ?? []
      const [, member] = /^ {2}(\w+)(?::| =) /.exec(line) ?? []
      if (opened !== undefined && (isGroup !== undefined || line.startsWith('export enum'))) group = opened
      const name = opened ?? (member === undefined ? undefined : `${group}.${member}`)
      if (name !== undefined && holds) ranges.set(name, rangeOf(holds[1] ?? ''))
      if (line === '} as const' || line === '}') group = ''
      holds = /@holds (none|[\d.]+(?: to [\d.]+)?) [^*]*\*\/$|@holds (none) \*\/$/.exec(line)
    }
    return new Contract(ranges)
  }

  /** The entries, by name. */
  get names(): readonly string[] {
    return [...this.ranges.keys()]
  }

  /** Whether an entry holds for a version. Throws an Error for a name that the contract does not have. */
  holds(entry: string, version: Version): boolean {
    if (!this.ranges.has(entry)) throw new Error(`the contract has no ${entry}`)
    const range = this.ranges.get(entry)
    return range !== undefined && isAtLeast(version, range.from) && (range.to === undefined || isAtLeast(range.to, version))
  }
}

function rangeOf(text: string): Range {
  const [from, to] = text.split(' to ')
  if (from === undefined || !/\d/.test(from)) return undefined
  return {from: versionOf(from), to: to === undefined ? undefined : versionOf(to)}
}
