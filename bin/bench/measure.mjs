// measure.mjs ROWS.json ROUNDS: measures the rows of the file and prints them with what was measured, as JSON. It stands alone: this very file
// is run in throw-away machines too.
import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'

export const MEASURE = fileURLToPath(import.meta.url)
const WARM_UP_ROUNDS = 3
/** What a look at a thousand services prints. */
const MAX_OUTPUT = 64 * 1024 * 1024
/** Variables that make every start of node slower or faster, and the ratios look other than they are. */
const SCRUBBED = ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'NODE_COMPILE_CACHE', 'HERMES_SVC_NO_CACHE']

if (process.argv[1] === MEASURE) {
  const [file, rounds] = process.argv.slice(2)
  process.stdout.write(JSON.stringify(measure(JSON.parse(fs.readFileSync(file, 'utf8')), Number(rounds))))
}

/**
 * Runs every row in turn, round by round, so that what slows the machine down slows all of them. A row is {name, argv, target?, program?};
 * argv is node's unless another program is named. Returns the rows with `ms` (median), `cpuMs` (mean), `ratio` to the first row (of the
 * CPU time if `isCpu` says so), and `peakMb` of node.
 */
export function measure(rows, rounds) {
  const env = {...process.env}
  for (const name of SCRUBBED) delete env[name]
  const times = rows.map(() => [])
  const cpuMs = rows.map(() => 0)
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const [index, {name, argv, program = process.execPath}] of rows.entries()) {
      const cpuBefore = childrenCpuMs()
      const start = process.hrtime.bigint()
      const {status, stderr, error} = spawnSync(program, argv, {env, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: MAX_OUTPUT})
      const ms = Number(process.hrtime.bigint() - start) / 1e6
      if (status !== 0) throw new Error(`${name} failed with ${status ?? error}: ${stderr}`)
      if (round < 0) continue
      times[index].push(ms)
      cpuMs[index] += (childrenCpuMs() - cpuBefore) / rounds
    }
  }
  const medians = times.map((values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)])
  return rows.map(({name, target, argv, program, isCpu}, index) => ({
    name,
    target,
    isCpu,
    ms: medians[index],
    cpuMs: cpuMs[index],
    ratio: isCpu ? cpuMs[index] / cpuMs[0] : medians[index] / medians[0],
    ...(program ? {} : {peakMb: peakMb(argv, env)}),
  }))
}

/**
 * CPU time, user and system, of all children that have ended, in ms: fields 16 and 17 of proc_pid_stat(5), in units of 10 ms. What each of
 * many short processes is charged too much or too little evens out in the sum.
 */
function childrenCpuMs() {
  if (!fs.existsSync('/proc/self/stat')) return 0
  const fields = fs.readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ')
  return (Number(fields[13]) + Number(fields[14])) * 10
}

/** Peak resident memory in MB, as getrusage(2) tells it to the process itself at its end. */
function peakMb(argv, env) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-bench-'))
  const hook = path.join(folder, 'peak.cjs')
  const result = path.join(folder, 'peak')
  fs.writeFileSync(
    hook,
    `process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(result)}, String(process.resourceUsage().maxRSS)))`,
  )
  try {
    spawnSync(process.execPath, ['-r', hook, ...argv], {env, stdio: 'ignore'})
    return Number(fs.readFileSync(result, 'utf8')) / 1024
  } finally {
    fs.rmSync(folder, {recursive: true})
  }
}
