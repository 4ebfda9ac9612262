import type {Value} from './claim.js'
import {GROUPS} from './index.js'

/** What was seen of real gateways: docs/contract.json. */
export interface Recorded {
  readonly versions: readonly {
    readonly version: string
    readonly on: string
    /** By the ids of claims. */
    readonly seen: Readonly<Record<string, Value>>
  }[]
}

const HEAD = `# What real gateways were seen to do

Made by \`npm run contract\` from [contract.json](contract.json): do not edit. Each row is a claim of [src/gateway/contract.ts](../src/gateway/contract.ts)
as [test/contract](../test/contract) looks for it; each column is a gateway of that version that was run, and what was seen of it. A claim that the
contract makes only from a later version on says "no" in the columns before that. A test holds the record to the contract, and the stand-in gateway keeps every
claim in CI: [test/contract/stand-in.test.ts](../test/contract/stand-in.test.ts).

To run it against a gateway of yours, as root on Debian 12 in a throw-away machine, or without one in a throw-away home and without systemd:

    npm run contract -- /path/to/hermes            # says claim by claim what was seen; ends with 1 if something differs
    npm run contract -- /path/to/hermes --record   # puts it into this table, too
`

/** Of one run by hand, 2026-11-29, on a busy machine of two cores. */
const RESTARTS = `
## Planned restarts in a row

Gateway 0.16.0 as a service of ours under systemd 252, which ends each of them with 0: the log says "a planned restart, so it starts again at once" each time,
and after each \`status\` had 0 failures in a row and 0 restarts. None was delayed; the seconds, until the next gateway
said running, are what this one takes to load.

| asked for by | s, on a machine at rest | s, beside much other work |
| --- | --- | --- |
| \`hermes-svc restart\` | 2.6, 2.7, 2.5, 2.8, 2.6, 2.5, 2.4, 2.8, 2.8 | 11.9, 13.0, 18.6, 14.3, 13.2, 13.3 |
| SIGUSR1 | 2.7, 2.6, 2.7 | 11.1, 11.7, 13.5 |
| \`hermes gateway restart\` | | 15.3, 17.6, 15.8 |
`

/** docs/contract.md. */
export function tableText({versions}: Recorded): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  const groups = GROUPS.map(({name, claims}) => {
    const rows = claims.map(({id, words}) => row([`\`${id}\``, words, ...versions.map(({seen}) => shown(seen[id]))]))
    return `\n## ${name}\n\n${row(['claim', 'a gateway …', ...versions.map(({version}) => version)])}${row(['---', '---', ...versions.map(() => '---')])}${rows.join('')}`
  })
  const on = versions.map(({version, on: what}) => `- ${version}: ${what}\n`)
  return `${HEAD}${groups.join('')}${RESTARTS}\n## On what\n\n${on.join('')}`
}

function shown(value: Value | undefined): string {
  if (value === undefined) return 'not tried'
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)
}
