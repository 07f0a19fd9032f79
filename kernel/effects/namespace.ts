/** Whose values they are. It comes from the call, never from what a plugin says. */
export interface Namespace {
  readonly pluginName: string
  readonly tenant: string | null
}

/** One text for a namespace; two that differ never share it. */
export function toNamespace({ pluginName, tenant }: Namespace): string {
  return JSON.stringify(tenant === null ? [pluginName] : [pluginName, tenant])
}
