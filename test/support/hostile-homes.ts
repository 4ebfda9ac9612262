import path from 'node:path'

/**
 * What the owner of a home can make of it. Each is sh that the account itself runs in its home directory, so nothing here needs a right that it
 * has not. Victims: below /srv/victim there is a file or folder of root's for every name in question, and /etc is the machine's own.
 */

export const VICTIM = '/srv/victim'

/** What a gateway and we have in a home, by its name there. */
export const HOME_FILES = [
  ...['gateway.pid', 'gateway.lock', 'gateway_state.json', '.hermes-svc.json', 'gateway.sock', 'gateway.sock.path', 'config.yaml', '.env'],
  ...['active_profile', '.gateway-planned-stop.json', '.restart_pending.json', 'gateway-starts.log', 'state/gateway.heartbeat'],
  ...['state/gateway.lifecycle.json', 'logs/gateway.log', 'logs/agent.log', 'logs/hermes-svc.jsonl', 'logs/gateway-exit-diag.log'],
  ...['.gateway_state.json.hermes-svc-tmp', '..hermes-svc.json.hermes-svc-tmp'],
] as const

/** What an account's own service consists of outside the home. */
const OWN_FILES = [
  ...['systemd/user/hermes-gateway.service', 'systemd/user/hermes-gateway.service.d/10-hermes-svc.conf'],
  ...['systemd/user/hermes-svc-heartbeat.service', 'systemd/user/hermes-svc-heartbeat.timer', 'hermes-svc/heartbeat.cjs'],
  ...['hermes-svc/hermes-gateway/settings.json', 'hermes-svc/hermes-gateway/gateway.env', 'hermes-svc/hermes-gateway/service-helper.sh'],
] as const

export interface HostileHome {
  readonly name: string
  /** sh, run by the account in its home directory. */
  readonly make: string
  /** Two paths that are exchanged all the time meanwhile. */
  readonly swap?: readonly [string, string]
  /** It is about what a service in user scope has. */
  readonly onlyUserScope?: true
  /** It is about this profile. */
  readonly profile?: string
  /** A campaign alone has it: another home differs from it in the place alone, or in what stands there. */
  readonly onlyInCampaign?: true
}

const linksTo = (target: string) => `for file; do ln -s "${target}" "$file"; done`

/** What can stand in the place of files: sh, `$@` are the files, in `$folder`. */
const IN_PLACE: Readonly<Record<string, string>> = {
  "a link to a file of root's": linksTo(`${VICTIM}/\${file#"$folder"/}`),
  'a link to what is not there': linksTo('/etc/not-there-${file##*/}'),
  'a FIFO': 'mkfifo "$@"',
  'a link to a device': linksTo('/dev/zero'),
  'a link to the terminal': linksTo('/dev/tty'),
  'a socket': '/usr/bin/python3 /opt/sockets.py dead "$@"',
  'a huge file': 'truncate -s 3G "$@"',
  'a folder': 'mkdir "$@"',
}

/** Tried at a home's own files in a campaign alone: what is opened there is refused as a link to a device is, for what it is. */
const LIKE_A_DEVICE = 'a link to the terminal'
/** What stands in the place of what a service consists of in `npm test` too: through the reader that meets the others in a home's own files. */
const OF_THE_SERVICE = "a link to a file of root's"

/** In the place of what the account's own systemd reads they stop that: then each look of root's waits out its 20 s, and nothing else is seen. */
const HANGING: ReadonlySet<string> = new Set(['a FIFO', 'a link to a device', 'a huge file'])

function isSystemds(file: string): boolean {
  return file.startsWith('systemd/') || file.endsWith('.env')
}

function inPlaceOf(files: readonly string[], folder: string, make: string): string {
  const paths = files.map((file) => `${folder}/${file}`)
  const quoted = (words: Iterable<string>) => [...words].map((word) => `'${word}'`).join(' ')
  return [
    `mkdir -p ${quoted(new Set(paths.map((file) => path.dirname(file))))}`,
    `folder='${folder}'`,
    `set -- ${quoted(paths)}`,
    'rm -rf "$@"',
    make,
  ].join('\n')
}

const AWAY = (folder: string, to: string) => `mkdir -p '${folder}'; mv '${folder}' '${folder}.real'; ln -s '${to}' '${folder}'`
const SWAPPED = (folder: string, make: string) => `mkdir -p '${folder}'; ${make} '${folder}.other'`

