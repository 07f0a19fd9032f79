import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { PdkError } from '@sallyport/sdk'
import { type Namespace, toNamespace } from './namespace.ts'
import type {
  PluginStore,
  PluginStoreSetting,
  ShareLimits,
  StoreAddition,
  StoreEntry,
  StoreRange,
} from './plugin-store.ts'

/** `shares` follows `entries` by triggers, so that no way of writing can forget it. */
const SCHEMA = `
create table if not exists entries (
  namespace text not null,
  key text not null,
  value text not null,
  size integer not null,
  expires_at_ms integer,
  primary key (namespace, key)
) without rowid;
create index if not exists entries_by_expiry on entries (expires_at_ms) where expires_at_ms is not null;
create table if not exists shares (
  namespace text primary key, keys integer not null, bytes integer not null
) without rowid;
create trigger if not exists entry_inserted after insert on entries begin
  insert into shares values (new.namespace, 1, new.size)
    on conflict do update set keys = keys + 1, bytes = bytes + new.size;
end;
create trigger if not exists entry_updated after update on entries begin
  update shares set bytes = bytes - old.size + new.size where namespace = new.namespace;
end;
create trigger if not exists entry_deleted after delete on entries begin
  update shares set keys = keys - 1, bytes = bytes - old.size where namespace = old.namespace;
end;
`

const STATEMENTS = {
  get: 'select value, size, expires_at_ms from entries where namespace = ? and key = ? and (expires_at_ms is null or expires_at_ms > ?)',
  share: 'select keys, bytes from shares where namespace = ?',
  put: `insert into entries values (?, ?, ?, ?, ?)
    on conflict do update set value = excluded.value, size = excluded.size, expires_at_ms = excluded.expires_at_ms`,
  delete: 'delete from entries where namespace = ? and key = ?',
  list: `select key from entries where namespace = ? and key > ? and key >= ?
    and (expires_at_ms is null or expires_at_ms > ?) and substr(key, 1, length(?)) = ?
    order by key limit ?`,
  expired: 'select namespace, key from entries where expires_at_ms <= ? limit ?',
  expiredOf:
    'select namespace, key from entries where namespace = ? and expires_at_ms <= ? limit ?',
} as const

/** While workers start, all of them set up the file. */
const OPEN_WAIT_MS = 2_000
/** SQLite waits for another writer by standing still, and so does the worker: not longer than this. */
const LOCK_WAIT_MS = 2
/** How long a write is tried again before it fails; between two tries others have their turn. */
const RETRY_MS = 1_000
const RETRY_PAUSE_MS = 5
/** Each write takes away a few of what has run out; a share that is full, more of its own. */
const SWEEP = 10
const SWEEP_FULL = 1_000
const SQLITE_BUSY = 5

interface Row {
  readonly value: string
  readonly size: number
  readonly expires_at_ms: number | null
}

/** The store in a SQLite file that all workers share, or in memory: then each worker has its own. */
class SqliteStore implements PluginStore {
  readonly #database: DatabaseSync
  readonly #statements: Readonly<Record<keyof typeof STATEMENTS, StatementSync>>
  readonly #nowMs: () => number
  readonly #onProblem: (error: Error) => void

  constructor(
    database: DatabaseSync,
    { nowMs, onProblem }: { nowMs: () => number; onProblem: (error: Error) => void },
  ) {
    this.#database = database
    this.#nowMs = nowMs
    this.#onProblem = onProblem
    database.exec(`pragma busy_timeout = ${OPEN_WAIT_MS}; pragma journal_mode = wal;
      pragma synchronous = normal;`)
    this.#transaction(() => database.exec(SCHEMA))
    database.exec(`pragma busy_timeout = ${LOCK_WAIT_MS}`)
    const prepare = ([name, sql]: [string, string]) => [name, database.prepare(sql)] as const
    this.#statements = Object.fromEntries(Object.entries(STATEMENTS).map(prepare)) as Record<
      keyof typeof STATEMENTS,
      StatementSync
    >
  }

  get(namespace: Namespace, key: string): Promise<string | null> {
    return this.#try('store.get', () => this.#row(toNamespace(namespace), key)?.value ?? null)
  }

