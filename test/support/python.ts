import {spawnSync, type SpawnSyncOptions} from 'node:child_process'

const PYTHON = '/usr/bin/python3'

/** Runs a Python program that reads a JSON document on stdin and prints one. Throws with Python's own words if it fails. */
export function python(program: string, input: unknown): unknown {
  const {status, stdout, stderr, error} = spawnSync(PYTHON, ['-c', program], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error) throw error
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as unknown
}

const WITHOUT_READER = `
import os, subprocess, sys
r, w = os.pipe()
os.close(r)
sys.exit(subprocess.call(sys.argv[1:], stdout=w, stderr=w))
`

/** Runs a program whose output and errors nobody reads, nor ever will. What Python itself has to say is in `stderr`. */
export function withoutReader(argv: readonly string[], options: SpawnSyncOptions = {}) {
  return spawnSync(PYTHON, ['-c', WITHOUT_READER, ...argv], {...options, encoding: 'utf8'})
}

/** Why there is no Python to compare with; undefined if there is one. 3.11 is the first whose fromisoformat reads `Z`. */
export function noPython(): string | undefined {
  const {status, error} = spawnSync(PYTHON, ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))'])
  return error || status !== 0 ? `${PYTHON} 3.11 or newer is missing` : undefined
}
