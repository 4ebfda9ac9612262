import {describe, expect, it} from 'vitest'
import {parseLook} from '../../../../src/managers/s6/svstat.js'
import {definition} from '../../../../src/managers/s6/checks/logger.js'
import type {Scene} from '../../../../src/doctor/scene.js'
import {S6_SERVICE} from '../../../fakes/s6.js'

const FOLDER = '/opt/data/logs/gateways/default'
const scene = {
  target: {service: S6_SERVICE, homeFlag: '--home', manager: {scope: 'system'}, host: {account: {uid: 0}}},
  isNamed: true,
} as unknown as Scene

/** `answer`: what s6-svstat and s6-svdt say of the logger. */
function kinds(answer: string, isConsoleOnly = false, foreign: string[] = []): string[] {
  const [reading = 'none'] = parseLook(`${answer}\n--\n`)
  return definition.diagnose(scene, {folder: FOLDER, reading, isConsoleOnly, foreign}).map(({kind}) => kind)
}

const ENDS = (end: string) => Array.from({length: 4}, () => `@4000000068a0000012345678 ${end}`).join('\n')

describe('the logger of a slot', () => {
  it.each<[string, string, boolean, string[]]>([
    ['that runs', 'true true 20 -1 -1 300', false, []],
    ['that was started anew by hand', `true true 20 -1 -1 1\n${ENDS('signal 15')}`, false, []],
    ['that tries its folder every five minutes', `true true 20 -1 -1 1\n${ENDS('exitcode 124')}`, true, ['console-only']],
    ['that ends again and again', `true true 20 -1 -1 1\n${ENDS('exitcode 111')}`, false, ['down']],
    ['that is down for a moment', 'false true -1 0 0 1', false, []],
    ['that was stopped', 'false false -1 0 0 1', false, ['down']],
    ['that has no supervisor', 'none', false, []],
  ])('%s', (_, answer, isConsoleOnly, expected) => {
    expect(kinds(answer, isConsoleOnly)).toEqual(expected)
  })
})
