-- now: Redis' own time in ms; ARGV[1] is '0', or a test's time. `stamp` is the same as 13 digits.
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local stamp = string.format('%013d', now)