/** Every kind, each at all files at once. */
export const hostileHomes: readonly HostileHome[] = [
  {name: '~/.hermes is a link to /etc', make: AWAY('.hermes', '/etc'), onlyInCampaign: true},
  {name: "~/.hermes is a link to a home of root's", make: AWAY('.hermes', VICTIM)},
  {name: '~/.hermes is a FIFO', make: 'mv .hermes .hermes.real; mkfifo .hermes', onlyInCampaign: true},
  {name: '~/.hermes is a link to a device', make: AWAY('.hermes', '/dev/zero'), onlyInCampaign: true},
  {name: 'a profile is a link to /root', make: AWAY('.hermes/profiles/work', '/root'), profile: 'work'},
  {name: "a profile is a link to a home of root's", make: AWAY('.hermes/profiles/work', VICTIM), profile: 'work', onlyInCampaign: true},
  {name: 'the folder of profiles is a link', make: AWAY('.hermes/profiles', `${VICTIM}/profiles`), profile: 'work', onlyInCampaign: true},
  {name: 'the home is swapped for a link', make: SWAPPED('.hermes', `ln -s ${VICTIM}`), swap: ['.hermes', '.hermes.other']},
  {
    name: 'the home is swapped for a link to /etc',
    make: SWAPPED('.hermes', 'ln -s /etc'),
    swap: ['.hermes', '.hermes.other'],
    onlyInCampaign: true,
  },
  {name: 'the home is swapped for a FIFO', make: SWAPPED('.hermes', 'mkfifo'), swap: ['.hermes', '.hermes.other']},
  {
    name: 'a profile is swapped for a link',
    make: SWAPPED('.hermes/profiles/work', 'ln -s /root'),
    swap: ['.hermes/profiles/work', '.hermes/profiles/work.other'],
    profile: 'work',
    onlyInCampaign: true,
  },
  {
    name: 'the logs, the state folder and the locks of tokens are links',
    make: [AWAY('.hermes/logs', `${VICTIM}/logs`), AWAY('.hermes/state', `${VICTIM}/state`), AWAY('.local/state', `${VICTIM}/state`)].join(
      '\n',
    ),
  },
  {name: 'the logs are a link', make: AWAY('.hermes/logs', `${VICTIM}/logs`), onlyInCampaign: true},
  {
    name: 'the logs are swapped for a link',
    make: SWAPPED('.hermes/logs', `ln -s ${VICTIM}/logs`),
    swap: ['.hermes/logs', '.hermes/logs.other'],
    onlyInCampaign: true,
  },
  {name: 'the state folder is a link', make: AWAY('.hermes/state', `${VICTIM}/state`), onlyInCampaign: true},
  {name: "the locks of tokens are a link's", make: AWAY('.local/state', `${VICTIM}/state`), onlyInCampaign: true},
  {name: 'the units are a link', make: AWAY('.config/systemd/user', `${VICTIM}/units`), onlyUserScope: true, onlyInCampaign: true},
  {
    name: 'the units are swapped for a link',
    make: SWAPPED('.config/systemd/user', `ln -s ${VICTIM}/units`),
    swap: ['.config/systemd/user', '.config/systemd/user.other'],
    onlyUserScope: true,
  },
  {name: 'all settings are a link', make: AWAY('.config', VICTIM), onlyUserScope: true},
  {name: "what is ours in a user's folder is a link", make: AWAY('.config/hermes-svc', VICTIM), onlyUserScope: true, onlyInCampaign: true},
  ...Object.entries(IN_PLACE).map(([what, make]) => ({
    name: `each file is ${what}`,
    make: inPlaceOf(HOME_FILES, '.hermes', make),
    ...(what === LIKE_A_DEVICE ? {onlyInCampaign: true as const} : {}),
  })),
  ...Object.entries(IN_PLACE).map(([what, make]) => ({
    name: `each file of the service is ${what}`,
    make: inPlaceOf(HANGING.has(what) ? OWN_FILES.filter((file) => !isSystemds(file)) : OWN_FILES, '.config', make),
    onlyUserScope: true as const,
    ...(what === OF_THE_SERVICE ? {} : {onlyInCampaign: true as const}),
  })),
  {
    name: "the socket is one of root's, by its path file",
    make: 'rm -f .hermes/gateway.sock; printf /run/rootonly.sock >.hermes/gateway.sock.path',
  },
  {name: 'the socket drips', make: 'rm -f .hermes/gateway.sock; /usr/bin/python3 /opt/sockets.py drip .hermes/gateway.sock'},
  {name: 'the socket floods', make: 'rm -f .hermes/gateway.sock; /usr/bin/python3 /opt/sockets.py flood .hermes/gateway.sock'},
  {
    name: 'the units name programs of theirs',
    make: `for unit in .config/systemd/user/hermes-svc-heartbeat.service .config/systemd/user/hermes-gateway.service; do
  [ ! -f $unit ] || sed -i 's|^ExecStart=.*|ExecStart=:"'"$HOME"'/node" "/opt/x"|' $unit
done
systemctl --user daemon-reload 2>/dev/null || :`,
    onlyUserScope: true,
  },
]
