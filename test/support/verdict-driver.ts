import {createNodeHost} from '../../src/host/node-host.js'
import {verdictsOn} from './verdicts.js'

/** Program for tests that need a verdict from another user, namespace or clock. argv: home, window in ms, `here` if a service of the home ran here. Prints Verdicts as JSON. */
async function main(home: string, windowMs: string, where: string | undefined): Promise<void> {
  console.log(JSON.stringify(await verdictsOn(createNodeHost('/'), home, Number(windowMs), where === 'here')))
}

void main(process.argv[2] ?? '', process.argv[3] ?? '', process.argv[4])
