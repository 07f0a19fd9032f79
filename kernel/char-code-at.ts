/**
 * `text.charCodeAt(at)` for loops over strings from everywhere. V8 has a hidden class for each way in
 * which a string is kept (flat, cut out, put together, unique ..); after the fourth it looks the method
 * up anew at every character. Called this way there is nothing to look up.
 */
// oxlint-disable-next-line typescript/unbound-method -- it is bound right here
export const charCodeAt = Function.prototype.call.bind(String.prototype.charCodeAt) as (
  text: string,
  at: number,
) => number
