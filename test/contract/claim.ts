import type {Contract, Version} from './contract-words.js'

/** What was seen of a gateway, or is to be seen by the contract. */
export type Value = string | number | boolean

/** Why something could not be seen. Thrown or returned by what looks. */
export class NotTried extends Error {}

/**
 * One thing that the contract says of a gateway, and how it was seen. `T`: what the group of claims has recorded of a gateway's lives.
 */
export interface Claim<T> {
  /** Unique among all claims; stands in docs/contract.md. */
  readonly id: string
  /** What is so where the entry holds, as a sentence about the gateway. */
  readonly words: string
  /** The entry of src/gateway/contract.ts that says since which version; undefined: it is so in all of them. */
  readonly entry?: string
  /** Further entries that are seen by the same look. */
  readonly also?: readonly string[]
  /** What is to be seen where the entry holds (default true), and where it does not (default false; null: anything). */
  readonly is?: Value
  readonly otherwise?: Value | null
  readonly seen: (record: T) => Value | NotTried
}

/** Claims that are seen in the same lives of a gateway. */
export interface ClaimGroup<T> {
  readonly name: string
  /** It takes a minute or more. */
  readonly isSlow?: true
  readonly claims: readonly Claim<T>[]
  /** Lets gateways live and records what they do. Throws NotTried where that cannot be done here. */
  readonly live: (bench: Bench) => Promise<T>
}

/** What a home is for. `start`: a start that is watched. `starts`: many within a short time, which no brake is to hold back. */
export type Purpose = 'life' | 'start' | 'starts' | 'brake'

/** A gateway to be looked at, and where. */
export interface Bench {
  /** The program, with its leading arguments. */
  readonly command: readonly string[]
  readonly version: Version
  readonly contract: Contract
  /** Folder in which homes are made; all of it is thrown away. */
  readonly folder: string
  /** Why no service manager may be used; undefined where the account's own systemd answers and is a throw-away one. */
  readonly whyNoSystemd: string | undefined
  /** Makes a home ready, e.g. by telling the stand-in how to behave. */
  readonly prepare?: (home: string, purpose: Purpose) => void
}

export interface Outcome {
  readonly id: string
  readonly group: string
  readonly words: string
  readonly kind: 'holds' | 'differs' | 'not tried'
  readonly expected: Value | null
  /** Undefined if it was not tried; then `why` says why. */
  readonly seen?: Value
  readonly why?: string
}

/** Lets the gateway live as each group asks, and judges all claims. A group that fails leaves its claims untried, and why. */
export async function judgeGroups(
  groups: readonly ClaimGroup<unknown>[],
  bench: Bench,
  options: {readonly withSlow: boolean; readonly atOnce?: boolean; readonly begin?: (group: string) => void},
): Promise<Outcome[]> {
  const judgeGroup = async (group: ClaimGroup<unknown>): Promise<Outcome[]> => {
    options.begin?.(group.name)
    const record = group.isSlow && !options.withSlow ? new NotTried('it takes minutes') : await group.live(bench).catch(whyNot)
    return group.claims.map((claim) => judge(group.name, claim, record, bench))
  }
  if (options.atOnce) return (await Promise.all(groups.map(judgeGroup))).flat()
  const outcomes: Outcome[] = []
  for (const group of groups) outcomes.push(...(await judgeGroup(group)))
  return outcomes
}

/** What is to be seen of a gateway of that version. */
export function expectedOf<T>({entry, is = true, otherwise = false}: Claim<T>, contract: Contract, version: Version): Value | null {
  return entry === undefined || contract.holds(entry, version) ? is : otherwise
}

function whyNot(error: unknown): NotTried {
  if (error instanceof NotTried) return error
  if (error instanceof Error) return new NotTried(error.message)
  throw error
}

function judge<T>(group: string, claim: Claim<T>, record: T | NotTried, {contract, version}: Bench): Outcome {
  const expected = expectedOf(claim, contract, version)
  const head = {id: claim.id, group, words: claim.words, expected}
  const seen = record instanceof NotTried ? record : claim.seen(record)
  if (seen instanceof NotTried) return {...head, kind: 'not tried', why: seen.message}
  return {...head, kind: expected === null || seen === expected ? 'holds' : 'differs', seen}
}
