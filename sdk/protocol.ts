/**
 * The wire protocol between a gateway and a plugin host that runs in another process.
 *
 * Transport: a stream of bytes (an inherited descriptor, a Unix socket). It carries frames:
 *
 *     uint32 LE   length of the rest, 1 to `frameBytesMax`
 *     msgpack     one flat array: [type, id, field, field, ..]
 *
 * `type` is the number in the table below, `id` is a uint32 and the fields are those of the table, in
 * its order, none missing and none more. Allowed in msgpack: nil, booleans, integers within the safe
 * range, floats, strings, binaries, arrays, maps with string keys. Extensions are refused.
 *
 * A `payload` is in the encoding that the handshake picked:
 *   `json`     a string that holds JSON; the process in between hands it on unread
 *   `msgpack`  the value itself
 * A `view` is a map in `msgpack`, and in `json` a line of JSON for each of its parts, in the order of
 * `VIEW_PARTS` in `call-view.ts`: parts that nobody looks at need not be parsed.
 *
 * Order. The gateway opens with `hello`; the host answers `welcome` or closes. After that the gateway
 * sends work: `load`, `configure`, `call`, `effectResult`, `cancel`, `ping`, `stats`, `close`. The host
 * does it strictly in the order received, one piece at a time, and ends each piece with exactly one
 * frame before it begins the next:
 *
 *   `result` / `failed` with the id of the work   it is finished
 *   `ack` with the id of the work                 its turn is over; what is not finished waits
 *
 * So the oldest piece without an end is the one that is running, which is how a gateway knows whom to
 * blame and what it may send again to another process. Within a turn, and before its end, the host may
 * send `effect` (it asks the gateway to do something) and `result` or `failed` for other calls that wait.
 *
 * A call that waits goes on when the gateway answers its effect with `effectResult`, whose id is that
 * of the effect. Ids of work and ids of effects are two separate spaces; the gateway picks the first,
 * the host the second. `cancel` names a call in `call`: after its `ack` nothing may come for that
 * call; before, what comes is ignored. `ping` is work that does nothing: slow is not dead.
 *
 * Together. What a frame costs is most of what a call costs where code is interpreted, so a host of the
 * `process` tier, and no other, is given calls of one plugin in one frame, `calls`, as the text that it
 * hands on to its isolate unread; each is a piece of work of its own. It may begin them before it has
 * written the ends of those before, and `results` ends the oldest of them that have one, a line each.
 * When it is lost meanwhile, nobody knows which of them it was. None has done anything beyond it, so all
 * are sent again, and for some time one by one. `follow` is work for such hosts only as well.
 *
 * One effect is no PDK member: `timer.sleep` [milliseconds]. A host of the `process` tier does not wake
 * up by itself: all that it does, it does because of a frame, so its gateway always knows what it is
 * doing.
 *
 * The `remote` tier. A program listens on a Unix socket; each worker of a gateway connects, and each
 * connection is a host of its own. The program serves one plugin: `load` names it, or is empty when the
 * gateway does not know it yet, and carries no code. What waits may go on at any time, not only because
 * of a frame. The gateway offers `msgpack` and `json`. In both a payload is what JSON has: bytes are
 * `{ "base64": ".." }`, or the text that they are where a member takes either; numbers are finite.
 *
 * What goes wrong, and what comes of it. To hang up is, in the `process` tier, to kill; what had begun
 * fails, what had not is sent again, in its order, over the next connection.
 *
 *   malformed   msgpack or fields that are not as above               hang up
 *   truncated   the stream ends, within a frame or not                the same as a loss
 *   huge        a length beyond 8 MB, found before a byte is kept      hang up
 *   deep        nested deeper than 64, before anything is built       hang up; json: its call is refused
 *   long        a result of more than 2 MB, a failure's message of     hang up
 *               more than 4,096 characters
 *   many        more than 4,096 effects in one call, or 20,000         hang up; a result of so many
 *               values in the arguments of one                         values: refused
 *   duplicated  a second end, ack or effect under the same id         hang up
 *   unknown     a type, an id or an effect that is not there          hang up
 *   refused     a result that the PDK's rules do not allow            its call fails (500), nothing else
 *   late        a call has no end by its deadline                     it fails (503) and is cancelled;
 *                                                                     what comes before the `ack` of the
 *                                                                     cancel is ignored, after it: unknown
 *   slow        `ack` and no end yet                                  nothing: asked by `ping` when
 *                                                                     nothing was heard for a second
 *   silent      no frame at all while a piece is at its turn          hang up: after 5 s (`remote`), by
 *                                                                     the kill rule (`process`)
 *   lost        the connection has ended                              connect again, at once or after a
 *                                                                     pause that doubles up to 5 s; calls
 *                                                                     wait until their deadline
 *   away        several tries in vain                                 calls are refused (503) at once,
 *                                                                     until a try succeeds
 *   strikes     three losses in a minute with calls in them           quarantine: refused (503) for 60 s,
 *                                                                     doubling
 *
 * These numbers are defaults; most can be changed (docs/limits.md).
 *
 * Whatever hangs up also ends the program's side of the connection; it may be connected to again.
 */
