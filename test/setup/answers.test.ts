import {expect, it} from 'vitest'
import {answersJson} from '../../src/setup/answers.js'

it('an answer is shown as its flag takes it, and what no flag has to say is left out', () => {
  const answers = answersJson({
    manager: {value: 'systemd', by: 'only'},
    'run-as': {value: '', by: 'person'},
    'run-as-name': {value: 'ann', by: 'person'},
    service: {value: undefined, by: 'only'},
    fix: {value: ['a', 'b'], by: 'flag'},
    watchdog: {value: 'off', by: 'default'},
    notify: {value: 'slack://T1/B1/secret', by: 'person'},
  })
  expect(answers).toEqual([
    {id: 'manager', value: 'systemd', by: 'only'},
    {id: 'run-as', value: 'ann', by: 'person'},
    {id: 'fix', value: ['a', 'b'], by: 'flag'},
    {id: 'watchdog', value: 'off', by: 'default'},
    {id: 'notify', value: 'slack hooks.slack.com', by: 'person'},
  ])
})
