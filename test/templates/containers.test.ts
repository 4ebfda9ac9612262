import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {validate} from 'dockerfile-utils'
import {Deployment} from 'kubernetes-models/apps/v1/Deployment'
import {PersistentVolumeClaim} from 'kubernetes-models/v1/PersistentVolumeClaim'
import {describe, expect, it} from 'vitest'
import {parse, parseAllDocuments} from 'yaml'
import {describeUnless} from '../support/describe-unless.js'
import {inCampaign, itInCampaign} from '../support/campaign.js'
import {lacks, SHELLS} from '../support/helper-scripts.js'

const FOLDER = path.join(import.meta.dirname, '../../templates/containers')
const LIVENESS = ['hermes-svc', 'health', '--probe', 'liveness']
const READINESS = ['hermes-svc', 'health', '--probe', 'readiness']

const text = (name: string) => fs.readFileSync(path.join(FOLDER, name), 'utf8')

describe('the Dockerfiles', () => {
  it.each(['Dockerfile', 'Dockerfile.no-s6'])('%s has no error and nothing to warn of', (name) => {
    expect(validate(text(name))).toEqual([])
    expect(text(name)).toContain(`CMD ${JSON.stringify(LIVENESS).replaceAll(',', ', ')}`)
  })

  it('are looked at by a linter that finds errors', () => {
    const messages = validate(`${text('Dockerfile')}\nHEALTHCHECK --intervall=3s CMD true\nENTRYPOINT\n`)
    expect(messages.length).toBeGreaterThan(1)
  })

  it('copy only what is beside them', () => {
    const copied = [...text('Dockerfile').matchAll(/^COPY (?:--\S+ )*(\S+)/gm)].map(([, file]) => file ?? '')
    expect(copied).toEqual(['03-hermes-svc'])
    expect(fs.statSync(path.join(FOLDER, '03-hermes-svc')).mode & 0o111).toBe(0o111)
  })
})

describe('the time that s6 leaves the gateway when a container is stopped', () => {
  /** ms, as the three say it. */
  const graces = () => [
    Number(/^ENV S6_KILL_GRACETIME=(\d+)$/m.exec(text('Dockerfile'))?.[1]),
    Number(
      (parse(text('compose.yaml')) as {services: {gateway: {environment: Record<string, string>}}}).services.gateway.environment
        .S6_KILL_GRACETIME,
    ),
    Number(/- name: S6_KILL_GRACETIME\n +value: "(\d+)"/.exec(text('kubernetes.yaml'))?.[1]),
  ]

  it('is what any gateway needs, and less than what Docker and Kubernetes leave s6', () => {
    expect(graces()).toEqual([60_000, 60_000, 60_000])
    const outer = [
      /stop_grace_period: (\d+)s/.exec(text('compose.yaml')),
      /terminationGracePeriodSeconds: (\d+)/.exec(text('kubernetes.yaml')),
    ]
    for (const match of outer) expect(Number(match?.[1]) * 1000).toBeGreaterThan(60_000)
  })
})

describe('the manifest for Kubernetes', () => {
  const documents = parseAllDocuments(text('kubernetes.yaml')).map((document) => document.toJS() as Record<string, unknown>)
  const [claim, deployment] = documents

  it('is what the schemas of Kubernetes want', () => {
    expect(documents.map(({kind}) => kind)).toEqual(['PersistentVolumeClaim', 'Deployment'])
    expect(() => new PersistentVolumeClaim(claim as never).validate()).not.toThrow()
    expect(() => new Deployment(deployment as never).validate()).not.toThrow()
  })

  it('is looked at by schemas that find errors', () => {
    const wrong = structuredClone(deployment) as {spec: {template: {spec: {containers: {livenessProbe: object}[]}}}}
    Object.assign(wrong.spec.template.spec.containers[0]?.livenessProbe ?? {}, {periodSeconds: 'often'})
    expect(() => new Deployment(wrong as never).validate()).toThrow()
  })

  it('has probes for life and readiness, and one pod at most on the volume', () => {
    const {spec} = new Deployment(deployment)
    const [container] = spec?.template.spec?.containers ?? []
    expect(container?.livenessProbe?.exec?.command).toEqual(LIVENESS)
    expect(container?.readinessProbe?.exec?.command).toEqual(READINESS)
    expect([spec?.replicas, spec?.strategy?.type]).toEqual([1, 'Recreate'])
  })
})