  set(namespace: Namespace, key: string, entry: StoreEntry): Promise<boolean> {
    return this.#write('store.set', () => {
      const name = toNamespace(namespace)
      const before = this.#row(name, key)
      if (before !== null && entry.ifAbsent) return false
      this.#put('store.set', name, key, entry)
      return true
    })
  }

  add(namespace: Namespace, key: string, addition: StoreAddition): Promise<number> {
    return this.#write('store.add', () => {
      const name = toNamespace(namespace)
      const before = this.#row(name, key)
      const number: unknown = before === null ? 0 : JSON.parse(before.value)
      if (typeof number !== 'number') {
        throw new PdkError('BAD_ARGUMENT', 'store.add: expected a number under this key')
      }
      const sum = number + addition.amount
      if (!Number.isFinite(sum)) {
        throw new PdkError('BAD_ARGUMENT', `store.add: the sum would be ${sum}`)
      }
      const expiresAtMs = before === null ? addition.expiresAtMs : before.expires_at_ms
      const { limits } = addition
      this.#put('store.add', name, key, { json: JSON.stringify(sum), expiresAtMs, limits })
      return sum
    })
  }

  delete(namespace: Namespace, key: string): Promise<boolean> {
    return this.#write('store.delete', () => {
      const name = toNamespace(namespace)
      const wasThere = this.#row(name, key) !== null
      this.#statements.delete.run(name, key)
      return wasThere
    })
  }

  list(namespace: Namespace, { prefix, after, limit }: StoreRange): Promise<string[]> {
    return this.#try('store.list', () => {
      const name = toNamespace(namespace)
      const { list } = this.#statements
      const rows = list.all(name, after, prefix, this.#nowMs(), prefix, prefix, limit)
      return rows.map((row) => row['key'] as string)
    })
  }

  close(): void {
    this.#database.close()
  }

  #row(name: string, key: string): Row | null {
    return (
      (this.#statements.get.get(name, key, this.#nowMs()) as unknown as Row | undefined) ?? null
    )
  }

  /** Within a transaction. Throws `LIMIT` when the share does not suffice. */
  #put(
    member: 'store.set' | 'store.add',
    name: string,
    key: string,
    { json, expiresAtMs, limits }: Omit<StoreEntry, 'ifAbsent'>,
  ): void {
    const { expired, expiredOf, put } = this.#statements
    this.#sweep(expired.all(this.#nowMs(), SWEEP))
    const size = Buffer.byteLength(json) + Buffer.byteLength(key)
    const fits = () => this.#fits(name, key, size, limits)
    if (!fits()) {
      this.#sweep(expiredOf.all(name, this.#nowMs(), SWEEP_FULL))
      if (!fits()) {
        const { storeKeysMax, storeBytesMax } = limits
        throw new PdkError(
          'LIMIT',
          `${member}: the plugin's share is full: ${storeKeysMax} keys and ${storeBytesMax} bytes are its quota`,
        )
      }
    }
    put.run(name, key, json, size, expiresAtMs)
  }

  #fits(name: string, key: string, size: number, limits: ShareLimits): boolean {
    const share = this.#statements.share.get(name) as { keys: number; bytes: number } | undefined
    const { keys, bytes } = share ?? { keys: 0, bytes: 0 }
    // What has run out and was not taken away yet is still there.
    const before = this.#statements.get.get(name, key, -Infinity)
    const more = before === undefined ? 1 : 0
    const wasBytes = before === undefined ? 0 : (before['size'] as number)
    return keys + more <= limits.storeKeysMax && bytes - wasBytes + size <= limits.storeBytesMax
  }

  #sweep(rows: readonly Record<string, unknown>[]): void {
    for (const { namespace, key } of rows) {
      this.#statements.delete.run(namespace as string, key as string)
    }
  }

  #write<T>(member: string, work: () => T): Promise<T> {
    return this.#try(member, () => this.#transaction(work))
  }

  #transaction<T>(work: () => T): T {
    // Immediate: a transaction that began by reading could not begin to write behind another.
    this.#database.exec('begin immediate')
    try {
      const result = work()
      this.#database.exec('commit')
      return result
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('rollback')
      throw error
    }
  }

  async #try<T>(member: string, work: () => T): Promise<T> {
    const endMs = performance.now() + RETRY_MS
    for (;;) {
      try {
        return work()
      } catch (error) {
        if (error instanceof PdkError) throw error
        if (!isBusy(error) || performance.now() > endMs) {
          this.#onProblem(error as Error)
          throw new PdkError('STORE_FAILED', `${member}: the store cannot be used at the moment`)
        }
      }
      await sleep(RETRY_PAUSE_MS * (0.5 + Math.random()))
    }
  }
}

/** Rejects with an Error that names the file when it cannot be used as a store. */
export async function openPluginStore(
  setting: PluginStoreSetting,
  options: { nowMs?: () => number; onProblem: (error: Error) => void },
): Promise<PluginStore> {
  // Loaded when it is needed: an older Node warns that it is experimental.
  const { DatabaseSync } = await import('node:sqlite')
  const { nowMs = Date.now, onProblem } = options
  if (setting === 'memory') {
    return new SqliteStore(new DatabaseSync(':memory:'), { nowMs, onProblem })
  }
  try {
    // What plugins keep is nobody's business on this machine. The files beside it follow its rights.
    closeSync(openSync(setting.path, 'a', 0o600))
    return new SqliteStore(new DatabaseSync(setting.path), { nowMs, onProblem })
  } catch (error) {
    throw new Error(`plugin store "${setting.path}": ${(error as Error).message}`, { cause: error })
  }
}

function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' && (errcode & 0xff) === SQLITE_BUSY
}
