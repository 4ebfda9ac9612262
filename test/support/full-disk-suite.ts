import {beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import type {Machine} from '../../src/smoke/machine.js'
import {itInCampaign} from './campaign.js'
import {waitFor} from './hermes-svc.js'
import {Receiver} from './receiver.js'
import {TestService} from './test-service.js'

/** Tests of a suite on a machine, with one of its users. */
export function describeFullDisk(machine: () => Machine, ofWhom: () => Account): void {
  describe('a home that takes nothing new', () => {
    let user: Account

    beforeAll(() => {
      user = ofWhom()
    })

    /** A running service whose home is a file system of its own, until the last of its rows. */
    const installed = async (size: string, flags: readonly string[] = ['--heartbeat', 'off']): Promise<TestService> => {
      const service = await TestService.make(machine(), user)
      await service.sh('mount -t tmpfs -o "size=$4,mode=0700,uid=$2,gid=$3" home "$1"', [
        service.home,
        String(user.uid),
        String(user.gid),
        size,
      ])
      await service.configure({})
      await service.must('install', flags)
      return service
    }
    const recorded = async ({home}: TestService) =>
      (JSON.parse((await machine().readText(`${home}/.hermes-svc.json`)) ?? '{}') as {desiredState?: string}).desiredState
    const end = async (service: TestService) => {
      await service.must('uninstall', ['--yes'])
      await service.sh('umount "$1"', [service.home])
    }

    let service: TestService

    it('lets its gateway be stopped where the disk is full, and the stop is recorded over the bytes that are there', async () => {
      service = await installed('6m')
      await service.sh('cat /dev/zero >"$1/fill" 2>/dev/null; [ -s "$1/fill" ]', [service.home])
      await service.must('stop')
      expect(await service.status()).toMatchObject({actual: 'stopped', desired: 'stopped', enabled: false})
      expect(await recorded(service)).toBe('stopped')
      expect(await service.sh('cd "$1" && find . -name ".gateway-planned-stop.json.*" -o -name "*hermes-svc-tmp"', [service.home])).toBe('')
      await service.sh('rm "$1/fill"', [service.home])
      await service.must('start')
    })

    it('has its gateway ended by restart --force where the disk is full; the command says that none came up, doctor says why, and a restart with room works', async () => {
      const {pid} = (await service.status()).verdict
      await service.sh('cat /dev/zero >"$1/fill" 2>/dev/null; [ -s "$1/fill" ]', [service.home])
      const restarted = await service.run('restart', ['--force', '--timeout', '5s', '--json'])
      expect([restarted.code, restarted.json<{error: {message: string}}>().error.message]).toEqual([
        1,
        expect.stringMatching(/^The gateway did not come up: /),
      ])
      expect(await service.sh('kill -0 "$1" 2>/dev/null || echo gone', [String(pid)])).toBe('gone\n')
      const doctor = await service.run('doctor', ['--json'])
      expect(doctor.json<{services: {findings: {id: string}[]}[]}>().services[0]?.findings).toContainEqual(
        expect.objectContaining({id: 'disk'}),
      )
      await service.sh('rm "$1/fill"', [service.home])
      await service.must('restart', ['--force'])
      expect(await service.status()).toMatchObject({actual: 'running', desired: 'running', failuresInARow: 0})
    })

    it('is given room by what doctor says where a log of its own has filled the disk', async () => {
      await service.sh('mount -o remount,size=120m "$1"', [service.home])
      await service.sh('yes "a line of a log" >"$1" 2>/dev/null; [ -s "$1" ]', [`${service.home}/logs/errors.log.1`], {user})
      const {findings} = (await service.run('doctor', ['--json'])).json<{services: {findings: {id: string; cure: string[]}[]}[]}>()
        .services[0] ?? {
        findings: [],
      }
      expect(findings.map(({id}) => id)).toEqual(['disk', 'log-size'])
      expect(findings[0]?.cure[0]).toMatch(/^hermes-svc fix log-size /)
      await service.must('fix:log-size', ['--yes'])
      expect(await service.sh('stat -c %s "$1" && tail -n 1 "$1"', [`${service.home}/logs/errors.log.1`])).toMatch(/^9\d{6}\n|^10000000\n/)
      await service.must('doctor')
    })

    it('lets its gateway be stopped where it is read-only, and the command says what could not be recorded; a stop with room records it', async () => {
      // Over it, since the gateway has files open.
      await service.sh('mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"', [service.home])
      const {code, stderr, ...stopped} = await service.run('stop', ['--json'])
      expect(await service.status()).toMatchObject({actual: 'stopped', enabled: false})
      const again = await service.run('stop', ['--json'])
      await service.sh('umount "$1"', [service.home])
      const record = expect.stringMatching(
        /^could not record that the service should be stopped: cannot write .*: EROFS; once the disk can be written again, run: hermes-svc stop /,
      )
      const journal = expect.stringMatching(/^could not write the journal: .*: EROFS/)
      expect([code, stopped.json<object>()]).toEqual([0, expect.objectContaining({ok: true, changed: true, warnings: [record, journal]})])
      expect(stderr).toMatch(/^hermes-svc: could not record that the service should be stopped/m)
      expect([again.code, again.json<object>()]).toEqual([
        0,
        expect.objectContaining({ok: true, changed: false, warnings: [record, journal]}),
      ])
      expect(await recorded(service)).toBe('running')
      await service.must('stop')
      expect(await recorded(service)).toBe('stopped')
      await end(service)
    })

    it('has its end told once where the disk is full, and once where it is read-only, and that it is well again', async () => {
      const receiver = await Receiver.start(machine(), user, 8190)
      service = await installed('6m', ['--heartbeat-interval', '2s', '--notify', `http://127.0.0.1:${receiver.port}`])
      const harms = [
        ['cat /dev/zero >"$1/fill" 2>/dev/null; [ -s "$1/fill" ]', 'rm "$1/fill"'],
        // Lazily, since a tick may be reading there.
        ['mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"', 'umount -l "$1"'],
      ] as const
      // There is something to be written over then.
      await waitFor(async () => (await service.sh('ls -A "$1"', [service.home])).includes('.hermes-svc-notify-state.json'), 'a tick')
      for (const [index, [harm, mend]] of harms.entries()) {
        await service.configure({exit_on_start: {code: 1}})
        await service.sh(harm, [service.home])
        await service.systemctl('kill', '--signal=SIGKILL', service.unit)
        await receiver.until('crash-looping', index + 1)
        await service.sh(mend, [service.home])
        await service.configure({})
        await service.must('restart')
        await receiver.until('recovered', index + 1)
      }
      // Whether it is seen to be down before it has failed so often is a matter of when the ticks come.
      const kinds = (await receiver.told()).filter((kind) => kind !== 'down')
      expect(kinds).toEqual(['crash-looping', 'recovered', 'crash-looping', 'recovered'])
      await end(service)
    })

    // What cannot be written there is as on a full disk, and what follows from that: test/lifecycle/start-stop.test.ts.
    itInCampaign('lets its gateway be stopped where it has no inode left', async () => {
      const service = await installed('6m,nr_inodes=200')
      await service.sh('mkdir "$1/many" && cd "$1/many" && seq "$(stat -f -c %d .)" | xargs touch', [service.home])
      await service.must('stop')
      expect(await service.status()).toMatchObject({actual: 'stopped', desired: 'stopped', enabled: false})
      expect(await recorded(service)).toBe('stopped')
      await service.sh('rm -r "$1/many"', [service.home])
      await service.must('start')
      await end(service)
    })
  })
}
