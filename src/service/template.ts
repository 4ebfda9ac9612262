import path from 'node:path'
import {type Host} from '../host/host.js'

/**
 * Renders a template of the package. Values arrive in the view already written in the target's syntax, so nothing is escaped here; a name
 * that the view lacks is an error. Templates hold no logic beyond `if` and `for`.
 */
export async function renderTemplate(host: Host, name: string, view: Readonly<Record<string, unknown>>): Promise<string> {
  const file = path.join(host.packageRoot, 'templates', name)
  const source = host.readText(file)
  if (source === undefined) throw new Error(`the package is incomplete: ${file} is missing`)
  const {compile} = await import('ejs')
  const used = new Proxy(view, {
    get(target, property) {
      if (typeof property === 'string' && !(property in target)) throw new Error(`template ${name} uses ${property}, which its view lacks`)
      return Reflect.get(target, property) as unknown
    },
  })
  return compile(source, {strict: true, _with: false, localsName: 'v', escape: String})(used)
}
