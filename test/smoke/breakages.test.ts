import {describe, expect, it} from 'vitest'
import type {Finding} from '../../src/doctor/finding.js'
import {breakAndCure} from '../../src/smoke/breakages.js'
import type {ThrowAwayService} from '../../src/smoke/throw-away.js'

const finding = (id: string): Finding => ({
  id,
  kind: 'any',
  severity: 'error',
  what: `${id} is wrong`,
  why: '',
  evidence: [],
  cure: [],
  isFixable: true,
  isSafe: true,
  explains: [],
})

/** A service of which doctor says one after the other what is given, the last for ever; what is done to it is noted. */
function serviceOf(...looks: string[][]) {
  const done: string[] = []
  const service = {
    findings: () => Promise.resolve((looks.length > 1 ? looks.shift() : looks[0])?.map(finding) ?? []),
    hermesSvc: (...words: string[]) => Promise.resolve(done.push(words.join(' '))),
    poll: async <T>(_limitMs: number, ask: () => Promise<T | undefined>) => (await ask()) ?? (await ask()),
  } as unknown as ThrowAwayService
  const breakage = {
    id: 'zombie-pid',
    break: () => {
      done.push('break')
      return Promise.resolve(() => void done.push('take back'))
    },
    fix: ['--desired', 'running'],
  }
  return {done, tried: () => breakAndCure(service, breakage)}
}

describe('a service that is broken on purpose', () => {
  it('is seen broken, cured by its fix, and seen well', async () => {
    const {done, tried} = serviceOf([], [], ['zombie-pid'], [])
    expect(await tried()).toBe('zombie-pid is wrong; fixed')
    expect(done).toEqual(['break', 'fix zombie-pid --yes --desired running', 'take back'])
  })

  it('may have had findings before, which are told', async () => {
    const {tried} = serviceOf(['linger'], ['linger', 'zombie-pid'], ['linger'])
    expect(await tried()).toBe('zombie-pid is wrong; fixed (doctor also found before, and the test ignores: linger any)')
  })

  it.each([
    ['nothing', [[]], 'doctor should find only zombie-pid, but it found: nothing'],
    ['another finding', [[], ['path']], 'doctor should find only zombie-pid, but it found: path any: path is wrong'],
    [
      'more than that',
      [[], ['path', 'zombie-pid']],
      'doctor should find only zombie-pid, but it found: path any: path is wrong; zombie-pid any: ',
    ],
    ['only what was there before', [['zombie-pid']], 'doctor should find only zombie-pid, but it found: nothing'],
    ['it still after the fix', [[], ['zombie-pid']], 'after fix zombie-pid, doctor still finds: zombie-pid any'],
    ['something new after the fix', [[], ['zombie-pid'], ['path']], 'after fix zombie-pid, doctor still finds: path any'],
  ])('is a failure where doctor finds %s, and is taken back then too', async (_what, looks, message) => {
    const {done, tried} = serviceOf(...looks)
    await expect(tried()).rejects.toThrow(message)
    expect(done.at(-1)).toBe('take back')
  })
})
