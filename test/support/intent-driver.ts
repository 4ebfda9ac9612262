import fs from 'node:fs'
import {createNodeHost} from '../../src/host/node-host.js'
import {recordIntent} from '../../src/lifecycle/intent.js'
import {type Observation, lookAtHome} from '../../src/observe/look.js'
import type {Target} from '../../src/observe/where.js'
import {performSteps} from '../../src/plan/perform.js'
import {readDesired} from '../../src/service/desired-state.js'
import {ownDoors} from './doors.js'
import type {DesiredState} from '../../src/gateway/contract.js'

/**
 * Program for tests that need many changes of intent: does what start and stop do about it, in turn, by the real steps, until it is killed.
 * argv: home. Each change is numbered in the record's `by`. Prints "begin N DESIRED" before and "done N DESIRED" after each.
 */
async function main(home: string): Promise<void> {
  const host = createNodeHost('/')
  const doors = ownDoors(host)
  const target = {...doors, service: {account: host.account, profile: {home}}} as unknown as Target
  const say = (line: string) => fs.writeSync(1, `${line}\n`)
  for (;;) {
    const desired = readDesired(doors.userHost, home)
    if (desired.kind === 'unreadable') throw new Error(`the record is damaged: ${desired.why}`)
    const {by = 'start 0', desiredState = 'running'} = desired.kind === 'recorded' ? desired.record : {}
    const next: DesiredState = desiredState === 'running' ? 'stopped' : 'running'
    const number = Number(by.split(' ')[1]) + 1
    say(`begin ${number} ${next}`)
    const seen = {desired, verdict: lookAtHome(doors, home).verdict} as unknown as Observation
    const steps = recordIntent(target, seen, next, `${next === 'running' ? 'start' : 'stop'} ${number}`)
    await performSteps(host, steps, () => undefined)
    say(`done ${number} ${next}`)
  }
}

void main(process.argv[2] ?? '')
