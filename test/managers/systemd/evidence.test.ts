import {describe, expect, it} from 'vitest'
import {execStartOf} from '../../../src/managers/systemd/unit-file.js'
import {definitionEvidence, restartRisk} from '../../../src/managers/systemd/evidence.js'
import {capturedShow, upstreamUnit} from '../../fakes/captures.js'

/** A unit whose command does not matter. */
const NOTHING = execStartOf([])
const UNIT = {Restart: 'always', StartLimitBurst: '5'}
const OURS = '/home/user/.config/systemd/user/hermes-gateway.service.d/10-hermes-svc.conf'

describe('the risk of a restart policy', () => {
  it.each<[string, Record<string, string>, string, RegExp]>([
    [
      "upstream's until 0.10",
      {Restart: 'on-failure', RestartUSec: '30s', StartLimitIntervalUSec: '10min'},
      'dies',
      /start 6 of a gateway that ends at once comes 150s after the first\. systemd refuses it, and never tries again/,
    ],
    ["upstream's since", {RestartUSec: '5s', StartLimitIntervalUSec: '0'}, 'storms', /up to 720 times an hour, without end/],
    [
      'that of the measurements',
      {RestartUSec: '300ms', StartLimitIntervalUSec: '10min'},
      'dies',
      /StartLimitBurst=5 starts in StartLimitIntervalSec=600s are allowed; with RestartSec=0.3s, start 6 of a gateway that ends at once comes 1.5s after/,
    ],
    [
      "systemd's own default, with a pause that outlasts it",
      {RestartUSec: '5s', StartLimitIntervalUSec: '10s'},
      'storms',
      /RestartSec=5s leads to at most 3 starts in StartLimitIntervalSec=10s, and StartLimitBurst=5 allows that/,
    ],
    [
      "systemd's own default for everything",
      {RestartUSec: '100ms', StartLimitIntervalUSec: '10s'},
      'dies',
      /start 6 of a gateway that ends at once comes 0.5s after/,
    ],
    [
      'a backoff of systemd 254',
      {RestartUSec: '1min', StartLimitIntervalUSec: '0', RestartSteps: '5', RestartMaxDelayUSec: '5min'},
      'sound',
      /pauses grow to 300s/,
    ],
    [
      'a backoff without a longest pause',
      {RestartUSec: '1s', StartLimitIntervalUSec: '0', RestartSteps: '5', RestartMaxDelayUSec: 'infinity'},
      'storms',
      /RestartSec=1s never grows/,
    ],
    [
      'a backoff that a limit cuts off',
      {RestartUSec: '1s', StartLimitIntervalUSec: '10min', RestartSteps: '4', RestartMaxDelayUSec: '16s'},
      'dies',
      // 1 + 2 + 4 + 8 + 16
      /start 6 of a gateway that ends at once comes 31s after/,
    ],
    ['a long pause', {RestartUSec: '1min', StartLimitIntervalUSec: '0'}, 'sound', /no start limit, and pauses grow to 60s/],
    ['none at all', {Restart: 'no'}, 'dies', /Restart=no/],
    [
      'ours',
      {RestartUSec: '1s', StartLimitIntervalUSec: '10s', StartLimitBurst: '200', DropInPaths: OURS},
      'sound',
      /at most 11 starts in StartLimitIntervalSec=10s, and StartLimitBurst=200 allows that, and each failure makes the next start wait longer/,
    ],
    [
      'ours of before',
      {RestartUSec: '100ms', StartLimitIntervalUSec: '0', DropInPaths: OURS},
      'sound',
      /each failure makes the next start wait longer/,
    ],
    [
      'ours with a pause taken away',
      {RestartUSec: '0', StartLimitIntervalUSec: '10s', StartLimitBurst: '200', DropInPaths: OURS},
      'dies',
      /with RestartSec=0s, start 201 of a gateway that ends at once comes 0s after the first/,
    ],
    [
      'one that is full at the last moment',
      {RestartUSec: '2s', StartLimitIntervalUSec: '10s', StartLimitBurst: '5'},
      'dies',
      /start 6 of a gateway that ends at once comes 10s after the first/,
    ],
    [
      'one that has room for one more',
      {RestartUSec: '2s', StartLimitIntervalUSec: '10s', StartLimitBurst: '6'},
      'storms',
      /at most 6 starts in StartLimitIntervalSec=10s, and StartLimitBurst=6 allows that/,
    ],
    [
      'ours with a limit set by somebody',
      {RestartUSec: '100ms', StartLimitIntervalUSec: '10min', DropInPaths: OURS},
      'dies',
      /systemd refuses it, and never tries again/,
    ],
  ])('%s', (_name, shown, kind, arithmetic) => {
    expect(restartRisk({...UNIT, ...shown})).toEqual({kind, arithmetic: expect.stringMatching(arithmetic) as string})
  })
})

