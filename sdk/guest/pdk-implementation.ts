import type { PdkMember } from '../index.ts'
import { contextMembers } from './pdk/context.ts'
import { effectMembers } from './pdk/effects.ts'
import type { Member } from './pdk/member.ts'
import { requestMembers } from './pdk/request.ts'
import { responseMembers } from './pdk/response.ts'
import { serviceMembers } from './pdk/service.ts'

/** What each function of the PDK does in a sandbox. Phases are checked before. */
export const PDK_IMPLEMENTATION: { readonly [M in PdkMember]: Member } = {
  ...requestMembers,
  ...responseMembers,
  ...serviceMembers,
  ...contextMembers,
  ...effectMembers,
}
