/** See src/doctor/checks/managers.ts. */
export const first = {} as const

export const last = {
  logger: () => import('./logger.js'),
} as const
