/** See src/doctor/checks/managers.ts. */
export const first = {
  'user-bus': () => import('./user-bus.js'),
} as const

export const last = {
  linger: () => import('./linger.js'),
} as const
