// npm run docs [-- --check]: writes what the commands say of themselves into docs/commands.md, between its markers, and into man/hermes-svc.1, what the checks say
// of themselves into docs/doctor.md, and what the document of a machine can say into src/schemas/machine.schema.json.
// With --check nothing is written, and it ends with 1 if they are not as they would be written. It reads oclif.manifest.json, so build first.
import fs from 'node:fs'
import {createRequire} from 'node:module'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {TOPICS} from './build/topics.mjs'

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const COMMANDS = path.join(ROOT, 'docs', 'commands.md')
const MAN = path.join(ROOT, 'man', 'hermes-svc.1')
const DOCTOR = path.join(ROOT, 'docs', 'doctor.md')
const SCHEMA = path.join(ROOT, 'src', 'schemas', 'machine.schema.json')
/** A date that is not the day of a change would make the page another one each day. */
const TITLE = /^\.TH HERMES\\-SVC 1 ([\d-]+) /m

const {description, version} = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
const {oclif} = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, 'oclif.manifest.json'), 'utf8')).commands
const commands = Object.values(manifest).map(shapeOf)
const plain = commands.filter(({topic}) => topic === undefined)
const common = plain[0].flags.filter(({words}) => commands.every(({flags}) => flags.some((flag) => flag.words === words)))
const topics = Object.entries(oclif.topics).map(([name, topic]) => {
  const members = commands.filter((command) => command.topic === name)
  return {
    name,
    about: topic.description,
    members,
    flags: ownFlags(members[0]).filter((flag) => members.every((member) => has(member, flag))),
  }
})

const commandsPage = fs.readFileSync(COMMANDS, 'utf8')
const old = fs.existsSync(MAN) ? fs.readFileSync(MAN, 'utf8') : ''
const date = TITLE.exec(old)?.[1] ?? today()
const page = manPage(date) === old ? old : manPage(today())
const reference = between(
  between(commandsPage, 'docs/commands.md', 'reference', markdown()),
  ...['docs/commands.md', 'exit-status', exitStatusTable()],
)
const oldSchema = fs.existsSync(SCHEMA) ? fs.readFileSync(SCHEMA, 'utf8') : ''
const registry = await commandClasses()
const schema = `${JSON.stringify(registry.apply.documentSchema(), undefined, 2)}\n`
const doctor = fs.readFileSync(DOCTOR, 'utf8')
const pages = between(doctor, 'docs/doctor.md', 'checks', checkPages())

if (process.argv.includes('--check')) {
  const texts = {
    'docs/commands.md': reference === commandsPage,
    'man/hermes-svc.1': page === old,
    'docs/doctor.md': pages === doctor,
    'src/schemas/machine.schema.json': schema === oldSchema,
  }
  const stale = Object.keys(texts).filter((name) => !texts[name])
  if (stale.length > 0) {
    process.stderr.write(`not as the commands are: ${stale.join(', ')}; run: npm run docs\n`)
    process.exitCode = 1
  }
} else {
  fs.mkdirSync(path.dirname(MAN), {recursive: true})
  fs.writeFileSync(COMMANDS, reference)
  fs.writeFileSync(DOCTOR, pages)
  fs.writeFileSync(MAN, page)
  fs.writeFileSync(SCHEMA, schema)
}

/** The classes of the commands by id: they know the schema of a document and the checks, which the manifest does not. */
async function commandClasses() {
  const {COMMANDS: classes, loadCommands} = createRequire(import.meta.url)(path.join(ROOT, 'dist', 'cli.cjs'))
  await loadCommands()
  return classes
}

/** What both texts need of a command in the manifest. */
function shapeOf({id, summary, description: about, flags, args, examples, strict, bareFlags = {}}) {
  const words = id.split(':')
  return {
    // Of the commands below another one (`config set`) each stands by itself.
    topic: words.length > 1 && Object.hasOwn(oclif.topics, words[0]) ? words[0] : undefined,
    name: words.join(' '),
    summary,
    about: about?.replaceAll('\n', ' ') ?? '',
    args: Object.values(args).map(({name, options}) => `[${options?.join('|') ?? name}]${strict === false ? ' …' : ''}`),
    flags: Object.values(flags).map((flag) => ({
      words: flagWords(flag, flag.name in bareFlags),
      about: flag.description,
      hidden: flag.hidden,
    })),
    examples: examples.map((example) => example.replaceAll('<%= config.bin %>', oclif.bin)),
  }
}

