import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/chat-setup.js'
import {find, leave, serviceMachine} from '../../fakes/fake-scene.js'

const ENVIRON = 'HERMES_HOME=/home/user/.hermes\0PATH=/usr/bin\0'
const TELEGRAM = {telegram: {state: 'connected'}}

/** A gateway that says this of its platforms, with these files in its home and this environment. */
async function findings(platforms: object, files: Readonly<Record<string, string>> = {}, environ = ENVIRON) {
  const machine = serviceMachine()
  const pid = machine.comesUp()
  leave(machine, 'gateway_state.json', {pid, start_time: pid * 10, gateway_state: 'running', platforms})
  for (const [name, text] of Object.entries(files)) leave(machine, name, text)
  machine.host.put(`/proc/${pid}/environ`, environ)
  return find(machine, check)
}

const kinds = async (...given: Parameters<typeof findings>) => (await findings(...given)).map(({kind, severity}) => `${kind} ${severity}`)

describe('a gateway', () => {
  it("without a platform is told how to get one, by a command of upstream's", async () => {
    expect(await findings({})).toMatchObject([
      {
        kind: 'none-configured',
        severity: 'info',
        what: 'no chat platform is set up, so nobody can talk to it',
        cure: ['hermes gateway setup', 'hermes-svc restart   # the gateway reads its platforms when it starts'],
        isFixable: false,
      },
    ])
  })

  it('whose platform was set up since it started is to be restarted, and no value of a variable is shown', async () => {
    const [finding, ...others] = await findings({}, {'.env': '# chat\nexport TELEGRAM_BOT_TOKEN="123:swordfish"\n'})
    expect(finding).toMatchObject({kind: 'not-taken-up', severity: 'info'})
    expect(finding?.evidence).toEqual(['TELEGRAM_BOT_TOKEN is set, but gateway_state.json names no platform'])
    expect(finding?.cure[0]).toContain('hermes-svc restart')
    expect(JSON.stringify([finding, others])).not.toContain('swordfish')
    expect(others).toEqual([])
  })

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['has half of what a platform takes', {'.env': 'MATRIX_HOMESERVER=https://example.org\n'}, 'none-configured info'],
    ['has a variable without a value', {'.env': 'TELEGRAM_BOT_TOKEN=\n'}, 'none-configured info'],
    ['has one that is commented out', {'.env': '# TELEGRAM_BOT_TOKEN=1\n'}, 'none-configured info'],
  ])('that %s has none', async (_, files, expected) => {
    expect(await kinds({}, files)).toEqual([expected])
  })

  it('that is connected, and hears nobody, is told so', async () => {
    expect(await findings(TELEGRAM)).toMatchObject(
      [{kind: 'nobody-allowed', severity: 'info', cure: ['hermes gateway setup   # asks who may talk to the gateway', /restart/]}].map(
        (one) => ({
          ...one,
          cure: expect.arrayContaining(['hermes gateway setup   # asks who may talk to the gateway']) as unknown,
        }),
      ),
    )
  })

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['.env allows a user', {'.env': 'TELEGRAM_ALLOWED_USERS=42\n'}, ENVIRON],
    ['.env allows all of a platform', {'.env': 'TELEGRAM_ALLOW_ALL_USERS=yes\n'}, ENVIRON],
    ['.env allows all', {'.env': 'GATEWAY_ALLOW_ALL_USERS="TRUE"\n'}, ENVIRON],
    ['its environment allows a user', {}, `${ENVIRON}TELEGRAM_GROUP_ALLOWED_CHATS=-5\0`],
    ['config.yaml allows somebody', {'config.yaml': 'telegram:\n  allow_from: [42]\n'}, ENVIRON],
    ['somebody was let in by a code', {'pairing/telegram-approved.json': '{"42":{"name":"ann"}}'}, ENVIRON],
    ['a list of those who were let in cannot be understood', {'platforms/pairing/telegram-approved.json': 'x'}, ENVIRON],
    ['its environment cannot be seen', {}, ''],
  ])('where %s is not called closed', async (_, files, environ) => {
    expect(await kinds(TELEGRAM, files, environ)).toEqual([])
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['a variable that allows nobody', {'.env': 'TELEGRAM_ALLOWED_USERS=\n'}],
    ['a variable that allows all, and says no', {'.env': 'GATEWAY_ALLOW_ALL_USERS=false\n'}],
    ['an empty list of those who were let in', {'platforms/pairing/telegram-approved.json': '{}'}],
  ])('with %s is', async (_, files) => {
    expect(await kinds(TELEGRAM, files)).toEqual(['nobody-allowed info'])
  })

  it.each<[string, object]>([
    ['has a webhook alone, which asks for no such list', {webhook: {state: 'connected'}}],
    ['connects yet', {telegram: {state: 'connecting'}}],
    ['serves another profile, which has settings of its own', {'work:telegram': {state: 'connected'}}],
  ])('that %s is not asked who may', async (_, platforms) => {
    expect(await findings(platforms)).toEqual([])
  })
})
