import type {Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'

/** What root needs to make slots and to have their gateways run as their user, with its bit (capabilities(7)). */
const NEEDED = {CHOWN: 0, DAC_OVERRIDE: 1, KILL: 5, SETGID: 6, SETUID: 7}

/** The capabilities among them that this process, as root, was not given; none where that cannot be told. */
function lackingCapabilities(host: Host): string[] {
  if (host.account.uid !== 0) return []
  const bits = /^CapEff:\s+([0-9a-f]+)$/m.exec(readIfAllowed(host, `/proc/${host.pid}/status`) ?? '')?.[1]
  if (bits === undefined) return []
  const given = BigInt(`0x${bits}`)
  return Object.entries(NEEDED).flatMap(([name, bit]) => ((given >> BigInt(bit)) & 1n ? [] : [name]))
}

/** A failure, and what a container's root lacks that would explain it; `docker run --cap-add` takes the names. */
export function withLacking(host: Host, failure: string): string {
  const lacking = lackingCapabilities(host)
  return lacking.length === 0 ? failure : `${failure}; root lacks the capabilities ${lacking.join(', ')} here (docker run --cap-add)`
}
