import {stampedLine} from '../gateway/log-line.js'
import type {ManagerLine} from './manager.js'

/** A line of a manager's file: by the time that it begins with, if it has one. `notAfterMs`: it was written before that. */
export function stampedManagerLine(line: string, notAfterMs: number): ManagerLine {
  const {timeMs, text} = stampedLine(line, notAfterMs) ?? {timeMs: undefined, text: line}
  return {timeMs, text, isManagers: false}
}
