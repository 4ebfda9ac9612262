import fs from 'node:fs'
import {createRequire} from 'node:module'
import path from 'node:path'
import {DIST, ROOT} from './places.mjs'
import {TOPICS, topicsText, topicText} from './topics.mjs'
import {keepOnly, write} from './write.mjs'

/** Commands stand from A to Z, so that nobody sees where to begin. */
const START_HERE = `START HERE
  hermes-svc setup   asks a few questions and installs the service
  hermes-svc status  whether the gateway is alive
  hermes-svc doctor  looks for problems and says what to type
`

const require = createRequire(import.meta.url)

/** The manifest that oclif's help is made from, and the help of the root, each topic and each command as plain text of 80 columns. */
export async function writeManifestAndHelp() {
  // Read by oclif when it is loaded, which is why it is imported after this.
  Object.assign(process.env, {OCLIF_COLUMNS: '80', NO_COLOR: '1', FORCE_COLOR: '0'})
  const {Config, Help, Plugin} = await import('@oclif/core')
  const {loadCommands} = require(path.join(DIST, 'cli.cjs'))
  const {commandTree} = require(path.join(DIST, 'complete.cjs'))
  await loadCommands()
  const plugin = new Plugin({root: ROOT, type: 'core', ignoreManifest: true, errorOnManifestCreate: true, respectNoCacheDefault: true})
  await plugin.load()
  write(path.join(ROOT, 'oclif.manifest.json'), `${JSON.stringify(plugin.manifest, undefined, 2)}\n`)
  const about = Object.entries(plugin.pjson.oclif.topics).map(([name, {description}]) => [name, description])
  const pages = Object.fromEntries(TOPICS.map((topic) => [topic.name, topic.about]))
  write(path.join(DIST, 'completion.json'), JSON.stringify(commandTree(plugin.manifest.commands, Object.fromEntries(about), pages)))

  let text = ''
  class TextHelp extends Help {
    log(...lines) {
      text += `${lines.join('\n')}\n`
    }
  }
  const load = async () => {
    const config = await Config.load({root: ROOT})
    // The platform and node of the build are not those of the user.
    return Object.assign(config, {userAgent: `${config.name}/${config.version}`})
  }
  const render = async (id) => {
    text = ''
    // Rendering changes the ids in a configuration, so each has its own.
    await new TextHelp(await load(), {stripAnsi: true}).showHelp(id.split(':').filter(Boolean))
    return `${text.trim()}\n`
  }
  write(path.join(DIST, 'help.txt'), `${(await render('')).replace('TOPICS\n', `${START_HERE}\nTOPICS\n`)}\n${topicsText()}`)
  const {commands, topics} = await load()
  const folder = path.join(DIST, 'help')
  fs.mkdirSync(folder, {recursive: true})
  const files = new Map(
    [...commands.map(({id}) => id), ...topics.map(({name}) => name)].map((id) => [`${id.replaceAll(':', '.')}.txt`, id]),
  )
  for (const [name, id] of files) write(path.join(folder, name), await render(id))
  for (const topic of TOPICS) write(path.join(folder, `${topic.name}.txt`), topicText(topic))
  keepOnly(folder, [...files.keys(), ...TOPICS.map(({name}) => `${name}.txt`)])
}
