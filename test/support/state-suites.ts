import {expect} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {Machine} from '../../src/smoke/machine.js'
import {hermesSvc} from './hermes-svc.js'
import {bringAbout, type Installed, type ManagerWords, type Situation, SYSTEMD} from './restart-situations.js'

/** Brings a service, a new one unless one is given, into a state, restarts it, and sees it run under a new pid, with nobody of before left. */
export async function seeRestart(
  machine: Machine,
  user: Account,
  profile: string,
  situation: Situation,
  words: ManagerWords = SYSTEMD,
  used?: Installed,
): Promise<Installed> {
  const given = await bringAbout(machine, user, profile, situation, words, used)
  const before = await given.sh(words.members(given.unit))
  if (situation.actual === 'wedged') {
    const list = await hermesSvc(machine, ['list', '-p', given.profile, '--json', '--wedge-window', '1s'], {user})
    expect(list.json<{services: {actual: string}[]}>().services).toMatchObject([{actual: 'wedged'}])
  }

  const restart = await given.restart(...(situation.flags ?? []))

  expect(restart.code, restart.stderr).toBe(0)
  const after = await given.status()
  expect(after).toMatchObject({actual: 'running', verdict: {state: 'alive'}})
  expect(after.verdict.pid).not.toBe(given.pid)
  expect(after.failuresInARow).toBe(0)
  if (situation.ended !== undefined) {
    const ends = (await given.sh(`grep '"end"' ${given.home}/stand-in.starts | grep '"pid": *${given.pid}[,}]' | tail -n 1`)).trim()
    expect(JSON.parse(ends)).toMatchObject(situation.ended === 'restart' ? {reason: 'planned-restart'} : {code: situation.ended})
  }
  // Nobody of before is left, children included.
  for (const pid of before.split('\n').filter(Boolean)) expect(await given.sh(`kill -0 ${pid} 2>/dev/null && echo there`)).toBe('')
  return given
}

/** Brings a service, a new one unless one is given, into a state, stops it, and sees that it is down for good. */
export async function seeStop(
  machine: Machine,
  user: Account,
  profile: string,
  situation: Situation,
  words: ManagerWords = SYSTEMD,
  used?: Installed,
): Promise<Installed> {
  const given = await bringAbout(machine, user, profile, situation, words, used)
  // Without it a gateway that hears nothing, and is not proved wedged, is given its whole drain.
  const flags = situation.endsBy === 'KILL' && situation.actual !== 'wedged' ? ['--force'] : []

  const result = await hermesSvc(machine, ['stop', '-p', given.profile, ...flags], {user})

  expect(result.code, result.stderr).toBe(0)
  // Longer than the delay after which its manager would start it again.
  await given.sh('sleep 2')
  expect(await given.status()).toMatchObject({
    actual: 'stopped',
    desired: 'stopped',
    enabled: false,
    verdict: {state: 'dead', pid: null},
  })
  expect((await given.sh(words.state(given.unit))).trim()).toBe('inactive')
  return {...given, isStopped: true}
}
