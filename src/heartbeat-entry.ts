import path from 'node:path'
import {createNodeHost} from './host/node-host.js'
import {tickPlacesOf} from './managers/index.js'
import {tickAll} from './tick/tick-all.js'
import {visible} from './text/visible.js'

/**
 * The program of the heartbeat's timer, run once a minute for as long as there is a gateway: so nothing is loaded here that a tick does
 * not need. `install` copies it into the folder of our own files, and the services that it ticks are those with a folder beside it; the
 * argument names the manager. It prints only what somebody should read, each line with its priority (sd-daemon(3)), and ends with 1 if it failed itself.
 */
async function main(): Promise<void> {
  const folder = path.dirname(process.argv[1] ?? '')
  const host = createNodeHost(folder)
  const lines = await tickAll(host, await tickPlacesOf(host, process.argv[2], folder))
  for (const {failed, text} of lines) process.stderr.write(`${failed ? '<3>' : '<4>'}hermes-svc: ${visible(text)}\n`)
  if (lines.some(({failed}) => failed)) process.exitCode = 1
}

main().catch((error: unknown) => {
  // Without a priority these lines would be dropped with the other news of a unit that reports only what matters.
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  for (const line of stack.split('\n')) process.stderr.write(`<3>hermes-svc: ${visible(line)}\n`)
  process.exitCode = 1
})
