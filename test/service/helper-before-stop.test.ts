import {existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, expect, it} from 'vitest'
import {parseStat} from '../../src/gateway/process.js'
import {describeUnless} from '../support/describe-unless.js'
import {
  askedUnder,
  cleanUp,
  helperService,
  type HelperService,
  type Json,
  killLater,
  lacks,
  NO_PROCESS,
  put,
  PYTHON,
  read,
  record,
  runHelper,
  SHELLS,
  startAnything,
  startPython,
  startTime,
  startZombie,
} from '../support/helper-scripts.js'

const MARKER = '.gateway-planned-stop.json'

afterEach(cleanUp)

for (const [shellName, shell] of Object.entries(SHELLS)) {
  const {itOfAll, rowsOf} = askedUnder(shellName)
  describeUnless(lacks(shell[0] ?? '', PYTHON), `before-stop.sh under ${shellName}`, () => {
    const marker = (made: HelperService) => JSON.parse(read(made.home, MARKER) ?? 'null') as Json | null
    const stop = (made: HelperService, pid: number) => runHelper(shell, made, 'before-stop', {MAINPID: String(pid)})

    it('names the main process in the marker and says that the stop was asked for', async () => {
      const made = helperService()
      const pid = await startAnything()
      const before = Math.floor(Date.now() / 1000) * 1000
      expect(stop(made, pid)).toEqual({code: 0, stderr: ''})
      expect(marker(made)).toEqual({
        target_pid: pid,
        // Gateways up to 0.14 heed no marker without it.
        target_start_time: startTime(pid),
        stopper_pid: expect.any(Number) as number,
        // Python before 3.11 reads no `Z`.
        written_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/) as string,
      })
      const writtenAt = Date.parse(marker(made)?.['written_at'] as string)
      expect(writtenAt).toBeGreaterThanOrEqual(before)
      expect(writtenAt).toBeLessThanOrEqual(Date.now())
      expect(lstatSync(join(made.home, MARKER)).mode & 0o777).toBe(0o600)
      expect(readdirSync(made.home)).toEqual([MARKER])
      expect(readdirSync(made.state)).toEqual(['stopping'])
    })

    it.each(
      rowsOf([
        ['JSON', (pid: number) => record(pid, {start_time: startTime(pid)})],
        ['a bare number', (pid: number) => pid],
      ]),
    )('names the gateway that the main process started, if the record (%s) says so', async (_, content) => {
      const made = helperService()
      // A child that is a wrapper too, and the gateway its child.
      const {pid, line} = await startPython('p=os.fork()\nif p==0: q=os.fork()\nif p==0 and q!=0: print(q,flush=True)')
      const gateway = Number(line)
      killLater(parseStat(readFileSync(`/proc/${gateway}/stat`, 'utf8'))?.parentPid ?? 0)
      killLater(gateway)
      put(made.home, 'gateway.pid', content(gateway))
      expect(stop(made, pid).code).toBe(0)
      expect(marker(made)).toMatchObject({target_pid: gateway, target_start_time: startTime(gateway)})
    })

    it('asks the gateway that the main process started for a restart, if it is told to reload, and leaves no trace of a stop', async () => {
      const made = helperService()
      // A wrapper that a SIGUSR1 would end, and the gateway, its child, that notes what it gets.
      const code =
        'import signal\nr,w=os.pipe()\np=os.fork()\nif p==0:\n signal.signal(signal.SIGUSR1,lambda *_: open(sys.argv[1],"w").write("USR1"))\n os.write(w,b"x")\nelse:\n os.read(r,1)\n print(p,flush=True)'
      const {pid, line} = await startPython(code.replace('sys.argv[1]', JSON.stringify(join(made.root, 'got'))))
      killLater(Number(line))
      put(made.home, 'gateway.pid', record(Number(line), {start_time: startTime(Number(line))}))
      expect(runHelper(shell, made, 'reload', {MAINPID: String(pid)})).toEqual({code: 0, stderr: ''})
      await expect.poll(() => read(made.root, 'got')).toBe('USR1')
      expect(startTime(pid)).toBeGreaterThan(0)
      expect([marker(made), readdirSync(made.state)]).toEqual([null, []])
    })

    it.each<[string, (mainPid: number) => Promise<Json | string | number>]>(
      rowsOf<[string, (mainPid: number) => Promise<Json | string | number>]>([
        ['garbage', async () => '{"pid":'],
        ['a process that it did not start', async () => startAnything()],
        ['nobody', async () => NO_PROCESS],
        ['process 1', async () => 1],
        ['itself', async (mainPid) => mainPid],
      ]),
    )('names the main process if the record names %s', async (_, content) => {
      const made = helperService()
      const pid = await startAnything()
      put(made.home, 'gateway.pid', await content(pid))
      expect(stop(made, pid)).toEqual({code: 0, stderr: ''})
      expect(marker(made)).toMatchObject({target_pid: pid})
    })

    itOfAll('names the main process if the record is of an earlier process with the number of one that it started', async () => {
      const made = helperService()
      const {pid, line} = await startPython('p=os.fork()\nif p!=0: print(p,flush=True)')
      killLater(Number(line))
      put(made.home, 'gateway.pid', record(Number(line), {start_time: 1}))
      stop(made, pid)
      expect(marker(made)).toMatchObject({target_pid: pid})
    })

    it.each<[string, Record<string, string>]>([
      ['unset', {}],
      ['gone', {MAINPID: String(NO_PROCESS)}],
      ['no number', {MAINPID: '$(reboot)'}],
    ])('does nothing if MAINPID is %s', async (_, env) => {
      const made = helperService()
      expect(runHelper(shell, made, 'before-stop', env)).toEqual({code: 0, stderr: ''})
      expect([...readdirSync(made.home), ...readdirSync(made.state)]).toEqual([])
    })

    itOfAll('does nothing if the main process is a zombie', async () => {
      const made = helperService()
      stop(made, await startZombie())
      expect([...readdirSync(made.home), ...readdirSync(made.state)]).toEqual([])
    })

    it('replaces a link in place of the marker and leaves what it points to', async () => {
      const made = helperService()
      put(made.root, 'precious', 'kept')
      symlinkSync(join(made.root, 'precious'), join(made.home, MARKER))
      stop(made, process.pid)
      expect(read(made.root, 'precious')).toBe('kept')
      expect(marker(made)).toMatchObject({target_pid: process.pid})
      expect(lstatSync(join(made.home, MARKER)).isFile()).toBe(true)
    })

    it.each<[string, (made: HelperService, path: string) => unknown]>([
      ['a folder', (_, path) => mkdirSync(path)],
      ['a link to a folder', (made, path) => symlinkSync(join(made.root, 'elsewhere'), path)],
    ])('does not write into %s in place of the marker, and says so', async (_, make) => {
      const made = helperService()
      mkdirSync(join(made.root, 'elsewhere'))
      make(made, join(made.home, MARKER))
      const {code, stderr} = stop(made, process.pid)
      expect(code).toBe(0)
      expect(stderr).toContain('could not write the planned-stop marker')
      expect([...readdirSync(join(made.home, MARKER)), ...readdirSync(join(made.root, 'elsewhere'))]).toEqual([])
      expect(readdirSync(made.home)).toEqual([MARKER])
      expect(existsSync(join(made.state, 'stopping'))).toBe(true)
    })

    it('leaves nothing where there is no room for the marker, and says so', async () => {
      const made = helperService()
      // No file may have a byte: each write fails as on a full disk.
      const full = ['sh', '-c', 'trap "" XFSZ; ulimit -f 0; exec "$@"', 'sh', ...shell]
      const {code, stderr} = runHelper(full, made, 'before-stop', {MAINPID: String(process.pid)})
      expect(code).toBe(0)
      expect(stderr).toContain('could not write the planned-stop marker')
      expect(readdirSync(made.home)).toEqual([])
    })
  })
}
