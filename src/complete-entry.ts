import path from 'node:path'
import {ServiceError} from './errors.js'
import {type Candidate, complete, type LiveValues} from './completion/complete.js'
import {shellWords} from './completion/shell-words.js'
import {type CommandTree, commandTree} from './completion/tree.js'
import {createNodeHost} from './host/node-host.js'
import type {Host} from './host/host.js'
import {writeDirectly, writeText} from './host/stdio.js'
import {type Place, resolvePlace, type TargetFlags} from './observe/place.js'
import {listProfiles} from './service/profile.js'

// What templates/completion asks as `hermes-svc __complete`. It stands alone, without oclif: a shell asks at each press of the Tab key.

/** For the build, which makes dist/completion.json with it. */
export {commandTree}

/** Words that need no quotes in any shell, and mean nothing to the scripts that read them. */
const SAFE = /^[\w.,=@%+/-]+$/

/**
 * Prints what can stand under the cursor, for the scripts in templates/completion. `bash` and the line up to the cursor, or `zsh` or `fish`
 * and the words up to it, without quotes. First a line with the kind (words, files, folders, users), a tab and the word under the cursor; then for
 * `words` one line each: the word, and but for bash a tab and what it means. Says nothing at all if anything fails; never writes elsewhere.
 */
export function main(argv: readonly string[], packageRoot: string): void {
  writeDirectly()
  try {
    const [shell, ...given] = argv
    const host = createNodeHost(packageRoot)
    const words = shell === 'bash' ? shellWords(given[0] ?? '', host.env.HOME ?? host.account.home).slice(1) : given
    const tree = JSON.parse(host.readText(path.join(packageRoot, 'dist', 'completion.json')) ?? '') as CommandTree
    const current = words.at(-1) ?? ''
    const completion = complete(tree, words, liveValues(host))
    const candidates = completion.kind === 'words' ? completion.candidates.filter(({word}) => SAFE.test(word)) : []
    const lines =
      shell === 'bash'
        ? candidates.flatMap(({word}) => (word.startsWith(current) ? [word] : []))
        : candidates.map(({word, about}) => `${word}\t${about.split('\n')[0]}`)
    writeText('stdout', [`${completion.kind}\t${current.replaceAll(/[\n\t]/g, ' ')}`, ...lines, ''].join('\n'))
  } catch {
    // Whoever presses Tab has asked nothing that could be answered with an error.
  }
}

function liveValues(host: Host): LiveValues {
  return {
    profiles: ({home, runAs}): readonly Candidate[] => {
      const place = placeIfAny(host, {home, runAs})
      if (!place) return []
      const {userHost, profile} = place
      return listProfiles(userHost, profile.root).map(({name, home: about}) => ({word: name, about}))
    },
    variables: () => Object.keys(host.env).filter((name) => /^[A-Za-z_]\w*$/.test(name)),
  }
}

/** The home that is meant; undefined for an account that there is not, or that is not ours to ask about. */
function placeIfAny(host: Host, flags: TargetFlags): Place | undefined {
  try {
    return resolvePlace(host, flags)
  } catch (error) {
    if (error instanceof ServiceError) return undefined
    throw error
  }
}
