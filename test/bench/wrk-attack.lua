-- As wrk-report.lua; each connection waits a little before it asks again: what an attack does is to be
-- measured, and not what it costs to refuse thousands of requests a second.
dofile((debug.getinfo(1, 'S').source:match('^@(.*/)') or './') .. 'wrk-report.lua')
delay = function()
  return 10 -- milliseconds
end
