import {describe, expect, it} from 'vitest'
import {NO_PAINT} from '../../src/ui/paint.js'
import {findingsText, toldText, whyText} from '../../src/ui/setup-text.js'

const finding = {
  ...({
    id: 'not-enabled',
    kind: 'disabled',
    severity: 'warning',
    what: 'it is not started at boot',
    why: 'After a boot it is down.',
  } as const),
  ...{evidence: [], cure: [], isFixable: true, isSafe: true, explains: []},
}

describe('what setup says', () => {
  it('is told behind its label, in lines that fit, with the flag that said it', () => {
    const told = {id: 'profile', label: 'Profile', kind: 'told', text: 'default, /home/ann/.hermes', value: 'default'} as const
    expect(toldText({...told, by: 'only'}, 30)).toEqual(['Profile    default,', '           /home/ann/.hermes'])
    expect(toldText({...told, text: 'work', by: 'flag'}, 80)).toEqual(['Profile    work (--profile)'])
  })

  it('is why a question is asked, above it', () => {
    const question = {
      id: 'linger',
      label: 'Starts',
      kind: 'text',
      message: 'When?',
      why: 'It ends with the last session.',
      default: undefined,
    } as const
    expect(whyText(question, NO_PAINT, 20)).toEqual(['', 'It ends with the', 'last session.'])
  })

  it('is what was found, the severity in a word', () => {
    expect(findingsText([finding], NO_PAINT, 200)).toEqual([
      'Found      1 thing that may be wrong:',
      '  - warning, not-enabled: it is not started at boot. After a boot it is down.',
    ])
    expect(findingsText([], NO_PAINT, 200)).toEqual([])
  })
})
