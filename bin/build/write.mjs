import fs from 'node:fs'
import path from 'node:path'

/** Whoever runs the program while it is built gets the old file or the new one. What would not change is left alone, with its times. */
export function write(file, content, mode = 0o644) {
  const old = fs.existsSync(file) && fs.readFileSync(file)
  if (old && old.equals(Buffer.from(content)) && (fs.statSync(file).mode & 0o777) === mode) return
  const temporary = `${file}.${process.pid}.tmp`
  fs.writeFileSync(temporary, content, {mode})
  fs.chmodSync(temporary, mode)
  fs.renameSync(temporary, file)
}

export function keepOnly(folder, names) {
  for (const name of fs.readdirSync(folder)) if (!names.includes(name) && !name.endsWith('.tmp')) fs.rmSync(path.join(folder, name))
}
