import type {Config} from '@oclif/core/config'

/**
 * Just enough of oclif's Config for a command to parse its arguments, without the 10 ms that loading a real one takes: it would read
 * package.json and the manifest and look for plugins, hooks and themes, none of which exist here.
 *
 * In @oclif/core 4.14.0 a Command uses of it `bin` (its debug name), and `runHook('preparse')` in `parse()`; BaseCommand uses `bin`
 * and `root`. A test runs a command on a copy that throws at the use of anything else, so that a change of oclif is noticed.
 */
export function lightConfig(packageRoot: string): Config {
  const config: Pick<Config, 'bin' | 'root' | 'runHook'> = {
    bin: 'hermes-svc',
    root: packageRoot,
    runHook: () => Promise.resolve({successes: [], failures: []}),
  }
  return config as Config
}
