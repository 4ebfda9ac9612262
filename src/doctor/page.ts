import path from 'node:path'
import type {Host} from '../host/host.js'

/** What stands in package.json as the repository's owner until the project has a public place. */
const PLACEHOLDER = 'OWNER'
const GITHUB = /^github:([\w.-]+)\/([\w.-]+)$/

/** Where a person reads about a finding: on the web, or in the documentation that is packed with the program where there is no such place yet. */
export function pageOf(host: Pick<Host, 'packageRoot' | 'readText'>, id: string): string {
  const {repository} = JSON.parse(host.readText(path.join(host.packageRoot, 'package.json')) ?? '{}') as {repository?: unknown}
  const [, owner, name] = GITHUB.exec(String(repository)) ?? []
  const isPublic = owner !== undefined && owner !== PLACEHOLDER
  const folder = isPublic ? `https://github.com/${owner}/${name}/blob/main/docs` : path.join(host.packageRoot, 'docs')
  return `${folder}/doctor.md#${id}`
}
