import * as Args from '@oclif/core/args'
import type {Arg} from '@oclif/core/interfaces'

interface ArgumentOptions {
  readonly description: string
  readonly options?: string[]
}

/**
 * A word of the command line without a flag. Where it is left out, oclif would take standard input in its place, after waiting for that: in a loop over a
 * list of hosts, or in a script that came by a pipe, a line of that would be the profile.
 */
export function argument(options: ArgumentOptions & {readonly required: true}): Arg<string>
export function argument(options: ArgumentOptions): Arg<string | undefined>
export function argument(options: ArgumentOptions & {readonly required?: true}): Arg<string> | Arg<string | undefined> {
  return Args.string({...options, ignoreStdin: true})
}
