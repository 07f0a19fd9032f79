import { reasonOf, type TurnEnd } from './turn-end.ts'

interface OpenWork {
  resolve(payload: string): void
  reject(error: Error): void
}

/** Work outside of a call, such as `configure`, which may wait for something. */
export class OpenWorks {
  readonly #byId = new Map<number, OpenWork>()

  /** Resolves with the result of the work. Rejects with what went wrong, or when it takes too long. */
  begin(id: number, timeMs: number, work: (id: number) => TurnEnd): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => open.reject(new Error(`no end within ${timeMs} ms`)), timeMs)
      const over = (): void => {
        clearTimeout(timer)
        this.#byId.delete(id)
      }
      const open: OpenWork = {
        resolve: (payload) => (over(), resolve(payload)),
        reject: (error) => (over(), reject(error)),
      }
      this.#byId.set(id, open)
      const end = work(id)
      if (end.kind !== 'waiting') settle(open, end)
    })
  }

  /** False when there is no such work. */
  end(id: number, end: TurnEnd): boolean {
    const work = this.#byId.get(id)
    if (work !== undefined) settle(work, end)
    return work !== undefined
  }
}

function settle(work: OpenWork, end: TurnEnd): void {
  if (end.kind === 'result') work.resolve(end.payload)
  else work.reject(new Error(reasonOf(end)))
}
