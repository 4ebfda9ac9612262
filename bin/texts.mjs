// npm run texts [-- FILE]: all texts that a person can meet, in one file to be read from top to bottom (default: texts.txt): what the commands and their flags say of
// themselves, every sentence in the source, by file, and the tables of the documents. docs/writing.md has the rules.
import fs from 'node:fs'
import {createRequire} from 'node:module'
import path from 'node:path'
import {fileURLToPath} from 'node:url'

// An import would look through all of its nine megabytes for names first.
const ts = createRequire(import.meta.url)('typescript')

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const SOURCE = path.join(ROOT, 'src')
/** What stands in a literal and is read by a program. */
const IS_CODE = /^[\s\S]*(?:\$\{\w+\[|=>|\brequire\()|^(?:SELECT|#!)|^\/|^--[a-z-]+$/

const file = process.argv[2] ?? 'texts.txt'
const parts = [
  '# Commands, as help and the man page have them',
  ...commandTexts(),
  '',
  '# Sentences in the source, by file',
  ...sourceTexts(),
  '',
  '# Tables of the documents',
  ...documentTables(),
]
fs.writeFileSync(file, `${parts.join('\n')}\n`)
process.stdout.write(`${file}\n`)

function commandTexts() {
  const {commands} = JSON.parse(fs.readFileSync(path.join(ROOT, 'oclif.manifest.json'), 'utf8'))
  const told = new Set()
  return Object.values(commands).flatMap(({id, summary, description, flags}) => {
    const own = Object.values(flags).filter(({name, description: about}) => !told.has(`${name} ${about}`))
    for (const {name, description: about} of own) told.add(`${name} ${about}`)
    return [
      '',
      `## ${id.replaceAll(':', ' ')}`,
      `${summary}.`,
      ...(description ?? '').split('\n'),
      ...own.map((flag) => `  --${flag.name}: ${flag.description}`),
    ]
  })
}

/** The rows of every table in the documents, without the lines that only draw it. */
function documentTables() {
  const pages = fs.readdirSync(path.join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
  return ['README.md', ...pages.sort().map((name) => `docs/${name}`)].flatMap((name) => {
    const lines = fs.readFileSync(path.join(ROOT, name), 'utf8').split('\n')
    const rows = lines.filter((line) => line.startsWith('| ') && !/^[|\s:-]+$/.test(line))
    return rows.length > 0 ? ['', `## ${name}`, ...rows] : []
  })
}

function sourceTexts() {
  const files = fs.readdirSync(SOURCE, {recursive: true, encoding: 'utf8'}).filter((name) => name.endsWith('.ts'))
  return files.sort().flatMap((name) => {
    const texts = sentencesOf(path.join(SOURCE, name))
    return texts.length > 0 ? ['', `## src/${name}`, ...texts.map((text) => `- ${text.replaceAll('\n', '\n  ')}`)] : []
  })
}

/** The literals of a file that are sentences or parts of one: three words at least. What is put into a template stands in it as `{…}`. */
function sentencesOf(place) {
  const options = {languageVersion: ts.ScriptTarget.Latest, jsDocParsingMode: ts.JSDocParsingMode.ParseNone}
  const source = ts.createSourceFile(place, fs.readFileSync(place, 'utf8'), options)
  const found = []
  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return
    const text = textOf(node, source)
    if (text !== undefined) found.push(text)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return [...new Set(found)].filter((text) => /[A-Za-z]{2,} [^ ]+ [A-Za-z{]/.test(text) && !IS_CODE.test(text))
}

function textOf(node, source) {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text
  if (!ts.isTemplateExpression(node)) return undefined
  return (
    node.head.text +
    node.templateSpans.map(({expression, literal}) => `{${expression.getText(source).slice(0, 40)}}${literal.text}`).join('')
  )
}
