import http from 'node:http'
import https from 'node:https'
import tls from 'node:tls'
import type {Door} from './host.js'
import {HostError} from './host.js'
import {isLoopback} from './loopback.js'

/** What a server said, as far as it is of interest. */
export interface HttpAnswer {
  readonly status: number
  readonly location: string | undefined
  readonly retryAfterMs: number | undefined
  /** The beginning of its body. */
  readonly text: string
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** Ends the request when it is aborted. */
  readonly signal: AbortSignal
}

/** Of an answer; the rest is not read. */
const MOST_ANSWER = 4096
/** Where systems keep the certificates that they trust: Debian, Fedora, openSUSE; Alpine and macOS. */
const TRUSTED = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem', '/etc/ssl/cert.pem']

/**
 * One request, over the proxy that the environment names for that host (http_proxy, https_proxy, no_proxy), trusting whom node and the system trust. No redirect
 * is followed. Rejects with an error whose `code` says why there is no answer, as node has it (ECONNREFUSED, ENOTFOUND, ABORT_ERR, …).
 */
export async function httpRequest(door: Door, url: URL, {method, headers, body = '', signal}: HttpRequest): Promise<HttpAnswer> {
  const {getProxyForUrl} = await import('proxy-from-env')
  const proxy = isLoopback(url.hostname) ? '' : getProxyForUrl(url.href)
  const isSecure = url.protocol === 'https:'
  const ca = isSecure || proxy.startsWith('https:') ? trusted(door) : undefined
  const agent = proxy === '' ? undefined : new (await import('https-proxy-agent')).HttpsProxyAgent(proxy, {ca})
  const length = method === 'GET' ? {} : {'content-length': String(Buffer.byteLength(body))}
  const options = {method, headers: {...headers, ...length}, agent, signal, ca}
  return new Promise((resolve, reject) => {
    const asked = (isSecure ? https : http).request(url, options, (response) => {
      let text = ''
      const done = () => {
        const retrySec = Number(response.headers['retry-after'])
        const retryAfterMs = Number.isFinite(retrySec) && retrySec > 0 ? retrySec * 1000 : undefined
        resolve({status: response.statusCode ?? 0, location: response.headers.location, retryAfterMs, text})
      }
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text = (text + part).slice(0, MOST_ANSWER)
        if (text.length < MOST_ANSWER) return
        done()
        response.destroy()
      })
      response.on('end', done)
      response.on('error', reject)
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** The certificates of node, and those that the system trusts or SSL_CERT_FILE names in their place (as with OpenSSL). */
function trusted(door: Door): string[] {
  for (const file of [door.env.SSL_CERT_FILE, ...TRUSTED]) {
    if (file === undefined || file === '') continue
    try {
      const text = door.readText(file)
      if (text !== undefined) return [...tls.rootCertificates, text]
    } catch (error) {
      if (!(error instanceof HostError)) throw error
    }
  }
  return [...tls.rootCertificates]
}
