import {describe, expect, it} from 'vitest'
import {readProcess} from '../../../src/gateway/process.js'
import {tickPlaces} from '../../../src/managers/s6/paths.js'
import {FakeHost} from '../../fakes/fake-host.js'

function hostWith(supervisor: string): FakeHost {
  const stat = (pid: number, parent: number) => `${pid} (x) S ${parent} ${'0 '.repeat(17)}100 0\n`
  return new FakeHost({
    files: {
      '/proc/20/stat': stat(20, 1),
      '/proc/20/cmdline': supervisor,
      '/proc/30/stat': stat(30, 20),
      '/proc/30/cmdline': 'hermes\0gateway\0run\0',
    },
  })
}

describe('the places of a tick under s6', () => {
  it('are the slots of gateways, with their memory in /run', () => {
    const places = tickPlaces(new FakeHost(), '/run/service/hermes-svc-heartbeat')
    expect(
      ['gateway-default', 'gateway-work', '.gateway-work.hermes-svc', 'dashboard', 'hermes-svc-heartbeat'].filter(
        places.isService ?? (() => true),
      ),
    ).toEqual(['gateway-default', 'gateway-work'])
    expect(places.supportFolder).toBe('/run/service')
    expect(places.serviceName('gateway-work')).toBe('gateway-work')
  })

  it.each([
    ['s6-supervise\0gateway-work\0', true],
    ['/command/s6-supervise\0gateway-work\0', true],
    ['s6-supervise\0gateway-work-2\0', false],
    ['s6-supervise\0gateway-work/log\0', false],
    ['sh\0gateway-work\0', false],
  ])('takes a child of %j for the own one of gateway-work: %s', (supervisor, isOwn) => {
    const host = hostWith(supervisor)
    const gateway = readProcess(host, 30)
    expect(gateway && tickPlaces(host, '/run/service/hermes-svc-heartbeat').isOwn('gateway-work', gateway)).toBe(isOwn)
  })
})
