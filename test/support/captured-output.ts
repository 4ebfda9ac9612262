import {afterEach, beforeEach, vi} from 'vitest'

/** What the tests of a file print, each from its own beginning on; nothing of it reaches the terminal. Undoes all other spies after each test too. */
export function capturedOutput(): {stdout: string; stderr: string} {
  const said = {stdout: '', stderr: ''}
  beforeEach(() => {
    for (const name of ['stdout', 'stderr'] as const) {
      said[name] = ''
      vi.spyOn(process[name], 'write').mockImplementation((text) => Boolean((said[name] += String(text))))
    }
  })
  afterEach(() => void vi.restoreAllMocks())
  return said
}
