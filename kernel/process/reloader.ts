import type { Logger } from 'pino'
import type { Snapshot } from '../snapshot.ts'

export type Configuration = Pick<Snapshot, 'hash' | 'entities'> & {
  /** What is not wrong but should be known, one sentence each. */
  readonly warnings: readonly string[]
}

/** The configuration cannot be used: every error is one line. */
export class ConfigurationRefused extends Error {
  override readonly name = 'ConfigurationRefused'
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

export type ReloadOutcome = 'loaded' | 'unchanged' | 'refused'

export interface ReloaderOptions {
  /** Rejects with `ConfigurationRefused`. */
  readonly read: () => Promise<Configuration>
  readonly current: () => Snapshot
  /** Rejects when the workers cannot use it; the one before is in force then. */
  readonly publish: (snapshot: Snapshot) => Promise<void>
  readonly log: Logger
}

/**
 * Reads the configuration again when it is asked to. Requests that come while it reads are one
 * request, served when it is done: what was asked for last is always what is in force at the end.
 */
export class Reloader {
  readonly #options: ReloaderOptions
  #running: Promise<ReloadOutcome> | null = null
  #next: Promise<ReloadOutcome> | null = null
  #version: number

  constructor(options: ReloaderOptions) {
    this.#options = options
    this.#version = options.current().version
  }

  /** Never rejects: what goes wrong is in the log, and the configuration before stays in force. */
  reload(): Promise<ReloadOutcome> {
    if (this.#running === null) {
      this.#running = this.#reload().finally(() => {
        this.#running = null
      })
      return this.#running
    }
    this.#next ??= this.#running.then(() => {
      this.#next = null
      return this.reload()
    })
    return this.#next
  }

  async #reload(): Promise<ReloadOutcome> {
    const { read, current, publish, log } = this.#options
    const startedMs = performance.now()
    try {
      const { hash, entities, warnings } = await read()
      for (const warning of warnings) log.warn(warning)
      if (hash === current().hash) {
        log.info({ hash }, 'the configuration was read again and has not changed')
        return 'unchanged'
      }
      // A number that was refused is not given again: two snapshots never share one.
      this.#version += 1
      await publish({ version: this.#version, hash, entities })
      const ms = Math.round(performance.now() - startedMs)
      log.info({ version: this.#version, hash, ms }, 'the configuration was reloaded')
      return 'loaded'
    } catch (error) {
      const errors =
        error instanceof ConfigurationRefused ? error.lines : [(error as Error).message]
      const { version } = current()
      log.error(
        { errors, version },
        'the configuration cannot be used; the one before stays in force',
      )
      return 'refused'
    }
  }
}
