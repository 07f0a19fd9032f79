import type { Exchange } from '../../../kernel/exchange.ts'
import {
  LeanConnection,
  type LeanListenerState,
} from '../../../kernel/http/lean/lean-connection.ts'
import { TimerWheel } from '../../../kernel/http/lean/timer-wheel.ts'
import { Turn } from '../../../kernel/http/lean/turn.ts'
import type { HttpLimits } from '../../../kernel/http/limits.ts'
import type { Refusal } from '../../../kernel/http/refusal.ts'
import { MemorySocket, settle } from './memory-socket.ts'
import type { Outcome, ReadRequest } from './outcome.ts'

/** A message in the pieces in which it arrives. */
export type Pieces = readonly string[]

interface Reading {
  readonly socket: MemorySocket
  readonly connection: LeanConnection
  readonly requests: ReadRequest[]
  refusal: Refusal | null
}

/** The connections of the lean listener, given sockets in memory. */
export class LeanParser {
  readonly #limits: HttpLimits

  constructor(limits: HttpLimits) {
    this.#limits = limits
  }

  /** What becomes of each of these connections. */
  async read(messages: readonly Pieces[]): Promise<Outcome[]> {
    const wheel = new TimerWheel()
    const readings = messages.map(() => this.#open(wheel))
    await settle()
    const turns = Math.max(0, ...messages.map((pieces) => pieces.length))
    for (let turn = 0; turn < turns; turn++) {
      messages.forEach((pieces, at) => {
        const piece = pieces[turn]
        if (piece !== undefined) readings[at]!.socket.receive(piece)
      })
      await settle()
    }
    const outcomes = readings.map(toOutcome)
    for (const { socket } of readings) socket.destroy()
    wheel.close()
    return outcomes
  }

  #open(wheel: TimerWheel): Reading {
    const socket = new MemorySocket()
    const requests: ReadRequest[] = []
    const state: LeanListenerState = {
      limits: this.#limits,
      wheel,
      turn: new Turn(),
      readBuffer: Buffer.alloc(0),
      draining: false,
      onExchange: (exchange) => void requests.push(takeExchange(exchange)),
      onRefused: (refusal) => (reading.refusal ??= refusal),
      onClosed: () => {},
    }
    const connection = new LeanConnection(socket.asSocket(), state)
    const reading: Reading = { socket, connection, requests, refusal: null }
    return reading
  }
}

/** Reads the body and answers at its end, or with 400 when it has none. */
function takeExchange(exchange: Exchange): ReadRequest {
  const { method, target, httpVersion, authority, headers, upgrade, body } = exchange
  const request: ReadRequest = {
    ...{ method, target, httpVersion, authority, headers, upgrade },
    body: '',
    trailers: null,
    whole: body === null,
  }
  const answer = (status: number) => {
    if (exchange.cancelled) return
    exchange.sendHead({ status, headers: [], bodyLength: 0 })
    exchange.end()
  }
  if (body === null) answer(200)
  else {
    body.start({
      onData: (chunk) => {
        request.body += Buffer.from(chunk).toString('latin1')
        return true
      },
      onEnd: (trailers) => {
        request.trailers = trailers
        request.whole = true
        answer(200)
      },
      onError: () => answer(400),
    })
  }
  return request
}

function toOutcome({ socket, connection, requests, refusal }: Reading): Outcome {
  const status = socket.statuses.find((each) => each >= 400) ?? null
  if (refusal !== null || status !== null) {
    return { requests, end: 'refused', status, reason: refusal?.reason ?? null }
  }
  const end = socket.writableEnded ? 'closed' : connection.idle ? 'open' : 'waiting'
  return { requests, end, status: null, reason: null }
}
