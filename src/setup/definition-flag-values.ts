/** The parsed values of `definitionFlags`. */
export interface DefinitionFlagValues {
  readonly command?: string | undefined
  readonly env?: readonly string[] | undefined
  readonly 'unset-env'?: readonly string[] | undefined
  readonly linger?: boolean | undefined
  readonly 'restart-delay'?: string | undefined
  readonly 'restart-delay-max'?: string | undefined
  readonly heartbeat?: string | undefined
  readonly 'heartbeat-interval'?: string | undefined
  readonly watchdog?: string | undefined
  readonly 'memory-high'?: string | undefined
  readonly 'memory-max'?: string | undefined
  readonly nice?: string | undefined
  readonly 'cpu-weight'?: string | undefined
  readonly 'keep-awake'?: string | undefined
}
