import { createHash } from 'node:crypto'
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileBytesMax } from './read-yaml.ts'

/** Editors write a file in several steps; a reload for each would be a reload of half a file. */
const debounceMsDefault = 100
/** Where notifications are lost (network file systems, links to other folders) the file is asked. */
const pollMsDefault = 2000

export interface WatchOptions {
  /** Quiet time after a notification before the file is read. */
  readonly debounceMs?: number
  readonly pollMs?: number
  /**
   * What the caller has read already, so that a change since then is noticed. Without it, what the
   * file holds at the time of the call counts as known.
   */
  readonly initialText?: string
}

export interface FileWatch {
  /** Afterwards `onChange` is not called any more. */
  close(): void
}

/**
 * Calls `onChange` with the new text whenever the content of the file is another one: written in
 * place, replaced by a rename, or swapped by a link above it. A file that is gone or unreadable is
 * waited for. `onChange` must not throw.
 */
export function watchDeclarativeFile(
  path: string,
  onChange: (text: string) => void,
  options: WatchOptions = {},
): FileWatch {
  return new WatchedFile(path, onChange, options)
}

/**
 * The text of a declarative file. Of one that is too large only so much is read that
 * `loadDeclarative` sees it: the error is its to give.
 */
export async function readDeclarativeFile(path: string): Promise<string> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    if (size <= fileBytesMax) {
      // A pipe has no size; whatever it is, not more than the limit is held.
      const parts: Buffer[] = []
      let bytes = 0
      for await (const part of file.createReadStream({ autoClose: false })) {
        parts.push(part as Buffer)
        bytes += (part as Buffer).length
        if (bytes > fileBytesMax) break
      }
      return Buffer.concat(parts).toString('utf8')
    }
    return ' '.repeat(fileBytesMax + 1)
  } finally {
    await file.close()
  }
}

class WatchedFile implements FileWatch {
  readonly #path: string
  readonly #onChange: (text: string) => void
  readonly #debounceMs: number
  readonly #poll: NodeJS.Timeout
  #watcher: FSWatcher | null = null
  #timer: NodeJS.Timeout | null = null
  #hash: string | null
  /** Of the file when it was read last; while it is the same, nobody has to read it again. */
  #signature: string | null = null
  #wasEmpty = false
  #isChecking = false
  #isAskedAgain = false
  #isClosed = false

  constructor(path: string, onChange: (text: string) => void, options: WatchOptions) {
    this.#path = path
    this.#onChange = onChange
    this.#debounceMs = options.debounceMs ?? debounceMsDefault
    const initialText = options.initialText ?? readNow(path)
    this.#hash = initialText === null ? null : hashOf(initialText)
    this.#poll = setInterval(() => {
      this.#watchFolder()
      void this.#check()
    }, options.pollMs ?? pollMsDefault).unref()
    this.#watchFolder()
    void this.#check()
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#poll)
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#watcher?.close()
    this.#watcher = null
  }

  /** The folder, not the file: a replaced file is another file, and its watch would die with it. */
  #watchFolder(): void {
    if (this.#watcher !== null || this.#isClosed) return
    try {
      const watcher = watch(dirname(this.#path), { persistent: false }, () => this.#notice())
      watcher.on('error', () => {
        watcher.close()
        if (this.#watcher === watcher) this.#watcher = null
      })
      this.#watcher = watcher
    } catch {
      // The folder is not there, or the system has no watches left: the poll goes on and tries again.
    }
  }

  #notice(): void {
    if (this.#isClosed) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#check(), this.#debounceMs)
    this.#timer.unref()
  }

  async #check(): Promise<void> {
    this.#isAskedAgain = true
    if (this.#isChecking) return
    this.#isChecking = true
    while (this.#isAskedAgain && !this.#isClosed) {
      this.#isAskedAgain = false
      const text = await this.#readIfChanged()
      if (text !== null && !this.#isClosed) this.#onChange(text)
    }
    this.#isChecking = false
  }

  /** The text when it is another one than before; null as well when there is nothing to read now. */
  async #readIfChanged(): Promise<string | null> {
    try {
      const before = await signatureOf(this.#path)
      if (before === this.#signature) return null
      const text = await readDeclarativeFile(this.#path)
      if ((await signatureOf(this.#path)) !== before) {
        // Somebody is writing: what was read may be half of the old and half of the new.
        this.#notice()
        return null
      }
      if (text === '' && !this.#wasEmpty) {
        // Most who write a file empty it first: that is told only when it stays so.
        this.#wasEmpty = true
        this.#notice()
        return null
      }
      this.#wasEmpty = text === ''
      this.#signature = before
      const hash = hashOf(text)
      if (hash === this.#hash) return null
      this.#hash = hash
      return text
    } catch {
      this.#signature = null
      return null
    }
  }
}

/** At once, so that no change falls between the call and the first look. */
function readNow(path: string): string | null {
  try {
    const { size } = statSync(path)
    return size > fileBytesMax ? null : readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

async function signatureOf(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')
