// The direction of imports, types included (CONTRIBUTING.md): from a layer to the ones above it in this list, never the other way, and never
// in a circle. `npm run lint` holds it. A manager's checks are doctor's, in the folder of what they know of.
const LAYERS = [
  {name: 'text', path: '^src/(text|schemas)/|^src/errors\\.ts$'},
  {name: 'host', path: '^src/host/'},
  {name: 'gateway', path: '^src/gateway/'},
  {name: 'service and plan', path: '^src/(service|plan)/'},
  {name: 'managers', path: '^src/managers/(?!\\w+/checks/)'},
  {name: 'observe', path: '^src/observe/'},
  {name: 'notify', path: '^src/notify/'},
  {name: 'history', path: '^src/history/'},
  {name: 'tick', path: '^src/tick/'},
  {name: 'lifecycle', path: '^src/lifecycle/'},
  {name: 'doctor', path: '^src/doctor/|^src/managers/\\w+/checks/'},
  {name: 'setup', path: '^src/setup/'},
  {name: 'ui', path: '^src/ui/'},
  {name: 'smoke', path: '^src/smoke/'},
  {name: 'commands', path: '^src/(commands|completion)/'},
  {name: 'entries', path: '^src/(cli|light-config|heartbeat-entry|complete-entry)\\.ts$'},
]

const upwards = LAYERS.slice(0, -1).map(({name, path}, index) => ({
  name: `${name} imports nothing that is built on it`,
  severity: 'error',
  from: {path},
  to: {
    path: LAYERS.slice(index + 1)
      .map((layer) => layer.path)
      .join('|'),
    pathNot: path,
  },
}))

/** A manager knows no other one, and who needs one asks the registry. */
const managers = {
  name: 'a manager knows no other one',
  severity: 'error',
  from: {path: '^src/managers/(\\w+)/'},
  to: {path: '^src/managers/\\w+/', pathNot: '^src/managers/$1/'},
}

export default {
  forbidden: [
    // The registries of checks reach them by import() alone, and give them the type of their ids.
    {name: 'no circle', severity: 'error', from: {path: '^src/'}, to: {circular: true, viaOnly: {pathNot: '/checks/index\\.ts$'}}},
    {name: 'every file has a layer', severity: 'error', from: {path: '^src/', pathNot: LAYERS.map(({path}) => path).join('|')}, to: {}},
    ...upwards,
    managers,
  ],
  options: {tsPreCompilationDeps: true, tsConfig: {fileName: 'tsconfig.json'}, doNotFollow: {path: 'node_modules'}},
}
