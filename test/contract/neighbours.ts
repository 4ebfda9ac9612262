import fs from 'node:fs'
import path from 'node:path'
import {GatewayExit, GatewayVariable, HomeFile, StateWord} from '../../src/gateway/contract.js'
import type {ClaimGroup} from './claim.js'
import {type End, Home, isoTime, pause, seenWithin} from './life.js'

interface Neighbours {
  readonly second: End | undefined
  readonly firstGoesOn: boolean
  readonly replaced: End | undefined
  readonly hasTakenOver: boolean
  readonly hasTakeoverMarker: boolean
}

/** Two gateways of one home. */
export const neighbours: ClaimGroup<Neighbours> = {
  name: 'neighbours',
  live: async (bench) => {
    const home = new Home(bench, 'neighbours')
    const first = await home.start()
    const {pid} = first
    const second = await home.launch().ends()
    const firstGoesOn = first.isAlive && home.pid === pid && home.word === StateWord.running
    const third = home.launch(['gateway', 'run', '--replace'])
    const replaced = await first.ends()
    await third.comesUp()
    const record = {second, firstGoesOn, replaced, hasTakenOver: home.pid !== pid, hasTakeoverMarker: home.has(HomeFile.takeover)}
    await third.stop()
    return record
  },
  claims: [
    {id: 'second.refused', words: 'is refused with 1 where one runs', is: 1, seen: ({second}) => second?.code ?? 'alive'},
    {id: 'second.harmless', words: 'leaves the one that runs, and its record, alone then', seen: ({firstGoesOn}) => firstGoesOn},
    {
      id: 'takeover.status',
      words: `ends with ${GatewayExit.stopped} where another one takes its place (--replace)`,
      entry: 'HomeFile.takeover',
      is: GatewayExit.stopped,
      otherwise: null,
      seen: ({replaced}) => replaced?.code ?? 'alive',
    },
    {
      id: 'takeover.done',
      words: 'runs in its place then, and no marker of it is left',
      entry: 'HomeFile.takeover',
      otherwise: null,
      seen: ({hasTakenOver, hasTakeoverMarker}) => hasTakenOver && !hasTakeoverMarker,
    },
  ],
}

interface Profiles {
  readonly byFlag: boolean
  readonly byActive: boolean
  readonly underS6: boolean
}

/** Which home a gateway takes. */
export const profiles: ClaimGroup<Profiles> = {
  name: 'profiles',
  live: async (bench) => {
    const root = new Home(bench, 'several')
    const folder = path.join(root.root, HomeFile.profiles, 'work')
    fs.mkdirSync(path.join(folder, HomeFile.logFolder), {recursive: true})
    fs.writeFileSync(path.join(folder, HomeFile.profileMark), 'a profile\n')
    bench.prepare?.(folder, 'life')
    const runsThere = async (words: readonly string[], env?: Readonly<Record<string, string>>): Promise<boolean> => {
      const there = path.join(folder, HomeFile.pid)
      const life = root.launch(words, env)
      const seen = () => fs.existsSync(there) || root.pid !== undefined
      await seenWithin(90_000, () => seen() || !life.isAlive)
      await pause(500)
      const isThere = fs.existsSync(there)
      life.kill()
      await life.ended
      for (const file of [there, root.path(HomeFile.pid)]) fs.rmSync(file, {force: true})
      return isThere
    }
    const run = ['gateway', 'run']
    const byFlag = await runsThere(['--profile', 'work', ...run])
    fs.writeFileSync(root.path(HomeFile.activeProfile), 'work\n')
    const byActive = await runsThere(run)
    const underS6 = await runsThere(run, {[GatewayVariable.s6SupervisedChild]: '1'})
    return {byFlag, byActive, underS6}
  },
  claims: [
    {
      id: 'profile.flag',
      words: "runs in the profile's home with --profile",
      entry: 'HomeFile.profiles',
      also: ['GatewayVariable.home'],
      seen: ({byFlag}) => byFlag,
    },
    {
      id: 'profile.active',
      words: 'follows active_profile without --profile, with HERMES_HOME at the root home',
      entry: 'HomeFile.activeProfile',
      seen: ({byActive}) => byActive,
    },
    {
      id: 'profile.s6',
      words: 'follows it as a child of s6, too',
      entry: 'GatewayVariable.s6SupervisedChild',
      is: false,
      otherwise: null,
      seen: ({underS6}) => underS6,
    },
  ],
}

interface Drained {
  readonly drains: boolean
  readonly resumes: boolean
}

/** The request to finish work and to take no more. */
export const drain: ClaimGroup<Drained> = {
  name: 'drain',
  live: async (bench) => {
    const home = new Home(bench, 'drain')
    const life = await home.start()
    await pause(1000)
    fs.writeFileSync(home.path(HomeFile.drainRequest), JSON.stringify({action: 'drain', requested_at: isoTime(), principal: 'contract'}))
    const drains = await seenWithin(8000, () => home.word === StateWord.draining)
    fs.rmSync(home.path(HomeFile.drainRequest))
    const resumes = drains && (await seenWithin(8000, () => home.word === StateWord.running))
    await life.stop()
    return {drains, resumes}
  },
  claims: [
    {
      id: 'drain.request',
      words: 'says draining while .drain_request.json is there',
      entry: 'HomeFile.drainRequest',
      also: ['StateWord.draining'],
      seen: ({drains}) => drains,
    },
    {
      id: 'drain.over',
      words: 'says running again when that is taken away',
      entry: 'HomeFile.drainRequest',
      seen: ({resumes}) => resumes,
    },
  ],
}
