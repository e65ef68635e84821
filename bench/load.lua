-- The load of bench/load.py for Debian's wrk: every request has a key of its own and two accounts
-- drawn by chance.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local function pieces(template)
  local found, from = {}, 1
  while true do
    local first, last, name = template:find("{{(%a+)}}", from)
    if not first then break end
    found[#found + 1] = template:sub(from, first - 1)
    found[#found + 1] = name
    from = last + 1
  end
  found[#found + 1] = template:sub(from)
  return found
end

-- An item's pieces become one flat list of strings, which a single concat turns into a body.
function init(args)
  local lines = {}
  for line in io.lines(args[1]) do lines[#lines + 1] = line end
  head = pieces((lines[1]:gsub("\t", "\r\n")))
  before, item, after = lines[2], pieces(lines[3]), lines[4]
  items, seed = tonumber(lines[5]), lines[6]
  accounts = {}
  for index = 7, #lines do accounts[#accounts + 1] = lines[index] end
  math.randomseed(tonumber(seed, 16) % 2147483647 + number)
  for _ = 1, 8 do math.random() end
  sent = 0
end

local function value(name, debit, credit, id)
  if name == "debit" then return debit end
  if name == "credit" then return credit end
  return id
end

function request()
  sent = sent + 1
  local key = string.format("%s-%d-%d", seed, number, sent)
  local parts = { before }
  for index = 1, items do
    local first = math.random(#accounts)
    local second = math.random(#accounts - 1)
    if second >= first then second = second + 1 end
    if index > 1 then parts[#parts + 1] = "," end
    for place = 1, #item do
      if place % 2 == 1 then
        parts[#parts + 1] = item[place]
      else
        local id = key .. "-" .. index
        parts[#parts + 1] = value(item[place], accounts[first], accounts[second], id)
      end
    end
  end
  parts[#parts + 1] = after
  local body = table.concat(parts)
  local front = head[1]
  if #head > 1 then front = front .. accounts[math.random(#accounts)] .. head[3] end
  return front .. "\r\nIdempotency-Key: " .. key
    .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
  io.write(string.format(
    '\n{"completed": %d, "microseconds": %d, "refused": %d, "broken": %d, '
      .. '"p50_us": %d, "p99_us": %d, "max_us": %d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
