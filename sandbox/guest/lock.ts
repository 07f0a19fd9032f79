import { defineProperty } from '@sallyport/sdk/guest'

/**
 * What a guest does not get: a compiler to machine code, memory that several threads see, clocks made
 * of them, code that runs after a call, and the tables of languages that live outside the heap limit.
 */
const REMOVED = [
  'WebAssembly',
  'SharedArrayBuffer',
  'Atomics',
  'FinalizationRegistry',
  'WeakRef',
  'Intl',
  'console',
]

/** Locks the realm. Runs first of all. */
export function lockRealm(): void {
  const realm = globalThis as unknown as Record<string, unknown>
  for (const name of REMOVED) delete realm[name]
  // A function in its place would be called by the host's error handling, outside of every deadline.
  lock(Error, 'prepareStackTrace', undefined)
  lock(Error, 'stackTraceLimit', 10)
  // An older V8 asks it how to split, and the calls of a crossing are told apart by splitting.
  lock(String.prototype, Symbol.split, undefined)
  lockArrayBuffer()
}

/**
 * Resizable buffers are not counted by the heap limit, so `maxByteLength` is ignored. The wrapper is
 * what every way to the constructor finds: the global, `prototype.constructor` and a subclass.
 */
function lockArrayBuffer(): void {
  const Original = ArrayBuffer
  const { construct } = Reflect
  const wrapper: ArrayBufferConstructor = new Proxy(Original, {
    construct: (_target, args: unknown[], newTarget) =>
      construct(Original, [args[0]], newTarget === wrapper ? Original : newTarget) as ArrayBuffer,
  })
  lock(Original.prototype, 'constructor', wrapper)
  lock(globalThis, 'ArrayBuffer', wrapper)
  delete (Original.prototype as { resize?: unknown }).resize
}

function lock(object: object, name: string | symbol, value: unknown): void {
  defineProperty(object, name, { value, writable: false, configurable: false, enumerable: false })
}
