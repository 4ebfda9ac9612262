import type {Account, Host} from '../../src/host/host.js'
import {create as launchd} from '../../src/managers/launchd/index.js'
import type {Manager} from '../../src/managers/manager.js'
import {create as s6} from '../../src/managers/s6/index.js'
import {create as systemd} from '../../src/managers/systemd/index.js'
import type {Scope} from '../../src/service/service.js'

/** A manager of whose roles a test knows what they can do. */
type Whole<Role> = Role extends string | ((...words: never[]) => unknown) ? Role : Required<Role>
export type WholeManager = {readonly [Name in keyof Manager]-?: Whole<NonNullable<Manager[Name]>>}

const whole = (manager: Manager) => manager as WholeManager

export const systemdManager = (host: Host, scope: Scope, account: Account) => whole(systemd(host, scope, account))
export const launchdManager = (host: Host, scope: Scope, account: Account) => whole(launchd(host, scope, account))
export const s6Manager = (host: Host) => whole(s6(host, 'system', host.account))
