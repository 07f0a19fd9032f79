import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { HostFailure } from '@sallyport/sdk'
import { toCallText } from '@sallyport/sdk/guest'
import {
  FrameDecoder,
  type HostMessage,
  type PayloadEncoding,
  ProtocolError,
} from '@sallyport/sdk/protocol'
import { serve } from '@sallyport/sdk/serve'
import { expect, test } from 'vitest'
import { makeGuestLibrary } from '../../sandbox/guest-library.ts'
import { SANDBOX_LIMITS } from '../../sandbox/limits.ts'
import { parsePayload } from '../../sandbox/payload.ts'
import { type ChildHandle, prepareLaunch } from '../../sandbox/process/launch.ts'
import { Piece } from '../../sandbox/process/piece.ts'
import { SandboxProcess } from '../../sandbox/process/sandbox-process.ts'
import { importModules } from '../sandbox/tiers.ts'
import { readCalls } from '../support/calls-text.ts'
import { makeCall, makePlugin } from '../support/host-call.ts'
import { referenceReader } from './reference-reader.ts'
import { type Frames, mutatedStreams, type Stream, toBytes, toPieces } from './mutated-frames.ts'

/** `npm run test:fuzz` says more. Counted in frames. */
const FRAMES = Number(process.env['FUZZ_RUNS'] ?? 5_000)
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 30))
const BATCH = 200
/** What a run may leave behind over all: garbage that has not been collected, tables of the engine. */
const HEAP_BYTES_MAX = 16 * 1024 * 1024
const CALLS = 5
const FIRST_ID = 2
const VIEW = makeCall({ key: 'k', view: { request: { id: 'x' } } }).view()

setFlagsFromString('--expose_gc')
const collectGarbage = runInNewContext('gc') as () => void