/** `-p, --profile <name>`, `--scope user|system`, `--[no-]linger`. */
function flagWords({name, char, type, options, helpValue, allowNo}, isBare) {
  const value = type === 'boolean' ? '' : ` ${options?.join('|') ?? helpValue ?? '<value>'}`
  return `${char ? `-${char}, ` : ''}--${allowNo ? '[no-]' : ''}${name}${isBare ? value.replace(/^ (?!\[)(.*)$/, ' [$1]') : value}`
}

function has({flags}, {words}) {
  return flags.some((flag) => flag.words === words)
}

/** The flags of a command that not all have. */
function ownFlags(command) {
  return command.flags.filter((flag) => !common.includes(flag) && !has({flags: common}, flag))
}

function today() {
  return new Date().toISOString().slice(0, 10)
}

// docs/commands.md.

/** The text with what is between the markers `<!-- name:begin -->` and `<!-- name:end -->` in it. */
function between(text, file, name, content) {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`]
  const [start, stop] = [text.indexOf(begin), text.indexOf(end)]
  if (start < 0 || stop < start) throw new Error(`${file} lacks the markers ${begin} and ${end}`)
  return `${text.slice(0, start)}${begin}\n${content}\n${text.slice(stop)}`
}

function markdown() {
  const rows = [
    ...plain.map(({name, args, summary, examples}) => [[name, ...args].join(' '), summary, examples]),
    ...topics.map(({name, about, members: [first]}) => [`${name} <${name === 'fix' ? 'finding' : 'command'}>`, about, first.examples]),
  ].map(
    ([name, about, examples]) =>
      `| \`${cell(name)}\` | ${cell(about)} | ${examples.map((example) => `\`${cell(example)}\``).join('<br>')} |`,
  )
  const lines = [
    '<details><summary>Every command with its examples, and every flag: as <code>--help</code> and the man page have them</summary>',
    '',
    '| command | does | examples |',
    '| --- | --- | --- |',
    ...rows,
    '',
    '| flag | does | of |',
    '| --- | --- | --- |',
    ...flagsOfAll().map(({words, about, of}) => `| \`${cell(words)}\` | ${cell(about)} | ${of.join(', ')} |`),
    '',
    '</details>',
  ]
  return lines.join('\n')
}

function exitStatusTable() {
  const {entries} = TOPICS.find(({name}) => name === 'exit-status')
  return ['| exit | meaning |', '| --- | --- |', ...entries.map(([status, meaning]) => `| ${status} | ${meaning} |`)].join('\n')
}

/** Every flag once, with the commands that have it. */
function flagsOfAll() {
  const found = new Map()
  for (const {topic, name, flags} of commands) {
    for (const {words, about, hidden} of flags) {
      const flag = found.get(`${words} ${about}`) ?? {words, about, of: [], not: []}
      found.set(`${words} ${about}`, flag)
      flag[hidden ? 'not' : 'of'].push(topic === undefined ? name : `${topic} …`)
    }
  }
  return [...found.values()].map(({words, about, of, not}) => {
    const some = topics.find(({name, members}) => of.filter((one) => one === `${name} …`).length < members.length)
    const names = [...new Set(of)].map((one) => (some && one === `${some.name} …` ? `some \`${some.name}\`` : `\`${one}\``))
    return {
      words,
      about,
      of:
        of.length + not.length === commands.length
          ? [not.length === 0 ? 'all' : `all but ${not.map((one) => `\`${one}\``).join(', ')}`]
          : names,
    }
  })
}

/** Text in a cell of a table of GitHub's markdown. */
function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

// docs/doctor.md: one heading a check, which doctor links to.

function checkPages() {
  return Object.keys(registry)
    .filter((id) => id.startsWith('fix:'))
    .map((id) => checkPage(registry[id].page))
    .join('\n\n')
}

/** A check in four parts: what it means, how to see it by hand, what its fix does, what if it comes back. */
function checkPage({check, groups, consequences}) {
  const {id, title, why, whatTheFixDoes, ifItComesBack, hasFix} = check
  const does = [hasFix ? '' : 'No command can fix this.', whatTheFixDoes, ...consequences].filter(Boolean).join(' ')
  const parts = [
    [`What it means:`, `${title}. ${why}`],
    ...(groups.length > 0 ? [['See it by hand:', `\n\n${groups.map(shellBlock).join('\n\n')}`]] : []),
    [hasFix ? `What \`hermes-svc fix ${id}\` does:` : 'What to do:', quoted(does)],
    ...(ifItComesBack ? [['If it comes back:', quoted(ifItComesBack)]] : []),
  ]
  return [`### ${id}`, ...parts.map(([head, text]) => `**${head}**${text.startsWith('\n') ? '' : ' '}${text}`)].join('\n\n')
}

