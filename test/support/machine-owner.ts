import {once} from 'node:events'
import {createNodeHost} from '../../src/host/node-host.js'
import {bootMachine} from '../../src/smoke/machine.js'

/**
 * Program for tests of a machine's owner: boots one and says so, as one line of JSON; takes it down when its stdin ends.
 * argv: package root, name.
 */
async function main(packageRoot: string, name: string): Promise<void> {
  const machine = await bootMachine(createNodeHost(packageRoot), {name})
  const user = await machine.addUser('ann')
  const manager = await machine.exec(['systemctl', '--user', 'is-system-running'], {user})
  console.log(JSON.stringify({name: machine.name, leaderPid: machine.leaderPid, userManager: manager.stdout.trim()}))
  process.stdin.resume()
  await once(process.stdin, 'end')
  await machine.down()
}

void main(process.argv[2] ?? '', process.argv[3] ?? '')
