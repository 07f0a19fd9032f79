import type { PluginCall } from '../plugin-call.ts'
import { checkString } from '@sallyport/sdk/guest'

export const vaultPdk = {
  'vault.get': async (call: PluginCall, reference: string): Promise<string> => {
    const checked = checkString('vault.get', 'a reference like {vault://env/api-key}', reference)
    call.budget.spend('vault.get', 'vault')
    return call.environment.effects.vault.read('vault.get', checked, call.permissions)
  },
}
