import {HostError} from '../../host/host.js'
import {hasOwnText} from '../../managers/manager.js'
import {unitPath} from '../../service/unit-path.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {oncePerLook} from '../once-per-look.js'
import {reinstall} from '../reinstall.js'
import type {Scene} from '../scene.js'

/** Without these nothing works that the gateway runs: a shell, and the system's own small programs. */
const REQUIRED = ['sh', 'env', 'ls']
/** What many of its tools and skills call; missed only where it is on this machine, in a place that a service's PATH has. */
const OPTIONAL = ['node', 'npx', 'uv', 'uvx', 'git', 'rg', 'ffmpeg']

interface Evidence {
  readonly searchPath: string | undefined
  readonly required: readonly string[]
  /** Tools that the PATH lacks and that `wanted` has, with their folders. */
  readonly optional: readonly {readonly tool: string; readonly folder: string}[]
  readonly goneFolders: readonly string[]
  /** The PATH that the service would get today. */
  readonly wanted: string
  /** It stands in a unit that we wrote; somebody's variable or another tool's unit has the last word. */
  readonly isOurs: boolean
}

/** Whether there is something at a path; what may not be looked at is not there for the service's user either. */
const isThere = oncePerLook(({target: {userHost}}, file): boolean => {
  try {
    return userHost.stat(file) !== undefined
  } catch (error) {
    if (error instanceof HostError) return false
    throw error
  }
})

/** A tool that the gateway calls is not where its service looks for it. */
export const definition: CheckDefinition<Evidence> = {
  id: 'path',
  title: 'a tool that the gateway needs but cannot find in the PATH of its service',
  why: 'The agent works when it is started from a shell, but in the service some of its tools and servers are missing without any error.',
  seeByHand: {
    systemd: [
      ['systemctl --user show hermes-gateway -p Environment', 'the PATH of the service'],
      ['find ~/.local/bin /usr/local/bin /usr/bin -name uvx', 'where the missing tool is (here: uvx)'],
    ],
    launchd: [
      ['grep -A 1 PATH ~/Library/LaunchAgents/ai.hermes.gateway.plist', 'the PATH of the service'],
      ['find ~/.local/bin /usr/local/bin /opt/homebrew/bin -name uvx', 'where the missing tool is (here: uvx)'],
    ],
    s6: [
      ['grep PATH /run/service/gateway-default/run', 'the PATH of the service'],
      ['find /usr/local/bin /usr/bin -name uvx', 'where the missing tool is (here: uvx)'],
    ],
  },
  whatTheFixDoes:
    'The fix writes the PATH of the service again, from the folders that exist now, and restarts the gateway. If you or another tool has set PATH, the finding shows the command that changes it.',
  ifItComesBack:
    'A version manager such as nvm or pyenv moves the tool to another folder with each version. Install the tool in a folder that stays the same, or set the variable with "hermes-svc install --env".',
  needsService: true,
  needsManager: true,
  look: (scene) => {
    const {manager, host, service} = scene.target
    const {settings} = scene.seen.manager
    const given = manager.definition.readEnvironment(service).get('PATH')
    const searchPath = given ?? manager.definition.evidence(scene.seen.manager).searchPath
    const wanted = unitPath(host, service.profile.home, service.account, settings?.command ?? [])
    const folders = (searchPath ?? '').split(':').filter((folder) => folder.startsWith('/'))
    const has = (list: readonly string[], tool: string) => list.find((folder) => isThere(scene, `${folder}/${tool}`))
    const optional = OPTIONAL.filter((tool) => has(folders, tool) === undefined).flatMap((tool) => {
      const folder = has(wanted.split(':'), tool)
      return folder === undefined ? [] : [{tool, folder}]
    })
    return {
      searchPath,
      required: REQUIRED.filter((tool) => has(folders, tool) === undefined),
      optional,
      goneFolders: folders.filter((folder) => !wanted.split(':').includes(folder) && !isThere(scene, folder)),
      wanted,
      isOurs: hasOwnText(scene.seen.manager) && given === undefined && scene.seen.manager.definitionPaths.length <= 2,
    }
  },
  diagnose: (scene, evidence) => {
    // Without a PATH of its own the service has systemd's, which has all of the system.
    if (evidence.searchPath === undefined || scene.seen.manager.broken !== undefined) return []
    const [fault] = [missingTools(scene, evidence), goneFolders(scene, evidence)].filter((found) => found !== undefined)
    return fault ? [{...fault, ...whoCures(scene, evidence)}] : []
  },
  fix: {
    isSafe: false,
    interrupts: true,
    plan: (scene, _evidence, _found, options) => reinstall(scene, options),
  },
}

function missingTools({seen}: Scene, {required, optional, searchPath, goneFolders: gone}: Evidence): Found | undefined {
  const names = [...required, ...optional.map(({tool}) => tool)]
  if (names.length === 0) return undefined
  return {
    kind: required.length > 0 ? 'required' : 'optional',
    severity: required.length > 0 ? 'error' : 'warning',
    what: `${seen.manager.service.name} cannot find ${names.join(', ')} in its PATH`,
    evidence: [
      `its PATH: ${searchPath}`,
      ...optional.map(({tool, folder}) => `${tool} is in ${folder}`),
      ...gone.map((folder) => `${folder} does not exist`),
    ],
  }
}

/** Our own PATH has only folders that were there. Upstream's has had others from the first day. */
function goneFolders({seen}: Scene, {goneFolders: gone, searchPath}: Evidence): Found | undefined {
  if (gone.length === 0 || !hasOwnText(seen.manager)) return undefined
  return {
    kind: 'folder-gone',
    severity: 'warning',
    what: `the PATH of ${seen.manager.service.name} contains ${gone.join(' and ')}, which ${gone.length === 1 ? 'does' : 'do'} not exist`,
    evidence: [`its PATH: ${searchPath}`],
  }
}

function whoCures(scene: Scene, {wanted, isOurs}: Evidence): Partial<Found> {
  return isOurs ? {} : {isFixable: false, cure: [commandLine(scene, `install --env 'PATH=${wanted}'`)]}
}

export const check = defineCheck(definition)
