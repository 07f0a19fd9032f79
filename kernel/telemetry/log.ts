import { type DestinationStream, type Logger, pino } from 'pino'

/**
 * The gateway's own log: JSON lines on stderr, so that stdout is free for the access log. Lines are
 * written off the event loop; what is still waiting when the process exits is written then.
 */
export function createLog(options: {
  level: LogLevel
  /** What every line carries, like the worker's place. */
  base: Readonly<Record<string, unknown>>
  destination: DestinationStream
}): Logger {
  const { level, base, destination } = options
  return pino(
    {
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_PATHS, censor: '[secret]' },
    },
    destination,
  )
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What may wait for a slow reader of stderr: 8 MB are some 30,000 lines. */
const LOG_BYTES_MAX = 8 << 20

/** Stderr of this process, written to without waiting for its reader. */
export function openLogDestination(): DestinationStream {
  return openDescriptor(2, LOG_BYTES_MAX)
}

/**
 * Nobody should log these. Should it happen all the same, what is written is `[secret]`: as a field
 * of the line, one level below, or as a header.
 */
const SECRET_NAMES = ['authorization', 'cookie', 'apikey', 'password', 'secret', 'token'] as const
const SECRET_PATHS = SECRET_NAMES.flatMap((name) => [
  name,
  `*.${name}`,
  `*.headers.${name}`,
]).concat(
  '["set-cookie"]',
  '*["set-cookie"]',
  '["proxy-authorization"]',
  '*["proxy-authorization"]',
)

/**
 * A destination of lines. `write` returns false when its reader is slow; it goes on at `drain`,
 * which comes when everything was written.
 */
export interface LineDestination extends DestinationStream {
  write(lines: string): boolean
  on(event: 'drain' | 'drop', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  once(event: 'drain', listener: () => void): unknown
  reopen(): void
}

/**
 * Opens a descriptor for lines. Beyond `bytesMax` lines that wait are dropped (`drop`). A reader that
 * has gone away is no error: what is written then goes nowhere.
 */
export function openDescriptor(fd: number, bytesMax: number): LineDestination {
  const destination = pino.destination({ fd, sync: false, maxLength: bytesMax })
  // Without a listener a full disk behind stderr would end the process.
  destination.on('error', () => {})
  return destination
}