export const PROTOCOL_VERSION = 1

export const PAYLOAD_ENCODINGS = ['json', 'msgpack'] as const
export type PayloadEncoding = (typeof PAYLOAD_ENCODINGS)[number]

/** The effect behind `setTimeout`: resolves after so many milliseconds. */
export const TIMER_EFFECT = 'timer.sleep'

/**
 * Why a piece of work failed: it threw, was stopped by its deadline, ran out of memory; or it was not
 * begun, because what a `follow` goes on from did not end as it must.
 */
export const FAILED_KINDS = ['error', 'timeout', 'memory', 'skipped'] as const
export type FailedKind = (typeof FAILED_KINDS)[number]

export type FieldKind =
  | 'uint'
  | 'string'
  | 'boolean'
  | 'strings'
  | 'failedKind'
  | 'payload'
  | 'view'
export type Sender = 'gateway' | 'host'

interface MessageRow {
  readonly type: number
  readonly from: Sender
  readonly fields: Readonly<Record<string, FieldKind>>
}

/** Every message. Types and run-time checks come from this table. */
export const MESSAGES = {
  /** The first frame. `encodings`: the payload encodings that the gateway speaks, best first. */
  hello: { type: 1, from: 'gateway', fields: { protocol: 'uint', encodings: 'strings' } },
  /** `info`: facts about the host for people, such as its version. */
  welcome: {
    type: 2,
    from: 'host',
    fields: { protocol: 'uint', encoding: 'string', info: 'payload' },
  },
  /**
   * Loads one plugin. `library` and `source` are JavaScript (empty when the host has its plugins);
   * `options` are the limits and the facts about the node. The result is `{ manifest, log }`.
   */
  load: {
    type: 3,
    from: 'gateway',
    fields: { plugin: 'string', library: 'payload', source: 'string', options: 'payload' },
  },
  /** `instances`: a list of `{ key, id, pluginName, config }`: exactly these are callable after it. */
  configure: { type: 4, from: 'gateway', fields: { instances: 'payload' } },
  /**
   * One call of one handler. `view` is a `CallView`, the result a `CallResult`. `timeoutMs`: what the gateway
   * will wait, in milliseconds; it keeps that deadline itself.
   */
  call: {
    type: 5,
    from: 'gateway',
    fields: { instanceKey: 'string', phase: 'string', timeoutMs: 'uint', view: 'view' },
  },
  /**
   * One more call, in the phase and with the view of the call before it as the results since have left
   * it; `plugin` is its own `ctx.plugin`. Skipped unless what comes before has ended in its turn with a
   * result that neither answers the request nor changes what is not in the view.
   */
  follow: {
    type: 15,
    from: 'gateway',
    fields: { instanceKey: 'string', timeoutMs: 'uint', plugin: 'payload' },
  },
  /**
   * Calls of one plugin, each as `toCallText` writes it, with an id of its own; that of the frame is the
   * first's.
   */
  calls: { type: 16, from: 'gateway', fields: { text: 'string' } },
  result: { type: 6, from: 'host', fields: { payload: 'payload' } },
  /** Results of the oldest pieces, a line of JSON each; the first is that of `id`. All are calls. */
  results: { type: 17, from: 'host', fields: { text: 'string' } },
  /**
   * `decided`: the handler had already called `response.exit`. `log`: the lines it wrote before, a
   * list of `[level, text]`.
   */
  failed: {
    type: 7,
    from: 'host',
    fields: { kind: 'failedKind', message: 'string', decided: 'boolean', log: 'payload' },
  },
  /** `member` is a PDK member of kind `effect`; `args` a list. */
  effect: { type: 8, from: 'host', fields: { call: 'uint', member: 'string', args: 'payload' } },
  /** `value`: what the effect gave, or `{ code, message }` when it failed. */
  effectResult: { type: 9, from: 'gateway', fields: { ok: 'boolean', value: 'payload' } },
  cancel: { type: 10, from: 'gateway', fields: { call: 'uint' } },
  ping: { type: 11, from: 'gateway', fields: {} },
  ack: { type: 12, from: 'host', fields: {} },
  /**
   * Asks for numbers of each plugin: the result is a list of `{ plugin, cpuUs, heapBytes }`, CPU since the
   * start in microseconds, memory now. A `remote` program is asked at moments when it has nothing at
   * its turn; one that does not know tells an empty list, which is always right.
   */
  stats: { type: 13, from: 'gateway', fields: {} },
  /** Lets every plugin run its `close`. The gateway ends the connection after it. */
  close: { type: 14, from: 'gateway', fields: {} },
} as const satisfies Record<string, MessageRow>

