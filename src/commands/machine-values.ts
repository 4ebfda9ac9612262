import path from 'node:path'
import {ExitStatus, ServiceError} from '../errors.js'
import {type Host, HostError} from '../host/host.js'
import type {DefinitionRequest} from '../lifecycle/definition.js'
import {togetherNotify} from '../lifecycle/notify-change.js'
import {refusedVariableValue} from '../service/environment-variable.js'
import type {DeclaredService, Value} from './machine-keys.js'
import {NOTIFY_SETTING_NAMES, notifySettingOf} from './notify-settings.js'
import {declared, settingOf} from './setting-list.js'

/** The longest value that a reference may lead to, in bytes. */
const MOST_BYTES = 65_536
/** Where systemd looks for credentials of a name, in its order (systemd.exec(5), LoadCredential=). */
const STORES = ['/etc/credstore', '/run/credstore', '/usr/local/lib/credstore', '/usr/lib/credstore']
const ENCRYPTED_STORES = [
  '/etc/credstore.encrypted',
  '/run/credstore.encrypted',
  '/usr/local/lib/credstore.encrypted',
  '/usr/lib/credstore.encrypted',
]

/**
 * What a declared service asks for: what it does not say is asked to be the default, and variables that it does not name are taken away. Reads what references
 * lead to. Throws a ServiceError (exit 1) for one that leads nowhere; no value is in it.
 */
export function declaredRequest(host: Host, service: DeclaredService): DefinitionRequest {
  const settings = [...service.settings].map(([name, {text, where}]) => [name, settingOf(name)?.parse(text, where) ?? {}] as const)
  const environment = [...service.env].map(([name, {where, value}]) => {
    const text = valueOf(host, where, value)
    const refused = refusedVariableValue(text)
    if (refused) throw noValue(`${where}: its value ${refused}`)
    return [name, text] as const
  })
  const told = NOTIFY_SETTING_NAMES.map((name) => {
    const setting = notifySettingOf(name)
    const said = service.told.get(name)
    const parts = said?.map(({where, value}) => setting?.parse(valueOf(host, where, value), where) ?? {}) ?? []
    // Those of which there may be several are all that there are then.
    return togetherNotify([...(setting && (said === undefined || setting.isMany) ? [setting.unset] : []), ...parts])
  })
  return {...declared(new Map(settings)), environment: new Map(environment), environmentIsWhole: true, notify: togetherNotify(told)}
}

function valueOf(host: Host, where: string, value: Value): string {
  if ('text' in value) return value.text
  const {kind, name} = value
  const from = `${where}: ${kind} ${name}`
  if (kind === 'fromEnv') {
    const text = Object.hasOwn(host.env, name) ? host.env[name] : undefined
    if (text === undefined)
      throw noValue(`${from}: ${name} is not set in your environment`, [`export ${name}=…   # then run the same command again`])
    return text
  }
  try {
    const text = kind === 'fromFile' ? host.readText(name, MOST_BYTES) : credential(host, name)
    if (text === undefined) throw noValue(`${from}: the ${kind === 'fromFile' ? 'file' : 'credential'} does not exist`)
    return text.replace(/\r?\n$/, '')
  } catch (error) {
    if (error instanceof HostError) throw noValue(`${from}: ${error.message}`)
    throw error
  }
}

/** The credential of the unit in which this runs, else that of the machine, as systemd would give it to a unit. */
function credential(host: Host, name: string): string | undefined {
  const own = host.env.CREDENTIALS_DIRECTORY
  for (const folder of [...(own && path.isAbsolute(own) ? [own] : []), ...STORES]) {
    const text = host.readText(path.join(folder, name), MOST_BYTES)
    if (text !== undefined) return text
  }
  const encrypted = ENCRYPTED_STORES.map((folder) => path.join(folder, name)).find((file) => host.stat(file)?.kind === 'file')
  if (encrypted === undefined) return undefined
  const {code, stdout, stderr, failure} = host.read(['systemd-creds', `--name=${name}`, 'decrypt', encrypted, '-'])
  if (code === 0) return stdout
  const [why = ''] = stderr.trim().split('\n').slice(-1)
  throw noValue(`systemd-creds cannot decrypt ${encrypted}: ${why || (failure ?? `exit status ${code}`)}`)
}

/** `next`: what would give it a value. */
function noValue(
  message: string,
  next: readonly string[] = ['hermes-svc apply FILE --dry-run   # after you have provided the value'],
): ServiceError {
  return new ServiceError(message, {code: 'no-value', exitStatus: ExitStatus.failed, next})
}
