import {describe, expect, it} from 'vitest'
import {gatewayArgv} from '../../src/service/gateway-argv.js'

describe('the command line of a gateway', () => {
  it('names the profile always, so that no `hermes profile use` can turn it to another home', () => {
    expect(gatewayArgv(['/usr/bin/hermes'], 'work', '/home/u/.hermes/profiles/work').join(' ')).toBe(
      '/usr/bin/hermes --profile work gateway run',
    )
    expect(gatewayArgv(['/usr/bin/hermes'], 'default', '/home/u/.hermes').join(' ')).toBe('/usr/bin/hermes gateway run --profile=default')
    expect(gatewayArgv(['/usr/bin/doppler', 'run', '--', '/usr/bin/hermes'], 'default', '/srv/agent').join(' ')).toBe(
      '/usr/bin/doppler run -- /usr/bin/hermes gateway run --profile=default',
    )
  })

  it('names none for a home below ~/.hermes that is no profile: upstream would take the root for it', () => {
    expect(gatewayArgv(['/usr/bin/hermes'], 'default', '/home/u/.hermes/second')).toEqual(['/usr/bin/hermes', 'gateway', 'run'])
  })
})
