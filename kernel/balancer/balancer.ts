/** An address that a try may go to. */
export interface TargetAddress {
  readonly hostname: string
  readonly port: number
  /** More gets more; 0 gets nothing. */
  readonly weight: number
}

/** What a try went to. */
export interface PickedTarget {
  readonly hostname: string
  readonly port: number
  /** 1 for the first try. */
  readonly tryNumber: number
}

/** Picks a target for each try. One instance serves all requests of an upstream in a snapshot. */
export interface Balancer {
  /** Null when no target is left: `tried` are those that have failed for this request. */
  pick(tried: readonly TargetAddress[]): TargetAddress | null
}

export function isTried(tried: readonly TargetAddress[], target: TargetAddress): boolean {
  return tried.includes(target)
}
