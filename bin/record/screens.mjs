const LOOK = ['hermes-svc status; echo "exit $?"', 'hermes-svc list', 'hermes-svc doctor; echo "exit $?"']
/** A webhook listens on this machine, so it is connected without a network. */
export const WEBHOOK = 'WEBHOOK_ENABLED=true\nWEBHOOK_SECRET=of-the-recording\n'
const standIn = (config) => ({
  'stand-in.json': `${JSON.stringify(config)}\n`,
  '.env': 'TELEGRAM_ALLOWED_USERS=1\nDISCORD_ALLOWED_USERS=1\n',
})

/**
 * The situations, each on a fresh machine. `homeFiles` are put into ~/.hermes; `before` is run; then the commands are typed. `gateway: 'stand-in'` where the
 * real one cannot be brought into that state here.
 */
export const SCREENS = [
  {
    title: 'Online',
    about: 'A webhook is set up.',
    homeFiles: {'.env': WEBHOOK},
    commands: ['hermes-svc install 2>/dev/null', ...LOOK],
  },
  {
    title: 'No platform is set up',
    about: 'The gateway lives, and nobody reaches it.',
    commands: ['hermes-svc install 2>/dev/null', ...LOOK],
  },
  {
    title: 'Connecting',
    about: 'One platform is connected, another one cannot be reached at the moment.',
    gateway: 'stand-in',
    homeFiles: standIn({platforms: {telegram: {state: 'connected'}, discord: {state: 'retrying', error_message: 'connection timed out'}}}),
    commands: ['hermes-svc install 2>/dev/null', ...LOOK],
  },
  {
    title: 'One platform is dead',
    about: 'Its token was refused, so the gateway does not try again.',
    gateway: 'stand-in',
    homeFiles: standIn({
      platforms: {telegram: {state: 'connected'}, discord: {state: 'fatal', error_message: 'Improper token has been passed'}},
    }),
    commands: ['hermes-svc install 2>/dev/null', ...LOOK],
  },
  {
    title: 'In the foreground',
    about: 'No service is installed: `hermes-svc run` keeps the gateway, as in a container without a service manager.',
    homeFiles: {'.env': WEBHOOK},
    before: 'setsid -f hermes-svc run >/tmp/run.log 2>&1; sleep 8',
    commands: [...LOOK, 'hermes-svc stop'],
  },
]
