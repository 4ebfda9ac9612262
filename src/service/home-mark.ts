import {journalFile} from '../plan/journal.js'
import {desiredStateFile} from './desired-state.js'

/**
 * What tells the home that a service was installed for from a folder that merely has its place, such as that on which its file system is yet
 * to be mounted: one of these files of ours is in it, since an installation writes the first and every command adds to the second.
 */
export function homeMarks(home: string): readonly string[] {
  return [desiredStateFile(home), journalFile(home)]
}
