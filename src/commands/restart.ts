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
  static override description = `A working gateway first finishes what it is doing. hermes-svc does not kill it during that time.
If a signal has stopped the gateway or if it is wedged, hermes-svc kills it at once.
If the gateway delays its own start after many restarts, the command waits until that delay is over. With --force it clears the gateway's record of restarts and does not wait.
The command does not restart a working gateway that would not start again: if its configuration cannot be loaded, if its program no longer starts, or during an update. The command says why and ends with 1.
Ends with 0 only if the gateway runs under a new pid.`
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
    'drain-timeout': durationFlag(
      '--drain-timeout',
      'how long a working gateway may take to finish its work (default: the value in its config.yaml)',
    ),
    'answer-timeout': durationFlag('--answer-timeout', 'how long to wait for the gateway to react to the request (default: 30s)'),
    'term-timeout': durationFlag('--term-timeout', 'how long the gateway may take to stop after SIGTERM (default: 10s)'),
    'kill-timeout': durationFlag('--kill-timeout', 'how long the process may take to disappear after SIGKILL (default: 5s)'),
    'when-idle': Flags.boolean({
      description:
        'wait until the gateway is idle (no turn, no cron job, no request of its API), for one hour or as long as --timeout says; if it is still busy then, change nothing; --timeout does not limit the restart that follows',
      exclusive: ['force'],
    }),
    force: Flags.boolean({
      description:
        'do not wait for the gateway to finish its work or for its own delay, and restart it even if it cannot load its new configuration',
      exclusive: ['drain-timeout', 'answer-timeout'],
    }),
  }

  protected override readonly nextCommands = ['status', 'logs -f']

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
