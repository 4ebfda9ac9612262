import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {Account} from '../../src/host/host.js'
import {type Machine, MACHINE_NODE, MACHINE_PACKAGE} from '../../src/smoke/machine.js'
import {itInCampaign} from '../support/campaign.js'
import {doctor} from '../support/doctor-row.js'
import {describeOnSystemd} from '../support/machines.js'
import {stamped} from '../../src/managers/systemd/unit-file.js'
import {nodeOfVersion} from '../support/node-versions.js'
import {TestService} from '../support/test-service.js'

const VERSION = '0.1.0'
/** Helper, drop-in and tick as another version might have them; nothing in it has to do with the gateway's own process. */
const OTHER_HELPERS = `
sed -i '2i # Of another version.' templates/service-helper.sh
sed -i 's/^KillMode=mixed/SendSIGHUP=no\\n&/' templates/systemd/10-hermes-svc.conf.ejs
echo '// of another version' >>dist/heartbeat.cjs
`
const OTHER_ENVIRONMENT = "sed -i 's/^StandardOutput=/Environment=HERMES_OF_ANOTHER_VERSION=1\\n&/' templates/systemd/gateway.service.ejs"
/** A unit that says the same of the process in other words. */
const OTHER_COMMENTS =
  "sed -i 's/^\\[Unit\\]/# Of another version.\\n&\\nDocumentation=man:hermes-svc(1)/' templates/systemd/gateway.service.ejs"

/** $1: support folder. Helpers of each service's own, as they were before there was one for all. */
const FORMER_HELPERS = `set -e
for verb in before-start before-stop after-exit; do
  printf '#!/bin/sh\\necho %s >>"%s/said"\\n' "$verb" "$1" >"$1/$verb.sh"
done
rm "$1/service-helper.sh"
`

/** A drop-in that calls those. */
function callingFormerHelpers(dropIn: string, support: string): string {
  const line = /^(Exec\w+=-?:\/bin\/sh) .*"[^"]*\/service-helper\.sh".* "(before-start|before-stop|after-exit)" .*$/gm
  return dropIn.replace(line, (_, program: string, verb: string) => `${program} "${support}/${verb}.sh"`)
}

/** The machine, with another package of hermes-svc, or one run by another node. */
function withProgram(machine: Machine, folder: string, node = MACHINE_NODE): Machine {
  return Object.create(machine, {program: {value: [node, `${folder}/bin/hermes-svc.cjs`]}}) as Machine
}

let packages = 0

/** A package of another version in a folder of its own, changed by a shell program that runs in it. */
async function otherPackage(machine: Machine, version: string, changes = ''): Promise<{folder: string; machine: Machine}> {
  const folder = `/opt/hermes-svc-${(packages += 1)}`
  const program = `set -e
cp -R "$1" "$2"
cd "$2"
sed -i 's/"version": "[^"]*"/"version": "'"$3"'"/' package.json
# The build has compiled the templates: this package goes by those that are changed here.
sed -i 's/COMPILED_TEMPLATES\\[name\\]/undefined/' dist/cli.cjs dist/doctor.cjs
${changes}`
  const {code, stderr} = await machine.exec(['sh', '-c', program, 'sh', MACHINE_PACKAGE, folder, version])
  if (code !== 0) throw new Error(`the package of version ${version}: ${stderr}`)
  return {folder, machine: withProgram(machine, folder)}
}

const builds = {newer: (await nodeOfVersion('22')).node ?? '', other: '/opt/node-22'}

