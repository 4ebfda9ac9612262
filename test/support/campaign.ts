import {it} from 'vitest'

/**
 * True in `npm run test:campaign`: proofs by mass, such as every command at every hostile home, thousands of races, or the same rows on another
 * systemd. They take an hour, and are for a release and for a change of what they prove; the suite itself has one representative of each.
 */
export const isCampaign = process.env.HERMES_SVC_CAMPAIGN === '1'

/** What a campaign takes, or what stands for it in `npm test`. */
export function inCampaign<T>(mass: T, representative: T): T {
  return isCampaign ? mass : representative
}

/** A test that a campaign alone has: what stands for it in `npm test` is said beside it. */
export function itInCampaign(title: string, body: () => void | Promise<void>): void {
  if (isCampaign) it(title, body)
}
