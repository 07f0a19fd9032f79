import { type Pdk, PDK_MEMBERS, PDK_PHASE_BITS, type PdkMember } from '../index.ts'
import type { HandlerCall } from './handler-call.ts'
import { PDK_IMPLEMENTATION } from './pdk-implementation.ts'
import { defineProperty, SafeMap } from './primordials.ts'

type Implementation = (call: HandlerCall, ...args: unknown[]) => unknown

let callOf: (namespace: Namespace) => HandlerCall

/** A namespace of the PDK for one call, like `pdk.request`. */
class Namespace {
  readonly #call: HandlerCall

  constructor(call: HandlerCall) {
    this.#call = call
  }

  static {
    callOf = (namespace) => namespace.#call
  }
}

/** What is in `pdk.service` beside its functions. */
class ServiceNamespace extends Namespace {
  #request: Namespace | null = null
  #response: Namespace | null = null

  get request(): Namespace {
    return (this.#request ??= new (classOf('service.request'))(callOf(this)))
  }

  get response(): Namespace {
    return (this.#response ??= new (classOf('service.response'))(callOf(this)))
  }
}

/** The classes of all namespaces, made once out of the table of PDK members. */
const NAMESPACES = makeNamespaceClasses()

function classOf(name: string): typeof Namespace {
  return NAMESPACES.get(name)!
}

/** The PDK object of one call. Namespaces are made when they are used. */
export function createPdk(call: HandlerCall): Pdk {
  return new GuestPdk(call) as unknown as Pdk
}

class GuestPdk {
  readonly #call: HandlerCall
  /** By their place in the table; what is not there has not been used. */
  readonly #namespaces: Namespace[] = []

  constructor(call: HandlerCall) {
    this.#call = call
  }

  get ctx() {
    return new CtxNamespace(this.#call)
  }

  static {
    let count = 0
    NAMESPACES.forEach((Class, name) => {
      if (name.startsWith('service.')) return
      const index = count++
      defineProperty(GuestPdk.prototype, name, {
        get(this: GuestPdk) {
          return (this.#namespaces[index] ??= new Class(this.#call))
        },
      })
    })
  }
}

class CtxNamespace {
  readonly #call: HandlerCall

  constructor(call: HandlerCall) {
    this.#call = call
  }

  get shared() {
    return this.#call.shared
  }

  get plugin() {
    return this.#call.plugin
  }
}

/** Outside of a request there are these namespaces only. */
export function createLifecyclePdk(call: HandlerCall): Pick<Pdk, 'log' | 'node' | 'plugin'> {
  const pdk = createPdk(call)
  return { log: pdk.log, node: pdk.node, plugin: pdk.plugin }
}

function makeNamespaceClasses(): SafeMap<string, typeof Namespace> {
  const classes = new SafeMap<string, typeof Namespace>()
  for (const member of Object.keys(PDK_MEMBERS) as PdkMember[]) {
    const dot = member.lastIndexOf('.')
    const name = member.slice(0, dot)
    let made = classes.get(name)
    if (made === undefined) classes.set(name, (made = makeNamespaceClass(name)))
    const phaseBits = PDK_PHASE_BITS[member]
    const isForAnyTime = isOfNoRequest(member)
    const implementation = PDK_IMPLEMENTATION[member] as Implementation
    defineProperty(made.prototype, member.slice(dot + 1), {
      value(this: Namespace, ...args: unknown[]) {
        const call = callOf(this)
        if (isForAnyTime) call.checkOpen(member)
        else call.check(member, phaseBits)
        return implementation(call, ...args)
      },
    })
  }
  return classes
}

function makeNamespaceClass(name: string): typeof Namespace {
  return name === 'service' ? class extends ServiceNamespace {} : class extends Namespace {}
}

/** What `init`, `configure` and `close` may call as well: it looks at no request. */
function isOfNoRequest(member: PdkMember): boolean {
  if (member === 'log.serialize' || member === 'log.setSerializeValue') return false
  return member.startsWith('log.') || member.startsWith('node.') || member.startsWith('plugin.')
}
