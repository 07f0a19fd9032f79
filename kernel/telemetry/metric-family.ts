import type { GatewayStatus } from '../gateway.ts'
import type { WorkerReport } from '../process/supervisor.ts'

export type Labels = Readonly<Record<string, string>>
export type Sample = readonly [labels: Labels, value: number]

export interface Family {
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: (node: NodeReport) => readonly Sample[]
}

export interface NodeReport {
  /** How many workers there should be. */
  readonly workers: number
  readonly reports: readonly WorkerReport[]
}

/** One for each place: beside a worker that drains there is the one that replaces it. */
export function eachStatus({ reports }: NodeReport): (readonly [worker: string, GatewayStatus])[] {
  const newest = new Map<string, GatewayStatus>()
  for (const { place, status } of reports) if (status !== null) newest.set(String(place), status)
  return [...newest]
}
