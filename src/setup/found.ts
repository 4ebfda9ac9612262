import type {ManagerKind} from '../managers/index.js'
import type {Scope} from '../service/service.js'
import type {Finding} from '../doctor/finding.js'
import type {ManagerObservation} from '../managers/manager.js'
import type {GatewayCommand} from '../service/gateway-command.js'
import type {ServiceSettings} from '../service/settings.js'

/** What `setup` has found until now: each part can be looked for once what is before it is settled. */
export interface Found {
  readonly managers: readonly ManagerKind[]
  readonly machine?: MachineFound
  readonly owner?: OwnerFound
  readonly service?: ServiceFound
}

/** A machine with one manager. */
export interface MachineFound {
  /** The scopes that its manager has. */
  readonly scopes: readonly Scope[]
  readonly isRoot: boolean
  /** Name of the account that runs this command. */
  readonly user: string
  /** Accounts that have a gateway's home. */
  readonly accounts: readonly string[]
  /** The account that the gateway runs as if nobody says another; undefined if that cannot be told. */
  readonly account: string | undefined
  /** It can be no other one. */
  readonly isOnlyAccount: boolean
}

/** The account that the gateway runs as, and its profiles. */
export interface OwnerFound {
  readonly account: string
  readonly profiles: readonly ProfileFound[]
  /** The profile that is meant if none is named. */
  readonly profile: string
  /** `--home` names just that profile. */
  readonly isOnlyProfile: boolean
}

export interface ProfileFound {
  readonly name: string
  readonly home: string
  /** Why it can carry no service. */
  readonly refused: string | undefined
  /** The scopes in which it has a service. */
  readonly installedIn: readonly Scope[]
  /** It is not there yet, and an installation makes it. */
  readonly isNew?: true
}

/** One profile in one scope. */
export interface ServiceFound {
  readonly name: string
  /** How its manager is shown. */
  readonly manager: string
  readonly account: string
  readonly installed: ManagerObservation['installed']
  /** What a definition of another tool's becomes: ours is put in its place, or beside it. */
  readonly replacesForeign: boolean
  /** The operator stopped it, and an installation leaves it so. */
  readonly isMeantStopped: boolean
  readonly settings: ServiceSettings | undefined
  /** It runs without a login, whatever is answered. */
  readonly startsAtBoot: boolean
  /** Whether it runs without a login can be chosen. */
  readonly canLinger: boolean
  /** The gateway's command that stays unless another one is named: given by hand before, or of another tool's definition. */
  readonly keptCommand: string | undefined
  readonly gateways: readonly GatewayCommand[]
  /** Who is told of it already, as that may be shown; undefined: nobody. */
  readonly told: string | undefined
  /** Where a gateway was looked for. */
  readonly root: string
  readonly findings: readonly Finding[]
  /** Ids of those that a fix can cure without being told more. */
  readonly repairs: readonly string[]
}