function heapBytes(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** Runs batches of streams until so many frames were sent; says what became of them. */
async function fuzz(
  frames: fc.Arbitrary<Frames>,
  run: (stream: Stream, count: (what: string) => void) => Promise<void>,
  { framesMin = FRAMES, batchSize = BATCH } = {},
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = { frames: 0, streams: 0 }
  const count = (what: string): void => void (counts[what] = (counts[what] ?? 0) + 1)
  let heapBefore = 0
  for (let batch = 0; counts['frames']! < framesMin; batch++) {
    // What is made once is made by now.
    if (batch === 2) heapBefore = heapBytes()
    for (const stream of fc.sample(mutatedStreams(frames), {
      numRuns: batchSize,
      seed: SEED + batch,
    })) {
      counts['frames']! += stream.frames.length
      counts['streams']!++
      try {
        await run(stream, count)
      } catch (error) {
        throw new Error(`FUZZ_SEED=${SEED}: ${JSON.stringify(stream)}`, { cause: error })
      }
    }
  }
  if (heapBefore > 0) expect(heapBytes() - heapBefore).toBeLessThan(HEAP_BYTES_MAX)
  process.stdout.write(`FUZZ_SEED=${SEED} ${JSON.stringify(counts)}\n`)
  return counts
}

/** A stream whose bytes are given by hand, so that a throw of its reader is seen here. */
class HandStream extends EventEmitter {
  destroyed = false
  write(): boolean {
    return true
  }
  destroy(): void {
    this.destroyed = true
  }
  unref(): void {}
}

class HandProcess extends EventEmitter implements ChildHandle {
  readonly pid = undefined
  readonly stdin = null
  readonly stderr = null
  kill(): boolean {
    return true
  }
  ref(): void {}
  unref(): void {}
}

/** What a host does next; `wild` is a frame that may be for nothing at all. */
interface Step {
  readonly act: 'end' | 'fail' | 'wait' | 'ask' | 'endWaiting' | 'endSome' | 'wild'
  readonly value: unknown
  readonly id: number
  readonly type: number
}

const STEP: fc.Arbitrary<Step> = fc.record({
  act: fc.oneof(
    {
      weight: 9,
      arbitrary: fc.constantFrom('end', 'fail', 'wait', 'ask', 'endWaiting', 'endSome' as const),
    },
    { weight: 1, arbitrary: fc.constant('wild' as const) },
  ),
  value: fc.jsonValue({ maxDepth: 3 }),
  id: fc.nat(12),
  type: fc.constantFrom(2, 6, 7, 8, 12, 17),
})

/** The frames of a host that keeps the protocol but for its wild ones. */
function toHostFrames(steps: readonly Step[], encoding: PayloadEncoding): Frames {
  const payload = (value: unknown) => (encoding === 'msgpack' ? value : JSON.stringify(value))
  const fields = (type: number, id: number, value: unknown): unknown[] => {
    if (type === 2) return [type, id, 1, encoding, payload(value)]
    if (type === 7) return [type, id, 'error', 'no', false, payload([])]
    if (type === 8) return [type, id, FIRST_ID + (id % CALLS), 'timer.sleep', payload([1])]
    if (type === 17) return [type, id, `${JSON.stringify(value)}\n{}`]
    return type === 12 ? [type, id] : [type, id, payload(value)]
  }
  const queue = Array.from({ length: CALLS }, (_, index) => FIRST_ID + index)
  const waiting: number[] = []
  let effects = 100
  return steps.flatMap(({ act, value, id, type }) => {
    const head = queue[0]
    if (act === 'wild') return [fields(type, id, value)]
    if (act === 'endWaiting') {
      const first = waiting.shift()
      return first === undefined ? [] : [fields(6, first, value)]
    }
    if (head === undefined) return []
    if (act === 'ask') return [[8, ++effects, head, 'timer.sleep', payload([1])]]
    if (act === 'endSome' && encoding === 'json') {
      // Now and then more than there are.
      const some = queue.splice(0, 1 + (id % 4))
      const lines = id === 11 ? [...some, 0] : some
      return [[17, head, lines.map(() => JSON.stringify(value)).join('\n')]]
    }
    queue.shift()
    if (act === 'wait') waiting.push(head)
    return [act === 'wait' ? [12, head] : fields(act === 'fail' ? 7 : 6, head, value)]
  })
}

function hostFrames(encoding: PayloadEncoding): fc.Arbitrary<Frames> {
  return fc
    .array(STEP, { minLength: 3, maxLength: 12 })
    .map((steps) => toHostFrames(steps, encoding))
}

/**
 * What should become of the pieces: the rules of the protocol, once more and as plainly as possible.
 * Gives the ends in order, and whether the connection is still good.
 */
function reference(
  bytes: Buffer,
  encoding: PayloadEncoding,
): { ends: [id: number, what: string][]; good: boolean } {
  const ends: [number, string][] = []
  const queue = Array.from({ length: CALLS }, (_, index) => FIRST_ID + index)
  const waiting = new Set<number>()
  const effects = new Map<number, number>()
  const end = (id: number): void => {
    waiting.delete(id)
    for (const [effect, owner] of effects) if (owner === id) effects.delete(effect)
  }
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt32LE(at)
    const whole = bytes.subarray(at, at + 4 + length)
    if (length > 0 && length <= 8 * 1024 * 1024 && whole.length < 4 + length) break
    at += 4 + length
    const message = readFrame(whole, encoding)
    if (message === null) return { ends, good: false }
    const { id } = message
    if (message.name === 'result' || message.name === 'failed') {
      if (queue[0] === id) queue.shift()
      else if (!waiting.has(id)) return { ends, good: false }
      end(id)
      ends.push([id, message.name])
    } else if (message.name === 'ack') {
      if (queue[0] !== id) return { ends, good: false }
      waiting.add(queue.shift()!)
    } else if (message.name === 'effect') {
      const isKnown = queue[0] === message.call || waiting.has(message.call)
      if (!isKnown || effects.has(id)) return { ends, good: false }
      effects.set(id, message.call)
    } else if (message.name === 'results' && encoding === 'json') {
      const lines = message.text.split('\n')
      for (const [index] of lines.entries()) {
        const head = queue.shift()
        if (head === undefined || (index === 0 && head !== id)) return { ends, good: false }
        end(head)
        ends.push([head, 'result'])
      }
    } else return { ends, good: false }
  }
  return { ends, good: true }
}

function readFrame(frame: Buffer, encoding: PayloadEncoding): HostMessage | null {
  let message: HostMessage | null = null
  try {
    new FrameDecoder(referenceReader('host', encoding)).push(frame, (value) => {
      message = value
    })
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    return null
  }
  return isWhatJsonHas(message) ? message : null
}

/** A flipped bit makes bytes of a text, and no number of one. */
function isWhatJsonHas(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return !(value instanceof Uint8Array) && Object.values(value).every(isWhatJsonHas)
}

/** What a payload cannot be read is refused by its call, and nothing else is thrown. */
function readPayload(json: string): void {
  try {
    parsePayload(json, 64)
  } catch (error) {
    expect(error).toBeInstanceOf(HostFailure)
  }
}

