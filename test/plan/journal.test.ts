import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {appendJournal, JOURNAL_BYTES, type JournalEntry, journalStep, recentEntries, renewJournal} from '../../src/plan/journal.js'
import type {Step} from '../../src/plan/plan.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const FILE = `${HOME}/logs/hermes-svc.jsonl`
const ENTRY: JournalEntry = {
  time: '2026-01-01T00:00:00.000Z',
  command: 'stop',
  service: 'hermes-gateway.service',
  outcome: 'done',
  steps: [],
}

const append = (files: Record<string, FakeFile>) => {
  const host = new FakeHost({files})
  return {note: appendJournal(host, HOME, ENTRY), host}
}

describe('journalStep', () => {
  const entry = (step: Step, more: object = {}) => journalStep({step, durationMs: 5, changed: true, ...more})

  it('names the file and the hashes of its content, never the content', () => {
    const step: Step = {kind: 'write-file', why: 'write', path: '/etc/x', text: 'TOKEN=hunter2', mode: 0o600, secret: true}
    expect(entry(step, {before: null, after: 'abc'})).toEqual({
      kind: 'write-file',
      target: '/etc/x',
      changed: true,
      before: null,
      after: 'abc',
    })
  })

  it('names the command line, never the environment', () => {
    const step: Step = {kind: 'run', why: 'stop it', argv: ['systemctl', 'stop'], env: {TOKEN: 'hunter2'}}
    expect(entry(step)).toEqual({kind: 'run', target: 'systemctl stop', changed: true})
  })

  it('says what any other step was for', () => {
    expect(entry({kind: 'act', why: 'wait', act: () => Promise.resolve({changed: false})})).toEqual({
      kind: 'act',
      target: 'wait',
      changed: true,
    })
  })
})

describe('renewJournal', () => {
  const renewed = async (text: string) => {
    const argv = ['mv', '-f', '--', FILE, `${FILE}.1`]
    const effect = (host: FakeHost) => {
      host.put(`${FILE}.1`, host.readText(FILE, Infinity) ?? '')
      host.removeFile(FILE)
    }
    const host = new FakeHost({files: {[FILE]: text}, commands: [{argv, effect, times: 1}]})
    await renewJournal(host, HOME)
    return Object.keys(host.texts()).filter((file) => file.startsWith(FILE))
  }

  it('begins a journal of more than 4 MiB anew and keeps the former one, as the helper of a service does, and leaves a shorter one', async () => {
    expect(JOURNAL_BYTES).toBe(4 * 1024 * 1024)
    expect(await renewed('x'.repeat(JOURNAL_BYTES + 1))).toEqual([`${FILE}.1`])
    const host = new FakeHost({files: {[FILE]: 'x'.repeat(JOURNAL_BYTES)}})
    await renewJournal(host, HOME)
    expect(host.changes).toEqual([])
  })
})

describe('appendJournal', () => {
  it("adds one line of JSON to the home's journal, which only its owner can read", () => {
    const {note, host} = append({[FILE]: {text: '{"old":1}\n', mode: 0o600}})
    expect(note).toBeUndefined()
    const lines = host.texts()[FILE]?.split('\n') ?? []
    expect(lines.map((line) => (line === '' ? '' : (JSON.parse(line) as object)))).toEqual([{old: 1}, ENTRY, ''])
  })

  it('makes folder and file if there are none', () => {
    const {host} = append({[HOME]: {folder: true}})
    expect(host.stat(`${HOME}/logs`)?.mode).toBe(0o700)
    expect(host.stat(FILE)?.mode).toBe(0o600)
  })

  it('is no failure of the plan where it cannot be written', () => {
    expect(append({[`${HOME}/logs`]: {folder: true, mode: 0o500}}).note).toContain('EACCES')
    expect(append({}).note).toContain('ENOENT')
    expect(append({[`${HOME}/logs`]: {text: ''}}).note).toContain('EEXIST')
  })

  it('never writes through a link', () => {
    const {note, host} = append({[FILE]: {link: '/home/user/x'}, '/home/user/x': {text: ''}})
    expect(note).toContain('ELOOP')
    expect(host.texts()['/home/user/x']).toBe('')
  })
})

describe('recentEntries', () => {
  const recent = (text: string) => recentEntries(new FakeHost({files: {[FILE]: text}}), HOME)
  const line = (more: object) => JSON.stringify({...ENTRY, ...more})

  it('reads back what was appended', () => {
    const entry = {...ENTRY, error: 'it broke', steps: [{kind: 'act', target: 'wait', changed: true, before: null, after: 'abc'}]}
    expect(recent(`half a line"}\n${line(entry)}\n`)).toEqual([entry])
  })

  it('takes each member by itself, whatever somebody wrote there', () => {
    const hostile = [{outcome: {toString: 1}}, {time: 5}, {service: null}, {steps: {length: 3}}].map(line)
    expect(recent([...hostile, 'null', '[]', '7'].join('\n'))).toEqual([])
    expect(recent(line({error: {}, steps: [null, {kind: 'act'}, {kind: 'act', target: {toString: 1}, changed: true}]}))).toEqual([ENTRY])
    fc.assert(
      fc.property(fc.record({time: fc.jsonValue(), outcome: fc.jsonValue(), steps: fc.jsonValue(), error: fc.jsonValue()}), (more) => {
        for (const {outcome, steps} of recent(line(more))) {
          expect(['done', 'failed', 'cancelled']).toContain(outcome)
          expect(steps.every(({target}) => typeof target === 'string')).toBe(true)
        }
      }),
    )
  })
})
