import {GatewayExit} from '../gateway/contract.js'
import {type Host} from '../host/host.js'
import {COMPILED_TEMPLATES, type CompiledTemplate} from './compiled-templates.js'
import {packageText} from './package-text.js'

/** By their source, where the build has not compiled them. */
const compiled = new Map<string, CompiledTemplate>()

/**
 * Renders a template of the package. Values arrive in the view already written in the target's syntax, so nothing is escaped here; a name
 * that the view lacks is an error. All have upstream's exit statuses, as `v.exit`. Templates hold no logic beyond `if` and `for`.
 */
export async function renderTemplate(host: Host, name: string, view: Readonly<Record<string, unknown>>): Promise<string> {
  const render = COMPILED_TEMPLATES[name] ?? (await compiledFromSource(host, name))
  const used = strict(name, {...view, exit: strict(name, GatewayExit)})
  // One level down, since ejs hands the members of what it is given over one by one.
  return render({v: used})
}

/** A view whose missing members are errors. */
function strict(template: string, view: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return new Proxy(view, {
    get(target, property) {
      if (typeof property === 'string' && !(property in target))
        throw new Error(`template ${template} uses ${property}, which its view lacks`)
      return Reflect.get(target, property) as unknown
    },
  })
}

async function compiledFromSource(host: Host, name: string): Promise<CompiledTemplate> {
  const source = packageText(host, name)
  const known = compiled.get(source)
  if (known) return known
  // ejs 6 has a default export only; its types, made for version 3, say otherwise.
  const {default: ejs} = (await import('ejs')) as unknown as {default: typeof import('ejs')}
  const render = ejs.compile(source, {strict: true, _with: false, destructuredLocals: ['v'], escape: String}) as CompiledTemplate
  compiled.set(source, render)
  return render
}
