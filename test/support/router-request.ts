import type { RouterRequest } from '../../kernel/router/types.ts'

/** `GET /` over plain HTTP, with what the test says otherwise. */
export function makeRouterRequest(fields: Partial<RouterRequest> = {}): RouterRequest {
  return {
    method: 'GET',
    path: '/',
    query: '',
    host: 'a.test',
    scheme: 'http',
    headers: [],
    sni: null,
    srcIp: '10.0.0.1',
    srcPort: 4000,
    dstIp: '10.0.0.2',
    dstPort: 80,
    ...fields,
  }
}