await describeOnSystemd(
  'after an update',
  (machine) => {
    let ann: Account
    beforeAll(async () => {
      ann = await machine().addUser('ann')
    })

    /** The service of the row before, as another package has it. */
    async function seenBy(other: Machine, before: TestService | undefined): Promise<{service: TestService; pid: number}> {
      if (!before) throw new Error('there is no service: see the row before')
      const service = await TestService.make(other, ann, {profile: before.profile})
      return {service, pid: await service.mainPid()}
    }

    /** A service that one package installed, and the same one as another package has it. */
    async function installedBy(by: Machine, seenBy: Machine): Promise<{service: TestService; pid: number}> {
      const before = await TestService.make(by, ann)
      await before.must('install')
      expect(await doctor(before)).toEqual({exit: 0, findings: []})
      const service = await TestService.make(seenBy, ann, {profile: before.profile})
      return {service, pid: await service.mainPid()}
    }

    const settings = async (service: TestService) =>
      JSON.parse((await service.machine.readText(`${service.support}/settings.json`)) ?? '') as {writtenBy?: string}
    const tick = (service: TestService) => service.systemctl('start', 'hermes-svc-heartbeat.service')

    // One service, from one place, node and version to the next.
    let last: TestService | undefined
    // The heartbeat of all services of a user goes with the last of them.
    afterAll(async () => {
      await last?.must('uninstall')
    })

    /** By which its tick runs; doctor runs by the machine's. */
    const node = '/opt/node-a/node'

    it('of hermes-svc that moved it (another npm prefix), nothing refers to the place from before', async () => {
      await machine().exec(['sh', '-c', 'mkdir -p "${2%/*}" && cp "$1" "$2"', 'sh', MACHINE_NODE, node])
      const {folder} = await otherPackage(machine(), VERSION)
      const {service, pid} = await installedBy(withProgram(machine(), folder, node), withProgram(machine(), `${folder}-moved`))
      await service.sh('mv "$1" "$1-moved"', [folder])
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
      expect((await tick(service)).code).toBe(0)
      expect(await service.mainPid()).toBe(pid)
      await service.must('restart')
      expect(await service.sh('grep -rl "$1" "$2" "$3" "$4" || true', [folder, service.support, service.unitFile, service.dropIn])).toBe('')
      last = service
    })

    describe('of node, by which the heartbeat ticks', () => {
      let seen: {service: TestService; pid: number}

      beforeAll(async () => {
        seen = await seenBy(machine(), last)
        const {service} = seen
        expect(await service.sh('grep ^ExecStart= "$1"', [`${service.units}/hermes-svc-heartbeat.service`])).toContain(`"${node}"`)
      })

      /** Doctor names just this. */
      async function isNamed(what: RegExp): Promise<void> {
        const {findings} = await doctor(seen.service)
        expect(findings).toMatchObject([{id: 'helper-missing', kind: 'missing', isSafe: true}])
        expect(findings[0]?.what).toMatch(what)
      }

      it.skipIf(builds.newer === '')('in place, to another version: its tick goes on, and there is nothing to find', async () => {
        const {service, pid} = seen
        await service.sh('cp "$1" "$2.new" && mv "$2.new" "$2"', [builds.other, node])
        expect(await service.sh('"$1" --version', [node])).toMatch(/^v22\./)
        expect((await tick(service)).code).toBe(0)
        expect(await doctor(service)).toEqual({exit: 0, findings: []})
        expect(await service.mainPid()).toBe(pid)
      })

      // How a node can be none is told in test/doctor/checks/helper-missing.test.ts.
      itInCampaign('to a build for another machine: doctor names it', async () => {
        // The machine's number in an ELF header (elf(5), e_machine): that of none.
        await seen.service.sh('printf "\\377\\377" | dd of="$1" bs=1 seek=18 conv=notrunc status=none', [node])
        await isNamed(/\/opt\/node-a\/node does not print its version/)
      })

      itInCampaign('to one that is too old: doctor names it', async () => {
        await seen.service.sh('printf "#!/bin/sh\\necho v18.20.4\\n" >"$1.new" && chmod 755 "$1.new" && mv "$1.new" "$1"', [node])
        await isNamed(/\/opt\/node-a\/node is too old \(v18\.20\.4; 20\.17 or newer is needed\)/)
      })

      it('that removed or moved it: doctor names it, its fix has the tick run by another node, and the gateway goes on', async () => {
        const {service, pid} = seen
        await service.sh('mv /opt/node-a /opt/node-b')
        await isNamed(/calls programs that it cannot run: \/opt\/node-a\/node is gone/)
        await service.must('fix:helper-missing', ['--yes'])
        expect(await doctor(service)).toEqual({exit: 0, findings: []})
        expect((await tick(service)).code).toBe(0)
        expect(await service.mainPid()).toBe(pid)
        last = service
      })
    })

    describe('of hermes-svc', () => {
      // test/doctor/checks/outdated.test.ts.
      itInCampaign('that changed nothing of what is installed, there is nothing to find and nothing to do', async () => {
        const after = await otherPackage(machine(), '0.1.1')
        const {service, pid} = await seenBy(after.machine, last)
        const before = await service.lasting()
        expect(await doctor(service)).toEqual({exit: 0, findings: []})
        expect((await service.run('diff')).code).toBe(0)
        expect((await service.must('install')).stdout).toContain('already up to date; nothing was changed')
        expect(await service.lasting()).toEqual(before)
        expect(await service.mainPid()).toBe(pid)
      })

      it('in place, to another helper, drop-in and tick, and to a unit that says the same of the process in other words: doctor names them and a file of the older layout, its fix writes them, the file goes, the gateway goes on', async () => {
        const after = await otherPackage(machine(), '0.2.0', `${OTHER_HELPERS}${OTHER_COMMENTS}`)
        const {service, pid} = await seenBy(after.machine, last)
        const leftover = `${service.support}/after-start.sh`
        await service.sh('echo "# of an older layout" >"$1"', [leftover], service.actor)
        const {exit, findings} = await doctor(service)
        expect({exit, findings}).toMatchObject({exit: 1, findings: [{id: 'outdated', kind: 'older', severity: 'warning', isSafe: true}]})
        expect(findings[0]?.evidence).toContain(`${leftover} is left over from hermes-svc ${VERSION}: this version does not write it`)
        expect(findings[0]?.what).toBe(
          `hermes-svc ${VERSION} wrote ${service.unit}; version 0.2.0 would change ` +
            `service-helper.sh, 10-hermes-svc.conf, ${service.unit}, heartbeat.cjs, after-start.sh`,
        )
        expect(findings[0]?.evidence.at(-1)).toBe('no restart is needed')
        const fixed = await service.must('fix:outdated', ['--yes'])
        expect(fixed.stdout).toMatch(/^Fixed: /)
        expect(await doctor(service)).toEqual({exit: 0, findings: []})
        expect(await service.mainPid()).toBe(pid)
        expect(await service.show('SendSIGHUP', 'NeedDaemonReload')).toEqual(['no', 'no'])
        expect((await settings(service)).writtenBy).toBe('0.2.0')
        expect(await service.sh('ls "$1"', [service.support])).toBe('service-helper.sh\nsettings.json\n')
        expect((await tick(service)).code).toBe(0)
        await service.must('restart')
        last = service
      })

      it('to a unit with another environment: doctor says that this needs a restart, `doctor --fix` leaves it, the fix restarts', async () => {
        const after = await otherPackage(machine(), '0.3.0', OTHER_ENVIRONMENT)
        const {service, pid} = await seenBy(after.machine, last)
        const {findings} = await doctor(service)
        expect(findings).toMatchObject([{id: 'outdated', kind: 'older', isSafe: false}])
        expect(findings[0]?.evidence.at(-1)).toMatch(/^a restart is needed: the gateway read hermes-gateway-\S+\.service when/)
        expect((await service.run('doctor', ['--fix'])).code).toBe(1)
        expect(await service.mainPid()).toBe(pid)
        await service.must('fix:outdated', ['--yes'])
        expect(await doctor(service)).toEqual({exit: 0, findings: []})
        expect(await service.comesUp(pid)).not.toBe(pid)
        expect((await service.show('Environment'))[0]).toContain('HERMES_OF_ANOTHER_VERSION=1')
        last = service
      })

      // What is said of a newer version: test/doctor/checks/outdated.test.ts; its fix is that of an older one.
      itInCampaign(
        'and back to an older one: doctor names the newer version and both ways on; a file of its layout goes, the gateway goes on',
        async () => {
          const before = await otherPackage(machine(), '0.10.0', OTHER_HELPERS)
          const newer = await seenBy(before.machine, last)
          await newer.service.must('install')
          const {service, pid} = await seenBy(machine(), newer.service)
          await service.sh('echo "# of a newer layout" >"$1/after-start.sh"', [service.support], service.actor)
          const {findings} = await doctor(service)
          expect(findings).toMatchObject([{id: 'outdated', kind: 'newer', isSafe: true}])
          expect(findings[0]?.evidence).toContain(
            `${service.support}/after-start.sh is left over from hermes-svc 0.10.0: this version does not write it`,
          )
          expect(findings[0]?.cure[1]).toMatch(/^npm install -g hermes-svc@0\.10\.0 /)
          await service.must('doctor', ['--fix'])
          expect(await doctor(service)).toEqual({exit: 0, findings: []})
          expect(await service.sh('ls "$1"', [service.support])).toBe('service-helper.sh\nsettings.json\n')
          expect(await service.mainPid()).toBe(pid)
          last = service
        },
      )

      // What another layout has left is told in test/doctor/checks/outdated.test.ts, and goes in the update in place.
      itInCampaign(
        'from one with helpers of each service’s own, which recorded no version: they do until the fix, which leaves just the one',
        async () => {
          const {service, pid} = await seenBy(machine(), last)
          const recorded = {...(await settings(service)), writtenBy: undefined}
          await service.machine.writeText(`${service.support}/settings.json`, JSON.stringify(recorded), service.actor)
          const dropIn = (await service.machine.readText(service.dropIn)) ?? ''
          await service.machine.writeText(service.dropIn, stamped(callingFormerHelpers(dropIn, service.support)), service.actor)
          await service.sh(FORMER_HELPERS, [service.support], service.actor)
          await service.systemctl('daemon-reload')
          await service.sh('kill -9 "$1"', [String(pid)])
          const next = await service.comesUp(pid)
          expect(await service.sh('cat "$1/said"', [service.support])).toBe('after-exit\nbefore-start\n')
          await service.sh('rm "$1/said"', [service.support], service.actor)
          const {findings} = await doctor(service)
          expect(findings).toMatchObject([{id: 'outdated', kind: 'older', isSafe: true}])
          expect(findings[0]?.what).toContain('an earlier hermes-svc wrote ')
          expect(findings[0]?.evidence).toContain(
            `${service.support}/service-helper.sh does not exist: an earlier hermes-svc did not write it`,
          )
          await service.must('fix:outdated', ['--yes'])
          expect(await doctor(service)).toEqual({exit: 0, findings: []})
          expect(await service.mainPid()).toBe(next)
          expect(await service.sh('ls "$1"', [service.support])).toBe('service-helper.sh\nsettings.json\n')
        },
      )
    })
  },
  builds.newer === '' ? {} : {binds: [{source: builds.newer, target: builds.other}]},
)
