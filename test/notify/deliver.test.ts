import {execFileSync} from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import type net from 'node:net'
import {type AddressInfo} from 'node:net'
import os from 'node:os'
import path from 'node:path'
import {afterEach, describe, expect, it} from 'vitest'
import type {Door} from '../../src/host/host.js'
import {createNodeHost} from '../../src/host/node-host.js'
import {deliver} from '../../src/notify/deliver.js'
import type {NotifyEvent} from '../../src/notify/event.js'
import {type NotifyTarget, parseTarget} from '../../src/notify/target.js'

const EVENT: NotifyEvent = {
  ...{id: 'abc', kind: 'down', atMs: 2000, sinceMs: 1000, machine: 'box', service: 'hermes-gateway.service', profile: 'default'},
  ...{what: 'is down', lines: [], next: 'hermes-svc doctor', isReminder: false},
}
const HOST = createNodeHost(path.join(import.meta.dirname, '../..'))

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

interface Received {
  readonly url: string | undefined
  readonly method: string | undefined
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** A server on this machine that keeps what it is asked, and answers as it is told. */
async function receiver(answer: http.RequestListener = (_, response) => response.end(), server?: http.Server) {
  const received: Received[] = []
  const listener: http.RequestListener = (request, response) => {
    let body = ''
    request.on('data', (part: Buffer) => (body += part.toString()))
    request.on('end', () => {
      received.push({url: request.url, method: request.method, headers: request.headers, body})
      answer(request, response)
    })
  }
  const started = server?.on('request', listener) ?? http.createServer(listener)
  const sockets = new Set<net.Socket>()
  started.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    started.close()
  })
  return {received, port: (started.address() as AddressInfo).port}
}

function targetOf(text: string): NotifyTarget {
  const parsed = parseTarget(text)
  if ('refused' in parsed) throw new Error(parsed.refused)
  return parsed.target
}

const tell = (target: NotifyTarget, {door = HOST, withinMs = 5000}: {door?: Door; withinMs?: number} = {}) =>
  deliver(door, EVENT, target, AbortSignal.timeout(withinMs))

/** The host with other variables; what libraries read of the process's own stays. */
const withEnv = (env: Record<string, string>): Door => Object.create(HOST, {env: {value: {...HOST.env, ...env}}}) as Door

function folder(): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-notify-'))
  cleanups.push(() => fs.rmSync(made, {recursive: true}))
  return made
}

