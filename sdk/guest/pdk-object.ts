import { type Pdk, PDK_MEMBERS, PDK_PHASE_BITS, type PdkMember } from '../index.ts'
import { defineProperty, SafeMap } from './primordials.ts'

/** The call of a handler, as what its PDK needs to know of it. */
export interface PdkCall {
  /** Throws unless the member may be called now. */
  check(member: PdkMember, phaseBits: number): void
  readonly sharedContext: Record<string, unknown>
  readonly pluginContext: Record<string, unknown>
}

/** What each function of the PDK does; its phase was checked before. */
export type PdkImplementation<Call> = {
  readonly [Member in PdkMember]: (call: Call, ...args: never[]) => unknown
}

let callOf: (namespace: Namespace) => PdkCall

/** A namespace of the PDK for one call, like `pdk.request`. */
class Namespace {
  readonly #call: PdkCall

  constructor(call: PdkCall) {
    this.#call = call
  }

  static {
    callOf = (namespace) => namespace.#call
  }
}
type NamespaceClass = new (call: PdkCall) => Namespace

class CtxNamespace extends Namespace {
  get shared() {
    return callOf(this).sharedContext
  }

  get plugin() {
    return callOf(this).pluginContext
  }
}

/**
 * Makes, once, what makes the PDK object of a call out of the table of members and of what they do, in
 * the kernel as in a guest. Namespaces are made when they are used.
 */
export function createPdkMaker<Call extends PdkCall>(
  implementation: PdkImplementation<Call>,
): (call: Call) => Pdk {
  const classes = makeNamespaceClasses(implementation)
  classes.set('ctx', CtxNamespace)
  class PdkObject {
    readonly #call: PdkCall
    /** By their place; what is not there has not been used. */
    readonly #namespaces: Namespace[] = []

    constructor(call: PdkCall) {
      this.#call = call
    }

    static {
      let count = 0
      classes.forEach((Class, name) => {
        if (name.startsWith('service.')) return
        const index = count++
        defineProperty(PdkObject.prototype, name, {
          get(this: PdkObject) {
            return (this.#namespaces[index] ??= new Class(this.#call))
          },
        })
      })
    }
  }
  return (call) => new PdkObject(call) as unknown as Pdk
}

type Classes = SafeMap<string, NamespaceClass>

function makeNamespaceClasses(implementation: PdkImplementation<never>): Classes {
  const classes: Classes = new SafeMap()
  for (const member of Object.keys(PDK_MEMBERS) as PdkMember[]) {
    const dot = member.lastIndexOf('.')
    const name = member.slice(0, dot)
    let made = classes.get(name)
    if (made === undefined) classes.set(name, (made = makeNamespaceClass(name, classes)))
    const phaseBits = PDK_PHASE_BITS[member]
    const run = implementation[member] as unknown as (call: PdkCall, ...args: unknown[]) => unknown
    defineProperty(made.prototype, member.slice(dot + 1), {
      value(this: Namespace, ...args: unknown[]) {
        const call = callOf(this)
        call.check(member, phaseBits)
        return run(call, ...args)
      },
    })
  }
  return classes
}

function makeNamespaceClass(name: string, classes: Classes): NamespaceClass {
  return name === 'service' ? makeServiceClass(classes) : class extends Namespace {}
}

/** Has namespaces of its own beside its functions. */
function makeServiceClass(classes: Classes): NamespaceClass {
  return class extends Namespace {
    #request: Namespace | null = null
    #response: Namespace | null = null

    get request(): Namespace {
      return (this.#request ??= new (classes.get('service.request')!)(callOf(this)))
    }

    get response(): Namespace {
      return (this.#response ??= new (classes.get('service.response')!)(callOf(this)))
    }
  }
}
