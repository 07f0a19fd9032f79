import {
  type GatewayMessage,
  type Message,
  type PayloadEncoding,
  PROTOCOL_VERSION,
  ProtocolError,
} from '@sallyport/sdk/protocol'

export interface GreetingOptions {
  /** What the host may pick for payloads, best first. */
  readonly encodings: readonly PayloadEncoding[]
  readonly startMs: number
  readonly send: (message: GatewayMessage) => void
  readonly onLate: (reason: string) => void
}

/** `hello` and `welcome`: nothing else comes before. */
export class Greeting {
  readonly #options: GreetingOptions
  #isOpen = true
  #resolve!: (info: string) => void
  #reject!: (error: Error) => void
  /** What the host says about itself. */
  readonly info: Promise<string>

  constructor(options: GreetingOptions) {
    const { startMs, encodings } = options
    this.#options = options
    this.info = new Promise<string>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const timer = setTimeout(() => options.onLate(`it was not ready within ${startMs} ms`), startMs)
    const over = (): void => {
      clearTimeout(timer)
      this.#isOpen = false
    }
    this.info.then(over, over)
    options.send({ name: 'hello', id: 0, protocol: PROTOCOL_VERSION, encodings })
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  onWelcome(message: Message<'welcome'>): void {
    if (!this.#isOpen || message.id !== 0) throw new ProtocolError('a second welcome')
    const isKnown = this.#options.encodings.some((encoding) => encoding === message.encoding)
    if (message.protocol !== PROTOCOL_VERSION || !isKnown) {
      throw new ProtocolError('the host speaks another protocol')
    }
    this.#isOpen = false
    this.#resolve(message.info as string)
  }

  fail(reason: string): void {
    this.#reject(new Error(reason))
  }
}
