/**
 * The sandbox host process. It reads frames from descriptor 3, does the work strictly in order, and
 * writes the answers before it goes on, those of a few calls that cross together at once. It has no
 * event loop to speak of: reading blocks, and nothing happens but because of a frame. It ends when the descriptor is closed.
 */
import { readSync, writeSync } from 'node:fs'
import {
  addMessage,
  FrameDecoder,
  FrameEncoder,
  type GatewayMessage,
  type HostMessage,
  MessageReader,
  PROTOCOL_VERSION,
  ProtocolError,
} from '@sallyport/sdk/protocol'
import { loadIsolatedVm } from '../isolate/load-isolated-vm.ts'
import type { ChildReport } from './child-facts.ts'
import { ChildService } from './child-service.ts'
import type { ChildOptions } from './launch.ts'
import { loadNativeCalls } from './native-calls.ts'
import { probeAbilities, probeNatively } from './probe.ts'
import { installSyscallFilter } from './syscall-filter.ts'
import { syscallsOf } from './syscalls.ts'

const CHANNEL = 3
const STDERR = 2
const READ_BYTES = 64 * 1024
/** Exit codes for the supervisor's log. */
const EXIT_ERROR = 1
const EXIT_PROTOCOL = 2
const EXIT_BROKEN = 3
/** Reads after which what Node has put aside gets its turn. */
const READS_PER_TURN = 1_000
/** Node's scopes; one that it does not know is none that it has. */
const SCOPES = [
  'addon',
  'fs.read',
  'fs.write',
  'net',
  'child',
  'worker',
  'inspector',
  'wasi',
  'ffi',
]

/** Not there without the permission model; Node 24 cannot drop. */
const { permission } = process as {
  permission?: { has(scope: string): boolean; drop?: (scope: string) => void }
}

const [addonPath = '', optionsJson = '{}'] = process.argv.slice(2)
const { drops, hasFilter, victimPid } = JSON.parse(optionsJson) as ChildOptions
const isolatedVm = loadIsolatedVm(addonPath)
// One isolate before the rights are dropped: whatever V8 opens or maps lazily is there then.
new isolatedVm.Isolate({ memoryLimit: 8 }).dispose()
// The zone of the clock is read from a file, at its first use.
new Date().getTimezoneOffset()
const buffer = Buffer.allocUnsafe(READ_BYTES)
const decoder = new FrameDecoder(new MessageReader('gateway').read)
const encoder = new FrameEncoder()
const service = new ChildService(isolatedVm, { send, flush })
let greeted = false
let report: ChildReport | null = null
/** Behind the filter Node cannot end a process: it closes its event loop, by io_uring (see below). */
let end: (code: number) => void = (code) => process.exit(code)
// Only when nothing is left to be closed: the event loop does that by io_uring, which the filter
// refuses, and libuv aborts a process whose io_uring is refused.
process.stdin.once('close', () => setImmediate(() => setImmediate(lockDown))).destroy()

/** Gives up every right, says what was left of them, and goes to work. */
function lockDown(): void {
  const table = syscallsOf(process.arch)
  const natively = hasFilter && table !== null ? loadNativeCalls() : null
  let filter: string | null = null
  let native: ChildReport['native'] = null
  if (natively !== null && table !== null) {
    end = (code) => natively.exit(code)
    filter = installSyscallFilter(natively, table)
    native = probeNatively(natively, table, victimPid)
  } else if (hasFilter) filter = 'system calls cannot be made'
  dropPermissions(drops)
  report = {
    node: process.version,
    abilities: probeAbilities(victimPid),
    native,
    permissions:
      permission === undefined ? null : SCOPES.filter((scope) => permission.has(scope) === true),
    filter,
  }
  serve()
}

function serve(): void {
  try {
    for (let reads = 0; reads < READS_PER_TURN; reads++) readFrames()
  } catch (error) {
    // A fault of this program: its last words are for the gateway's log.
    writeSync(STDERR, `${error instanceof Error ? error.stack : String(error)}\n`)
    end(EXIT_ERROR)
  }
  setImmediate(serve)
}

function readFrames(): void {
  const count = readSync(CHANNEL, buffer, 0, READ_BYTES, null)
  if (count === 0) end(0)
  try {
    decoder.push(buffer.subarray(0, count), take)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    end(EXIT_PROTOCOL)
  }
  service.flush()
  endIfBroken()
}

function take(message: GatewayMessage): void {
  if (greeted) {
    if (message.name === 'hello') throw new ProtocolError('a second hello')
    service.work(message)
    endIfBroken()
  } else greet(message)
}

/** After a deadline or the end of an isolate nothing of V8 is to be relied on any more. */
function endIfBroken(): void {
  if (service.isBroken) end(EXIT_BROKEN)
}

function greet(message: GatewayMessage): void {
  if (message.name !== 'hello') throw new ProtocolError('the first frame is no hello')
  if (message.protocol !== PROTOCOL_VERSION || !message.encodings.includes('json')) {
    throw new ProtocolError('the gateway speaks another protocol')
  }
  greeted = true
  send({
    name: 'welcome',
    id: message.id,
    protocol: PROTOCOL_VERSION,
    encoding: 'json',
    info: JSON.stringify(report),
  })
  flush()
}

function send(message: HostMessage): void {
  addMessage(encoder, message)
}

function flush(): void {
  const bytes = encoder.take()
  for (let at = 0; at < bytes.length;) at += writeSync(CHANNEL, bytes, at)
}

function dropPermissions(scopes: readonly string[]): void {
  for (const scope of scopes) {
    try {
      permission?.drop?.(scope)
    } catch {
      // An older Node does not know every scope; the probe tells what is not denied.
    }
  }
}
