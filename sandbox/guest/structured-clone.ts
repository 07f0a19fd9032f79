/**
 * `structuredClone` for what a plugin can have: primitives, plain objects, arrays, maps, sets, dates,
 * regular expressions, boxed primitives, errors, buffers and views of them; cycles are kept. Nothing
 * can be transferred, since there is nowhere to transfer it to.
 */
export function structuredClone(value: unknown, options?: { transfer?: unknown[] }): unknown {
  if (options?.transfer !== undefined && options.transfer.length > 0) {
    throw cloneError('there is nothing to transfer to')
  }
  return clone(value, new Map())
}

type Seen = Map<object, unknown>

function clone(value: unknown, seen: Seen): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw cloneError(`a ${typeof value} cannot be cloned`)
  }
  if (typeof value !== 'object' || value === null) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  if (Array.isArray(value)) return cloneArray(value, seen)
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  const made = cloneLeaf(value, kind)
  if (made !== undefined) {
    seen.set(value, made)
    return made
  }
  if (ArrayBuffer.isView(value)) return cloneView(value, seen)
  if (value instanceof Map) return cloneMap(value, seen)
  if (value instanceof Set) return cloneSet(value, seen)
  if (value instanceof Error) return cloneProperError(value, seen)
  if (UNCLONEABLE.has(kind)) throw cloneError(`a ${kind} cannot be cloned`)
  return cloneProperties(value, {}, seen)
}

const UNCLONEABLE = new Set(['Promise', 'WeakMap', 'WeakSet', 'Generator', 'AsyncGenerator'])

/** What holds no other value. The brand is checked by calling a method that needs it. */
function cloneLeaf(value: object, kind: string): object | undefined {
  if (value instanceof Date) return new Date(Date.prototype.getTime.call(value))
  if (value instanceof RegExp) return new RegExp(value.source, value.flags)
  if (value instanceof ArrayBuffer) return ArrayBuffer.prototype.slice.call(value, 0)
  if (value instanceof Boolean || value instanceof Number || value instanceof String) {
    return Object(value.valueOf()) as object
  }
  return kind === 'BigInt' ? (Object(BigInt.prototype.valueOf.call(value)) as object) : undefined
}

function cloneArray(value: unknown[], seen: Seen): unknown[] {
  const made: unknown[] = []
  made.length = value.length
  seen.set(value, made)
  return cloneProperties(value, made, seen)
}

function cloneView(value: ArrayBufferView, seen: Seen): unknown {
  const buffer = clone(value.buffer, seen) as ArrayBuffer
  const made =
    value instanceof DataView
      ? new DataView(buffer, value.byteOffset, value.byteLength)
      : new (VIEWS[viewName(value)] as Uint8ArrayConstructor)(
          buffer,
          value.byteOffset,
          (value as Uint8Array).length,
        )
  seen.set(value, made)
  return made
}

const VIEWS: Readonly<Record<string, unknown>> = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  Float16Array: (globalThis as unknown as Record<string, unknown>)['Float16Array'],
}

const tagOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)!

function viewName(value: ArrayBufferView): string {
  return tagOf.get!.call(value) as string
}

function cloneMap(value: Map<unknown, unknown>, seen: Seen): Map<unknown, unknown> {
  const made = new Map<unknown, unknown>()
  seen.set(value, made)
  for (const [key, item] of [...value]) made.set(clone(key, seen), clone(item, seen))
  return made
}

function cloneSet(value: Set<unknown>, seen: Seen): Set<unknown> {
  const made = new Set()
  seen.set(value, made)
  for (const item of [...value]) made.add(clone(item, seen))
  return made
}

const ERRORS = new Map<string, ErrorConstructor>(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [
    type.name,
    type,
  ]),
)

function cloneProperError(value: Error, seen: Seen): Error {
  const made = new (ERRORS.get(value.name) ?? Error)(String(value.message))
  seen.set(value, made)
  Object.defineProperty(made, 'stack', { value: value.stack, writable: true, configurable: true })
  if ('cause' in value) {
    Object.defineProperty(made, 'cause', {
      value: clone(value.cause, seen),
      writable: true,
      configurable: true,
    })
  }
  return made
}

function cloneProperties<Made extends object>(value: object, made: Made, seen: Seen): Made {
  seen.set(value, made)
  for (const key of Object.keys(value)) {
    Object.defineProperty(made, key, {
      value: clone((value as Record<string, unknown>)[key], seen),
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return made
}

function cloneError(message: string): Error {
  const error = new Error(`structuredClone: ${message}`)
  Object.defineProperty(error, 'name', { value: 'DataCloneError' })
  return error
}
