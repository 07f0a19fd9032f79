import type { AccessLogSetting } from '../telemetry/access-log.ts'
import type { LogLevel } from '../telemetry/log.ts'
import type { GatewaySettings, GatewayStatus } from '../gateway.ts'
import type { Entities } from '../config/entities.ts'
import type { SandboxSettings } from '../plugin-host.ts'
import type { PluginListing } from './plugin-listing.ts'
import type { Snapshot } from '../snapshot.ts'

/**
 * What primary and worker say to each other, one table a direction: the name of a message and what
 * it carries. It travels over the IPC channel of `child_process.fork`, as JSON: what is sent is plain
 * data, and for that JSON is cheaper than V8's own format.
 *
 * The order of a life: `init`, a snapshot, `loaded` (or `refused`), `listening`; then snapshots,
 * `ping` / `pong` and counts in any order; at the end `drain`, after which the worker exits.
 */
export interface ToWorker {
  /** Once, first. */
  init: WorkerInit
  /** A snapshot comes in pieces, so that neither side holds its event loop: begin, parts, end. */
  snapshotBegin: { version: number; hash: string }
  snapshotPart: { version: number; collection: keyof Entities; entities: unknown[] }
  snapshotEnd: { version: number }
  /** Answered by `pong`; a worker that does not answer for too long is killed. */
  ping: { number: number }
  /** The totals of a batch of `count`, in its order. */
  counted: { batch: number; totals: number[] }
  /** Answered by `reported`. */
  report: { number: number }
  /** Opens the log files anew, after they were moved away. */
  reopenLogs: object
  /** Stop accepting, finish what is in flight within the deadline, exit 0. */
  drain: { deadlineMs: number }
}

export interface ToPrimary {
  pong: { number: number }
  loaded: { version: number }
  /** The snapshot cannot be used; the one before stays in force. */
  refused: { version: number; reason: string }
  /** It accepts connections. */
  listening: { hostname: string; port: number }
  /** It cannot work at all, and why: it is about to exit. */
  unable: { reason: string }
  /** It was told to go by a signal of its own, and drains. */
  leaving: object
  /** A plugin of the `isolate` tier has hurt its worker, which leaves. */
  poisoned: { plugin: string; reason: string }
  count: { batch: number; items: CountItem[] }
  reported: { number: number; status: GatewayStatus }
}

/** With `size` it is taken from a bucket that fills in `windowMs`; without, added to a counter. */
export type CountItem = readonly [key: string, amount: number, windowMs: number, size?: number]

export interface WorkerInit {
  readonly nodeId: string
  /** Number of the worker's place, from 1; a replacement has the place of the one it replaces. */
  readonly place: number
  readonly plugins: readonly PluginListing[]
  readonly accessLog: AccessLogSetting
  readonly logLevel: LogLevel
  readonly gateway: GatewaySettings
  readonly sandbox: SandboxSettings
  /** Descriptors of the sockets that were bound by the primary and inherited. */
  readonly listenFds: readonly number[]
  readonly drainMs: number
  /** A primary that was not heard of for so long is reported, once. */
  readonly silenceMs: number
}

export type Message<Table> = { [Kind in keyof Table]: { kind: Kind } & Table[Kind] }[keyof Table]
export type MessageToWorker = Message<ToWorker>
export type MessageToPrimary = Message<ToPrimary>

/** 200 entities are 1 to 2 ms of work on either side. */
export const ENTITIES_PER_MESSAGE_MAX = 200

/** The messages that carry a snapshot, made one at a time: the next is built when the last is sent. */
export function* toMessages(snapshot: Snapshot): Generator<MessageToWorker> {
  const { version, hash } = snapshot
  yield { kind: 'snapshotBegin', version, hash }
  for (const collection of Object.keys(snapshot.entities) as (keyof Entities)[]) {
    const all: unknown[] = snapshot.entities[collection]
    // A collection without entities has its part, too: that is how the other side knows of it.
    for (let at = 0; at === 0 || at < all.length; at += ENTITIES_PER_MESSAGE_MAX) {
      const entities = all.slice(at, at + ENTITIES_PER_MESSAGE_MAX)
      yield { kind: 'snapshotPart', version, collection, entities }
    }
  }
  yield { kind: 'snapshotEnd', version }
}

/** Puts a snapshot together again. A snapshot that begins replaces one that was not finished. */
export class SnapshotAssembly {
  #version = 0
  #hash = ''
  #collections: Record<string, unknown[]> = {}

  begin(message: ToWorker['snapshotBegin']): void {
    this.#version = message.version
    this.#hash = message.hash
    this.#collections = {}
  }

  part(message: ToWorker['snapshotPart']): void {
    if (message.version !== this.#version) return
    const collection = (this.#collections[message.collection] ??= [])
    for (const entity of message.entities) collection.push(entity)
  }

  /** Null when the parts belong to another version than the one that ends. */
  end(message: ToWorker['snapshotEnd']): Snapshot | null {
    if (message.version !== this.#version) return null
    const entities = this.#collections as unknown as Entities
    this.#collections = {}
    return { version: this.#version, hash: this.#hash, entities }
  }
}
