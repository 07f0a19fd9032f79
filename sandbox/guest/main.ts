/**
 * The library inside every isolate. Its host evaluates it before any code of a plugin and keeps what
 * `start` returns; between the two only strings, numbers and booleans cross.
 */
import { PDK_ERRORS, PdkError } from '@sallyport/sdk'
import {
  defineProperty,
  Dispatcher,
  type GuestOptions,
  type GuestPort,
  jsonParse,
  type PostKind,
  slice,
  toText,
} from '@sallyport/sdk/guest'
import { defineGlobals } from './globals.ts'
import { lockRealm } from './lock.ts'
import { joinPieces, PIECE_LENGTH, pieceLengthOf } from './pieces.ts'

/** The work that a host can ask for, as the first argument of the dispatcher. */
export type GuestOperation =
  | 'describe'
  | 'configure'
  | 'commit'
  | 'answers'
  | 'effect'
  | 'cancel'
  | 'close'

/** What is asked for, and a text in pieces; the last piece of the answer, before which the others were posted. */
export type Dispatch = (
  operation: GuestOperation,
  id: number,
  ok: boolean,
  ...pieces: readonly string[]
) => string
/** What is asked for most: with few arguments, because each takes its time to cross. */
export type RunCalls = (...pieces: readonly string[]) => string

/** How the guest speaks to its host: as its port says, but for texts, of which all but the last piece go before. */
export type GuestPost = (
  kind: PostKind | 'part',
  id: number,
  ...rest: readonly (number | string)[]
) => void

export interface Guest {
  readonly dispatch: Dispatch
  readonly calls: RunCalls
}

/** Bytes, each a character. */
const RANDOM_BYTES_A_TIME = PIECE_LENGTH
/** Whose text a part is of: of the turn's answer, or of what is posted next. */
const OF_ANSWER = 1
const OF_POST = 0

export function start(
  post: GuestPost,
  random: GuestPort['random'],
  native: GuestPort['native'],
  optionsJson: string,
): Guest {
  lockRealm()
  const options = jsonParse(optionsJson) as GuestOptions
  const port = toPort(post, random, native)
  const dispatcher = new Dispatcher(port, options)
  defineGlobals({
    currentCall: () => dispatcher.current,
    log: (level, text) => dispatcher.log(level, text),
    random: port.random,
    native: port.native,
    clearTimer: (id) => dispatcher.clearTimer(id),
  })
  shareWithModules(dispatcher)
  const run = (operation: GuestOperation, id: number, ok: boolean, text: string): string => {
    switch (operation) {
      case 'answers':
        return dispatcher.answers
      case 'effect':
        return dispatcher.effect(id, ok, text)
      case 'cancel':
        return dispatcher.cancel(id)
      case 'describe':
        return dispatcher.describe()
      case 'configure':
        return dispatcher.configure(id, text)
      case 'commit':
        return dispatcher.commit()
      case 'close':
        return dispatcher.close(id)
      default:
        return `f{"message":"unknown operation ${toText(operation)}","decided":false,"log":[]}`
    }
  }
  return {
    dispatch: (operation, id, ok, ...pieces) =>
      lead(post, OF_ANSWER, run(operation, id, ok, joinPieces(pieces))),
    calls: (...pieces) => lead(post, OF_ANSWER, dispatcher.calls(joinPieces(pieces))),
  }
}

/**
 * Posts all of the text but its last piece, and gives that. What the turn answers is apart from what is posted:
 * microtasks post when the answer has been given, before it has crossed. Without lists, which a plugin could
 * tamper with.
 */
function lead(post: GuestPost, of: number, text: string): string {
  if (text.length <= PIECE_LENGTH) return text
  const length = pieceLengthOf(text)
  let at = 0
  for (; text.length - at > 4 * length; at += 4 * length) {
    const second = at + length
    const third = second + length
    const fourth = third + length
    post(
      'part',
      of,
      slice(text, at, second),
      slice(text, second, third),
      slice(text, third, fourth),
      slice(text, fourth, fourth + length),
    )
  }
  for (; text.length - at > length; at += length) post('part', of, slice(text, at, at + length))
  return slice(text, at)
}

function toPort(
  post: GuestPost,
  random: GuestPort['random'],
  native: GuestPort['native'],
): GuestPort {
  return {
    post: (kind, id, ...rest) => {
      if (rest.length === 1) post(kind, id, lead(post, OF_POST, toText(rest[0])))
      else post(kind, id, rest[0]!, rest[1]!, lead(post, OF_POST, toText(rest[2])))
    },
    random: (count) => {
      let bytes = ''
      for (let left = count; left > 0; left -= RANDOM_BYTES_A_TIME) {
        bytes += random(left < RANDOM_BYTES_A_TIME ? left : RANDOM_BYTES_A_TIME)
      }
      return bytes
    },
    native: (name, text) => native(name, lead(post, OF_POST, text)),
  }
}

/** Found by the one module that is evaluated before the plugin's, which takes it away at once. */
function shareWithModules(dispatcher: Dispatcher): void {
  defineProperty(globalThis, 'sallyport:library', {
    value: {
      PDK_ERRORS,
      PdkError,
      accept: (exports: Record<string, unknown>) => dispatcher.accept(exports),
    },
    configurable: true,
  })
}
