import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import type {Target} from '../observe/where.js'
import {Flags} from '@oclif/core'
import type {LadderTimes} from '../lifecycle/ladder.js'
import {planRestart} from '../lifecycle/restart.js'
import {IDLE_WITHIN_MS} from '../lifecycle/when-idle.js'
import {allFlag, type CommandResult, dryRunFlag, durationFlag, timeoutFlag, wedgeWindowFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Restart extends ServiceCommand<typeof Restart> {
  static override summary = 'Restart the gateway and wait until it runs under a new pid'
  static override description =
    `A gateway that works is asked to finish what it is doing first, and is never killed while it does. One that is stopped or whose event loop
is proved wedged is killed at once. One that holds itself back after many starts is waited for; --force clears its ledger and starts it once. One that works is left running if the next one could not load its configuration, if its program does not start any more, and in the middle of an update: that is said, and ends with 1.
Ends with 0 only when the gateway was seen running under a new pid.`
  static override examples = [
    '<%= config.bin %> restart',
    '<%= config.bin %> restart --force',
    '<%= config.bin %> restart --when-idle --timeout 2h',
  ]
  static override flags = {
    ...allFlag,
    ...dryRunFlag,
    ...timeoutFlag,
    ...wedgeWindowFlag,
    'drain-timeout': durationFlag('--drain-timeout', 'how long a gateway that works may finish its work (default: as its home configures)'),
    'answer-timeout': durationFlag('--answer-timeout', 'how long one that shows no sign of having been asked is waited for (default: 30s)'),
    'term-timeout': durationFlag('--term-timeout', 'how long it may take to stop after SIGTERM (default: 10s)'),
    'kill-timeout': durationFlag('--kill-timeout', 'how long it may take to be gone after SIGKILL (default: 5s)'),
    'when-idle': Flags.boolean({
      description:
        'wait until it has nothing in hand, no turn and no cron job, for an hour or as long as --timeout says; nothing is done if it has until then',
      exclusive: ['force'],
    }),
    force: Flags.boolean({
      description: 'do not let the gateway finish its work first, nor hold itself back; and restart it onto what it cannot load, too',
    }),
  }

  protected execute(): Promise<CommandResult> {
    const {force, timeout, 'when-idle': whenIdle, 'wedge-window': wedgeWindowMs = DEFAULT_WEDGE_WINDOW_MS} = this.flags
    // The time is for what is waited for: once it has nothing in hand, its restart takes what it takes.
    const timeoutMs = whenIdle ? undefined : timeout
    const times = given({
      drainMs: this.flags['drain-timeout'],
      answerMs: this.flags['answer-timeout'],
      terminateMs: this.flags['term-timeout'],
      killMs: this.flags['kill-timeout'],
    })
    const makePlan = (target: Target) =>
      planRestart(target, {timeoutMs, force, evenBroken: force, onlyIfRunning: whenIdle, wedgeWindowMs, times})
    return this.runForAll('restart', makePlan, whenIdle ? {idleWithinMs: timeout ?? IDLE_WITHIN_MS} : {})
  }
}

/** The times that were given; the others keep their defaults. */
function given(times: Record<keyof LadderTimes, number | undefined>): Partial<LadderTimes> {
  return Object.fromEntries(Object.entries(times).filter(([, ms]) => ms !== undefined))
}
