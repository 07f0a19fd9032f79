import { isServed } from '../compiled-snapshot.ts'
import type { CheckInstance, InstanceIssue } from '../config/check-instances.ts'
import type { FieldPath } from '../config/config-error.ts'
import { Grants, type Permissions, type PluginGrants } from '../effects/grants.ts'
import { isSecretReference, looksLikeReference } from '../effects/secret-reference.ts'
import { SecretTexts } from '../effects/secret-texts.ts'
import { type SecretFault, type Variables, Vault } from '../effects/vault.ts'
import type { PluginListing } from './plugin-listing.ts'

export interface SecretCheckOptions {
  readonly grants: PluginGrants
  readonly vaultEnvPrefix: string
  readonly variables: Variables
  /** Where a file is only looked at, its secrets need not be: then a missing one is a warning. */
  readonly needsSecrets: boolean
}

/**
 * Checks the references to secrets in the configurations of plugins, as a worker will when it resolves
 * them: that they can be read, that they are granted, that the secrets are there. Throws a `TypeError`
 * that names the plugin whose manifest asks for what cannot be read.
 */
export function createSecretCheck(
  plugins: readonly PluginListing[],
  { grants: granted, vaultEnvPrefix, variables, needsSecrets }: SecretCheckOptions,
): CheckInstance {
  const grants = new Grants(new Map(plugins.map((each) => [each.manifest.name, each])), granted)
  const vault = new Vault(variables, vaultEnvPrefix, new SecretTexts())
  return (instance) => {
    if (!isServed(instance)) return []
    const permissions = grants.permissionsOf(instance.name, instance.tenant)
    const issues: InstanceIssue[] = []
    eachText(instance.config, ['config'], (text, path) => {
      const fault = faultOf(text, vault, permissions)
      if (fault === null) return
      const { kind, message } = fault
      const isWarning = kind === 'odd' || (kind === 'missing' && !needsSecrets)
      issues.push({ path, message, isWarning })
    })
    return issues
  }
}

function faultOf(
  text: string,
  vault: Vault,
  permissions: Permissions,
): SecretFault | { readonly kind: 'odd'; readonly message: string } | null {
  if (isSecretReference(text)) return vault.faultOf(text, permissions)
  if (!looksLikeReference(text)) return null
  const shown = JSON.stringify(text.slice(0, 100))
  const message = `${shown} begins like a reference to a secret and does not end with "}", so the plugin gets it as it is`
  return { kind: 'odd', message }
}

/** Every text among the values of a configuration. */
function eachText(
  value: unknown,
  path: FieldPath,
  visit: (text: string, path: FieldPath) => void,
): void {
  if (typeof value === 'string') visit(value, path)
  if (typeof value !== 'object' || value === null) return
  const isList = Array.isArray(value)
  for (const [key, inner] of Object.entries(value)) {
    eachText(inner, [...path, isList ? Number(key) : key], visit)
  }
}
