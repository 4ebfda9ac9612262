/**
 * What is said of the program as a whole: in its man page, and as `hermes-svc help <name>`. `entries`: what stands there, and what it means.
 */
export const TOPICS = [
  {
    name: 'exit-status',
    title: 'EXIT STATUS',
    about: 'what the exit status of each command means',
    entries: [
      ['0', 'done and verified; `status`: the gateway is alive and supervised; `doctor`: no findings, or only information'],
      [
        '1',
        'failed, or there are findings; `status`: the gateway is wedged, crash-looping, waiting to start again after a failure, late in starting, or alive outside its service, or one of its platforms has failed; `diff`: there are differences',
      ],
      ['2', 'wrong usage'],
      ['3', '`status`: not running (stopped, stopping or failed)'],
      [
        '4',
        'cannot tell, for example without a service manager or without access to it; `status`: the service does not exist; `doctor`: all findings are things that it cannot tell',
      ],
      ['130', 'cancelled'],
    ],
  },
  {
    name: 'environment',
    title: 'ENVIRONMENT',
    about: 'the environment variables that hermes-svc reads',
    entries: [
      ['HERMES_HOME', 'the home of the gateway if --home is not given: the root home (~/.hermes) or the home of a profile'],
      ['HERMES_SVC_MANAGER', 'the service manager if --manager is not given'],
      ['HERMES_SVC_NO_CACHE', '1: do not use the code cache; each start of hermes-svc is slower without it'],
      ['NO_COLOR, FORCE_COLOR', 'print no colors, or print colors even if the output is not a terminal'],
      ['TERM', 'dumb: print no colors, and no line that is rewritten'],
      ['HTTPS_PROXY, HTTP_PROXY, NO_PROXY', 'the proxy for notifications and pings'],
      ['XDG_CACHE_HOME', 'the folder of the code cache (default: ~/.cache)'],
      ['S6_PROFILE_GATEWAY_SCANDIR', 'the folder of the s6 services (default: /run/service)'],
    ],
  },
  {
    name: 'files',
    title: 'FILES',
    about: 'the files and folders that hermes-svc uses',
    entries: [
      ['~/.hermes', 'the root home of the gateway; its folder profiles has the homes of the other profiles'],
      [
        '~/.config/hermes-svc, /etc/hermes-svc',
        'the settings and service helpers of services with user scope and with system scope (Linux)',
      ],
      ['~/Library/Application Support/hermes-svc, /Library/Application Support/hermes-svc', 'the same on macOS'],
      ['<home>/.hermes-svc.json', 'the desired state: running or stopped'],
      ['<home>/.hermes-svc-notify.json', 'the notification targets; only the owner can read this file'],
      ['~/.config/systemd/user, /etc/systemd/system', 'the unit of each service, its drop-in, and the timer of the heartbeat'],
      ['<home>/.hermes-svc/', 'the last good copies of config.yaml; with s6 also the settings and the variables of the gateway (0600)'],
      ['<home>/.hermes-svc-run.json', 'the record of a gateway under `hermes-svc run`'],
      ['<home>/logs/hermes-svc.jsonl', 'the journal of the home: every change, and every end of the gateway'],
      ['~/.cache/hermes-svc, /var/cache/hermes-svc', 'the code cache (of root: the second one); you can delete it'],
    ],
  },
]

const COLUMNS = 80

/** A topic as plain text of 80 columns. */
export function topicText({about, entries}) {
  const blocks = entries.flatMap(([name, meaning]) => [`  ${name}`, ...wrapped(meaning.replaceAll('`', ''), '      ')])
  return `${about[0].toUpperCase()}${about.slice(1)}\n\n${blocks.join('\n')}\n`
}

/** What follows the help of the program. */
export function topicsText() {
  const width = Math.max(...TOPICS.map(({name}) => name.length))
  return `HELP TOPICS\n${TOPICS.map(({name, about}) => `  help ${name.padEnd(width)}  ${about}`).join('\n')}\n`
}

function wrapped(text, indent) {
  const lines = [indent]
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== indent && line.length + 1 + word.length > COLUMNS) lines.push(indent + word)
    else lines[lines.length - 1] = line === indent ? indent + word : `${line} ${word}`
  }
  return lines
}