export type MessageName = keyof typeof MESSAGES

interface FieldTypes {
  readonly uint: number
  readonly string: string
  readonly boolean: boolean
  readonly strings: readonly string[]
  readonly failedKind: FailedKind
  readonly payload: unknown
  readonly view: unknown
}

type FieldsOf<Name extends MessageName> = (typeof MESSAGES)[Name]['fields']

/** One message: its name, its id and its fields. */
export type Message<Name extends MessageName = MessageName> = {
  [N in Name]: { readonly name: N; readonly id: number } & {
    readonly [F in keyof FieldsOf<N>]: FieldsOf<N>[F] extends FieldKind
      ? FieldTypes[FieldsOf<N>[F]]
      : never
  }
}[Name]

type NamesFrom<From extends Sender> = {
  [N in MessageName]: (typeof MESSAGES)[N]['from'] extends From ? N : never
}[MessageName]

/** Work and handshake: what a gateway sends. */
export type GatewayMessage = Message<NamesFrom<'gateway'>>
/** Answers and effects: what a plugin host sends. */
export type HostMessage = Message<NamesFrom<'host'>>

/** The other end broke the protocol: the connection cannot be used any more. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

const ROWS: readonly (readonly [MessageName, MessageRow])[] = Object.entries(MESSAGES).map(
  ([name, row]) => [name as MessageName, row] as const,
)

/** A row of the table as who reads or writes it needs it. */
export interface MessagePlan {
  readonly name: MessageName
  readonly type: number
  readonly from: Sender
  readonly fields: readonly (readonly [name: string, kind: FieldKind])[]
}

const PLANS: readonly MessagePlan[] = ROWS.map(([name, row]) => ({
  name,
  type: row.type,
  from: row.from,
  fields: Object.entries<FieldKind>(row.fields),
}))
export const PLAN_BY_TYPE: ReadonlyMap<unknown, MessagePlan> = new Map(
  PLANS.map((plan) => [plan.type, plan]),
)
export const PLAN_BY_NAME = Object.fromEntries(PLANS.map((plan) => [plan.name, plan])) as Readonly<
  Record<MessageName, MessagePlan>
>
