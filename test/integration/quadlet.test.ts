import fs from 'node:fs'
import path from 'node:path'
import {beforeAll, describe, expect, it} from 'vitest'
import {describeUnless} from '../support/describe-unless.js'
import {describeOnSystemd, testHost} from '../support/machines.js'
import {podmanRoot} from '../support/podman-root.js'

const FILE = path.join(testHost.packageRoot, 'templates/containers/hermes.container')
const FOLDER = '/etc/containers/systemd'
const UNIT = 'hermes.service'
const podman = await podmanRoot()
const source = (inside: string) => path.join('root' in podman ? podman.root : '', inside)
const PROGRAMS = ['usr/libexec/podman/quadlet', 'usr/bin/podman']

if ('reason' in podman) describeUnless(podman.reason, 'the file for Podman Quadlet', () => undefined)
else {
  await describeOnSystemd(
    'the file for Podman Quadlet',
    (machine) => {
      const text = fs.readFileSync(FILE, 'utf8')
      const sh = async (program: string) => {
        const {code, stdout, stderr} = await machine().exec(['sh', '-c', program])
        return {code, stdout, stderr}
      }
      const put = (content: string) => machine().writeText(`${FOLDER}/hermes.container`, content)
      /** What podman's generator makes of it, as at a boot. */
      const generate = (flags = '') => sh(`mkdir -p /run/made && /usr/libexec/podman/quadlet ${flags} /run/made`)

      beforeAll(async () => {
        await sh(`mkdir -p ${FOLDER}`)
        await put(text)
      })

      it('is taken by the generator of podman, and refused by it with a key that is none', async () => {
        expect(await generate()).toMatchObject({code: 0})
        expect((await sh(`ls /run/made`)).stdout).toContain(UNIT)
        await put(text.replace('HealthInterval=', 'HealthIntervall='))
        const refused = await generate('--dryrun')
        expect(refused).toMatchObject({code: 1, stderr: expect.stringContaining("unsupported key 'HealthIntervall'")})
        await put(text)
      })

      describe('as systemd has it', () => {
        let shown: Map<string, string>
        beforeAll(async () => {
          await generate()
          await sh(`cp /run/made/${UNIT} /run/systemd/system && systemctl daemon-reload`)
          const {stdout} = await sh(`systemctl show ${UNIT}`)
          shown = new Map(stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
        })

        it('has nothing that systemd-analyze warns of', async () => {
          expect(await sh(`systemd-analyze verify --man=no /run/systemd/system/${UNIT} 2>&1`)).toMatchObject({code: 0, stdout: ''})
          await sh(`sed 's/^RestartSec=.*/RestartSec=soon/' /run/systemd/system/${UNIT} >/run/wrong.service`)
          expect((await sh('systemd-analyze verify --man=no /run/wrong.service 2>&1')).stdout).toContain('RestartSec')
        })

        it('is started when it is healthy, restarted for what may be cured by that, and for 78 and 0 alone not', () => {
          expect(
            Object.fromEntries(
              [...shown].filter(([name]) => /^(Type|Restart|(RestartPrevent|RestartForce|Success)ExitStatus|LoadState)$/.test(name)),
            ),
          ).toEqual({
            ...{LoadState: 'loaded', Type: 'notify', Restart: 'on-failure'},
            ...{RestartPreventExitStatus: '78', RestartForceExitStatus: '75', SuccessExitStatus: '75'},
          })
          expect(shown.get('StartLimitIntervalUSec')).toBe('0')
          expect(shown.get('ExecStart')).toContain('--sdnotify=healthy')
        })

        it('leaves the gateway the time that it needs, and systemd longer than podman', () => {
          const stopSec = Number(/--stop-timeout (\d+)/.exec(shown.get('ExecStart') ?? '')?.[1])
          const compose = fs.readFileSync(path.join(path.dirname(FILE), 'compose.yaml'), 'utf8')
          expect(stopSec).toBe(Number(/stop_grace_period: (\d+)s/.exec(compose)?.[1]))
          const [, minutes] = /^(\d+)min$/.exec(shown.get('TimeoutStopUSec') ?? '') ?? []
          expect(Number(minutes) * 60).toBeGreaterThan(stopSec)
        })

        it('has the probes of hermes-svc as its health checks, and the home on a volume', () => {
          const command = shown.get('ExecStart') ?? ''
          for (const part of [
            '--health-startup-cmd hermes-svc health --probe readiness',
            '--health-cmd hermes-svc health --probe liveness',
            '--health-on-failure kill',
            '-v hermes-home:/opt/data',
            '--env HERMES_HOME=/opt/data',
          ]) {
            expect(command).toContain(part)
          }
        })
      })

      it('is taken for a user as well', async () => {
        const {code, stdout} = await sh(`QUADLET_UNIT_DIRS=${FOLDER} /usr/libexec/podman/quadlet --user --dryrun`)
        expect(code).toBe(0)
        expect(stdout).toContain('WantedBy=multi-user.target default.target')
        expect(stdout).toContain('podman-user-wait-network-online.service')
      })
    },
    {versions: ['257'], binds: PROGRAMS.map((file) => ({source: source(file), target: `/${file}`}))},
  )
}
