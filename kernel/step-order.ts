import type { Phase } from '@sallyport/sdk'
import type { Step } from './chain.ts'

/**
 * Higher priority first, in every phase; ties by plugin name, descending. `ordering` of an instance
 * then moves it: before every plugin that its `before` names, after every plugin that its `after`
 * names. Wishes that contradict each other are left unfulfilled where they close a circle.
 */
export function orderSteps(steps: readonly Step[], phase: Phase): readonly Step[] {
  const sorted = steps.toSorted(compareSteps)
  if (sorted.every((step) => step.ordering === null)) return sorted
  const followers = sorted.map(() => new Set<number>())
  sorted.forEach((step, i) => {
    for (const j of named(sorted, step.ordering?.before?.[phase])) {
      if (j !== i && !reaches(followers, j, i)) followers[i]!.add(j)
    }
    for (const j of named(sorted, step.ordering?.after?.[phase])) {
      if (j !== i && !reaches(followers, i, j)) followers[j]!.add(i)
    }
  })
  return takeInOrder(sorted, followers)
}

function compareSteps(a: Step, b: Step): number {
  if (a.priority !== b.priority) return b.priority - a.priority
  if (a.pluginName !== b.pluginName) return a.pluginName < b.pluginName ? 1 : -1
  if (a.additional !== b.additional) return a.additional ? -1 : 1
  return a.instanceId < b.instanceId ? -1 : 1
}

function named(steps: readonly Step[], names: readonly string[] | undefined): number[] {
  if (names === undefined) return []
  return steps.flatMap((step, i) => (names.includes(step.pluginName) ? [i] : []))
}

function reaches(followers: readonly Set<number>[], from: number, to: number): boolean {
  const seen = new Set<number>()
  const open = [from]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at === to) return true
    if (seen.has(at)) continue
    seen.add(at)
    open.push(...followers[at]!)
  }
  return false
}

/** Always the first step, in the order by priority, for which everything before it was taken. */
function takeInOrder(steps: readonly Step[], followers: readonly Set<number>[]): Step[] {
  const waitsFor = steps.map(() => 0)
  for (const set of followers) for (const j of set) waitsFor[j]!++
  const left = new Set(steps.keys())
  const ordered: Step[] = []
  while (left.size > 0) {
    const next = [...left].find((i) => waitsFor[i] === 0)!
    left.delete(next)
    ordered.push(steps[next]!)
    for (const j of followers[next]!) waitsFor[j]!--
  }
  return ordered
}
