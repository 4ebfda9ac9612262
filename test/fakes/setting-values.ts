/** Another value than the default, for each. */
export const OTHER_VALUES: Readonly<Record<string, string>> = {
  ...{command: '/opt/hermes/bin/hermes', linger: 'off', 'restart-delay': '500ms', 'restart-delay-max': '1h'},
  ...{heartbeat: 'off', 'heartbeat-interval': '30s', watchdog: 'off'},
  ...{'memory-high': '80%', 'memory-max': '1.5G', nice: '5', 'cpu-weight': '50', 'keep-awake': 'on'},
}
