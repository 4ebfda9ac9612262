/** What `setup` has to know, in the order in which it is told or asked. `service` is only told. */
export type ItemId =
  | 'manager'
  | 'run-as'
  | 'run-as-name'
  | 'profile'
  | 'scope'
  | 'service'
  | 'fix'
  | 'command'
  | 'linger'
  | 'heartbeat'
  | 'watchdog'
  | 'notify'

interface ItemHead {
  readonly id: ItemId
  /** One or two words that stand before what is told. */
  readonly label: string
}

/** What is not asked: it is known, or was said by a flag. */
export interface Told extends ItemHead {
  readonly kind: 'told'
  readonly text: string
  /** As its flag takes it; undefined: nothing has to be said. */
  readonly value: string | readonly string[] | undefined
  readonly by: 'flag' | 'only'
}

/** The value of a choice for which no flag has to be given. */
export const UNSAID = ''

export interface Choice {
  /** As the flag takes it, or UNSAID. */
  readonly value: string
  readonly name: string
  /** What stands beside the question once it is chosen; default: the name. */
  readonly short?: string
  /** What comes of it, in one line. */
  readonly about: string
  /** Why it cannot be chosen. */
  readonly refused?: string | undefined
}

interface QuestionHead extends ItemHead {
  readonly message: string
  /** One sentence: why it is asked. */
  readonly why: string
}

/** One of several. */
export interface SelectQuestion extends QuestionHead {
  readonly kind: 'select'
  readonly choices: readonly Choice[]
  /** Undefined where nothing but the user can tell. */
  readonly default: string | undefined
}

/** Any of several. */
export interface PickQuestion extends QuestionHead {
  readonly kind: 'pick'
  readonly choices: readonly Choice[]
  readonly default: readonly string[]
}

/** Yes or no, and the value of its flag for each. */
export interface ConfirmQuestion extends QuestionHead {
  readonly kind: 'confirm'
  readonly yes: string
  readonly no: string
  readonly default: string
}

/** Words of the user's own; there is no default. */
export interface TextQuestion extends QuestionHead {
  readonly kind: 'text'
  readonly default: undefined
}

/** Words of the user's own that are not shown while they are typed; an empty line says nothing. */
export interface SecretQuestion extends QuestionHead {
  readonly kind: 'secret'
  readonly default: typeof UNSAID
}

export type Question = SelectQuestion | PickQuestion | ConfirmQuestion | TextQuestion | SecretQuestion
export type Item = Told | Question

/** What an item came to, and who said it: a flag, the user, nobody (its default), or that there was only one possibility. */
export interface Answer {
  readonly value: string | readonly string[] | undefined
  readonly by: 'flag' | 'person' | 'default' | 'only'
}

export type Answers = Readonly<Partial<Record<ItemId, Answer>>>