describe('why the manager itself does not start it', () => {
  const failed = {ActiveState: 'failed', ExecMainCode: '1'}
  /** As systemd 252 shows them: seen with SupplementaryGroups= of a group that the user does not have. */
  const around = (first: string, second = first) => ({
    ...{ActiveState: 'activating', Result: 'exit-code', ExecMainCode: '0', ExecMainStatus: '0'},
    ExecStartPre: [first, second]
      .map((status) => `{ path=/bin/sh ; argv[]=/bin/sh -c x ; ignore_errors=yes ; pid=253 ; code=exited ; status=${status} }`)
      .join('\n'),
  })

  it.each<[string, Record<string, string>, string | undefined]>([
    ['start-limit-hit', {Result: 'start-limit-hit', ActiveState: 'failed'}, 'limit'],
    ['failed with the restarts at the burst', {...failed, ExecMainStatus: '1', NRestarts: '5', StartLimitIntervalUSec: '10min'}, 'limit'],
    ['failed before the burst', {...failed, ExecMainStatus: '1', NRestarts: '4', StartLimitIntervalUSec: '10min'}, undefined],
    [
      'failed with 78 after more restarts than the burst of a limit that its pace cannot reach',
      {...failed, ExecMainStatus: '78', NRestarts: '300', RestartUSec: '1s', StartLimitIntervalUSec: '10s', StartLimitBurst: '200'},
      undefined,
    ],
    ['failed without a limit', {...failed, ExecMainStatus: '78', NRestarts: '9', StartLimitIntervalUSec: '0'}, undefined],
    [
      '200/CHDIR between two tries',
      {ActiveState: 'activating', SubState: 'auto-restart', ExecMainCode: '1', ExecMainStatus: '200'},
      'folder',
    ],
    ['203/EXEC', {...failed, ExecMainStatus: '203'}, 'program'],
    ['217/USER', {...failed, ExecMainStatus: '217'}, 'account'],
    ...['201', '209', '222', '226', '233', '243'].map((status): [string, Record<string, string>, string] => [
      `${status} between two tries`,
      {ActiveState: 'activating', SubState: 'auto-restart', ExecMainCode: '1', ExecMainStatus: status},
      'setup',
    ]),
    ['216/GROUP of the helpers, with no process of the gateway', {...around('216'), SubState: 'auto-restart'}, 'account'],
    ['216/GROUP of the helpers, while the one after a run is tried', {...around('216'), SubState: 'stop-post'}, 'account'],
    [
      '216/GROUP of the helpers, where the next try waits for its turn (257)',
      {...around('216'), SubState: 'auto-restart-queued'},
      'account',
    ],
    ['226/NAMESPACE of the helpers', {...around('226'), SubState: 'auto-restart'}, 'setup'],
    ['233/RUNTIME_DIRECTORY of the first helper, the other one being set up', {...around('233', '0'), SubState: 'start-pre'}, 'setup'],
    ['an ordinary status of the helpers', {...around('1'), SubState: 'auto-restart'}, undefined],
    ['a status of the helpers beside an end of the gateway', {...around('216'), SubState: 'auto-restart', ExecMainCode: '1'}, undefined],
    ['a status of the helpers of a gateway that runs', {...around('216'), ActiveState: 'active', SubState: 'running'}, undefined],
    ['203 from long ago', {ActiveState: 'active', ExecMainCode: '1', ExecMainStatus: '203'}, undefined],
    ['killed by signal 200, which there is not', {ActiveState: 'failed', ExecMainCode: '2', ExecMainStatus: '200'}, undefined],
  ])('%s', (_name, shown, kind) => {
    expect(definitionEvidence({...UNIT, ...shown}, NOTHING, []).startFailure?.kind).toBe(kind)
  })
})

describe('what a unit says', () => {
  it('is read from what systemd shows', () => {
    expect(
      definitionEvidence(capturedShow('running'), execStartOf([upstreamUnit()]), [{path: '/x/helper.sh', role: 'helper'}]),
    ).toMatchObject({
      programs: [
        {path: '/usr/bin/python3', role: 'gateway'},
        {path: '/x/helper.sh', role: 'helper'},
      ],
      commandLine: '/usr/bin/python3 -m hermes_cli.main gateway run',
      requiredFolder: '/home/hermes/.hermes',
      stopTimeoutMs: 210_000,
      searchPath: '/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      restartRisk: {kind: 'storms'},
    })
  })

  it.each([
    ['!/home/user/.hermes', 'that may be missing'],
    ['~', "that is the account's home"],
    ['', 'that is not set'],
  ])('has no folder that must be there in one %s (%s)', (WorkingDirectory) => {
    expect(definitionEvidence({WorkingDirectory}, NOTHING, []).requiredFolder).toBeUndefined()
  })

  it('is silent where systemd shows nothing', () => {
    expect(definitionEvidence({}, NOTHING, [])).toMatchObject({
      programs: [],
      startFailure: undefined,
      stopTimeoutMs: undefined,
      searchPath: undefined,
    })
  })
})
