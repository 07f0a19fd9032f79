import type { Readable } from 'node:stream'
import type { LineDestination } from '../telemetry/log.ts'

/** A longer line is cut in two: an access line is below 20 KB, and something has to be the limit. */
const LINE_LENGTH_MAX = 256 * 1024

/**
 * Passes the output of several processes on to one destination, whole lines at a time, so that no
 * line ever begins within another. When the destination is slow nothing is read until it has caught
 * up: what is not read waits in the pipes and slows down who writes there.
 */
export class LineForwarder {
  readonly #destination: LineDestination
  readonly #streams = new Set<Readable>()
  #waiting = false

  constructor(destination: LineDestination) {
    this.#destination = destination
    destination.on('drain', () => this.#goOn())
    destination.on('error', () => this.#goOn())
  }

  /** Forwards a stream until its end; a last line without an end gets one. */
  attach(stream: Readable): void {
    let rest = ''
    stream.setEncoding('utf8')
    this.#streams.add(stream)
    stream.on('data', (text: string) => {
      const end = text.lastIndexOf('\n') + 1
      if (end > 0) {
        this.#write(rest + text.slice(0, end))
        rest = ''
      }
      rest += text.slice(end)
      if (rest.length > LINE_LENGTH_MAX) {
        this.#write(`${rest}\n`)
        rest = ''
      }
    })
    stream.on('error', () => stream.destroy())
    stream.on('close', () => {
      this.#streams.delete(stream)
      if (rest !== '') this.#write(`${rest}\n`)
    })
    if (this.#waiting) stream.pause()
  }

  #write(lines: string): void {
    // A destination whose reader has gone away answers nothing at all: what it gets is thrown away.
    if (this.#destination.write(lines) !== false || this.#waiting) return
    this.#waiting = true
    for (const stream of this.#streams) stream.pause()
  }

  #goOn(): void {
    this.#waiting = false
    for (const stream of this.#streams) stream.resume()
  }
}
