import type {Config} from '@oclif/core/config'
import type {ExitStatus} from '../errors.js'

/** The class of a command, as the dispatcher sees it. */
export interface CommandClass {
  new (argv: string[], config: Config): {run(): Promise<ExitStatus>}
  id: string
}