function shellBlock({manager, commands}) {
  const lines = commands.flatMap(([command, shows]) => [`# ${shows}`, command])
  return [...(manager ? [`With ${manager}:`, ''] : []), '```sh', ...lines, '```'].join('\n')
}

/** What help has in quotation marks is code on a page. */
function quoted(text) {
  return text.replaceAll('"', '`')
}

// The man page: man(7).

function manPage(day) {
  const lines = [
    '.\\" Made by npm run docs from what the commands say of themselves.',
    `.TH HERMES\\-SVC 1 ${day} "hermes\\-svc ${version}"`,
    ...section('NAME', `${roff(oclif.bin)} \\- ${roff('run the Hermes Agent gateway as a service')}`),
    ...section('SYNOPSIS', '.B hermes\\-svc', '.I command', '[\\fIflags\\fR]'),
    ...section('DESCRIPTION', roff(description)),
    ...section('COMMANDS', ...plain.flatMap(manCommand), ...topics.flatMap(manTopic)),
    ...section('FLAGS OF EVERY COMMAND', ...manFlags(common)),
    ...TOPICS.flatMap(({title, entries}) => section(title, ...entries.flatMap(([name, about]) => entry(name, about)))),
    ...section('SEE ALSO', '.BR systemctl (1),', '.BR journalctl (1),', '.BR launchctl (1),', '.BR s6\\-svc (8)'),
  ]
  return `${lines.join('\n')}\n`
}

function section(name, ...lines) {
  return [`.SH ${name.includes(' ') ? `"${name}"` : name}`, ...lines]
}

function manCommand(command) {
  const own = ownFlags(command)
  return [
    // A long list of words may go on in the next line.
    `.SS "${roff([command.name, ...command.args].join(' ')).replaceAll('|', ' | ')}"`,
    roff(`${command.summary}.`),
    ...(command.about ? [roff(command.about)] : []),
    ...manFlags(own),
    '.PP',
    '.nf',
    ...command.examples.map((example) => `.RS\n${roff(example)}\n.RE`),
    '.fi',
  ]
}

function manTopic({name, about, members, flags}) {
  const each = members.flatMap((member) => {
    const more = ownFlags(member).filter((flag) => !has({flags}, flag))
    return [...entry(member.name, `${member.summary}.`), ...(more.length > 0 ? ['.RS', ...manFlags(more), '.RE'] : [])]
  })
  return [`.SS "${name} \\fIfinding\\fR"`, roff(`${about}. Each of them takes:`), ...manFlags(flags), ...each]
}

function manFlags(flags) {
  return flags.flatMap(({words, about}) => entry(words, about))
}

function entry(name, about) {
  return ['.TP', `.B ${roff(name)}`, roff(about.replaceAll('`', ''))]
}

/** Text as roff(7) takes it for what it is; a hyphen that can be copied, no request at the beginning of a line. */
function roff(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/[^\x00-\x7f]/g, (character) => `\\[u${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`)
    .replaceAll('"', '\\(dq')
    .replace(/^(['.])/gm, '\\&$1')
}
