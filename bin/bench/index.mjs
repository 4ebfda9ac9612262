// npm run bench [-- startup|restart|profiles|boot] [-- --json] [-- --rounds N]
// Each is a file here, which says what it measures. Without a name all of them. It prints, and judges nothing: a shared machine is no place for a
// timed test.
import {parseArgs} from 'node:util'
import {bootText, measureBoots} from './boot.mjs'
import {measureProfiles, profilesText} from './profiles.mjs'
import {measureRestarts, restartText} from './restart.mjs'
import {measureStartup, startupText} from './startup.mjs'

const BENCHMARKS = {
  startup: {measure: measureStartup, text: startupText},
  restart: {measure: measureRestarts, text: restartText},
  profiles: {measure: measureProfiles, text: profilesText},
  boot: {measure: measureBoots, text: bootText},
}

const {values: flags, positionals} = parseArgs({
  allowPositionals: true,
  options: {json: {type: 'boolean'}, rounds: {type: 'string', default: '40'}},
})
await main({rounds: Number(flags.rounds), quiet: flags.json === true})

async function main(options) {
  const names = Object.keys(BENCHMARKS)
  const unknown = positionals.find((part) => !names.includes(part))
  if (unknown !== undefined) {
    process.stderr.write(`bench: no part is called ${unknown}: it is ${names.join(' or ')}\n`)
    process.exitCode = 2
    return
  }
  const {startup, ...others} = Object.fromEntries(
    await inTurn(positionals.length === 0 ? names : names.filter((name) => positionals.includes(name)), options),
  )
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({schemaVersion: 1, node: process.version, ...startup, ...others})}\n`)
    return
  }
  for (const [name, result] of Object.entries({...(startup && {startup}), ...others})) {
    process.stdout.write(result.reason ? `${name}: not measured: ${result.reason}\n` : BENCHMARKS[name].text(result, options))
  }
}

async function inTurn(names, options) {
  const results = []
  for (const name of names) results.push([name, await BENCHMARKS[name].measure(options)])
  return results
}
