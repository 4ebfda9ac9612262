import {spawn} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'
import {waitFor} from '../support/machines.js'
import {describeInContainer, HERMES_ID, S6Container, Volumes} from '../support/s6-container.js'

// What every suite in containers stands on, and would not pass without: after a change of test/support/s6-container.ts.

describeInContainer('the containers of these tests', () => {
  let volumes: Volumes

  beforeAll(async () => {
    volumes = await Volumes.make()
  })
  afterAll(async () => {
    await volumes.drop()
  })

  it('have s6-svscan as PID 1, and processes and files of their own', async () => {
    const container = await S6Container.boot(volumes.volume())
    const {stdout} = await container.sh('cat /proc/1/comm; ls /proc | grep -c "^[0-9]"; touch /etc/mark /opt/data/mark; ls -A /home')
    const [comm, processes, ...homes] = stdout.trim().split('\n')
    expect([comm, Number(processes) < 10, homes]).toEqual(['s6-svscan', true, []])
    expect(fs.existsSync('/etc/mark')).toBe(false)
    await container.kill()
  })

  it('keep only the volume over a restart', async () => {
    const volume = volumes.volume()
    const first = await S6Container.boot(volume)
    await first.sh('touch /opt/data/kept /run/lost', {uid: 0})
    const second = await first.restart()
    expect((await second.sh('ls /opt/data /run', {uid: HERMES_ID})).stdout).toMatch(/kept/)
    expect((await second.sh('ls /run')).stdout).not.toContain('lost')
    await second.stop()
  })

  it('share a volume, and do not see each other', async () => {
    const volume = volumes.volume()
    const [one, two] = [await S6Container.boot(volume), await S6Container.boot(volume)]
    await one.sh('echo from one >/opt/data/note; setsid sleep 4321 >/dev/null 2>&1 &')
    expect((await two.sh('cat /opt/data/note')).stdout).toBe('from one\n')
    expect((await two.sh('pgrep -x sleep')).stdout).toBe('')
    await Promise.all([one.kill(), two.kill()])
  })

  it('leave nothing behind when their owner is killed', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-test-'))
    try {
      const {build} = await import('esbuild')
      const outfile = path.join(folder, 'owner.mjs')
      // Bundled elsewhere, it still finds the package by where its source is.
      const define = {'import.meta.url': JSON.stringify(import.meta.url)}
      const entryPoints = [path.join(import.meta.dirname, '../support/container-driver.ts')]
      await build({entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'error', define})
      fs.symlinkSync(path.join(import.meta.dirname, '../../node_modules'), path.join(folder, 'node_modules'))
      const owner = spawn(process.execPath, [outfile], {stdio: ['ignore', 'pipe', 'inherit']})
      const line = await new Promise<string>((resolve, reject) => {
        owner.stdout.once('data', (data: Buffer) => resolve(data.toString()))
        owner.once('exit', (code) => reject(new Error(`exit ${code}`)))
      })
      const {keeper, init} = JSON.parse(line) as {keeper: number; init: number}
      const namespaces = [keeper, init].map((pid) => fs.readlinkSync(`/proc/${pid}/ns/mnt`))
      owner.removeAllListeners('exit')
      owner.kill('SIGKILL')
      await waitFor(() => {
        const left = fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && namespaces.includes(mountNamespace(pid)))
        return left.length === 0
      }, 'all processes of the namespaces to be gone')
    } finally {
      fs.rmSync(folder, {recursive: true})
    }
  })
})

function mountNamespace(pid: string): string {
  try {
    return fs.readlinkSync(`/proc/${pid}/ns/mnt`)
  } catch {
    // It has ended since the folder was read.
    return ''
  }
}
