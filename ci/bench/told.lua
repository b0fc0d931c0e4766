-- Tells ci/bench.sh what came of a load, in one line: requests, microseconds, answers of 400 and more, connections that failed, and
-- answers that a script finds wrong.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function done(summary)
  local errors, found = summary.errors, 0
  for _, thread in ipairs(threads) do
    found = found + (thread:get("wrong") or 0)
  end
  print(string.format("told %d %d %d %d %d", summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, found))
end
