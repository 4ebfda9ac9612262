import {describe, expect, it} from 'vitest'
import {execStartOf} from '../../../src/managers/systemd/unit-file.js'
import {upstreamUnit} from '../../fakes/captures.js'

describe('what a unit starts', () => {
  it.each<[string, readonly string[], string | undefined, string]>([
    ["is that of upstream's unit", [upstreamUnit()], '/usr/bin/python3', '/usr/bin/python3 -m hermes_cli.main gateway run'],
    [
      'is what a drop-in gives it anew',
      ['ExecStart=/a gateway run\n', 'ExecStart=\nExecStart=:"/b c" "gateway" "run"\n'],
      '/b c',
      '/b c gateway run',
    ],
    ['is the last of several', ['ExecStart=/a\nExecStart=-@/b\n'], '/b', '/b'],
    ['goes on after a backslash', ['ExecStart=/a \\\n gateway run\n'], '/a', '/a gateway run'],
    ['is none where a drop-in takes it away', ['ExecStart=/a\n', 'ExecStart=\n'], undefined, ''],
    ['is none where there is nothing', [], undefined, ''],
    ['has a percent sign once', ['ExecStart=/opt/100%%/hermes gateway run'], '/opt/100%/hermes', '/opt/100%/hermes gateway run'],
    [
      'is the program that a carrier of ours starts, blanks and quotes and all',
      ['ExecStart=:/usr/bin/nice -n 0 "/opt/my \\"gateway/hermes" "--profile" "work" "gateway" "run"\n'],
      '/opt/my "gateway/hermes',
      '/usr/bin/nice -n 0 /opt/my "gateway/hermes --profile work gateway run',
    ],
  ])('%s', (_, texts, program, words) => {
    const found = execStartOf(texts)
    expect({program: found.program, words: found.words.join(' ')}).toEqual({program, words})
  })
})