describe('deliver to a server', () => {
  it('posts the event, and is told by any status of success', async () => {
    const {received, port} = await receiver((_, response) => response.writeHead(204).end())
    expect(await tell(targetOf(`http://127.0.0.1:${port}/hook?key=x`))).toEqual({kind: 'told', answer: 'HTTP 204'})
    expect(received).toMatchObject([{method: 'POST', url: '/hook?key=x', headers: {'idempotency-key': 'abc', 'user-agent': 'hermes-svc'}}])
    expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({specversion: '1.0', type: 'hermes-svc.down'})
  })

  it('publishes to a server of ntfy of one’s own, without TLS where that is asked for', async () => {
    const {received, port} = await receiver()
    expect(await tell(targetOf(`ntfy+http://:tk@127.0.0.1:${port}/alerts`))).toMatchObject({kind: 'told'})
    expect(received).toMatchObject([{url: '/', headers: {authorization: 'Bearer tk'}}])
    expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({topic: 'alerts'})
  })

  it('fails for now at 500, 404 and 429, with the time that the server names, and for good where the message itself is refused', async () => {
    const answers: [number, http.OutgoingHttpHeaders][] = [
      [500, {}],
      [429, {'retry-after': '30'}],
      [404, {}],
      [413, {}],
    ]
    const {port} = await receiver((_, response) => {
      const [status, headers] = answers.shift() ?? [200, {}]
      response.writeHead(status, headers).end('no\u001B[31m such hook\nsecond line')
    })
    const target = targetOf(`http://127.0.0.1:${port}/`)
    expect(await tell(target)).toMatchObject({
      kind: 'failed',
      isForGood: false,
      afterMs: undefined,
      why: expect.stringMatching(/^HTTP 500: no.*such hook$/) as string,
    })
    expect(await tell(target)).toMatchObject({kind: 'failed', isForGood: false, afterMs: 30_000})
    expect(await tell(target)).toMatchObject({kind: 'failed', isForGood: false})
    expect(await tell(target)).toMatchObject({kind: 'failed', isForGood: true})
  })

  it('follows a redirect within the server, and none to another one', async () => {
    const other = await receiver()
    const {received, port} = await receiver((request, response) => {
      if (request.url === '/old') return response.writeHead(308, {location: '/new'}).end()
      if (request.url === '/away') return response.writeHead(307, {location: `http://127.0.0.1:${other.port}/`}).end()
      return response.end()
    })
    expect(await tell(targetOf(`http://127.0.0.1:${port}/old`))).toMatchObject({kind: 'told'})
    expect(received.map(({url, method}) => [url, method])).toEqual([
      ['/old', 'POST'],
      ['/new', 'POST'],
    ])
    expect(await tell(targetOf(`http://127.0.0.1:${port}/away`))).toMatchObject({
      kind: 'failed',
      isForGood: false,
      why: expect.stringContaining('another server') as string,
    })
    expect(other.received).toEqual([])
  })

  it('gives up when its time is over, whether nothing answers or an answer never ends', async () => {
    const silent = await receiver(() => undefined)
    const endless = await receiver((_, response) => void response.writeHead(200).write('x'))
    for (const {port} of [silent, endless]) {
      expect(await tell(targetOf(`http://127.0.0.1:${port}/`), {withinMs: 200})).toMatchObject({kind: 'failed', why: 'no answer in time'})
    }
    const closed = await receiver()
    for (const cleanup of cleanups.splice(0).reverse()) cleanup()
    expect(await tell(targetOf(`http://127.0.0.1:${closed.port}/`))).toMatchObject({kind: 'failed', why: 'ECONNREFUSED', isForGood: false})
  })

  it('reads no more of an answer than it shows', async () => {
    const {port} = await receiver((_, response) => {
      response.writeHead(200)
      const pour = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x')));
        response.once('drain', pour)
      }
      pour()
    })
    expect(await tell(targetOf(`http://127.0.0.1:${port}/`))).toMatchObject({kind: 'told'})
  })

  it('trusts a certificate that the system trusts, and no other', async () => {
    const place = folder()
    const [key, cert] = [path.join(place, 'key.pem'), path.join(place, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    })
    const {received, port} = await receiver(undefined, https.createServer({key: fs.readFileSync(key), cert: fs.readFileSync(cert)}))
    const target = targetOf(`https://localhost:${port}/`)
    expect(await tell(target)).toMatchObject({kind: 'failed', why: 'DEPTH_ZERO_SELF_SIGNED_CERT'})
    expect(received).toEqual([])
    expect(await tell(target, {door: withEnv({SSL_CERT_FILE: cert})})).toMatchObject({kind: 'told'})
  })

  it('goes over the proxy that the environment names', async () => {
    const asked: (string | undefined)[] = []
    const proxy = http.createServer().on('connect', (request, socket) => {
      asked.push(request.url)
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    })
    const {port} = await receiver(undefined, proxy)
    const before = process.env.https_proxy
    process.env.https_proxy = `http://127.0.0.1:${port}`
    cleanups.push(() => {
      if (before === undefined) delete process.env.https_proxy
      else process.env.https_proxy = before
    })
    expect(await tell(targetOf('https://hooks.example.org/x'))).toMatchObject({kind: 'failed'})
    expect(asked).toEqual(['hooks.example.org:443'])
  })
})

describe('deliver to a command', () => {
  const script = (text: string) => {
    const file = path.join(folder(), 'tell')
    fs.writeFileSync(file, `#!/bin/sh\n${text}\n`, {mode: 0o755})
    return file
  }

  it('runs it with the event on stdin and in variables, and with nothing else of our environment', async () => {
    const file = script('cat >"$0.stdin"; env >"$0.env"; printf "%s\\n" "$@" >"$0.args"')
    process.env.SECRET_OF_ROOT = 'x'
    cleanups.push(() => delete process.env.SECRET_OF_ROOT)
    expect(await tell(targetOf(`exec:${file} 'a b' c`))).toEqual({kind: 'told', answer: 'exit 0'})
    expect(fs.readFileSync(`${file}.args`, 'utf8')).toBe('a b\nc\n')
    expect(JSON.parse(fs.readFileSync(`${file}.stdin`, 'utf8'))).toMatchObject({specversion: '1.0', id: 'abc'})
    const env = fs.readFileSync(`${file}.env`, 'utf8')
    expect(env).toContain('HERMES_SVC_EVENT=down\n')
    expect(env).toContain(`HOME=${HOST.account.home}\n`)
    expect(env).not.toContain('SECRET_OF_ROOT')
  })

  it('fails with what it says, when it fails, is not there, or takes too long', async () => {
    expect(await tell(targetOf(`exec:${script('echo no such list >&2; exit 3')}`))).toMatchObject({
      kind: 'failed',
      why: 'exit 3: no such list',
    })
    expect(await tell(targetOf('exec:/no/such/program'))).toMatchObject({kind: 'failed', why: 'ENOENT'})
    expect(await tell(targetOf(`exec:${script('sleep 100')}`), {withinMs: 200})).toMatchObject({kind: 'failed'})
  })
})
