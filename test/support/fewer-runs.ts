import fc from 'fast-check'

// Of each property that does not say itself how often. A campaign has the hundred that fast-check takes by default; the values are new ones in each run.
fc.configureGlobal({numRuns: 25})
