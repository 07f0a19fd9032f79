/**
 * What the guest library uses of the language, taken before any plugin code runs, so that a plugin
 * that replaces `JSON.stringify` or `Promise.prototype.then` changes only its own view of them.
 */
type Method<This, Args extends unknown[], Result> = (self: This, ...args: Args) => Result

const { call } = Function.prototype
/** `bind(call, method)` calls `method` on its first argument and looks nothing up. */
const bind = call.bind(Function.prototype.bind) as (of: unknown, self: unknown) => unknown

/** A method as a function of its object: whatever a plugin does to the prototype, it stays what it is. */
function uncurry<This, Args extends unknown[], Result>(
  method: (this: This, ...args: Args) => Result,
): Method<This, Args, Result> {
  return bind(call, method) as Method<This, Args, Result>
}

export const { parse: jsonParse, stringify: jsonStringify } = JSON
export const {
  defineProperty,
  entries: objectEntries,
  freeze: objectFreeze,
  keys: objectKeys,
} = Object
export const { isArray } = Array
export const toText = String
export const toNumber = Number
const promiseResolveMethod = uncurry(
  Promise.resolve as (this: unknown, value: unknown) => Promise<unknown>,
)
const PromiseConstructor = Promise

/** A promise of the guest for whatever a handler returned; a thenable is followed. */
export function toPromise(value: unknown): Promise<unknown> {
  return promiseResolveMethod(PromiseConstructor, value)
}
export const promiseThen = uncurry(
  Promise.prototype.then as (
    this: Promise<unknown>,
    fulfilled: ((value: unknown) => unknown) | undefined,
    rejected?: (error: unknown) => void,
  ) => Promise<unknown>,
)
export const slice = uncurry(String.prototype.slice)
export const indexOf = uncurry(String.prototype.indexOf)
export const { now: dateNow } = Date
export const charCodeAt = uncurry(String.prototype.charCodeAt)
export const test = uncurry(RegExp.prototype.exec as (this: RegExp, text: string) => unknown)

/** A map whose methods a plugin cannot replace. */
export class SafeMap<Key, Value> extends Map<Key, Value> {}
for (const name of ['get', 'set', 'delete', 'has', 'clear', 'forEach', 'size'] as const) {
  defineProperty(
    SafeMap.prototype,
    name,
    Reflect.getOwnPropertyDescriptor(Map.prototype, name) as PropertyDescriptor,
  )
}
objectFreeze(SafeMap.prototype)
