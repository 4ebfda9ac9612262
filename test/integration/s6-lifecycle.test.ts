import {afterAll, beforeAll, expect, it} from 'vitest'
import {describeInContainer, S6Container, type Volume, Volumes} from '../support/s6-container.js'

describeInContainer('s6 lifecycle', () => {
  let volumes: Volumes
  let volume: Volume
  let container: S6Container

  beforeAll(async () => {
    volumes = await Volumes.make()
    volume = volumes.volume()
    volume.profile('default')
    container = await S6Container.boot(volume)
  })
  afterAll(async () => {
    await volumes.drop()
  })

  it('try', async () => {
    console.log(
      JSON.stringify(
        await container.sh(
          'ls -la / /run/service /run/service/.s6-svscan; id; ps ax; which hermes node; /opt/node --version; cat /proc/1/comm',
        ),
      ).replaceAll('\\n', '\n'),
    )
    const done = await container.hermesSvc(['install', '--command', '/opt/hermes-svc/dist/stand-in/hermes', '--restart-delay', '1s'])
    console.log(done.stdout, done.stderr)
    console.log(
      JSON.stringify(
        await container.sh(
          'ls -laR /run/service /run/hermes-svc /opt/data;  ps axf; s6-svstat /run/service/*; cat /run/service/gateway-default/run /run/service/gateway-default/helpers/start.sh /run/service/gateway-default/finish',
        ),
      ).replaceAll('\\n', '\n'),
    )
    console.log(
      (await container.hermesSvc(['status'])).stdout,
      (await container.hermesSvc(['logs'])).stdout,
      (await container.hermesSvc(['list'])).stdout,
    )
    console.log(container.log)
    expect(1).toBe(1)
  })
})
