import fs from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import {describe, expect, it} from 'vitest'
import {
  CUT_OFF_STATES,
  GatewayExit,
  GatewayLimit,
  GatewaySignal,
  GatewayVariable,
  HomeFile,
  LIVING_STATES,
  LOOP_WATCHDOG,
  RAN_STATES,
  RESTING_STATES,
  STANDARD_ROOT,
  StateField,
  StateWord,
  stateWordOf,
  tickSocket,
  UNSTARTED_STATES,
  UP_STATES,
} from '../../src/gateway/contract.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
const CONTRACT = 'src/gateway/contract.ts'

/** One piece of text, number or name that stands in the source, comments aside. */
interface Literal {
  readonly file: string
  readonly line: number
  readonly text: string
  /** A name of the program's own: of a variable, of a member. */
  readonly isName: boolean
  /** One of the names that path.join() gets. */
  readonly isPathPart: boolean
  /** The text of what it is compared with, or looked up as; empty if it is not. */
  readonly comparedWith: string
}

/** A word that may stand somewhere else, and why. */
interface Exception {
  readonly file: string
  readonly text: RegExp
  readonly why: string
}

function sources(): string[] {
  const files = fs.readdirSync(path.join(ROOT, 'src'), {recursive: true, encoding: 'utf8'})
  return files.filter((file) => file.endsWith('.ts')).map((file) => `src/${file}`)
}

/** Those that are rendered. */
function templates(): string[] {
  const files = fs.readdirSync(path.join(ROOT, 'templates'), {recursive: true, encoding: 'utf8'})
  return files.filter((file) => /^[^/]+\.sh$|\.ejs$/.test(file)).map((file) => `templates/${file}`)
}

