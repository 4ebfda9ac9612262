/** See src/doctor/checks/managers.ts. */
export const first = {
  'wrong-domain': () => import('./wrong-domain.js'),
  'plist-permissions': () => import('./plist-permissions.js'),
  'log-path': () => import('./log-path.js'),
  'penalty-box': () => import('./penalty-box.js'),
  'code-signature': () => import('./code-signature.js'),
  'disabled-override': () => import('./disabled-override.js'),
  'not-loaded': () => import('./not-loaded.js'),
} as const

export const last = {} as const