test.each(['json', 'msgpack'] as const)(
  'a gateway reading mutated frames of %s ends each call rightly or hangs up',
  { timeout: 60_000 + FRAMES * 3 },
  async (encoding) => {
    const counts = await fuzz(hostFrames(encoding), async (stream, count) => {
      const channel = new HandStream()
      const child = new HandProcess()
      const downs: string[] = []
      const host = new SandboxProcess({
        child: { process: child, channel: channel as unknown as Duplex },
        startMs: 60_000,
        stderrBytesMax: 0,
        encodings: ['msgpack', 'json'],
        takesTogether: encoding === 'json',
        onDown: ({ reason }) => downs.push(reason),
      })
      const info = encoding === 'json' ? '{}' : {}
      channel.emit('data', toBytes([[2, 0, 1, encoding, info]])[0])
      await host.ready
      const ends: [number, string][] = []
      for (let index = 0; index < CALLS; index++) {
        const piece: Piece = new Piece('call', {
          onEnd: (message) => {
            expect(message.id).toBe(piece.id)
            if (message.name === 'result') readPayload(message.payload as string)
            ends.push([piece.id, message.name])
          },
        })
        host.send(piece, {
          name: 'call',
          instanceKey: 'k',
          phase: 'access',
          timeoutMs: 1,
          view: VIEW,
        })
        expect(piece.id).toBe(FIRST_ID + index)
      }
      const pieces = toPieces(stream)
      for (const piece of pieces) channel.emit('data', piece)
      const wanted = reference(Buffer.concat(pieces), encoding)
      expect(ends).toEqual(wanted.ends)
      expect(host.isDown).toBe(!wanted.good)
      count(wanted.good ? 'good' : 'hungUp')
      for (const [, what] of ends) count(what)
      host.kill('the run is over')
      expect(downs).toHaveLength(1)
      expect(channel.destroyed).toBe(true)
    })
    // A generator of which nothing comes through would prove nothing.
    expect(counts['good']).toBeGreaterThan(0)
    expect(counts['hungUp']).toBeGreaterThan(0)
    expect(counts['result']).toBeGreaterThan(FRAMES / 20)
  },
)

const GUEST_OPTIONS = {
  ...{ resultBytesMax: 999, depthMax: 9, contextBytesMax: 99, changesMax: 9 },
  ...{ logLinesMax: 9, logLineLengthMax: 99, effectsMax: 9, effectValuesMax: 999, timersMax: 9 },
  ...{ node: { id: '', hostname: '' }, trustedIps: [] },
}
const INSTANCES = JSON.stringify([{ key: 'k', id: 'i', pluginName: 'p', config: {} }])
const HANDLERS = `
  async access(pdk) { await pdk.client.loadConsumer(pdk.request.getId()) },
  log(pdk) { pdk.log.info(pdk.request.getId()) }`

