import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'
import {type Browser, chromium, type Page} from 'playwright-core'
import {afterAll, beforeAll, expect, it} from 'vitest'
import {availabilities} from '../../src/history/availability.js'
import type {HistoryEntry} from '../../src/history/timeline.js'
import {historyHtml} from '../../src/ui/history-html.js'
import {describeUnless} from '../support/describe-unless.js'

// HERMES_SVC_RECORD=1 keeps the picture for the README.
const PICTURE = process.env.HERMES_SVC_RECORD === '1' ? fileURLToPath(new URL('../../docs/history.png', import.meta.url)) : undefined
const CHROMIUM = '/usr/bin/chromium'
const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000]
const NOW = new Date(2026, 10, 29, 9, 30).getTime()
const at = (daysAgo: number, hours: number, minutes = 0) => new Date(2026, 10, 29 - daysAgo, hours, minutes).getTime()

/** A month in which all was well but for one night, a kill for lack of memory, and a day of which there is hardly a record. */
const ENTRIES: readonly HistoryEntry[] = [
  {kind: 'start', atMs: NOW - 31 * DAY, by: {who: 'manager'}},
  {kind: 'end', atMs: at(12, 4, 30), reason: {kind: 'oom'}, by: {who: 'kernel'}, upMs: 19 * DAY, failures: 1, delayMs: 1000},
  {kind: 'start', atMs: at(12, 4, 31), by: {who: 'manager'}},
  {kind: 'gap', atMs: at(5, 2, 10), untilMs: at(5, 22, 40)},
  {kind: 'command', atMs: at(3, 10), command: 'install', outcome: 'done', files: 2},
  {kind: 'end', atMs: at(3, 10), reason: {kind: 'planned-restart'}, by: {who: 'command', command: 'install'}, upMs: 9 * DAY},
  {kind: 'start', atMs: at(3, 10), by: {who: 'command', command: 'install'}},
  {
    kind: 'end',
    atMs: at(0, 1, 12),
    reason: {kind: 'exit', status: 1},
    by: {who: 'unknown'},
    upMs: 2 * DAY + 15 * HOUR,
    failures: 1,
    delayMs: 1000,
  },
  {kind: 'start', atMs: at(0, 1, 13), by: {who: 'manager'}},
  {kind: 'end', atMs: at(0, 1, 20), reason: {kind: 'config'}, by: {who: 'gateway'}, upMs: 7 * MINUTE},
  {kind: 'start', atMs: at(0, 6, 40), by: {who: 'command', command: 'start'}},
]

/** Of one element. */
interface Seen {
  readonly colour: string
  readonly sign: string
  readonly isVisible: boolean
}

const reason = fs.existsSync(CHROMIUM) ? undefined : 'there is no chromium: apt-get install -y chromium'

describeUnless(reason, 'the page of a history, in a browser', () => {
  let browser: Browser
  /** One for all that is looked at: each other one is a process of the browser's more. */
  let page: Page
  let folder: string
  let address: string
  const asked: string[] = []

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-page-'))
    const file = path.join(folder, 'history.html')
    const history = {service: 'hermes-gateway.service', profile: 'default', sinceMs: NOW - 30 * DAY, untilMs: NOW, left: 0, notRead: []}
    fs.writeFileSync(file, historyHtml([{...history, availability: availabilities(ENTRIES, NOW), entries: ENTRIES}], NOW))
    address = pathToFileURL(file).href
    const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync']
    browser = await chromium.launch({executablePath: CHROMIUM, args: [...quiet, '--disable-component-update']})
    page = await browser.newPage({viewport: {width: 1000, height: 1200}, colorScheme: 'light'})
    page.on('request', (request) => asked.push(request.url()))
  })
  afterAll(async () => {
    await browser.close()
    fs.rmSync(folder, {recursive: true})
  })

  /** What a person sees of elements: their colour, and that they have room on the page. */
  const seen = (selector: string) =>
    page.evaluate<Seen[]>(`[...document.querySelectorAll(${JSON.stringify(selector)})].map((element) => {
      const {width, height, left, right} = element.getBoundingClientRect()
      const isVisible = width > 0 && height > 10 && left >= 0 && right <= innerWidth
      return {colour: getComputedStyle(element).backgroundColor, sign: element.textContent, isVisible}
    })`)

  it('shows the bad night at a glance, in colours and in signs, and loads nothing', async () => {
    await page.goto(address)
    const blocks = await seen('.bar i')
    expect(blocks.length).toBeGreaterThan(60)
    expect(blocks.filter(({isVisible}) => !isVisible)).toEqual([])
    const [well, bad, unknown] = await Promise.all(['.bar i.up', '.bar i.down', '.bar i.unknown'].map((selector) => seen(selector)))
    expect(bad?.length).toBeGreaterThan(5)
    const colours = [well, bad, unknown].map((of) => [...new Set(of?.map(({colour}) => colour))])
    expect(new Set(colours.flat()).size).toBe(3)
    expect(colours.map((of) => of.length)).toEqual([1, 1, 1])
    expect([well, bad, unknown].map((of) => of?.[0]?.sign)).toEqual(['', '×', '?'])
    expect(await page.locator('tr.bad').allInnerTexts()).toEqual([
      expect.stringContaining('killed by the kernel for lack of memory') as string,
      expect.stringContaining('exited with 1') as string,
      expect.stringContaining('its configuration is wrong') as string,
    ])
    if (PICTURE) await page.screenshot({path: PICTURE, clip: {x: 0, y: 0, width: 1000, height: 640}})
    const picture = await page.screenshot()
    expect(new Set(asked)).toEqual(new Set([address]))
    expect(await distinctColours(picture)).toBeGreaterThan(4)
  })

  it('is read on a telephone without a move to the side, and in the dark', async () => {
    await page.setViewportSize({width: 360, height: 740})
    await page.goto(address)
    const [light] = await seen('body')
    await page.emulateMedia({colorScheme: 'dark'})
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
    expect((await seen('.bar i')).filter(({isVisible}) => !isVisible)).toEqual([])
    const [dark] = await seen('body')
    expect(dark?.colour).not.toBe(light?.colour)
    expect(await page.locator('h1').innerText()).toContain('hermes-gateway.service')
  })

  /** How many colours a picture has, as a browser decodes it: an empty page has one. */
  async function distinctColours(picture: Buffer): Promise<number> {
    // The page of a history decodes no picture.
    await page.goto('about:blank')
    return page.evaluate<number>(`(async () => {
      const image = new Image()
      image.src = 'data:image/png;base64,${picture.toString('base64')}'
      await image.decode()
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d')
      context.drawImage(image, 0, 0)
      const {data} = context.getImageData(0, 0, image.width, image.height)
      return new Set(new Uint32Array(data.buffer)).size
    })()`)
  }
})
