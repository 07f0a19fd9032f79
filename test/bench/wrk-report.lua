-- Prints what wrk measured as one line of JSON: its own summary rounds and mixes units.
-- Only `done` is defined, so wrk runs no Lua at all while it measures.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'bench-report {"requests":%d,"durationUs":%d,"bytes":%d,"p50Us":%d,"p99Us":%d,"maxUs":%d,'
      .. '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
