import type {ServiceReport} from '../../src/observe/report.js'
import type {Scope} from '../../src/service/service.js'
import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {Machine} from '../../src/smoke/machine.js'
import {inCampaign} from './campaign.js'
import {hermesSvc} from './machines.js'
import {TestService} from './test-service.js'

const MANY = inCampaign(1000, 60)
const CALLS = '/var/tmp/systemctl-calls'

/** Puts a program in the place of systemctl that notes each call. */
const COUNT_CALLS = `set -e
mkdir /opt/real
cp /usr/bin/systemctl /opt/real/
: >"$1"; chmod 666 "$1"
printf '#!/bin/sh\\necho "$*" >>%s\\nexec /opt/real/systemctl "$@"\\n' "$1" >/opt/real/counting
chmod 755 /opt/real/counting
mount --bind /opt/real/counting /usr/bin/systemctl
`

/** $1: first number. $2: last number. $3: the unit of an installed profile. */
const MAKE_HOMES = `set -e
cd ~/.hermes/profiles
for number in $(seq "$1" "$2"); do mkdir "many-$number"; done
`

/** $1: unit of an installed profile, $2: its profile, $3…: profiles that get the like. */
const MAKE_UNITS = `set -e
unit=$1 profile=$2
shift 2
for other; do sed "s/$profile/$other/g" "$unit" >"$(dirname "$unit")/hermes-gateway-$other.service"; done
`

/** Tests of a suite on a machine on which nothing ticks, with one of its users; the last ones: whoever calls systemctl there is counted from then on. */
export function describeManyProfiles(machine: () => Machine, ofWhom: () => Account): void {
  describe('a user with many profiles', () => {
    let alice: Account

    beforeAll(async () => {
      alice = ofWhom()
      const counted = await machine().exec(['sh', '-c', COUNT_CALLS, 'sh', CALLS])
      if (counted.code !== 0) throw new Error(counted.stderr)
    })

    // Which manager is asked differs by scope, and how often it is asked does not.
    describe.each<Scope>(inCampaign(['user', 'system'], ['user']))('in %s scope', (scope) => {
      it(`lists ${MANY} with as many calls of systemctl as ten`, async () => {
        const first = await TestService.make(machine(), alice, {scope, profile: `${scope}-one`})
        await first.must('install', ['--heartbeat', 'off'])
        await first.sh('rm -rf ~/.hermes/profiles/many-*', [], {user: alice})
        const list = async () => {
          await first.sh(`: >${CALLS}`)
          const result = await hermesSvc(
            machine(),
            ['list', '--json', '--scope', scope, ...(scope === 'system' ? ['--run-as', alice.name] : [])],
            first.actor,
          )
          expect(result.code).toBe(0)
          const calls = (await machine().readText(CALLS))?.trim().split('\n') ?? []
          return {services: result.json<{services: ServiceReport[]}>().services, calls: calls.length}
        }
        const names = (from: number, to: number) => Array.from({length: to - from + 1}, (_, index) => `many-${from + index}`)
        const grow = async (from: number, to: number, units: number) => {
          await first.sh(MAKE_HOMES, [from, to].map(String), {user: alice})
          await first.sh(MAKE_UNITS, [first.unitFile, first.profile, ...names(from, from + units - 1)], first.actor)
          await first.systemctl('daemon-reload')
        }

        await grow(1, 10, 3)
        const few = await list()
        await grow(11, MANY, 40)
        const many = await list()

        expect(few.calls).toBeGreaterThan(0)
        expect(many.calls).toBe(few.calls)
        const ours = (services: readonly ServiceReport[]) => services.filter((report) => report.profile.startsWith('many-'))
        expect([ours(few.services).length, ours(many.services).length]).toEqual([10, MANY])
        const installed = ours(many.services)
          .filter((report) => report.installed === 'own')
          .map((report) => report.profile)
        expect(installed.sort()).toEqual([...names(1, 3), ...names(11, 50)].sort())
        expect(many.services[0]?.profile).toBe('default')
        expect(many.services.find((report) => report.profile === first.profile)).toMatchObject({
          installed: 'own',
          actual: 'running',
          desired: 'running',
        })
        expect(
          ours(many.services).every((report) => report.actual === (installed.includes(report.profile) ? 'stopped' : 'not-installed')),
        ).toBe(true)
        await first.sh('rm "$1"/hermes-gateway-many-*', [first.units])
        await first.systemctl('daemon-reload')
      })
    })
  })
}
