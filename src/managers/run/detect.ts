/** It is no manager of the machine: of a profile it is there while its `hermes-svc run` lives (src/observe/where.ts), and where the operator says so. */
export function isHere(_host: unknown, isNamed: boolean): boolean {
  return isNamed
}