function literalsOf(file: string): Literal[] {
  const found: Literal[] = []
  const source = ts.createSourceFile(file, fs.readFileSync(path.join(ROOT, file), 'utf8'), ts.ScriptTarget.ESNext, true)
  const visit = (node: ts.Node): void => {
    const isPiece = ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node)
    const isText = isPiece || ts.isIdentifier(node) || ts.isStringLiteralLike(node) || ts.isRegularExpressionLiteral(node)
    if (isText || ts.isNumericLiteral(node)) {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
      const isPathPart = ts.isCallExpression(node.parent) && node.parent.expression.getText() === 'path.join'
      found.push({file, line, text: node.text, isName: ts.isIdentifier(node), isPathPart, comparedWith: comparedWith(node)})
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function comparedWith(node: ts.Node): string {
  const {parent} = node
  if (ts.isBinaryExpression(parent) && /^[!=]==$/.test(parent.operatorToken.getText())) {
    return (parent.left === node ? parent.right : parent.left).getText()
  }
  if (ts.isCaseClause(parent)) return parent.parent.parent.expression.getText()
  const list = ts.isArrayLiteralExpression(parent) && ts.isPropertyAccessExpression(parent.parent) ? parent.parent.parent : undefined
  return list && ts.isCallExpression(list) ? list.arguments.map((argument) => argument.getText()).join() : ''
}

const LITERALS = sources()
  .filter((file) => file !== CONTRACT)
  .flatMap(literalsOf)

/** The places where a literal is one of upstream's words, those that may be left out, and exceptions that except nothing. */
function strays(isWord: (literal: Literal) => boolean, exceptions: readonly Exception[], withNames = false): string[] {
  const used = new Set<Exception>()
  const found = (withNames ? LITERALS : LITERALS.filter(({isName}) => !isName)).filter(isWord).filter((literal) => {
    const exception = exceptions.find(({file, text}) => file === literal.file && text.test(literal.text))
    if (exception) used.add(exception)
    return exception === undefined
  })
  const unused = exceptions
    .filter((exception) => !used.has(exception))
    .map(({file, text}) => `${file}: nothing there needs the exception ${text}`)
  return [...found.map(({file, line, text}) => `${file}:${line}: ${JSON.stringify(text)}`), ...unused]
}

function escaped(text: string): string {
  return text.replace(/[.]/g, '\\.')
}

/** Also words of ours and of everybody: they count only where a path is made of them. */
const COMMON = [HomeFile.stateFolder, HomeFile.logFolder, HomeFile.profiles, HomeFile.environment, HomeFile.config]

describe('the contract with upstream', () => {
  it('says of each entry since which version it holds, and in which file of upstream it stands', () => {
    const lines = fs.readFileSync(path.join(ROOT, CONTRACT), 'utf8').split('\n')
    const isEntry = (line: string) => /^(?:export const \w+(?:: [^=]+)? = (?!\{|statesWhere)|  \w+(?::| =) )/.test(line)
    const unsaid = lines.flatMap((line, index) => {
      if (!isEntry(line)) return []
      return /@holds (?:none|\d\.\d+(?: to \d\.\d+)? [\w/.-]+) \*\/$/.test(lines[index - 1] ?? '') ? [] : [line]
    })
    expect(lines.filter(isEntry).length).toBeGreaterThan(20)
    expect(unsaid).toEqual([])
  })

  it('has the names of the files that a gateway reads and writes, and no other file of ours spells one', () => {
    const names = [...Object.values(HomeFile), STANDARD_ROOT].filter((name) => !COMMON.includes(name as never)).map(escaped)
    const socket = tickSocket(0).split('0')[0] ?? ''
    const pattern = new RegExp(`(?<![\\w.-]|~/)(?:${names.join('|')}|${escaped(socket)}\\d*)(?![\\w-])`)
    const isFile = ({text, isPathPart}: Literal) => pattern.test(text) || (isPathPart && COMMON.includes(text as never))
    expect(
      strays(isFile, [
        {file: 'src/service/gateway-command.ts', text: /^\.hermes\/bin\/hermes$/, why: "a folder of upstream's checkout, which is no home"},
        {file: 'src/doctor/checks/stale-token-lock.ts', text: /^state$/, why: 'of the XDG Base Directory Specification'},
        {file: 'src/managers/launchd/paths.ts', text: /^state$/, why: 'what we remember of a service, in a folder of ours'},
      ]),
    ).toEqual([])
  })

  it('sorts the words of the state file into sets, by which decisions are made', () => {
    const words = (set: ReadonlySet<unknown>) => [...set].join(' ')
    expect(words(LIVING_STATES)).toBe('starting running degraded draining')
    expect(words(UP_STATES)).toBe('running degraded')
    expect(words(RESTING_STATES)).toBe('stopped startup_failed')
    expect(words(RAN_STATES)).toBe('running degraded draining stopped')
    expect(words(UNSTARTED_STATES)).toBe('starting startup_failed')
    expect(words(CUT_OFF_STATES)).toBe('starting running degraded draining interrupted crashed')
  })

  it('takes a word of a later version for unknown, which is in no set', () => {
    expect([stateWordOf('draining'), stateWordOf('resting'), stateWordOf(''), stateWordOf(5)]).toEqual([
      StateWord.draining,
      'unknown',
      undefined,
      undefined,
    ])
    for (const set of [LIVING_STATES, UP_STATES, RESTING_STATES, RAN_STATES, UNSTARTED_STATES, CUT_OFF_STATES]) {
      expect([set.has('unknown'), set.has(undefined)]).toEqual([false, false])
    }
  })

  it('has the words of the state file, and no other file of ours spells one', () => {
    // The others are words of managers and operators too: they count where they are compared with what a gateway says.
    const own = Object.values(StateWord).filter((word) => ![StateWord.running, StateWord.starting, StateWord.stopped].includes(word))
    const isWord = ({text, comparedWith}: Literal) =>
      own.includes(text as StateWord) ||
      (stateWordOf(text) !== 'unknown' && /gatewayState|gateway_state|stateWordOf|\.says\b/.test(comparedWith))
    expect(
      strays(isWord, [
        {file: 'src/observe/assess.ts', text: /^draining$/, why: 'what `status` calls a service that drains'},
        {file: 'src/ui/status-text.ts', text: /^draining$/, why: 'the same'},
        {file: 'src/ui/online-text.ts', text: /^draining$/, why: 'the same'},
        {file: 'src/smoke/machine.ts', text: /^degraded$/, why: "systemd's word for a machine with a unit that failed"},
      ]),
    ).toEqual([])
  })

  it('has the exit statuses, and no other file of ours spells one', () => {
    const status = new RegExp(`(?<![\\w.])(?:${GatewayExit.restart}|${GatewayExit.fatalConfiguration})(?![\\w.])`)
    expect(
      strays(
        ({text}) => status.test(text),
        [
          {file: 'src/doctor/checks/fatal-config.ts', text: /^exit-78$/, why: 'the name of a finding, which does not change'},
          {file: 'src/managers/launchd/checks/log-path.ts', text: /78/, why: "launchd's own status for what it could not start"},
          {file: 'src/host/file-lock.ts', text: /^75$/, why: 'what flock(1) is to end with'},
          {file: 'src/lifecycle/boot-sweep.ts', text: /^75$/, why: 'the same'},
        ],
      ),
    ).toEqual([])
    const allowed: Readonly<Record<string, string>> = {
      'templates/launchd/gateway.plist.ejs': 'a comment that is laid out as a table',
      'templates/launchd/launcher.sh.ejs': 'the rule of restarts in shell, which is compared with the one in TypeScript',
      'templates/s6/finish.ejs': 'the same',
      'templates/service-helper.sh': 'the same',
    }
    const spelling = templates().filter((file) => status.test(fs.readFileSync(path.join(ROOT, file), 'utf8')))
    expect(spelling.sort()).toEqual(Object.keys(allowed).sort())
  })

  it('has the environment variables and the signal of a restart, and no other file of ours spells one', () => {
    const names = [...Object.values(GatewayVariable), GatewaySignal.restart]
    const pattern = new RegExp(`(?<!\\w)(?:${names.join('|')})(?!\\w)`)
    expect(strays(({text}) => pattern.test(text), [], true)).toEqual([])
  })

  it('has the fields of the state file that are named, and no other file of ours spells one', () => {
    const pattern = new RegExp(`(?<!\\w)(?:${Object.values(StateField).join('|')})(?!\\w)`)
    expect(
      strays(
        ({text}) => pattern.test(text),
        [
          {file: 'src/commands/heartbeat.ts', text: /updated_at/, why: 'help and output, in which a person reads it beside its value'},
          {file: 'src/gateway/state-timestamp.ts', text: /no updated_at/, why: 'the same'},
          {file: 'src/smoke/breakages.ts', text: /get\("gateway_state"\)/, why: 'a program in Python'},
        ],
      ),
    ).toEqual([])
  })

  it("is what the stand-in for a gateway goes by: its files, states, statuses and limits are upstream's", () => {
    const text = fs.readFileSync(path.join(ROOT, 'src/smoke/stand-in/hermes'), 'utf8')
    const all = (pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, found = '']) => found))]
    const files = all(/self\.path\(((?:"[^"]+"(?:, )?)+)/g).map((words) => words.replace(/", "/g, '/').replace(/"/g, ''))
    const known: readonly string[] = [...Object.values(HomeFile), tickSocket(0).replace('.0.', '.%d.')]
    expect(files.length).toBeGreaterThan(10)
    // What nothing of ours reads is no part of the contract.
    expect(files.filter((file) => !known.includes(file) && !file.startsWith('stand-in.'))).toEqual(['cron', 'cron/.tick.lock'])
    const states = all(/gateway_state(?:=|": )"(\w+)"/g)
    expect(states.length).toBeGreaterThan(3)
    expect(states.filter((word) => stateWordOf(word) === 'unknown')).toEqual([])
    expect(all(/self\.leave\("requires-env", (\d+)\)/g)).toEqual([String(GatewayExit.fatalConfiguration)])
    expect(all(/"exit": \{"code": (\d+)\}/g)).toEqual([String(GatewayExit.restart)])
    expect(all(/^MARKER_TTL_SEC = (\d+)$/gm)).toEqual([String(GatewayLimit.markerSec)])
    expect(all(/^DRAIN_REQUEST_SEC = (\d+)$/gm)).toEqual([String(GatewayLimit.drainRequestSec)])
    expect(all(/"heartbeat_ms": (\d+)/g)).toEqual([String(GatewayLimit.heartbeatEverySec * 1000)])
    const variables: readonly string[] = Object.values(GatewayVariable)
    const heeded = all(/"(_?HERMES_\w+)"/g)
    expect(heeded.length).toBeGreaterThan(1)
    expect(heeded.filter((name) => !variables.includes(name))).toEqual([])
  })

  it('is what the programs in shell go by, which have no values of ours: their files, and the rule of restarts', () => {
    const shells = ['service-helper.sh', ...['launchd/launcher.sh.ejs', 's6/finish.ejs', 's6/log-run.ejs', 's6/start.sh.ejs']]
    const text = shells.map((file) => fs.readFileSync(path.join(ROOT, 'templates', file), 'utf8')).join('\n')
    const all = (pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, found = '']) => found))].sort()
    const files: readonly string[] = Object.values(HomeFile)
    const named = all(/\$home\/([\w./-]+)/g)
    expect(named.filter((file) => files.includes(file)).length).toBeGreaterThan(5)
    expect(named.filter((file) => !files.includes(file))).toEqual(['.hermes-svc.json', 'logs/hermes-svc.jsonl'])
    expect(all(/case \$stuck\$said in 1\* \| ([\w |]+)\)/g)).toEqual([[...UNSTARTED_STATES].join(' | ')])
    const ran = all(/case \$said in ([\w |]+)\)/g).map((words) => words.split(' | ').sort())
    expect(ran).toEqual([[...RAN_STATES].sort()])
    expect(all(/\[ "\$value" = (\w+) \] && stuck=1/g)).toEqual([LOOP_WATCHDOG])
    expect(all(/'exited (\d+)'/g)).toEqual(Object.values(GatewayExit).map(String).sort())
  })
})
