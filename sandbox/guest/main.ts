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
  toText,
} from '@sallyport/sdk/guest'
import { defineGlobals } from './globals.ts'
import { lockRealm } from './lock.ts'

/** The work that a host can ask for, as the first argument of the dispatcher. */
export type GuestOperation =
  | 'describe'
  | 'configure'
  | 'commit'
  | 'answers'
  | 'effect'
  | 'cancel'
  | 'close'

export type Dispatch = (
  operation: GuestOperation,
  id: number,
  ...args: readonly (string | boolean)[]
) => string
/** What is asked for most: with one argument, because each takes its time to cross. */
export type RunCalls = (text: string) => string

export interface Guest {
  readonly dispatch: Dispatch
  readonly calls: RunCalls
}

export function start(
  post: GuestPort['post'],
  random: GuestPort['random'],
  native: GuestPort['native'],
  optionsJson: string,
): Guest {
  lockRealm()
  const options = jsonParse(optionsJson) as GuestOptions
  const dispatcher = new Dispatcher({ post, random, native }, options)
  defineGlobals({
    currentCall: () => dispatcher.current,
    log: (level, text) => dispatcher.log(level, text),
    random,
    native,
    clearTimer: (id) => dispatcher.clearTimer(id),
  })
  shareWithModules(dispatcher)
  const dispatch: Dispatch = (operation, id, ...args) => {
    switch (operation) {
      case 'answers':
        return dispatcher.answers
      case 'effect':
        return dispatcher.effect(id, ...(args as [boolean, string]))
      case 'cancel':
        return dispatcher.cancel(id)
      case 'describe':
        return dispatcher.describe()
      case 'configure':
        return dispatcher.configure(id, args[0] as string)
      case 'commit':
        return dispatcher.commit()
      case 'close':
        return dispatcher.close(id)
      default:
        return `f{"message":"unknown operation ${toText(operation)}","decided":false,"log":[]}`
    }
  }
  return { dispatch, calls: (text) => dispatcher.calls(text) }
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
