import path from 'node:path'
import {readProcess} from '../gateway/process.js'
import {HostError} from '../host/host.js'
import type {Place} from '../observe/place.js'
import {formatRun, readRun, RUN_WISHES, runPlace, type RunRecord, runRecordFile, type RunWish, runWishFile} from '../service/run-record.js'
import type {ServiceSettings} from '../service/settings.js'

/** Of the helpers' memory: there while an end that somebody asked for is under way. */
const ASKED_END = 'stopping'

/** What a `hermes-svc run` leaves of itself for other commands while it lives, and what they leave for it. See src/service/run-record.ts. */
export class RunMark {
  private record: RunRecord | undefined
  private hasFailed = false

  constructor(
    private readonly place: Place,
    private readonly options: {readonly folder: string; readonly settings: ServiceSettings; readonly say: (line: string) => void},
  ) {
    const own = readProcess(place.host, place.host.pid)
    const {folder, settings} = options
    // Without knowing itself it would be believed of another one.
    if (own) {
      const {pid, startTime} = own
      const now = {activity: 'waiting', changedAtMs: place.host.monotonicMs(), restarts: 0, failuresInARow: 0} as const
      this.record = {schemaVersion: 1, pid, startTime, ...runPlace(place.host), ...now, memory: folder, settings}
    }
  }

  /** Says what has become of the gateway. A disk that takes no record keeps no gateway from running. */
  say(now: Partial<Pick<RunRecord, 'activity' | 'gatewayPid' | 'startedAtMs' | 'restarts' | 'failuresInARow' | 'lastExit'>>): void {
    if (!this.record) return
    const {userHost, host, profile} = this.place
    const hasChanged = now.activity !== undefined && now.activity !== this.record.activity
    const {gatewayPid, startedAtMs, ...others} = {...this.record, ...now}
    const gateway = others.activity === 'waiting' ? {} : {gatewayPid, startedAtMs}
    this.record = {...others, ...withoutUndefined(gateway), ...(hasChanged ? {changedAtMs: host.monotonicMs()} : {})}
    try {
      userHost.writeAtomic(runRecordFile(profile.home), formatRun(this.record), 0o600)
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      if (!this.hasFailed) this.options.say(`other commands cannot see this hermes-svc run: ${error.message}`)
      this.hasFailed = true
    }
  }

  /** Takes the record away, unless it is another one's by now. */
  remove(): void {
    const {userHost, profile, host} = this.place
    try {
      if (readRun(this.place, profile.home)?.pid === host.pid) userHost.removeFile(runRecordFile(profile.home))
    } catch (error) {
      // A record of a dead one counts as nothing.
      if (!(error instanceof HostError)) throw error
    }
  }

  /** The wish that somebody has left since; it is taken away. */
  takeWish(): RunWish | undefined {
    const text = this.take(runWishFile(this.options.folder))?.trim()
    return RUN_WISHES.find((wish) => wish === text)
  }

  /** Whether a command of ours has said that the end which has come would be asked for; what it said is taken away. */
  takeAskedEnd(): boolean {
    return this.take(path.join(this.options.folder, ASKED_END)) !== undefined
  }

  private take(file: string): string | undefined {
    const {userHost} = this.place
    try {
      const text = userHost.readText(file)
      if (text !== undefined) userHost.removeFile(file)
      return text
    } catch (error) {
      if (error instanceof HostError) return undefined
      throw error
    }
  }
}

function withoutUndefined<T extends object>(members: T): {[Name in keyof T]?: NonNullable<T[Name]>} {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: NonNullable<T[Name]>
  }
}
