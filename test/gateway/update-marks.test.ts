import {describe, expect, it} from 'vitest'
import {updateUnderWay} from '../../src/gateway/update-marks.js'
import {FakeHost} from '../fakes/fake-host.js'
import {processFiles} from '../fakes/fake-process.js'

const ROOT = '/home/user/.hermes'
const CHECKOUT = `${ROOT}/hermes-agent`
const HERMES = `${CHECKOUT}/venv/bin/hermes`
const UPDATER = processFiles({pid: 900, startTime: 9000})

function under(files: Record<string, string>, command: readonly string[] = [HERMES]) {
  const host = new FakeHost({pids: [900], files: {...UPDATER, [HERMES]: {text: '', mode: 0o755}, ...files}})
  const fill = (text: string) => text.replace('NOW', String(host.nowMs() / 1000 - 60)).replace('OLD', String(host.nowMs() / 1000 - 1300))
  for (const [file, text] of Object.entries(files)) host.put(file, fill(text))
  return updateUnderWay({host, userHost: host}, {root: ROOT, home: `${ROOT}/profiles/work`}, command)
}

describe('an update of the gateway', () => {
  it('is under way while the process lives that has its lock, for as long as upstream heeds that', () => {
    const lock = `${ROOT}/.hermes-update-in-progress`
    expect(under({})).toBeUndefined()
    expect(under({[lock]: '900\nNOW\n'})).toMatchObject({kind: 'works', pid: 900, mark: lock})
    expect(under({[lock]: '901\nNOW\n'})).toBeUndefined()
    expect(under({[lock]: '900\nOLD\n'})).toBeUndefined()
    expect(under({[lock]: 'rubbish'})).toBeUndefined()
  })

  it('is half-way while its packages are not known to be there, and cut off if nobody is at it', () => {
    const [mark, project] = [`${CHECKOUT}/.update-incomplete`, `${CHECKOUT}/pyproject.toml`]
    expect(under({[mark]: 'started=1.5\npid=900\n', [project]: ''})).toMatchObject({kind: 'works', pid: 900, checkout: CHECKOUT})
    expect(under({[mark]: 'started=1.5\npid=901\n', [project]: ''})).toMatchObject({kind: 'cut-off', pid: undefined, checkout: CHECKOUT})
    // Upstream itself takes no notice of it where there is no checkout.
    expect(under({[mark]: 'started=1.5\npid=901\n'})).toBeUndefined()
  })

  it('is found in a checkout that lies elsewhere, by the program that is run', () => {
    const files = {'/opt/hermes/.update-incomplete': 'pid=901\n', '/opt/hermes/pyproject.toml': ''}
    expect(under(files)).toBeUndefined()
    expect(under(files, ['/opt/hermes/.venv/bin/python', '-m', 'hermes_cli.main'])).toMatchObject({
      kind: 'cut-off',
      checkout: '/opt/hermes',
    })
  })
})
