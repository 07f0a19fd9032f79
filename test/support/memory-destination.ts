import { EventEmitter } from 'node:events'
import type { LineDestination } from '../../kernel/telemetry/log.ts'

/** A destination of lines that keeps what it gets; `slow` makes it ask its writers to wait. */
export class MemoryDestination extends EventEmitter implements LineDestination {
  text = ''
  slow = false
  writes = 0

  write(lines: string): boolean {
    this.writes += 1
    this.text += lines
    return !this.slow
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1)
  }

  reopen(): void {
    this.emit('reopen')
  }

  catchUp(): void {
    this.slow = false
    this.emit('drain')
  }
}
