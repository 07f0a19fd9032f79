/** The limits of the `remote` tier beside those that it shares with the sandbox. Milliseconds. */
export interface RemoteLimits {
  readonly connectMs: number
  readonly findMs: number
  readonly silenceMs: number
  readonly pingAfterMs: number
  readonly statsMs: number
  readonly backOffMs: number
  readonly backOffMsMax: number
  readonly stableMs: number
  readonly failuresMax: number
}

export const REMOTE_LIMITS: RemoteLimits = {
  // A program that is there accepts at once; on a busy machine its turn comes later.
  connectMs: 1_000,
  // Gateway and program are often started together, and neither waits for the other.
  findMs: 10_000,
  // A handler that blocks its program may use all of its own 2 s, and a call before it as much again.
  silenceMs: 5_000,
  // While calls wait and nothing is heard the program is asked whether it is still there.
  pingAfterMs: 1_000,
  // Often enough for whoever collects metrics, seldom enough to be no load on an idle machine.
  statsMs: 10_000,
  // After a connection that had lasted the first try is made at once; then the pause doubles.
  backOffMs: 50,
  // Long enough to cost nothing, short enough that nobody has to tell the gateway of a restart.
  backOffMsMax: 5_000,
  // A connection that lived so long was a good one: what ends it now is something new.
  stableMs: 5_000,
  // About 1.5 s of pauses: a restart is over by then, and calls are refused at once from there on.
  failuresMax: 6,
}
