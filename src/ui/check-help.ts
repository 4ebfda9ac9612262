import type {ByHand, Check} from '../doctor/check.js'

/** What the help of `fix <id>` says of a check below its title. */
export function checkHelp(check: Check): string {
  const byHand = byHandGroups(check).flatMap(({manager, commands}) => [
    ...(manager === undefined ? [] : [`With ${manager}:`]),
    ...commands.flatMap(([command, shows]) => [`# ${shows}`, `$ ${command}`]),
  ])
  return [
    check.why,
    ...(check.hasFix ? [] : ['No command can fix this.']),
    check.whatTheFixDoes,
    ...fixConsequences(check),
    ...['', 'If it comes back:', check.ifItComesBack],
    ...['', 'To see it without hermes-svc:', ...byHand],
  ].join('\n')
}

/** Whether the fix of a check can stop the gateway, and who applies it: one sentence each. None for a check without a fix. */
export function fixConsequences({hasFix, interrupts, isSafe, unsafe}: Check): string[] {
  if (!hasFix) return []
  return [
    interrupts ? 'The fix can stop or restart the gateway.' : 'The fix does not stop a running gateway.',
    isSafe ? `"hermes-svc doctor --fix" applies it${unsafe ? `, except ${unsafe}` : ''}.` : '"hermes-svc doctor --fix" does not apply it.',
  ]
}

/** How a person sees what the check finds, without hermes-svc: one group for all managers, or one for each that has its own commands. */
export function byHandGroups({seeByHand}: Check): {readonly manager?: string; readonly commands: ByHand}[] {
  if (isForAll(seeByHand)) return [{commands: seeByHand}]
  return Object.entries(seeByHand).map(([manager, commands = []]) => ({manager, commands}))
}

function isForAll(seeByHand: Check['seeByHand']): seeByHand is ByHand {
  return Array.isArray(seeByHand)
}
