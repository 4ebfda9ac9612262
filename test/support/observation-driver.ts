import {createNodeHost} from '../../src/host/node-host.js'
import {resolveTarget} from '../../src/observe/where.js'

/** Program that prints, as JSON, what the manager says of a profile's service, tick included. argv: profile, scope, folder of the package. */
async function main(profile: string, scope: string, packageRoot: string): Promise<void> {
  const {manager, service} = await resolveTarget(createNodeHost(packageRoot), {profile, scope}, 'read')
  console.log(JSON.stringify(manager.observer.observe([service], {withTick: true})[0]))
}

void main(process.argv[2] ?? '', process.argv[3] ?? '', process.argv[4] ?? '')
