import type {Host} from '../host/host.js'
import type {Choice, Question} from '../setup/item.js'
import {type Paint, paintFor} from './paint.js'
import {wrapped} from '../text/layout.js'
import {visible, writable} from '../text/visible.js'

/** How a prompt is run. */
export interface AskOptions {
  /** Aborted: the command is to end, and the prompt with it. */
  readonly signal?: AbortSignal
  /** What is wrong with words that were typed; undefined if nothing is. */
  readonly refuse?: (text: string) => string | undefined
}

const DEFAULT_WIDTH = 80
const CONFIRMATION = 'Do this?'
/** A word for each state, since a symbol alone says nothing to whoever does not know it. */
const MARKED = '[repair]'
const UNMARKED = '[leave] '

/** Asks "Do this?", with yes as the default, and again after `showAll`, which a person may ask for first. Ctrl-C ends the command with 130. */
export async function confirmed(host: Host, showAll: () => Promise<void>, options: AskOptions = {}): Promise<boolean> {
  for (;;) {
    const answer = await prompt(host, options, async ({theme, context, fit}) => {
      const {input} = await import('@inquirer/prompts')
      const validate = (text: string) => wordOf(text) !== undefined || 'type y, n or d'
      const transformer = (text: string, {isFinal}: {isFinal: boolean}) => (isFinal ? theme.style.answer(wordOf(text) ?? text) : text)
      const message = (text: string, state: string) => theme.style.message(state === 'done' ? CONFIRMATION : text)
      return input(
        {
          message: fit(`${CONFIRMATION} y: yes, n: no, d: show every step and file first`),
          default: 'y',
          theme: {...theme, style: {...theme.style, message}},
          ...{validate, transformer},
        },
        context,
      )
    })
    const word = wordOf(answer)
    if (word !== 'show') return word === 'yes'
    await showAll()
  }
}

/** What was meant, by its first letter or as a word. */
function wordOf(text: string): 'yes' | 'no' | 'show' | undefined {
  const typed = text.trim().toLowerCase()
  return typed === 'y' || typed === 'yes'
    ? 'yes'
    : typed === 'n' || typed === 'no'
      ? 'no'
      : typed === 'd' || typed === 'diff'
        ? 'show'
        : undefined
}

/**
 * Asks a question on the terminal, and returns the value of its flag: of a `pick` one a list. Ctrl-C ends the command with 130, and so does
 * its signal.
 */
export function ask(host: Host, question: Question, options: AskOptions): Promise<string | string[]> {
  return prompt(host, options, async ({theme, context, fit}) => {
    const {select, checkbox, confirm, input} = await import('@inquirer/prompts')
    const message = fit(question.message)
    switch (question.kind) {
      case 'select': {
        const preset = question.default === undefined ? {} : {default: question.default}
        return select({message, choices: choicesOf(question.choices, fit), ...preset, theme}, context)
      }
      case 'pick': {
        const choices = choicesOf(question.choices, fit).map((choice) => ({...choice, checked: question.default.includes(choice.value)}))
        return checkbox({message, choices, theme}, context)
      }
      case 'confirm':
        return (await confirm({message, default: question.default === question.yes, theme}, context)) ? question.yes : question.no
      case 'text': {
        const validate = (text: string) => (text === '' ? 'type an answer' : (options.refuse?.(text) ?? true))
        return input({message, validate, theme}, context)
      }
      case 'secret': {
        const {password} = await import('@inquirer/prompts')
        const validate = (text: string) => (text === '' ? true : (options.refuse?.(text) ?? true))
        return password({message, validate, mask: '*', toggleMask: false, theme}, context)
      }
    }
  })
}

interface PromptSettings {
  readonly theme: ReturnType<typeof themeOf>
  readonly context: {readonly output: NodeJS.WriteStream; readonly signal?: AbortSignal}
  /** Breaks lines between words, which the library does not. */
  readonly fit: (text: string) => string
}

async function prompt<T>(host: Host, {signal}: AskOptions, run: (settings: PromptSettings) => Promise<T>): Promise<T> {
  // What is behind a text on its line needs some room, too.
  const fit = (text: string) => wrapped(text, askWidth(host) - 3).join('\n')
  const paint = await paintFor(host.stderrIsTty, host.env)
  return run({theme: themeOf(paint, fit), context: {output: process.stderr, ...(signal ? {signal} : {})}, fit})
}

/** Columns for questions, and for what stands around them. */
function askWidth({stderrColumns}: Host): number {
  return stderrColumns ?? DEFAULT_WIDTH
}

function choicesOf(choices: readonly Choice[], fit: (text: string) => string) {
  return choices.map(({value, name, short = name, about, refused}) => ({
    value,
    name: visible(name),
    short: visible(short),
    description: fit(`${name}: ${refused ?? about}`),
    ...(refused === undefined ? {} : {disabled: '(not possible)'}),
  }))
}

/** The library's own theme colours everything, whatever NO_COLOR says. It writes to the terminal itself, so each text is ready for that. */
function themeOf(paint: Paint, fit: (text: string) => string) {
  const ready = (colour: (text: string) => string) => (text: string) =>
    text
      .split('\n')
      .map((line) => writable(colour(line)))
      .join('\n')
  const [good, bad, dim, strong] = [ready(paint.good), ready(paint.bad), ready(paint.dim), ready(paint.strong)]
  return {
    prefix: {idle: strong('?'), done: '-'},
    icon: {cursor: '>', checked: MARKED, unchecked: UNMARKED},
    style: {
      answer: (text: string) => good(text),
      // It is called with the prompt's state too, which is not to be printed.
      message: (text: string) => strong(text),
      error: (text: string) => bad(fit(text)),
      defaultAnswer: (text: string) => `(${text})`,
      help: (text: string) => dim(text),
      highlight: (text: string) => strong(text),
      key: (text: string) => text,
      disabled: (text: string) => dim(text),
      description: (text: string) => dim(text),
      keysHelpTip: (keys: [string, string][]) => dim(fit(keys.map(([key, does]) => `${KEYS[key] ?? key}: ${does}`).join(', '))),
      renderSelectedChoices: (chosen: readonly {readonly short: string}[]) => chosen.map(({short}) => short).join(', ') || 'nothing',
    },
  }
}

/** Keys in words. */
const KEYS: Readonly<Record<string, string>> = {'↑↓': 'up, down', '⏎': 'Enter'}
