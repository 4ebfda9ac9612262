import fs from 'node:fs'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'
import {parse, parseAllDocuments} from 'yaml'
import {testHost} from '../support/machines.js'
import {describeInContainer, type Ended, S6Container, Volumes} from '../support/s6-container.js'

const FOLDER = path.join(testHost.packageRoot, 'templates', 'containers')
const SCRIPT = '/etc/cont-init.d/03-hermes-svc'

interface Probe {
  readonly exec: {readonly command: string[]}
}

interface Pod {
  readonly spec: {
    readonly template: {readonly spec: {readonly containers: {readonly livenessProbe: Probe; readonly readinessProbe: Probe}[]}}
  }
}

describeInContainer('what is there to copy, in a container', () => {
  let volumes: Volumes
  let container: S6Container

  // One container: before hermes-svc is on its PATH, and after that.
  beforeAll(async () => {
    volumes = await Volumes.make()
    const volume = volumes.volume()
    volume.profile('default')
    container = await S6Container.boot(volume)
    fs.mkdirSync(container.path('/etc/cont-init.d'), {recursive: true})
    fs.copyFileSync(path.join(FOLDER, '03-hermes-svc'), container.path(SCRIPT))
  })
  afterAll(async () => {
    await volumes.drop()
  })

  /** What `npm install --global` leaves on PATH. */
  function putOnPath(): void {
    const program = '#!/bin/sh\nexec /opt/node /opt/hermes-svc/bin/hermes-svc.cjs "$@"\n'
    fs.writeFileSync(container.path('/opt/hermes/bin/hermes-svc'), program, {mode: 0o755})
  }

  /** As s6-overlay runs the scripts of cont-init.d: with next to no environment. */
  const init = (): Promise<Ended> => container.exec(['env', '-i', 'PATH=/usr/bin:/bin', SCRIPT])

  const probes = () => {
    const deployment = parseAllDocuments(fs.readFileSync(path.join(FOLDER, 'kubernetes.yaml'), 'utf8'))[1]?.toJS() as Pod
    const [pod] = deployment.spec.template.spec.containers
    const {services} = parse(fs.readFileSync(path.join(FOLDER, 'compose.yaml'), 'utf8')) as {
      services: {gateway: {healthcheck: {test: string[]}}}
    }
    return {
      liveness: pod?.livenessProbe.exec.command ?? [],
      readiness: pod?.readinessProbe.exec.command ?? [],
      healthcheck: services.gateway.healthcheck.test.slice(1),
    }
  }

  it('the script never fails the boot of its container', async () => {
    const without = await init()
    expect({code: without.code, stderr: without.stderr}).toMatchObject({code: 0, stderr: expect.stringContaining('not on PATH') as string})
    fs.writeFileSync(container.path('/opt/hermes/bin/hermes-svc'), '#!/bin/sh\nexit 1\n', {mode: 0o755})
    const failing = await init()
    expect({code: failing.code, stderr: failing.stderr}).toMatchObject({code: 0, stderr: expect.stringContaining('boot failed') as string})
  })

  it('the script for cont-init.d starts the gateways, and the probes see it; one that is stopped on purpose is no reason to restart its container', async () => {
    putOnPath()
    const {liveness, readiness, healthcheck} = probes()
    const booted = await init()
    expect({code: booted.code, stderr: booted.stderr}).toEqual({code: 0, stderr: ''})
    expect(booted.stdout).toContain('profile=default action=start')
    await container.comesUp()
    for (const probe of [liveness, readiness, healthcheck]) expect((await container.exec(probe)).code).toBe(0)
    await container.must(['stop'])
    expect([(await container.exec(liveness)).code, (await container.exec(readiness)).code]).toEqual([0, 1])
    await container.must(['start'])
    const pid = await container.comesUp()
    await container.sh(`kill -STOP ${pid}`)
    for (const probe of [liveness, readiness, healthcheck]) expect((await container.exec(probe)).code).toBe(1)
  })
})
