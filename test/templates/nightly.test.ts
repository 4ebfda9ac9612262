import fs from 'node:fs'
import {describe, expect, it} from 'vitest'
import {parsePlist} from '../../src/managers/launchd/plist.js'

const text = (name: string) => fs.readFileSync(new URL(`../../templates/nightly/${name}`, import.meta.url), 'utf8')

describe('what restarts each night', () => {
  it('does the same under launchd as under systemd, at the same hour', () => {
    const [, command] = /^ExecStart=(.*)$/m.exec(text('hermes-svc-restart.service')) ?? []
    expect(text('hermes-svc-restart.timer')).toContain('OnCalendar=*-*-* 04:00')
    expect(parsePlist(text('ai.hermes-svc.restart.plist'))).toMatchObject({
      Label: 'ai.hermes-svc.restart',
      ProgramArguments: ['/bin/sh', '-c', `exec ${command}`],
      StartCalendarInterval: {Hour: 4, Minute: 0},
    })
  })
})
