import {createNodeHost} from '../../src/host/node-host.js'
import {verdictsOn} from './verdicts.js'

/** Program for tests that need a verdict from another user, namespace or clock. argv: home, window in ms. Prints Verdicts as JSON. */
async function main(home: string, windowMs: string): Promise<void> {
  console.log(JSON.stringify(await verdictsOn(createNodeHost('/'), home, Number(windowMs))))
}

void main(process.argv[2] ?? '', process.argv[3] ?? '')