describeUnless(lacks('docker-compose'), 'the compose file', () => {
  interface Compose {
    readonly services: Record<
      string,
      {readonly volumes: string[]; readonly healthcheck?: {readonly test: string[]}; readonly init?: boolean}
    >
  }

  function config(content: string): {readonly status: number | null; readonly stdout: string; readonly stderr: string} {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-test-'))
    try {
      fs.writeFileSync(path.join(folder, 'compose.yaml'), content)
      const env = {PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder}
      return spawnSync('docker-compose', ['-f', 'compose.yaml', 'config'], {cwd: folder, env, encoding: 'utf8'})
    } finally {
      fs.rmSync(folder, {recursive: true})
    }
  }

  it('is taken by docker-compose, with one volume for both containers', () => {
    const {status, stdout, stderr} = config(text('compose.yaml'))
    expect({status, stderr}).toEqual({status: 0, stderr: ''})
    const {services} = parse(stdout) as Compose
    expect(Object.keys(services).sort()).toEqual(['gateway', 'webui'])
    for (const service of Object.values(services)) expect(service.volumes[0]).toMatch(/^hermes-home:/)
    expect(services.gateway?.healthcheck?.test).toEqual(['CMD', ...LIVENESS])
    // s6 has to be PID 1.
    expect(services.gateway?.init).toBeUndefined()
  })

  itInCampaign('is looked at by a program that finds errors', () => {
    expect(config(text('compose.yaml').replace('restart: unless-stopped', 'restarts: unless-stopped')).status).not.toBe(0)
  })
})

describeUnless(lacks('shellcheck'), 'the script for cont-init.d', () => {
  it('has nothing that shellcheck finds', () => {
    const {status, stdout} = spawnSync('shellcheck', [path.join(FOLDER, '03-hermes-svc')], {encoding: 'utf8'})
    expect({status, stdout}).toEqual({status: 0, stdout: ''})
  })
})

describe('the script for cont-init.d', () => {
  /** Runs it with a program of that name which does this, or with none. */
  function run(shell: readonly string[], body: string | undefined, limit?: string) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-test-'))
    try {
      if (body !== undefined) fs.writeFileSync(path.join(folder, 'hermes-svc'), `#!/bin/sh\n${body}\n`, {mode: 0o755})
      const [program = '', ...args] = shell
      return spawnSync(program, [...args, path.join(FOLDER, '03-hermes-svc')], {
        env: {PATH: `${folder}:/usr/local/bin:/usr/bin:/bin`, ...(limit === undefined ? {} : {HERMES_SVC_BOOT_LIMIT: limit})},
        encoding: 'utf8',
        timeout: 25_000,
      })
    } finally {
      fs.rmSync(folder, {recursive: true})
    }
  }

  const shells = Object.entries(SHELLS).filter(([, [program = '']]) => lacks(program) === undefined)
  // It is waited out: by one of them, and in a campaign by each.
  it.each(inCampaign(shells, shells.slice(0, 1)))('ends a boot that hangs, and lets the container go on: %s', (_, shell) => {
    const {status, signal, stderr} = run(shell, 'exec sleep 1000', '1')
    expect({status, signal}).toEqual({status: 0, signal: null})
    expect(stderr).toContain('took longer than 1 s')
  })

  it.each(shells)('passes on what boot says, and lets the container go on: %s', (_, shell) => {
    expect(run(shell, 'echo "$1"')).toMatchObject({status: 0, stdout: 'boot\n', stderr: ''})
    expect(run(shell, 'exit 1')).toMatchObject({status: 0, stderr: expect.stringContaining('boot failed') as string})
    expect(run(shell, undefined)).toMatchObject({status: 0, stderr: expect.stringContaining('not on PATH') as string})
  })
})
