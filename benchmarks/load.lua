-- The request that wrk sends, and the comparison of every reply with the right one.
-- Arguments: the folder with `body`, `headers` and `expected`, and the tolerance for the FP32
-- values that end the body (0: every byte must be equal), the bytes that these values take, the
-- number of sequences that take turns (0: none), and the id of the first, which the body names.

local threads = {}
wrong = 0 -- global: wrk hands only globals of a thread to done()

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  local folder = arguments[1]
  wrk.method = "POST"
  wrk.body = read(folder .. "/body")
  for line in io.lines(folder .. "/headers") do
    local name, value = line:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  expected = read(folder .. "/expected")
  tolerance = tonumber(arguments[2])
  tail = tonumber(arguments[3])
  take_turns(tonumber(arguments[4]), tonumber(arguments[5]))
end

function take_turns(count, first)
  if count == 0 then
    return
  end
  local requests, turn = {}, 0
  for index = 0, count - 1 do
    local body = wrk.body:gsub('"sequence_id": ' .. first, '"sequence_id": ' .. first + index)
    requests[index] = wrk.format(nil, nil, nil, body)
  end
  request = function()
    turn = (turn + 1) % count
    return requests[turn]
  end
end

local function is_near(body)
  if #body ~= #expected or tolerance == 0 then
    return false
  end
  local ffi = require("ffi")
  local head = #expected - tail
  if body:sub(1, head) ~= expected:sub(1, head) then
    return false
  end
  local given = ffi.new("float[?]", tail / 4)
  local right = ffi.new("float[?]", tail / 4)
  ffi.copy(given, body:sub(head + 1), tail)
  ffi.copy(right, expected:sub(head + 1), tail)
  for index = 0, tail / 4 - 1 do
    -- written so that a NaN is not near anything
    if not (math.abs(given[index] - right[index]) <= tolerance) then
      return false
    end
  end
  return true
end

function response(status, _, body)
  if status ~= 200 or (body ~= expected and not is_near(body)) then
    wrong = wrong + 1
  end
end

function done(summary, latency, _)
  local total = 0
  for _, thread in ipairs(threads) do
    total = total + thread:get("wrong")
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "microseconds": %d, "wrong": %d, "failed": %d, "p50": %d, "p99": %d}\n',
    summary.requests, summary.duration, total,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
