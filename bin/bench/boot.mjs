// How long the boot of a container with fifty profiles takes, and with one, in containers with a real s6.
import fs from 'node:fs'
import os from 'node:os'
import {setTimeout as sleep} from 'node:timers/promises'
import {loadContainers} from './source.mjs'

/** What the boot of a container may take over that of one with a single profile, and with how many. */
const MAX_OVER_BOOT_SEC = 1
const BOOT_PROFILES = 50
const BOOT_ROUNDS = 5

/**
 * Boots containers with one profile and with BOOT_PROFILES in turn, all on volumes where every gateway ran before. `sec`: from the start of the
 * first process to the moment since which s6-svstat has all slots up, or the end of `hermes-svc boot` if that is later; `bootSec`: `hermes-svc boot`
 * of that; medians. When they came up is asked afterwards: fifty calls of s6-svstat would take from what they measure.
 * A gateway that needs no time to start (sleep) shows what is ours and s6's; the stand-in, in Python, is beside it.
 */
export async function measureBoots({quiet}) {
  const {S6Container, Volumes, whyNoContainer} = await loadContainers()
  const reason = whyNoContainer()
  if (reason) return {reason}
  const volumes = await Volumes.make()
  try {
    const rows = ['sleep', 'stand-in'].flatMap((gateway) =>
      [1, BOOT_PROFILES].map((count) => ({gateway, count, volume: volumes.volume(), sec: [], bootSec: []})),
    )
    for (const {count, volume} of rows) {
      for (let index = 0; index < count; index++) {
        const home = volume.profile(index === 0 ? 'default' : `p${index}`)
        volume.write(`${home}/gateway_state.json`, {gateway_state: 'running'})
      }
    }
    for (let round = 0; round < BOOT_ROUNDS; round++) {
      for (const {gateway, count, volume, sec, bootSec} of rows) {
        const startMs = Date.now()
        const container = await S6Container.boot(volume)
        if (gateway === 'sleep') {
          const program = container.path('/opt/hermes/bin/hermes')
          fs.rmSync(program)
          fs.writeFileSync(program, '#!/bin/sh\nexec sleep infinity\n', {mode: 0o755})
        }
        const bootedMs = Date.now()
        await container.must(['boot'])
        const endMs = Date.now()
        bootSec.push((endMs - bootedMs) / 1000)
        const upMs = await lastUpMs(container, count)
        sec.push((Math.max(endMs, upMs) - startMs) / 1000)
        await container.kill()
      }
      if (!quiet) process.stderr.write('.')
    }
    if (!quiet) process.stderr.write('\n')
    const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
    return {rows: rows.map(({gateway, count, sec, bootSec}) => ({gateway, profiles: count, sec: median(sec), bootSec: median(bootSec)}))}
  } finally {
    await volumes.drop()
  }
}

/** Since when the last of `count` slots is up, in ms since the epoch, once all are. */
async function lastUpMs(container, count) {
  const asked = 'date +%s%3N; echo | s6-tai64n; for slot in /run/service/gateway-*; do s6-svstat -o up,updownsince "$slot"; done'
  // TAI64N: @, 16 hexadecimal digits of seconds and 8 of nanoseconds.
  const msOf = (label) => Number(BigInt(`0x${label.slice(1, 17)}`) - 2n ** 62n) * 1000 + Number.parseInt(label.slice(17, 25), 16) / 1e6
  for (;;) {
    await sleep(1000)
    const [now, label, ...slots] = (await container.sh(asked)).stdout.trim().split('\n')
    const up = slots.filter((line) => line.startsWith('true ')).map((line) => msOf(line.split(' ')[1]))
    if (up.length === count) return Math.max(...up) - msOf(label) + Number(now)
  }
}

export function bootText({rows}) {
  const lines = rows.map(({gateway, profiles, sec, bootSec}) => {
    const over = sec - rows.find((row) => row.gateway === gateway).sec
    const isJudged = profiles === BOOT_PROFILES && gateway === 'sleep'
    const verdict = isJudged ? `${over <= MAX_OVER_BOOT_SEC ? 'at most' : 'OVER'} ${MAX_OVER_BOOT_SEC} s over` : ''
    const columns = [sec, over, bootSec].map((value) => value.toFixed(2).padStart(8)).join('')
    return `  ${gateway.padEnd(10)}${String(profiles).padStart(8)}${columns}  ${verdict}`.trimEnd()
  })
  const head = `  ${'gateway'.padEnd(10)}${['profiles', 'sec', 'over', 'boot'].map((word) => word.padStart(8)).join('')}`
  const load = os.loadavg()[0].toFixed(1)
  return `boot of a container up to all slots being up: medians of ${BOOT_ROUNDS} rounds, in seconds (load ${load}); boot: hermes-svc boot of that\n${head}\n${lines.join('\n')}\n`
}
