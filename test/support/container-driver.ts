import {S6Container, Volumes} from './s6-container.js'

/** Program for tests of a container's owner: boots one, says so as one line of JSON, and then does nothing until it is killed. */
async function main(): Promise<void> {
  const volumes = await Volumes.make()
  const volume = volumes.volume()
  volume.profile('default')
  const container = await S6Container.boot(volume)
  await container.must(['boot'])
  console.log(JSON.stringify({keeper: volumes.pid, init: container.initPid}))
  setInterval(() => undefined, 60_000)
}

void main()
