import type { PluginManifest } from '@sallyport/sdk'
import type { Message } from '@sallyport/sdk/protocol'
import type { InstanceSpec } from '../../kernel/plugin-host.ts'
import { runEffect } from '../effects.ts'
import type { GuestLibrary } from '../guest-library.ts'
import type { SandboxLimits } from '../limits.ts'
import { parsePayload } from '../payload.ts'
import { checkBounds } from './message-bounds.ts'
import { Piece, type PieceEvents, type WorkMessage } from './piece.ts'
import type { SandboxProcess } from './sandbox-process.ts'

/** What loading gave: the manifest as the child says, not checked, and the lines written meanwhile. */
export interface Loaded {
  readonly manifest: PluginManifest
  readonly log: unknown
}

type Work = Exclude<WorkMessage, { name: 'call' | 'calls' | 'follow' }>

/** Thrown when the child refused a piece of work with a reason of its own. */
export class WorkFailed extends Error {
  override readonly name = 'WorkFailed'
  readonly log: unknown
  /** Whether the child cannot be used any more. */
  readonly isFatal: boolean

  constructor(message: string, log: unknown, isFatal: boolean) {
    super(message)
    this.log = log
    this.isFatal = isFatal
  }
}

/** A child with plugins in it: the work that is not a call. */
export class LoadedSandbox {
  readonly process: SandboxProcess
  readonly #limits: SandboxLimits
  readonly #loaded = new Set<string>()
  /** Work whose end is waited for here; rejected when the child goes down. */
  readonly #open = new Map<Piece, (error: Error) => void>()

  constructor(process: SandboxProcess, limits: SandboxLimits) {
    this.process = process
    this.#limits = limits
  }

  has(pluginName: string): boolean {
    return this.#loaded.has(pluginName)
  }

  /** `library` is null for a host that brings its own. */
  async load(
    plugin: { name: string; source: string },
    library: GuestLibrary | null,
    guestOptions: object,
  ): Promise<Loaded> {
    const isFirst = this.#loaded.size === 0
    const { isolateBytesMax, loadMs, guestTurnMs, depthMax } = this.#limits
    const result = await this.#do({
      name: 'load',
      plugin: plugin.name,
      // The child keeps it: the second plugin needs no second copy.
      library: isFirst ? JSON.stringify(library) : 'null',
      source: plugin.source,
      options: JSON.stringify({
        guest: guestOptions,
        isolateBytesMax,
        loadMs,
        turnMs: guestTurnMs,
      }),
    })
    this.#loaded.add(plugin.name)
    return parsePayload(result, depthMax + 8) as Loaded
  }

  /** Resolves with the lines that were written. */
  async configure(instances: readonly InstanceSpec[]): Promise<unknown> {
    const json = JSON.stringify(
      instances.map(({ key, id, pluginName, config }) => ({ key, id, pluginName, config })),
    )
    const result = await this.#do({ name: 'configure', instances: json }, this.#onEffect)
    this.process.expect(new Map(instances.map(({ key, pluginName }) => [key, pluginName])))
    return (parsePayload(result, this.#limits.depthMax) as { log?: unknown } | null)?.log
  }

  async close(): Promise<void> {
    await this.#do({ name: 'close' }, this.#onEffect)
  }

  /** To be called when the child is gone. */
  onDown(reason: string): void {
    for (const reject of this.#open.values()) reject(new Error(`the sandbox ended: ${reason}`))
    this.#open.clear()
  }

  /** An effect of a life-cycle handler: there is no request that it could be part of. */
  readonly #onEffect = (message: Message<'effect'>): void => {
    try {
      const answer = runEffect({
        call: null,
        member: message.member,
        argsJson: message.args as string,
        leftMs: this.#limits.configureMs,
        limits: this.#limits,
      })
      void answer.then(({ ok, value }) => this.process.answerEffect(message.id, ok, value))
    } catch (error) {
      this.process.kill((error as Error).message)
    }
  }

  #do(message: Work, onEffect?: (message: Message<'effect'>) => void): Promise<string> {
    return new Promise((resolve, reject) => {
      const events: PieceEvents = {
        onEnd: (end) => {
          checkBounds(end, this.#limits)
          this.#open.delete(piece)
          if (end.name === 'result') resolve(end.payload as string)
          else
            reject(new WorkFailed(end.message, safeLines(end.log as string), end.kind !== 'error'))
        },
        ...(onEffect === undefined ? {} : { onEffect }),
      }
      const piece = new Piece(message.name, events)
      if (this.process.isDown) {
        reject(new Error('the sandbox has ended'))
        return
      }
      this.#open.set(piece, reject)
      this.process.send(piece, message)
      this.#limitTime(piece)
    })
  }

  /** Work that waits for something that never comes must not keep its caller waiting. */
  #limitTime(piece: Piece): void {
    const { configureMs } = this.#limits
    const timer = setTimeout(() => {
      if (this.#open.has(piece) && piece.state === 'waiting') {
        this.process.kill(`${piece.kind} did not end within ${configureMs} ms`)
      }
    }, configureMs)
    timer.unref()
  }
}

function safeLines(log: string): unknown {
  try {
    return parsePayload(log, 2)
  } catch {
    return []
  }
}
