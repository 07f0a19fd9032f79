/** Resident memory at one moment. */
export interface MemorySample {
  readonly seconds: number
  readonly megabytes: number
}

export interface MemoryVerdict {
  readonly flat: boolean
  readonly text: string
}

/** Caches, pools and compiled code have found their size by then. */
const WARM_UP_SHARE = 0.25
const GROWTH_SHARE_MAX = 0.1
/** With a pinned young generation what is left of the garbage collector's mood is below this. */
const GROWTH_MEGABYTES_MAX = 8

/** Compares the last third of the time with the first one, after the warm-up. */
export function toMemoryVerdict(samples: readonly MemorySample[]): MemoryVerdict {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE))
  const third = Math.floor(warm.length / 3)
  if (third === 0) return { flat: false, text: 'too few samples to say anything' }
  const first = mean(warm.slice(0, third))
  const last = mean(warm.slice(-third))
  const growth = last - first
  const flat = growth <= Math.max(first * GROWTH_SHARE_MAX, GROWTH_MEGABYTES_MAX)
  const sign = growth < 0 ? '' : '+'
  const text = `first third ${first.toFixed(1)} MB, last third ${last.toFixed(1)} MB (${sign}${growth.toFixed(1)} MB)`
  return { flat, text }
}

function mean(samples: readonly MemorySample[]): number {
  return samples.reduce((sum, { megabytes }) => sum + megabytes, 0) / samples.length
}
