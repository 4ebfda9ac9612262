/**
 * What is said of the program as a whole: in its man page, and as `hermes-svc help <name>`. `entries`: what stands there, and what it means.
 */
export const TOPICS = [
  {
    name: 'exit-status',
    title: 'EXIT STATUS',
    about: 'what the exit status of each command means',
    entries: [
      ['0', 'done and verified; `status`: alive and supervised; `doctor`: clean, or only information'],
      [
        '1',
        'failed, or findings; `status`: wedged, crash-looping, alive outside its service, or a platform of it has failed; `diff`: there are differences',
      ],
      ['2', 'wrong usage'],
      ['3', '`status`: not running'],
      ['4', 'cannot tell: no access to the manager, no manager; `status`: no such service; `doctor`: only what cannot be told'],
      ['130', 'cancelled'],
    ],
  },
  {
    name: 'environment',
    title: 'ENVIRONMENT',
    about: 'the environment variables that are read',
    entries: [
      ['HERMES_HOME', "the home of the gateway, where --home does not name one: the root home or a profile's"],
      ['HERMES_SVC_MANAGER', 'the service manager, where --manager does not name one'],
      ['HERMES_SVC_NO_CACHE', '1: no code cache, which makes each start slower'],
      ['NO_COLOR, FORCE_COLOR', 'no colours at all, or colours wherever the output goes'],
    ],
  },
  {
    name: 'files',
    title: 'FILES',
    about: 'the files and folders that are used',
    entries: [
      ['~/.hermes', "the gateway's home; profiles are below its profiles folder"],
      ['~/.config/hermes-svc, /etc/hermes-svc', 'settings and helpers of services, in user and in system scope (Linux)'],
      ['~/Library/Application Support/hermes-svc, /Library/Application Support/hermes-svc', 'the same on macOS'],
      ['<home>/.hermes-svc.json', 'what was asked for: running or stopped'],
      ['<home>/.hermes-svc-notify.json', 'who is told when the gateway is down; only its owner can read it'],
      ['<home>/.hermes-svc/', 'the last good copies of config.yaml'],
      ['<home>/logs/hermes-svc.jsonl', 'every change that was made, and every end of the gateway'],
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