/** What a gateway sends to a program that it has greeted: it begins as a good one does. */
function gatewayFrames(
  prefix: Frames,
  { minLength = 0, maxLength = 10, wild = 20, together = 0 } = {},
): fc.Arbitrary<Frames> {
  const id = fc.integer({ min: 3, max: 30 })
  const view = fc.oneof(
    { weight: 6, arbitrary: fc.constant(VIEW) },
    { weight: 1, arbitrary: fc.json({ maxDepth: 2 }) },
    { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
  )
  const phase = fc.constantFrom('access', 'access', 'log', 'log', 'steal')
  const call = fc.tuple(fc.constant(5), id, fc.constant('k'), phase, fc.nat(9), view)
  const calls = fc
    .array(
      fc.record({ id, phase, view: fc.oneof({ weight: 40, arbitrary: fc.constant(VIEW) }, view) }),
      {
        minLength: 1,
        maxLength: 4,
      },
    )
    .map((some) => [
      16,
      some[0]!.id,
      some.map((each) => toCallText({ ...each, instanceKey: 'k' })).join('\n'),
    ])
  const frame = fc.oneof(
    { weight: 160, arbitrary: call },
    { weight: together, arbitrary: calls },
    { weight: 60, arbitrary: fc.tuple(fc.constant(9), fc.nat(9), fc.boolean(), view) },
    { weight: 40, arbitrary: fc.tuple(fc.constant(10), id, id) },
    { weight: 40, arbitrary: fc.tuple(fc.constantFrom(11, 13, 14), id) },
    { weight: 20, arbitrary: fc.tuple(fc.constant(4), id, fc.constant(INSTANCES)) },
    { weight: wild, arbitrary: fc.tuple(fc.constantFrom(1, 3, 4, 6, 12, 99), id, view) },
  )
  return fc.array(frame, { minLength, maxLength }).map((frames) => [...prefix, ...frames])
}

/** How often each id is asked for in what can be read of a stream. */
function idsOf(pieces: readonly Buffer[]): ReadonlyMap<number, number> {
  const ids = new Map<number, number>()
  const decoder = new FrameDecoder(referenceReader('gateway'))
  try {
    for (const piece of pieces) {
      decoder.push(piece, (message) => {
        const text = message.name === 'calls' ? readCalls(message.text) : []
        for (const id of new Set([message.id, ...text.map((call) => call.id)])) {
          ids.set(id, (ids.get(id) ?? 0) + 1)
        }
      })
    }
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
  }
  return ids
}

test(
  'a served plugin reading mutated frames answers rightly or hangs up, and serves the next one',
  { timeout: 60_000 + FRAMES * 3 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fuzz-'))
    const [plugin] = await importModules([makePlugin('p', HANDLERS)])
    const load = [3, 1, 'p', 'null', '', JSON.stringify({ guest: GUEST_OPTIONS })]
    const frames = gatewayFrames([load, [4, 2, INSTANCES]])
    const served = await serve(plugin!, { socket: join(folder, 'p.sock') })
    const hello = toBytes([[1, 0, 1, ['json']]])[0]!
    const counts = await fuzz(frames, async (stream, count) => {
      const socket = connect(served.socket)
      const pieces = toPieces(stream)
      const asked = idsOf(pieces)
      const decoder = new FrameDecoder(referenceReader('host'))
      socket.on('data', (bytes: Buffer) =>
        decoder.push(bytes, (message) => {
          // Whatever it was asked, what it says is by the protocol.
          count(message.name)
          if (message.name === 'effect') expect(asked.has(message.call)).toBe(true)
          else if (message.name !== 'welcome') expect(asked.has(message.id)).toBe(true)
        }),
      )
      socket.on('error', () => count('reset'))
      socket.write(hello)
      for (const piece of pieces) socket.write(piece)
      socket.end()
      await once(socket, 'close')
    })
    await served.close()
    rmSync(folder, { recursive: true })
    expect(counts['welcome']).toBe(counts['streams'])
    expect(counts['result']).toBeGreaterThan(FRAMES / 50)
    expect(counts['effect']).toBeGreaterThan(0)
  },
)

test(
  'a sandbox host reading mutated frames answers rightly or ends by itself',
  { timeout: 60_000 + FRAMES * 10 },
  async () => {
    const launch = await prepareLaunch()
    const { isolateBytesMax, loadMs } = SANDBOX_LIMITS
    const options = { guest: GUEST_OPTIONS, isolateBytesMax, loadMs: loadMs * 10, turnMs: 2_000 }
    const library = JSON.stringify(await makeGuestLibrary())
    const source = makePlugin('p', HANDLERS).source!
    const opening = Buffer.concat(
      toBytes([
        [1, 0, 1, ['json']],
        [3, 1, 'p', library, source, JSON.stringify(options)],
        [4, 2, INSTANCES],
      ]),
    )
    const run = async (stream: Stream, count: (what: string) => void): Promise<void> => {
      const { process: child, channel } = launch(SANDBOX_LIMITS)
      const exited = new Promise<[number | null, string | null]>((resolve) => {
        child.once('exit', (code, signal) => resolve([code, signal]))
      })
      child.stderr!.resume()
      const pieces = toPieces(stream)
      const asked = idsOf(pieces)
      const decoder = new FrameDecoder(referenceReader('host'))
      let answers = 0
      channel.on('data', (bytes: Buffer) =>
        decoder.push(bytes, (message) => {
          count(message.name)
          // Three are for the opening.
          if (answers++ < 3) expect(['welcome', 'result']).toContain(message.name)
          else expect(asked.has(message.name === 'effect' ? message.call : message.id)).toBe(true)
        }),
      )
      channel.on('error', () => undefined)
      channel.write(opening)
      for (const piece of pieces) channel.write(piece)
      channel.end()
      const [code, signal] = await exited
      expect(signal).toBeNull()
      count(`exit ${code}`)
    }
    const frames = gatewayFrames([], { minLength: 100, maxLength: 200, wild: 1, together: 160 })
    // A process each: a fifth of the frames is what a suite has time for.
    const framesMin = process.env['FUZZ_RUNS'] === undefined ? FRAMES / 5 : FRAMES
    const counts = await fuzz(frames, run, { framesMin, batchSize: 4 })
    expect(counts['welcome']).toBe(counts['streams'])
    expect(counts['result']).toBeGreaterThan(framesMin / 40)
    expect(counts['results']).toBeGreaterThan(framesMin / 40)
    expect(counts['exit 2']).toBeGreaterThan(0)
  },
)
