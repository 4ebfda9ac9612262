import type {Service} from '../service/service.js'
import type {DesiredState} from '../gateway/contract.js'
import {ServiceError} from '../errors.js'
import {type Account, HostError} from '../host/host.js'
import type {Step} from '../plan/plan.js'
import type {ServiceSettings} from '../service/settings.js'

/** What a boot wants of one service. */
export interface BootSlot {
  readonly service: Service
  readonly settings: ServiceSettings
  readonly environment: ReadonlyMap<string, string>
  readonly wanted: DesiredState
  readonly reason: string
  /** It is down although nobody stopped it. */
  readonly isFinding: boolean
}

/** What the operator chose for a service, as the volume has it: nothing where it was never installed. */
export interface ChosenSettings {
  readonly settings: ServiceSettings | undefined
  readonly environment: ReadonlyMap<string, string>
  /** Why the variables cannot be read; undefined if they can. */
  readonly failure: string | undefined
}

/** Why one of several profiles cannot be helped, whatever went wrong: it must not cost the others their boot. */
export function whyFailed(error: unknown): string {
  if (error instanceof ServiceError || error instanceof HostError) return error.message
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return `${what} (this is a bug in hermes-svc)`
}

/** Which of some services could not be made, and why. */
export type BootFailures = Map<BootSlot, string>

/** Services that are built and in place, those among them that were there before, and those that could not be made. */
export interface BuiltSlots {
  readonly done: readonly BootSlot[]
  readonly old: ReadonlySet<BootSlot>
  readonly failures: BootFailures
}

/**
 * The container of a manager that serves all of its accounts in one scope, whose definitions end with the container and are made anew at
 * each of its boots.
 */
export interface Container {
  /** A variable that the container was started with, whether this process was started with it or not. */
  variable(name: string): string | undefined
  /** True if a definition of the service is there already, whoever made it. */
  isThere(service: Service): boolean
  /** Reads what was chosen for services of one account. Settings that may not be read are like none. */
  chosen(account: Account, services: readonly Service[]): ReadonlyMap<Service, ChosenSettings>
  /** Makes the definitions of services of one account. One that fails is left out, and the others are made all the same. */
  build(account: Account, slots: readonly BootSlot[]): Promise<BuiltSlots>
  /** Remembers for as long as the container runs that a gateway elsewhere, such as in another container on the same volume, had the lock at its boot. */
  noteContested(slot: BootSlot): void
  /** Steps that have the heartbeat tick a service; its own start comes with `takeUp` if it is new. */
  tickSteps(slot: BootSlot): Promise<readonly Step[]>
  /** Has the manager take up what was built: what should run starts. Returns those that could not be. */
  takeUp(built: BuiltSlots): Promise<ReadonlyMap<BootSlot, string>>
}
