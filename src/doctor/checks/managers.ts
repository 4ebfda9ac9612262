/**
 * The checks that come with the folders of managers, one line a manager. `first`: those of what keeps others from being seen or cured, which
 * come before doctor's own; `last`: the others.
 */
export * as launchd from '../../managers/launchd/checks/index.js'
export * as s6 from '../../managers/s6/checks/index.js'
export * as systemd from '../../managers/systemd/checks/index.js'
