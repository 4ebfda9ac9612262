import {describe, expect, it} from 'vitest'
import {commandModules} from '../../src/commands/index.js'

describe('a word of the command line that is left out', () => {
  it('is never taken from standard input, whatever the command', async () => {
    const taken: string[] = []
    for (const [id, load] of Object.entries(commandModules)) {
      const {args} = (await load()).default as {args?: Readonly<Record<string, {ignoreStdin?: boolean}>>}
      for (const [name, {ignoreStdin}] of Object.entries(args ?? {})) if (!ignoreStdin) taken.push(`${id} ${name}`)
    }
    expect(taken).toEqual([])
  })
})
