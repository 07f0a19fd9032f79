import { pino } from 'pino'
import { type LineDestination, openDescriptor } from './log.ts'

/** One JSON line for each request that is over. */
export interface AccessLog {
  /** Takes no time worth mentioning: lines are made into blocks and written later. */
  write(entry: AccessEntry): void
  /** Resolves when everything that was taken has been handed to the system (or was dropped). */
  flush(): Promise<void>
  /** Opens the file anew: it was moved away by whoever rotates logs. Nothing for stdout. */
  reopen(): void
}

/**
 * What is told of a request. There is no room for headers, bodies or query values: secrets travel in
 * those. Sizes in bytes, durations in milliseconds; null is what there was not.
 */
export interface AccessEntry {
  /** When the head of the request had arrived: milliseconds since 1970. */
  readonly time: number
  readonly request_id: string
  readonly client_ip: string
  readonly method: string | null
  /** Without the query; what follows a question mark is cut off here, too. */
  readonly path: string | null
  readonly host: string | null
  /** Null when the client was gone before it was answered. */
  readonly status: number | null
  readonly bytes_received: number
  readonly bytes_sent: number
  readonly duration_ms: number
  /** From the first try to the head of the answer. */
  readonly upstream_ms: number | null
  /** Names, or ids of what has no name. */
  readonly route: string | null
  readonly service: string | null
  readonly consumer: string | null
  /** `hostname:port` of the last try. */
  readonly target: string | null
  readonly tries: number
  /** Who made the answer. */
  readonly source: 'service' | 'exit' | 'error' | null
  /** What went wrong, in the words of the error table. */
  readonly error: string | null
}

export type AccessLogSetting = 'off' | 'stdout' | { readonly path: string }

/**
 * Opens the access log, or null when it is off. `onProblem` is told at most once in ten seconds that
 * lines were lost: the disk is full or the reader too slow.
 */
export function openAccessLog(
  setting: AccessLogSetting,
  onProblem: (text: string) => void,
): AccessLog | null {
  if (setting === 'off') return null
  if (setting === 'stdout') {
    return createAccessLog(openDescriptor(1, WAITING_BYTES_MAX), onProblem)
  }
  // Several workers append to one file. A block is whole lines in one write with O_APPEND, which the
  // system does not mix with those of others.
  const destination = pino.destination({
    dest: setting.path,
    append: true,
    sync: false,
    maxLength: WAITING_BYTES_MAX,
  })
  return createAccessLog(destination, onProblem, true)
}

/** What may wait for a slow disk or reader: about 40,000 lines, some seconds of full load. */
const WAITING_BYTES_MAX = 16 << 20
/** The destination's largest write is 16 KB: a block and one line more stay below it mostly. */
const BLOCK_LENGTH = 8192
/** Who watches the log sees a line after this time at the latest. */
const BLOCK_MS = 100
const PROBLEM_PAUSE_MS = 10_000

/** An access log over any destination of lines. */
export function createAccessLog(
  destination: LineDestination,
  onProblem: (text: string) => void,
  isFile = false,
): AccessLog {
  let block = ''
  let writing = false
  let timer: NodeJS.Timeout | null = null
  let lastProblemMs = -Infinity

  const report = (text: string) => {
    if (performance.now() - lastProblemMs < PROBLEM_PAUSE_MS) return
    lastProblemMs = performance.now()
    onProblem(text)
  }
  destination.on('drain', () => {
    writing = false
  })
  destination.on('drop', () =>
    report('access log: lines were lost, they cannot be written in time'),
  )
  destination.on('error', (error) => {
    writing = false
    report(`access log: lines were not written: ${error.message}`)
  })

  const writeBlock = () => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    if (block === '') return
    const lines = block
    block = ''
    writing = true
    destination.write(lines)
  }

  return {
    write(entry) {
      block += toLine(entry)
      if (block.length >= BLOCK_LENGTH) writeBlock()
      else timer ??= setTimeout(writeBlock, BLOCK_MS).unref()
    },
    async flush() {
      writeBlock()
      if (writing) await over(destination)
    },
    reopen() {
      if (isFile) destination.reopen()
    },
  }
}

function over(destination: LineDestination): Promise<void> {
  return new Promise((resolve) => {
    destination.on('drain', resolve)
    destination.on('error', () => resolve())
  })
}

function toLine(entry: AccessEntry): string {
  const query = entry.path === null ? -1 : entry.path.indexOf('?')
  if (query === -1) return `${JSON.stringify(entry)}\n`
  return `${JSON.stringify({ ...entry, path: entry.path!.slice(0, query) })}\n`
}
