-- wrk's script: asks the bodies of BODIES in turn and holds every answer to those of ANSWERS, files
-- of one line each; prints what happened as one line of JSON.
local threads = {}

local function lines_of(variable)
  local lines = {}
  for line in io.lines(os.getenv(variable)) do lines[#lines + 1] = line end
  return lines
end

function setup(thread) threads[#threads + 1] = thread end

function init()
  right, wrong, turn, expected = 0, 0, 0, {}
  for _, line in ipairs(lines_of("ANSWERS")) do expected[line] = true end
  requests = {}
  for place, body in ipairs(lines_of("BODIES")) do
    requests[place] = wrk.format("POST", "/top_k", {["Content-Type"] = "application/json"}, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function response(status, headers, body)
  if status == 200 and expected[body] then right = right + 1 else wrong = wrong + 1 end
end

function done(summary, latency)
  local right, wrong = 0, 0
  for _, thread in ipairs(threads) do
    right, wrong = right + thread:get("right"), wrong + thread:get("wrong")
  end
  local errors = summary.errors
  print(string.format(
    '{"right": %d, "wrong": %d, "seconds": %.3f, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, ' ..
    '"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}',
    right, wrong, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3, errors.connect, errors.read, errors.write,
    errors.status, errors.timeout))
end
