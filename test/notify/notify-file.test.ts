import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {EVENT_KINDS} from '../../src/notify/event.js'
import {
  DEFAULT_REMINDER_MS,
  formatNotify,
  MOST_TARGETS,
  NO_NOTIFY,
  notifyFile,
  type NotifySettings,
  readNotify,
  tellsNobody,
} from '../../src/notify/notify-file.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const read = (file: string | FakeFile) => readNotify(new FakeHost({files: {[notifyFile(HOME)]: file}}), HOME)

describe('who is told', () => {
  it('is nobody where no file says so', () => {
    expect(readNotify(new FakeHost(), HOME)).toEqual({kind: 'read', settings: NO_NOTIFY})
    expect(tellsNobody(NO_NOTIFY)).toBe(true)
  })

  it('is read as it was written', () => {
    const settings = fc.record<NotifySettings>({
      targets: fc.array(fc.string(), {maxLength: MOST_TARGETS}),
      on: fc.option(fc.subarray([...EVENT_KINDS]), {nil: undefined}),
      reminderMs: fc.integer({min: 1}),
      // fc.webUrl() takes seconds to be made.
      ping: fc.option(
        fc.string({unit: 'grapheme'}).map((text) => `https://example.org/${encodeURIComponent(text)}`),
        {nil: undefined},
      ),
    })
    fc.assert(
      fc.property(settings, (one) => {
        expect(read(formatNotify(one))).toEqual({kind: 'read', settings: one})
      }),
    )
  })

  it.each<[string, string | FakeFile, string]>([
    ['is not JSON', '{', 'not a record of hermes-svc'],
    ['is of a later version', '{"schemaVersion": 2, "targets": []}', 'not a record of hermes-svc'],
    ['has no targets', '{"schemaVersion": 1}', 'not a record of hermes-svc'],
    ['is another’s', {text: '{}', uid: 0, mode: 0o600}, 'EACCES'],
    ['is a folder', {folder: true}, 'EISDIR'],
    ['is too long', 'x'.repeat(100_000), 'too large'],
  ])('is not known where the file %s', (_, file, why) => {
    expect(read(file)).toEqual({kind: 'unreadable', why: expect.stringContaining(why) as string})
  })

  it('takes what is damaged in a file for what it is by default, but for the targets', () => {
    const text = JSON.stringify({schemaVersion: 1, targets: ['exec:/bin/a'], on: ['down', 'nonsense'], reminderMs: -1, ping: 5})
    expect(read(text)).toEqual({
      kind: 'read',
      settings: {targets: ['exec:/bin/a'], on: ['down'], reminderMs: DEFAULT_REMINDER_MS, ping: undefined},
    })
  })
})
